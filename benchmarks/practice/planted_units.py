"""Units with planted practice: staffing, season, holidays and bad weeks, cuts on a known date, a tool in some units.

Belongs here: the weekly amounts that a company of such units would have. Its numbers were fixed before any limit of
`ml.organisation` was chosen.
Does not belong here: what is measured with them (`power`).
"""

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from ml.organisation.practice_adjustment import FloatArray
from ml.organisation.practice_series import PART_COLUMNS

# By kind: unit of the amounts, mean per person and week, and the shape of a person's week: 1 is as uneven as a Poisson
# process, smaller is more uneven. Counts are Poisson.
_KINDS = {
    "edge": ("hours", 9.0, 0.8),
    "routine": ("hours", 16.0, 1.5),
    "learning": ("hours", 0.8, 0.08),
    "review_given": ("count", 0.35, None),
    "review_received": ("count", 0.35, None),
    "finished": ("count", 0.6, None),
}
_SEASON_SHARE = 0.15
# Shares of the usual work in the weeks of Christmas and New Year, and in August.
_CHRISTMAS_SHARES, _AUGUST_SHARE = (0.35, 0.45), 0.75
# Each unit and kind has good and bad weeks: logarithm, spread, and how much of a week's deviation the next one keeps.
_UNIT_SPREAD, _UNIT_MEMORY = 0.12, 0.5
_STAFF_BOUNDS, _STAFF_CHANGE_SHARE = (8, 40), 0.02
LAST_DAY = date(2026, 6, 30)


class PlantedUnits(NamedTuple):
    """The practice of planted units.

    Attributes:
        parts: One row per unit and kind, as `ml.organisation.practice_comparison.compare_with_past` takes them.
        weeks: Their weekly amounts; weeks_ago counts from the last week.
        staff_weeks: People per unit and week.
    """

    parts: pl.DataFrame
    weeks: pl.DataFrame
    staff_weeks: pl.DataFrame


class PlantedCompany(NamedTuple):
    """Amounts of all units over all weeks, the oldest week first.

    Attributes:
        staff: Units x weeks.
        amounts: By kind: units x weeks.
    """

    staff: FloatArray
    amounts: dict[str, FloatArray]


def name_unit(number: int) -> str:
    """The name of a unit by its number."""
    return f"unit {number:03d}"


def plant_company(unit_count: int, week_count: int, seed: int, factors: dict[str, FloatArray]) -> PlantedCompany:
    """Draw the weekly amounts of units.

    Args:
        unit_count: Number of units.
        week_count: Number of weeks; the last one ends on `LAST_DAY`.
        seed: Seed of the draw.
        factors: By kind: what is planted, as a factor of the mean per unit and week.
    """
    rng = np.random.default_rng([seed, 241])
    staff = _draw_staff(unit_count, week_count, rng)
    calendar = _calendar_factors(week_count)
    amounts = {}
    for kind, (_, mean, shape) in _KINDS.items():
        unit_factors = np.exp(_draw_memory(unit_count, week_count, rng))
        level = mean * rng.uniform(0.7, 1.3, (unit_count, 1))
        means = level * calendar * unit_factors * factors.get(kind, np.ones((unit_count, week_count)))
        if shape is None:
            amounts[kind] = rng.poisson(means * staff).astype(float)
        else:  # the sum of the people's gamma-distributed weeks
            amounts[kind] = rng.gamma(shape * staff) * means / shape
    return PlantedCompany(staff, amounts)


def list_planted(company: PlantedCompany, until_week: int) -> PlantedUnits:
    """The frames that a run in a week sees.

    Args:
        company: As `plant_company` returns it.
        until_week: Number of weeks that have passed.
    """
    unit_count = company.staff.shape[0]
    weeks_ago = np.tile(np.arange(until_week)[::-1], unit_count)
    unit_names = np.repeat([name_unit(number) for number in range(unit_count)], until_week)
    frames = [
        pl.DataFrame(
            {
                "unit_name": unit_names,
                "practice_scope": "unit",
                "practice_of": unit_names,
                "practice_kind": kind,
                "practice_unit": _KINDS[kind][0],
                "weeks_ago": weeks_ago,
                "practice_amount": amounts[:, :until_week].ravel(),
            }
        )
        for kind, amounts in company.amounts.items()
    ]
    weeks = pl.concat(frames)
    staff_weeks = pl.DataFrame(
        {"unit_name": unit_names, "weeks_ago": weeks_ago, "staff_count": company.staff[:, :until_week].ravel()}
    ).sort("unit_name", "weeks_ago")
    parts = weeks.select(PART_COLUMNS).unique(maintain_order=True)
    return PlantedUnits(parts, weeks.filter(pl.col("practice_amount") > 0), staff_weeks)


def _draw_staff(unit_count: int, week_count: int, rng: np.random.Generator) -> FloatArray:
    """People per unit and week: now and then somebody joins or leaves."""
    first = rng.integers(*_STAFF_BOUNDS, (unit_count, 1))
    moves = rng.binomial(first, _STAFF_CHANGE_SHARE / 2, (unit_count, week_count)) - rng.binomial(
        first, _STAFF_CHANGE_SHARE / 2, (unit_count, week_count)
    )
    return np.maximum(first + np.cumsum(moves, axis=1), 6).astype(float)


def _draw_memory(unit_count: int, week_count: int, rng: np.random.Generator) -> FloatArray:
    """Deviations of weeks, of which the next week keeps a part: an autoregressive process of order 1."""
    shocks = rng.normal(0, _UNIT_SPREAD * np.sqrt(1 - _UNIT_MEMORY**2), (unit_count, week_count))
    deviations = np.empty_like(shocks)
    deviations[:, 0] = rng.normal(0, _UNIT_SPREAD, unit_count)
    for week in range(1, week_count):
        deviations[:, week] = _UNIT_MEMORY * deviations[:, week - 1] + shocks[:, week]
    return deviations


def _calendar_factors(week_count: int) -> FloatArray:
    """Season and holidays by week, the same for all units."""
    days = [LAST_DAY - timedelta(days=7 * (week_count - 1 - week)) for week in range(week_count)]
    factors = np.array([1 + _SEASON_SHARE * np.cos(2 * np.pi * day.timetuple().tm_yday / 365.25) for day in days])
    for week, day in enumerate(days):
        if (day.month, day.day) >= (12, 26) or (day.month, day.day) <= (1, 1):
            factors[week] *= _CHRISTMAS_SHARES[0]
        elif day.month == 1 and day.day <= 8:
            factors[week] *= _CHRISTMAS_SHARES[1]
        elif day.month == 8 and 8 <= day.day <= 21:
            factors[week] *= _AUGUST_SHARE
    return factors[None, :]
