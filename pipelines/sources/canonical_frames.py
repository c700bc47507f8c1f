"""The rows of a file as a frame of a canonical shape: the text of each field, and the value cast from it.

Belongs here: which variant of a field is cast, what the cells prove about its form, the code of rows without an id.
Does not belong here: which header fills which column (`mapping`), the parsers (`casts`), what a file proves
(`conventions`), which rows are read (`passed_over`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.sources.casts.batches import by_batch
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.casts.durations import hours_between
from pipelines.sources.casts.words import hash_texts
from pipelines.sources.conventions import TextColumn, has_marked_number, needs_decimal_sign, prove_transforms
from pipelines.sources.declaration import FieldMap, ShapeMap, SourceOptions, Transform
from pipelines.sources.field_text import choose_variant, field_text, joined_text
from pipelines.sources.mapping import source_transform, transform_for, with_options
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable, strip_cells
from pipelines.sources.sensitive_columns import sensitive_class

# Number of rows from which the parsers of a column are chosen. A format that they do not show costs time only.
SAMPLE_ROWS = 1_000
_MOMENT = Transform("datetime")
_NUMBER = Transform("number")
_CHOSEN = "chosen:"
_BOUNDS, _MOMENTS = ("lowest", "highest"), ("began", "ended")


@dataclass(frozen=True)
class ShapeTexts:
    """The texts of one shape of a file.

    Attributes:
        shape_map: The map, fitted to the file.
        variants_by_field: The variants of each destination.
        texts: One row per row: `row_number`, `text:column`, and what else a field is cast from.
        sample: The first rows of `texts`.
        watched: The columns whose numbers are watched while `texts` is read.
    """

    shape_map: ShapeMap
    variants_by_field: Mapping[str, Sequence[FieldMap]]
    texts: pl.LazyFrame
    sample: pl.DataFrame
    watched: frozenset[str] = frozenset()


def empty_frame(shape: CanonicalSchemaName) -> pl.LazyFrame:
    """Return the frame of a shape of which a file holds nothing."""
    columns = CANONICAL_SCHEMAS[shape].columns
    return pl.LazyFrame(
        schema={
            ROW_NUMBER: pl.Int64,
            **{column: COLUMNS[column].dtype for column in columns},
            **{f"text:{column}": pl.String for column in columns},
        }
    )


def is_hashed(shape_map: ShapeMap) -> bool:
    """Return whether a record of the shape is identified by the hash of its row, as the system gives no id."""
    return "record_code" in CANONICAL_SCHEMAS[shape_map.shape].columns and not any(
        field_map.destination == "record_code" and field_map.is_mapped for field_map in shape_map.fields
    )


def scan_texts(shape_map: ShapeMap, rows: pl.LazyFrame, table: TextTable) -> pl.LazyFrame:
    """Return the texts of a shape, one row per row: `row_number`, `text:column`, and what else a field is cast from.

    Args:
        shape_map: The map, fitted to the file.
        rows: The rows that the shape reads, with every column of its headers.
        table: The file.
    """
    variants_by_field = _variants_by_field(shape_map)
    # which variant is chosen is a column of its own: inside each text it would be computed again
    variant_position_by_destination = {
        destination: choose_variant(variants, shape_map, table)
        for destination, variants in variants_by_field.items()
        if len(variants) > 1 or variants[0].is_conditional
    }
    rows = rows.with_columns(
        **{
            f"{_CHOSEN}{destination}": variant_position
            for destination, variant_position in variant_position_by_destination.items()
        }
    )
    return rows.select(
        ROW_NUMBER,
        *(
            text_expression
            for variants in variants_by_field.values()
            for text_expression in _field_texts(variants, shape_map, table)
        ),
    )


def read_texts(
    shape_map: ShapeMap, texts: pl.LazyFrame, options: SourceOptions, note_number: Callable[[], None] | None
) -> ShapeTexts:
    """Return the texts of a shape with a sample of them.

    Args:
        shape_map: The map, fitted to the file.
        texts: What `scan_texts` returns.
        options: Options of the source.
        note_number: If given, a column whose sample has no number with a point or a comma is watched while it is read,
            instead of being searched beforehand. This is called if it has one after all: its values may be wrong then,
            and the file must be read again without this argument.
    """
    shape_texts = ShapeTexts(shape_map, _variants_by_field(shape_map), texts, texts.head(SAMPLE_ROWS).collect())
    return shape_texts if note_number is None else _watch_numbers(shape_texts, options, note_number)


def _watch_numbers(shape_texts: ShapeTexts, options: SourceOptions, note_number: Callable[[], None]) -> ShapeTexts:
    watched = frozenset(
        column.name
        for column in _text_columns_to_prove(shape_texts, options)
        if needs_decimal_sign(column.transform) and not column.is_complete and not has_marked_number(column.sample)
    )

    def watch(texts: pl.Series) -> pl.Series:
        if has_marked_number(texts):
            note_number()
        return texts

    texts = shape_texts.texts.with_columns(by_batch(pl.String(), watch)(pl.col(name)) for name in sorted(watched))
    return replace(shape_texts, texts=texts, watched=watched)


def prove_forms(
    texts_of_shapes: Sequence[ShapeTexts], options: SourceOptions, file_name: str, table: TextTable
) -> list[dict[str, Transform]]:
    """Return per shape the transform of each column of text, completed by what the cells of the complete file prove.

    Args:
        texts_of_shapes: The texts of each shape of the file.
        options: Options of the source.
        file_name: Name of the file, for messages.
        table: The file. Cells of columns that nothing reads prove the order of days and months too.

    Raises:
        ExportRefused: If the cells can be read in two ways and the file proves neither.
    """
    columns_of_shapes = [_text_columns_to_prove(shape_texts, options) for shape_texts in texts_of_shapes]
    proven_transforms = iter(
        prove_transforms(
            [text_column for shape_columns in columns_of_shapes for text_column in shape_columns],
            file_name,
            # JSON, Parquet and workbooks write numbers with a decimal point.
            has_typed_numbers=table.has_open_schema or table.encoding is None,
            read_other_cells=partial(_unread_cells, texts_of_shapes, table),
        )
    )
    return [
        {text_column.name: next(proven_transforms) for text_column in shape_columns}
        for shape_columns in columns_of_shapes
    ]


def _unread_cells(texts_of_shapes: Sequence[ShapeTexts], table: TextTable) -> pl.Series:
    """Return the first cells of the columns that no shape reads, sensitive ones excepted."""
    read_keys = {
        table.key(header)
        for shape_texts in texts_of_shapes
        for field_map in shape_texts.shape_map.fields
        for header in field_map.all_headers
    }
    unread_headers = [
        header for header in table.headers if table.key(header) not in read_keys and not sensitive_class(header)
    ]
    # Two headers of JSON may name one member: `a` and `a[*]`.
    columns = list(
        dict.fromkeys(chain.from_iterable(table.columns.get(table.key(each), ()) for each in unread_headers))
    )
    rows = strip_cells(table.scan_first_rows(columns), columns).select(columns).collect()
    return pl.concat([pl.Series("text", [], pl.String), *(rows[column].cast(pl.String) for column in columns)])


def fill_shape(shape_texts: ShapeTexts, transforms: Mapping[str, Transform], options: SourceOptions) -> pl.LazyFrame:
    """Return the typed rows of a shape.

    Args:
        shape_texts: The texts of the shape.
        transforms: The transform of each column of text.
        options: Options of the source.

    Returns:
        One row per row of the texts: `row_number`, every column of the shape with its type, and `text:column` with its
        text.
    """
    columns = CANONICAL_SCHEMAS[shape_texts.shape_map.shape].columns

    def cast_column(text_column: str) -> pl.Expr:
        lowest, highest = (
            pl.col(f"{text_column}:{bound}") if f"{text_column}:{bound}" in transforms else None for bound in _BOUNDS
        )
        sample = shape_texts.sample[text_column].drop_nulls()
        typed_value = cast_text(
            pl.col(text_column), transforms[text_column], options.time_zone, sample, lowest, highest
        )
        if f"{text_column}:began" not in transforms:
            return typed_value
        moments = (
            cast_text(pl.col(f"{text_column}:{moment}"), transforms[f"{text_column}:{moment}"], options.time_zone)
            for moment in _MOMENTS
        )
        return hours_between(typed_value, pl.col(text_column), *moments)

    missing_columns = [column for column in columns if column not in shape_texts.variants_by_field]
    typed_rows = shape_texts.texts.with_columns(
        *(
            pl.coalesce(cast_column(text_column) for text_column in _text_columns(variants))
            .cast(COLUMNS[column].dtype)
            .alias(column)
            for column, variants in shape_texts.variants_by_field.items()
        ),
        *(pl.lit(None, COLUMNS[column].dtype).alias(column) for column in missing_columns),
        *(pl.lit(None, pl.String).alias(f"text:{column}") for column in missing_columns),
    )
    if is_hashed(shape_texts.shape_map):
        # The hash is of the mapped text, in the alphabetical order of the columns; a state is made of these texts.
        destinations = {field_map.destination for field_map in shape_texts.shape_map.fields if field_map.headers} - {
            "state_code"
        }
        mapped_text_columns = sorted(f"text:{destination}" for destination in destinations)
        row_text = pl.concat_str((pl.col(column).fill_null("\x00") for column in mapped_text_columns), separator="\x1f")
        typed_rows = typed_rows.with_columns(hash_texts(row_text).alias("record_code"))
    return typed_rows.select(ROW_NUMBER, *columns, *(f"text:{column}" for column in columns)).cache()


def _variants_by_field(shape_map: ShapeMap) -> dict[str, list[FieldMap]]:
    variants_by_field: dict[str, list[FieldMap]] = {}
    for field_map in shape_map.fields:
        variants_by_field.setdefault(field_map.destination, []).append(field_map)
    return variants_by_field


def _field_texts(variants: Sequence[FieldMap], shape_map: ShapeMap, table: TextTable) -> list[pl.Expr]:
    """Return the text of a field, and per variant its text, its ends and its moments if they are cast differently."""
    chosen_position = pl.col(f"{_CHOSEN}{variants[0].destination}")

    def if_chosen(position: int, variant_text: pl.Expr) -> pl.Expr:
        is_only = len(variants) == 1 and not variants[0].is_conditional
        return variant_text if is_only else pl.when(chosen_position == position).then(variant_text)

    variant_texts = [
        if_chosen(variant_position, field_text(field_map, shape_map, table))
        for variant_position, field_map in enumerate(variants)
    ]
    text_columns = _text_columns(variants)
    separate_texts = (
        [variant_text.alias(text_column) for variant_text, text_column in zip(variant_texts, text_columns, strict=True)]
        if len(text_columns) > 1
        else []
    )
    for variant_position, (text_column, field_map) in enumerate(zip(text_columns, variants, strict=False)):
        separate_texts += [
            if_chosen(variant_position, joined_text(headers, table)).alias(f"{text_column}:{attribute}")
            for attribute in (*_BOUNDS, *_MOMENTS)
            if (headers := getattr(field_map, attribute))
        ]
    return [pl.coalesce(variant_texts).alias(f"text:{variants[0].destination}"), *separate_texts]


def _text_columns(variants: Sequence[FieldMap]) -> list[str]:
    """Return the columns of text that are cast: one per field, or one per variant if they are cast differently."""
    text_column = f"text:{variants[0].destination}"
    cast_settings = [
        (transform_for(field_map), field_map.lowest, field_map.highest, field_map.began, field_map.ended)
        for field_map in variants
    ]
    return (
        [f"{text_column}:{position}" for position in range(len(variants))]
        if any(variant_settings != cast_settings[0] for variant_settings in cast_settings)
        else [text_column]
    )


def _text_columns_to_prove(shape_texts: ShapeTexts, options: SourceOptions) -> list[TextColumn]:
    text_columns = []

    def add_column(text_column: str, headers: tuple[str, ...], destination: str, transform: Transform) -> None:
        sample_cells = shape_texts.sample[text_column].drop_nulls()
        is_complete = shape_texts.sample.height < SAMPLE_ROWS
        is_watched = text_column in shape_texts.watched
        text_columns.append(
            TextColumn(
                text_column,
                shape_texts.texts,
                sample_cells,
                is_complete,
                headers,
                destination,
                transform,
                is_watched,
            )
        )

    for destination, variants in shape_texts.variants_by_field.items():
        text_column_names = _text_columns(variants)
        variant_groups = [[variant] for variant in variants] if len(text_column_names) > 1 else [variants]
        for text_column, grouped_variants in zip(text_column_names, variant_groups, strict=True):
            headers = tuple(header for field_map in grouped_variants for header in field_map.headers)
            add_column(text_column, headers, destination, source_transform(grouped_variants[0], options))
            for attribute in (*_BOUNDS, *_MOMENTS):
                if attribute_headers := getattr(grouped_variants[0], attribute):
                    transform = with_options(_MOMENT if attribute in _MOMENTS else _NUMBER, options)
                    add_column(f"{text_column}:{attribute}", attribute_headers, destination, transform)
    return text_columns
