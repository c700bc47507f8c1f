"""The rows of `out__practice`: amounts, comparisons and changes that enough people are behind.

Belongs here: what is told of each part of a unit's work.
Does not belong here: comparisons (`comparison`), sums over people (`pipelines.core.unit_practice`).
"""

from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from ml.organisation.practice_adjustment import LEAST_WEEKS_BEFORE, FloatArray, relative_change
from ml.organisation.practice_comparison import compare_with_past
from ml.organisation.practice_findings import describe_change
from ml.organisation.practice_series import PART_COLUMNS
from pipelines.contracts.output_tables import PRACTICE, ROW_METADATA_COLUMNS
from pipelines.contracts.practice_columns import AMOUNT_COLUMNS, CHANGE_COLUMNS, TRAILING_WEEKS

_TABLE_COLUMNS = [column for column in PRACTICE.column_names if column not in ROW_METADATA_COLUMNS]


class PracticeLimits(NamedTuple):
    """What may be told, and how certain it must be.

    Attributes:
        team_people: The fewest people of a unit.
        false_alarm_share: The largest share of false changes among those told.
    """

    team_people: int
    false_alarm_share: float


def describe_practice(
    parts: pl.DataFrame,
    weeks: pl.DataFrame,
    staff_weeks: pl.DataFrame,
    names: pl.DataFrame,
    as_of: date,
    limits: PracticeLimits,
) -> pl.DataFrame:
    """Describe the practice of each unit of sufficient size.

    Args:
        parts: One row per part of a unit's work of sufficient size: `PART_COLUMNS`, team_people_count, sum_last_4,
            sum_last_13, sum_last_52, is_told_4, is_told_13, is_told_52, has_past_13, has_past_52.
        weeks: `PART_COLUMNS`, weeks_ago, practice_amount.
        staff_weeks: unit_name, weeks_ago, staff_count.
        names: practice_scope, practice_of, practice_name.
        as_of: The last day of the last week.
        limits: What may be told.

    Returns:
        One row per part with an amount that may be told, in the contract `out__practice` without the metadata of the
        run. Amounts are rounded to whole numbers.
    """
    told_parts = parts.filter(pl.col("is_told_52"))
    compared = compare_with_past(
        told_parts,
        weeks,
        staff_weeks,
        as_of=as_of,
        least_staff=limits.team_people,
        false_alarm_share=limits.false_alarm_share,
    )
    rows = told_parts.join(compared, on=PART_COLUMNS, how="left", maintain_order="left").join(
        names, on=("practice_scope", "practice_of"), how="left", maintain_order="left"
    )
    has_past = [pl.col("has_past_13"), pl.col("has_past_13"), pl.col("has_past_52")]
    # the weeks since a change hold the last four, the weeks before it a part of the past that enough people are behind
    is_change_told = pl.col("is_told_4") & (
        pl.when(pl.col("weeks_after") <= TRAILING_WEEKS[1]).then("has_past_13").otherwise("has_past_52")
    )
    told_change = pl.col("change_since").is_not_null() & is_change_told.fill_null(False)
    rows = rows.with_columns(
        *(
            pl.when(f"is_told_{weeks_told}").then(pl.col(f"sum_last_{weeks_told}").round(0)).alias(column)
            for column, weeks_told in zip(AMOUNT_COLUMNS, TRAILING_WEEKS, strict=True)
        ),
        *(
            pl.when(pl.col(f"is_told_{weeks_told}") & has_enough).then(pl.col(column).round(3)).alias(column)
            for column, weeks_told, has_enough in zip(CHANGE_COLUMNS, TRAILING_WEEKS, has_past, strict=True)
        ),
        *(
            pl.when(told_change).then(column).alias(column)
            for column in ("changed_date", "change_certainty", "change_since", "weeks_after")
        ),
        practice_name=pl.coalesce("practice_name", "practice_of"),
    )
    rows = rows.with_columns(_describe_changes(rows).alias("finding"))
    return rows.select(pl.col(column).cast(PRACTICE.schema[column]) for column in _TABLE_COLUMNS).sort(PRACTICE.key)


def _describe_changes(rows: pl.DataFrame) -> pl.Series:
    """The sentence of each row with a change."""
    changed = rows.filter(pl.col("changed_date").is_not_null())
    unit_rows = rows.filter(pl.col("practice_scope") == "unit", pl.col("is_told_4"), pl.col("has_past_13"))
    sentences = {}
    for change in changed.iter_rows(named=True):
        unit_series = unit_rows.filter(pl.col("unit_name") == change["unit_name"])
        finished = _sum_series(unit_series, ("finished",))
        hours = _sum_series(unit_series.filter(pl.col("practice_unit") == "hours"), ("edge", "routine"))
        part_key = tuple(change[column] for column in PART_COLUMNS)
        finished_share = _change_since(finished, change["weeks_after"])
        hours_share = _change_since(hours, change["weeks_after"])
        per_hour_share = None
        if finished_share is not None and hours_share is not None and hours_share > -1:
            per_hour_share = (1 + finished_share) / (1 + hours_share) - 1
        sentences[part_key] = describe_change(change, finished_share, per_hour_share)
    return pl.Series([sentences.get(part_key) for part_key in rows.select(PART_COLUMNS).iter_rows()], dtype=pl.String)


def _sum_series(unit_series: pl.DataFrame, kinds: tuple[str, ...]) -> FloatArray | None:
    """The adjusted weekly amounts of some kinds together, over the weeks that all of them have."""
    series = unit_series.filter(pl.col("practice_kind").is_in(kinds))["adjusted"].drop_nulls().to_list()
    if not series:
        return None
    length = min(map(len, series))
    total: FloatArray = np.sum([amounts[-length:] for amounts in series], axis=0)
    return total


def _change_since(amounts: FloatArray | None, weeks_after: int) -> float | None:
    if amounts is None:
        return None
    change = float(relative_change(amounts[None, :], weeks_after, LEAST_WEEKS_BEFORE)[0])
    return None if np.isnan(change) else change
