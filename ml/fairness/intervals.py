"""Intervals of rates, of ratios and of the area under the ROC curve.

Belongs here: formulas on counts and samples.
Does not belong here: which counts (`rates`, `calibration`, `predictability`).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import rankdata

from ml.data.sparse_rows import Bools, Doubles
from ml.data.statistics import wilson_interval

# Quantile of the standard normal distribution for intervals of 95 %.
NORMAL_QUANTILE = 1.959964


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95 % interval."""

    estimate: float
    low: float
    high: float


def compute_rate(case_count: int, people_count: int) -> Interval:
    """A rate with Wilson's (1927) score interval.

    Args:
        case_count: People to whom it applies.
        people_count: People who could have been among them, at least 1.
    """
    share, count = pl.lit(case_count / people_count), pl.lit(people_count)
    low, high = pl.select(
        *(
            end.alias(name)
            for end, name in zip(wilson_interval(share, count, NORMAL_QUANTILE), ("low", "high"), strict=True)
        )
    ).row(0)
    return Interval(case_count / people_count, max(low, 0.0), min(high, 1.0))


def compute_rate_ratio(
    case_count: int, people_count: int, reference_case_count: int, reference_people_count: int
) -> Interval | None:
    """A ratio of two independent rates with its interval by the log method (Katz, Baptista, Azen and Pike 1978).

    If a count of cases is 0, one half is added to all counts for the interval (Walter 1975).

    Args:
        case_count: Cases of the group.
        people_count: People of the group.
        reference_case_count: Cases of the group it is compared with.
        reference_people_count: People of that group.

    Returns:
        The ratio; None if the reference rate is 0.
    """
    if not reference_case_count:
        return None
    ratio = (case_count / people_count) / (reference_case_count / reference_people_count)
    added_count = 0.0 if case_count else 0.5
    cases, people = case_count + added_count, people_count + added_count
    reference_cases, reference_people = reference_case_count + added_count, reference_people_count + added_count
    log_ratio = np.log((cases / people) / (reference_cases / reference_people))
    standard_error = np.sqrt(max(1 / cases - 1 / people + 1 / reference_cases - 1 / reference_people, 0.0))
    return Interval(
        float(ratio),
        float(np.exp(log_ratio - NORMAL_QUANTILE * standard_error)),
        float(np.exp(log_ratio + NORMAL_QUANTILE * standard_error)),
    )


def compute_auc(scores: Doubles, is_member: Bools) -> tuple[Interval, float]:
    """The area under the ROC curve with the interval of DeLong, DeLong and Clarke-Pearson (1988).

    Computed from midranks (Sun and Xu 2014).

    Args:
        scores: One value per person.
        is_member: Whether the person is a member of the group; at least two people are and two are not.

    Returns:
        The probability that a member has a larger value than somebody else, ties counted half; and its standard error.
    """
    member_scores, other_scores = scores[is_member], scores[~is_member]
    member_count, other_count = len(member_scores), len(other_scores)
    joint_ranks = rankdata(np.concatenate([member_scores, other_scores]))
    member_parts = (joint_ranks[:member_count] - rankdata(member_scores)) / other_count
    other_parts = 1.0 - (joint_ranks[member_count:] - rankdata(other_scores)) / member_count
    auc = float(member_parts.mean())
    standard_error = float(np.sqrt(member_parts.var(ddof=1) / member_count + other_parts.var(ddof=1) / other_count))
    half_width = NORMAL_QUANTILE * standard_error
    return Interval(auc, max(auc - half_width, 0.0), min(auc + half_width, 1.0)), standard_error
