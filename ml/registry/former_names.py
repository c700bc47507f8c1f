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


def rename_former_types(skops_bytes: bytes) -> bytes:
    """Replace former names of types and fields in the bytes of a skops file; other files keep their content."""
    with ZipFile(BytesIO(skops_bytes)) as source_zip:
        content_by_name = {file_name: source_zip.read(file_name) for file_name in source_zip.namelist()}
    content_by_name[_SCHEMA_FILE] = json.dumps(
        json.loads(content_by_name[_SCHEMA_FILE], object_hook=_rename_node)
    ).encode()
    renamed_skops_file = BytesIO()
    with ZipFile(renamed_skops_file, "w") as target_zip:
        for file_name, file_content in content_by_name.items():
            target_zip.writestr(file_name, file_content)
    return renamed_skops_file.getvalue()


def _rename_node(schema_node: dict[str, Any]) -> dict[str, Any]:
    """One node of the schema under its current names."""
    former_type = f"{schema_node.get('__module__')}.{schema_node.get('__class__')}"
    if former_type not in FORMER_TYPES:
        return schema_node
    module_name, _, class_name = FORMER_TYPES[former_type].rpartition(".")
    content_by_field = {
        FORMER_FIELDS.get(field_name, field_name): content
        for field_name, content in schema_node["content"]["content"].items()
    }
    return {
        **schema_node,
        "__module__": module_name,
        "__class__": class_name,
        "content": {**schema_node["content"], "content": content_by_field},
    }


def fill_missing_values(recommender: Recommender) -> Recommender:
    """Fill in what earlier versions left empty: codes of the fitted items if these are all items."""
    ensemble = recommender.ensemble
    fitted_codes: Ints | None = ensemble.fitted_codes
    completed_codes = np.arange(len(ensemble.items)) if fitted_codes is None else fitted_codes
    return replace(recommender, ensemble=replace(ensemble, fitted_codes=completed_codes))
