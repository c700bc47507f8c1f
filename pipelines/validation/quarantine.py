"""The contract rules over rows: good rows pass, bad rows are set aside with the names of the rules they broke.

Belongs here: the split of one frame, and the columns of a quarantine row.
Does not belong here: the rules (`pipelines.contracts`), which of several rows with one key is kept
(`pipelines.ingest.raw_tables`), the validation of a whole table (`pipelines.validation.expectations`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.canonical_schemas import PROVENANCE_COLUMNS, quarantine_table
from pipelines.contracts.table import Rule, Table

TEXT_PREFIX = "text:"  # of the columns that hold a value as the file has it
REPEATED_KEY = "repeated:"  # true if another row of the same key is kept
_PASSES, _KEPT = "passes:", "kept:"


@dataclass(frozen=True)
class Split:
    """The two sides of a frame; every row is good, or bad without `is_row_kept`, and never both.

    Attributes:
        good: Rows in the contract of the table.
        bad: Rows in the contract of its quarantine. A row with `is_row_kept` names a value left out of a good row.
        passing: The good rows with all columns of the input.
        row_count: One row with the number of rows of the input.
    """

    good: pl.LazyFrame
    bad: pl.LazyFrame
    passing: pl.LazyFrame
    row_count: pl.LazyFrame


def split_landed(
    frame: pl.LazyFrame,
    table: Table,
    system: str,
    nulled_if_invalid: Collection[str] = (),
    decisive: Mapping[str, pl.Expr] | None = None,
) -> Split:
    """Split the rows of an adapter by the rules of a raw table.

    A text that did not become a value breaks the rule that says which texts do: `in_set` or `matches` if the column has
    such a rule, `column|parses` if it has another type than text. It does not break `not_null` as well.

    Args:
        frame: The columns of the table, and the text of each under `TEXT_PREFIX` and its name. With the column
            `REPEATED_KEY` the rule `unique` is checked too.
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
    column_rules = [rule for rule in table.rules if rule.kind != "unique"]
    tests = {f"{name}|parses": ~unread[name] for name in typed}
    tests |= {rule.name: _test_landed(rule, unread, {*typed, *worded}) for rule in column_rules}
    if REPEATED_KEY in present:
        tests |= {rule.name: ~pl.col(REPEATED_KEY) for rule in table.rules if rule.kind == "unique"}
    columns = {f"{name}|parses": name for name in typed} | {rule.name: rule.columns[0] for rule in column_rules}
    nulling = {rule: name for rule, name in columns.items() if name in nulled_if_invalid}
    row_text = pl.struct(pl.col(TEXT_PREFIX + name).alias(name) for name in with_text).struct.json_encode()
    return _split(frame, table, tests, row_text, pl.lit(system), nulling, decisive or {})


def _test_landed(rule: Rule, unread: Mapping[str, pl.Expr], reported: Collection[str]) -> pl.Expr:
    """Whether a row passes the rule; `reported` are the columns for which another rule reports an unread text."""
    name, test = rule.columns[0], rule.expression()
    if rule.kind in ("in_set", "matches") and name in unread:
        return test & ~unread[name]
    return test | unread[name] if rule.kind == "not_null" and name in reported else test


def split_conformed(
    frame: pl.LazyFrame, table: Table, columns: tuple[str, ...], reference_values: Mapping[str, pl.Series]
) -> Split:
    """Split the rows of a core table by its rules, references included.

    Args:
        frame: The columns of the table, those of `PROVENANCE_COLUMNS`, and system_name.
        table: The core table.
        columns: The columns that the quarantine keeps as text.
        reference_values: The values that references may take, by `table.key`.
    """
    tests = {rule.name: rule.expression(reference_values) for rule in table.rules}
    row_text = pl.struct(pl.col(name).cast(pl.String) for name in columns).struct.json_encode()
    return _split(frame, table, tests, row_text, pl.col("system_name"), {}, {})


def _split(
    frame: pl.LazyFrame,
    table: Table,
    tests: Mapping[str, pl.Expr],
    row_text: pl.Expr,
    system: pl.Expr,
    nulling: Mapping[str, str],
    decisive: Mapping[str, pl.Expr],
) -> Split:
    """The split by one test per rule.

    `nulling` maps a rule to the column whose value it removes instead of the row, unless `decisive` holds for it.
    """
    tested = frame.with_columns(test.alias(_PASSES + rule) for rule, test in tests.items())
    decides = {rule: decisive[column].fill_null(False) for rule, column in nulling.items() if column in decisive}
    is_kept = pl.all_horizontal(
        _all_pass(rule for rule in tests if rule not in nulling),
        *(pl.col(_PASSES + rule) | ~condition for rule, condition in decides.items()),
    )
    tested = tested.with_columns(is_kept.alias(_KEPT)).cache()
    failed_rules = [pl.when(~pl.col(_PASSES + rule)).then(pl.lit(rule)) for rule in sorted(tests)]
    bad = tested.filter(~(pl.col(_KEPT) & _all_pass(nulling))).select(
        row_text.alias("row_text"),
        pl.concat_list(failed_rules).list.drop_nulls().alias("failed_rules"),
        pl.col(_KEPT).alias("is_row_kept"),
        system.alias("system_name"),
        *PROVENANCE_COLUMNS,
    )
    rules = {name: [rule for rule, column in nulling.items() if column == name] for name in nulling.values()}
    values = [
        pl.when(_all_pass(rules[name])).then(pl.col(name)).alias(name) if name in rules else pl.col(name)
        for name in table.column_names
    ]
    good = tested.filter(pl.col(_KEPT))
    return Split(
        good.select(values),
        bad.select(quarantine_table(table.name).column_names),
        good,
        tested.select(pl.len()),
    )


def _all_pass(rules: Iterable[str]) -> pl.Expr:
    return pl.all_horizontal(pl.lit(True), *(pl.col(_PASSES + rule) for rule in rules))
