"""Calibration: from the ranker's utility to the probability of acquiring an item within the horizon.

Belongs here: the logistic model over utility and activity.
Does not belong here: ranking, measures of how well probabilities match outcomes (`ml.evaluation.reliability`).
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from ml.data.interactions import TICKS_PER_DAY, Interactions, UserStates
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints
from ml.ranking.features import FEATURES, find_first_and_latest_use
from ml.ranking.probability_level import ProbabilityLevel, find_segments
from ml.ranking.ranker import log_softmax

ACTIVITY_DAYS = (30, 90, 365)
# The ranker's features that predict whether anybody takes the item now, or this person an item of its kind.
ITEM_INPUTS = (
    *("trend_2", "trend_20", "is_new", "log_age", "first_part_idle", "first_part_recent", "first_two_parts_recent"),
    *("first_two_parts_idle", "stage_z", "log_popularity", "recent_popularity_log", "ease_last_log", "markov_last_log"),
)
_FEATURE_NAMES = [feature.name for feature in FEATURES]
_ITEM_COLUMNS = [_FEATURE_NAMES.index(feature_name) for feature_name in ITEM_INPUTS]
CALIBRATION_CANDIDATES = 20  # best candidates of a person that are learned from: below them hardly any is acquired
WEIGHT_PENALTY = 100.0  # two dozen weights rest on a few hundred outcomes
KNOT_QUANTILES = (1 / 3, 2 / 3)  # the bends split the log odds of what was acquired into thirds
MIN_POSITIVES = 20  # fewer positive outcomes do not support a probability
IDLE_DAYS_WITHOUT_HISTORY = 10_000.0
_HELD_COLUMN = 2 + 2 * len(ACTIVITY_DAYS)  # of the inputs: after the log odds, activity and idleness


@dataclass(frozen=True, eq=False)
class Calibrator:
    """probability = 1 / (1 + exp(-bent(inputs . weights + bias))), where `bent` is linear between the knots.

    bent(z) = tilt[0] + tilt[1] z + tilt[2] max(z - knot, 0) + ..., and never falls. `level` then moves the probability
    to what came true in past windows. `weights` are empty if there were too few outcomes for a model: the probability
    is the base rate.
    """

    weights: Doubles
    bias: float
    n_positive: int
    tilt: Doubles
    knots: Doubles
    level: ProbabilityLevel | None = None  # None in bundles of earlier versions
    base_rate: float | None = None  # share of positive outcomes among the first ten items of people in past windows

    def probability(self, inputs: Floats, activity_shift: Doubles | None = None) -> Doubles:
        """The probability per row of `inputs` (see `build_calibration_inputs`).

        Args:
            inputs: Rows x inputs.
            activity_shift: See `ml.ranking.probability_level.measure_activity_shift`; no shift if None.
        """
        log_odds = self.log_odds(inputs) if len(self.weights) else np.zeros(len(inputs))
        if self.level is None:
            return np.asarray(expit(log_odds), np.float64)
        return self.level.adjust(log_odds, find_input_segments(inputs), activity_shift)

    def log_odds(self, inputs: Floats) -> Doubles:
        """The bent log odds per row of `inputs`, before the level."""
        return _bend(np.asarray(inputs @ self.weights + self.bias, np.float64), self.tilt, self.knots)


def build_calibration_inputs(
    interactions: Interactions, user_states: UserStates, utility: Doubles, is_candidate: Bools, feature_matrix: Floats
) -> Floats:
    """Inputs of the probability for the candidates of people.

    Args:
        interactions: Everything that people did; what happened at or after a row's cutoff is not looked at.
        user_states: Person and cutoff of each row, and what the person held.
        utility: Rows x k.
        is_candidate: Rows x k, False on padding.
        feature_matrix: (rows * k) x features, of which ITEM_INPUTS are taken.

    Returns:
        (rows * k) x inputs: log odds among the candidates, the person's activity, the item's features.
    """
    log_odds = np.where(is_candidate, log_softmax(utility, is_candidate), 0.0)[:, :, None]
    first_ticks, latest_ticks = find_first_and_latest_use(user_states)
    idle_days = np.where(
        user_states.item_counts > 0, (user_states.cutoff_tick - latest_ticks) / TICKS_PER_DAY, IDLE_DAYS_WITHOUT_HISTORY
    )
    tenure_days = (user_states.cutoff_tick - first_ticks) / TICKS_PER_DAY
    person_inputs = np.column_stack(
        [
            _count_activity(interactions, user_states.person, user_states.cutoff_tick),
            np.log1p(idle_days),
            np.log1p(user_states.item_counts),
            np.log1p(tenure_days),
        ]
    )
    return (
        np.concatenate(
            [
                log_odds,
                np.broadcast_to(person_inputs[:, None, :], (*utility.shape, person_inputs.shape[1])),
                feature_matrix[:, _ITEM_COLUMNS].reshape(*utility.shape, -1),
            ],
            axis=2,
        )
        .reshape(utility.size, -1)
        .astype(np.float32)
    )


def find_input_segments(inputs: Floats) -> Ints:
    """The segment (see `ml.ranking.probability_level`) of the person of each row of calibration inputs."""
    return find_segments(np.round(np.expm1(inputs[:, _HELD_COLUMN])).astype(np.int64))


def _count_activity(interactions: Interactions, person_codes: Ints, cutoff_ticks: Ints) -> Floats:
    """Rows x 6: log of 1 + items first acquired, and of 1 + uses, in the last ACTIVITY_DAYS before the cutoff."""
    acquisitions, cutoff_keys = interactions.acquisitions, interactions.time_key(person_codes, cutoff_ticks)
    activity_counts = [
        np.searchsorted(event_keys, cutoff_keys)
        - np.searchsorted(event_keys, interactions.time_key(person_codes, cutoff_ticks - activity_days * TICKS_PER_DAY))
        for event_keys in (interactions.time_key(acquisitions.person, acquisitions.time), interactions.search_key)
        for activity_days in ACTIVITY_DAYS
    ]
    return np.log1p(np.stack(activity_counts, axis=1)).astype(np.float32)


def fit_calibrator(
    inputs: Floats, outcomes: Bools, sample_weight: Doubles | None = None, window_codes: Ints | None = None
) -> tuple[Calibrator | None, Doubles | None]:
    """Fit a penalised logistic regression, and bend it by how it transfers between windows.

    People and habits differ between windows, which affects the highest probabilities most. So the log odds of each
    window are predicted from the other windows, and a line with KNOTS bends is fitted from these predictions to the
    outcomes. The line stays straight if there is one window, or a window without a positive outcome.

    Args:
        inputs: Rows x inputs, see `build_calibration_inputs`.
        outcomes: Whether each row's item was acquired.
        sample_weight: How many people each row represents; 1 if None.
        window_codes: Code of the window of each row; all rows are of one window if None.

    Returns:
        The calibrator, without a level, and the log odds of each row from a fit without its window. If there is one
        window, or a window without a positive outcome, they are from a fit without its half of the rows; None if a
        half has no positive outcome. No calibrator if fewer than MIN_POSITIVES outcomes are positive, or all are.
    """
    n_positive = int(outcomes.sum())
    if n_positive < MIN_POSITIVES or n_positive == len(outcomes):
        return None, None
    sample_weight = np.ones(len(outcomes)) if sample_weight is None else sample_weight
    input_weights, bias = fit_logistic_regression(inputs, outcomes, sample_weight, WEIGHT_PENALTY)
    is_bent = window_codes is not None and _have_positives(outcomes, window_codes)
    fold_codes = window_codes if is_bent else (np.arange(len(outcomes)) >= len(outcomes) // 2).astype(np.int64)
    held_out_log_odds = None
    if fold_codes is not None and _have_positives(outcomes, fold_codes):
        held_out_log_odds = _predict_held_out(inputs, outcomes, sample_weight, fold_codes)
    if not is_bent or held_out_log_odds is None:
        straight = Calibrator(input_weights, bias, n_positive, np.array([0.0, 1.0]), np.zeros(0))
        return straight, held_out_log_odds
    knots = np.quantile(held_out_log_odds[outcomes], KNOT_QUANTILES)
    hinge_weights, intercept = fit_logistic_regression(
        _build_hinge_columns(held_out_log_odds, knots), outcomes, sample_weight, 1e-1
    )
    slopes = np.maximum(np.cumsum(hinge_weights), 0.0)  # a higher prediction must not lower the probability
    tilt = np.concatenate([[intercept], np.diff(slopes, prepend=0.0)])
    return Calibrator(input_weights, bias, n_positive, tilt, knots), _bend(held_out_log_odds, tilt, knots)


def _have_positives(outcomes: Bools, fold_codes: Ints) -> bool:
    """Whether there are several folds, each with a positive outcome."""
    distinct_folds = np.unique(fold_codes)
    return len(distinct_folds) > 1 and len(np.unique(fold_codes[outcomes])) == len(distinct_folds)


def _predict_held_out(inputs: Floats, outcomes: Bools, sample_weight: Doubles, fold_codes: Ints) -> Doubles:
    """The log odds of each row from a regression on the rows of the other folds."""
    predicted_log_odds = np.empty(len(outcomes))
    for fold_code in np.unique(fold_codes).tolist():
        is_in_fold = fold_codes == fold_code
        fold_weights, fold_bias = fit_logistic_regression(
            inputs[~is_in_fold], outcomes[~is_in_fold], sample_weight[~is_in_fold], WEIGHT_PENALTY
        )
        predicted_log_odds[is_in_fold] = inputs[is_in_fold] @ fold_weights + fold_bias
    return predicted_log_odds


def _bend(log_odds: Doubles, tilt: Doubles, knots: Doubles) -> Doubles:
    return np.asarray(_build_hinge_columns(log_odds, knots) @ tilt[1:] + tilt[0], np.float64)


def _build_hinge_columns(log_odds: Doubles, knots: Doubles) -> Doubles:
    return np.stack([log_odds, *(np.maximum(log_odds - knot, 0.0) for knot in knots)], axis=1)


def fit_logistic_regression(
    inputs: Floats | Doubles, outcomes: Bools, sample_weight: Doubles, penalty: float
) -> tuple[Doubles, float]:
    """Weights and bias on the inputs' own scale; the penalty is on standardised weights."""
    input_means, input_deviations = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64) + 1e-6
    # For few inputs and many rows Newton's method converges in a dozen passes; other solvers stop early.
    regression = LogisticRegression(C=1.0 / penalty, max_iter=100, solver="newton-cholesky")
    regression.fit((inputs - input_means) / input_deviations, outcomes, sample_weight=sample_weight)
    input_weights = regression.coef_[0] / input_deviations
    return input_weights, float(regression.intercept_[0] - input_means @ input_weights)
