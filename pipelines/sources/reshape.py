"""Tables whose values do not have a row each: lists in a record, repeated columns, wide tables, forms of an export.

Belongs here: choosing the form of export that a file has, and reshaping a table of text so that each value has a row.
Does not belong here: reading files, what the columns mean (the adapters).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from json import dumps
from typing import Any

import polars as pl

from pipelines.sources.casts.placeholders import PLACEHOLDERS, drop_placeholders, drop_unset
from pipelines.sources.declaration import CELL_VALUE, COLUMN_NAME, FILE_NAME, MAX_POINTS, ShapeMap, Unpivot
from pipelines.sources.field_text import condition_holds, headers_of, headers_read_by, scan_cells
from pipelines.sources.readers.json_lines import parse_json
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable, is_filled
from pipelines.sources.sensitive_columns import sensitive_class

# Column that marks a row whose record has no value to explode.
IS_EMPTY = "@empty"
# Signs around a header that do not belong to it: after a blank, quotes are part of a CSV field.
_MARGIN = ' "'
# A column of a gradebook that repeats its other columns, under whatever name.
_TOTAL_HEADER = re.compile(
    r"(?i)(?:(?:overall|final|course|current|total|average) )?(?:grade|score|mark|total|average|percent|percentage)"
    r"(?: (?:percent|percentage|points|letter|total))?"
)


def select_shape_maps(shape_maps: Sequence[ShapeMap], table: TextTable) -> tuple[ShapeMap, ...]:
    """Return, per shape, the first map whose signature the file has.

    If the file has no signature, the map of which it has most headers is returned: its missing columns are then named,
    or filled by the mapping of the configuration.
    """
    map_by_shape: dict[str, ShapeMap] = {}
    for shape_map in shape_maps:
        if all(table.key(header) in table.columns for header in shape_map.signature):
            map_by_shape.setdefault(shape_map.shape, shape_map)
    return tuple(map_by_shape.values()) or (
        max(shape_maps, key=lambda shape_map: _count_present_headers(shape_map, table)),
    )


def _count_present_headers(shape_map: ShapeMap, table: TextTable) -> int:
    return len({table.key(header) for header in headers_read_by(shape_map)} & set(table.columns))


def reshape_table(table: TextTable, shape_map: ShapeMap, file_name: str) -> TextTable:
    """Reshape a table of text.

    Args:
        table: The file.
        shape_map: The map whose `explode` and `unpivot` apply.
        file_name: Name of the file.

    Returns:
        The table with one row per exploded value and per unpivoted cell, and with the file's name as a column.
    """
    if shape_map.unpivot is not None:
        table = _unpivot(table, shape_map, shape_map.unpivot)
    if shape_map.explode is not None:
        explode_table = _explode_list if table.has_open_schema else _explode_repeated_header
        table = explode_table(table, shape_map, shape_map.explode)
    return replace(
        table,
        columns={**table.columns, FILE_NAME: (FILE_NAME,)},
        scan=lambda columns: table.scan(columns).with_columns(pl.lit(file_name).alias(FILE_NAME)),
    )


def unpivoted_headers(table: TextTable, unpivot: Unpivot | None) -> tuple[str, ...]:
    """Return the headers of the file whose columns become rows."""
    if unpivot is None:
        return ()
    if unpivot.header_pattern is not None:
        # A column that is named by the pattern counts whatever its words: "Health and safety (12)" holds marks.
        candidate_headers = [
            header for header in table.headers if re.search(unpivot.header_pattern, header.strip(_MARGIN))
        ]
    else:
        candidate_headers = [header for header in table.headers if header.strip() and not sensitive_class(header)]
    excluded_header_keys = {table.key(header) for header in unpivot.excluded_headers}
    return tuple(
        header
        for header in candidate_headers
        if table.key(header) not in excluded_header_keys and not _TOTAL_HEADER.fullmatch(header.strip(_MARGIN))
    )


def _explode_repeated_header(table: TextTable, shape_map: ShapeMap, header: str) -> TextTable:
    """Return one row per filled cell of a repeated header, or per value in it if the shape has a separator.

    A row without any is dropped, or marked in the column `IS_EMPTY` if the shape counts it.
    """
    repeated_columns = table.columns.get(table.key(header), ())
    if not repeated_columns:
        return replace(table, scan=lambda requested_columns: table.scan(requested_columns).head(0))

    def scan_exploded(requested_columns: Sequence[str]) -> pl.LazyFrame:
        cell_rows = (
            table.scan(tuple(dict.fromkeys((*requested_columns, *repeated_columns))))
            .with_columns(pl.concat_list(repeated_columns).alias(repeated_columns[0]))
            .explode(repeated_columns[0])
        )
        if shape_map.explode_separator is not None:
            split_values = (
                pl.col(repeated_columns[0]).str.replace_all(shape_map.explode_separator, "\x1f").str.split("\x1f")
            )
            cell_rows = cell_rows.with_columns(split_values).explode(repeated_columns[0])
        cell_text = drop_placeholders(pl.col(repeated_columns[0]).str.strip_chars())
        is_empty = ~is_filled(drop_unset(cell_text))
        return _drop_empty_rows(cell_rows, is_empty, shape_map)

    return replace(table, columns={**table.columns, table.key(header): repeated_columns[:1]}, scan=scan_exploded)


def _drop_empty_rows(exploded_rows: pl.LazyFrame, is_empty: pl.Expr, shape_map: ShapeMap) -> pl.LazyFrame:
    """Drop the empty rows.

    If the shape counts empty records, keep one row, marked in `IS_EMPTY`, of each record that has only empty rows.
    """
    if not shape_map.counts_empty:
        return exploded_rows.filter(~is_empty)
    is_first_of_record = pl.int_range(pl.len()).over(ROW_NUMBER) == 0
    marks_empty_record = is_empty.all().over(ROW_NUMBER) & is_first_of_record
    return exploded_rows.with_columns(is_empty.alias(IS_EMPTY)).filter(~is_empty | marks_empty_record)


def _explode_list(table: TextTable, shape_map: ShapeMap, list_path: str) -> TextTable:
    """Return one row per element of a list inside a JSON record; `path[*].member` is a member of the element.

    A record without elements is dropped, or marked in the column `IS_EMPTY` if the shape counts it.
    """
    element_path = f"{list_path}[*]"

    def scan_exploded(requested_columns: Sequence[str]) -> pl.LazyFrame:
        member_columns = [
            column for column in requested_columns if column == element_path or column.startswith(f"{element_path}.")
        ]
        # A record may have one element without a list; it is read as an element all the same.
        single_element_columns = [column for column in requested_columns if column.startswith(f"{list_path}.")]
        other_columns = [
            column
            for column in requested_columns
            if column not in (*member_columns, *single_element_columns, list_path)
        ]
        keys_by_member_column = {
            member_column: member_column.removeprefix(element_path).split(".")[1:]
            for member_column in member_columns or [element_path]
        }
        elements_dtype = pl.List(pl.Struct(dict.fromkeys(keys_by_member_column, pl.String)))

        def read_elements(texts: pl.Series) -> pl.Series:
            elements_per_row = [
                [
                    {
                        member_column: _find_text(element, member_keys)
                        for member_column, member_keys in keys_by_member_column.items()
                    }
                    for element in _parse_elements(list_text)
                ]
                for list_text in texts
            ]
            return pl.Series(texts.name, elements_per_row, dtype=elements_dtype)

        element_lists = (
            pl.col(list_path)
            .map_batches(read_elements, return_dtype=elements_dtype, is_elementwise=True)
            .alias("@each")
        )
        is_empty = pl.col("@each").list.len() == 0
        rows_with_elements = table.scan((*other_columns, list_path)).with_columns(element_lists)
        if shape_map.counts_empty:
            # A null becomes one row; an empty list becomes none.
            rows_with_elements = rows_with_elements.with_columns(
                is_empty.alias(IS_EMPTY), pl.when(~is_empty).then("@each").alias("@each")
            )
        element_rows = rows_with_elements.explode("@each").drop(list_path).unnest("@each")
        return element_rows.with_columns(pl.lit(None, pl.String).alias(column) for column in single_element_columns)

    return replace(table, scan=scan_exploded)


def _parse_elements(list_text: str | None) -> list[Any]:
    """Return the elements of a JSON list without placeholders; text that is not a list is the only element."""
    list_content = parse_json(list_text or "[]", otherwise=list_text)
    elements = list_content if isinstance(list_content, list) else [list_content]
    return [element for element in elements if not (isinstance(element, str) and element.strip() in PLACEHOLDERS)]


def _find_text(json_value: Any, member_keys: Iterable[str]) -> str | None:
    """Return the text under the keys of a JSON value; the texts of a list are joined by |."""
    found_values = [json_value]
    for member_key in member_keys:
        member_name, _, element_index = member_key.removesuffix("]").partition("[")
        member_values = [container.get(member_name) for container in found_values if isinstance(container, dict)]
        found_values = (
            _flatten(member_values)
            if element_index == "*"
            else [_element_at(container, element_index) for container in member_values]
            if element_index
            else member_values
        )
    texts = [text if isinstance(text, str) else dumps(text) for text in _flatten(found_values) if text is not None]
    return "|".join(text for text in texts if text.strip() not in PLACEHOLDERS) or None


def _element_at(json_value: Any, element_index: str) -> Any:
    """Return the element of a list, or None; anything but a list is the only element."""
    elements = json_value if isinstance(json_value, list) else [json_value]
    return elements[int(element_index)] if int(element_index) < len(elements) else None


def _flatten(json_values: Iterable[Any]) -> list[Any]:
    """Return the values with each list replaced by its elements."""
    return [
        element
        for json_value in json_values
        for element in (json_value if isinstance(json_value, list) else [json_value])
    ]


def _unpivot(table: TextTable, shape_map: ShapeMap, unpivot: Unpivot) -> TextTable:
    """Return one row per cell of an unpivoted column that is filled and not one of the empty values.

    A row without any is dropped, or marked in the column `IS_EMPTY` if the shape counts it.
    """
    distinct_headers = dict.fromkeys(unpivoted_headers(table, unpivot))
    header_column_pairs = [
        (header, column) for header in distinct_headers for column in table.columns[table.key(header)]
    ]
    wide_columns = tuple(dict.fromkeys(column for _, column in header_column_pairs))
    cell_columns = (COLUMN_NAME, CELL_VALUE, MAX_POINTS)

    def scan_unpivoted(requested_columns: Sequence[str]) -> pl.LazyFrame:
        available_columns = {column for header_columns in table.columns.values() for column in header_columns}
        other_columns = [column for column in requested_columns if column in available_columns]
        cell_rows = table.scan(tuple(dict.fromkeys((*other_columns, *wide_columns))))
        if not wide_columns:
            unfilled_rows = cell_rows.with_columns(**dict.fromkeys(cell_columns, pl.lit(None, pl.String)))
            is_empty = pl.lit(True).alias(IS_EMPTY)
            return unfilled_rows.with_columns(is_empty) if shape_map.counts_empty else unfilled_rows.head(0)
        points_by_column = _read_max_points(table, shape_map, wide_columns)
        cell_structs = [
            pl.struct(
                pl.lit(header.strip(_MARGIN)).alias(COLUMN_NAME),
                pl.col(column).alias(CELL_VALUE),
                pl.lit(points_by_column.get(column), pl.String).alias(MAX_POINTS),
            )
            for header, column in header_column_pairs
        ]
        cell_rows = (
            cell_rows.select(ROW_NUMBER, *other_columns, pl.concat_list(cell_structs).alias("@cell"))
            .explode("@cell")
            .unnest("@cell")
        )
        cell_text = drop_placeholders(pl.col(CELL_VALUE).str.strip_chars()).str.to_lowercase()
        is_empty = ~is_filled(cell_text) | cell_text.is_in(
            [empty_value.lower() for empty_value in unpivot.empty_values]
        )
        return _drop_empty_rows(cell_rows, is_empty, shape_map)

    return replace(
        table,
        columns={**table.columns, **{cell_column: (cell_column,) for cell_column in cell_columns}},
        scan=scan_unpivoted,
    )


def _read_max_points(table: TextTable, shape_map: ShapeMap, wide_columns: tuple[str, ...]) -> dict[str, str | None]:
    """Return the maximum points per column, from the first row that meets the condition."""
    points_row_condition = shape_map.unpivot.points_row if shape_map.unpivot else None
    if points_row_condition is None:
        return {}
    condition_header_keys = (table.key(header) for header in headers_of(points_row_condition, shape_map))
    condition_columns = [column for header_key in condition_header_keys for column in table.columns.get(header_key, ())]
    is_points_row = condition_holds(points_row_condition, shape_map, table)
    points_rows = (
        scan_cells(table, (*condition_columns, *wide_columns))
        .filter(is_points_row)
        .select(wide_columns)
        .head(1)
        .collect()
    )
    return points_rows.row(0, named=True) if points_rows.height else {}
