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
_INDEX = "index:"
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
    contract = quarantine_table(table.name)
    is_nested = {name: rows.schema[name].is_nested() for name in text_columns}
    texts = [pl.col(name) if nested else pl.col(name).cast(pl.String) for name, nested in is_nested.items()]
    origin = {
        name: pl.col(name) if name in rows.columns else pl.lit(None) for name in ("system_name", *PROVENANCE_COLUMNS)
    }
    quarantined = rows.select(
        row_text=pl.struct(texts).struct.json_encode(), failed_rules=failed_rules, is_row_kept=pl.lit(False), **origin
    )
    return quarantined.select(pl.col(name).cast(dtype) for name, dtype in contract.schema.items()).sort(
        QUARANTINE_ORDER
    )


def count_quarantined(table: Table, quarantined: pl.DataFrame) -> RuleCounts:
    """The counts of the rows of a quarantine.

    Args:
        table: The table whose quarantine it is.
        quarantined: Rows in the contract of the quarantine.
    """
    is_row_kept = quarantined["is_row_kept"].fill_null(False)
    set_aside = count_by_source(quarantined.filter(~is_row_kept))
    reasons = dict(quarantined.select(pl.col("failed_rules").explode().value_counts().struct.unnest()).iter_rows())
    # a value that was left out of a kept row is null in the table, where it counts for nothing
    left_out = quarantined.filter(is_row_kept).select(pl.col("failed_rules").explode().value_counts().struct.unnest())
    evaluated = {reason: sum(set_aside.values()) + count for reason, count in left_out.iter_rows()}
    rules = {
        rule.name: RuleCount(evaluated.get(rule.name, sum(set_aside.values())), reasons.pop(rule.name, 0))
        for rule in table.rules
    }
    reasons.pop(None, None)
    return RuleCounts({}, set_aside, rules, dict(sorted(reasons.items())))


def exclude_rows(quarantined: pl.DataFrame, replaced: pl.DataFrame) -> pl.DataFrame:
    """The rows of a quarantine without those of replaced rows.

    Args:
        quarantined: Rows in the contract of a quarantine.
        replaced: Values of some columns of the table. A row is found by its own columns and by its text.
    """
    if quarantined.is_empty() or replaced.is_empty():
        return quarantined
    values = quarantined.select(
        pl.col(name).cast(pl.String)
        if name in PROVENANCE_COLUMNS
        else pl.col("row_text").str.json_path_match(f"$.{name}").alias(name)
        for name in replaced.columns
    ).with_row_index(_INDEX)
    remaining = values.join(replaced.select(pl.all().cast(pl.String)), on=replaced.columns, how="anti")
    return quarantined[remaining[_INDEX].sort()]


def count_by_source(rows: pl.DataFrame) -> dict[str, int]:
    """The number of rows of each source; of `NO_SOURCE` if the rows have no column source_name, or if it is null."""
    if "source_name" not in rows.columns:
        return {NO_SOURCE: rows.height} if rows.height else {}
    counts = rows["source_name"].fill_null(NO_SOURCE).value_counts().sort("source_name")
    return dict(counts.iter_rows())
