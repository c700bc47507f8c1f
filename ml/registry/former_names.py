"""Former names of the types and fields in stored model files: bundles of earlier versions of this code stay usable.

Belongs here: former names, and their replacement in a skops file.
Does not belong here: the checks of a file (see model_bundle).
"""

import json
from dataclasses import replace
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import numpy as np

from ml.data.sparse_rows import Ints
from ml.ranking.recommender import Recommender

FORMER_TYPES = {
    "ml.calibration.Calibrator": "ml.ranking.calibration.Calibrator",
    "ml.features.Feature": "ml.ranking.features.Feature",
    "ml.openness.Rules": "ml.data.eligibility.EligibilityRules",
    "ml.panel.Panel": "ml.retrieval.scorer_ensemble.ScorerEnsemble",
    "ml.policy.Policy": "ml.data.ranker_config.RankerConfig",
    "ml.ranker.Ranker": "ml.ranking.ranker.Ranker",
    "ml.recommender.DataWindow": "ml.ranking.recommender.TrainingWindow",
    "ml.recommender.Recommender": "ml.ranking.recommender.Recommender",
    "ml.scorers.ease.Ease": "ml.retrieval.ease.Ease",
    "ml.scorers.item_knn.ItemKNN": "ml.retrieval.item_knn.ItemKNN",
    "ml.scorers.markov.Markov": "ml.retrieval.markov.Markov",
    "ml.scorers.name_text.NameText": "ml.retrieval.name_text.NameText",
    "ml.scorers.recent_popularity.RecentPopularity": "ml.retrieval.recent_popularity.RecentPopularity",
    "ml.scorers.user_knn.UserKNN": "ml.retrieval.user_knn.UserKNN",
}
# Fields of these types, whichever type they belong to.
FORMER_FIELDS = {
    "born": "first_use",
    "candidates": "n_candidates",
    "days": "decay_days",
    "decay": "case_decay",
    "decays": "case_decays",
    "entries": "entries_per_row",
    "folds": "n_folds",
    "freezes": "freeze_shares",
    "group": "name_groups",
    "leaves": "max_leaves",
    "needed": "required_counts",
    "panel": "ensemble",
    "per_scorer": "candidates_per_scorer",
    "place": "fitted_codes",
    "policy": "config",
    "promised_people": "calibration_people",
    "row_entries": "entries_per_row",
    "stage": "position_mean",
    "stage_spread": "position_deviation",
    "step": "residual_weight",
    "steps": "residual_weights",
    "tau": "decay_moments",
    "taus": "decay_moments",
    "trees": "n_trees",
    "uses": "weigh_uses",
}
_SCHEMA_FILE = "schema.json"


def rename_former_types(blob: bytes) -> bytes:
    """Replace former names of types and fields in the bytes of a skops file; other files keep their content."""
    with ZipFile(BytesIO(blob)) as source:
        files = {name: source.read(name) for name in source.namelist()}
    files[_SCHEMA_FILE] = json.dumps(json.loads(files[_SCHEMA_FILE], object_hook=_rename)).encode()
    renamed = BytesIO()
    with ZipFile(renamed, "w") as target:
        for name, content in files.items():
            target.writestr(name, content)
    return renamed.getvalue()


def _rename(node: dict[str, Any]) -> dict[str, Any]:
    """One node of the schema under its current names."""
    former = f"{node.get('__module__')}.{node.get('__class__')}"
    if former not in FORMER_TYPES:
        return node
    module, _, name = FORMER_TYPES[former].rpartition(".")
    fields = {FORMER_FIELDS.get(field, field): content for field, content in node["content"]["content"].items()}
    return {**node, "__module__": module, "__class__": name, "content": {**node["content"], "content": fields}}


def fill_missing_values(recommender: Recommender) -> Recommender:
    """Fill in what earlier versions left empty: codes of the fitted items if these are all items."""
    ensemble = recommender.ensemble
    codes: Ints | None = ensemble.fitted_codes
    all_codes = np.arange(len(ensemble.items)) if codes is None else codes
    return replace(recommender, ensemble=replace(ensemble, fitted_codes=all_codes))
