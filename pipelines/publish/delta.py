"""Delta Lake: a log over the Parquet files of the snapshots, for time travel and change data.

Belongs here: one commit per table and snapshot, and the pointer to the versions that belong together.
Does not belong here: the Parquet files (`pipelines.snapshots.writer`), reading (`pipelines.snapshots.reader`).

A commit adds the new snapshot's file and removes the last one's, so that no row is written twice.
"""

import json

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.transaction import AddAction

from pipelines.snapshots.reader import DELTA_POINTER, DeltaSnapshot, PublishedTable, Snapshot, delta_folder
from pipelines.snapshots.writer import write_json


def publish_delta(snapshot: Snapshot, retention_days: int) -> DeltaSnapshot:
    """Commit every table of a snapshot to its Delta table, then move the pointer to these versions.

    A table whose newest version already belongs to this snapshot is not committed again.

    Args:
        snapshot: The snapshot to publish.
        retention_days: Days for which Delta keeps its log and removed files.

    Returns:
        The version of each Delta table.
    """
    versions = {table.name: _commit(snapshot, table, retention_days) for table in snapshot.tables}
    write_json(snapshot.folder / DELTA_POINTER, {"snapshot_id": snapshot.snapshot_id, "versions": versions})
    return DeltaSnapshot(snapshot.folder, snapshot.snapshot_id, versions)


def _commit(snapshot: Snapshot, table: PublishedTable, retention_days: int) -> int:
    """Commit one table and return its version."""
    path, folder = snapshot.path(table.name), str(delta_folder(snapshot.folder, table.name))
    frame = pl.scan_parquet(path)
    schema = Schema.from_arrow(pl.DataFrame(schema=frame.collect_schema()).to_arrow().schema)
    if DeltaTable.is_deltatable(folder):
        delta = DeltaTable(folder)
    else:
        configuration = {
            "delta.enableChangeDataFeed": "true",
            "delta.logRetentionDuration": f"interval {retention_days} days",
            "delta.deletedFileRetentionDuration": f"interval {retention_days} days",
        }
        delta = DeltaTable.create(folder, schema=schema, configuration=configuration)
    if delta.history(1)[0].get("snapshot_id") != snapshot.snapshot_id:
        stat = path.stat()
        added = AddAction(path.name, stat.st_size, {}, int(stat.st_mtime * 1000), True, _statistics(frame, table))
        delta.create_write_transaction(
            [added],
            "overwrite",
            schema,
            commit_properties=CommitProperties(custom_metadata={"snapshot_id": snapshot.snapshot_id}),
        )
        delta.update_incremental()
    return delta.version()


def _statistics(frame: pl.LazyFrame, table: PublishedTable) -> str:
    """Number of rows and range of person_id as JSON: a reader needs both to skip a file."""
    statistics: dict[str, object] = {"numRecords": table.rows}
    if "person_id" in frame.collect_schema() and table.rows:
        person = pl.col("person_id")
        ends = frame.select(person.min().alias("first"), person.max().alias("last"), person.null_count().alias("nulls"))
        for name, value in zip(("minValues", "maxValues", "nullCount"), ends.collect().row(0), strict=True):
            statistics[name] = {"person_id": value}
    return json.dumps(statistics)
