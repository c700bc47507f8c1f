"""One canonical schema of an export, written to its raw table and its quarantine.

Belongs here: the two files that one schema of one delivery becomes, and which of several rows with one key is kept.
Does not belong here: the rules (`pipelines.validation.quarantine`), the ledger and the file names
(`pipelines.ingest.landing`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypeVar

import polars as pl

from pipelines.contracts.canonical_schemas import (
    CANONICAL_SCHEMAS,
    CanonicalSchema,
    CanonicalSchemaName,
    quarantine_table,
    raw_table,
)
from pipelines.contracts.table import Table
from pipelines.sources.adapter import Export, get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.passed_over import passed_over_by_reason, sum_by_reason
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import ROW_NUMBER
from pipelines.validation.quarantine import REPEATED_KEY, TEXT_PREFIX, Split, split_landed

T = TypeVar("T")
_POSITION, _REPETITION = "position:", "repetition:"


def process_export(path: Path, system: str, options: SourceOptions, work: Callable[[Export], T]) -> T:
    """Read an export and call `work` with it; a second time, after a slower reading, if the file proves irregular.

    Args:
        path: The export file.
        system: System whose adapter reads the file.
        options: How the source declares that its files are read.
        work: Uses the export. It must leave nothing behind if it raises.

    Returns:
        What `work` returns.

    Raises:
        ExportRefused: If the file cannot be read. Errors of `work` are raised too.
    """
    adapter = get_adapter(system)
    export: Export | None = None
    try:
        export = read_export(path, adapter, options, check_in_background=True)
        outcome = work(export)
        if export.is_regular():
            return outcome
    except (pl.exceptions.PolarsError, ExportRefused, RuntimeError):
        if export is not None and export.is_regular():
            raise
    return work(read_export(path, adapter, options))


def describe_broken_end(error: pl.exceptions.PolarsError) -> str:
    """Return why a file could not be read to its end, without the error's own message, which may quote a cell."""
    return f"cannot be read to its end ({type(error).__name__}): copy or export it again"


def provenance_columns(source: str, file_sha256: str, day: date, delivery_number: int) -> tuple[pl.Expr, ...]:
    """The columns of `PROVENANCE_COLUMNS` that an export does not know: all but the row number."""
    return (
        pl.lit(source).alias("source_name"),
        pl.lit(file_sha256).alias("file_sha256"),
        pl.lit(day).alias("delivered_date"),
        pl.lit(delivery_number, pl.Int64).alias("delivery_number"),
    )


@dataclass(frozen=True)
class RowCounts:
    """What became of the rows of one canonical schema of an export.

    Attributes:
        read: Rows of the file, those that are passed over included.
        good: Rows in the raw table.
        bad: Rows in the quarantine that are in no raw table.
        passed_over: Rows that the adapter does not read, by reason, the most frequent first.
    """

    read: int
    good: int
    bad: int
    passed_over: Mapping[str, int]


def write_raw_tables(
    export: Export,
    system: str,
    provenance: Sequence[pl.Expr],
    files: Mapping[CanonicalSchemaName, tuple[Path, Path]],
) -> RowCounts:
    """Write every canonical schema of an export to its raw table and its quarantine.

    Args:
        export: The export as its adapter read it.
        system: System of the source.
        provenance: The columns that `provenance_columns` returns.
        files: Per canonical schema the paths of the raw table and of its quarantine.

    Returns:
        The number of rows of the export by what became of them.

    Raises:
        ExportRefused: If the export has a header and no row.
    """
    counts = [write_raw_table(export, shape, system, provenance, pair) for shape, pair in files.items()]
    total = RowCounts(
        sum(count.read for count in counts),
        sum(count.good for count in counts),
        sum(count.bad for count in counts),
        sum_by_reason(count.passed_over for count in counts),
    )
    if total.read == 0 and export.row_count == 0:
        raise ExportRefused("it holds a header and no row: export it again, or remove the file")
    return total


def write_raw_table(
    export: Export, shape: CanonicalSchemaName, system: str, provenance: Sequence[pl.Expr], files: tuple[Path, Path]
) -> RowCounts:
    """Write the good rows of one canonical schema to a file, and its quarantine to another.

    Of several rows with one key, the row last changed is kept, and among those the greatest by content, so that the
    order of rows does not matter; the others break the rule `unique`. If the key is the hash of the row and equal rows
    count repeatedly, they are numbered instead. The malformed rows of an export go with its first schema.

    Args:
        export: The export as its adapter read it.
        shape: The canonical schema.
        system: System of the source.
        provenance: The columns that `provenance_columns` returns.
        files: Paths of the raw table and of its quarantine.

    Returns:
        The number of rows by what became of them.

    Raises:
        RuntimeError: If the rows kept and the rows set aside are not the rows read.
    """
    schema = CANONICAL_SCHEMAS[shape]
    table = raw_table(system, schema)
    rows = export.shapes[shape].with_columns(provenance)
    malformed = export.malformed if shape == next(iter(export.shapes)) else export.malformed.head(0)
    set_aside = malformed.select(
        ROW_NUMBER,
        "row_text",
        pl.concat_list(pl.concat_str(pl.lit("row|"), "reason")).alias("failed_rules"),
        pl.lit(False).alias("is_row_kept"),
        pl.lit(system).alias("system_name"),
    ).with_columns(provenance)
    reasons = export.reason_counts.get(shape)
    sunk = _sink(_split(rows, schema, system), set_aside, table, files, reasons)
    ordered = sunk.key_hashes.sort()
    if (ordered[1:] == ordered[:-1]).any():
        positioned = rows.with_row_index(_POSITION)
        split = _split(positioned, schema, system)
        repeated = _collect_repeated_keys(split, schema, sunk.key_hashes)
        numbers_repeats = schema.has_repeated_records and shape in export.hashed_shapes
        resolved = _resolve_repeated_keys(positioned, repeated, schema, numbers_repeats)
        split = _split(resolved, schema, system)
        sunk = _sink(split, set_aside, table, files, reasons)
    good = sunk.key_hashes.len()
    stored, bad = (
        int(pl.scan_parquet(file).filter(condition).select(pl.len()).collect().item())
        for file, condition in zip(files, (pl.lit(True), ~pl.col("is_row_kept")), strict=True)
    )
    if good != stored or sunk.row_count + sunk.malformed_count != good + bad:
        read = sunk.row_count + sunk.malformed_count
        raise RuntimeError(f"{table.name}: {read} rows read, but {good} kept and {bad} set aside")
    if sunk.reasons is None:
        return RowCounts(good + bad, good, bad, {})
    passed_over = passed_over_by_reason(sunk.reasons)
    read = int(sunk.reasons["count"].sum()) + sunk.malformed_count
    if read != good + bad + sum(passed_over.values()):
        raise RuntimeError(f"{table.name}: {read} rows in the file, {good + bad} read, {passed_over} passed over")
    return RowCounts(read, good, bad, passed_over)


class _Sunk(NamedTuple):
    """The key hashes of the good rows, the rows read, the malformed rows, and the rows by reason to pass them over."""

    key_hashes: pl.Series
    row_count: int
    malformed_count: int
    reasons: pl.DataFrame | None


def _split(rows: pl.LazyFrame, schema: CanonicalSchema, system: str) -> Split:
    decisive = {column.name: column.is_decisive for column in schema.decisive}
    return split_landed(rows, raw_table(system, schema), system, schema.nulled_if_invalid, decisive)


def _sink(
    split: Split, set_aside: pl.LazyFrame, table: Table, files: tuple[Path, Path], reasons: pl.LazyFrame | None
) -> _Sunk:
    """Sink both sides and count in one pass."""
    bad = pl.concat([split.bad, set_aside.select(quarantine_table(table.name).column_names)])
    sinks = [frame.sink_parquet(file, lazy=True) for frame, file in zip((split.good, bad), files, strict=True)]
    counts = [split.row_count, set_aside.select(pl.len())]
    queries = [split.passing.select(_key_hash(table.key)), *counts, *([] if reasons is None else [reasons]), *sinks]
    hashes, row_count, malformed_count, *others = pl.collect_all(queries, engine="streaming")
    return _Sunk(
        hashes.to_series(),
        int(row_count.item()),
        int(malformed_count.item()),
        None if reasons is None else others[0],
    )


def _key_hash(key: tuple[str, ...]) -> pl.Expr:
    # Whether a key is the first of its kind would hold up the stream. Hashes are compared after the rows have passed.
    return (pl.col(key[0]) if len(key) == 1 else pl.struct(key)).hash().alias("hash")


def _collect_repeated_keys(split: Split, schema: CanonicalSchema, hashes: pl.Series) -> pl.DataFrame:
    """The good rows that share a key with others, with their positions; the row to keep is the last of its key."""
    repeated = hashes.filter(hashes.is_duplicated()).unique()
    rows = split.passing.filter(_key_hash(schema.key).is_in(repeated.implode()))
    changed_at = ("changed_at",) if "changed_at" in schema.columns else ()
    content = dict.fromkeys((*schema.key, *changed_at, *schema.columns))
    texts = (TEXT_PREFIX + column for column in schema.columns)
    columns = rows.select(_POSITION, *content, *texts).collect(engine="streaming")
    return columns.sort(pl.exclude(_POSITION), nulls_last=False)


def _resolve_repeated_keys(
    positioned: pl.LazyFrame, repeated: pl.DataFrame, schema: CanonicalSchema, numbers_repeats: bool
) -> pl.LazyFrame:
    """The rows with `REPEATED_KEY`, or with a number behind the key of each further row if equal rows are numbered."""
    repetition = pl.int_range(pl.len(), 0, -1).over(schema.key).alias(_REPETITION)
    further = repeated.select(_POSITION, repetition).filter(pl.col(_REPETITION) > 1)
    rows = positioned.join(further.lazy(), on=_POSITION, how="left", maintain_order="left")
    if not numbers_repeats:
        return rows.with_columns(pl.col(_REPETITION).is_not_null().alias(REPEATED_KEY))
    numbered = pl.concat_str(pl.col("record_code"), pl.lit("-"), pl.col(_REPETITION))
    return rows.with_columns(pl.coalesce(numbered, "record_code").alias("record_code"))
