"""Reading what is published: resolve the pointer, then see all tables of one snapshot with any library.

Belongs here: the pointers, and how polars, pandas, DuckDB and Delta readers follow them. The standard library alone is
imported at the top, so that a reader elsewhere may copy this file and needs nothing else of the project.
Does not belong here: the writing of any of it (`snapshot`, `delta`, `duckdb_views`).
"""

import json
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import polars as pl
    from deltalake import DeltaTable

POINTER = "CURRENT"
DELTA_POINTER = "DELTA"
SNAPSHOTS = "snapshots"
MANIFEST = "manifest.json"


class NothingPublished(Exception):
    """No snapshot was published yet."""


@dataclass(frozen=True)
class PublishedTable:
    """One table of a snapshot; `content_sha256` is the hash of its Parquet file."""

    name: str
    path: str  # inside the published folder
    rows: int
    content_sha256: str
    schema_version: str


@dataclass(frozen=True)
class Snapshot:
    """One publication of all tables; `folder` is the published folder it lies in. Its files never change."""

    folder: Path
    snapshot_id: str
    as_of: date
    valid_until: date
    tables: tuple[PublishedTable, ...]
    published_at: datetime | None = None

    def path(self, table: str) -> Path:
        """The Parquet file of a table. Raises KeyError where the snapshot has no such table."""
        return self.folder / {one.name: one.path for one in self.tables}[table]

    def has_table(self, table: str) -> bool:
        """Whether the snapshot holds a table of that name."""
        return any(one.name == table for one in self.tables)

    def is_stale(self, today: date) -> bool:
        """Whether no night succeeded since: its rows are no longer to be acted upon."""
        return today > self.valid_until

    def scan(self, table: str) -> "pl.LazyFrame":
        """The rows of a table, for polars; the file is never overwritten, so a frame opened now stays whole."""
        import polars as pl

        return pl.scan_parquet(self.path(table))

    def pandas(self, table: str) -> "pd.DataFrame":
        """The rows of a table, for pandas."""
        import pandas as pd

        return pd.read_parquet(self.path(table))

    def duckdb(self) -> "duckdb.DuckDBPyConnection":
        """A connection in memory with a view of each table, for SQL."""
        import duckdb

        connection = duckdb.connect()
        for one in self.tables:
            source = str(self.path(one.name)).replace("'", "''")
            connection.execute(f"CREATE VIEW \"{one.name}\" AS SELECT * FROM read_parquet('{source}')")
        return connection


@dataclass(frozen=True)
class DeltaSnapshot:
    """One publication of all tables as versions of Delta tables."""

    folder: Path
    snapshot_id: str
    versions: dict[str, int]

    def table(self, name: str) -> "DeltaTable":
        """The Delta table, pinned to this snapshot's version. Raises KeyError where there is none."""
        from deltalake import DeltaTable

        return DeltaTable(str(delta_folder(self.folder, name)), version=self.versions[name])

    def scan(self, name: str) -> "pl.LazyFrame":
        """The rows of a table, for polars: the files that the version names, of which it skips what a filter rules out.

        `scan_delta` takes five times as long to open a table, and stumbles over a space in its path.
        """
        from urllib.parse import unquote

        import polars as pl

        return pl.scan_parquet([unquote(one) for one in self.table(name).file_uris()])


def delta_folder(folder: Path, table: str) -> Path:
    """Where a table's Parquet files and its Delta log lie."""
    return folder / "tables" / table


def current_snapshot(folder: Path) -> Snapshot:
    """The snapshot the pointer names. Raises NothingPublished where there is none."""
    pointer = folder / POINTER
    if not pointer.is_file():
        raise NothingPublished("nothing is published yet: run `footsteps run` first")
    return read_manifest(folder, folder / json.loads(pointer.read_text())["manifest"])


def list_snapshots(folder: Path) -> list[Snapshot]:
    """Every snapshot that can still be read, the one that was published last being the last."""
    found = [read_manifest(folder, path) for path in (folder / SNAPSHOTS).glob(f"*/{MANIFEST}")]
    return sorted(found, key=lambda one: (str(one.published_at or one.as_of), one.snapshot_id))


def current_delta(folder: Path) -> DeltaSnapshot:
    """The versions of the Delta tables that belong together. Raises NothingPublished where there are none."""
    pointer = folder / DELTA_POINTER
    if not pointer.is_file():
        raise NothingPublished("nothing is published as Delta tables yet")
    content = json.loads(pointer.read_text())
    return DeltaSnapshot(folder, content["snapshot_id"], content["versions"])


def read_manifest(folder: Path, manifest: Path) -> Snapshot:
    """The snapshot that a manifest describes."""
    content = json.loads(manifest.read_text())
    moment = content.get("published_at")
    return Snapshot(
        folder,
        content["snapshot_id"],
        date.fromisoformat(content["as_of"]),
        date.fromisoformat(content["valid_until"]),
        tuple(PublishedTable(**table) for table in content["tables"]),
        datetime.fromisoformat(moment) if moment else None,
    )
