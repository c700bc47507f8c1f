"""Knowledge tracing: the probability that the next judgement of a person in a micro-skill is positive, its interval.

Belongs here: the fitted model, its fit, and levels as of a moment; the declared formula where too little was judged.
Does not belong here: stages (`ml.mastery.state`), half-lives (`ml.mastery.half_life`), how good it is
(`benchmarks.knowledge_tracing`).

Performance factors analysis (Pavlik, Cen and Koedinger 2009) with log counts and recency as in Gervet et al. 2020
("When is deep learning the best approach to knowledge tracing?"): a logit of the micro-skill's intercept and of
log(1 + sum) of practice, observation, teaching, successes and failures, that of practice times the freshness of the
last one, 2^(-days / half-life of the micro-skill). Coefficients are bounded: failures can only lower a level, all else
only raise it; so more evidence never lowers a level unless it is a negative judgement.
"""

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from scipy import optimize, special
from threadpoolctl import threadpool_limits

from ml.data.intervals import wilson_interval
from ml.mastery.half_life import (
    FADING,
    SUMS,
    Doubles,
    Ints,
    Outcomes,
    candidate_half_lives,
    gather_outcomes,
    shrink_half_lives,
    weigh_rows,
)
from pipelines.contracts.policy import StagePolicy

_SIGNS = tuple(-1.0 if name == "failed" else 1.0 for name in SUMS)
# Judgements learnt from: a dozen numbers and an intercept a micro-skill do not get better with more.
MOST_OUTCOMES = 60_000
# A standard deviation of one logit between micro-skills is a wide spread; coefficients are hardly held back.
_INTERCEPT_PENALTY, _PENALTY = 1.0, 1e-2
# Half-lives and coefficients are fitted in turn; after the second round neither moves by more than rounding.
_ROUNDS = 2
_NEWTON_STEPS = 6
# The variance of people around the model stays within what a logit can be told apart by.
_LEAST_SPREAD, _MOST_SPREAD = 0.05, 4.0
Z_90 = 1.6449  # normal quantile of a 90 % interval
# The declared formula: a course or a good word keeps a micro-skill half as fresh as doing it.
_WATCHED_FRESH = 0.5


@dataclass(frozen=True)
class KnowledgeTracing:
    """What levels and rust are reckoned with; `is_fitted` is false where the policy's formula stands in for a model."""

    is_fitted: bool
    default_half_life: int
    skill_ids: tuple[str, ...] = ()
    half_lives: tuple[int, ...] = ()
    judged: tuple[int, ...] = ()
    intercept: float = 0.0
    intercepts: tuple[float, ...] = ()  # what a micro-skill adds
    intercept_variances: tuple[float, ...] = ()
    coefficients: tuple[float, ...] = ()  # of SUMS
    covariance: tuple[tuple[float, ...], ...] = ()  # of intercept and coefficients
    spread: float = 0.0  # variance of pairs of person and micro-skill around the model

    @cached_property
    def by_skill(self) -> pl.DataFrame:
        """One row per micro-skill that was judged: skill_id, half_life, skill_intercept, skill_variance."""
        return pl.DataFrame(
            {
                "skill_id": pl.Series(self.skill_ids, dtype=pl.String),
                "half_life": pl.Series(self.half_lives, dtype=pl.Int64),
                "skill_intercept": pl.Series(self.intercepts, dtype=pl.Float64),
                "skill_variance": pl.Series(self.intercept_variances, dtype=pl.Float64),
                "judged_count": pl.Series(self.judged, dtype=pl.Int64),
            }
        )

    def to_json(self) -> str:
        """The model as text, to be read by `read_tracing`."""
        return json.dumps(asdict(self), sort_keys=True)


def read_knowledge_tracing(text: str) -> KnowledgeTracing:
    """The model that `to_json` wrote. Raises ValueError or TypeError for any other text."""
    found: dict[str, Any] = json.loads(text)
    given: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
    given["covariance"] = tuple(tuple(row) for row in given["covariance"])
    return KnowledgeTracing(**given)


def declare_knowledge_tracing(policy: StagePolicy) -> KnowledgeTracing:
    """The policy's own formula and half-life, learnt from nothing."""
    return KnowledgeTracing(is_fitted=False, default_half_life=policy.rusty_after_days)


def fit_knowledge_tracing(evidence: pl.DataFrame, moment: datetime, policy: StagePolicy) -> KnowledgeTracing:
    """The model of all judgements up to that moment; the declared one where they are too few."""
    # one thread a product: the order of sums, hence the last digit, is the same on every machine, and threads that wait
    # for each other over a few columns take longer than one
    with threadpool_limits(1):
        return _fit_tracing(evidence.filter(pl.col("occurred_at") <= moment), policy)


def _fit_tracing(evidence: pl.DataFrame, policy: StagePolicy) -> KnowledgeTracing:
    outcomes = gather_outcomes(evidence, policy, MOST_OUTCOMES)
    rarer = min(int(outcomes.positive.sum()), int((~outcomes.positive).sum()))
    if len(outcomes.pair) < policy.tracing_outcomes or rarer < policy.tracing_outcomes / 10:
        return declare_knowledge_tracing(policy)
    candidates = candidate_half_lives(policy)
    size = len(outcomes.skill_ids)
    tried = [_features(outcomes.sums, outcomes.freshness(np.full(size, days))) for days in candidates]
    half_lives = np.full(size, policy.rusty_after_days, dtype=np.int64)
    features = _features(outcomes.sums, outcomes.freshness(half_lives.astype(np.float64)))
    fit = _fit(features, outcomes)
    for _ in range(_ROUNDS):
        likelihood = np.column_stack([_profile(fit, one, outcomes) for one in tried])
        half_lives = shrink_half_lives(likelihood, candidates, policy)
        features = _features(outcomes.sums, outcomes.freshness(half_lives.astype(np.float64)))
        fit = _fit(features, outcomes, fit)
    tracing = KnowledgeTracing(
        is_fitted=True,
        default_half_life=int(np.median(half_lives)),
        skill_ids=outcomes.skill_ids,
        half_lives=tuple(int(days) for days in half_lives),
        judged=tuple(int(count) for count in np.bincount(outcomes.skill, minlength=size)),
    )
    return _with_uncertainty(tracing, fit, features, outcomes)


def trace_levels(rows: pl.DataFrame, moment: datetime, policy: StagePolicy, tracing: KnowledgeTracing) -> pl.DataFrame:
    """One row per `_pair` of evidence rows up to the moment: level, low and high, half_life, fresh and weight.

    Where the model is not fitted, level, low and high are null: `declare_levels` fills them from the stage.
    rows: evidence in its contract with `_pair`, in order of pairs.
    """
    by_skill = told_of(rows, tracing.by_skill.drop("judged_count"))
    lives = by_skill.lazy().select("skill_id", "half_life")
    aged = rows.lazy().join(lives, on="skill_id", how="left", maintain_order="left")
    span = pl.col("half_life").fill_null(tracing.default_half_life)
    age = (pl.lit(moment) - pl.col("occurred_at")).dt.total_seconds() / 86_400
    faded = 2.0 ** (-age / max(policy.rusty_after_days, 1))
    aged = aged.with_columns((2.0 ** (-age / span)).alias("kept"), faded.alias("faded"), *weigh_rows(policy))
    aged = aged.with_columns(pl.col(name) * pl.col("faded") for name in FADING)
    watched = (pl.col("observed") > 0) | (pl.col("succeeded") > 0)
    found = (
        aged.group_by("_pair", maintain_order=True)
        .agg(
            pl.col(*SUMS).sum(),
            pl.col("kept").filter("is_practice").max().fill_null(0.0).alias("fresh"),
            pl.col("kept").filter(watched).max().fill_null(0.0).alias("watched"),
            pl.col("kept").sum().alias("weight"),
            pl.col("skill_id").first(),
        )
        .join(by_skill.lazy(), on="skill_id", how="left", maintain_order="left")
        .collect()
    )
    declared = pl.max_horizontal("fresh", pl.col("watched") * _WATCHED_FRESH).alias("freshness")
    kept = found.select("_pair", pl.col("half_life").fill_null(tracing.default_half_life), "weight", declared)
    if not tracing.is_fitted:
        none = pl.lit(None, pl.Float64)
        return kept.with_columns(none.alias("level"), none.alias("low"), none.alias("high"))
    level, low, high = _predict(found, tracing)
    return kept.with_columns(pl.Series("level", level), pl.Series("low", low), pl.Series("high", high))


def told_of(rows: pl.DataFrame, by_skill: pl.DataFrame) -> pl.DataFrame:
    """What is told of the micro-skills that can occur in these rows, in the type of their column."""
    return by_skill.with_columns(pl.col("skill_id").cast(rows.schema["skill_id"], strict=False)).drop_nulls("skill_id")


def declare_levels(progress: pl.Expr) -> list[pl.Expr]:
    """level, low and high by the declared formula: progress through the stages times freshness.

    freshness: 2^(-age / half-life) of the last practice, or half of that of the last course or good word. Interval:
    Wilson's (1927) for as many observations as there is evidence left, and one.
    """
    level, count = progress * pl.col("freshness"), pl.col("weight") + 1.0
    low, high = wilson_interval(level, count, Z_90)
    return [
        level.alias("level"),
        pl.min_horizontal(low, level).clip(0, 1).alias("low"),
        pl.max_horizontal(high, level).clip(0, 1).alias("high"),
    ]


def predict_outcomes(outcomes: Outcomes, tracing: KnowledgeTracing) -> Doubles:
    """The probability of each judgement, from what came before it."""
    places = {skill: place for place, skill in enumerate(tracing.skill_ids)}
    known = np.array([places.get(skill, -1) for skill in outcomes.skill_ids], dtype=np.int64)
    lives = np.array([*tracing.half_lives, tracing.default_half_life], dtype=np.float64)[known]
    offsets = np.array([*tracing.intercepts, 0.0])[known]
    features = _features(outcomes.sums, outcomes.freshness(lives))
    logit = tracing.intercept + offsets[outcomes.skill] + features @ np.array(tracing.coefficients)
    return np.asarray(special.expit(logit))


@dataclass(frozen=True, eq=False)
class _Fit:
    intercept: float
    coefficients: Doubles
    offsets: Doubles  # by micro-skill

    def logits(self, features: Doubles, skill: Ints) -> Doubles:
        return np.asarray(self.intercept + self.offsets[skill] + features @ self.coefficients)


def _features(sums: Doubles, fresh: Doubles) -> Doubles:
    """log(1 + sum) of each sum, that of practice times its freshness: what was learnt, as far as it is retained."""
    features = np.log1p(sums)
    features[:, 0] *= fresh
    return np.asarray(features)


def _profile(fit: _Fit, features: Doubles, outcomes: Outcomes) -> Doubles:
    """By micro-skill, the log-likelihood of its judgements with these features, at the intercept that suits them best.

    The coefficients are those of the fit; an intercept fitted to another half-life would hide that this one is better.
    """
    size, skill, trust = len(outcomes.skill_ids), outcomes.skill, outcomes.trust
    base, offsets = fit.intercept + features @ fit.coefficients, fit.offsets
    for _ in range(_NEWTON_STEPS):
        share = special.expit(base + offsets[skill])
        slope = np.bincount(skill, trust * (outcomes.positive - share), size) - _INTERCEPT_PENALTY * offsets
        bend = np.bincount(skill, trust * share * (1 - share), size) + _INTERCEPT_PENALTY
        offsets = offsets + np.clip(slope / bend, -1.0, 1.0)
    signed = np.where(outcomes.positive, 1.0, -1.0) * (base + offsets[skill])
    found = np.bincount(skill, -trust * np.logaddexp(0.0, -signed), size)
    return np.asarray(found - _INTERCEPT_PENALTY * offsets**2 / 2, np.float64)


def _fit(features: Doubles, outcomes: Outcomes, near: _Fit | None = None) -> _Fit:
    """Penalised maximum likelihood with bounded coefficients, sought from another fit where one is given."""
    width, size = features.shape[1], len(outcomes.skill_ids)
    truth, trust, skill = outcomes.positive.astype(np.float64), outcomes.trust, outcomes.skill
    penalty = np.concatenate([[0.0], np.full(width, _PENALTY), np.full(size, _INTERCEPT_PENALTY)])

    def loss(x: Doubles) -> tuple[float, Doubles]:
        # not `@`: a handful of columns is not worth a thread, and threads of a busy machine wait for each other
        logits = x[0] + np.einsum("ij,j->i", features, x[1 : width + 1]) + x[width + 1 :][skill]
        missed = np.logaddexp(0.0, np.where(outcomes.positive, -logits, logits))
        value = float(trust @ missed) + float(penalty @ x**2) / 2
        residual = trust * (special.expit(logits) - truth)
        slope = np.concatenate(
            [[residual.sum()], np.einsum("ij,i->j", features, residual), np.bincount(skill, residual, size)]
        )
        return value, slope + penalty * x

    share = float(np.clip(np.average(truth, weights=trust), 0.01, 0.99))
    begin = np.concatenate([[np.log(share / (1 - share))], np.zeros(width + size)])
    if near is not None:
        begin = np.concatenate([[near.intercept], near.coefficients, near.offsets])
    free = (None, None)
    bounds = [free, *((0.0, None) if sign > 0 else (None, 0.0) for sign in _SIGNS), *([free] * size)]
    found = optimize.minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200})
    return _Fit(float(found.x[0]), found.x[1 : width + 1], found.x[width + 1 :])


def _with_uncertainty(tracing: KnowledgeTracing, fit: _Fit, features: Doubles, outcomes: Outcomes) -> KnowledgeTracing:
    """The model with its numbers, their Laplace covariance, and the spread of people around it (by moments)."""
    share = np.asarray(special.expit(fit.logits(features, outcomes.skill)))
    variance = share * (1 - share)
    weight = outcomes.trust * variance
    design = np.column_stack([np.ones(len(features)), features])
    curvature = design.T @ (design * weight[:, None]) + _PENALTY * np.eye(design.shape[1])
    size = len(outcomes.skill_ids)
    # two judgements of one pair agree beyond the model as far as the person differs from it
    residual = outcomes.positive - share
    pairs = int(outcomes.pair.max()) + 1
    together = [np.bincount(outcomes.pair, value, pairs) for value in (residual, residual**2, variance, variance**2)]
    shared = float((together[0] ** 2 - together[1]).sum() / max(float((together[2] ** 2 - together[3]).sum()), 1e-9))
    return replace(
        tracing,
        intercept=fit.intercept,
        intercepts=tuple(float(value) for value in fit.offsets),
        intercept_variances=tuple(
            float(value) for value in 1.0 / (_INTERCEPT_PENALTY + np.bincount(outcomes.skill, weight, size))
        ),
        coefficients=tuple(float(value) for value in fit.coefficients),
        covariance=tuple(tuple(float(value) for value in row) for row in np.linalg.inv(curvature)),
        spread=float(np.clip(shared, _LEAST_SPREAD, _MOST_SPREAD)),
    )


def _predict(found: pl.DataFrame, tracing: KnowledgeTracing) -> tuple[Doubles, Doubles, Doubles]:
    """Level and the ends of its 90 % interval: what is unsure of the model, and of the person the less was judged."""
    features = _features(found.select(SUMS).to_numpy(), found["fresh"].to_numpy())
    offset = found["skill_intercept"].fill_null(0.0).to_numpy()
    logit = tracing.intercept + offset + features @ np.array(tracing.coefficients)
    level = np.asarray(special.expit(logit))
    design = np.column_stack([np.ones(len(features)), features])
    of_model = np.einsum("ij,jk,ik->i", design, np.array(tracing.covariance), design, optimize=True)
    of_skill = found["skill_variance"].fill_null(1.0 / _INTERCEPT_PENALTY).to_numpy()
    judged = (found["succeeded"] + found["failed"]).to_numpy()
    of_person = tracing.spread / (1.0 + tracing.spread * level * (1 - level) * judged)
    wide = Z_90 * np.sqrt(of_model + of_skill + of_person)
    return level, np.asarray(special.expit(logit - wide)), np.asarray(special.expit(logit + wide))
