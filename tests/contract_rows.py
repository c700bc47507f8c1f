"""Rows made from a contract: rows that keep every rule, and rows that break a chosen one."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import polars as pl

from pipelines.contracts.table import Column, Rule, Table

DAY, MOMENT = date(2026, 1, 15), datetime(2026, 1, 15, 12, tzinfo=UTC)
LONG_AGO, MUCH_LATER = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
UNKNOWN = "unknown-value"


def make_good_rows(table: Table, count: int) -> pl.DataFrame:
    """Rows that keep every rule of a table if the values of its references are theirs; their keys differ."""
    rows = [_good_row(table, number) for number in range(count)]
    return pl.DataFrame(rows, schema=table.schema)


def make_bad_rows(table: Table, rule: Rule, count: int) -> pl.DataFrame:
    """Rows that break a rule of a table, in addition to rows of `make_good_rows` of the same table.

    Args:
        table: The contract.
        rule: The rule; rows that break it may break others as well.
        count: Number of rows. To break `unique` all have the key of the first good row.
    """
    if rule.kind == "unique":
        return pl.concat([make_good_rows(table, 1)] * count)
    rows = [_good_row(table, 100 + number) for number in range(count)]
    return pl.DataFrame([_break(table, rule, row) for row in rows], schema=table.schema)


def find_reference_values(table: Table, rows: pl.DataFrame) -> dict[str, pl.Series]:
    """The values that references of a table may take: those of these rows, without `UNKNOWN`."""
    values: dict[str, set[Any]] = {}
    for reference in table.references:
        values.setdefault(reference.target, set()).update(set(rows[reference.column]) - {UNKNOWN, None})
    return {target: pl.Series(sorted(known), dtype=pl.String) for target, known in values.items()}


def _good_row(table: Table, number: int) -> dict[str, Any]:
    """A row with as few nulls as its row rules allow."""
    row = {column.name: _good_value(column, number) for column in table.columns}
    optional = sorted({name for rule in table.row_rules for name in rule.columns} - table.never_null)
    for nulled in product([False, True], repeat=len(optional)):
        candidate = row | {name: None for name, is_null in zip(optional, nulled, strict=True) if is_null}
        if _keeps(table, candidate, [rule for rule in table.rules if rule.kind == "row"]):
            return candidate
    raise AssertionError(f"no row of {table.name} keeps its rules")


def _good_value(column: Column, number: int) -> Any:
    if column.allowed:
        return column.allowed[0]
    if column.pattern is not None:
        return f"someone.{number}@example.org"
    if column.dtype == pl.String:
        return f"{column.name}-{number}"
    if column.dtype == pl.Int64:
        return int(column.minimum or 0) + number
    if column.dtype == pl.Float64:
        return float(column.minimum or 0)
    values = {pl.Date: DAY, pl.Datetime: MOMENT + timedelta(minutes=number), pl.Boolean: True, pl.List: []}
    return next(value for dtype, value in values.items() if column.dtype == dtype)


def _break(table: Table, rule: Rule, row: dict[str, Any]) -> dict[str, Any]:
    name = rule.columns[0]
    match rule.kind:
        case "not_null":
            return row | {name: None}
        case "in_set" | "matches" | "references":
            return row | {name: UNKNOWN}
        case "between":
            beyond = rule.maximum + 1 if rule.minimum is None else rule.minimum - 1  # type: ignore[operator]
            return row | {name: int(beyond) if table.schema[name] == pl.Int64 else beyond}
    choices = [list(_choices(table, column, row)) for column in rule.columns]
    nothing_else = {column: None for column in table.column_names if column not in (*table.never_null, *rule.columns)}
    for values, others in product(product(*choices), ({}, nothing_else)):
        candidate = row | others | dict(zip(rule.columns, values, strict=True))
        if not _keeps(table, candidate, [rule]):
            return candidate
    raise AssertionError(f"no row of {table.name} breaks {rule.name}")


def _choices(table: Table, name: str, row: dict[str, Any]) -> Iterator[Any]:
    """Values that may break a condition on several columns: none, another one, an extreme one."""
    yield from (row[name], None)
    (column,) = (column for column in table.columns if column.name == name)
    yield from column.allowed
    if column.dtype == pl.String:
        yield from (row[other] for other in table.column_names if table.schema[other] == pl.String)
    if column.dtype == pl.Int64:
        yield 1
    if column.dtype == pl.Date:
        yield from (LONG_AGO.date(), MUCH_LATER.date())
    if column.dtype == pl.Datetime:
        yield from (LONG_AGO, MUCH_LATER)


def _keeps(table: Table, row: dict[str, Any], rules: list[Rule]) -> bool:
    frame = pl.DataFrame([row], schema=table.schema)
    return all(frame.select(rule.expression().all()).item() for rule in rules)
