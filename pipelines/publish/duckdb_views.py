"""A DuckDB file that holds no rows, only views of the current snapshot's Parquet files.

Belongs here: writing the file and replacing the last one by it.
Does not belong here: the Parquet files (`pipelines.snapshots.writer`).
"""

from pathlib import Path

import duckdb

from pipelines.publish.queries import DUCKDB_FILE, quote_text
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.atomic_write import replacing

# The oldest storage that DuckDB writes: every client since 1.0 reads it, and views gain nothing from a newer one.
_STORAGE_OPTIONS = {"storage_compatibility_version": "v1.0.0"}


def publish_duckdb(snapshot: Snapshot) -> Path:
    """Replace the DuckDB file by one with a view per table of the snapshot.

    A reader that has the old file open keeps it. DuckDB 1.0 and newer read the file.

    The view `snapshot` has one row: snapshot_id, as_of, valid_until.

    Args:
        snapshot: The snapshot to publish.

    Returns:
        The DuckDB file.
    """
    duckdb_path = snapshot.folder / DUCKDB_FILE
    with replacing(duckdb_path) as unfinished_path:
        try:
            with duckdb.connect(str(unfinished_path), config={**_STORAGE_OPTIONS}) as connection:
                for table in snapshot.tables:
                    quoted_path = quote_text(snapshot.path(table.name).resolve())
                    connection.execute(f'CREATE VIEW "{table.name}" AS SELECT * FROM read_parquet({quoted_path})')
                connection.execute(
                    f"CREATE VIEW snapshot AS SELECT {quote_text(snapshot.snapshot_id)} AS snapshot_id, "
                    f"DATE '{snapshot.as_of}' AS as_of, DATE '{snapshot.valid_until}' AS valid_until"
                )
        finally:  # a failed connection leaves its log
            unfinished_path.with_name(f"{unfinished_path.name}.wal").unlink(missing_ok=True)
    return duckdb_path
