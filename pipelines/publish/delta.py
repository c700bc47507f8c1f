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
    version_by_table = {table.name: _commit_table(snapshot, table, retention_days) for table in snapshot.tables}
    write_json(snapshot.folder / DELTA_POINTER, {"snapshot_id": snapshot.snapshot_id, "versions": version_by_table})
    return DeltaSnapshot(snapshot.folder, snapshot.snapshot_id, version_by_table)


def _commit_table(snapshot: Snapshot, table: PublishedTable, retention_days: int) -> int:
    """Commit one table and return its version."""
    parquet_path, table_folder = snapshot.path(table.name), str(delta_folder(snapshot.folder, table.name))
    table_rows = pl.scan_parquet(parquet_path)
    delta_schema = Schema.from_arrow(pl.DataFrame(schema=table_rows.collect_schema()).to_arrow().schema)
    if DeltaTable.is_deltatable(table_folder):
        delta_table = DeltaTable(table_folder)
    else:
        configuration = {
            "delta.enableChangeDataFeed": "true",
            "delta.logRetentionDuration": f"interval {retention_days} days",
            "delta.deletedFileRetentionDuration": f"interval {retention_days} days",
        }
        delta_table = DeltaTable.create(table_folder, schema=delta_schema, configuration=configuration)
    if delta_table.history(1)[0].get("snapshot_id") != snapshot.snapshot_id:
        file_status = parquet_path.stat()
        add_action = AddAction(
            parquet_path.name,
            file_status.st_size,
            {},
            int(file_status.st_mtime * 1000),
            True,
            json.dumps(describe_rows(table_rows)),
        )
        delta_table.create_write_transaction(
            [add_action],
            "overwrite",
            delta_schema,
            commit_properties=CommitProperties(custom_metadata={"snapshot_id": snapshot.snapshot_id}),
        )
        delta_table.update_incremental()
    return delta_table.version()


def describe_rows(table_rows: pl.LazyFrame) -> dict[str, object]:
    """Number of rows and range of person_id, as a Delta log has them: a reader needs both to skip a file.

    Args:
        table_rows: The rows of a published file.
    """
    statistics: dict[str, object] = {"numRecords": table_rows.select(pl.len()).collect().item()}
    if "person_id" in table_rows.collect_schema() and statistics["numRecords"]:
        person_id = pl.col("person_id")
        person_id_range = table_rows.select(
            person_id.min().alias("first"), person_id.max().alias("last"), person_id.null_count().alias("nulls")
        )
        for statistic_name, statistic_value in zip(
            ("minValues", "maxValues", "nullCount"), person_id_range.collect().row(0), strict=True
        ):
            statistics[statistic_name] = {"person_id": statistic_value}
    return statistics
