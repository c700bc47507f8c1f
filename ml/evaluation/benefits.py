"""The benefit of recommended steps: outcomes compared with those of other steps, adjusted for what is known before.

Belongs here: naive, inverse-propensity and doubly robust differences with their intervals, and what they cannot prove.
Does not belong here: what became of each step (`ml.evaluation.outcomes`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ml.data.sparse_rows import Bools, Doubles, Ints
from ml.data.statistics import percentile_interval

# Fewer people who took recommended steps, or others, are too few for an estimate and its interval.
MIN_PEOPLE = 30
# A probability of being recommended outside of these bounds is clipped: a single step would weigh more than 20 others.
PROPENSITY_BOUNDS = (0.05, 0.95)
_FOLDS = 5
_BOOTSTRAP_DRAWS = 1_000
CANNOT_PROVE = (
    "Recommended steps were not drawn at random: what is not in the data (motivation, time, a manager's support) may "
    "explain a difference, however the estimate is made.",
    "Only steps that were taken are compared: nothing is said about people who took none.",
    "A step counts as recommended if a reader recorded that it was shown; whether the person read it is not known.",
)


@dataclass(frozen=True)
class Difference:
    """A difference of shares, recommended less others, with its 95 % bootstrap interval over people."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Benefit:
    """One outcome of recommended steps compared with other steps.

    Attributes:
        outcome: Name of the outcome.
        follow_up_days: Days after the step at which the outcome was read.
        recommended_count: Recommended steps that were taken.
        other_count: Other steps that were taken.
        recommended_people: People who took a recommended step.
        other_people: People who took another step.
        naive: Difference of the shares as they are.
        inverse_propensity: The same, each step weighted by the inverse of the probability of what happened to it
            (normalised: Hajek 1971).
        doubly_robust: Augmented inverse propensity (Robins, Rotnitzky and Zhao 1994) with models fitted on other
            people (Chernozhukov et al. 2018): right if either the model of recommendations or that of outcomes is.
        clipped_share: Share of steps whose probability of being recommended was clipped.
        reason: Why there is no estimate; None if there is one.
    """

    outcome: str
    follow_up_days: int
    recommended_count: int
    other_count: int
    recommended_people: int
    other_people: int
    naive: Difference | None = None
    inverse_propensity: Difference | None = None
    doubly_robust: Difference | None = None
    clipped_share: float | None = None
    reason: str | None = None


def estimate_benefit(
    taken_steps: pl.DataFrame, outcome: str, follow_up_days: int, covariates: Sequence[str], seed: int
) -> Benefit:
    """Estimate how much more often an outcome follows recommended steps than other steps, over all taken steps.

    Args:
        taken_steps: One row per taken step: person_id, is_recommended, the outcome (steps where it is null are left
            out) and the covariates.
        outcome: Name of the outcome, a boolean column.
        follow_up_days: Days after the step at which the outcome was read.
        covariates: Columns of numbers known before the step.
        seed: Seed of the folds and of the bootstrap over people.
    """
    known_steps = taken_steps.drop_nulls(outcome)
    is_recommended = known_steps["is_recommended"].to_numpy().astype(bool)
    people_counts = [
        known_steps.filter(pl.col("is_recommended") == group_flag)["person_id"].n_unique()
        for group_flag in (True, False)
    ]
    benefit = Benefit(
        outcome,
        follow_up_days,
        recommended_count=int(is_recommended.sum()),
        other_count=int((~is_recommended).sum()),
        recommended_people=people_counts[0],
        other_people=people_counts[1],
    )
    if min(people_counts) < MIN_PEOPLE:
        known_text = "" if known_steps.height == taken_steps.height else f" for which `{outcome}` is defined"
        return replace(
            benefit,
            reason=f"{people_counts[0]} people took a recommended step{known_text} at least {follow_up_days} days ago "
            f"and {people_counts[1]} another one; {MIN_PEOPLE} of each are needed",
        )
    person_codes = known_steps["person_id"].rank("dense").to_numpy().astype(np.int64) - 1
    covariate_matrix = known_steps.select(pl.col(covariates).cast(pl.Float64)).to_numpy()
    has_outcome = known_steps[outcome].to_numpy().astype(np.float64)
    propensities, outcome_shares = _fit_on_other_people(
        covariate_matrix, is_recommended, has_outcome, person_codes, seed
    )
    clipped_propensities = np.clip(propensities, *PROPENSITY_BOUNDS)
    group_weights = np.stack([is_recommended / clipped_propensities, ~is_recommended / (1 - clipped_propensities)])
    # the predicted difference, corrected by the weighted errors of the prediction
    robust_differences = (
        outcome_shares[0]
        - outcome_shares[1]
        + group_weights[0] * (has_outcome - outcome_shares[0])
        - group_weights[1] * (has_outcome - outcome_shares[1])
    )
    return replace(
        benefit,
        naive=_compare_weighted_means(np.stack([is_recommended, ~is_recommended]), has_outcome, person_codes, seed),
        inverse_propensity=_compare_weighted_means(group_weights, has_outcome, person_codes, seed),
        doubly_robust=_compare_weighted_means(
            np.stack([np.ones(len(has_outcome)), np.zeros(len(has_outcome))]), robust_differences, person_codes, seed
        ),
        clipped_share=float((propensities != clipped_propensities).mean()),
    )


def _fit_on_other_people(
    covariate_matrix: Doubles, is_recommended: Bools, has_outcome: Doubles, person_codes: Ints, seed: int
) -> tuple[Doubles, Doubles]:
    """Predict each step with models fitted on the people of the other folds.

    Returns:
        The probability of being recommended, shape (steps,), and the probability of the outcome if it was recommended
        and if it was not, shape (2, steps).
    """
    fold_by_person = np.random.default_rng(seed).permutation(person_codes.max() + 1) % _FOLDS
    step_folds = fold_by_person[person_codes]
    propensities, outcome_shares = np.empty(len(has_outcome)), np.empty((2, len(has_outcome)))
    for fold_number in range(_FOLDS):
        is_predicted, is_fitted = step_folds == fold_number, step_folds != fold_number
        propensities[is_predicted] = _predict_share(
            covariate_matrix[is_fitted], is_recommended[is_fitted], covariate_matrix[is_predicted]
        )
        for group_index, is_in_group in enumerate((is_recommended, ~is_recommended)):
            is_fitted_group = is_fitted & is_in_group
            outcome_shares[group_index, is_predicted] = _predict_share(
                covariate_matrix[is_fitted_group], has_outcome[is_fitted_group] > 0, covariate_matrix[is_predicted]
            )
    return propensities, outcome_shares


def _predict_share(known_covariates: Doubles, is_positive: Bools, new_covariates: Doubles) -> Doubles:
    """Predict by logistic regression; the share of positives if all are alike."""
    if is_positive.all() or not is_positive.any():
        return np.full(len(new_covariates), float(is_positive.any()))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(known_covariates, is_positive)
    return np.asarray(model.predict_proba(new_covariates)[:, 1], np.float64)


def _compare_weighted_means(
    group_weights: Doubles | Bools, step_values: Doubles, person_codes: Ints, seed: int
) -> Difference:
    """The weighted mean of the first group less that of the second, which is 0 if it has no weight.

    Args:
        group_weights: Weights of the steps, shape (2, steps).
        step_values: Values of the steps, shape (steps,).
        person_codes: Person of each step: all steps of a person are drawn together.
        seed: Seed of the bootstrap.
    """
    n_people = int(person_codes.max()) + 1
    # people x (sum of values, sum of weights) of the first group, and of the second
    person_sums = np.stack(
        [
            np.bincount(person_codes, person_terms, n_people)
            for weights in group_weights
            for person_terms in (weights * step_values, weights)
        ],
        axis=1,
    )
    draw_counts = np.random.default_rng(seed).multinomial(
        n_people, np.full(n_people, 1 / n_people), size=_BOOTSTRAP_DRAWS
    )
    sums = np.concatenate([person_sums.sum(axis=0)[None, :], draw_counts @ person_sums])
    differences = sums[:, 0] / np.maximum(sums[:, 1], 1e-12) - sums[:, 2] / np.maximum(sums[:, 3], 1e-12)
    low, high = percentile_interval(differences[1:]).tolist()
    return Difference(float(differences[0]), low, high)
