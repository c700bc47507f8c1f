"""Exports read by declaration: the registry of systems, and a file turned into frames of canonical shapes.

Belongs here: finding an adapter, matching its headers to a file, mapping overrides, the frames that landing sinks.
Does not belong here: what a system's columns are (one file each), formats (`files`, `delimited`, `jsonlines`, `typed`),
how text becomes values (`transforms`).
"""

import hashlib
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.sources.casts import AMBIGUOUS, cast_text
from pipelines.sources.declaration import (
    Adapter,
    Condition,
    DateOrder,
    ExportRefused,
    FieldMap,
    Override,
    ShapeMap,
    SourceOptions,
    Transform,
)
from pipelines.sources.mapping import (
    apply_overrides,
    declared_shape_maps,
    headers_read_by,
    nearest_names,
    transform_for,
)
from pipelines.sources.readers.delimited import read_delimited
from pipelines.sources.readers.files import open_file
from pipelines.sources.readers.json_lines import read_json
from pipelines.sources.readers.parquet import is_parquet, read_parquet
from pipelines.sources.readers.record_terminators import rewrite_terminated
from pipelines.sources.readers.text_table import ROW_NUMBER, TextTable, normalize_header
from pipelines.sources.readers.workbook import is_workbook, read_workbook
from pipelines.sources.reshape import reshape_table, select_shape_maps, unpivoted_headers
from pipelines.sources.sensitive_columns import sensitive_class

__all__ = [
    "Adapter",
    "Export",
    "ExportRefused",
    "FieldMap",
    "Override",
    "ShapeMap",
    "SourceOptions",
    "Transform",
    "adapters_by_system",
    "all_adapters",
    "get_adapter",
    "open_export",
    "open_table",
    "read_export",
]

FOLDERS = ("hr", "projects", "learning", "feedback")
# One proof in a hundred against the order of all others is a typing error, not another order.
MOST_CONTRARY = 0.01
# So many rows tell how a column is written; what they do not show costs time, or is refused as ambiguous.
SAMPLE = 1_000


@dataclass(frozen=True)
class Export:
    """What one file gives: a lazy frame per shape, its malformed rows, and what was seen, left out and denied.

    `columns_left_out` are those no mapping asks for, among them all that are new.
    A frame has row_number, every column of the shape typed, and `text:column` with the text as it stood in the file,
    without blanks around it.
    """

    shapes: Mapping[CanonicalSchemaName, pl.LazyFrame]
    malformed: pl.LazyFrame
    columns_seen: tuple[str, ...]
    columns_left_out: tuple[str, ...]
    sensitive_columns: tuple[str, ...]
    encoding: str | None
    delimiter: str | None
    row_count: int | None
    hashed_shapes: frozenset[CanonicalSchemaName] = frozenset()  # shapes whose record_code is a hash of the row
    is_regular: Callable[[], bool] = lambda: True  # of a file read on trust: whether it was rightly trusted

    @property
    def sensitive_column_classes(self) -> tuple[tuple[str, str], ...]:
        """Each denied column with the class for which it is never read."""
        return tuple((column, sensitive_class(column) or "") for column in self.sensitive_columns)


def adapters_by_system(adapters: Iterable[Adapter]) -> Mapping[str, Adapter]:
    """The adapters by system, in order of their names. Raises ValueError where two have one name."""
    found: dict[str, Adapter] = {}
    for one in adapters:
        if one.system in found:
            raise ValueError(f"two adapters are called {one.system}: {found[one.system].title} and {one.title}")
        found[one.system] = one
    return dict(sorted(found.items()))


@cache
def all_adapters() -> Mapping[str, Adapter]:
    """Every adapter by system: the constant ADAPTER of each module in the domain folders, and of `tabular`."""
    package = "pipelines.sources"
    modules = [f"{package}.tabular"]
    for folder in FOLDERS:
        inside = importlib.import_module(f"{package}.{folder}")
        modules += sorted(f"{inside.__name__}.{one.name}" for one in pkgutil.iter_modules(inside.__path__))
    return adapters_by_system(importlib.import_module(module).ADAPTER for module in modules)


def get_adapter(system: str) -> Adapter:
    """The adapter of that system. Raises ExportRefused, naming the nearest, where there is none."""
    known = all_adapters()
    if system not in known:
        raise ExportRefused(f"no adapter is called {system}; nearest: {nearest_names(system, known)}")
    return known[system]


def read_export(
    path: Path, adapter: Adapter, options: SourceOptions | None = None, check_in_background: bool = False
) -> Export:
    """The file as lazy frames of canonical shapes.

    Read on trust, the frames of a large file are what it says only if `is_regular` is true once they have been read.

    Raises ExportRefused where the file cannot be read, lacks a needed column, or the options do not fit it.
    """
    options = options or SourceOptions()
    table = open_export(path, adapter, options, check_in_background)
    declared = declared_shape_maps(adapter, options)
    fitting = [(one, reshape_table(table, one, path.name)) for one in select_shape_maps(declared, table)]
    maps = [(apply_overrides(one, options, laid, path.name), laid) for one, laid in fitting]
    used = {
        normalize_header(source)
        for one, _ in maps
        for source in (*headers_read_by(one), *unpivoted_headers(table, one.items))
    }
    denied = tuple(
        header for header in table.headers if sensitive_class(header) and normalize_header(header) not in used
    )
    left_out = tuple(
        header for header in table.headers if header not in denied and normalize_header(header) not in used
    )
    malformed = table.malformed
    if denied:
        # Which field of a malformed row is the denied one cannot be told: none of its text is kept.
        malformed = malformed.with_columns(pl.lit(None, pl.String).alias("row_text"))
    return Export(
        {one.shape: _no_rows(one.shape) for one in declared}
        | {one.shape: _shaped(one, laid, options, path.name) for one, laid in maps},
        malformed.cache(),
        table.headers,
        left_out,
        denied,
        table.encoding,
        table.delimiter,
        table.row_count,
        frozenset(one.shape for one, _ in maps if _is_hashed(one)),
        table.is_regular,
    )


def open_table(path: Path) -> TextTable:
    """Any file as a table of text, without a mapping. Raises ExportRefused where it cannot be read."""
    return open_export(path, get_adapter("tabular"))


def open_export(
    path: Path,
    adapter: Adapter,
    options: SourceOptions = SourceOptions(),  # noqa: B008
    check_in_background: bool = False,
) -> TextTable:
    """The file as a table of text, opened as that system writes it. Raises ExportRefused where it cannot be read."""
    if "parquet" in adapter.formats and is_parquet(path):
        return read_parquet(path)
    if options.member is None and is_workbook(path) and {"csv", "xlsx"} & set(adapter.formats):
        wanted = {normalize_header(source) for one in adapter.shapes for source in headers_read_by(one)}
        wanted |= {normalize_header(one) for one in options.sources()}
        return read_workbook(path, wanted, adapter.skip_after_header, adapter.skip_unless)
    opened = open_file(path, options.encoding, options.member)
    with opened.path.open("rb") as handle:
        handle.seek(opened.start)
        begins = handle.read(1 << 12).lstrip()[:1]
    if begins in (b"{", b"["):
        if "json" not in adapter.formats:
            raise ExportRefused(
                f"{path.name} is JSON, and {adapter.system} reads {', '.join(adapter.formats)}: export it as such"
            )
        return read_json(opened, path.name, adapter.records_path)
    if "csv" not in adapter.formats:
        raise ExportRefused(
            f"{path.name} is not JSON, and {adapter.system} reads {', '.join(adapter.formats)}: export it as such"
        )
    if adapter.record_terminator:
        opened = rewrite_terminated(opened, path.name, adapter.record_terminator, options.delimiter)
    return read_delimited(
        opened, path.name, options.delimiter, adapter.skip_after_header, check_in_background, adapter.skip_unless
    )


def _actual(source: str, table: TextTable) -> tuple[str, ...]:
    return table.columns.get(normalize_header(source), (source,))


def _no_rows(shape: CanonicalSchemaName) -> pl.LazyFrame:
    columns = CANONICAL_SCHEMAS[shape].columns
    texts = dict.fromkeys((f"text:{column}" for column in columns), pl.String)
    return pl.LazyFrame(schema={ROW_NUMBER: pl.Int64, **{column: COLUMNS[column].dtype for column in columns}, **texts})


def _is_hashed(shape: ShapeMap) -> bool:
    """Whether a record of the shape is known by its row's hash, as the system gives no id."""
    given = any(one.destination == "record_code" and (one.sources or one.constant is not None) for one in shape.fields)
    return "record_code" in CANONICAL_SCHEMAS[shape.shape].columns and not given


def _shaped(shape: ShapeMap, table: TextTable, options: SourceOptions, name: str) -> pl.LazyFrame:
    fields = {one.destination: one for one in shape.fields if one.sources or one.constant is not None}
    wanted = dict.fromkeys(actual for source in headers_read_by(shape) for actual in _actual(source, table))
    rows = table.scan(tuple(wanted))
    if shape.where:
        rows = rows.filter(_holds(shape.where, table))
    if shape.unless:
        rows = rows.filter(~_holds(shape.unless, table))
    texts = rows.select(ROW_NUMBER, *(_raw(one, table).alias(f"text:{one.destination}") for one in fields.values()))
    columns = CANONICAL_SCHEMAS[shape.shape].columns
    sample = texts.head(SAMPLE).collect()
    values = []
    for column in columns:
        if column in fields:
            values.append(
                _value(fields[column], texts, sample, options, name).cast(COLUMNS[column].dtype).alias(column)
            )
        else:
            values.append(pl.lit(None, COLUMNS[column].dtype).alias(column))
            values.append(pl.lit(None, pl.String).alias(f"text:{column}"))
    frame = texts.with_columns(values)
    if _is_hashed(shape):
        mapped = [f"text:{column}" for column in columns if column in fields and fields[column].sources]
        frame = frame.with_columns(_row_hash(mapped).alias("record_code"))
    return frame.select(ROW_NUMBER, *columns, *(f"text:{column}" for column in columns)).cache()


def _holds(condition: Condition, table: TextTable) -> pl.Expr:
    """Whether the row's header holds one of the words; never where the file has no such header."""
    header, words = condition
    if normalize_header(header) not in table.columns and not table.is_open:
        return pl.lit(False)
    text = pl.coalesce(pl.col(actual) for actual in _actual(header, table)).str.strip_chars().str.to_lowercase()
    return text.fill_null("").is_in([word.lower() for word in words])


def _raw(one: FieldMap, table: TextTable) -> pl.Expr:
    """The text as it stood in the file; null where it is blank or a condition of the field does not hold."""
    text = _joined(one, table)
    if one.fallback and normalize_header(one.fallback[0]) in table.columns:
        header, condition = one.fallback
        last = [_filled(pl.col(actual)) for actual in _actual(header, table)]
        text = pl.coalesce(text, pl.when(_holds(condition, table)).then(pl.coalesce(last)))
    if one.when:
        text = pl.when(_holds(one.when, table)).then(text)
    if one.unless:
        text = pl.when(~_holds(one.unless, table)).then(text)
    return text


def _joined(one: FieldMap, table: TextTable) -> pl.Expr:
    columns = [_cell(one, source, actual) for source in one.sources for actual in _actual(source, table)]
    if not columns:
        return pl.lit(one.constant, pl.String)
    if one.join is not None and len(columns) > 1:
        return _filled(pl.concat_str(columns, separator=one.join, ignore_nulls=True))
    text = columns[0] if len(columns) == 1 else pl.coalesce(columns)
    return text if one.constant is None else text.fill_null(one.constant)


def _cell(one: FieldMap, source: str, actual: str) -> pl.Expr:
    text = pl.col(actual)
    if one.part is not None:
        text = text.str.extract(one.part, 1)
    if one.value_is_header:
        return pl.when(_filled(text).is_not_null()).then(pl.lit(source))
    if one.split is not None:
        text = text.str.replace_all(one.split, "|").str.strip_chars(" |")
    return _filled(text)


def _filled(text: pl.Expr) -> pl.Expr:
    """The text without blanks around it; null where nothing is left."""
    stripped = text.str.strip_chars()
    return pl.when(stripped != "").then(stripped)


def _value(one: FieldMap, texts: pl.LazyFrame, sample: pl.DataFrame, options: SourceOptions, name: str) -> pl.Expr:
    column = f"text:{one.destination}"
    transform = transform_for(one)
    if options.decimal_comma:
        transform = replace(transform, decimal_comma=True)
    if transform.kind in ("date", "moment") and not transform.formats and transform.date_order is None:
        order = options.date_order or _proven_order(texts, sample[column], one, name)
        transform = replace(transform, date_order=order)
    return cast_text(pl.col(column), transform, options.time_zone, sample[column].drop_nulls())


def _proven_order(texts: pl.LazyFrame, sample: pl.Series, one: FieldMap, name: str) -> DateOrder | None:
    """The order of day and month that the column proves. Raises ExportRefused where it is ambiguous or contradictory.

    The column is read as a whole only where its first rows hold such dates.
    """
    if not sample.str.contains(AMBIGUOUS).any():
        return None
    parts = pl.col(sample.name).str.extract_groups(AMBIGUOUS).struct
    first, second = parts.field("1").cast(pl.Int64), parts.field("2").cast(pl.Int64)
    counts = texts.select(
        (first > 12).sum().alias("day"), (second > 12).sum().alias("month"), (first != second).sum().alias("both")
    )
    day, month, both = counts.collect(engine="streaming").row(0)
    if not both:
        return "day_first"
    if min(day, month) > MOST_CONTRARY * max(day, month) or not day + month:
        found = (
            f"{day} dates have a day in front, {month} have a month in front" if day + month else "no day is above 12"
        )
        raise ExportRefused(
            f"{name}: the dates in {' or '.join(one.sources)} can be read day first or month first ({found}): "
            "set `date_order` to day_first or month_first"
        )
    return "day_first" if day > month else "month_first"


def _row_hash(columns: list[str]) -> pl.Expr:
    """A hash of the row's mapped text, the same on every machine and in every version: 16 hexadecimal digits twice."""
    parts = [pl.col(column).fill_null("\x00") for column in sorted(columns)]

    def digest(series: pl.Series) -> pl.Series:
        blake = hashlib.blake2b
        return pl.Series(
            series.name, [blake(text.encode(), digest_size=16).hexdigest() for text in series], dtype=pl.String
        )

    joined = pl.concat_str(parts, separator="\x1f")
    return joined.map_batches(digest, return_dtype=pl.String(), is_elementwise=True)
