"""Units compared with their own past: the trailing weeks against earlier ones, and the last change of each series.

Belongs here: from series to one comparison per part of a unit's work.
Does not belong here: formulas (`adjustment`), chance (`changes`), which of it is told (`table`).
"""

from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from ml.organisation.practice_adjustment import (
    LEAST_WEEKS_AFTER,
    MOST_WEEKS_AFTER,
    FloatArray,
    adjust_rates,
    design_steps,
    fit_season,
    relative_change,
    remove_shocks,
    scan_steps,
    stabilise,
)
from ml.organisation.practice_changes import (
    control_discoveries,
    count_shuffles,
    date_last_change,
    estimate_chances,
    shuffle_statistics,
)
from ml.organisation.practice_series import PART_COLUMNS, SeriesBlock, build_series
from pipelines.contracts.practice_columns import CHANGE_COLUMNS, TRAILING_WEEKS

# A series with amounts in fewer weeks has bursts, which no shuffle of other series is like: it is not tested.
_LEAST_DENSE_SHARE = 0.5
# Half a year of earlier weeks shows what is usual.
_LEAST_PAST_WEEKS = 26
# Whole units and their parts are two families of tests, which share the declared false alarms.
# How much a kind counts among the tests: practice that is cut is what people fear, the others are looked at beside it.
_WEIGHT_BY_KIND = {"edge": 4.0}
_OTHER_WEIGHT = 0.4
_SEED = 24
_COMPARISON_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(PART_COLUMNS, pl.String),
    **dict.fromkeys(CHANGE_COLUMNS, pl.Float64),
    "weeks_after": pl.Int64,
    "changed_date": pl.Date,
    "change_certainty": pl.Float64,
    "change_since": pl.Float64,
    "adjusted": pl.List(pl.Float64),
}


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
        parts: One row per part that is compared: `PART_COLUMNS`.
        weeks: `PART_COLUMNS`, weeks_ago, practice_amount.
        staff_weeks: unit_name, weeks_ago, staff_count.
        as_of: The last day of week 0.
        least_staff: The fewest people of a unit in a week that counts.
        false_alarm_share: The largest share of false changes among those told, over all units, kinds and weeks.

    Returns:
        One row per part with enough history: `PART_COLUMNS`, `CHANGE_COLUMNS`, weeks_after, changed_date,
        change_certainty and change_since (null without a change), and adjusted (the weekly amounts per head without
        season and shocks, the oldest first).
    """
    blocks = list(build_series(parts, weeks, staff_weeks, least_staff))
    if not blocks:
        return pl.DataFrame(schema=_COMPARISON_SCHEMA)
    shuffle_count = count_shuffles(sum(int(_find_dense(block).sum()) for block in blocks))
    frames, chance_statistics = zip(*(_compare_block(block, shuffle_count) for block in blocks), strict=True)
    compared: pl.DataFrame = pl.concat(frames)
    chances = pl.Series(estimate_chances(compared["statistic"].to_numpy(), np.concatenate(chance_statistics)))
    compared = compared.with_columns(pl.when("is_tested").then(chances).alias("chance"))
    compared = compared.join(parts.select(PART_COLUMNS).with_row_index("part"), on="part", maintain_order="left")
    compared = compared.with_columns(_control_families(compared).alias("discovery_share"))
    changes = _date_changes(compared, false_alarm_share)
    first_day = pl.lit(as_of + timedelta(days=1)) - pl.duration(days=7 * pl.col("weeks_after"))
    return (
        compared.drop("weeks_after")
        .join(changes, on="part", how="left", maintain_order="left")
        .with_columns(
            first_day.cast(pl.Date).alias("changed_date"),
            pl.when(pl.col("weeks_after").is_not_null()).then(1 - pl.col("discovery_share")).alias("change_certainty"),
        )
        .select(pl.col(column).cast(dtype) for column, dtype in _COMPARISON_SCHEMA.items())
    )


def _find_dense(block: SeriesBlock) -> Any:
    """Whether each series has amounts in enough weeks to be tested for a change."""
    return (block.rates > 0).mean(axis=1) >= _LEAST_DENSE_SHARE


def _compare_block(block: SeriesBlock, shuffle_count: int) -> tuple[pl.DataFrame, FloatArray]:
    """One row per series of one length: what is compared, before chance; and the statistics of its shuffled series."""
    rates = remove_shocks(block.rates, block.shocks)
    levels = stabilise(rates, block.is_hours)
    design, is_tested = design_steps(levels.shape[1]), _find_dense(block)
    scan = scan_steps(levels, design)
    season, unexplained = fit_season(levels, scan.weeks_after)
    chance_statistics = shuffle_statistics(unexplained[is_tested], design, shuffle_count, _SEED)
    adjusted = adjust_rates(rates, season, block.is_hours)
    trailing = {
        column: pl.Series(relative_change(adjusted, weeks, _LEAST_PAST_WEEKS)).fill_nan(None)
        for column, weeks in zip(CHANGE_COLUMNS, TRAILING_WEEKS, strict=True)
    }
    compared = pl.DataFrame(
        {
            "part": pl.Series(block.rows, dtype=pl.UInt32),
            **trailing,
            "weeks_after": pl.Series(scan.weeks_after, dtype=pl.Int64),
            "statistic": scan.statistic,
            "is_tested": is_tested,
            "levels": pl.Series((levels - season).tolist(), dtype=pl.List(pl.Float64)),
            "adjusted": pl.Series(adjusted.tolist(), dtype=pl.List(pl.Float64)),
        }
    )
    return compared, chance_statistics


def _control_families(compared: pl.DataFrame) -> pl.Series:
    """The false discovery rates of whole units and of parts, each family on its own; 1 for series without a test."""
    is_tested = compared["chance"].is_not_null().to_numpy()
    is_unit = (compared["practice_scope"] == "unit").to_numpy()
    weights = compared["practice_kind"].replace_strict(_WEIGHT_BY_KIND, default=_OTHER_WEIGHT).to_numpy()
    chances, shares = compared["chance"].fill_null(1.0).to_numpy(), np.ones(compared.height)
    families = [is_family for is_family in (is_unit & is_tested, ~is_unit & is_tested) if is_family.any()]
    for is_family in families:
        shares[is_family] = control_discoveries(chances[is_family], weights[is_family])
    shares = np.minimum(shares * len(families), 1.0)
    return pl.Series(shares)


def _date_changes(compared: pl.DataFrame, false_alarm_share: float) -> pl.DataFrame:
    """One row per series with a change of the last year: part, weeks_after, change_since."""
    is_unit = pl.col("practice_scope") == "unit"
    discovered = compared.filter(pl.col("discovery_share") <= false_alarm_share).with_columns(
        least_statistic=pl.col("statistic").min().over(is_unit)
    )
    columns = ("part", "levels", "adjusted", "weeks_after", "least_statistic")
    dated = [
        (part, *_date_change(np.asarray(levels), np.asarray(adjusted), weeks_after, least_statistic))
        for part, levels, adjusted, weeks_after, least_statistic in discovered.select(columns).iter_rows()
    ]
    changes = pl.DataFrame(
        dated, {"part": pl.UInt32, "weeks_after": pl.Int64, "change_since": pl.Float64}, orient="row"
    )
    return changes.filter(pl.col("weeks_after") <= MOST_WEEKS_AFTER, pl.col("change_since").is_not_nan())


def _date_change(levels: FloatArray, adjusted: FloatArray, weeks_after: int, statistic: float) -> tuple[int, float]:
    """Weeks since the last change, and the amount since then against the weeks between it and the change before."""
    dated_weeks, weeks_before = date_last_change(levels, statistic) or (weeks_after, 0)
    change = relative_change(adjusted[None, :], dated_weeks, LEAST_WEEKS_AFTER, weeks_before)
    return dated_weeks, float(change[0])
