"""A DuckDB file that holds no row, only views of the current snapshot's Parquet files.

Belongs here: making the file beside its place and swapping it in one act.
Does not belong here: the files it looks at (`snapshot`).
"""

import os
import threading
from pathlib import Path

import duckdb

from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import replace_file

DUCKDB_FILE = "footsteps.duckdb"


def publish_duckdb(snapshot: Snapshot) -> Path:
    """Write the views of a snapshot and put them in place of the last one's; whoever has the old file open keeps it.

    Beside a view per table, `snapshot` is one row: snapshot_id, as_of, valid_until.
    """
    path = snapshot.folder / DUCKDB_FILE
    fresh = path.with_name(f".{DUCKDB_FILE}.{os.getpid()}.{threading.get_ident()}.unfinished")
    try:
        with duckdb.connect(str(fresh)) as connection:
            for one in snapshot.tables:
                source = str(snapshot.path(one.name).resolve()).replace("'", "''")
                connection.execute(f"CREATE VIEW \"{one.name}\" AS SELECT * FROM read_parquet('{source}')")
            snapshot_id = snapshot.snapshot_id.replace("'", "''")
            connection.execute(
                f"CREATE VIEW snapshot AS SELECT '{snapshot_id}' AS snapshot_id, DATE '{snapshot.as_of}' AS as_of, "
                f"DATE '{snapshot.valid_until}' AS valid_until"
            )
        replace_file(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
        fresh.with_name(f"{fresh.name}.wal").unlink(missing_ok=True)
    return path
