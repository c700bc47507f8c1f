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
from pipelines.sources.casts.batches import make_batch_parser
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.casts.durations import hours_between
from pipelines.sources.casts.words import hash_texts
from pipelines.sources.conventions import TextColumn, has_number_separator, needs_decimal_sign, prove_transforms
from pipelines.sources.declaration import FieldMap, ShapeMap, SourceOptions, Transform
from pipelines.sources.field_text import choose_variant, field_text, joined_text
from pipelines.sources.mapping import source_transform, transform_for, with_options
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable, strip_cells
from pipelines.sources.sensitive_columns import sensitive_class

# Number of rows from which the parsers of a column are chosen. A format that they do not show costs time only.
SAMPLE_ROWS = 1_000
_MOMENT_TRANSFORM = Transform("datetime")
_NUMBER_TRANSFORM = Transform("number")
_CHOSEN_PREFIX = "chosen:"
_BOUND_ATTRIBUTES = ("lowest_headers", "highest_headers")
_MOMENT_ATTRIBUTES = ("start_headers", "end_headers")


@dataclass(frozen=True)
class ShapeTexts:
    """The texts of one shape of a file.

    Attributes:
        shape_map: The map, fitted to the file.
        variants_by_field: The variants of each destination.
        texts: One row per row of the shape: `row_number`, `text:column`, and what else a field is cast from.
        sample_rows: The first rows of `texts`.
        watched_columns: The columns in which a number with a point or a comma is noted while `texts` is read.
    """

    shape_map: ShapeMap
    variants_by_field: Mapping[str, Sequence[FieldMap]]
    texts: pl.LazyFrame
    sample_rows: pl.DataFrame
    watched_columns: frozenset[str] = frozenset()


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


def has_hashed_code(shape_map: ShapeMap) -> bool:
    """Return whether a record of the shape is identified by the hash of its row, as the system gives no id."""
    return "record_code" in CANONICAL_SCHEMAS[shape_map.shape].columns and not any(
        field_map.destination == "record_code" and field_map.is_mapped for field_map in shape_map.fields
    )


def scan_texts(shape_map: ShapeMap, rows: pl.LazyFrame, table: TextTable) -> pl.LazyFrame:
    """Return the texts of a shape, by row: `row_number`, `text:column`, and what else a field is cast from.

    Args:
        shape_map: The map, fitted to the file.
        rows: The rows that the shape reads, with every column of its headers.
        table: The file.
    """
    variants_by_field = _variants_by_field(shape_map)
    # which variant is chosen is a column of its own: inside each text it would be computed again
    variant_index_by_destination = {
        destination: choose_variant(variants, shape_map, table)
        for destination, variants in variants_by_field.items()
        if len(variants) > 1 or variants[0].is_conditional
    }
    rows = rows.with_columns(
        **{
            f"{_CHOSEN_PREFIX}{destination}": variant_index
            for destination, variant_index in variant_index_by_destination.items()
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
    shape_map: ShapeMap, texts: pl.LazyFrame, options: SourceOptions, note_separator: Callable[[], None] | None
) -> ShapeTexts:
    """Return the texts of a shape with a sample of them.

    Args:
        shape_map: The map, fitted to the file.
        texts: What `scan_texts` returns.
        options: Options of the source.
        note_separator: If given, a column whose sample has no number with a point or a comma is not searched for one
            beforehand. Instead, this function is called if such a number occurs while the column is read: its values
            may be wrong then, and the file must be read again without this argument.
    """
    shape_texts = ShapeTexts(shape_map, _variants_by_field(shape_map), texts, texts.head(SAMPLE_ROWS).collect())
    return shape_texts if note_separator is None else _watch_number_separators(shape_texts, options, note_separator)


def _watch_number_separators(
    shape_texts: ShapeTexts, options: SourceOptions, note_separator: Callable[[], None]
) -> ShapeTexts:
    """Call `note_separator` if a column whose sample has no number with a point or a comma has one further on."""
    watched_columns = frozenset(
        text_column.name
        for text_column in _text_columns_to_prove(shape_texts, options)
        if needs_decimal_sign(text_column.transform)
        and not text_column.is_complete
        and not has_number_separator(text_column.sample_texts)
    )

    def watch(batch_texts: pl.Series) -> pl.Series:
        if has_number_separator(batch_texts):
            note_separator()
        return batch_texts

    watched_texts = shape_texts.texts.with_columns(
        make_batch_parser(pl.String(), watch)(pl.col(column_name)) for column_name in sorted(watched_columns)
    )
    return replace(shape_texts, texts=watched_texts, watched_columns=watched_columns)


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
    text_columns_of_shapes = [_text_columns_to_prove(shape_texts, options) for shape_texts in texts_of_shapes]
    proven_transforms = iter(
        prove_transforms(
            [text_column for shape_text_columns in text_columns_of_shapes for text_column in shape_text_columns],
            file_name,
            # JSON, Parquet and workbooks write numbers with a decimal point.
            format_uses_decimal_point=table.has_open_schema or table.encoding is None,
            read_other_cells=partial(_unread_cells, texts_of_shapes, table),
        )
    )
    return [
        {text_column.name: next(proven_transforms) for text_column in shape_text_columns}
        for shape_text_columns in text_columns_of_shapes
    ]


def _unread_cells(texts_of_shapes: Sequence[ShapeTexts], table: TextTable) -> pl.Series:
    """Return the first cells of the columns that no shape reads, sensitive ones excepted."""
    used_header_keys = {
        table.key(header)
        for shape_texts in texts_of_shapes
        for field_map in shape_texts.shape_map.fields
        for header in field_map.all_headers
    }
    unused_headers = [
        header for header in table.headers if table.key(header) not in used_header_keys and not sensitive_class(header)
    ]
    # Two headers of JSON may name one member: `a` and `a[*]`.
    unused_columns = list(
        dict.fromkeys(chain.from_iterable(table.columns.get(table.key(header), ()) for header in unused_headers))
    )
    first_rows = strip_cells(table.scan_first_rows(unused_columns), unused_columns).select(unused_columns).collect()
    return pl.concat(
        [pl.Series("text", [], pl.String), *(first_rows[column].cast(pl.String) for column in unused_columns)]
    )


def fill_shape(
    shape_texts: ShapeTexts, transform_by_column: Mapping[str, Transform], options: SourceOptions
) -> pl.LazyFrame:
    """Return the typed rows of a shape.

    Args:
        shape_texts: The texts of the shape.
        transform_by_column: The transform of each column of text.
        options: Options of the source.

    Returns:
        One row per row of the texts: `row_number`, every column of the shape with its type, and `text:column` with its
        text.
    """
    shape_columns = CANONICAL_SCHEMAS[shape_texts.shape_map.shape].columns

    def cast_column(text_column_name: str) -> pl.Expr:
        lowest_score_text, highest_score_text = (
            pl.col(f"{text_column_name}:{bound_attribute}")
            if f"{text_column_name}:{bound_attribute}" in transform_by_column
            else None
            for bound_attribute in _BOUND_ATTRIBUTES
        )
        sample_texts = shape_texts.sample_rows[text_column_name].drop_nulls()
        typed_value = cast_text(
            pl.col(text_column_name),
            transform_by_column[text_column_name],
            options.time_zone,
            sample_texts,
            lowest_score_text,
            highest_score_text,
        )
        if f"{text_column_name}:start_headers" not in transform_by_column:
            return typed_value
        start_and_end_moments = (
            cast_text(
                pl.col(f"{text_column_name}:{moment_attribute}"),
                transform_by_column[f"{text_column_name}:{moment_attribute}"],
                options.time_zone,
            )
            for moment_attribute in _MOMENT_ATTRIBUTES
        )
        return hours_between(typed_value, pl.col(text_column_name), *start_and_end_moments)

    unmapped_columns = [column for column in shape_columns if column not in shape_texts.variants_by_field]
    typed_rows = shape_texts.texts.with_columns(
        *(
            pl.coalesce(cast_column(text_column_name) for text_column_name in _text_column_names(variants))
            .cast(COLUMNS[column].dtype)
            .alias(column)
            for column, variants in shape_texts.variants_by_field.items()
        ),
        *(pl.lit(None, COLUMNS[column].dtype).alias(column) for column in unmapped_columns),
        *(pl.lit(None, pl.String).alias(f"text:{column}") for column in unmapped_columns),
    )
    if has_hashed_code(shape_texts.shape_map):
        typed_rows = typed_rows.with_columns(_row_hash(shape_texts.shape_map).alias("record_code"))
    return typed_rows.select(ROW_NUMBER, *shape_columns, *(f"text:{column}" for column in shape_columns)).cache()


def _row_hash(shape_map: ShapeMap) -> pl.Expr:
    """Return the hash of the mapped text of a row, in the alphabetical order of the columns."""
    # a state code is made of the other texts, so it is left out
    mapped_destinations = {field_map.destination for field_map in shape_map.fields if field_map.headers} - {
        "state_code"
    }
    mapped_text_columns = sorted(f"text:{destination}" for destination in mapped_destinations)
    return hash_texts(
        pl.concat_str((pl.col(column).fill_null("\x00") for column in mapped_text_columns), separator="\x1f")
    )


def _variants_by_field(shape_map: ShapeMap) -> dict[str, list[FieldMap]]:
    variants_by_field: dict[str, list[FieldMap]] = {}
    for field_map in shape_map.fields:
        variants_by_field.setdefault(field_map.destination, []).append(field_map)
    return variants_by_field


def _field_texts(variants: Sequence[FieldMap], shape_map: ShapeMap, table: TextTable) -> list[pl.Expr]:
    """Return the text of a field, and per variant its text, its ends and its moments if they are cast differently."""
    chosen_variant_index = pl.col(f"{_CHOSEN_PREFIX}{variants[0].destination}")

    def if_chosen(variant_index: int, variant_text: pl.Expr) -> pl.Expr:
        is_only_variant = len(variants) == 1 and not variants[0].is_conditional
        return variant_text if is_only_variant else pl.when(chosen_variant_index == variant_index).then(variant_text)

    variant_texts = [
        if_chosen(variant_index, field_text(field_map, shape_map, table))
        for variant_index, field_map in enumerate(variants)
    ]
    text_column_names = _text_column_names(variants)
    separate_texts = (
        [
            variant_text.alias(text_column_name)
            for variant_text, text_column_name in zip(variant_texts, text_column_names, strict=True)
        ]
        if len(text_column_names) > 1
        else []
    )
    for variant_index, (text_column_name, field_map) in enumerate(zip(text_column_names, variants, strict=False)):
        separate_texts += [
            if_chosen(variant_index, joined_text(headers, table)).alias(f"{text_column_name}:{header_attribute}")
            for header_attribute in (*_BOUND_ATTRIBUTES, *_MOMENT_ATTRIBUTES)
            if (headers := getattr(field_map, header_attribute))
        ]
    return [pl.coalesce(variant_texts).alias(f"text:{variants[0].destination}"), *separate_texts]


def _text_column_names(variants: Sequence[FieldMap]) -> list[str]:
    """Return the names of a field's text columns: one, or one per variant if the variants are cast differently."""
    field_text_column = f"text:{variants[0].destination}"
    cast_settings = [
        (
            transform_for(field_map),
            field_map.lowest_headers,
            field_map.highest_headers,
            field_map.start_headers,
            field_map.end_headers,
        )
        for field_map in variants
    ]
    return (
        [f"{field_text_column}:{variant_index}" for variant_index in range(len(variants))]
        if any(variant_settings != cast_settings[0] for variant_settings in cast_settings)
        else [field_text_column]
    )


def _text_columns_to_prove(shape_texts: ShapeTexts, options: SourceOptions) -> list[TextColumn]:
    text_columns = []

    def add_column(text_column_name: str, headers: tuple[str, ...], destination: str, transform: Transform) -> None:
        sample_texts = shape_texts.sample_rows[text_column_name].drop_nulls()
        is_complete = shape_texts.sample_rows.height < SAMPLE_ROWS
        is_watched = text_column_name in shape_texts.watched_columns
        text_columns.append(
            TextColumn(
                text_column_name,
                shape_texts.texts,
                sample_texts,
                is_complete,
                headers,
                destination,
                transform,
                is_watched,
            )
        )

    for destination, variants in shape_texts.variants_by_field.items():
        text_column_names = _text_column_names(variants)
        variant_groups = [[field_map] for field_map in variants] if len(text_column_names) > 1 else [variants]
        for text_column_name, grouped_variants in zip(text_column_names, variant_groups, strict=True):
            headers = tuple(header for field_map in grouped_variants for header in field_map.headers)
            add_column(text_column_name, headers, destination, source_transform(grouped_variants[0], options))
            for header_attribute in (*_BOUND_ATTRIBUTES, *_MOMENT_ATTRIBUTES):
                if attribute_headers := getattr(grouped_variants[0], header_attribute):
                    transform = with_options(
                        _MOMENT_TRANSFORM if header_attribute in _MOMENT_ATTRIBUTES else _NUMBER_TRANSFORM, options
                    )
                    add_column(f"{text_column_name}:{header_attribute}", attribute_headers, destination, transform)
    return text_columns
