"""Exports read by declaration: the adapters of all systems, and a file turned into frames of canonical shapes.

Belongs here: finding an adapter, opening a file in the format of its system, the frames that landing writes.
Does not belong here: what a system's columns are (one file each), formats (`readers`), which header fills which column
(`mapping`), how a frame is filled (`canonical_frames`).
"""

import importlib
import pkgutil
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.sources.canonical_frames import (
    ShapeTexts,
    empty_frame,
    fill_shape,
    has_hashed_code,
    prove_forms,
    read_texts,
    scan_texts,
)
from pipelines.sources.declaration import Adapter, ShapeMap, SourceOptions, Transform
from pipelines.sources.field_text import frame_columns, headers_read_by, scan_cells
from pipelines.sources.file_forms import describe_noted_forms, refuse_unread_form
from pipelines.sources.header_spelling import spell_headers
from pipelines.sources.mapping import apply_overrides, declared_shape_maps, nearest_names
from pipelines.sources.passed_over import REASON, add_reasons, count_reasons
from pipelines.sources.readers.delimited import read_delimited
from pipelines.sources.readers.files import ExportRefused, open_file
from pipelines.sources.readers.json_lines import read_json
from pipelines.sources.readers.json_paths import covers
from pipelines.sources.readers.leading_text import drop_line_prefixes, skip_title_lines
from pipelines.sources.readers.parquet import is_parquet, read_parquet
from pipelines.sources.readers.record_terminators import rewrite_terminated
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable, normalize_header
from pipelines.sources.readers.workbook import is_workbook, read_workbook
from pipelines.sources.reshape import reshape_table, select_shape_maps, unpivoted_headers
from pipelines.sources.sensitive_columns import sensitive_class
from pipelines.sources.state_ids import find_state_ids
from pipelines.sources.unknown_words import add_undecided_words, count_unknown_words, has_undecided_words

# The rows of a file up to this size, unpacked, are held in memory while it is read.
SMALL_FILE_BYTES = 16 << 20
DOMAIN_FOLDERS = ("hr", "projects", "learning", "feedback")
NO_OPTIONS = SourceOptions()


@dataclass(frozen=True)
class Export:
    """The content of one exported file.

    Attributes:
        shapes: One lazy frame per canonical shape: `row_number`, every column of the shape with its type, and
            `text:column` with the text as it is written in the file, without blanks around it.
        malformed: One row per malformed record: `row_number`, `row_text` (null if the file has sensitive columns), and
            `reason`.
        columns_left_out: Columns that no mapping uses, among them all new ones.
        sensitive_column_classes: Columns that are never read, each with the class of sensitive data.
        encoding: Encoding of the file; None for binary formats.
        delimiter: Delimiter of the file; None for formats without one.
        row_count: Number of records, malformed ones included; None if they were not counted.
        reason_counts: Per shape the number of its rows by the reason for which they are passed over, as
            `passed_over.count_reasons` returns them; a shape that passes over none has no entry.
        word_counts: Per canonical shape that the file fills the words that no table declares, as
            `unknown_words.count_unknown_words` returns them.
        notes: Sentences about the file that its reader must know: it is one page of several, or not read wholly.
        hashed_shapes: Shapes whose `record_code` is a hash of the row.
        read_again: Returns the rows of a shape that come from the records with the given row numbers, in their order in
            `shapes`. Of a large file it casts no others.
        is_regular: Whether the file has no malformed rows, and numbers as its first rows have. Call it after reading a
            file that was checked meanwhile.
    """

    shapes: Mapping[CanonicalSchemaName, pl.LazyFrame]
    malformed: pl.LazyFrame
    columns_left_out: tuple[str, ...]
    sensitive_column_classes: tuple[tuple[str, str], ...]
    encoding: str | None
    delimiter: str | None
    row_count: int | None
    reason_counts: Mapping[CanonicalSchemaName, pl.LazyFrame]
    word_counts: Mapping[CanonicalSchemaName, pl.LazyFrame]
    notes: tuple[str, ...]
    hashed_shapes: frozenset[CanonicalSchemaName]
    read_again: Callable[[CanonicalSchemaName, pl.Series], pl.LazyFrame]
    is_regular: Callable[[], bool]

    @property
    def sensitive_columns(self) -> tuple[str, ...]:
        """The columns that are never read."""
        return tuple(column for column, _ in self.sensitive_column_classes)


def adapters_by_system(adapters: Iterable[Adapter]) -> Mapping[str, Adapter]:
    """Return the adapters by system, in alphabetical order.

    Raises:
        ValueError: If two adapters have the same system.
    """
    adapter_by_system: dict[str, Adapter] = {}
    for adapter in adapters:
        if earlier_adapter := adapter_by_system.get(adapter.system):
            raise ValueError(f"two adapters are called {adapter.system}: {earlier_adapter.title} and {adapter.title}")
        adapter_by_system[adapter.system] = adapter
    return dict(sorted(adapter_by_system.items()))


@cache
def all_adapters() -> Mapping[str, Adapter]:
    """Return every adapter by system: the constant ADAPTER of each module in the domain folders, and of `tabular`."""
    module_names = ["pipelines.sources.tabular"]
    for domain_folder in DOMAIN_FOLDERS:
        package = importlib.import_module(f"pipelines.sources.{domain_folder}")
        module_names += [f"{package.__name__}.{module.name}" for module in pkgutil.iter_modules(package.__path__)]
    return adapters_by_system(importlib.import_module(module_name).ADAPTER for module_name in module_names)


def get_adapter(system: str) -> Adapter:
    """Return the adapter of a system.

    Raises:
        ExportRefused: If there is none; the message names the nearest ones.
    """
    adapter_by_system = all_adapters()
    if system not in adapter_by_system:
        raise ExportRefused(f"no adapter is called {system}; nearest: {nearest_names(system, adapter_by_system)}")
    return adapter_by_system[system]


def read_export(
    path: Path, adapter: Adapter, options: SourceOptions = NO_OPTIONS, check_while_reading: bool = False
) -> Export:
    """Read a file as lazy frames of canonical shapes.

    Args:
        path: The delivered file.
        adapter: The system that wrote it.
        options: How the source declares that its files are read.
        check_while_reading: Whether to check JSON, and a large delimited file, while it is read. The frames are then
            complete only if `is_regular` returns True after reading; if not, read the file without this.

    Returns:
        The content of the file; a shape of which the file holds nothing has an empty frame.

    Raises:
        ExportRefused: If the file cannot be read, lacks a required column, or the options do not fit it.
    """
    table = open_export(path, adapter, options, check_while_reading)
    refuse_unread_form(table, adapter, path.name)
    shape_maps = spell_headers(declared_shape_maps(adapter, options), table)
    maps_with_tables = list(_fit_shape_maps(select_shape_maps(shape_maps, table), table, options, path.name))
    unused_headers = _unused_headers([shape_map for shape_map, _ in maps_with_tables], table)
    sensitive_class_by_header = _find_sensitive_headers(table, unused_headers, path.name)
    is_small_file = (path.stat().st_size if table.byte_count is None else table.byte_count) <= SMALL_FILE_BYTES
    compute = _collect_frames if is_small_file else list
    separator_notes: list[bool] = []
    note_separator = partial(separator_notes.append, True) if check_while_reading and not is_small_file else None
    filled_shape_by_name = _fill_shapes(maps_with_tables, table, options, path.name, compute, note_separator)
    typed_rows_by_shape = {shape_map.shape: empty_frame(shape_map.shape) for shape_map in shape_maps}
    typed_rows_by_shape |= {shape: filled_shape.typed_rows for shape, filled_shape in filled_shape_by_name.items()}

    def read_again(shape: CanonicalSchemaName, row_numbers: pl.Series) -> pl.LazyFrame:
        has_wanted_number = pl.col(ROW_NUMBER).is_in(row_numbers.implode())
        if is_small_file:
            return typed_rows_by_shape[shape].filter(has_wanted_number)
        return _fill_wanted_rows(filled_shape_by_name[shape], options, has_wanted_number)

    return Export(
        typed_rows_by_shape,
        _hide_row_text(table.malformed_rows, bool(sensitive_class_by_header)).cache(),
        tuple(header for header in unused_headers if header not in sensitive_class_by_header),
        tuple(sensitive_class_by_header.items()),
        table.encoding,
        table.delimiter,
        table.row_count,
        {
            shape: count_reasons(filled_shape.scanned_rows)
            for shape, filled_shape in filled_shape_by_name.items()
            if filled_shape.shape_map.pass_over or filled_shape.shape_map.counts_empty
        },
        {
            shape: count_unknown_words(filled_shape.shape_map, filled_shape.scanned_rows, filled_shape.typed_rows)
            for shape, filled_shape in filled_shape_by_name.items()
        },
        (*table.notes, *describe_noted_forms(table, adapter)),
        frozenset(shape_map.shape for shape_map, _ in maps_with_tables if has_hashed_code(shape_map)),
        read_again,
        lambda: table.is_regular() and not separator_notes,
    )


def _fit_shape_maps(
    shape_maps: Iterable[ShapeMap], table: TextTable, options: SourceOptions, file_name: str
) -> Iterator[tuple[ShapeMap, TextTable]]:
    """Yield each shape map with the mapping of the source applied, and the file reshaped for it."""
    for shape_map in shape_maps:
        reshaped_table = reshape_table(table, shape_map, file_name)
        yield apply_overrides(shape_map, options, reshaped_table, file_name), reshaped_table


def _hide_row_text(malformed_rows: pl.LazyFrame, has_sensitive_column: bool) -> pl.LazyFrame:
    """Return the malformed rows; nobody can tell which of their fields is a sensitive one, so none of it is kept."""
    null_row_text = pl.lit(None, pl.String).alias("row_text")
    return malformed_rows.with_columns(null_row_text) if has_sensitive_column else malformed_rows


class _FilledShape(NamedTuple):
    """One shape of a file.

    Attributes:
        reshaped_table: The file, reshaped for the shape.
        scanned_rows: Its rows with the columns that the shape reads, and the reason for which one is passed over.
        shape_texts: Its texts, with the map fitted to the file.
        transforms: The transform of each column of text.
        typed_rows: Its rows as `fill_shape` returns them.
    """

    reshaped_table: TextTable
    scanned_rows: pl.LazyFrame
    shape_texts: ShapeTexts
    transforms: Mapping[str, Transform]
    typed_rows: pl.LazyFrame

    @property
    def shape_map(self) -> ShapeMap:
        """The map of the shape, fitted to the file."""
        return self.shape_texts.shape_map


def _fill_shapes(
    maps_with_tables: Sequence[tuple[ShapeMap, TextTable]],
    table: TextTable,
    options: SourceOptions,
    file_name: str,
    compute: Callable[[Sequence[pl.LazyFrame]], list[pl.LazyFrame]],
    note_separator: Callable[[], None] | None,
) -> dict[CanonicalSchemaName, _FilledShape]:
    """Fill the shapes of a file, by their name.

    Args:
        maps_with_tables: Each shape map, fitted to the file, with the file reshaped for it.
        table: The file.
        options: Options of the source.
        file_name: Name of the file, for messages.
        compute: Takes the frames of each step and returns the same rows, held in memory or not.
        note_separator: As in `read_texts`.
    """
    shape_maps, reshaped_tables = zip(*maps_with_tables, strict=True)
    scanned_rows = compute([_scan_rows(shape_map, reshaped_table) for shape_map, reshaped_table in maps_with_tables])
    rows_to_read = [shape_rows.filter(pl.col(REASON).is_null()) for shape_rows in scanned_rows]
    scanned_texts = compute(list(map(scan_texts, shape_maps, rows_to_read, reshaped_tables)))
    texts_of_shapes = [
        read_texts(shape_map, texts, options, note_separator)
        for shape_map, texts in zip(shape_maps, scanned_texts, strict=True)
    ]
    transforms_of_shapes = prove_forms(texts_of_shapes, options, file_name, table)
    typed_rows = compute(list(map(partial(fill_shape, options=options), texts_of_shapes, transforms_of_shapes)))
    filled_shapes = map(_FilledShape, reshaped_tables, scanned_rows, texts_of_shapes, transforms_of_shapes, typed_rows)
    return {filled_shape.shape_map.shape: filled_shape for filled_shape in filled_shapes}


def _fill_wanted_rows(filled_shape: _FilledShape, options: SourceOptions, has_wanted_number: pl.Expr) -> pl.LazyFrame:
    """Return the frame of a shape with only some of its rows, which are chosen before any text is cast."""
    full_table = filled_shape.reshaped_table
    wanted_table = replace(full_table, scan=lambda columns: full_table.scan(columns).filter(has_wanted_number))
    wanted_rows = _scan_rows(filled_shape.shape_map, wanted_table).filter(pl.col(REASON).is_null())
    wanted_texts = scan_texts(filled_shape.shape_map, wanted_rows, wanted_table)
    return fill_shape(replace(filled_shape.shape_texts, texts=wanted_texts), filled_shape.transforms, options)


def _unused_headers(shape_maps: Sequence[ShapeMap], table: TextTable) -> list[str]:
    """Return the headers of the file that none of the shape maps reads."""
    used_headers = [
        header
        for shape_map in shape_maps
        for header in (*headers_read_by(shape_map), *unpivoted_headers(table, shape_map.unpivot))
    ]
    used_header_keys = {
        table.key(column) for header in used_headers for column in (header, *frame_columns(header, table))
    }

    def is_used(header_key: str) -> bool:
        return header_key in used_header_keys or (
            table.has_open_schema and any(covers(used_key, header_key) for used_key in used_header_keys)
        )

    return [header for header in table.headers if header.strip() and not is_used(table.key(header))]


def _find_sensitive_headers(table: TextTable, unused_headers: Sequence[str], file_name: str) -> Mapping[str, str]:
    """Return the unused headers that are never read, by their names or their values, with their classes.

    Raises:
        ExportRefused: If a column that is read holds state ids.
    """
    number_kind_by_header = find_state_ids(table)
    for header, number_kind in number_kind_by_header.items():
        if header not in unused_headers:
            raise ExportRefused(
                f"the column {header} of {file_name} holds {number_kind.title}, which is never read (class "
                f"{number_kind.class_name}): map another column, or export the file without it"
            )
    class_by_header = {header: sensitive_class(header) for header in unused_headers}
    class_by_header |= {header: number_kind.class_name for header, number_kind in number_kind_by_header.items()}
    return {header: class_name for header, class_name in class_by_header.items() if class_name}


def open_table(path: Path, options: SourceOptions = NO_OPTIONS) -> TextTable:
    """Return any file as a table of text, without a mapping.

    Args:
        path: The file.
        options: How the file is opened.

    Raises:
        ExportRefused: If the file cannot be read.
    """
    return open_export(path, get_adapter("tabular"), options)


def open_export(
    path: Path,
    adapter: Adapter,
    options: SourceOptions = NO_OPTIONS,
    check_while_reading: bool = False,
    known_headers: Collection[str] | None = None,
) -> TextTable:
    """Open a file in the format in which the system writes it.

    Args:
        path: The delivered file.
        adapter: The system that wrote it.
        options: How the source declares that its files are read.
        check_while_reading: As in `read_export`.
        known_headers: Normalized headers by which the header row and the sheet are found; None for those that the
            adapter and the options can use.

    Returns:
        The file as a table of text.

    Raises:
        ExportRefused: If the file cannot be read.
    """
    if "parquet" in adapter.formats and is_parquet(path):
        return read_parquet(path)
    wanted_headers = headers_wanted(adapter, options) if known_headers is None else known_headers
    if options.member is None and "csv" in adapter.formats and is_workbook(path):
        return read_workbook(path, wanted_headers, adapter.skip_after_header, adapter.data_row_mark)
    opened_file = open_file(path, options.encoding, options.member)
    if "json" in adapter.formats:
        opened_file = drop_line_prefixes(opened_file)
    with opened_file.open() as file_handle:
        is_json = file_handle.read(1 << 12).lstrip()[:1] in (b"{", b"[")
    if ("json" if is_json else "csv") not in adapter.formats:
        raise ExportRefused(
            f"{path.name} is {'JSON' if is_json else 'not JSON'}, and {adapter.system} reads "
            f"{', '.join(adapter.formats)}: export it as such"
        )
    if is_json:
        return read_json(opened_file, path.name, adapter.records_path, check_while_reading)
    opened_file, title_notes = skip_title_lines(opened_file, wanted_headers, options.delimiter)
    if adapter.record_terminator:
        opened_file = rewrite_terminated(opened_file, path.name, adapter.record_terminator, options.delimiter)
    table = read_delimited(
        opened_file, path.name, options.delimiter, adapter.skip_after_header, check_while_reading, adapter.data_row_mark
    )
    return replace(table, notes=title_notes)


def _collect_frames(lazy_frames: Sequence[pl.LazyFrame]) -> list[pl.LazyFrame]:
    """Return the same rows, held in memory: what follows neither reads the file again nor plans its reading again."""
    return [computed_frame.lazy() for computed_frame in pl.collect_all(lazy_frames)]


def headers_wanted(adapter: Adapter, options: SourceOptions) -> set[str]:
    """Return the normalized headers that the adapter or the mapping of the configuration can use."""
    headers = [
        *(header for shape_map in adapter.shapes for header in (*headers_read_by(shape_map), *shape_map.signature)),
        *adapter.signature,
        *(header for override in options.overrides().values() for header in override.headers),
    ]
    return {normalize_header(header) for header in headers}


def _scan_rows(shape_map: ShapeMap, table: TextTable) -> pl.LazyFrame:
    """Return the columns that a shape reads, with the reason for which a row is passed over."""
    headers = headers_read_by(shape_map)
    columns = dict.fromkeys(column for header in headers for column in frame_columns(header, table))
    rows = add_undecided_words(add_reasons(scan_cells(table, tuple(columns)), shape_map, table), shape_map, table)
    # counts of other rows must not read the file a second time
    return rows.cache() if shape_map.pass_over or shape_map.counts_empty or has_undecided_words(shape_map) else rows
