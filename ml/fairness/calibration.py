"""Calibration by group: how many of the promised steps came true.

Belongs here: the ratio of reached to promised steps of each group, and its comparison with everybody else.
Does not belong here: which steps were promised and reached (`outcomes`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import norm

from ml.data.sparse_rows import Doubles
from ml.fairness.groups import Grouping, iter_groups
from ml.fairness.intervals import NORMAL_QUANTILE, Interval
from ml.fairness.measures import CALIBRATED, CALIBRATION, MEASURE_SCHEMA


@dataclass(frozen=True)
class _LogRatio:
    """The logarithm of a ratio of sums, with its standard error."""

    log_ratio: float
    standard_error: float

    def to_interval(self) -> Interval:
        half_width = NORMAL_QUANTILE * self.standard_error
        ends = np.exp([self.log_ratio, self.log_ratio - half_width, self.log_ratio + half_width])
        return Interval(*map(float, ends))


def measure_calibration(
    promised_steps: pl.DataFrame, groupings: Sequence[Grouping], minimum_people: int
) -> pl.DataFrame:
    """Compare reached with promised steps in each group.

    Args:
        promised_steps: One row per person: person_id, promised (the sum of the probabilities of the listed steps) and
            reached (how many of these steps were reached within the horizon).
        groupings: The groups.
        minimum_people: The smallest number of people with promised steps of a group.

    Returns:
        One row per group, in `MEASURE_SCHEMA`; none for a group that reached nothing: a ratio of 0 has no interval.
    """
    measure_rows = []
    for grouping in groupings:
        members = grouping.members.join(promised_steps.filter(pl.col("promised") > 0), on="person_id")
        for group_name, person_ids in iter_groups(grouping):
            is_member = members["person_id"].is_in(person_ids.implode())
            group_people, other_people = members.filter(is_member), members.filter(~is_member)
            own, other = _estimate(group_people), _estimate(other_people)
            if min(group_people.height, other_people.height) < minimum_people or own is None or other is None:
                continue
            difference = _LogRatio(
                own.log_ratio - other.log_ratio, float(np.hypot(own.standard_error, other.standard_error))
            )
            calibration, comparison = own.to_interval(), difference.to_interval()
            z_score = difference.log_ratio / difference.standard_error if difference.standard_error else 0.0
            measure_rows.append(
                {
                    "section": CALIBRATION,
                    "measure": CALIBRATED,
                    "attribute": grouping.attribute,
                    "group": group_name,
                    "people_count": group_people.height,
                    "case_count": int(group_people["reached"].sum()),
                    "estimate": calibration.estimate,
                    "low": calibration.low,
                    "high": calibration.high,
                    "ratio": comparison.estimate,
                    "ratio_low": comparison.low,
                    "ratio_high": comparison.high,
                    "p_value": float(2 * norm.sf(abs(z_score))),
                }
            )
    return pl.DataFrame(measure_rows, schema=MEASURE_SCHEMA, orient="row")


def _estimate(people: pl.DataFrame) -> _LogRatio | None:
    """The log of reached / promised, with the delta method over people (Cochran 1977, section 6.3); None if 0."""
    reached: Doubles = people["reached"].cast(pl.Float64).to_numpy()
    promised: Doubles = people["promised"].to_numpy()
    if not reached.sum():
        return None
    ratio = reached.sum() / promised.sum()
    return _LogRatio(float(np.log(ratio)), float(np.sqrt(((reached - ratio * promised) ** 2).sum()) / reached.sum()))
