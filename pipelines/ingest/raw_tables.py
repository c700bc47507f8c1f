"""One canonical schema of an export, written to its raw table and its quarantine.

Belongs here: the files that one schema of one delivery becomes, and their names.
Does not belong here: the rules (`pipelines.validation.landed_rows`), which of several rows with one key is kept
(`repeated_keys`), the ledger (`landing`).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple, TypeVar

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, quarantine_table, raw_table
from pipelines.contracts.rule_counts import RuleCount, RuleCounts, fingerprint_contract
from pipelines.contracts.table import Rule, Table
from pipelines.ingest.repeated_keys import (
    KEY_HASH,
    LandedFiles,
    has_repeated_keys,
    number_repeated_rows,
    set_aside_repeated_rows,
)
from pipelines.sources.adapter import Export, get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.passed_over import passed_over_by_reason, sum_by_reason
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import ROW_NUMBER
from pipelines.sources.unknown_words import WORD_COUNTS_SCHEMA
from pipelines.storage.atomic_write import replacing
from pipelines.storage.lake import Lake
from pipelines.storage.parquet_files import COMPRESSION_LEVEL
from pipelines.validation.landed_rows import IS_KEPT, IS_REDUCED, LandedSplit, read_landed_counts, split_landed

T = TypeVar("T")


class DeliveryFiles(NamedTuple):
    """The files of one delivery: in the raw table, in its quarantine, and the counts of its rows beside the first."""

    good_path: Path
    bad_path: Path
    counts_path: Path


def delivery_files(lake: Lake, table: Table, source_name: str, file_sha256: str, mapping_code: str) -> DeliveryFiles:
    """The files of one delivery of a source in a raw table.

    The names hold no day: the next landing overwrites the files of a landing that was killed before its ledger row.
    """
    stored_tables = (table, quarantine_table(table.name))
    good_path, bad_path = (
        raw_file(lake, stored_table, source_name, file_sha256, mapping_code) for stored_table in stored_tables
    )
    return DeliveryFiles(good_path, bad_path, good_path.with_suffix(".counts.json"))


@contextmanager
def replacing_delivery(
    lake: Lake, tables: Mapping[CanonicalSchemaName, Table], source_name: str, file_sha256: str, mapping_code: str
) -> Iterator[dict[CanonicalSchemaName, DeliveryFiles]]:
    """Write the files of one delivery under other names, and put all in place when the block ends without an error.

    Args:
        lake: Where the raw tables are.
        tables: The raw tables by canonical schema.
        source_name: Name of the source.
        file_sha256: The content of the export.
        mapping_code: The mapping with which it is read.

    Yields:
        The files to write, by canonical schema.
    """
    with ExitStack() as unfinished_files:
        yield {
            shape: DeliveryFiles._make(
                unfinished_files.enter_context(replacing(path))
                for path in delivery_files(lake, table, source_name, file_sha256, mapping_code)
            )
            for shape, table in tables.items()
        }


def raw_file(lake: Lake, table: Table, source_name: str, file_sha256: str, mapping_code: str) -> Path:
    """The file of one delivery in a raw table or in a quarantine."""
    return lake.folder(table) / source_name / f"{file_sha256[:16]}-{mapping_code}.parquet"


def is_column_empty(path: Path, column_name: str) -> bool:
    """Whether a file has rows and none of them fills the column."""
    row_count, filled_count = pl.scan_parquet(path).select(pl.len(), pl.col(column_name).count()).collect().row(0)
    return bool(row_count and not filled_count)


def format_landed_counts(table: Table, counts: RuleCounts) -> str:
    """The counts of one delivery as they are stored beside its files."""
    return json.dumps({"contract": fingerprint_contract(table), "counts": counts.to_document()})


def process_export(path: Path, system_name: str, options: SourceOptions, use_export: Callable[[Export], T]) -> T:
    """Read an export and call `use_export` with it; if the file proves irregular, read it slower and call it again.

    Args:
        path: The export file.
        system_name: System whose adapter reads the file.
        options: How the source declares that its files are read.
        use_export: Uses the export. It must leave nothing behind if it raises.

    Returns:
        What `use_export` returns.

    Raises:
        ExportRefused: If the file cannot be read. Errors of `use_export` are raised too.
    """
    adapter = get_adapter(system_name)
    export: Export | None = None
    try:
        export = read_export(path, adapter, options, check_while_reading=True)
        use_outcome = use_export(export)
        if export.is_regular():
            return use_outcome
    except (pl.exceptions.PolarsError, ExportRefused, RuntimeError):
        if export is not None and export.is_regular():
            raise
    return use_export(read_export(path, adapter, options))


def describe_broken_end(error: pl.exceptions.PolarsError) -> str:
    """Return why a file could not be read to its end, without the error's own message, which may quote a cell."""
    return f"cannot be read to its end ({type(error).__name__}): copy or export it again"


def provenance_columns(
    source_name: str, file_sha256: str, delivery_day: date, delivery_number: int
) -> tuple[pl.Expr, ...]:
    """The columns of `PROVENANCE_COLUMNS` that an export does not know: all but the row number."""
    return (
        pl.lit(source_name).alias("source_name"),
        pl.lit(file_sha256).alias("file_sha256"),
        pl.lit(delivery_day).alias("delivered_date"),
        pl.lit(delivery_number, pl.Int64).alias("delivery_number"),
    )


@dataclass(frozen=True)
class RowCounts:
    """What became of the rows of one canonical schema of an export.

    Attributes:
        read_count: Rows of the file, those that are passed over included.
        good_count: Rows in the raw table.
        bad_count: Rows in the quarantine that are in no raw table.
        passed_over_counts: Rows that the adapter does not read, by reason, the most frequent first.
        word_counts: Words that no table declares, as `count_unknown_words` returns them.
    """

    read_count: int
    good_count: int
    bad_count: int
    passed_over_counts: Mapping[str, int]
    word_counts: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=WORD_COUNTS_SCHEMA))


def write_raw_tables(
    export: Export,
    system_name: str,
    source_name: str,
    provenance_expressions: Sequence[pl.Expr],
    files_by_shape: Mapping[CanonicalSchemaName, DeliveryFiles],
) -> RowCounts:
    """Write every canonical schema of an export to its raw table and its quarantine.

    Args:
        export: The export as its adapter read it.
        system_name: System of the source.
        source_name: Name of the source.
        provenance_expressions: The columns that `provenance_columns` returns.
        files_by_shape: Per canonical schema the files to write.

    Returns:
        The number of rows of the export by what became of them.

    Raises:
        ExportRefused: If the export has a header and no row.
    """
    counts_per_shape = [
        write_raw_table(export, shape, system_name, source_name, provenance_expressions, shape_files)
        for shape, shape_files in files_by_shape.items()
    ]
    export_counts = RowCounts(
        sum(shape_counts.read_count for shape_counts in counts_per_shape),
        sum(shape_counts.good_count for shape_counts in counts_per_shape),
        sum(shape_counts.bad_count for shape_counts in counts_per_shape),
        sum_by_reason(shape_counts.passed_over_counts for shape_counts in counts_per_shape),
        pl.concat(shape_counts.word_counts for shape_counts in counts_per_shape),
    )
    if export_counts.read_count == 0 and export.row_count == 0:
        raise ExportRefused("it holds a header and no row: export it again, or remove the file")
    return export_counts


def write_raw_table(
    export: Export,
    shape: CanonicalSchemaName,
    system_name: str,
    source_name: str,
    provenance_expressions: Sequence[pl.Expr],
    shape_files: DeliveryFiles,
) -> RowCounts:
    """Write the good rows of one canonical schema to a file, its quarantine to another, and the counts of its rules.

    Each rule is evaluated once per row. Of several rows with one key, the row last changed is kept, and among those the
    greatest by content, so that the order of rows does not matter; the others break the rule `unique`. If the key is
    the hash of the row and equal rows count repeatedly, they are numbered instead. The malformed rows of an export go
    with its first schema.

    Args:
        export: The export as its adapter read it.
        shape: The canonical schema.
        system_name: System of the source.
        source_name: Name of the source.
        provenance_expressions: The columns that `provenance_columns` returns.
        shape_files: The files to write.

    Returns:
        The number of rows by what became of them.

    Raises:
        RuntimeError: If the rows kept and the rows set aside are not the rows read.
    """
    schema = CANONICAL_SCHEMAS[shape]
    table = raw_table(system_name, schema)
    decisive_conditions = {column.name: column.is_decisive for column in schema.decisive_columns}
    shape_rows = export.shapes[shape].with_columns(provenance_expressions)
    landed_split = split_landed(shape_rows, table, system_name, schema.columns_nulled_if_invalid, decisive_conditions)
    malformed_rows = _scan_malformed_rows(export, shape, system_name).with_columns(provenance_expressions)
    no_word_counts = pl.LazyFrame(schema=WORD_COUNTS_SCHEMA)
    reason_counts, word_counts = export.reason_counts.get(shape), export.word_counts.get(shape, no_word_counts)
    collected_frames = _sink_rows(landed_split, malformed_rows, table, shape_files, reason_counts, word_counts)
    rule_counts = read_landed_counts(table, collected_frames.split_counts, source_name) + _count_malformed_rows(
        collected_frames.malformed_rows, source_name
    )
    landed_files = LandedFiles(
        shape_files.good_path,
        shape_files.bad_path,
        collected_frames.tested_rows,
        lambda row_numbers: export.read_again(shape, row_numbers).with_columns(provenance_expressions),
    )
    if has_repeated_keys(landed_files):
        if schema.has_repeated_records and shape in export.hashed_shapes:
            number_repeated_rows(schema, landed_files)
        else:
            moved_row_count = set_aside_repeated_rows(schema, table, system_name, landed_files)
            unique_rule_counts = {Rule("unique", table.key).name: RuleCount(0, moved_row_count)}
            rule_counts = rule_counts + RuleCounts(
                {source_name: -moved_row_count}, {source_name: moved_row_count}, unique_rule_counts
            )
    if _count_stored_rows(shape_files) != (rule_counts.kept_count, rule_counts.set_aside_count):
        raise RuntimeError(f"{table.name}: the files hold other numbers of rows than were kept and set aside")
    shape_files.counts_path.write_text(format_landed_counts(table, rule_counts))
    return _count_export_rows(table, rule_counts, collected_frames)


def _count_export_rows(table: Table, rule_counts: RuleCounts, collected_frames: "_CollectedFrames") -> RowCounts:
    """Count the rows of one canonical schema of an export: in the file, kept, set aside and passed over.

    Raises:
        RuntimeError: If the rows in the file are not those kept, set aside and passed over together.
    """
    good_count, bad_count = rule_counts.kept_count, rule_counts.set_aside_count
    if collected_frames.reason_counts is None:
        return RowCounts(good_count + bad_count, good_count, bad_count, {}, collected_frames.word_counts)
    passed_over_counts = passed_over_by_reason(collected_frames.reason_counts)
    file_row_count = int(collected_frames.reason_counts["count"].sum()) + collected_frames.malformed_rows.height
    if file_row_count != good_count + bad_count + sum(passed_over_counts.values()):
        raise RuntimeError(
            f"{table.name}: {file_row_count} rows in the file, {good_count + bad_count} kept or set aside, "
            f"{passed_over_counts} passed over"
        )
    return RowCounts(file_row_count, good_count, bad_count, passed_over_counts, collected_frames.word_counts)


def _scan_malformed_rows(export: Export, shape: CanonicalSchemaName, system_name: str) -> pl.LazyFrame:
    """The quarantine rows of malformed rows, which go with the first schema of an export."""
    malformed_rows = export.malformed if shape == next(iter(export.shapes)) else export.malformed.head(0)
    return malformed_rows.select(
        ROW_NUMBER,
        "row_text",
        pl.concat_list(pl.concat_str(pl.lit("row|"), "reason")).alias("failed_rules"),
        pl.lit(False).alias("is_row_kept"),
        pl.lit(system_name).alias("system_name"),
    )


def _count_stored_rows(stored_files: DeliveryFiles) -> tuple[int, int]:
    """Rows in the raw table's file, and rows in the quarantine's file that are in no raw table."""
    good_rows, bad_rows = (
        pl.scan_parquet(stored_files.good_path),
        pl.scan_parquet(stored_files.bad_path).filter(~pl.col("is_row_kept")),
    )
    kept_count, set_aside_count = (
        int(stored_rows.select(pl.len()).collect().item()) for stored_rows in (good_rows, bad_rows)
    )
    return kept_count, set_aside_count


class _CollectedFrames(NamedTuple):
    """What one pass over an export leaves in memory.

    Attributes:
        tested_rows: Per row of the export, in its order: its number, whether it is kept, whether it is kept without a
            value, and the hash of its key.
        split_counts: The counts of the split.
        malformed_rows: One row per malformed row, with its reason in failed_rules.
        word_counts: The words that no table declares, as `count_unknown_words` returns them.
        reason_counts: The number of rows by the reason to pass them over; None if the adapter passes none over.
    """

    tested_rows: pl.DataFrame
    split_counts: pl.DataFrame
    malformed_rows: pl.DataFrame
    word_counts: pl.DataFrame
    reason_counts: pl.DataFrame | None


def _sink_rows(
    landed_split: LandedSplit,
    malformed_quarantine_rows: pl.LazyFrame,
    table: Table,
    shape_files: DeliveryFiles,
    reason_counts_query: pl.LazyFrame | None,
    word_counts_query: pl.LazyFrame,
) -> _CollectedFrames:
    """Write the rows of the raw table and of the quarantine to their files, and count, in one pass."""
    bad_rows = pl.concat(
        [landed_split.quarantine_rows, malformed_quarantine_rows.select(quarantine_table(table.name).column_names)]
    )
    sink_queries = [
        table_rows.sink_parquet(path, compression_level=COMPRESSION_LEVEL, lazy=True)
        for table_rows, path in ((landed_split.good_rows, shape_files.good_path), (bad_rows, shape_files.bad_path))
    ]
    # Whether a key is the first of its kind would hold up the stream. Hashes are compared after the rows have passed.
    record_key = pl.col(table.key[0]) if len(table.key) == 1 else pl.struct(table.key)
    tested_query = landed_split.tested_rows.select(ROW_NUMBER, IS_KEPT, IS_REDUCED, record_key.hash().alias(KEY_HASH))
    collected_queries = [
        tested_query,
        landed_split.counts,
        malformed_quarantine_rows.select("failed_rules"),
        word_counts_query,
    ]
    collected_queries += [] if reason_counts_query is None else [reason_counts_query]
    tested_rows, split_counts, malformed_rows, word_counts, *remaining_frames = pl.collect_all(
        [*collected_queries, *sink_queries], engine="streaming"
    )
    return _CollectedFrames(
        tested_rows,
        split_counts,
        malformed_rows,
        word_counts,
        None if reason_counts_query is None else remaining_frames[0],
    )


def _count_malformed_rows(malformed_rows: pl.DataFrame, source_name: str) -> RuleCounts:
    """The counts of malformed rows, for which no rule is evaluated."""
    if malformed_rows.is_empty():
        return RuleCounts()
    reason_counts = malformed_rows["failed_rules"].explode().value_counts().sort("failed_rules")
    return RuleCounts({}, {source_name: malformed_rows.height}, other_reasons=dict(reason_counts.iter_rows()))
