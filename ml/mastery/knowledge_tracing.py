"""Knowledge tracing: the probability that a person's next feedback in a micro-skill is positive, and its interval.

Belongs here: the fitted model, its fit, and levels as of a moment; the policy's formula for too little feedback.
Does not belong here: stages (`ml.mastery.stages`), half-lives (`ml.mastery.half_life`), evaluation
(`benchmarks.knowledge_tracing`).

Performance factors analysis (Pavlik, Cen and Koedinger 2009) with log counts and recency as in Gervet et al. 2020
("When is deep learning the best approach to knowledge tracing?"): a logit of the micro-skill's intercept and of
log(1 + sum) of practice, observation, teaching, successes and failures, that of practice times the freshness of the
last one, 2^(-days / half-life of the micro-skill). Coefficients are bounded: failures can only lower a level, all else
can only raise it; so more evidence never lowers a level unless it is negative feedback.
"""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from scipy import optimize, special
from threadpoolctl import threadpool_limits

from ml.data.encoding import encode_ids
from ml.data.sparse_rows import Doubles
from ml.data.statistics import wilson_interval
from ml.mastery.half_life import (
    FADING_COLUMNS,
    SUM_COLUMNS,
    Outcomes,
    build_evidence_weights,
    gather_outcomes,
    list_candidate_half_lives,
    shrink_half_lives,
)
from pipelines.contracts.policy import StagePolicy

# A dozen numbers and an intercept per micro-skill do not get better with more feedback.
MAX_OUTCOMES = 60_000
# Intercepts of micro-skills typically differ by one logit; coefficients are hardly held back.
_INTERCEPT_PENALTY, _COEFFICIENT_PENALTY = 1.0, 1e-2
# Half-lives and coefficients are fitted in turn; after the second round neither moves by more than rounding.
_FIT_ROUNDS = 2
_NEWTON_STEPS = 6
# Bounds of the variance of people around the model: smaller or larger ones cannot be distinguished.
_VARIANCE_BOUNDS = (0.05, 4.0)
Z_90 = 1.6449  # normal quantile of a 90 % interval
# The policy's formula: a course or positive feedback keeps a micro-skill half as fresh as practice does.
_OBSERVED_FRESHNESS = 0.5


@dataclass(frozen=True)
class KnowledgeTracing:
    """The model of levels and half-lives; if `is_fitted` is False, the policy's formula gives the levels.

    The field names are the keys of the stored model.
    """

    is_fitted: bool
    default_half_life: int
    skill_ids: tuple[str, ...] = ()
    half_lives: tuple[int, ...] = ()  # days per micro-skill
    judged: tuple[int, ...] = ()  # feedback rows per micro-skill
    intercept: float = 0.0
    intercepts: tuple[float, ...] = ()  # what each micro-skill adds
    intercept_variances: tuple[float, ...] = ()
    coefficients: tuple[float, ...] = ()  # of SUM_COLUMNS
    covariance: tuple[tuple[float, ...], ...] = ()  # of intercept and coefficients
    spread: float = 0.0  # variance of pairs of person and micro-skill around the model

    @cached_property
    def parameters_by_skill(self) -> pl.DataFrame:
        """One row per micro-skill with feedback: skill_id, half_life, skill_intercept, skill_variance, judged_count."""
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
        """Return the model as text that `read_knowledge_tracing` reads."""
        return json.dumps(asdict(self), sort_keys=True)


def read_knowledge_tracing(model_json: str) -> KnowledgeTracing:
    """Return the model that `KnowledgeTracing.to_json` wrote.

    Raises:
        ValueError: The text is no JSON.
        TypeError: The JSON has other fields.
    """
    value_by_field: dict[str, Any] = json.loads(model_json)
    value_by_field["covariance"] = [tuple(matrix_row) for matrix_row in value_by_field["covariance"]]
    value_by_field |= {
        field_name: tuple(field_value)
        for field_name, field_value in value_by_field.items()
        if isinstance(field_value, list)
    }
    return KnowledgeTracing(**value_by_field)


def declare_knowledge_tracing(policy: StagePolicy) -> KnowledgeTracing:
    """Return the policy's own formula and half-life, learned from nothing."""
    return KnowledgeTracing(is_fitted=False, default_half_life=policy.rusty_after_days)


def fit_knowledge_tracing(evidence: pl.DataFrame, moment: datetime, policy: StagePolicy) -> KnowledgeTracing:
    """Return the model of all feedback up to a moment; the policy's formula if there is too little.

    Args:
        evidence: Rows of EVIDENCE.
        moment: The last moment that counts, included.
        policy: The company's policy of stages.
    """
    # With one thread the order of sums, hence the last digit, is the same on every machine; for a few columns several
    # threads would take longer, too.
    with threadpool_limits(1):
        return _fit_tracing(
            gather_outcomes(evidence.filter(pl.col("occurred_at") <= moment), policy, MAX_OUTCOMES), policy
        )


def _fit_tracing(outcomes: Outcomes, policy: StagePolicy) -> KnowledgeTracing:
    positive_count, n_outcomes = int(outcomes.is_positive.sum()), len(outcomes.pair_code)
    if (
        n_outcomes < policy.tracing_outcomes
        or min(positive_count, n_outcomes - positive_count) < policy.tracing_outcomes / 10
    ):
        return declare_knowledge_tracing(policy)
    candidate_days, n_skills = list_candidate_half_lives(policy), len(outcomes.skill_ids)
    features_by_candidate = [
        _build_features(outcomes.evidence_sums, outcomes.freshness(np.full(n_skills, half_life_days)))
        for half_life_days in candidate_days
    ]
    half_lives = np.full(n_skills, policy.rusty_after_days, dtype=np.int64)
    features = _build_features(outcomes.evidence_sums, outcomes.freshness(half_lives))
    parameters = _fit_parameters(features, outcomes)
    for _ in range(_FIT_ROUNDS):
        log_likelihood = np.column_stack(
            [
                _compute_skill_likelihood(parameters, candidate_features, outcomes)
                for candidate_features in features_by_candidate
            ]
        )
        half_lives = shrink_half_lives(log_likelihood, candidate_days, policy)
        features = _build_features(outcomes.evidence_sums, outcomes.freshness(half_lives))
        parameters = _fit_parameters(features, outcomes, parameters)
    intercept, coefficients, skill_offsets = parameters
    positive_probability = np.asarray(
        special.expit(intercept + skill_offsets[outcomes.skill_code] + features @ coefficients)
    )
    outcome_variances = positive_probability * (1 - positive_probability)
    outcome_weights = outcomes.trust * outcome_variances
    design_matrix = np.column_stack([np.ones(len(features)), features])
    curvature_matrix = design_matrix.T @ (design_matrix * outcome_weights[:, None]) + _COEFFICIENT_PENALTY * np.eye(
        design_matrix.shape[1]
    )
    skill_variances = 1.0 / (_INTERCEPT_PENALTY + np.bincount(outcomes.skill_code, outcome_weights, n_skills))
    return KnowledgeTracing(
        is_fitted=True,
        default_half_life=int(np.median(half_lives)),
        skill_ids=outcomes.skill_ids,
        half_lives=tuple(half_lives.tolist()),
        judged=tuple(np.bincount(outcomes.skill_code, minlength=n_skills).tolist()),
        intercept=intercept,
        intercepts=tuple(skill_offsets.tolist()),
        intercept_variances=tuple(skill_variances.tolist()),
        coefficients=tuple(coefficients.tolist()),
        covariance=tuple(map(tuple, np.linalg.inv(curvature_matrix).tolist())),  # Laplace approximation
        spread=_estimate_pair_variance(outcomes, outcomes.is_positive - positive_probability, outcome_variances),
    )


def _build_features(evidence_sums: Doubles, freshness: Doubles) -> Doubles:
    """log(1 + sum) per column of SUM_COLUMNS; that of practice is multiplied by the freshness of the last practice."""
    features = np.log1p(evidence_sums)
    features[:, 0] *= freshness
    return np.asarray(features)


# intercept, coefficients of SUM_COLUMNS, what each micro-skill adds to the intercept
_Parameters = tuple[float, Doubles, Doubles]


def _compute_skill_likelihood(parameters: _Parameters, features: Doubles, outcomes: Outcomes) -> Doubles:
    """Per micro-skill, the log-likelihood of its feedback with these features, at the intercept that fits them best.

    The coefficients are kept; an intercept fitted to another half-life would hide that this one is better.
    """
    intercept, coefficients, skill_offsets = parameters
    n_skills, skill_codes, trust = len(outcomes.skill_ids), outcomes.skill_code, outcomes.trust
    base_logit = intercept + features @ coefficients
    for _ in range(_NEWTON_STEPS):
        positive_probability = special.expit(base_logit + skill_offsets[skill_codes])
        gradients = (
            np.bincount(skill_codes, trust * (outcomes.is_positive - positive_probability), n_skills)
            - _INTERCEPT_PENALTY * skill_offsets
        )
        curvatures = (
            np.bincount(skill_codes, trust * positive_probability * (1 - positive_probability), n_skills)
            + _INTERCEPT_PENALTY
        )
        skill_offsets = skill_offsets + np.clip(gradients / curvatures, -1.0, 1.0)
    signed_logit = np.where(outcomes.is_positive, 1.0, -1.0) * (base_logit + skill_offsets[skill_codes])
    log_likelihood = np.bincount(skill_codes, -trust * np.logaddexp(0.0, -signed_logit), n_skills)
    return np.asarray(log_likelihood - _INTERCEPT_PENALTY * skill_offsets**2 / 2, np.float64)


def _fit_parameters(features: Doubles, outcomes: Outcomes, start_parameters: _Parameters | None = None) -> _Parameters:
    """Penalised maximum likelihood with bounded coefficients, searched from `start_parameters` if it is given."""
    n_features, n_skills = features.shape[1], len(outcomes.skill_ids)
    positive_labels, trust, skill_codes = outcomes.is_positive.astype(np.float64), outcomes.trust, outcomes.skill_code
    penalties = np.concatenate(
        [[0.0], np.full(n_features, _COEFFICIENT_PENALTY), np.full(n_skills, _INTERCEPT_PENALTY)]
    )

    def loss(flat_parameters: Doubles) -> tuple[float, Doubles]:
        # not `@`: for a handful of columns the start of a thread costs more than the product
        logits = (
            flat_parameters[0]
            + np.einsum("ij,j->i", features, flat_parameters[1 : n_features + 1])
            + flat_parameters[n_features + 1 :][skill_codes]
        )
        log_loss = np.logaddexp(0.0, np.where(outcomes.is_positive, -logits, logits))
        weighted_residuals = trust * (special.expit(logits) - positive_labels)
        gradient_parts = [
            [weighted_residuals.sum()],
            np.einsum("ij,i->j", features, weighted_residuals),
            np.bincount(skill_codes, weighted_residuals, n_skills),
        ]
        penalised_loss = float(trust @ log_loss) + float(penalties @ flat_parameters**2) / 2
        return penalised_loss, np.concatenate(gradient_parts) + penalties * flat_parameters

    if start_parameters is None:
        positive_outcome_share = float(np.clip(np.average(positive_labels, weights=trust), 0.01, 0.99))
        start_parameters = (
            float(np.log(positive_outcome_share / (1 - positive_outcome_share))),
            np.zeros(n_features),
            np.zeros(n_skills),
        )
    no_bounds, coefficient_bounds = (
        (None, None),
        [(None, 0.0) if sum_name == "failed" else (0.0, None) for sum_name in SUM_COLUMNS],
    )
    bounds = [no_bounds, *coefficient_bounds, *([no_bounds] * n_skills)]
    start_vector = np.concatenate([[start_parameters[0]], *start_parameters[1:]])
    optimal_vector = optimize.minimize(
        loss, start_vector, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200}
    ).x
    return float(optimal_vector[0]), optimal_vector[1 : n_features + 1], optimal_vector[n_features + 1 :]


def _estimate_pair_variance(outcomes: Outcomes, outcome_residuals: Doubles, outcome_variances: Doubles) -> float:
    """Variance of people around the model, by moments: how far two outcomes of one pair agree beyond the model."""
    residual_products, variance_products = (
        float(
            (
                np.bincount(outcomes.pair_code, outcome_values) ** 2
                - np.bincount(outcomes.pair_code, outcome_values**2)
            ).sum()
        )
        for outcome_values in (outcome_residuals, outcome_variances)
    )  # over all pairs of two different outcomes of one person and micro-skill
    return float(np.clip(residual_products / max(variance_products, 1e-9), *_VARIANCE_BOUNDS))


def estimate_levels(
    evidence_rows: pl.DataFrame, moment: datetime, policy: StagePolicy, tracing_model: KnowledgeTracing
) -> pl.DataFrame:
    """Return the level of each pair of person and micro-skill.

    Args:
        evidence_rows: Rows of EVIDENCE up to the moment with `_pair`, in order of pairs.
        moment: The moment for which the levels are estimated.
        policy: The company's policy of stages.
        tracing_model: The model.

    Returns:
        One row per `_pair`: half_life (days), weight (sum over the rows of the share retained since), freshness, level,
        and low and high, the bounds of its interval. If the model is not fitted, level, low and high are null;
        `declare_levels` then computes them from the stage.
    """
    skill_parameters = match_skill_ids(evidence_rows, tracing_model.parameters_by_skill.drop("judged_count")).lazy()
    half_life = pl.col("half_life").fill_null(tracing_model.default_half_life)
    age_days = (pl.lit(moment) - pl.col("occurred_at")).dt.total_seconds() / 86_400
    feedback_retained_share = 2.0 ** (-age_days / max(policy.rusty_after_days, 1))
    is_observed_or_succeeded = (pl.col("observed") > 0) | (pl.col("succeeded") > 0)
    pair_sums = (
        evidence_rows.lazy()
        .join(skill_parameters.select("skill_id", "half_life"), on="skill_id", how="left", maintain_order="left")
        .with_columns((2.0 ** (-age_days / half_life)).alias("retained_share"), *build_evidence_weights(policy))
        .with_columns(pl.col(FADING_COLUMNS) * feedback_retained_share)
        .group_by("_pair", maintain_order=True)
        .agg(
            pl.col(SUM_COLUMNS).sum(),
            pl.col("retained_share").filter("is_practice").max().fill_null(0.0).alias("practice_freshness"),
            pl.col("retained_share").filter(is_observed_or_succeeded).max().fill_null(0.0).alias("observed_freshness"),
            pl.col("retained_share").sum().alias("weight"),
            pl.col("skill_id").first(),
        )
        .join(skill_parameters, on="skill_id", how="left", maintain_order="left")
        .collect()
    )
    freshness = pl.max_horizontal("practice_freshness", pl.col("observed_freshness") * _OBSERVED_FRESHNESS)
    level_and_bounds = _predict_levels(pair_sums, tracing_model) if tracing_model.is_fitted else [None] * 3
    return pair_sums.select("_pair", half_life, "weight", freshness.alias("freshness")).with_columns(
        pl.lit(predicted_values if predicted_values is None else pl.Series(predicted_values), pl.Float64).alias(
            column_name
        )
        for column_name, predicted_values in zip(("level", "low", "high"), level_and_bounds, strict=True)
    )


def match_skill_ids(skill_rows: pl.DataFrame, skill_parameters: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `skill_parameters` whose skill_id can occur in `skill_rows`, in its data type of skill_id."""
    return skill_parameters.with_columns(
        pl.col("skill_id").cast(skill_rows.schema["skill_id"], strict=False)
    ).drop_nulls("skill_id")


def declare_levels(progress_share: pl.Expr) -> list[pl.Expr]:
    """Return level, low and high by the policy's formula: progress through the stages times freshness.

    freshness is 2^(-age / half-life) of the last practice, or half of that of the last course or positive feedback. The
    interval is Wilson's (1927) for as many observations as there is evidence left, plus one.

    Args:
        progress_share: Share of the way through all stages.
    """
    level = progress_share * pl.col("freshness")
    lower_level, upper_level = wilson_interval(level, pl.col("weight") + 1.0, Z_90)
    lower_level, upper_level = pl.min_horizontal(lower_level, level), pl.max_horizontal(upper_level, level)
    return [level.alias("level"), lower_level.clip(0, 1).alias("low"), upper_level.clip(0, 1).alias("high")]


def predict_outcomes(outcomes: Outcomes, tracing_model: KnowledgeTracing) -> Doubles:
    """Return the probability that each outcome is positive, from what came before it."""
    skill_codes = encode_ids(
        pl.Series(outcomes.skill_ids, dtype=pl.String), pl.Series(tracing_model.skill_ids, dtype=pl.String)
    )
    # an unknown micro-skill has the code -1, which reads the appended default
    half_lives = np.array([*tracing_model.half_lives, tracing_model.default_half_life], dtype=np.float64)[skill_codes]
    skill_offsets = np.array([*tracing_model.intercepts, 0.0])[skill_codes]
    features = _build_features(outcomes.evidence_sums, outcomes.freshness(half_lives))
    logit = (
        tracing_model.intercept + skill_offsets[outcomes.skill_code] + features @ np.array(tracing_model.coefficients)
    )
    return np.asarray(special.expit(logit))


def _predict_levels(pair_sums: pl.DataFrame, tracing_model: KnowledgeTracing) -> tuple[Doubles, Doubles, Doubles]:
    """Level and the ends of its 90 % interval, which adds the variance of the model and of people around the model.

    The variance of people falls with the weight of the feedback that a pair of person and micro-skill has.
    """
    features = _build_features(pair_sums.select(SUM_COLUMNS).to_numpy(), pair_sums["practice_freshness"].to_numpy())
    skill_offsets = pair_sums["skill_intercept"].fill_null(0.0).to_numpy()
    logit = tracing_model.intercept + skill_offsets + features @ np.array(tracing_model.coefficients)
    level = np.asarray(special.expit(logit))
    design_matrix = np.column_stack([np.ones(len(features)), features])
    model_variance = np.einsum(
        "ij,jk,ik->i", design_matrix, np.array(tracing_model.covariance), design_matrix, optimize=True
    )
    skill_variance = pair_sums["skill_variance"].fill_null(1.0 / _INTERCEPT_PENALTY).to_numpy()
    feedback_weight = (pair_sums["succeeded"] + pair_sums["failed"]).to_numpy()
    person_variance = tracing_model.spread / (1.0 + tracing_model.spread * level * (1 - level) * feedback_weight)
    logit_margin = Z_90 * np.sqrt(model_variance + skill_variance + person_variance)
    return level, np.asarray(special.expit(logit - logit_margin)), np.asarray(special.expit(logit + logit_margin))
