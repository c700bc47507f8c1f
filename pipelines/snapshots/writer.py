"""Writing of snapshots: immutable versions of all published tables behind one pointer that moves at once.

Belongs here: the files of a version, the pointer, and the removal of expired versions.
Does not belong here: the resolution of the pointer (`pipelines.snapshots.reader`), the rows of the tables, other
publication targets (`pipelines.publish`).
"""

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from pipelines.contracts.table import Table
from pipelines.snapshots.reader import (
    MANIFEST,
    POINTER,
    SNAPSHOTS,
    PublishedTable,
    Snapshot,
    current_snapshot,
    delta_folder,
    list_snapshots,
)
from pipelines.snapshots.row_metadata import Rows
from pipelines.storage.atomic_write import file_sha256, write_text_atomically
from pipelines.storage.parquet_files import write_parquet
from pipelines.validation.rule_evaluation import enforce_contract

# Rows per group. A reader of one person decodes one group, and before it the metadata of every group: at ten million
# rows both cost DuckDB and Polars about the same with groups of this size.
ROW_GROUP = 50_000
# Rows of two files that are compared at a time.
_COMPARED_ROWS = 1_000_000


def publish_snapshot(
    published_folder: Path,
    rows_by_table: Mapping[Table, Rows],
    snapshot_id: str,
    as_of: date,
    valid_until: date,
    published_at: datetime | None = None,
    checked_tables: Collection[Table] = (),
) -> Snapshot:
    """Write every table of a snapshot, then move the pointer.

    A reader that follows the pointer always finds all tables of one snapshot. Each file is written to the folder of its
    table, where the Delta log of the table can list it, too. A file that exists already is not replaced.

    Args:
        published_folder: The published folder.
        rows_by_table: The rows of each table; lazy rows of checked tables are written as they are read.
        snapshot_id: The id of the snapshot.
        as_of: The newest day of any row.
        valid_until: The last valid day.
        published_at: The moment of publication.
        checked_tables: Tables whose rows are sorted and keep the contract, since they come from the lake.

    Returns:
        The published snapshot.

    Raises:
        ContractViolation: If a table breaks its contract; the pointer does not move.
        ValueError: If the id has been published with other rows; the pointer does not move.
    """
    ordered_rows_by_table = {
        table: rows if table in checked_tables else enforce_contract(table, rows.lazy().collect())
        for table, rows in rows_by_table.items()
    }
    published_tables = tuple(
        _write_table(published_folder, table, rows, snapshot_id) for table, rows in ordered_rows_by_table.items()
    )
    relative_manifest_path = Path(SNAPSHOTS) / snapshot_id / MANIFEST
    manifest_content = {
        "snapshot_id": snapshot_id,
        "as_of": as_of.isoformat(),
        "valid_until": valid_until.isoformat(),
        "published_at": published_at.isoformat() if published_at else None,
        "tables": [asdict(published_table) for published_table in published_tables],
    }
    write_json(published_folder / relative_manifest_path, manifest_content)
    write_json(published_folder / POINTER, {"snapshot_id": snapshot_id, "manifest": str(relative_manifest_path)})
    return Snapshot(published_folder, snapshot_id, as_of, valid_until, published_tables, published_at)


def remove_expired_snapshots(
    published_folder: Path, retention_days: int, now: datetime, *, is_held: bool = False
) -> list[str]:
    """Remove the snapshots that were published more than `retention_days` ago.

    The current snapshot stays, and so does a snapshot without a moment of publication. Under a legal hold all stay.

    Returns:
        The ids of the removed snapshots.
    """
    if is_held:
        return []
    current_snapshot_id, oldest_kept_moment = (
        current_snapshot(published_folder).snapshot_id,
        now - timedelta(days=retention_days),
    )
    expired_snapshots = [
        snapshot
        for snapshot in list_snapshots(published_folder)
        if snapshot.snapshot_id != current_snapshot_id
        and snapshot.published_at
        and snapshot.published_at < oldest_kept_moment
    ]
    for snapshot in expired_snapshots:
        # the manifest first: after that no reader finds the files
        shutil.rmtree(published_folder / SNAPSHOTS / snapshot.snapshot_id)
        for table in snapshot.tables:
            snapshot.path(table.name).unlink(missing_ok=True)
    return [snapshot.snapshot_id for snapshot in expired_snapshots]


def write_json(json_path: Path, json_document: Mapping[str, object]) -> None:
    """Write a small JSON file atomically; its folder is created."""
    json_path.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(json_path, json.dumps(json_document, indent=1) + "\n")


def _write_table(published_folder: Path, table: Table, rows: Rows, snapshot_id: str) -> PublishedTable:
    """Write one table, unless its file exists with the same rows; readers may have that file open."""
    parquet_path = delta_folder(published_folder, table.name) / f"{snapshot_id}.parquet"
    if not parquet_path.exists():
        write_parquet(rows.lazy(), parquet_path, {"contract": f"{table.name} {table.version}"}, ROW_GROUP)
    # another release writes the same rows in other bytes: rows are compared
    elif not _have_equal_rows(pl.scan_parquet(parquet_path), rows.lazy()):
        raise ValueError(f"snapshot {snapshot_id} was published with another {table.name}: give it an id of its own")
    return PublishedTable(
        table.name,
        str(parquet_path.relative_to(published_folder)),
        _count_rows(pl.scan_parquet(parquet_path)),
        file_sha256(parquet_path),
        table.version,
    )


def _have_equal_rows(published_rows: pl.LazyFrame, rows: pl.LazyFrame) -> bool:
    """Whether both have the same rows in the same order; a part of them is in memory at a time."""
    row_count = _count_rows(published_rows)
    return row_count == _count_rows(rows) and all(
        published_rows.slice(first_row, _COMPARED_ROWS)
        .collect()
        .equals(rows.slice(first_row, _COMPARED_ROWS).collect())
        for first_row in range(0, max(row_count, 1), _COMPARED_ROWS)
    )


def _count_rows(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect().item())
