"""Reading of published tables: resolve the pointer, then read all tables of one snapshot with any library.

Belongs here: the pointers, and how Polars, pandas, DuckDB and Delta readers follow them. The module imports only the
standard library at the top, so a reader elsewhere can copy this file and needs nothing else of the project.
Does not belong here: the writing of snapshots (`pipelines.snapshots.writer`), Delta tables and DuckDB views
(`pipelines.publish`).
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
    """One table of a snapshot; the fields are the keys of the manifest.

    Attributes:
        name: Name of the table, such as `out__next_skill`.
        path: Path of the Parquet file, relative to the published folder.
        rows: Number of rows.
        content_sha256: SHA-256 of the Parquet file.
        schema_version: Version of the table's contract.
    """

    name: str
    path: str
    rows: int
    content_sha256: str
    schema_version: str


@dataclass(frozen=True)
class Snapshot:
    """One publication of all tables; `folder` is the published folder. The files of a snapshot never change."""

    folder: Path
    snapshot_id: str
    as_of: date
    valid_until: date
    tables: tuple[PublishedTable, ...]
    published_at: datetime | None = None

    def path(self, table: str) -> Path:
        """Return the Parquet file of a table.

        Raises:
            KeyError: If the snapshot has no such table.
        """
        return self.folder / {published_table.name: published_table.path for published_table in self.tables}[table]

    def has_table(self, table: str) -> bool:
        """Whether the snapshot has a table of that name."""
        return any(published_table.name == table for published_table in self.tables)

    def is_stale(self, today: date) -> bool:
        """Whether the snapshot is past its last valid day; readers should not act on its rows then."""
        return today > self.valid_until

    def scan(self, table: str) -> "pl.LazyFrame":
        """Return the rows of a table as a Polars LazyFrame, which stays readable after later publications."""
        import polars as pl

        return pl.scan_parquet(self.path(table))

    def pandas(self, table: str) -> "pd.DataFrame":
        """Return the rows of a table as a pandas DataFrame."""
        import pandas as pd

        return pd.read_parquet(self.path(table))

    def duckdb(self) -> "duckdb.DuckDBPyConnection":
        """Return a DuckDB connection in memory with one view per table."""
        import duckdb

        connection = duckdb.connect()
        for table in self.tables:
            quoted_path = str(self.path(table.name)).replace("'", "''")
            connection.execute(f"CREATE VIEW \"{table.name}\" AS SELECT * FROM read_parquet('{quoted_path}')")
        return connection


@dataclass(frozen=True)
class DeltaSnapshot:
    """One publication of all tables as versions of Delta tables."""

    folder: Path
    snapshot_id: str
    versions: dict[str, int]

    def table(self, table_name: str) -> "DeltaTable":
        """Return the Delta table at this snapshot's version.

        Raises:
            KeyError: If the snapshot has no such table.
        """
        from deltalake import DeltaTable

        return DeltaTable(str(delta_folder(self.folder, table_name)), version=self.versions[table_name])

    def scan(self, table_name: str) -> "pl.LazyFrame":
        """Return the rows of a table as a Polars LazyFrame over the files of the version.

        `polars.scan_delta` takes five times as long to open a table, and fails on a space in its path.
        """
        from urllib.parse import unquote

        import polars as pl

        return pl.scan_parquet([unquote(uri) for uri in self.table(table_name).file_uris()])


def delta_folder(folder: Path, table_name: str) -> Path:
    """Return the folder of a table's Parquet files and Delta log, within the published folder."""
    return folder / "tables" / table_name


def current_snapshot(folder: Path) -> Snapshot:
    """Return the snapshot that the pointer names.

    Args:
        folder: The published folder.

    Raises:
        NothingPublished: If there is no pointer yet.
    """
    pointer_path = folder / POINTER
    if not pointer_path.is_file():
        raise NothingPublished("nothing is published yet: run `footsteps run` first")
    return read_manifest(folder, folder / json.loads(pointer_path.read_text())["manifest"])


def list_snapshots(folder: Path) -> list[Snapshot]:
    """Return all snapshots of the published folder that are still there, in the order of publication."""
    snapshots = [read_manifest(folder, manifest_path) for manifest_path in (folder / SNAPSHOTS).glob(f"*/{MANIFEST}")]
    return sorted(snapshots, key=lambda snapshot: (str(snapshot.published_at or snapshot.as_of), snapshot.snapshot_id))


def current_delta(folder: Path) -> DeltaSnapshot:
    """Return the versions of the Delta tables that belong to the current snapshot.

    Args:
        folder: The published folder.

    Raises:
        NothingPublished: If no Delta tables are published yet.
    """
    pointer_path = folder / DELTA_POINTER
    if not pointer_path.is_file():
        raise NothingPublished("nothing is published as Delta tables yet")
    pointer_content = json.loads(pointer_path.read_text())
    return DeltaSnapshot(folder, pointer_content["snapshot_id"], pointer_content["versions"])


def read_manifest(folder: Path, manifest_path: Path) -> Snapshot:
    """Return the snapshot that a manifest file describes."""
    manifest_content = json.loads(manifest_path.read_text())
    published_at = manifest_content.get("published_at")
    return Snapshot(
        folder,
        manifest_content["snapshot_id"],
        date.fromisoformat(manifest_content["as_of"]),
        date.fromisoformat(manifest_content["valid_until"]),
        tuple(PublishedTable(**table) for table in manifest_content["tables"]),
        datetime.fromisoformat(published_at) if published_at else None,
    )
