"""LightGBM's lambdarank on our candidates and features: the baseline that differs from our ranker in the loss alone.

Belongs here: its fit on our training rows, if LightGBM is installed (footsteps[peers]).
Does not belong here: our own ranker, baselines that learn from histories alone (see `ml.retrieval.baselines`).
"""

from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ml.data.interactions import Interactions
from ml.data.sparse_rows import Doubles, Floats, Strings
from ml.ranking.features import Feature
from ml.ranking.fitting import build_ranker_rows
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import TrainingRows

LAMBDARANK = "lightgbm_lambdarank"


def list_installed_lambdarank() -> tuple[str, ...]:
    """Its name if LightGBM is installed, else nothing."""
    return (LAMBDARANK,) if find_spec("lightgbm") is not None else ()


@dataclass(frozen=True, eq=False)
class LightGBMRanker:
    """A ranker whose utility is a booster's raw score."""

    features: tuple[Feature, ...]
    booster: Any

    def utility(self, feature_matrix: Floats) -> Doubles:
        """One value per row of features."""
        return np.asarray(self.booster.predict(feature_matrix, raw_score=True, num_threads=1), np.float64)


def fit_lambdarank(recommender: Recommender, interactions: Interactions, item_names: Strings | None) -> Recommender:
    """Replace the ranker of a recommender by LightGBM's.

    Args:
        recommender: Fitted on `interactions`.
        interactions: What happened before the end of its window.
        item_names: Name of each item; ids if None.

    Returns:
        The recommender with LightGBM's ranker and without a calibrator; unchanged if it fell back to popularity.
    """
    if recommender.ranker is None:
        return recommender
    training_rows = build_ranker_rows(recommender, interactions, item_names)
    assert isinstance(training_rows, TrainingRows)
    rows_with_target = training_rows.select(training_rows.has_target)
    lightgbm_ranker = import_module("lightgbm").LGBMRanker(
        objective="lambdarank",
        n_estimators=200,
        num_leaves=15,
        learning_rate=0.05,
        min_child_samples=50,
        colsample_bytree=0.5,
        reg_lambda=5.0,
        random_state=recommender.window.seed,
        n_jobs=1,
        deterministic=True,
        verbose=-1,
    )
    lightgbm_ranker.fit(
        rows_with_target.features[rows_with_target.is_candidate.ravel()],
        rows_with_target.label[rows_with_target.is_candidate].astype(np.int32),
        group=rows_with_target.is_candidate.sum(axis=1),
    )
    fitted_ranker = LightGBMRanker(recommender.ranker.features, lightgbm_ranker.booster_)
    return replace(recommender, ranker=fitted_ranker, calibrator=None)  # type: ignore[arg-type]
