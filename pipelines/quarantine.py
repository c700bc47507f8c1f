"""Contract rules over landed rows: good rows go on, bad rows are set aside with the names of the rules they broke.

Belongs here: the split of one frame, and the quarantine row's form.
Does not belong here: the rules (`pipelines.contracts`), the verdict on a whole table (`pipelines.validation`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.shapes import PROVENANCE, quarantine_table
from pipelines.contracts.table import Table

TEXT = "text:"  # prefix of the columns that hold a value as it stood in the file
_PASSES = "passes:"


@dataclass(frozen=True)
class Split:
    """Good rows in the table's contract, bad rows in its quarantine's; together they are the input."""

    good: pl.LazyFrame
    bad: pl.LazyFrame


def split_landed(frame: pl.LazyFrame, table: Table, system: str) -> Split:
    """Split rows as an adapter delivers them: each column typed, and its text under `text:` and the column's name.

    A text that did not become a value breaks what says which texts do: `in_set` or `matches` where the column has such
    a rule, `column|parses` where it has a type (and not `not_null` besides).
    """
    present = set(frame.collect_schema().names())
    textual = [name for name in table.column_names if TEXT + name in present]
    unread = {name: pl.col(TEXT + name).is_not_null() & pl.col(name).is_null() for name in textual}
    typed = [name for name in textual if table.schema[name] != pl.String]
    tests = {f"{name}|parses": ~unread[name] for name in typed}
    told = {*typed, *(rule.columns[0] for rule in table.rules if rule.kind in ("in_set", "matches"))} & set(textual)
    for rule in table.rules:
        name, test = rule.columns[0], rule.expression()
        if rule.kind in ("in_set", "matches") and name in unread:
            test = test & ~unread[name]
        elif rule.kind == "not_null" and name in told:
            test = test | unread[name]
        tests[rule.name] = test
    row_text = pl.struct(pl.col(TEXT + name).alias(name) for name in textual).struct.json_encode()
    return _split(frame, table, tests, row_text, pl.lit(system))


def split_conformed(
    frame: pl.LazyFrame, table: Table, columns: tuple[str, ...], known: Mapping[str, pl.Series]
) -> Split:
    """Split conformed rows by the table's rules, references included; `columns` are kept as the quarantined text."""
    tests = {rule.name: rule.expression(known) for rule in table.rules}
    row_text = pl.struct(pl.col(name).cast(pl.String) for name in columns).struct.json_encode()
    return _split(frame, table, tests, row_text, pl.col("system_name"))


def _split(
    frame: pl.LazyFrame, table: Table, tests: Mapping[str, pl.Expr], row_text: pl.Expr, system: pl.Expr
) -> Split:
    judged = frame.with_columns(test.alias(_PASSES + name) for name, test in tests.items()).cache()
    passes = pl.all_horizontal(pl.col(_PASSES + name) for name in tests)
    failed = pl.concat_list(
        pl.when(~pl.col(_PASSES + name)).then(pl.lit(name)) for name in sorted(tests)
    ).list.drop_nulls()
    quarantine = quarantine_table(table.name)
    bad = judged.filter(~passes).select(
        row_text.alias("row_text"), failed.alias("failed_rules"), system.alias("system_name"), *PROVENANCE
    )
    return Split(judged.filter(passes).select(table.column_names), bad.select(quarantine.column_names))
