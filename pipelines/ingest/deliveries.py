"""What was landed: the ledger of deliveries, which of them are current, and their rows.

Belongs here: reading the ledger, the raw tables and their quarantines.
Does not belong here: landing files (`landing`), what rows mean (`pipelines.core.conform`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, quarantine_table, raw_table
from pipelines.contracts.catalog import DELIVERY, TABLES
from pipelines.contracts.table import Table
from pipelines.ingest.raw_tables import raw_file
from pipelines.sources.adapter import get_adapter
from pipelines.storage.lake import Lake

# Column of the file that a row is read from.
_FILE_COLUMN = "file:"
# The status of files whose rows are in the raw tables.
ARRIVAL_STATUSES = ("landed", "already_landed")


@dataclass(frozen=True)
class LandedRowCounts:
    """The rows of one landed file by what became of them.

    Attributes:
        source_name: Name of the source.
        file_name: Name of the file.
        read_count: Rows of the file, by the ledger.
        kept_count: Rows in the raw tables.
        set_aside_count: Rows in the quarantines that are in no raw table.
        passed_over_count: Rows that the adapter does not read, by the ledger.
    """

    source_name: str
    file_name: str
    read_count: int
    kept_count: int
    set_aside_count: int
    passed_over_count: int

    @property
    def is_complete(self) -> bool:
        """Whether every row of the file is accounted for."""
        return self.read_count == self.kept_count + self.set_aside_count + self.passed_over_count


def list_raw_tables(source: SourceConfig) -> dict[CanonicalSchemaName, Table]:
    """The raw tables that a source feeds, by canonical schema."""
    shape_names = (
        [source.shape] if source.shape else [shape_map.shape for shape_map in get_adapter(source.system).shapes]
    )
    return {shape_name: raw_table(source.system, CANONICAL_SCHEMAS[shape_name]) for shape_name in shape_names}


def current_deliveries(lake: Lake, source: SourceConfig) -> pl.DataFrame:
    """The landed deliveries of a source whose rows are current.

    One file content counts once: as read under the current mapping if it was read under several. If the source delivers
    full exports, only the last one is current. If a manifest states the mode of each file, every delivery since the
    last full one of the same file name is current.

    Returns:
        One row per delivery, in the contract of the ledger (`DELIVERY`), in the order of arrival.
    """
    deliveries = read_ledger(lake).filter(pl.col("delivery_status").is_in(ARRIVAL_STATUSES), source_name=source.name)
    # Reading a file again under a changed mapping does not make its content newer; delivering it again does.
    is_arrival = pl.col("file_sha256").is_first_distinct() | (pl.col("delivery_status") == "already_landed")
    arrival_number = pl.when(is_arrival).then("delivery_number").max().over("file_sha256")
    landed_deliveries = (
        deliveries.sort("delivery_number")
        .with_columns(arrival_number.alias("arrival"))
        .filter(pl.col("delivery_status") == "landed")
        # of several readings of a file, the one under the current mapping counts, or else the last one
        .sort(pl.col("mapping_code") == source.mapping_code, "delivery_number")
        .unique("file_sha256", keep="last", maintain_order=True)
        .sort("arrival")
    )
    # Only a manifest identifies a file by its name; without one the name may contain the day.
    series_name = pl.when(pl.col("is_whole").is_not_null() & pl.lit(source.member is None)).then("file_name")
    full_export_number = is_full_delivery(source).cast(pl.Int64).cum_sum()
    is_current = (full_export_number == full_export_number.max()).over("group")
    return landed_deliveries.with_columns(series_name.alias("group")).filter(is_current).drop("arrival", "group")


def scan_current_rows(
    lake: Lake,
    table: Table,
    shape: CanonicalSchemaName,
    sources: Sequence[SourceConfig],
    select_records: Callable[[pl.LazyFrame], pl.LazyFrame] = lambda rows: rows,
) -> pl.LazyFrame:
    """The current rows of a raw table: one per record, the last changed, or else the last delivered.

    Args:
        lake: Where the raw tables are.
        table: The raw table.
        shape: Canonical schema of the table; it declares the key of a record.
        sources: The sources that feed the table.
        select_records: Filters whole records before the current row of each is chosen.

    Returns:
        Rows in the contract of `table`.
    """
    deliveries_per_source = [current_deliveries(lake, source) for source in sources]
    rows = select_records(_scan_deliveries_per_source(lake, table, deliveries_per_source))
    if all(source_deliveries.height <= 1 for source_deliveries in deliveries_per_source):
        return rows  # the contract leaves one row per record within a file
    row_location = ("delivery_number", "row_number")
    record_key = ("source_name", *CANONICAL_SCHEMAS[shape].key)
    # Most records were delivered once, so only the others are sorted. Different keys with the same hash are sorted
    # too, which changes nothing.
    record_key_rows = rows.select(list(dict.fromkeys((*record_key, "changed_at", *row_location))))
    repeated_key_rows = record_key_rows.filter(pl.struct(record_key).hash().is_duplicated()).sort(
        "changed_at", *row_location, nulls_last=False
    )
    superseded_rows = repeated_key_rows.filter(~pl.struct(record_key).is_last_distinct()).select(
        *row_location, *record_key
    )
    return rows.join(
        superseded_rows, on=(*row_location, *record_key), how="anti", nulls_equal=True, maintain_order="left"
    )


def scan_quarantine(lake: Lake, table: Table, sources: Iterable[SourceConfig]) -> pl.LazyFrame:
    """The quarantined rows of the current deliveries of a raw table, in the contract of its quarantine."""
    return _scan_deliveries_per_source(
        lake, quarantine_table(table.name), [current_deliveries(lake, source) for source in sources]
    )


def scan_deliveries(lake: Lake, table: Table, deliveries: pl.DataFrame) -> pl.LazyFrame:
    """The rows of some deliveries, current or not.

    Args:
        lake: Where the raw tables are.
        table: A raw table or its quarantine.
        deliveries: One row per delivery: source_name, file_sha256, mapping_code.

    Returns:
        Rows in the contract of `table`; none if the table has no file of these deliveries.
    """
    present_paths = [path for path in _delivery_paths(lake, table, deliveries) if path.exists()]
    return _scan_files(table, present_paths) if present_paths else pl.LazyFrame(schema=table.schema)


def count_quarantined_rows(lake: Lake, sources: Sequence[SourceConfig]) -> int:
    """Number of quarantined rows: of the current deliveries of these sources, and of all other tables."""
    source_quarantines = [
        scan_quarantine(lake, table, [source]) for source in sources for table in list_raw_tables(source).values()
    ]
    return _count_rows([*source_quarantines, *(lake.scan(quarantine_table(table_name)) for table_name in TABLES)])


def count_landed_rows(lake: Lake, sources: Sequence[SourceConfig]) -> list[LandedRowCounts]:
    """Count the rows of each landed file: in the ledger, in the raw tables and in their quarantines.

    Files without a row in the ledger do not count: a killed landing leaves them, and nothing reads them. A kept row of
    which a value was left out is in the raw table and in the quarantine, and counts once.

    Args:
        lake: Where the ledger and the raw tables are.
        sources: The sources whose files are counted.

    Returns:
        One entry per landed row of the ledger, by source and in the order of arrival.
    """
    landed_deliveries = read_ledger(lake).filter(delivery_status="landed").sort("delivery_number")
    landed_counts = []
    for source in sources:
        source_deliveries = landed_deliveries.filter(source_name=source.name)
        raw_tables = list_raw_tables(source).values()
        kept_counts = _count_by_delivery(lake, raw_tables, source_deliveries, pl.lit(True))
        quarantines = [quarantine_table(table.name) for table in raw_tables]
        set_aside_counts = _count_by_delivery(
            lake, quarantines, source_deliveries, ~pl.col("is_row_kept").fill_null(False)
        )
        counted_deliveries = zip(source_deliveries.iter_rows(named=True), kept_counts, set_aside_counts, strict=True)
        landed_counts += [_to_row_counts(*delivery_and_counts) for delivery_and_counts in counted_deliveries]
    return landed_counts


def read_ledger(lake: Lake) -> pl.DataFrame:
    """The ledger (`DELIVERY`): one row per file content, mapping and outcome."""
    return lake.scan(DELIVERY).collect()


def is_full_delivery(source: SourceConfig) -> pl.Expr:
    """Whether a delivery of the ledger is a full export: by its manifest, or else by footsteps.yaml."""
    return pl.col("is_whole").fill_null(source.delivery == "full")


def _count_by_delivery(lake: Lake, tables: Iterable[Table], deliveries: pl.DataFrame, is_counted: pl.Expr) -> list[int]:
    """The number of rows of each delivery that meet a condition, in all tables together, by one query per table."""
    row_counts = [0] * deliveries.height
    for table in tables:
        delivery_paths = _delivery_paths(lake, table, deliveries)
        present_paths = [path for path in delivery_paths if path.exists()]
        if present_paths:
            counted_rows = _scan_files(table, present_paths, include_file_paths=_FILE_COLUMN).filter(is_counted)
            count_by_path = dict(counted_rows.group_by(_FILE_COLUMN).len().collect().iter_rows())
            row_counts = [
                row_count + count_by_path.get(str(path), 0)
                for row_count, path in zip(row_counts, delivery_paths, strict=True)
            ]
    return row_counts


def _delivery_paths(lake: Lake, table: Table, deliveries: pl.DataFrame) -> list[Path]:
    """The file of each delivery in a table, which exists if the delivery has rows of it."""
    delivery_keys = deliveries.select("source_name", "file_sha256", "mapping_code").iter_rows()
    return [raw_file(lake, table, *delivery_key) for delivery_key in delivery_keys]


def _scan_files(table: Table, paths: list[Path], include_file_paths: str | None = None) -> pl.LazyFrame:
    return pl.scan_parquet(
        paths,
        schema=table.schema,
        missing_columns="insert",
        extra_columns="ignore",
        include_file_paths=include_file_paths,
    )


def _to_row_counts(delivery: Mapping[str, Any], kept_count: int, set_aside_count: int) -> LandedRowCounts:
    """The counts of a row of the ledger; one of an earlier version does not count the rows that are read."""
    read_count = delivery["read_count"]
    return LandedRowCounts(
        delivery["source_name"],
        delivery["file_name"],
        delivery["good_count"] + delivery["bad_count"] if read_count is None else read_count,
        kept_count,
        set_aside_count,
        sum(reason_count["count"] for reason_count in delivery["passed_over"] or ()),
    )


def _scan_deliveries_per_source(
    lake: Lake, table: Table, deliveries_per_source: Sequence[pl.DataFrame]
) -> pl.LazyFrame:
    """The rows of the deliveries of several sources, in the order of the sources."""
    rows_per_source = [scan_deliveries(lake, table, source_deliveries) for source_deliveries in deliveries_per_source]
    return pl.concat(rows_per_source or [pl.LazyFrame(schema=table.schema)])


def _count_rows(row_frames: Iterable[pl.LazyFrame]) -> int:
    return sum(int(row_frame.select(pl.len()).collect().item()) for row_frame in row_frames)
