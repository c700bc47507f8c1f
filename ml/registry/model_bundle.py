"""Bundles: a fitted recommender in a folder, with a card that says what it is; whatever does not fit is refused.

Belongs here: saving, loading, the card, the reasons for refusing. skops stores it, never pickle.
Does not belong here: comparing models on data (see evaluation), where bundles lie.
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import sklearn
import skops
import skops.io

from ml.ranking.calibration import Reliability, ReliabilityBin
from ml.ranking.features import FEATURES, ExtraFeatures, Feature
from ml.ranking.recommender import Recommender
from ml.registry.model_card import ModelCard, render_model_card

SCHEMA_VERSION = 2
MODEL_FILE, CARD_FILE, PAGE_FILE = "model.skops", "card.json", "card.md"

TRUSTED_TYPES = (
    "ml.ranking.calibration.Calibrator",
    "ml.ranking.features.Feature",
    "ml.data.eligibility.EligibilityRules",
    "ml.retrieval.scorer_ensemble.ScorerEnsemble",
    "ml.data.ranker_config.RankerConfig",
    "ml.ranking.ranker.Ranker",
    "ml.ranking.recommender.TrainingWindow",
    "ml.ranking.recommender.Recommender",
    "ml.retrieval.ease.Ease",
    "ml.retrieval.item_knn.ItemKNN",
    "ml.retrieval.markov.Markov",
    "ml.retrieval.name_text.NameText",
    "ml.retrieval.recent_popularity.RecentPopularity",
    "ml.retrieval.user_knn.UserKNN",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)


class BundleError(ValueError):
    """The bundle cannot be used, and the message says why and what to do."""


def save_bundle(
    recommender: Recommender,
    folder: Path,
    *,
    metrics: Mapping[str, float] | None = None,
    reliability: Reliability | None = None,
) -> ModelCard:
    """Write model and card into the folder (made if missing) and return the card. The card comes last: no card, no
    bundle."""
    folder.mkdir(parents=True, exist_ok=True)
    extra = recommender.extra.features if recommender.extra is not None else ()
    features = (*FEATURES, *extra)
    blob = skops.io.dumps(replace(recommender, extra=None))
    window = recommender.window
    card = ModelCard(
        schema_version=SCHEMA_VERSION,
        model_sha256=hashlib.sha256(blob).hexdigest(),
        contract_sha256=hash_contract(features, recommender),
        features=features,
        extra_features=tuple(feature.name for feature in extra),
        data_first=window.first,
        data_end=window.end,
        is_calendar=window.is_calendar,
        n_people=window.n_people,
        n_items=len(recommender.ensemble.items),
        n_events=window.n_events,
        horizon=recommender.horizon,
        seed=window.seed,
        reason=recommender.reason,
        metrics=dict(metrics or {}),
        versions=_versions(),
        types=tuple(sorted(set(skops.io.get_untrusted_types(data=blob)) & set(TRUSTED_TYPES))),
        reliability=reliability,
    )
    (folder / MODEL_FILE).write_bytes(blob)
    (folder / PAGE_FILE).write_text(render_model_card(card))
    (folder / CARD_FILE).write_text(json.dumps(asdict(card), indent=2, sort_keys=True) + "\n")
    return card


def read_card(folder: Path) -> ModelCard:
    """The card alone. Raises BundleError where it is missing or of another schema."""
    path = folder / CARD_FILE
    if not path.exists():
        raise BundleError(f"{folder.name} holds no {CARD_FILE}: it is no finished bundle, train again")
    try:
        said: dict[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise BundleError(f"{folder.name}/{CARD_FILE} is not JSON: train again") from error
    if said.get("schema_version") != SCHEMA_VERSION:
        raise BundleError(f"card schema {said.get('schema_version')}, this code reads {SCHEMA_VERSION}: train again")
    try:
        features = tuple(Feature(**feature) for feature in said.pop("features"))
        lists = {name: tuple(said[name]) for name in ("extra_features", "types")}
        reliability = _read_reliability(said.get("reliability"))
        return ModelCard(**{**said, "features": features, **lists, "reliability": reliability})
    except (KeyError, TypeError) as error:
        raise BundleError(f"{folder.name}/{CARD_FILE} has missing or unknown entries: train again") from error


def _read_reliability(said: dict[str, Any] | None) -> Reliability | None:
    return (
        None if said is None else Reliability(**{**said, "bins": tuple(ReliabilityBin(**one) for one in said["bins"])})
    )


def load_bundle(folder: Path, *, extra_features: ExtraFeatures | None = None) -> Recommender:
    """The recommender of a bundle, after its card, bytes, versions, features and types were found to fit.

    Raises BundleError with the reason otherwise. Models fitted with extra features need the same ones again.
    """
    card = read_card(folder)
    blob = (folder / MODEL_FILE).read_bytes() if (folder / MODEL_FILE).exists() else b""
    if hashlib.sha256(blob).hexdigest() != card.model_sha256:
        raise BundleError(f"{MODEL_FILE} is missing or not the file its card describes: train again")
    strange = {name: version for name, version in card.versions.items() if version != _versions().get(name)}
    strange.pop("python", None)  # arrays and trees do not depend on it
    if strange:
        raise BundleError(f"made with {strange}, installed are {_versions()}: train again")
    features = (*FEATURES, *(extra_features.features if extra_features is not None else ()))
    if card.features != features:
        other = sorted({feature.name for feature in card.features} ^ {feature.name for feature in features})
        raise BundleError(f"features differ from this code's ({', '.join(other) or 'order or family'}): train again")
    loaded = _read_blob(blob)
    if not isinstance(loaded, Recommender) or hash_contract(features, loaded) != card.contract_sha256:
        raise BundleError(f"{MODEL_FILE} is no recommender for the items and features on its card: train again")
    return replace(loaded, extra=extra_features)


def _read_blob(blob: bytes) -> Any:
    """What the bytes hold, where they are a skops file of trusted types; nothing in them is run to find out."""
    if not blob.startswith(b"PK"):
        raise BundleError(f"{MODEL_FILE} is no skops file but something else, such as a pickle: it is not opened")
    try:
        untrusted = sorted(set(skops.io.get_untrusted_types(data=blob)) - set(TRUSTED_TYPES))
    except Exception as error:  # a made-up schema can fail anywhere in the reader
        raise BundleError(f"{MODEL_FILE} is no readable skops file: train again") from error
    if untrusted:
        raise BundleError(f"{MODEL_FILE} holds types that are not trusted: {', '.join(untrusted)}")
    try:
        return skops.io.loads(blob, trusted=list(TRUSTED_TYPES))
    except Exception as error:
        raise BundleError(f"{MODEL_FILE} is no readable skops file: train again") from error


def hash_contract(features: tuple[Feature, ...], recommender: Recommender) -> str:
    """sha256 over feature names and families in order, and the item ids: what callers and model must agree on."""
    text = json.dumps([[f.name, f.family] for f in features] + [recommender.ensemble.items.tolist()])
    return hashlib.sha256(text.encode()).hexdigest()


def _versions() -> dict[str, str]:
    return {
        "numpy": np.__version__,
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "scipy": scipy.__version__,
        "skops": skops.__version__,
    }
