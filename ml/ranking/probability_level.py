"""The level of the probability: corrected by segment, moved with recent activity, and shrunk to the base rate.

Belongs here: what past windows and the latest finished window say about how much comes true in all.
Does not belong here: which candidates are more probable than others (see calibration), measures (`ml.evaluation`).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from ml.data.interactions import Interactions
from ml.data.sparse_rows import Bools, Doubles, Ints
from ml.ranking.cases import Cases, build_window_cases

HELD_BOUNDS = (2, 6)  # segments of people by items held: 0-1, 2-5, 6 and more
N_SEGMENTS = len(HELD_BOUNDS) + 1
# Outcomes that count as much as the prior: no correction for everybody, everybody's correction for a segment. A company
# of 200 people has a few dozen outcomes in the past windows, and its segments differ by a factor of three.
PRIOR_OUTCOMES, PRIOR_SEGMENT_OUTCOMES = 30.0, 6.0
PRIOR_ACQUISITIONS = 10.0  # of the latest window; fewer do not tell that people do more or less than before
# Half of a change persists: the inputs know each person's own activity, and a burst does not go on.
ACTIVITY_EXPONENT = 0.5
MAX_ACQUIRED = 10  # of a person and window that count: one person's burst is not everybody's
_MAX_OFFSET = 50.0
PRIOR_LEVEL_ERROR = 0.01  # added to squared log ratios: a few windows by chance differ by less
WEIGHT_STANDARD_ERRORS = 1.0  # below the estimate: a model must be better than the base rate by more than chance


@dataclass(frozen=True, eq=False)
class ActivityCounts:
    """What everyone with a history acquired in one window. One entry per segment."""

    people: Doubles
    acquired: Doubles  # items, at most MAX_ACQUIRED per person


@dataclass(frozen=True, eq=False)
class ProbabilityLevel:
    """What is done to the log odds of the calibrated model. One entry per segment, except the weights.

    probability = base + model_weight * (model - base), both after the move by recent activity.
    """

    offsets: Doubles  # added to the log odds
    base_rates: Doubles  # shares of positive outcomes among the first ten items
    acquired_per_person: Doubles  # in the past windows
    model_weight: float  # 0 to 1: how far the model's differences between candidates have proven better than base rates
    anchor_weight: (
        float  # 0 to 1: how far the base rates have predicted the level of other windows better than the model
    )

    def adjust(self, log_odds: Doubles, segments: Ints, activity_shift: Doubles | None) -> Doubles:
        """The probability of each candidate.

        Args:
            log_odds: Log odds of the calibrated model, one per candidate.
            segments: Segment of each candidate's person.
            activity_shift: See `measure_activity_shift`; no shift if None.
        """
        shift = np.zeros(N_SEGMENTS) if activity_shift is None else activity_shift
        base_rates = np.asarray(expit(logit(self.base_rates) + shift), np.float64)[segments]
        model_probability = expit(log_odds + (self.offsets + shift)[segments])
        return np.asarray(base_rates + self.model_weight * (model_probability - base_rates), np.float64)


def find_segments(held_counts: Ints) -> Ints:
    """The segment of each person, by the number of items held."""
    return np.searchsorted(np.asarray(HELD_BOUNDS), held_counts, side="right")


def count_activity(interactions: Interactions, cases: Cases) -> ActivityCounts:
    """Count what people acquired in a window.

    Args:
        interactions: What they held at the cutoff.
        cases: One row per person with a history, idle people too.
    """
    # items held are acquisitions before the cutoff: states of everybody at once would take gigabytes
    acquisitions = interactions.acquisitions
    held_counts = (
        np.searchsorted(
            interactions.time_key(acquisitions.person, acquisitions.time),
            interactions.time_key(cases.person, cases.cutoff_tick),
        )
        - acquisitions.start[cases.person]
    )
    segments = find_segments(held_counts)
    acquired_counts = np.minimum(cases.n_targets, MAX_ACQUIRED).astype(np.float64)
    return ActivityCounts(
        np.bincount(segments, minlength=N_SEGMENTS).astype(np.float64),
        np.bincount(segments, acquired_counts, N_SEGMENTS).astype(np.float64),
    )


def measure_activity_shift(level: ProbabilityLevel, interactions: Interactions, horizon_ticks: int) -> Doubles:
    """The change of log odds that the latest finished window suggests, one per segment.

    Args:
        level: Holds how much people acquired in the past windows.
        interactions: Everything that happened until now; the window ends with the latest event.
        horizon_ticks: Length of the window.
    """
    cutoff_tick = int(interactions.time.max(initial=0)) + 1 - horizon_ticks
    cases = build_window_cases(interactions, np.array([cutoff_tick]), horizon_ticks, include_idle=True)
    latest = count_activity(interactions, cases)
    usual_counts = latest.people * level.acquired_per_person
    overall_ratio = (latest.acquired.sum() + PRIOR_ACQUISITIONS) / (usual_counts.sum() + PRIOR_ACQUISITIONS)
    segment_ratios = (latest.acquired + PRIOR_ACQUISITIONS) / (usual_counts * overall_ratio + PRIOR_ACQUISITIONS)
    return np.asarray(ACTIVITY_EXPONENT * np.log(overall_ratio * segment_ratios), np.float64)


def fit_level(
    log_odds: Doubles | None,
    held_out_log_odds: Doubles | None,
    outcomes: Bools,
    sample_weight: Doubles,
    segments: Ints,
    case_codes: Ints,
    window_codes: Ints,
    acquired_per_person: Doubles,
) -> ProbabilityLevel:
    """Fit the level on the first ten candidates of people in past windows.

    Ratios of outcomes to probabilities are shrunk towards the ratio of all segments, and this towards 1. The weight of
    the model is the one that minimises the Brier score of predictions of windows that the model was not fitted on, less
    its standard error over cases. A weight of 0, the base rates, is among the choices: so a model that has not proven
    better than them has no weight.

    Args:
        log_odds: Log odds of the model; None without a model.
        held_out_log_odds: The same of models that were fitted without the row's window; None if there are none.
        outcomes: Whether each row's item was acquired.
        sample_weight: How many people each row represents.
        segments: Segment of each row's person.
        case_codes: Case of each row.
        window_codes: Window of each row.
        acquired_per_person: Items that people of each segment acquired per window.
    """
    row_counts = np.bincount(segments, sample_weight, N_SEGMENTS)
    outcome_counts = np.bincount(segments, sample_weight * outcomes, N_SEGMENTS)
    # Half an outcome more, and half a miss, so that no base rate is 0 or 1 (Jeffreys' prior).
    base_rate = (outcome_counts.sum() + 0.5) / (row_counts.sum() + 1.0)
    base_rates = (outcome_counts + PRIOR_SEGMENT_OUTCOMES) / (row_counts + PRIOR_SEGMENT_OUTCOMES / base_rate)
    if log_odds is None:
        return ProbabilityLevel(np.zeros(N_SEGMENTS), base_rates, acquired_per_person, 0.0, 0.0)
    expected_counts = np.bincount(segments, sample_weight * expit(log_odds), N_SEGMENTS)
    overall_ratio = (outcome_counts.sum() + PRIOR_OUTCOMES) / (expected_counts.sum() + PRIOR_OUTCOMES)
    segment_ratios = (outcome_counts + PRIOR_SEGMENT_OUTCOMES) / (
        expected_counts * overall_ratio + PRIOR_SEGMENT_OUTCOMES
    )
    offsets = np.array(
        [
            _solve_offset(log_odds[segments == segment], sample_weight[segments == segment], ratio)
            for segment, ratio in enumerate((overall_ratio * segment_ratios).tolist())
        ]
    )
    model_weight, anchor_weight = 0.0, 0.0
    if held_out_log_odds is not None:
        model_gains = expit(held_out_log_odds + offsets[segments]) - base_rates[segments]
        model_weight = _choose_model_weight(model_gains, outcomes - base_rates[segments], sample_weight, case_codes)
        anchor_weight = _choose_anchor_weight(expit(held_out_log_odds), outcomes, sample_weight, window_codes)
    return ProbabilityLevel(offsets, base_rates, acquired_per_person, model_weight, anchor_weight)


def anchor_level(
    level: ProbabilityLevel, log_odds: Doubles, sample_weight: Doubles, segments: Ints
) -> ProbabilityLevel:
    """Move the offsets so that the model in use promises in all more nearly what came true in past windows.

    The model that ranked the past windows was fitted before them. Its features, such as counts of holders, differ from
    those of the model in use, and so does the sum of the probabilities.

    Args:
        level: The level that past windows gave.
        log_odds: Log odds of the first ten candidates of people now, ranked by the model in use.
        sample_weight: How many people each row represents.
        segments: Segment of each row's person.
    """
    expected_count = float(sample_weight @ expit(log_odds + level.offsets[segments]))
    usual_count = float(sample_weight @ level.base_rates[segments])
    ratio = ((usual_count + PRIOR_SEGMENT_OUTCOMES) / (expected_count + PRIOR_SEGMENT_OUTCOMES)) ** level.anchor_weight
    return replace(
        level, offsets=level.offsets + _solve_offset(log_odds + level.offsets[segments], sample_weight, ratio)
    )


def _choose_anchor_weight(probability: Doubles, outcomes: Bools, sample_weight: Doubles, window_codes: Ints) -> float:
    """The weight of the base rate of the other windows, by the squared errors with which both predicted each window."""
    row_counts, observed_counts, expected_counts = (
        np.bincount(window_codes, counted)
        for counted in (sample_weight, sample_weight * outcomes, sample_weight * probability)
    )
    if len(row_counts) < 2:
        return 0.0
    usual_rates = (observed_counts.sum() - observed_counts) / (row_counts.sum() - row_counts)
    base_error, model_error = (
        float((np.log((observed_counts + 1.0) / (predicted_counts + 1.0)) ** 2).mean()) + PRIOR_LEVEL_ERROR
        for predicted_counts in (row_counts * usual_rates, expected_counts)
    )
    return model_error / (model_error + base_error)


def _solve_offset(log_odds: Doubles, sample_weight: Doubles, ratio: float) -> float:
    """The offset of log odds that multiplies the sum of the probabilities by a ratio."""
    total_weight = float(sample_weight.sum())
    if total_weight == 0.0:
        return float(np.log(ratio))
    wanted_count = min(ratio * float(sample_weight @ expit(log_odds)), 0.999 * total_weight)

    def count_excess(offset: float) -> float:
        return float(sample_weight @ expit(log_odds + offset)) - wanted_count

    return float(brentq(count_excess, -_MAX_OFFSET, _MAX_OFFSET, xtol=1e-6))


def _choose_model_weight(
    model_gains: Doubles, outcome_gains: Doubles, sample_weight: Doubles, case_codes: Ints
) -> float:
    """The coefficient of a least-squares regression through the origin, less its standard error over cases."""
    information = float((sample_weight * model_gains**2).sum())
    if information == 0.0:
        return 0.0
    coefficient = float((sample_weight * model_gains * outcome_gains).sum()) / information
    residual_scores = sample_weight * model_gains * (outcome_gains - coefficient * model_gains)
    standard_error = float(np.sqrt((np.bincount(case_codes, residual_scores) ** 2).sum())) / information
    return float(np.clip(coefficient - WEIGHT_STANDARD_ERRORS * standard_error, 0.0, 1.0))
