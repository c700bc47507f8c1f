"""Exports read by declaration: the adapters of all systems, and a file turned into frames of canonical shapes.

Belongs here: finding an adapter, opening a file in the format of its system, the frames that landing writes.
Does not belong here: what a system's columns are (one file each), formats (`readers`), which header fills which column
(`mapping`), how text becomes values (`casts`).
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.casts.words import hash_texts
from pipelines.sources.conventions import TextColumn, prove_transforms
from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, SourceOptions, Transform
from pipelines.sources.mapping import (
    apply_overrides,
    condition_holds,
    declared_shape_maps,
    frame_columns,
    headers_read_by,
    nearest_names,
    source_transform,
)
from pipelines.sources.readers.delimited import read_delimited
from pipelines.sources.readers.files import ExportRefused, open_file
from pipelines.sources.readers.json_lines import read_json
from pipelines.sources.readers.parquet import is_parquet, read_parquet
from pipelines.sources.readers.record_terminators import rewrite_terminated
from pipelines.sources.readers.text_table import (
    ROW_NUMBER,
    TextTable,
    normalize_header,
    stripped_or_null,
)
from pipelines.sources.readers.workbook import is_workbook, read_workbook
from pipelines.sources.reshape import reshape_table, select_shape_maps, unpivoted_headers
from pipelines.sources.sensitive_columns import sensitive_class

FOLDERS = ("hr", "projects", "learning", "feedback")
NO_OPTIONS = SourceOptions()
# Number of rows from which the parsers of a column are chosen. A format that they do not show costs time only.
SAMPLE_ROWS = 1_000


@dataclass(frozen=True)
class Export:
    """The content of one exported file.

    Attributes:
        shapes: One lazy frame per canonical shape: `row_number`, every column of the shape with its type, and
            `text:column` with the text as it is written in the file, without blanks around it.
        malformed: One row per malformed record: `row_number`, `row_text` (null if the file has sensitive columns), and
            `reason`.
        columns_left_out: Columns that no mapping uses, among them all new ones.
        sensitive_columns: Columns that are never read.
        encoding: Encoding of the file; None for binary formats.
        delimiter: Delimiter of the file; None for formats without one.
        row_count: Number of records, malformed ones included; None if they were not counted.
        hashed_shapes: Shapes whose `record_code` is a hash of the row.
        is_regular: Whether the file has no malformed rows. Call it after reading a file that was checked in the
            background; it waits for the result.
    """

    shapes: Mapping[CanonicalSchemaName, pl.LazyFrame]
    malformed: pl.LazyFrame
    columns_left_out: tuple[str, ...]
    sensitive_columns: tuple[str, ...]
    encoding: str | None
    delimiter: str | None
    row_count: int | None
    hashed_shapes: frozenset[CanonicalSchemaName]
    is_regular: Callable[[], bool]

    @property
    def sensitive_column_classes(self) -> tuple[tuple[str, str], ...]:
        """Each sensitive column with the class for which it is never read."""
        return tuple((column, sensitive_class(column) or "") for column in self.sensitive_columns)


def adapters_by_system(adapters: Iterable[Adapter]) -> Mapping[str, Adapter]:
    """Return the adapters by system, in alphabetical order.

    Raises:
        ValueError: If two adapters have the same system.
    """
    by_system: dict[str, Adapter] = {}
    for adapter in adapters:
        if other := by_system.get(adapter.system):
            raise ValueError(f"two adapters are called {adapter.system}: {other.title} and {adapter.title}")
        by_system[adapter.system] = adapter
    return dict(sorted(by_system.items()))


@cache
def all_adapters() -> Mapping[str, Adapter]:
    """Return every adapter by system: the constant ADAPTER of each module in the domain folders, and of `tabular`."""
    modules = ["pipelines.sources.tabular"]
    for folder in FOLDERS:
        package = importlib.import_module(f"pipelines.sources.{folder}")
        modules += [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    return adapters_by_system(importlib.import_module(module).ADAPTER for module in modules)


def get_adapter(system: str) -> Adapter:
    """Return the adapter of a system.

    Raises:
        ExportRefused: If there is none; the message names the nearest ones.
    """
    adapters = all_adapters()
    if system not in adapters:
        raise ExportRefused(f"no adapter is called {system}; nearest: {nearest_names(system, adapters)}")
    return adapters[system]


def read_export(
    path: Path, adapter: Adapter, options: SourceOptions = NO_OPTIONS, check_in_background: bool = False
) -> Export:
    """Read a file as lazy frames of canonical shapes.

    Args:
        path: The delivered file.
        adapter: The system that wrote it.
        options: How the source declares that its files are read.
        check_in_background: Whether to check a large delimited file for malformed rows while it is read. The frames
            are then complete only if `is_regular` returns True after reading; if not, read the file without this.

    Returns:
        The content of the file; a shape of which the file holds nothing has an empty frame.

    Raises:
        ExportRefused: If the file cannot be read, lacks a required column, or the options do not fit it.
    """
    table = open_export(path, adapter, options, check_in_background)
    declared = declared_shape_maps(adapter, options)
    reshaped = [(shape, reshape_table(table, shape, path.name)) for shape in select_shape_maps(declared, table)]
    maps = [(apply_overrides(shape, options, text, path.name), text) for shape, text in reshaped]
    used = {
        normalize_header(header)
        for shape, _ in maps
        for header in (*headers_read_by(shape), *unpivoted_headers(table, shape.unpivot))
    }
    unused = [header for header in table.headers if normalize_header(header) not in used]
    sensitive = tuple(header for header in unused if sensitive_class(header))
    malformed = table.malformed
    if sensitive:
        # Nobody can tell which field of a malformed row is the sensitive one, so none of its text is kept.
        malformed = malformed.with_columns(pl.lit(None, pl.String).alias("row_text"))
    return Export(
        {shape.shape: _no_rows(shape.shape) for shape in declared}
        | {shape.shape: _fill_shape(shape, text, options, path.name) for shape, text in maps},
        malformed.cache(),
        tuple(header for header in unused if header not in sensitive),
        sensitive,
        table.encoding,
        table.delimiter,
        table.row_count,
        frozenset(shape.shape for shape, _ in maps if _is_hashed(shape)),
        table.is_regular,
    )


def open_table(path: Path) -> TextTable:
    """Return any file as a table of text, without a mapping.

    Raises:
        ExportRefused: If the file cannot be read.
    """
    return open_export(path, get_adapter("tabular"))


def open_export(
    path: Path, adapter: Adapter, options: SourceOptions = NO_OPTIONS, check_in_background: bool = False
) -> TextTable:
    """Open a file in the format in which the system writes it.

    Args:
        path: The delivered file.
        adapter: The system that wrote it.
        options: How the source declares that its files are read.
        check_in_background: As in `read_export`.

    Returns:
        The file as a table of text.

    Raises:
        ExportRefused: If the file cannot be read.
    """
    if "parquet" in adapter.formats and is_parquet(path):
        return read_parquet(path)
    if options.member is None and "csv" in adapter.formats and is_workbook(path):
        headers = [
            *(header for shape in adapter.shapes for header in headers_read_by(shape)),
            *(header for override in options.overrides().values() for header in override.headers),
        ]
        wanted = {normalize_header(header) for header in headers}
        return read_workbook(path, wanted, adapter.skip_after_header, adapter.skip_unless)
    opened = open_file(path, options.encoding, options.member)
    with opened.open() as handle:
        is_json = handle.read(1 << 12).lstrip()[:1] in (b"{", b"[")
    if ("json" if is_json else "csv") not in adapter.formats:
        raise ExportRefused(
            f"{path.name} is {'JSON' if is_json else 'not JSON'}, and {adapter.system} reads "
            f"{', '.join(adapter.formats)}: export it as such"
        )
    if is_json:
        return read_json(opened, path.name, adapter.records_path)
    if adapter.record_terminator:
        opened = rewrite_terminated(opened, path.name, adapter.record_terminator, options.delimiter)
    return read_delimited(
        opened, path.name, options.delimiter, adapter.skip_after_header, check_in_background, adapter.skip_unless
    )


def _no_rows(shape: CanonicalSchemaName) -> pl.LazyFrame:
    columns = CANONICAL_SCHEMAS[shape].columns
    return pl.LazyFrame(
        schema={
            ROW_NUMBER: pl.Int64,
            **{column: COLUMNS[column].dtype for column in columns},
            **{f"text:{column}": pl.String for column in columns},
        }
    )


def _is_hashed(shape: ShapeMap) -> bool:
    """Return whether a record of the shape is identified by the hash of its row, as the system gives no id."""
    return "record_code" in CANONICAL_SCHEMAS[shape.shape].columns and not any(
        field_map.destination == "record_code" and field_map.is_mapped for field_map in shape.fields
    )


def _fill_shape(shape: ShapeMap, table: TextTable, options: SourceOptions, name: str) -> pl.LazyFrame:
    columns = CANONICAL_SCHEMAS[shape.shape].columns
    fields = {field_map.destination: field_map for field_map in shape.fields if field_map.is_mapped}
    rows = table.scan(
        tuple(dict.fromkeys(column for header in headers_read_by(shape) for column in frame_columns(header, table)))
    )
    if shape.where:
        rows = rows.filter(condition_holds(shape.where, table))
    if shape.unless:
        rows = rows.filter(~condition_holds(shape.unless, table))
    texts = rows.select(
        ROW_NUMBER, *(_text(field_map, table).alias(f"text:{column}") for column, field_map in fields.items())
    )
    sample = texts.head(SAMPLE_ROWS).collect()
    # JSON, Parquet and workbooks write numbers with a decimal point.
    transforms = _prove(fields, texts, sample, options, name, table.has_open_schema or table.encoding is None)
    missing = [column for column in columns if column not in fields]
    frame = texts.with_columns(
        *(
            cast_text(pl.col(f"text:{column}"), transform, options.time_zone, sample[f"text:{column}"].drop_nulls())
            .cast(COLUMNS[column].dtype)
            .alias(column)
            for column, transform in transforms.items()
        ),
        *(pl.lit(None, COLUMNS[column].dtype).alias(column) for column in missing),
        *(pl.lit(None, pl.String).alias(f"text:{column}") for column in missing),
    )
    if _is_hashed(shape):
        # The hash is of the row's mapped text, in the alphabetical order of the columns.
        mapped = sorted(f"text:{column}" for column, field_map in fields.items() if field_map.headers)
        row_text = pl.concat_str((pl.col(column).fill_null("\x00") for column in mapped), separator="\x1f")
        frame = frame.with_columns(hash_texts(row_text).alias("record_code"))
    return frame.select(ROW_NUMBER, *columns, *(f"text:{column}" for column in columns)).cache()


def _text(field_map: FieldMap, table: TextTable) -> pl.Expr:
    """Return the text as it is written in the file; null if it is blank or a condition of the field does not hold."""
    text = _joined_cells(field_map, table)
    if field_map.fallback and normalize_header(field_map.fallback[0]) in table.columns:
        header, condition = field_map.fallback
        cells = [stripped_or_null(pl.col(column)) for column in frame_columns(header, table)]
        text = pl.coalesce(text, pl.when(condition_holds(condition, table)).then(pl.coalesce(cells)))
    if field_map.when:
        text = pl.when(condition_holds(field_map.when, table)).then(text)
    if field_map.unless:
        text = pl.when(~condition_holds(field_map.unless, table)).then(text)
    return text


def _joined_cells(field_map: FieldMap, table: TextTable) -> pl.Expr:
    cells = [
        _cell(field_map, header, column) for header in field_map.headers for column in frame_columns(header, table)
    ]
    if not cells:
        return pl.lit(field_map.constant, pl.String)
    if field_map.join is not None and len(cells) > 1:
        return stripped_or_null(pl.concat_str(cells, separator=field_map.join, ignore_nulls=True))
    text = pl.coalesce(cells)
    return text if field_map.constant is None else text.fill_null(field_map.constant)


def _cell(field_map: FieldMap, header: str, column: str) -> pl.Expr:
    text = pl.col(column)
    if field_map.extract is not None:
        text = text.str.extract(field_map.extract, 1)
    if field_map.value_is_header:
        return pl.when(stripped_or_null(text).is_not_null()).then(pl.lit(header))
    if field_map.split is not None:
        text = text.str.replace_all(field_map.split, "|").str.strip_chars(" |")
    return stripped_or_null(text)


def _prove(
    fields: Mapping[str, FieldMap],
    texts: pl.LazyFrame,
    sample: pl.DataFrame,
    options: SourceOptions,
    name: str,
    has_typed_numbers: bool,
) -> dict[str, Transform]:
    """Return the transform of each field, completed by what the cells of the file prove."""
    columns = [
        TextColumn(
            f"text:{destination}",
            texts,
            sample[f"text:{destination}"].drop_nulls(),
            sample.height < SAMPLE_ROWS,
            field_map.headers,
            destination,
            source_transform(field_map, options),
        )
        for destination, field_map in fields.items()
    ]
    return dict(zip(fields, prove_transforms(columns, name, has_typed_numbers), strict=True))
