"""The rules of a raw table over the rows of an export: a lazy split into kept and quarantined rows, and its counts.

Belongs here: the split of rows that stream from a file to the disk, and texts that did not become values.
Does not belong here: rows in memory (`rule_evaluation`), which of several rows with one key is kept
(`pipelines.ingest.repeated_keys`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.canonical_schemas import PROVENANCE_COLUMNS, quarantine_table
from pipelines.contracts.rule_counts import RuleCount, RuleCounts
from pipelines.contracts.table import Rule, Table

TEXT_PREFIX = "text:"  # of the columns that hold a value as the file has it
IS_KEPT = "kept:"  # true for a good row
IS_REDUCED = "reduced:"  # true for a row without a value, whether it is kept or not
_PASSES_PREFIX = "passes:"
_ROW_COUNT, _UNEXPECTED_PREFIX, _EVALUATED_PREFIX = "rows:", "unexpected:", "evaluated:"


@dataclass(frozen=True)
class LandedSplit:
    """The two sides of a frame: every row is in `good_rows`, or in `quarantine_rows` without `is_row_kept`.

    Attributes:
        good_rows: Rows in the contract of the table.
        quarantine_rows: Rows in the contract of its quarantine. A row with `is_row_kept` names a value left out of a
            good row.
        tested_rows: All rows with the columns of the input, `IS_KEPT` and `IS_REDUCED`.
        counts: One row of numbers, which `read_landed_counts` reads.
    """

    good_rows: pl.LazyFrame
    quarantine_rows: pl.LazyFrame
    tested_rows: pl.LazyFrame
    counts: pl.LazyFrame


def split_landed(
    landed_rows: pl.LazyFrame,
    table: Table,
    system: str,
    columns_nulled_if_invalid: Collection[str] = (),
    is_decisive_by_column: Mapping[str, pl.Expr] | None = None,
) -> LandedSplit:
    """Split the rows of an adapter by the rules of a raw table, all but `unique`.

    A text that did not become a value breaks the rule that says which texts do: `in_set` or `matches` if the column has
    such a rule, `column|parses` if it has another type than text. It does not break `not_null` as well.

    Args:
        landed_rows: The columns of the table, and the text of each under `TEXT_PREFIX` and its name.
        table: The raw table.
        system: System of the source.
        columns_nulled_if_invalid: Columns whose broken rules remove the value and not the row. A rule belongs to its
            first column.
        is_decisive_by_column: For some of these columns the condition under which a broken rule costs the row all the
            same; null counts as no.
    """
    present_columns = set(landed_rows.collect_schema().names())
    text_columns = [column for column in table.column_names if TEXT_PREFIX + column in present_columns]
    is_unread_by_column = {
        column: pl.col(TEXT_PREFIX + column).is_not_null() & pl.col(column).is_null() for column in text_columns
    }
    non_text_columns = [column for column in text_columns if table.schema[column] != pl.String]
    text_rule_columns = {rule.columns[0] for rule in table.rules if rule.kind in ("in_set", "matches")} & set(
        text_columns
    )
    row_wise_rules = [rule for rule in table.rules if rule.kind != "unique"]
    test_by_rule = {f"{column}|parses": ~is_unread_by_column[column] for column in non_text_columns}
    test_by_rule |= {
        rule.name: _test_landed(rule, is_unread_by_column, {*non_text_columns, *text_rule_columns})
        for rule in row_wise_rules
    }
    column_by_rule = {f"{column}|parses": column for column in non_text_columns} | {
        rule.name: rule.columns[0] for rule in row_wise_rules
    }
    nulled_column_by_rule = {
        rule_name: column for rule_name, column in column_by_rule.items() if column in columns_nulled_if_invalid
    }
    return _split_by_tests(
        landed_rows,
        table,
        test_by_rule,
        pl.lit(system),
        text_of_row(text_columns),
        nulled_column_by_rule,
        is_decisive_by_column or {},
    )


def text_of_row(columns: Iterable[str]) -> pl.Expr:
    """The row as the file has it: the texts of these columns in one JSON object."""
    return pl.struct(pl.col(TEXT_PREFIX + column).alias(column) for column in columns).struct.json_encode()


def read_landed_counts(table: Table, split_counts: pl.DataFrame, source_name: str) -> RuleCounts:
    """The counts of a split, from its collected `counts`.

    Args:
        table: The raw table.
        split_counts: One row.
        source_name: The source of all rows.
    """
    count_by_column = {column: int(count) for column, count in split_counts.row(0, named=True).items()}
    unexpected_count_by_rule = {
        column.removeprefix(_UNEXPECTED_PREFIX): count
        for column, count in count_by_column.items()
        if column.startswith(_UNEXPECTED_PREFIX)
    }
    count_by_rule = {
        rule.name: RuleCount(count_by_column[_EVALUATED_PREFIX + rule.name], unexpected_count_by_rule.pop(rule.name, 0))
        for rule in table.rules
    }
    kept_count, set_aside_count = count_by_column[IS_KEPT], count_by_column[_ROW_COUNT] - count_by_column[IS_KEPT]
    count_by_reason = {reason: count for reason, count in unexpected_count_by_rule.items() if count}
    kept_by_source, set_aside_by_source = (
        {source_name: count} if count else {} for count in (kept_count, set_aside_count)
    )
    return RuleCounts(kept_by_source, set_aside_by_source, count_by_rule, count_by_reason)


def _test_landed(rule: Rule, is_unread_by_column: Mapping[str, pl.Expr], reported_columns: Collection[str]) -> pl.Expr:
    """The condition of a rule, false for an unread text that the rule must report.

    Args:
        rule: The rule.
        is_unread_by_column: By column, whether a row has a text that did not become a value.
        reported_columns: The columns for which another rule than `not_null` reports an unread text.
    """
    column_name, condition = rule.columns[0], rule.condition()
    if rule.kind in ("in_set", "matches") and column_name in is_unread_by_column:
        return condition & ~is_unread_by_column[column_name]
    return (
        condition | is_unread_by_column[column_name]
        if rule.kind == "not_null" and column_name in reported_columns
        else condition
    )


def _split_by_tests(
    landed_rows: pl.LazyFrame,
    table: Table,
    test_by_rule: Mapping[str, pl.Expr],
    system_name: pl.Expr,
    row_text: pl.Expr,
    nulled_column_by_rule: Mapping[str, str],
    is_decisive_by_column: Mapping[str, pl.Expr],
) -> LandedSplit:
    """The split by one test per rule.

    `nulled_column_by_rule` names the columns whose value a rule removes instead of the row, unless the condition in
    `is_decisive_by_column` holds.
    """
    tested_rows = landed_rows.with_columns(
        test.alias(_PASSES_PREFIX + rule_name) for rule_name, test in test_by_rule.items()
    )
    is_decisive_by_rule = {
        rule_name: is_decisive_by_column[column].fill_null(False)
        for rule_name, column in nulled_column_by_rule.items()
        if column in is_decisive_by_column
    }
    is_kept = pl.all_horizontal(
        _all_pass(rule_name for rule_name in test_by_rule if rule_name not in nulled_column_by_rule),
        *(
            pl.col(_PASSES_PREFIX + rule_name).fill_null(True) | ~is_decisive
            for rule_name, is_decisive in is_decisive_by_rule.items()
        ),
    )
    tested_rows = tested_rows.with_columns(
        is_kept.alias(IS_KEPT), (~_all_pass(nulled_column_by_rule)).alias(IS_REDUCED)
    ).cache()
    quarantine_rows = tested_rows.filter(~pl.col(IS_KEPT) | pl.col(IS_REDUCED)).select(
        row_text.alias("row_text"),
        _list_failed_rules(test_by_rule).alias("failed_rules"),
        pl.col(IS_KEPT).alias("is_row_kept"),
        system_name.alias("system_name"),
        *PROVENANCE_COLUMNS,
    )
    good_rows = tested_rows.filter(pl.col(IS_KEPT)).select(_null_invalid_values(table, nulled_column_by_rule))
    has_key = pl.all_horizontal(pl.col(table.key).is_not_null())
    passes_by_rule = {rule_name: pl.col(_PASSES_PREFIX + rule_name) for rule_name in test_by_rule}
    split_counts = tested_rows.select(
        pl.len().alias(_ROW_COUNT),
        pl.col(IS_KEPT).sum(),
        *(passes.not_().sum().alias(_UNEXPECTED_PREFIX + rule_name) for rule_name, passes in passes_by_rule.items()),
        *(passes.count().alias(_EVALUATED_PREFIX + rule_name) for rule_name, passes in passes_by_rule.items()),
        *(has_key.sum().alias(_EVALUATED_PREFIX + rule.name) for rule in table.rules if rule.kind == "unique"),
    )
    return LandedSplit(
        good_rows, quarantine_rows.select(quarantine_table(table.name).column_names), tested_rows, split_counts
    )


def _null_invalid_values(table: Table, nulled_column_by_rule: Mapping[str, str]) -> list[pl.Expr]:
    """The columns of a table, null where a row breaks a rule that removes the value."""
    nulling_rules_by_column = {
        column_name: [rule_name for rule_name, column in nulled_column_by_rule.items() if column == column_name]
        for column_name in nulled_column_by_rule.values()
    }
    return [
        pl.when(_all_pass(nulling_rules_by_column[column_name])).then(pl.col(column_name)).alias(column_name)
        if column_name in nulling_rules_by_column
        else pl.col(column_name)
        for column_name in table.column_names
    ]


def _list_failed_rules(rule_names: Iterable[str]) -> pl.Expr:
    """The names of the rules that a row breaks, in alphabetical order."""
    name_if_failed = (
        pl.when(~pl.col(_PASSES_PREFIX + rule_name)).then(pl.lit(rule_name)) for rule_name in sorted(rule_names)
    )
    return pl.concat_list(name_if_failed).list.drop_nulls()


def _all_pass(rule_names: Iterable[str]) -> pl.Expr:
    return pl.all_horizontal(
        pl.lit(True), *(pl.col(_PASSES_PREFIX + rule_name).fill_null(True) for rule_name in rule_names)
    )
