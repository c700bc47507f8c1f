"""Delta Lake: the very Parquet files of the snapshots, named by a log that gives time travel and change data.

Belongs here: one commit per table and snapshot, and the pointer to the versions that belong together.
Does not belong here: the files themselves (`snapshot`), reading (`reading`).

A commit adds the new snapshot's file and removes the last one's, so that no row is written twice.
"""

import json
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.transaction import AddAction

from pipelines.snapshots.reader import DELTA_POINTER, DeltaSnapshot, PublishedTable, Snapshot, delta_folder
from pipelines.snapshots.writer import write_json


def publish_delta(snapshot: Snapshot, retention_days: int) -> DeltaSnapshot:
    """Commit every table of a snapshot to its Delta table, then move the pointer to these versions.

    A table whose newest version is of this snapshot already is not committed again.
    """
    versions = {one.name: _commit(snapshot, one, retention_days) for one in snapshot.tables}
    content = {"snapshot_id": snapshot.snapshot_id, "versions": versions}
    write_json(snapshot.folder / DELTA_POINTER, content)
    return DeltaSnapshot(snapshot.folder, snapshot.snapshot_id, versions)


def _commit(snapshot: Snapshot, table: PublishedTable, retention_days: int) -> int:
    path, folder = snapshot.path(table.name), delta_folder(snapshot.folder, table.name)
    frame = pl.scan_parquet(path)
    schema = Schema.from_arrow(pl.DataFrame(schema=frame.collect_schema()).to_arrow().schema)
    delta = _open(folder, schema, retention_days)
    newest = delta.history(1)[0]
    if newest.get("snapshot_id") == snapshot.snapshot_id:
        return delta.version()
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


def _open(folder: Path, schema: Schema, retention_days: int) -> DeltaTable:
    if DeltaTable.is_deltatable(str(folder)):
        return DeltaTable(str(folder))
    kept = f"interval {retention_days} days"
    configuration = {
        "delta.enableChangeDataFeed": "true",
        "delta.logRetentionDuration": kept,
        "delta.deletedFileRetentionDuration": kept,
    }
    return DeltaTable.create(str(folder), schema=schema, configuration=configuration)


def _statistics(frame: pl.LazyFrame, table: PublishedTable) -> str:
    """Rows, and between which people they lie: what a reader needs to skip a file."""
    if "person_id" not in frame.collect_schema() or not table.rows:
        return json.dumps({"numRecords": table.rows})
    person = pl.col("person_id")
    ends = frame.select(person.min().alias("first"), person.max().alias("last"), person.null_count().alias("nulls"))
    first, last, nulls = ends.collect().row(0)
    return json.dumps(
        {
            "numRecords": table.rows,
            "minValues": {"person_id": first},
            "maxValues": {"person_id": last},
            "nullCount": {"person_id": nulls},
        }
    )
