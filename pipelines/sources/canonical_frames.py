"""The rows of a file as a frame of a canonical shape: the text of each field, and the value cast from it.

Belongs here: which variant of a field is cast, what the cells prove about its form, the code of rows without an id.
Does not belong here: which header fills which column (`mapping`), the parsers (`casts`), what a file proves
(`conventions`), which rows are read (`passed_over`).
"""

from collections.abc import Mapping, Sequence

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.casts.words import hash_texts
from pipelines.sources.conventions import TextColumn, prove_transforms
from pipelines.sources.declaration import FieldMap, ShapeMap, SourceOptions, Transform
from pipelines.sources.field_text import choose_variant, field_text
from pipelines.sources.mapping import source_transform, transform_for
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable

# Number of rows from which the parsers of a column are chosen. A format that they do not show costs time only.
SAMPLE_ROWS = 1_000
Variants = Mapping[str, Sequence[FieldMap]]


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


def is_hashed(shape: ShapeMap) -> bool:
    """Return whether a record of the shape is identified by the hash of its row, as the system gives no id."""
    return "record_code" in CANONICAL_SCHEMAS[shape.shape].columns and not any(
        field_map.destination == "record_code" and field_map.is_mapped for field_map in shape.fields
    )


def fill_shape(
    shape: ShapeMap, rows: pl.LazyFrame, table: TextTable, options: SourceOptions, name: str
) -> pl.LazyFrame:
    """Return the frame of a shape.

    Args:
        shape: The map, fitted to the file.
        rows: The rows that the shape reads, with every column of its headers.
        table: The file.
        options: Options of the source.
        name: Name of the file, for messages.

    Returns:
        One row per row: `row_number`, every column of the shape with its type, and `text:column` with its text.

    Raises:
        ExportRefused: If the cells can be read in two ways and the file proves neither.
    """
    columns = CANONICAL_SCHEMAS[shape.shape].columns
    fields: dict[str, list[FieldMap]] = {}
    for field_map in shape.fields:
        fields.setdefault(field_map.destination, []).append(field_map)
    texts = rows.select(
        ROW_NUMBER, *(text for variants in fields.values() for text in _field_texts(variants, shape, table))
    )
    sample = texts.head(SAMPLE_ROWS).collect()
    # JSON, Parquet and workbooks write numbers with a decimal point.
    transforms = _prove(fields, texts, sample, options, name, table.has_open_schema or table.encoding is None)
    missing = [column for column in columns if column not in fields]
    frame = texts.with_columns(
        *(
            pl.coalesce(
                cast_text(pl.col(text), transforms[text], options.time_zone, sample[text].drop_nulls())
                for text in _text_columns(variants)
            )
            .cast(COLUMNS[column].dtype)
            .alias(column)
            for column, variants in fields.items()
        ),
        *(pl.lit(None, COLUMNS[column].dtype).alias(column) for column in missing),
        *(pl.lit(None, pl.String).alias(f"text:{column}") for column in missing),
    )
    if is_hashed(shape):
        # The hash is of the row's mapped text, in the alphabetical order of the columns.
        mapped = sorted({f"text:{field_map.destination}" for field_map in shape.fields if field_map.headers})
        row_text = pl.concat_str((pl.col(column).fill_null("\x00") for column in mapped), separator="\x1f")
        frame = frame.with_columns(hash_texts(row_text).alias("record_code"))
    return frame.select(ROW_NUMBER, *columns, *(f"text:{column}" for column in columns)).cache()


def _field_texts(variants: Sequence[FieldMap], shape: ShapeMap, table: TextTable) -> list[pl.Expr]:
    """Return the text of a field, and the text of each variant if they are cast differently."""
    chosen = choose_variant(variants, shape, table)
    texts = [pl.when(chosen == i).then(field_text(field_map, table)) for i, field_map in enumerate(variants)]
    columns = _text_columns(variants)
    parts = [text.alias(column) for text, column in zip(texts, columns, strict=True)] if len(columns) > 1 else []
    return [pl.coalesce(texts).alias(f"text:{variants[0].destination}"), *parts]


def _text_columns(variants: Sequence[FieldMap]) -> list[str]:
    """Return the columns of text that are cast: one per field, or one per variant if their transforms differ."""
    column = f"text:{variants[0].destination}"
    differ = any(transform_for(field_map) != transform_for(variants[0]) for field_map in variants)
    return [f"{column}:{i}" for i in range(len(variants))] if differ else [column]


def _prove(
    fields: Variants,
    texts: pl.LazyFrame,
    sample: pl.DataFrame,
    options: SourceOptions,
    name: str,
    has_typed_numbers: bool,
) -> dict[str, Transform]:
    """Return the transform of each column of text, completed by what the cells of the file prove."""
    columns = []
    for destination, variants in fields.items():
        names = _text_columns(variants)
        groups = [[variant] for variant in variants] if len(names) > 1 else [variants]
        for column, group in zip(names, groups, strict=True):
            headers = tuple(header for field_map in group for header in field_map.headers)
            transform = source_transform(group[0], options)
            is_complete = sample.height < SAMPLE_ROWS
            cells = sample[column].drop_nulls()
            columns.append(TextColumn(column, texts, cells, is_complete, headers, destination, transform))
    transforms = prove_transforms(columns, name, has_typed_numbers)
    return {column.name: transform for column, transform in zip(columns, transforms, strict=True)}
