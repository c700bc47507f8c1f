"""Units compared with their own past: the trailing weeks against earlier ones, and the last change of each series.

Belongs here: from series to one comparison per part of a unit's work.
Does not belong here: formulas (`adjustment`), chance (`changes`), which of it is told (`table`).
"""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml.practice.adjustment import FloatArray, adjust_rates, design_steps, relative_change, remove_shocks, scan_steps
from ml.practice.changes import control_discoveries, date_last_change, find_changes
from ml.practice.series import PART_COLUMNS, SeriesBlock, build_series
from pipelines.contracts.practice_columns import CHANGE_COLUMNS, TRAILING_WEEKS

# Half a year of earlier weeks shows what is usual.
_LEAST_PAST_WEEKS = 26
# Changes that are older than a year are the past.
_MOST_WEEKS_AFTER = 52
# Whole units and their parts are two families of tests: each gets half of the declared false alarms.
_FAMILIES = 2
_SEED = 24


def compare_with_past(
    parts: pl.DataFrame,
    weeks: pl.DataFrame,
    staff_weeks: pl.DataFrame,
    *,
    as_of: date,
    least_staff: int,
    false_alarm_share: float,
) -> pl.DataFrame:
    """Compare each part of a unit's work with its own past, without season, common shocks and staffing.

    Args:
        parts: One row per part that is tested: `PART_COLUMNS`.
        weeks: `PART_COLUMNS`, weeks_ago, practice_amount.
        staff_weeks: unit_name, weeks_ago, staff_count.
        as_of: The last day of week 0.
        least_staff: The fewest people of a unit in a week that counts.
        false_alarm_share: The largest share of false changes among those told, over all units, kinds and weeks.

    Returns:
        One row per part with enough history: `PART_COLUMNS`, `CHANGE_COLUMNS`, weeks_after, changed_date,
        change_certainty and change_share (null without a change), and adjusted (the weekly amounts per head without
        season and shocks, the oldest first).
    """
    blocks = list(build_series(parts, weeks, staff_weeks, least_staff))
    series_count = sum(len(block.rows) for block in blocks)
    frames = [_compare_block(block, series_count) for block in blocks]
    if not frames:
        return pl.DataFrame(schema=_comparison_schema(parts))
    compared = pl.concat(frames).join(parts.select(PART_COLUMNS).with_row_index("part"), on="part")
    compared = compared.with_columns(
        _by_family(compared, control_discoveries).alias("discovery_share"),
    )
    is_discovered = pl.col("discovery_share") * _FAMILIES <= false_alarm_share
    discovered = compared.filter(is_discovered)
    least_statistics = dict(
        discovered.group_by(pl.col("practice_scope") == "unit").agg(pl.col("statistic").min()).iter_rows()
    )
    dated = [
        (
            change["part"],
            *_date_change(
                change["levels"],
                change["adjusted"],
                change["weeks_after"],
                least_statistics[change["practice_scope"] == "unit"],
            ),
        )
        for change in discovered.select("part", "levels", "adjusted", "weeks_after", "practice_scope").iter_rows(
            named=True
        )
    ]
    changes = pl.DataFrame(
        dated, {"part": pl.UInt32, "weeks_after": pl.Int64, "change_share": pl.Float64}, orient="row"
    ).filter(pl.col("weeks_after") <= _MOST_WEEKS_AFTER)
    first_day = pl.lit(as_of + timedelta(days=1)) - pl.duration(days=7 * pl.col("weeks_after"))
    return (
        compared.drop("weeks_after", "levels", "statistic", "chance")
        .join(changes, on="part", how="left", maintain_order="left")
        .with_columns(
            first_day.cast(pl.Date).alias("changed_date"),
            pl.when(pl.col("weeks_after").is_not_null())
            .then((1 - pl.col("discovery_share") * _FAMILIES).clip(0, 1))
            .alias("change_certainty"),
        )
        .select(list(_comparison_schema(parts)))
    )


def _comparison_schema(parts: pl.DataFrame) -> dict[str, pl.DataType | type[pl.DataType]]:
    return {
        **{column: parts.schema[column] for column in PART_COLUMNS},
        **dict.fromkeys(CHANGE_COLUMNS, pl.Float64),
        "weeks_after": pl.Int64,
        "changed_date": pl.Date,
        "change_certainty": pl.Float64,
        "change_share": pl.Float64,
        "adjusted": pl.List(pl.Float64),
    }


def _by_family(compared: pl.DataFrame, control: Callable[[FloatArray], FloatArray]) -> pl.Series:
    """The false discovery rates of whole units and of parts, each family on its own."""
    is_unit = (compared["practice_scope"] == "unit").to_numpy()
    chances, shares = compared["chance"].to_numpy(), np.ones(compared.height)
    for family in (is_unit, ~is_unit):
        shares[family] = control(chances[family])
    return pl.Series(shares)


def _compare_block(block: SeriesBlock, series_count: int) -> pl.DataFrame:
    """One row per series of one length: what is compared, before the false discovery rate."""
    roots = remove_shocks(block.roots, block.shocks)
    changes = find_changes(roots, series_count, _SEED)
    statistic = scan_steps(roots, design_steps(roots.shape[1])).statistic
    adjusted = adjust_rates(block.rates, block.shocks, changes.season)
    trailing = {
        column: _to_null(relative_change(adjusted, weeks, _LEAST_PAST_WEEKS))
        for column, weeks in zip(CHANGE_COLUMNS, TRAILING_WEEKS, strict=True)
    }
    return pl.DataFrame(
        {
            "part": pl.Series(block.rows, dtype=pl.UInt32),
            **trailing,
            "weeks_after": changes.weeks_after,
            "statistic": statistic,
            "chance": changes.chance,
            "levels": pl.Series((roots - changes.season).tolist(), dtype=pl.List(pl.Float64)),
            "adjusted": pl.Series(adjusted.tolist(), dtype=pl.List(pl.Float64)),
        }
    )


def _to_null(values: FloatArray) -> pl.Series:
    return pl.Series(values).fill_nan(None)


def _date_change(
    levels: list[float], adjusted: list[float], weeks_after: int, statistic: float
) -> tuple[int, float | None]:
    """Weeks since the last change, and the amount since then against the weeks before it."""
    dated_weeks = date_last_change(np.asarray(levels), statistic) or weeks_after
    change = float(relative_change(np.asarray([adjusted]), dated_weeks)[0])
    return dated_weeks, None if np.isnan(change) else change
