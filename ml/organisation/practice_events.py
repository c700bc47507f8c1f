"""Events: what changed in some units after a day, compared with units without the event.

Belongs here: difference-in-differences, its interval, placebo days, and what it cannot prove; each with its source.
Does not belong here: changes that nobody announced (`changes`), printing (`assets.cli.practice`).
"""

from typing import NamedTuple

import numpy as np
import polars as pl
from scipy import stats

from ml.organisation.practice_adjustment import BoolArray, FloatArray

# Weeks before and after the day that are compared: half a year, or what has passed since. Fewer than four show nothing.
PERIOD_WEEKS, LEAST_WEEKS_AFTER_EVENT = 26, 4
# Two units without the event are the fewest between which chance can be seen.
_LEAST_COMPARED_UNITS = 2
_PLACEBO_STEP_WEEKS = 4
_INTERVAL_SHARE = 0.95
CANNOT_PROVE = (
    "Nobody drew lots for the units with the event: what else began there at the same time counts to the event.",
    "The comparison assumes that all units would have moved alike without it; placebo days show whether they did "
    "before, not whether they would have.",
    "A unit that is compared may have been touched by the event too; the effect is then larger than told.",
    "It is about units, never about one person.",
)


class EventEffect(NamedTuple):
    """The effect of an event on one kind of practice.

    Attributes:
        practice_kind: Kind of practice, or `finished_per_hour`.
        practice_unit: Unit of its amounts.
        event_unit_count: Units with the event that have amounts before and after.
        compared_unit_count: Units without it that have.
        left_out_count: Units without amounts before or after, which have no ratio.
        weeks: Weeks that are compared, before and after.
        effect_share: Amount per head after against before, relative to the units without the event, minus 1.
        low_share: Lower end of its 95 % interval.
        high_share: Upper end.
        placebo_count: Placebo days before the event.
        placebo_outside_count: Placebo days whose own interval does not hold 0; about a twentieth by chance.
        placebo_chance: Share of placebo days, the event counted among them, with an effect at least as large.
    """

    practice_kind: str
    practice_unit: str
    event_unit_count: int
    compared_unit_count: int
    left_out_count: int
    weeks: int
    effect_share: float
    low_share: float
    high_share: float
    placebo_count: int
    placebo_outside_count: int
    placebo_chance: float | None


class _Difference(NamedTuple):
    difference: float
    half_width: float
    event_count: int
    compared_count: int


def estimate_event(
    rates: FloatArray, has_event: BoolArray, weeks_since: int, practice_kind: str, practice_unit: str
) -> EventEffect | None:
    """Estimate the effect of an event on one kind of practice, with placebo days.

    Args:
        rates: Amounts per head, units x weeks, the oldest week first.
        has_event: Whether each unit has the event.
        weeks_since: Weeks since the event began.
        practice_kind: Kind of the amounts.
        practice_unit: Unit of the amounts.

    Returns:
        The effect; None if fewer than one unit with the event or two without it have amounts before and after.
    """
    weeks = min(PERIOD_WEEKS, weeks_since, rates.shape[1] - weeks_since)
    event_end = rates.shape[1] - weeks_since + weeks
    estimate = compare_periods(rates[:, event_end - 2 * weeks : event_end], has_event, weeks)
    if estimate is None:
        return None
    placebos = [
        placebo
        for end in range(rates.shape[1] - weeks_since, 2 * weeks - 1, -_PLACEBO_STEP_WEEKS)
        if (placebo := compare_periods(rates[:, end - 2 * weeks : end], has_event, weeks)) is not None
    ]
    as_large_count = sum(abs(placebo.difference) >= abs(estimate.difference) for placebo in placebos)
    low, high = estimate.difference - estimate.half_width, estimate.difference + estimate.half_width
    return EventEffect(
        practice_kind,
        practice_unit,
        estimate.event_count,
        estimate.compared_count,
        len(rates) - estimate.event_count - estimate.compared_count,
        weeks,
        float(np.expm1(estimate.difference)),
        float(np.expm1(low)),
        float(np.expm1(high)),
        len(placebos),
        sum(abs(placebo.difference) > placebo.half_width for placebo in placebos),
        (1 + as_large_count) / (1 + len(placebos)) if placebos else None,
    )


def compare_periods(rates: FloatArray, has_event: BoolArray, weeks_after: int) -> _Difference | None:
    """The difference between units with and without an event in how much their amounts changed.

    Each unit is one number d = log(mean after) - log(mean before): two periods, so that weeks that resemble their
    neighbours do not pass for more than they are. The effect is mean(d with) - mean(d without). Its 95 % interval is
    t(N - 2) x s x sqrt(1 / with + 1 / without), where s^2 is the variance of d within both groups together; with one
    unit that has the event, s is that of the others. Sources: M. Bertrand, E. Duflo and S. Mullainathan, How much
    should we trust differences-in-differences estimates?, Quarterly Journal of Economics 119 (2004), section IV.C;
    T. G. Conley and C. R. Taber, Review of Economics and Statistics 93 (2011), for few units with the event.

    Args:
        rates: Amounts per head of the weeks that are compared, units x weeks.
        has_event: Whether each unit has the event.
        weeks_after: How many of the weeks are after it.

    Returns:
        Difference of logarithms, half the width of its interval, and the units that have a ratio; None if too few have.
    """
    before, after = rates[:, :-weeks_after].mean(axis=1), rates[:, -weeks_after:].mean(axis=1)
    has_ratio = (before > 0) & (after > 0)
    changes = np.log(after[has_ratio]) - np.log(before[has_ratio])
    with_event, without_event = changes[has_event[has_ratio]], changes[~has_event[has_ratio]]
    if not len(with_event) or len(without_event) < _LEAST_COMPARED_UNITS:
        return None
    freedom = len(with_event) + len(without_event) - 2
    squares = ((with_event - with_event.mean()) ** 2).sum() + ((without_event - without_event.mean()) ** 2).sum()
    spread = np.sqrt(squares / freedom * (1 / len(with_event) + 1 / len(without_event)))
    quantile = float(stats.t.ppf(0.5 + _INTERVAL_SHARE / 2, freedom))
    return _Difference(
        float(with_event.mean() - without_event.mean()), quantile * float(spread), len(with_event), len(without_event)
    )


def estimate_effects(
    weeks: pl.DataFrame, staff_weeks: pl.DataFrame, event_units: list[str], compared_units: list[str], weeks_since: int
) -> list[EventEffect]:
    """Estimate the effect of an event on each kind of practice, and on finished work per hour of work.

    Args:
        weeks: Whole units only: unit_name, practice_kind, practice_unit, weeks_ago, practice_amount.
        staff_weeks: unit_name, weeks_ago, staff_count.
        event_units: Units with the event.
        compared_units: Units without it.
        weeks_since: Whole weeks since the event began.

    Returns:
        One effect per kind and unit of practice that has amounts in both groups.
    """
    units = [*event_units, *compared_units]
    has_event = np.arange(len(units)) < len(event_units)
    week_count = 1 + int(np.asarray(weeks["weeks_ago"].max() or 0))
    staff = np.maximum(_fill_units(staff_weeks, "staff_count", units, week_count), 1.0)
    effects, rates_by_kind = [], {}
    for (kind, unit_of_amounts), kind_weeks in sorted(weeks.group_by("practice_kind", "practice_unit")):
        recorded_weeks = 1 + int(np.asarray(kind_weeks["weeks_ago"].max() or 0))
        rates = _fill_units(kind_weeks, "practice_amount", units, week_count) / staff
        rates_by_kind[str(kind), str(unit_of_amounts)] = rates
        if recorded_weeks > weeks_since:
            rates = rates[:, -recorded_weeks:]
            effects.append(estimate_event(rates, has_event, weeks_since, str(kind), str(unit_of_amounts)))
    hours = sum(
        rates for (kind, unit), rates in rates_by_kind.items() if kind in ("edge", "routine") and unit == "hours"
    )
    finished = rates_by_kind.get(("finished", "count"))
    if finished is not None and not isinstance(hours, int):
        # weeks of little work have wild ratios: four weeks together
        per_hour = _sum_four_weeks(finished) / np.maximum(_sum_four_weeks(hours), 1e-9)
        is_recorded = _sum_four_weeks(hours).sum(axis=0) > 0
        first_week = int(is_recorded.argmax())
        if per_hour.shape[1] - first_week > weeks_since:
            effects.append(
                estimate_event(per_hour[:, first_week:], has_event, weeks_since, "finished_per_hour", "count")
            )
    return [effect for effect in effects if effect is not None]


def _sum_four_weeks(rates: FloatArray) -> FloatArray:
    """The sum of each week and the three before it."""
    sums = np.cumsum(np.pad(rates, ((0, 0), (1, 0))), axis=1)
    lagged = np.pad(sums, ((0, 0), (4, 0)))[:, : sums.shape[1]]
    return np.asarray((sums - lagged)[:, 1:])


def _fill_units(rows: pl.DataFrame, amount_column: str, units: list[str], week_count: int) -> FloatArray:
    """Amounts of units x weeks, the oldest week first; 0 where there is none."""
    numbers = pl.DataFrame(
        {"unit_name": units, "number": range(len(units))}, {"unit_name": pl.String, "number": pl.Int64}
    )
    numbered = rows.join(numbers, on="unit_name").filter(pl.col("weeks_ago") < week_count)
    filled = np.zeros((len(units), week_count))
    positions = week_count - 1 - numbered["weeks_ago"].to_numpy().astype(np.int64)
    filled[numbered["number"].to_numpy(), positions] = numbered[amount_column].to_numpy()
    return filled
