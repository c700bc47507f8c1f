"""LightGBM's lambdarank on our own candidates and features: the peer that differs from ours in the loss alone.

Belongs here: its fit on our training rows, where LightGBM is installed (footsteps[peers]).
Does not belong here: our own ranker (see ranker), peers that learn from histories alone (see peers).
"""

from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ml.data.interactions import Doubles, Floats, Interactions, Strings
from ml.ranking.features import FEATURES, CandidateNominator, Feature
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import (
    TrainingRows,
    build_cross_fitted_rows,
    build_frozen_rows,
    build_training_cases,
    drop_closed_targets,
)

LAMBDARANK = "lightgbm_lambdarank"


def installed_lambdarank() -> tuple[str, ...]:
    """Its name where the package is there."""
    return (LAMBDARANK,) if find_spec("lightgbm") is not None else ()


@dataclass(frozen=True, eq=False)
class LightGBMRanker:
    """A ranker whose utility is a booster's raw score."""

    features: tuple[Feature, ...]
    booster: Any

    def utility(self, features: Floats) -> Doubles:
        return np.asarray(self.booster.predict(features, raw_score=True, num_threads=1), np.float64)


def rebuild_training_rows(
    ours: Recommender, interactions: Interactions, *, end: int, names: Strings | None, seed: int
) -> TrainingRows:
    """The rows that `fit_on` makes for the ranker of a recommender with this policy on these histories."""
    config, rules, extra = ours.config, ours.rules, ours.extra
    cases = build_training_cases(
        interactions, config, horizon=ours.horizon, end=end, seed=seed, cold=isinstance(extra, CandidateNominator)
    )
    cases = drop_closed_targets(cases, interactions, rules, config.block_rows(interactions.n_items))
    fit_rows = build_frozen_rows if config.target == "window" and interactions.is_calendar else build_cross_fitted_rows
    return fit_rows(interactions, cases, config, names=names, extra=extra, seed=seed, rules=rules)


def fit_lambdarank(
    ours: Recommender, interactions: Interactions, *, end: int, names: Strings | None, seed: int
) -> Recommender:
    """The same recommender with LightGBM's ranking in the place of ours; unchanged where ours fell back."""
    if ours.ranker is None:
        return ours
    rows = rebuild_training_rows(ours, interactions, end=end, names=names, seed=seed)
    part = rows.where(rows.has_target)
    model = import_module("lightgbm").LGBMRanker(
        objective="lambdarank",
        n_estimators=200,
        num_leaves=15,
        learning_rate=0.05,
        min_child_samples=50,
        colsample_bytree=0.5,
        reg_lambda=5.0,
        random_state=seed,
        n_jobs=1,
        deterministic=True,
        verbose=-1,
    )
    model.fit(part.features[part.real.ravel()], part.label[part.real].astype(np.int32), group=part.real.sum(axis=1))
    features = (*FEATURES, *(ours.extra.features if ours.extra is not None else ()))
    return replace(ours, ranker=LightGBMRanker(features, model.booster_), calibrator=None)  # type: ignore[arg-type]
