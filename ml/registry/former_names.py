"""Former names of the types and fields in stored model files: bundles of earlier versions of this code stay usable.

Belongs here: former names, and the replacement of them in a skops file.
Does not belong here: other checks of a file (see model_bundle).
"""

import json
from io import BytesIO
from typing import Any
from zipfile import ZipFile

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
FORMER_FIELDS = {
    "ml.panel.Panel": {"stage": "position_mean", "stage_spread": "position_deviation", "group": "name_groups"},
    "ml.policy.Policy": {
        "candidates": "n_candidates",
        "folds": "n_folds",
        "freezes": "freeze_shares",
        "promised_people": "calibration_people",
        "decays": "case_decays",
        "trees": "n_trees",
        "leaves": "max_leaves",
        "steps": "residual_weights",
    },
    "ml.ranker.Ranker": {"step": "residual_weight", "decay": "case_decay"},
    "ml.recommender.Recommender": {"policy": "config", "panel": "ensemble"},
    "ml.scorers.recent_popularity.RecentPopularity": {"born": "first_use"},
}
_SCHEMA_FILE = "schema.json"


def rename_former_types(blob: bytes) -> bytes:
    """Replace former names of types and fields in the bytes of a skops file; other bytes are returned as they are."""
    with ZipFile(BytesIO(blob)) as source:
        schema = json.loads(source.read(_SCHEMA_FILE))
        if not _rename(schema):
            return blob
        renamed = BytesIO()
        with ZipFile(renamed, "w") as target:
            for name in source.namelist():
                target.writestr(name, json.dumps(schema) if name == _SCHEMA_FILE else source.read(name))
    return renamed.getvalue()


def _rename(node: Any) -> bool:
    """Replace former names in a part of the schema, in place; whether there were any."""
    if isinstance(node, list):
        return sum(map(_rename, node)) > 0
    if not isinstance(node, dict):
        return False
    former = f"{node.get('__module__')}.{node.get('__class__')}"
    if former in FORMER_TYPES:
        node["__module__"], _, node["__class__"] = FORMER_TYPES[former].rpartition(".")
        fields, attributes = FORMER_FIELDS.get(former, {}), node["content"]
        attributes["content"] = {fields.get(name, name): value for name, value in attributes["content"].items()}
    return sum(map(_rename, node.values())) > 0 or former in FORMER_TYPES
