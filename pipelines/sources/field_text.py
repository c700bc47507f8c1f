"""The text of each field in each row: cells joined, cut and chosen as declared, and conditions on them.

Belongs here: expressions over a table of text that give a field's text or tell whether a row holds a word.
Does not belong here: which header fills which column (`mapping`), how text becomes values (`casts`), which rows are
read (`passed_over`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS
from pipelines.sources.casts.batches import make_batch_parser, make_distinct_reader
from pipelines.sources.casts.placeholders import drop_placeholders, drop_unset, placeholders_of
from pipelines.sources.casts.words import comparable_text, comparable_words
from pipelines.sources.declaration import ANY_TEXT, KNOWN_WORDS, Condition, FieldMap, PassOver, ShapeMap
from pipelines.sources.mapping import transform_for
from pipelines.sources.readers.text_table import TextTable, strip_cells, stripped_or_null

# Before the name of a column, the column of its cells without placeholders.
FILLED_PREFIX = "@filled:"
# Kinds of values of which none is written as false.
_KINDS_NEVER_FALSE = frozenset(("text", "code", "digest", "email", "date", "datetime"))


def scan_cells(table: TextTable, columns: Sequence[str]) -> pl.LazyFrame:
    """Scan a table, and clean each cell once, however many fields and conditions look at it.

    Args:
        table: The file.
        columns: The columns that are read; those that the file lacks are left out.

    Returns:
        The rows of the table. A cell has no blanks around it, and is null if nothing is left; the column with
        `FILLED_PREFIX` before its name holds the same text, and null for a placeholder.
    """
    scanned_rows = table.scan(columns)
    present_columns = [column for column in columns if column in scanned_rows.collect_schema()]
    stripped_rows = strip_cells(scanned_rows, present_columns)
    return stripped_rows.with_columns(
        drop_placeholders(pl.col(column)).alias(FILLED_PREFIX + column) for column in present_columns
    )


def frame_columns(header: str, table: TextTable) -> tuple[str, ...]:
    """Return the columns of the frame that hold the header; for a header not seen so far, its own name."""
    header_key = table.key(header)
    columns = table.columns.get(header_key) or (header,)
    # A member of a list's elements is also read if the record has one element without a list.
    single_element_columns = () if header_key.endswith("[*]") else table.columns.get(header_key.replace("[*]", ""), ())
    return tuple(dict.fromkeys((*columns, *single_element_columns)))


def headers_read_by(shape_map: ShapeMap) -> list[str]:
    """Return every header that the shape map reads, for a value or a condition."""
    conditions: list[Condition | PassOver | None] = [
        *(condition for field_map in shape_map.fields for condition in (field_map.when, field_map.unless)),
        *shape_map.pass_over,
        shape_map.unpivot.points_row if shape_map.unpivot else None,
    ]
    return [
        *(header for field_map in shape_map.fields for header in field_map.all_headers),
        *(header for condition in conditions if condition for header in headers_of(condition, shape_map)),
    ]


def headers_of(condition: Condition | PassOver, shape_map: ShapeMap) -> tuple[str, ...]:
    """Return every header that a condition looks at: those of its destination, or its own."""
    if isinstance(condition.column, tuple):
        return condition.column
    return tuple(header for field_map in _field_variants(condition.column, shape_map) for header in field_map.headers)


def condition_text(condition: Condition | PassOver, shape_map: ShapeMap, table: TextTable) -> pl.Expr:
    """Return the text that a condition compares: "" if it is blank or a placeholder, or the file has no such header."""
    condition_words = {*condition.words, *(condition.other_than if isinstance(condition, PassOver) else ())}
    if isinstance(condition.column, tuple):
        field_maps = [FieldMap("", _present_headers(condition.column, table))]
    else:
        field_maps = _field_variants(condition.column, shape_map)
        condition_words.update(word for field_map in field_maps for word in transform_for(field_map).values)
    declared_words = frozenset(word.lower() for word in condition_words)
    cell_texts = [
        _without_placeholder(column, _cut_text(field_map, header, column), declared_words)
        for field_map in field_maps
        for header in field_map.headers
        for column in frame_columns(header, table)
    ]
    return pl.coalesce(*cell_texts, pl.lit("", pl.String))


def condition_holds(condition: Condition, shape_map: ShapeMap, table: TextTable) -> pl.Expr:
    """Return whether the row holds one of the words of the condition; False if the file has none of its headers."""
    if not _present_headers(headers_of(condition, shape_map), table):
        return pl.lit(False)
    text = condition_text(condition, shape_map, table)
    return holds_word(text, comparable_text(text), condition.column, condition.words, shape_map)


def holds_word(
    cell_text: pl.Expr,
    comparable_cell_text: pl.Expr,
    tested_column: str | tuple[str, ...],
    tested_words: Iterable[str],
    shape_map: ShapeMap,
) -> pl.Expr:
    """Return whether the text of a cell is one of some words.

    Args:
        cell_text: The text that a condition compares, as `condition_text` returns it.
        comparable_cell_text: The same text as `comparable_text` returns it.
        tested_column: The column of the condition: a destination, or the headers of the file.
        tested_words: The words of the condition; `ANY_TEXT` is any text, `KNOWN_WORDS` the words of the destination.
        shape_map: The map, fitted to the file.
    """
    accepted_words = set(tested_words)
    if KNOWN_WORDS in accepted_words and isinstance(tested_column, str):
        accepted_words.update(
            word for field_map in _field_variants(tested_column, shape_map) for word in transform_for(field_map).values
        )
    is_accepted = comparable_cell_text.is_in(comparable_words(accepted_words - {ANY_TEXT, KNOWN_WORDS}))
    return is_accepted | (cell_text != "") if ANY_TEXT in accepted_words else is_accepted


def choose_variant(variants: Sequence[FieldMap], shape_map: ShapeMap, table: TextTable) -> pl.Expr:
    """Return the position of the variant that fills the field in each row; null if none does.

    It is the first whose condition holds and of which a header is filled, whatever its text; a constant always counts.
    """
    chosen_variant_index = pl.lit(None, pl.UInt8)
    for variant_index, field_map in reversed(list(enumerate(variants))):
        is_filled = pl.lit(True)
        if field_map.constant is None:
            is_filled = _any_filled(field_map.headers, field_map, shape_map, table)
            if field_map.has_moments:
                has_start, has_end = (
                    _any_filled(headers, field_map, shape_map, table)
                    for headers in (field_map.start_headers, field_map.end_headers)
                )
                is_filled |= has_start & has_end
            if field_map.highest_headers and field_map is not variants[-1]:
                is_filled &= _any_filled(field_map.highest_headers, field_map, shape_map, table)
        if field_map.when:
            is_filled &= _meets_condition(field_map.when, field_map, shape_map, table)
        if field_map.unless:
            is_filled &= ~_meets_condition(field_map.unless, field_map, shape_map, table)
        chosen_variant_index = pl.when(is_filled).then(pl.lit(variant_index, pl.UInt8)).otherwise(chosen_variant_index)
    return chosen_variant_index


def _meets_condition(condition: Condition, field_map: FieldMap, shape_map: ShapeMap, table: TextTable) -> pl.Expr:
    """Return whether the row meets a condition of a field map, of whose own headers it knows the words."""
    mapped_words = transform_for(field_map).values if KNOWN_WORDS in condition.words else ()
    return condition_holds(replace(condition, words=(*condition.words, *mapped_words)), shape_map, table)


def field_text(field_map: FieldMap, shape_map: ShapeMap, table: TextTable) -> pl.Expr:
    """Return the text of a field as the file writes it; null if it is blank or a placeholder.

    Conditions of the field do not count.
    """
    cell_texts = [
        _cell_text(field_map, header, column, shape_map)
        for header in field_map.headers
        for column in frame_columns(header, table)
    ]
    if not cell_texts:
        return pl.lit(field_map.constant, pl.String)
    if field_map.join is not None and len(cell_texts) > 1:
        return stripped_or_null(pl.concat_str(cell_texts, separator=field_map.join, ignore_nulls=True))
    text = pl.coalesce(cell_texts)
    if field_map.extract is not None and len(cell_texts) > 1 and not _patterns_sort_texts(field_map, shape_map):
        cell_columns = [column for header in field_map.headers for column in frame_columns(header, table)]
        text = pl.lit(None, pl.String)
        # a cell that the pattern does not match is unreadable, not empty: no later header stands in for it
        for column, cell_text in reversed(list(zip(cell_columns, cell_texts, strict=True))):
            text = (
                pl.when(_drop_placeholder(column, None, field_map, shape_map).is_null()).then(text).otherwise(cell_text)
            )
    return text if field_map.constant is None else text.fill_null(field_map.constant)


def _patterns_sort_texts(field_map: FieldMap, shape_map: ShapeMap) -> bool:
    """Return whether a header holds texts of several fields, such as addresses and ids, which patterns tell apart."""
    other_fields = (
        other_field
        for other_field in shape_map.fields
        if other_field.extract and other_field.destination != field_map.destination
    )
    return any(set(other_field.headers) & set(field_map.headers) for other_field in other_fields)


def _present_headers(headers: tuple[str, ...], table: TextTable) -> tuple[str, ...]:
    """Return the headers that the file has, or all if its records may have further members."""
    return tuple(header for header in headers if table.has_open_schema or table.key(header) in table.columns)


def _field_variants(destination: str, shape_map: ShapeMap) -> list[FieldMap]:
    return [field_map for field_map in shape_map.fields if field_map.destination == destination]


def joined_text(headers: Sequence[str], table: TextTable) -> pl.Expr:
    """Return the texts of the headers, joined by a blank; null if all are blank or placeholders."""
    cell_texts = [pl.col(FILLED_PREFIX + column) for header in headers for column in frame_columns(header, table)]
    return (
        stripped_or_null(pl.concat_str(cell_texts, separator=" ", ignore_nulls=True))
        if cell_texts
        else pl.lit(None, pl.String)
    )


def _any_filled(headers: Sequence[str], field_map: FieldMap, shape_map: ShapeMap, table: TextTable) -> pl.Expr:
    """Return whether one of the headers holds a text in the row that is no placeholder."""
    cell_columns = [column for header in headers for column in frame_columns(header, table)]
    cell_texts = (_drop_placeholder(column, None, field_map, shape_map) for column in cell_columns)
    return pl.any_horizontal(pl.lit(False), *(cell_text.is_not_null() for cell_text in cell_texts))


def _cell_text(field_map: FieldMap, header: str, column: str, shape_map: ShapeMap) -> pl.Expr:
    """Return the text of a cell as it is cut by the field map; null if it is a placeholder."""
    text = _drop_placeholder(column, _cut_text(field_map, header, column), field_map, shape_map)
    if field_map.split is None or set(text.meta.root_names()) != {column}:
        return text
    # lists of words repeat, and to cut one takes longer than to find what was cut from an equal one
    return make_batch_parser(
        pl.String(),
        make_distinct_reader(
            pl.String(), lambda distinct_cells: _evaluate_on_cells(distinct_cells.alias(column), text)
        ),
    )(pl.col(column))


def _evaluate_on_cells(cells: pl.Series, expression: pl.Expr) -> pl.Series:
    return cells.to_frame().select(expression).to_series()


def _drop_placeholder(column: str, cut_text: pl.Expr | None, field_map: FieldMap, shape_map: ShapeMap) -> pl.Expr:
    """Return the text, or null if it is a placeholder and none of the words that the field declares.

    Args:
        column: The column of the cell.
        cut_text: What is cut from the cell; None for the whole cell.
        field_map: The map of the field.
        shape_map: The map of the shape.
    """
    if field_map.destination in CANONICAL_SCHEMAS[shape_map.shape].full_score_if_empty:
        return pl.col(column) if cut_text is None else cut_text
    transform = transform_for(field_map)
    declared_words = frozenset(word.lower() for word in transform.values)
    text_without_placeholder = _without_placeholder(column, cut_text, declared_words, field_map.destination)
    if transform.kind not in _KINDS_NEVER_FALSE or field_map.value_is_header or "false" in declared_words:
        return text_without_placeholder
    return drop_unset(text_without_placeholder)


def _without_placeholder(
    column: str, cut_text: pl.Expr | None, declared_words: frozenset[str], destination: str = ""
) -> pl.Expr:
    """Return what is cut from a cell, or the whole cell if that is None; null if it is a placeholder."""
    if cut_text is None and placeholders_of(destination, declared_words) == placeholders_of():
        return pl.col(FILLED_PREFIX + column)
    return drop_placeholders(pl.col(column) if cut_text is None else cut_text, destination, declared_words)


def _cut_text(field_map: FieldMap, header: str, column: str) -> pl.Expr | None:
    """Return what the field map reads of a cell; None if that is the whole cell."""
    if field_map.extract is None and field_map.split is None and not field_map.value_is_header:
        return None
    text = pl.col(column)
    if field_map.extract is not None or field_map.value_is_header:
        # a part of a placeholder (N/A) is no value, and a placeholder in the place of a day is no day
        text = pl.col(FILLED_PREFIX + column)
    if field_map.extract is not None:
        text = stripped_or_null(text.str.extract(field_map.extract, 1))
    if field_map.value_is_header:
        return pl.when(text.is_not_null()).then(pl.lit(header))
    if field_map.split is not None:
        text = stripped_or_null(text.str.replace_all(field_map.split, "|").str.strip_chars(" |"))
    return text
