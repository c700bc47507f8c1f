"""Retention: the deletion of what is older than its contract keeps it, in each run.

Belongs here: what is due in each store, and its deletion, which may be repeated.
Does not belong here: the periods (`pipelines.contracts`), the removal of expired snapshots (`pipelines.snapshots`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import DELIVERY
from pipelines.contracts.table import Table
from pipelines.ingest.answer_files import delete_unchanged
from pipelines.ingest.deleted_files import FILE_DELETED, is_delivery_due, is_due
from pipelines.ingest.deliveries import read_ledger
from pipelines.ingest.raw_tables import delivery_files
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erasure_places import find_landed_copies, list_curated_tables
from pipelines.privacy.landed_rows import recount_ledger
from pipelines.storage.lake import Lake
from pipelines.storage.row_deletion import RowDeletion, count_in_table, delete_from_table, rewrite_parquet

_RAW_TABLE = raw_table("any", CANONICAL_SCHEMAS["worklog"])
_RAW_DAYS = _RAW_TABLE.retention_days or 0
_QUARANTINE_DAYS = quarantine_table(_RAW_TABLE.name).retention_days or 0


@dataclass(frozen=True)
class RetentionReport:
    """What retention did in a run.

    Attributes:
        deleted_count_by_place: Rows, files or texts that were deleted, by place.
        legal_holds: The legal holds because of which nothing was deleted.
    """

    deleted_count_by_place: Mapping[str, int] = field(default_factory=dict)
    legal_holds: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The report in one sentence; empty if nothing was deleted and no legal hold is declared."""
        if self.legal_holds:
            # the name of a case may be that of a person
            hold_count = len(self.legal_holds)
            return f"retention: nothing is deleted, because privacy.legal_holds names {hold_count} legal hold(s)"
        if not self.deleted_count_by_place:
            return ""
        return "retention: deleted " + ", ".join(
            f"{count:,} of {place}" for place, count in self.deleted_count_by_place.items()
        )


def delete_due(data_root: DataRoot, today: date) -> RetentionReport:
    """Delete what is due, unless the configuration names a legal hold: any legal hold stops every deletion.

    The caller holds the lock of the data root.

    Args:
        data_root: The data root.
        today: The day on which rows are due.

    Returns:
        What was deleted, by place; or the legal holds because of which nothing was deleted.
    """
    if legal_holds := tuple(data_root.config.privacy.legal_holds):
        return RetentionReport(legal_holds=legal_holds)
    deleted_count_by_place: dict[str, int] = {}
    due_deliveries = _list_due_deliveries(data_root, today)
    if due_deliveries.height:
        deleted_count_by_place |= _delete_landed_rows(data_root, due_deliveries, today)
        deleted_count_by_place["ledger texts"] = _clear_ledger_texts(data_root, today)
        # after a deletion that was killed the ledger still counts the rows; recounting reads every landed file
        has_counted_rows = (is_delivery_due(_RAW_DAYS, today) & (pl.col("good_count") > 0)) | (pl.col("bad_count") > 0)
        if due_deliveries.filter(has_counted_rows).height:
            recount_ledger(data_root.lake, reason=f"{FILE_DELETED}{today}")
    deleted_count_by_place["landing copies"] = _delete_landing_copies(data_root, today)
    deleted_count_by_place |= _delete_table_rows(data_root, today)
    return RetentionReport(
        {place: deleted_count for place, deleted_count in deleted_count_by_place.items() if deleted_count}
    )


def _list_due_deliveries(data_root: DataRoot, today: date) -> pl.DataFrame:
    """The landed deliveries whose quarantine period has ended, or that have raw rows whose period has ended."""
    may_have_due_rows = (is_delivery_due(_RAW_DAYS, today) & (pl.col("good_count") > 0)) | is_delivery_due(
        _QUARANTINE_DAYS, today
    )
    return read_ledger(data_root.lake).filter(may_have_due_rows, delivery_status="landed")


def _delete_landed_rows(data_root: DataRoot, due_deliveries: pl.DataFrame, today: date) -> dict[str, int]:
    deleted_count_by_table: dict[str, int] = {}
    for table, path, counts_path in _list_due_files(data_root, due_deliveries, today):
        assert table.retention_days is not None
        deletion = RowDeletion(is_due("delivered_date", table.retention_days, today), {})
        if deletion_counts := rewrite_parquet(path, deletion):
            counts_path.unlink(missing_ok=True)  # they are counted again when they are needed
            deleted_count_by_table[table.name] = deleted_count_by_table.get(table.name, 0) + deletion_counts.deleted
    return deleted_count_by_table


def _list_due_files(
    data_root: DataRoot, due_deliveries: pl.DataFrame, today: date
) -> Iterator[tuple[Table, Path, Path]]:
    """The files of deliveries with due rows in raw tables and quarantines, each with the file of its rules' counts."""
    lake = data_root.lake
    delivery_columns = (
        "system_name",
        is_delivery_due(_RAW_DAYS, today).alias("is_raw_due"),
        "source_name",
        "file_sha256",
        "mapping_code",
    )
    tables_by_system = {
        system_name: _list_landed_tables(lake, system_name) for system_name in due_deliveries["system_name"].unique()
    }
    for system_name, is_raw_due, *delivery_key in due_deliveries.select(delivery_columns).iter_rows():
        for table in tables_by_system[system_name]:
            delivery_paths = delivery_files(lake, table, *delivery_key)
            due_files = [
                (quarantine_table(table.name), delivery_paths.bad_path),
                *([(table, delivery_paths.good_path)] if is_raw_due else []),
            ]
            for landed_table, path in due_files:
                # once its rows are deleted a file stays empty: it is looked at in every run
                if path.exists() and pq.read_metadata(path).num_rows:
                    yield landed_table, path, delivery_paths.counts_path


def _list_landed_tables(lake: Lake, system_name: str) -> list[Table]:
    """The raw tables of a system into which anything was landed: there may be thousands of deliveries to look at."""
    raw_tables = (raw_table(system_name, canonical_schema) for canonical_schema in CANONICAL_SCHEMAS.values())
    return [
        table
        for table in raw_tables
        if any(lake.folder(landed_table).is_dir() for landed_table in (table, quarantine_table(table.name)))
    ]


def _clear_ledger_texts(data_root: DataRoot, today: date) -> int:
    """Words and notes that the ledger quotes from files that are due."""
    ledger = read_ledger(data_root.lake)
    has_texts = (pl.col("unknown_words").list.len() > 0) | (pl.col("file_notes").list.len() > 0)
    is_cleared = (is_delivery_due(_RAW_DAYS, today) & has_texts).fill_null(False)
    cleared_count = int(ledger.select(is_cleared.sum()).item())
    if cleared_count:
        cleared_columns = {
            text_column: pl.when(~is_cleared).then(text_column) for text_column in ("unknown_words", "file_notes")
        }
        data_root.lake.write(DELIVERY, ledger.with_columns(**cleared_columns))
    return cleared_count


def _delete_landing_copies(data_root: DataRoot, today: date) -> int:
    """The landing copies, within the data root, of files that were delivered too long ago."""
    # a content that came again since is not due
    is_content_due = is_delivery_due(_RAW_DAYS, today).all().over("file_sha256")
    due_states = find_landed_copies(data_root, data_root.config.sources, is_content_due)
    delete_unchanged(data_root.path, due_states)
    return len(due_states)


def _delete_table_rows(data_root: DataRoot, today: date) -> dict[str, int]:
    deleted_count_by_table: dict[str, int] = {}
    for table in list_curated_tables():
        if table.retention_days is None or table.retention_column is None or not data_root.lake.files(table):
            continue
        deletion = RowDeletion(is_due(table.retention_column, table.retention_days, today), {})
        if deletion_counts := count_in_table(data_root.lake, table, deletion):
            delete_from_table(data_root.lake, table, deletion)
            deleted_count_by_table[table.name] = deletion_counts.deleted
    return deleted_count_by_table
