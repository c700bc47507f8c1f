"""Quarantine rows: rows that break a rule, as text, with the names of the rules they broke.

Belongs here: how a quarantine row is made of a row, and what the rows of a quarantine count for.
Does not belong here: the evaluation of rules over rows (`rule_evaluation`, `landed_rows`).
"""

from collections.abc import Iterable

import polars as pl

from pipelines.contracts.canonical_schemas import PROVENANCE_COLUMNS, quarantine_table
from pipelines.contracts.rule_counts import NO_SOURCE, RuleCount, RuleCounts
from pipelines.contracts.table import Table

# What the rows of a quarantine are sorted by: they have no key, and the same rows must give the same table.
_INDEX_COLUMN = "index:"
QUARANTINE_ORDER = ("source_name", "file_sha256", "row_number", "row_text")


def build_quarantine_rows(
    table: Table, rows: pl.DataFrame, failed_rules: pl.Series, text_columns: Iterable[str]
) -> pl.DataFrame:
    """The quarantine rows of rows that are set aside.

    Args:
        table: The table that the rows are not written to.
        rows: The rows. Columns of `PROVENANCE_COLUMNS` and system_name are copied; they are null if the rows have none.
        failed_rules: The names of the rules that each row breaks, as lists in the order of the rows.
        text_columns: The columns of the rows that the quarantine keeps as text.

    Returns:
        One row per row, in the contract of the quarantine of the table.
    """
    quarantine_contract = quarantine_table(table.name)
    is_nested_by_column = {column: rows.schema[column].is_nested() for column in text_columns}
    row_text_values = [
        pl.col(column) if is_nested else pl.col(column).cast(pl.String)
        for column, is_nested in is_nested_by_column.items()
    ]
    origin_columns = {
        column: pl.col(column) if column in rows.columns else pl.lit(None)
        for column in ("system_name", *PROVENANCE_COLUMNS)
    }
    quarantine_rows = rows.select(
        row_text=pl.struct(row_text_values).struct.json_encode(),
        failed_rules=failed_rules,
        is_row_kept=pl.lit(False),
        **origin_columns,
    )
    return quarantine_rows.select(
        pl.col(column).cast(dtype) for column, dtype in quarantine_contract.schema.items()
    ).sort(QUARANTINE_ORDER)


def count_quarantined(table: Table, quarantined_rows: pl.DataFrame) -> RuleCounts:
    """The counts of the rows of a quarantine.

    Args:
        table: The table whose quarantine it is.
        quarantined_rows: Rows in the contract of the quarantine.
    """
    is_row_kept = quarantined_rows["is_row_kept"].fill_null(False)
    set_aside_by_source = count_by_source(quarantined_rows.filter(~is_row_kept))
    count_by_reason = dict(
        quarantined_rows.select(pl.col("failed_rules").explode().value_counts().struct.unnest()).iter_rows()
    )
    # a value that was left out of a kept row is null in the table, where it counts for nothing
    left_out_value_counts = quarantined_rows.filter(is_row_kept).select(
        pl.col("failed_rules").explode().value_counts().struct.unnest()
    )
    evaluated_count_by_rule = {
        reason: sum(set_aside_by_source.values()) + count for reason, count in left_out_value_counts.iter_rows()
    }
    count_by_rule = {
        rule.name: RuleCount(
            evaluated_count_by_rule.get(rule.name, sum(set_aside_by_source.values())), count_by_reason.pop(rule.name, 0)
        )
        for rule in table.rules
    }
    count_by_reason.pop(None, None)
    return RuleCounts({}, set_aside_by_source, count_by_rule, dict(sorted(count_by_reason.items())))


def exclude_rows(quarantined_rows: pl.DataFrame, replaced_keys: pl.DataFrame) -> pl.DataFrame:
    """The rows of a quarantine without those of replaced rows.

    Args:
        quarantined_rows: Rows in the contract of a quarantine.
        replaced_keys: Values of some columns of the table. A row is found by its own columns and by its text.
    """
    if quarantined_rows.is_empty() or replaced_keys.is_empty():
        return quarantined_rows
    compared_values = quarantined_rows.select(
        pl.col(column).cast(pl.String)
        if column in PROVENANCE_COLUMNS
        else pl.col("row_text").str.json_path_match(f"$.{column}").alias(column)
        for column in replaced_keys.columns
    ).with_row_index(_INDEX_COLUMN)
    remaining_rows = compared_values.join(
        replaced_keys.select(pl.all().cast(pl.String)), on=replaced_keys.columns, how="anti"
    )
    return quarantined_rows[remaining_rows[_INDEX_COLUMN].sort()]


def count_by_source(rows: pl.DataFrame) -> dict[str, int]:
    """The number of rows of each source; of `NO_SOURCE` if the rows have no column source_name, or if it is null."""
    if "source_name" not in rows.columns:
        return {NO_SOURCE: rows.height} if rows.height else {}
    source_counts = rows["source_name"].fill_null(NO_SOURCE).value_counts().sort("source_name")
    return dict(source_counts.iter_rows())
