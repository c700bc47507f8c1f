"""Rows that do not lie one below the other: forms of one system, lists in a record, repeated and item columns.

Belongs here: which of a system's forms a file has, and a table of text laid out so that every value has its own row.
Does not belong here: reading files, what the columns mean (the adapters).
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from pipelines.sources.declaration import FILE_NAME, ITEM, POINTS, VALUE, Condition, Items, ShapeMap
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable, normalize_header
from pipelines.sources.sensitive_columns import sensitive_class


def select_shape_maps(shapes: Sequence[ShapeMap], table: TextTable) -> tuple[ShapeMap, ...]:
    """Of each shape the first map whose form the file has; where none fits, the first map of all.

    That one then says which columns are missing, or is fitted by the configuration's mapping.
    """
    found: dict[str, ShapeMap] = {}
    for one in shapes:
        if one.shape not in found and all(normalize_header(header) in table.columns for header in one.form):
            found[one.shape] = one
    return tuple(found.values()) or (shapes[0],)


def reshape_table(table: TextTable, shape: ShapeMap, name: str) -> TextTable:
    """The table with one row per value of `each` and per item, and with the file's name as a column."""
    if shape.items is not None:
        table = _with_items(table, shape.items)
    if shape.each is not None:
        table = _with_each_member(table, shape.each) if table.is_open else _with_each_column(table, shape.each)
    return _with_file_name(table, name)


def unpivoted_headers(table: TextTable, items: Items | None) -> tuple[str, ...]:
    """The headers of the file that are items."""
    if items is None:
        return ()
    besides = {normalize_header(header) for header in items.besides}
    if items.header is not None:
        # An item called "Health and safety (12)" holds marks, not health.
        named = (one for one in table.headers if re.search(items.header, _bare(one)))
        return tuple(one for one in named if normalize_header(one) not in besides)
    kept = (one for one in table.headers if one.strip() and not sensitive_class(one))
    return tuple(one for one in kept if normalize_header(one) not in besides)


def _bare(header: str) -> str:
    """The header without blanks and quotes around it: behind a blank, quotes are part of a CSV field."""
    return header.strip(' "')


def _with_file_name(table: TextTable, name: str) -> TextTable:
    def scan(columns: Sequence[str]) -> pl.LazyFrame:
        rows = table.scan(tuple(column for column in columns if column != FILE_NAME))
        return rows.with_columns(pl.lit(name).alias(FILE_NAME)) if FILE_NAME in columns else rows

    return replace(table, columns={**table.columns, FILE_NAME: (FILE_NAME,)}, scan=scan)


def _with_each_column(table: TextTable, header: str) -> TextTable:
    """One row per filled cell of a repeated header."""
    repeated = table.columns.get(normalize_header(header), ())
    if not repeated:
        return replace(table, scan=lambda columns: table.scan(columns).head(0))

    def scan(columns: Sequence[str]) -> pl.LazyFrame:
        rows = table.scan(tuple(dict.fromkeys((*columns, *repeated))))
        rows = rows.with_columns(pl.concat_list(repeated).alias(repeated[0])).explode(repeated[0])
        return rows.filter(_is_filled(repeated[0]))

    return replace(table, columns={**table.columns, normalize_header(header): repeated[:1]}, scan=scan)


def _with_each_member(table: TextTable, path: str) -> TextTable:
    """One row per element of a list inside a JSON record; `path[*].member` is the element's member."""
    inside = f"{path}[*]"

    def scan(columns: Sequence[str]) -> pl.LazyFrame:
        members = tuple(one for one in columns if one == inside or one.startswith(f"{inside}."))
        around = tuple(one for one in columns if one not in members and one != path)
        schema = pl.List(pl.Struct(dict.fromkeys(members or (inside,), pl.String)))

        def elements(texts: pl.Series) -> pl.Series:
            steps = {member: _steps(member.removeprefix(inside)) for member in members or (inside,)}
            found = [[_members(one, steps) for one in _listed(text)] for text in texts]
            return pl.Series(texts.name, found, dtype=schema)

        rows = table.scan((*around, path)).with_columns(
            pl.col(path).map_batches(elements, return_dtype=schema, is_elementwise=True).alias("@each")
        )
        rows = rows.filter(pl.col("@each").list.len() > 0).explode("@each").drop(path)
        return rows.unnest("@each")

    return replace(table, scan=scan)


def _listed(text: str | None) -> list[Any]:
    try:
        found = json.loads(text or "[]")
    except (ValueError, RecursionError):
        # A text in place of a list is one element.
        return [text]
    return found if isinstance(found, list) else [found]


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.split(".") if step)


def _members(element: Any, steps: dict[str, tuple[str, ...]]) -> dict[str, str | None]:
    return {member: _text_of(element, path) for member, path in steps.items()}


def _text_of(value: Any, path: Iterable[str]) -> str | None:
    for step in path:
        name = step.removesuffix("[*]")
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    if isinstance(value, list):
        value = "|".join(str(one) for one in value if isinstance(one, str | int | float))
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _with_items(table: TextTable, items: Items) -> TextTable:
    """One row per cell of an item's column that is filled and not one of the blanks."""
    headers = dict.fromkeys(unpivoted_headers(table, items))
    cells = [(header, column) for header in headers for column in table.columns[normalize_header(header)]]
    names = tuple(column for _, column in cells)

    def scan(columns: Sequence[str]) -> pl.LazyFrame:
        known = {column for several in table.columns.values() for column in several}
        around = tuple(one for one in columns if one in known)
        rows = table.scan(tuple(dict.fromkeys((*around, *names))))
        if not cells:
            return rows.with_columns(pl.lit(None, pl.String).alias(one) for one in (ITEM, VALUE, POINTS)).head(0)
        points = _points(table, items.points_row, names)
        structs = [
            pl.struct(
                pl.lit(_bare(header)).alias(ITEM),
                pl.col(column).alias(VALUE),
                pl.lit(points.get(column), pl.String).alias(POINTS),
            )
            for header, column in cells
        ]
        laid = rows.select(ROW_NUMBER, *around, pl.concat_list(structs).alias("@cell")).explode("@cell")
        laid = laid.unnest("@cell")
        is_blank = pl.col(VALUE).str.strip_chars().str.to_lowercase().is_in([one.lower() for one in items.blanks])
        return laid.filter(_is_filled(VALUE) & ~is_blank)

    more = {one: (one,) for one in (ITEM, VALUE, POINTS)}
    return replace(table, columns={**table.columns, **more}, scan=scan)


def _points(table: TextTable, points_row: Condition | None, names: tuple[str, ...]) -> dict[str, str | None]:
    if points_row is None or normalize_header(points_row[0]) not in table.columns:
        return {}
    column = table.columns[normalize_header(points_row[0])][0]
    words = [word.lower() for word in points_row[1]]
    rows = table.scan((column, *names)).filter(pl.col(column).str.strip_chars().str.to_lowercase().is_in(words))
    found = rows.select(list(dict.fromkeys(names))).head(1).collect()
    return found.row(0, named=True) if found.height else {}


def _is_filled(column: str) -> pl.Expr:
    return (pl.col(column).str.strip_chars().str.len_bytes() > 0).fill_null(False)
