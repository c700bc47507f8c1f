"""Weekly series of units: amounts and staffing as arrays, grouped by the length of their history.

Belongs here: which weeks of a part of a unit's work count, and the series as arrays.
Does not belong here: formulas (`adjustment`), sums over people (`pipelines.core.unit_practice`).
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from ml.organisation.practice_adjustment import BoolArray, FloatArray, IntArray, common_shocks

# Histories are cut to whole quarters, so that few lengths occur; shorter ones than three quarters are no past.
_QUARTER_WEEKS, _LEAST_WEEKS = 13, 39
# Fewer units have no common level that a holiday of all could be told from.
_LEAST_UNITS = 8
PART_COLUMNS = ["unit_name", "practice_scope", "practice_of", "practice_kind", "practice_unit"]


class SeriesBlock(NamedTuple):
    """Series of one length.

    Attributes:
        rows: Position of each series among the parts.
        rates: Amount per head, series x weeks, the oldest week first.
        shocks: Factor of common shocks, series x weeks; 1 where there are none.
        is_hours: Whether each series is in hours.
    """

    rows: IntArray
    rates: FloatArray
    shocks: FloatArray
    is_hours: BoolArray


def build_series(
    parts: pl.DataFrame, weeks: pl.DataFrame, staff_weeks: pl.DataFrame, least_staff: int
) -> Iterator[SeriesBlock]:
    """Build the weekly series of parts of units' work.

    A series begins when the unit has enough people, and not before the company has the first amount of that kind: an
    export that begins later is no change of practice.

    Args:
        parts: One row per part: `PART_COLUMNS`.
        weeks: One row per part and week with an amount: `PART_COLUMNS`, weeks_ago, practice_amount.
        staff_weeks: unit_name, weeks_ago, staff_count, every week of every unit.
        least_staff: The fewest people of a unit in a week that counts.

    Yields:
        The series of each length; parts with too short a history have none.
    """
    week_count = int(np.asarray(staff_weeks["weeks_ago"].max() or 0)) + 1
    numbered_parts = parts.select(PART_COLUMNS).with_row_index("part")
    amounts = _fill_weeks(
        weeks.join(numbered_parts, on=PART_COLUMNS), "part", "practice_amount", len(parts), week_count
    )
    unit_names = staff_weeks["unit_name"].unique(maintain_order=True)
    units = pl.DataFrame({"unit_name": unit_names}).with_row_index("unit")
    staff = _fill_weeks(staff_weeks.join(units, on="unit_name"), "unit", "staff_count", len(units), week_count)
    unit_of_part = numbered_parts.join(units, on="unit_name", how="left", maintain_order="left")["unit"].to_numpy()
    staff_of_parts = staff[unit_of_part.astype(np.int64)]
    lengths = np.minimum(_count_staffed_weeks(staff_of_parts, least_staff), _count_recorded_weeks(parts, weeks))
    lengths = np.minimum(lengths // _QUARTER_WEEKS * _QUARTER_WEEKS, week_count)
    is_unit = (parts["practice_scope"] == "unit").to_numpy()
    kinds, is_hours = parts["practice_kind"].to_numpy(), (parts["practice_unit"] == "hours").to_numpy()
    for length in np.unique(lengths[lengths >= _LEAST_WEEKS]):
        rows = np.flatnonzero(lengths == length)
        rates = amounts[rows, -length:] / np.maximum(staff_of_parts[rows, -length:], 1.0)
        yield SeriesBlock(rows, rates, _find_shocks(rates, kinds[rows], is_unit[rows]), is_hours[rows])


def _fill_weeks(rows: pl.DataFrame, row_column: str, amount_column: str, count: int, week_count: int) -> FloatArray:
    """Amounts as an array of rows x weeks, the oldest week first; 0 where there is none."""
    filled = np.zeros((count, week_count))
    recent_rows = rows.filter(pl.col("weeks_ago") < week_count)
    positions = week_count - 1 - recent_rows["weeks_ago"].to_numpy().astype(np.int64)
    filled[recent_rows[row_column].to_numpy().astype(np.int64), positions] = recent_rows[amount_column].to_numpy()
    return filled


def _count_staffed_weeks(staff: FloatArray, least_staff: int) -> IntArray:
    """Weeks up to the last one since which a unit always had enough people."""
    is_staffed = staff[:, ::-1] >= least_staff
    lengths: IntArray = np.where(is_staffed.all(axis=1), staff.shape[1], (~is_staffed).argmax(axis=1)).astype(np.int64)
    return lengths


def _count_recorded_weeks(parts: pl.DataFrame, weeks: pl.DataFrame) -> IntArray:
    """Whole weeks since the company's first amount of the kind and unit of each part."""
    kind_columns = ["practice_kind", "practice_unit"]
    first_weeks = weeks.group_by(kind_columns).agg(pl.col("weeks_ago").max().cast(pl.Int64).alias("recorded_weeks"))
    recorded = parts.select(kind_columns).join(first_weeks, on=kind_columns, how="left", maintain_order="left")
    return recorded["recorded_weeks"].fill_null(0).to_numpy().astype(np.int64)


def _find_shocks(rates: FloatArray, kinds: object, is_unit: object) -> FloatArray:
    """The common shocks of each kind, from the series of whole units."""
    shocks = np.ones_like(rates)
    kind_names, unit_flags = np.asarray(kinds), np.asarray(is_unit, dtype=bool)
    for kind in np.unique(kind_names):
        is_kind = kind_names == kind
        if (is_kind & unit_flags).sum() >= _LEAST_UNITS:
            shocks[is_kind] = common_shocks(rates[is_kind & unit_flags])
    return shocks
