"""LightGBM's lambdarank on our own candidates and features: the peer that differs from ours in the loss alone.

Belongs here: its fit on our training rows, where LightGBM is installed (footsteps[peers]).
Does not belong here: our own ranker (see ranker), peers that learn from histories alone (see peers).
"""

from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from ml.data.interactions import Doubles, Floats, Histories, Names
from ml.ranking.features import FEATURES, Feature, Nominates
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import TrainingRows, cross_fitted_rows, drop_closed, frozen_rows, training_cases

LAMBDARANK = "lightgbm_lambdarank"


def installed_lambdarank() -> tuple[str, ...]:
    """Its name where the package is there."""
    return (LAMBDARANK,) if find_spec("lightgbm") is not None else ()


@dataclass(frozen=True, eq=False)
class TreesAlone:
    """A ranker whose utility is a booster's raw score."""

    features: tuple[Feature, ...]
    booster: Any

    def utility(self, features: Floats) -> Doubles:
        return np.asarray(self.booster.predict(features, raw_score=True, num_threads=1), np.float64)


def learned_rows(ours: Recommender, histories: Histories, *, end: int, names: Names | None, seed: int) -> TrainingRows:
    """The rows that `fit_on` makes for the ranker of a recommender with this policy on these histories."""
    policy, rules, extra = ours.policy, ours.rules, ours.extra
    cases = training_cases(
        histories, policy, horizon=ours.horizon, end=end, seed=seed, cold=isinstance(extra, Nominates)
    )
    cases = drop_closed(cases, histories, rules, policy.block_rows(histories.n_items))
    fit_rows = frozen_rows if policy.target == "window" and histories.is_calendar else cross_fitted_rows
    return fit_rows(histories, cases, policy, names=names, extra=extra, seed=seed, rules=rules)


def fit_lambdarank(ours: Recommender, histories: Histories, *, end: int, names: Names | None, seed: int) -> Recommender:
    """The same recommender with LightGBM's ranking in the place of ours; unchanged where ours fell back."""
    if ours.ranker is None:
        return ours
    rows = learned_rows(ours, histories, end=end, names=names, seed=seed)
    part = rows.where(rows.teaches)
    model = import_module("lightgbm").LGBMRanker(
        objective="lambdarank", n_estimators=200, num_leaves=15, learning_rate=0.05, min_child_samples=50,
        colsample_bytree=0.5, reg_lambda=5.0, random_state=seed, n_jobs=1, deterministic=True, verbose=-1,
    )  # fmt: skip
    model.fit(part.features[part.real.ravel()], part.label[part.real].astype(np.int32), group=part.real.sum(axis=1))
    features = (*FEATURES, *(ours.extra.declared if ours.extra is not None else ()))
    return replace(ours, ranker=TreesAlone(features, model.booster_), calibrator=None)  # type: ignore[arg-type]
