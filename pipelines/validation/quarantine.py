"""Contract rules over landed rows: good rows go on, bad rows are set aside with the names of the rules they broke.

Belongs here: the split of one frame, and the quarantine row's form.
Does not belong here: the rules (`pipelines.contracts`), which of several rows of one key counts
(`pipelines.ingest.raw_tables`),
the verdict on a whole table (`pipelines.validation`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.contracts.canonical_schemas import PROVENANCE_COLUMNS, quarantine_table
from pipelines.contracts.table import Table

TEXT = "text:"  # prefix of the columns that hold a value as it stood in the file
REPEATED = "repeated:"  # true where another row of the same key counts
_PASSES, _KEPT = "passes:", "kept:"


@dataclass(frozen=True)
class Split:
    """Good rows in the table's contract, and rows of its quarantine; rows that are in one of them alone are the input.

    A quarantine row with `is_row_kept` names a value that was left out of a good row. `passing` are the good rows with
    all columns of the input, `row_count` is the number of all rows.
    """

    good: pl.LazyFrame
    bad: pl.LazyFrame
    passing: pl.LazyFrame
    row_count: pl.LazyFrame


def split_landed(frame: pl.LazyFrame, table: Table, system: str, spared: Collection[str] = ()) -> Split:
    """Split rows as an adapter delivers them: each column typed, and its text under `text:` and the column's name.

    A text that did not become a value breaks what says which texts do: `in_set` or `matches` where the column has such
    a rule, `column|parses` where it has a type (and not `not_null` besides). A broken rule whose first column is
    spared costs the row no more than that value. Whether a key is unique is not judged unless the frame has `REPEATED`,
    true where another row of the key counts.
    """
    present = set(frame.collect_schema().names())
    textual = [name for name in table.column_names if TEXT + name in present]
    unread = {name: pl.col(TEXT + name).is_not_null() & pl.col(name).is_null() for name in textual}
    typed = [name for name in textual if table.schema[name] != pl.String]
    tests = {f"{name}|parses": ~unread[name] for name in typed}
    costs = {f"{name}|parses": name for name in typed}
    told = {*typed, *(rule.columns[0] for rule in table.rules if rule.kind in ("in_set", "matches"))} & set(textual)
    for rule in table.rules:
        if rule.kind == "unique":
            if REPEATED in present:
                tests[rule.name] = ~pl.col(REPEATED)
            continue
        name, test = rule.columns[0], rule.expression()
        if rule.kind in ("in_set", "matches") and name in unread:
            test = test & ~unread[name]
        elif rule.kind == "not_null" and name in told:
            test = test | unread[name]
        tests[rule.name], costs[rule.name] = test, name
    left_out = {rule: name for rule, name in costs.items() if name in spared}
    row_text = pl.struct(pl.col(TEXT + name).alias(name) for name in textual).struct.json_encode()
    return _split(frame, table, tests, row_text, pl.lit(system), left_out)


def split_conformed(
    frame: pl.LazyFrame, table: Table, columns: tuple[str, ...], reference_values: Mapping[str, pl.Series]
) -> Split:
    """Split conformed rows by the table's rules, references included; `columns` are kept as the quarantined text."""
    tests = {rule.name: rule.expression(reference_values) for rule in table.rules}
    row_text = pl.struct(pl.col(name).cast(pl.String) for name in columns).struct.json_encode()
    return _split(frame, table, tests, row_text, pl.col("system_name"), {})


def _split(
    frame: pl.LazyFrame,
    table: Table,
    tests: Mapping[str, pl.Expr],
    row_text: pl.Expr,
    system: pl.Expr,
    left_out: Mapping[str, str],
) -> Split:
    """`left_out` leads from a rule to the column whose value alone it costs."""
    judged = frame.with_columns(test.alias(_PASSES + name) for name, test in tests.items())
    keeps = _all_pass(name for name in tests if name not in left_out)
    judged = judged.with_columns(keeps.alias(_KEPT)).cache()
    failed = pl.concat_list(
        pl.when(~pl.col(_PASSES + name)).then(pl.lit(name)) for name in sorted(tests)
    ).list.drop_nulls()
    bad = judged.filter(~(pl.col(_KEPT) & _all_pass(left_out))).select(
        row_text.alias("row_text"),
        failed.alias("failed_rules"),
        pl.col(_KEPT).alias("is_row_kept"),
        system.alias("system_name"),
        *PROVENANCE_COLUMNS,
    )
    spared = {column: [rule for rule, of in left_out.items() if of == column] for column in left_out.values()}
    good = judged.filter(pl.col(_KEPT))
    values = [
        pl.when(_all_pass(spared[name])).then(pl.col(name)).alias(name) if name in spared else pl.col(name)
        for name in table.column_names
    ]
    return Split(
        good.select(values),
        bad.select(quarantine_table(table.name).column_names),
        good,
        judged.select(pl.len()),
    )


def _all_pass(rules: Iterable[str]) -> pl.Expr:
    return pl.all_horizontal(pl.lit(True), *(pl.col(_PASSES + name) for name in rules))
