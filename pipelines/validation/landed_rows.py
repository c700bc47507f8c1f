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
_PASSES = "passes:"
_ROWS, _UNEXPECTED, _EVALUATED = "rows:", "unexpected:", "evaluated:"


@dataclass(frozen=True)
class LandedSplit:
    """The two sides of a frame; every row is good, or bad without `is_row_kept`, and never both.

    Attributes:
        good: Rows in the contract of the table.
        bad: Rows in the contract of its quarantine. A row with `is_row_kept` names a value left out of a good row.
        tested: All rows with the columns of the input, `IS_KEPT` and `IS_REDUCED`.
        counts: One row of numbers, which `read_landed_counts` reads.
    """

    good: pl.LazyFrame
    bad: pl.LazyFrame
    tested: pl.LazyFrame
    counts: pl.LazyFrame


def split_landed(
    frame: pl.LazyFrame,
    table: Table,
    system: str,
    nulled_if_invalid: Collection[str] = (),
    decisive: Mapping[str, pl.Expr] | None = None,
) -> LandedSplit:
    """Split the rows of an adapter by the rules of a raw table, all but `unique`.

    A text that did not become a value breaks the rule that says which texts do: `in_set` or `matches` if the column has
    such a rule, `column|parses` if it has another type than text. It does not break `not_null` as well.

    Args:
        frame: The columns of the table, and the text of each under `TEXT_PREFIX` and its name.
        table: The raw table.
        system: System of the source.
        nulled_if_invalid: Columns whose broken rules remove the value and not the row. A rule belongs to its first
            column.
        decisive: For some of these columns the condition under which a broken rule costs the row all the same; null
            counts as no.
    """
    present = set(frame.collect_schema().names())
    with_text = [name for name in table.column_names if TEXT_PREFIX + name in present]
    unread = {name: pl.col(TEXT_PREFIX + name).is_not_null() & pl.col(name).is_null() for name in with_text}
    typed = [name for name in with_text if table.schema[name] != pl.String]
    worded = {rule.columns[0] for rule in table.rules if rule.kind in ("in_set", "matches")} & set(with_text)
    rules = [rule for rule in table.rules if rule.kind != "unique"]
    tests = {f"{name}|parses": ~unread[name] for name in typed}
    tests |= {rule.name: _test_landed(rule, unread, {*typed, *worded}) for rule in rules}
    columns = {f"{name}|parses": name for name in typed} | {rule.name: rule.columns[0] for rule in rules}
    nulling = {rule: name for rule, name in columns.items() if name in nulled_if_invalid}
    return _split(frame, table, tests, pl.lit(system), text_of_row(with_text), nulling, decisive or {})


def text_of_row(names: Iterable[str]) -> pl.Expr:
    """The row as the file has it: the texts of these columns in one JSON object."""
    return pl.struct(pl.col(TEXT_PREFIX + name).alias(name) for name in names).struct.json_encode()


def read_landed_counts(table: Table, counts: pl.DataFrame, source: str) -> RuleCounts:
    """The counts of a split, from its collected `counts`.

    Args:
        table: The raw table.
        counts: One row.
        source: The source of all rows.
    """
    numbers = {name: int(number) for name, number in counts.row(0, named=True).items()}
    unexpected = {n.removeprefix(_UNEXPECTED): number for n, number in numbers.items() if n.startswith(_UNEXPECTED)}
    rules = {
        rule.name: RuleCount(numbers[_EVALUATED + rule.name], unexpected.pop(rule.name, 0)) for rule in table.rules
    }
    kept_count, set_aside_count = numbers[IS_KEPT], numbers[_ROWS] - numbers[IS_KEPT]
    reasons = {reason: number for reason, number in unexpected.items() if number}
    kept_by_source, set_aside_by_source = ({source: count} if count else {} for count in (kept_count, set_aside_count))
    return RuleCounts(kept_by_source, set_aside_by_source, rules, reasons)


def _test_landed(rule: Rule, unread: Mapping[str, pl.Expr], reported: Collection[str]) -> pl.Expr:
    """The condition of a rule, false for an unread text that the rule must report.

    Args:
        rule: The rule.
        unread: By column, whether a row has a text that did not become a value.
        reported: The columns for which another rule than `not_null` reports an unread text.
    """
    name, condition = rule.columns[0], rule.condition()
    if rule.kind in ("in_set", "matches") and name in unread:
        return condition & ~unread[name]
    return condition | unread[name] if rule.kind == "not_null" and name in reported else condition


def _split(
    frame: pl.LazyFrame,
    table: Table,
    tests: Mapping[str, pl.Expr],
    system: pl.Expr,
    row_text: pl.Expr,
    nulled_column_by_rule: Mapping[str, str],
    is_decisive_by_column: Mapping[str, pl.Expr],
) -> LandedSplit:
    """The split by one test per rule.

    `nulled_column_by_rule` names the columns whose value a rule removes instead of the row, unless the condition in
    `is_decisive_by_column` holds.
    """
    tested = frame.with_columns(test.alias(_PASSES + rule) for rule, test in tests.items())
    is_decisive_by_rule = {
        rule: is_decisive_by_column[column].fill_null(False)
        for rule, column in nulled_column_by_rule.items()
        if column in is_decisive_by_column
    }
    is_kept = pl.all_horizontal(
        _all_pass(rule for rule in tests if rule not in nulled_column_by_rule),
        *(pl.col(_PASSES + rule).fill_null(True) | ~condition for rule, condition in is_decisive_by_rule.items()),
    )
    tested = tested.with_columns(is_kept.alias(IS_KEPT), (~_all_pass(nulled_column_by_rule)).alias(IS_REDUCED)).cache()
    failed_rules = [pl.when(~pl.col(_PASSES + rule)).then(pl.lit(rule)) for rule in sorted(tests)]
    quarantine_rows = tested.filter(~pl.col(IS_KEPT) | pl.col(IS_REDUCED)).select(
        row_text.alias("row_text"),
        pl.concat_list(failed_rules).list.drop_nulls().alias("failed_rules"),
        pl.col(IS_KEPT).alias("is_row_kept"),
        system.alias("system_name"),
        *PROVENANCE_COLUMNS,
    )
    rules_by_column = {
        name: [rule for rule, column in nulled_column_by_rule.items() if column == name]
        for name in nulled_column_by_rule.values()
    }
    values = [
        pl.when(_all_pass(rules_by_column[name])).then(pl.col(name)).alias(name)
        if name in rules_by_column
        else pl.col(name)
        for name in table.column_names
    ]
    has_key = pl.all_horizontal(pl.col(table.key).is_not_null())
    counts = tested.select(
        pl.len().alias(_ROWS),
        pl.col(IS_KEPT).sum(),
        *(pl.col(_PASSES + rule).not_().sum().alias(_UNEXPECTED + rule) for rule in tests),
        *(pl.col(_PASSES + rule).count().alias(_EVALUATED + rule) for rule in tests),
        *(has_key.sum().alias(_EVALUATED + rule.name) for rule in table.rules if rule.kind == "unique"),
    )
    good = tested.filter(pl.col(IS_KEPT)).select(values)
    return LandedSplit(good, quarantine_rows.select(quarantine_table(table.name).column_names), tested, counts)


def _all_pass(rules: Iterable[str]) -> pl.Expr:
    return pl.all_horizontal(pl.lit(True), *(pl.col(_PASSES + rule).fill_null(True) for rule in rules))
