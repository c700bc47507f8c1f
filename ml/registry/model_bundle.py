"""Bundles: a fitted recommender in a folder, with its card; a bundle that does not fit is refused with the reason.

Belongs here: saving, loading, the reasons for refusal. skops stores the model, never pickle.
Does not belong here: comparing models on data (see `ml.evaluation`), where bundles are stored (see registry).
"""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ml.evaluation.reliability import ExpectedObserved, Reliability, ReliabilityBin
from ml.evaluation.results import to_stored_dict
from ml.ranking.features import FEATURES, ExtraFeatures, Feature
from ml.ranking.newcomers import NEWCOMER_FEATURES
from ml.ranking.recommender import Recommender
from ml.registry.former_names import FORMER_TYPES, fill_missing_values, rename_former_types
from ml.registry.model_card import ModelCard, render_model_card

SCHEMA_VERSION = 2
MODEL_FILE, CARD_FILE, CARD_PAGE_FILE = "model.skops", "card.json", "card.md"

TRUSTED_TYPES = (
    *FORMER_TYPES.values(),
    "ml.ranking.probability_level.ProbabilityLevel",
    "ml.retrieval.sequence.Sequence",
    "scipy.sparse._csr.csr_matrix",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)


class BundleError(ValueError):
    """The bundle cannot be used; the message says why and what to do."""


def save_bundle(
    recommender: Recommender,
    model_folder: Path,
    *,
    metrics: Mapping[str, float] | None = None,
    reliability: Reliability | None = None,
) -> ModelCard:
    """Write a recommender and its card into a folder. The card is written last: without it there is no bundle.

    Args:
        recommender: Its extra features are not stored; `load_bundle` needs them again.
        model_folder: Is created if it is missing.
        metrics: Measures for the card.
        reliability: How well the probabilities match outcomes, for the card.
    """
    import skops.io  # its import takes more than a second, and most runs neither save nor load a model

    model_folder.mkdir(parents=True, exist_ok=True)
    extra_features = recommender.extra.features if recommender.extra is not None else ()
    features = (*FEATURES, *extra_features)
    model_bytes = skops.io.dumps(replace(recommender, extra=None, beginnings=None, activity_shift=None))
    training_window = recommender.window
    card = ModelCard(
        schema_version=SCHEMA_VERSION,
        model_sha256=hashlib.sha256(model_bytes).hexdigest(),
        contract_sha256=hash_contract(features, recommender),
        features=features,
        extra_features=tuple(feature.name for feature in extra_features),
        data_first=training_window.first,
        data_end=training_window.end,
        is_calendar=training_window.is_calendar,
        n_people=training_window.n_people,
        n_items=len(recommender.ensemble.items),
        n_events=training_window.n_events,
        horizon=recommender.horizon,
        seed=training_window.seed,
        reason=recommender.reason,
        metrics=dict(metrics or {}),
        versions=_list_package_versions(),
        types=tuple(sorted(set(skops.io.get_untrusted_types(data=model_bytes)) & set(TRUSTED_TYPES))),
        reliability=reliability,
    )
    (model_folder / MODEL_FILE).write_bytes(model_bytes)
    (model_folder / CARD_PAGE_FILE).write_text(render_model_card(card))
    (model_folder / CARD_FILE).write_text(json.dumps(to_stored_dict(card), indent=2, sort_keys=True) + "\n")
    return card


def read_card(model_folder: Path) -> ModelCard:
    """The card of a bundle, without the model. Raises BundleError if it is missing or of another schema."""
    card_path = model_folder / CARD_FILE
    if not card_path.exists():
        raise BundleError(f"{model_folder.name} holds no {CARD_FILE}: it is no finished bundle, train again")
    try:
        stored_card: dict[str, Any] = json.loads(card_path.read_text())
        if stored_card["schema_version"] != SCHEMA_VERSION:
            raise BundleError(
                f"card schema {stored_card['schema_version']}, this code reads {SCHEMA_VERSION}: train again"
            )
        return ModelCard(
            **{
                **stored_card,
                "features": tuple(Feature(**feature) for feature in stored_card["features"]),
                "extra_features": tuple(stored_card["extra_features"]),
                "types": tuple(stored_card["types"]),
                "reliability": _read_reliability(stored_card.get("reliability")),
            }
        )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise BundleError(f"{model_folder.name}/{CARD_FILE} is no card of this code: train again") from error


def _read_reliability(stored_reliability: dict[str, Any] | None) -> Reliability | None:
    if stored_reliability is None:
        return None
    return Reliability(
        **{
            **stored_reliability,
            "bins": tuple(
                ReliabilityBin(stored_bin["n"], stored_bin["said"], stored_bin["came_true"])
                for stored_bin in stored_reliability["bins"]
            ),
            "groups": tuple(ExpectedObserved(**stored_group) for stored_group in stored_reliability.get("groups", ())),
        }
    )


def load_bundle(model_folder: Path, *, extra_features: ExtraFeatures | None = None) -> Recommender:
    """Load the recommender of a bundle, after its card, bytes, versions, features and types were checked.

    Args:
        model_folder: The folder given to `save_bundle`. Bundles of former versions of this code load, too.
        extra_features: The extra features that the recommender was fitted with.

    Raises:
        BundleError: A check failed; the message names it.
    """
    card = read_card(model_folder)
    model_bytes = (model_folder / MODEL_FILE).read_bytes() if (model_folder / MODEL_FILE).exists() else b""
    if hashlib.sha256(model_bytes).hexdigest() != card.model_sha256:
        raise BundleError(f"{MODEL_FILE} is missing or not the file its card describes: train again")
    installed_versions = _list_package_versions()
    # arrays and trees do not depend on the version of Python
    differing_versions = {
        package_name: bundle_version
        for package_name, bundle_version in card.versions.items()
        if package_name != "python" and bundle_version != installed_versions.get(package_name)
    }
    if differing_versions:
        raise BundleError(f"made with {differing_versions}, installed are {installed_versions}: train again")
    features = (*FEATURES, *(extra_features.features if extra_features is not None else ()))
    if card.features != features:
        differing_features = sorted(
            {feature.name for feature in card.features} ^ {feature.name for feature in features}
        )
        raise BundleError(
            f"features differ from this code's ({', '.join(differing_features) or 'order or family'}): train again"
        )
    loaded_model = _read_model(model_bytes)
    if not isinstance(loaded_model, Recommender) or hash_contract(features, loaded_model) != card.contract_sha256:
        raise BundleError(f"{MODEL_FILE} is no recommender for the items and features on its card: train again")
    newcomer_ranker, extra_part = loaded_model.newcomer_ranker, features[len(FEATURES) :]
    if newcomer_ranker is not None and newcomer_ranker.features != (*NEWCOMER_FEATURES, *extra_part):
        raise BundleError("features of people without a history differ from this code's: train again")
    return replace(fill_missing_values(loaded_model), extra=extra_features)


def _read_model(model_bytes: bytes) -> Any:
    """The object in the bytes of a skops file if all its types are trusted; else nothing of it is loaded."""
    import skops.io  # as in `save_bundle`

    if not model_bytes.startswith(b"PK"):
        raise BundleError(f"{MODEL_FILE} is no skops file but something else, such as a pickle: it is not opened")
    try:
        model_bytes = rename_former_types(model_bytes)
        untrusted_types = sorted(set(skops.io.get_untrusted_types(data=model_bytes)) - set(TRUSTED_TYPES))
        if not untrusted_types:
            return skops.io.loads(model_bytes, trusted=list(TRUSTED_TYPES))
    except Exception as error:  # a forged schema can fail anywhere in the reader
        raise BundleError(f"{MODEL_FILE} is no readable skops file: train again") from error
    raise BundleError(f"{MODEL_FILE} holds types that are not trusted: {', '.join(untrusted_types)}")


def hash_contract(features: tuple[Feature, ...], recommender: Recommender) -> str:
    """SHA-256 of what callers and model must agree on: feature names and families in order, and the item ids."""
    return hashlib.sha256(
        json.dumps(
            [[feature.name, feature.family] for feature in features] + [recommender.ensemble.items.tolist()]
        ).encode()
    ).hexdigest()


def _list_package_versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        **{package_name: version(package_name) for package_name in ("numpy", "scikit-learn", "scipy", "skops")},
    }
