"""Refitted baselines: simple models that are fitted again at the start of each window, on everything before it.

Belongs here: which baselines are refitted, and what each fit may look at.
Does not belong here: the baselines themselves (see `ml.retrieval.baselines`), our recommender.
"""

import numpy as np

from ml.data.encoding import encode_ids
from ml.data.interactions import Interactions, UserStates, drop_unused_ids
from ml.data.ranker_config import choose_config
from ml.data.sparse_rows import Floats
from ml.evaluation.scoring import BindModel, ScoreRows
from ml.retrieval.baselines import build_baseline

# The two that gain most from newer events; popularity and transitions stay far behind with newer events, too.
BASELINE_BY_REFITTED_NAME = {"ease_refitted": "ease", "user_knn_refitted": "user_knn"}


def bind_refitted_baseline(model_name: str, seed: int) -> BindModel:
    """A baseline that is fitted on all that a case may look at, with settings that follow from these events.

    Args:
        model_name: A key of BASELINE_BY_REFITTED_NAME.
        seed: Seed of baselines that sample.
    """

    def bind(visible_history: Interactions) -> ScoreRows:
        interactions = drop_unused_ids(visible_history)
        item_codes = encode_ids(visible_history.items, interactions.items)
        scorer = build_baseline(BASELINE_BY_REFITTED_NAME[model_name], choose_config(interactions), seed)
        scorer.fit(interactions)

        def score(user_states: UserStates) -> Floats:
            item_scores = np.full((len(user_states), visible_history.n_items), -np.inf, np.float32)
            item_scores[:, item_codes >= 0] = scorer.score(user_states.recode_items(item_codes))
            return item_scores

        return score

    return bind
