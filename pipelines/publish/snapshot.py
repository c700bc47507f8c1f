"""Snapshots: immutable versions of all published tables behind one pointer that moves in one act.

Belongs here: the writing of a version, the pointer, and how a reader resolves it.
Does not belong here: what the tables hold (`ml.recommend`), other ways in than Parquet.
"""

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import polars as pl

from pipelines.contracts.table import Table
from pipelines.lake import content_sha256, obey, replace_file, write_parquet

POINTER = "CURRENT"
_MANIFEST = "manifest.json"


class NothingPublished(Exception):
    """No snapshot was published yet."""


@dataclass(frozen=True)
class PublishedTable:
    """One table of a snapshot."""

    name: str
    path: str  # inside the published folder
    rows: int
    content_sha256: str
    schema_version: str


@dataclass(frozen=True)
class Snapshot:
    """One publication of all tables; `folder` is the published folder it lies in."""

    folder: Path
    snapshot_id: str
    as_of: date
    valid_until: date
    tables: tuple[PublishedTable, ...]

    def path(self, table: str) -> Path:
        """The Parquet file of a table. Raises KeyError where the snapshot has no such table."""
        return self.folder / {one.name: one.path for one in self.tables}[table]

    def scan(self, table: str) -> pl.LazyFrame:
        """The rows of a table; the file is never overwritten, so a frame opened now stays whole."""
        return pl.scan_parquet(self.path(table))


def publish_snapshot(
    folder: Path, frames: Mapping[Table, pl.DataFrame], snapshot_id: str, as_of: date, valid_until: date
) -> Snapshot:
    """Write every table of a snapshot, then move the pointer; a snapshot that is there already is not written again.

    Raises ContractBroken, or ValueError where the id stands for other content already; the pointer then stays.

    A reader that resolves the pointer sees all tables of one snapshot or all of another, at any moment.
    """
    place = Path("snapshots") / snapshot_id
    tables = []
    for table, frame in frames.items():
        rows = obey(table, frame)
        content = content_sha256(rows)
        path = folder / place / f"{table.name}.parquet"
        if path.exists() and pl.read_parquet_metadata(path).get("content_sha256") != content:
            raise ValueError(
                f"snapshot {snapshot_id} was published with another {table.name}: give it an id of its own"
            )
        if not path.exists():
            write_parquet(rows, path, {"content_sha256": content, "contract": f"{table.name} {table.version}"})
        tables.append(PublishedTable(table.name, str(place / path.name), rows.height, content, table.version))
    snapshot = Snapshot(folder, snapshot_id, as_of, valid_until, tuple(tables))
    _write_json(folder / place / _MANIFEST, _as_json(snapshot))
    _write_json(folder / POINTER, {"snapshot_id": snapshot_id, "manifest": str(place / _MANIFEST)})
    return snapshot


def current_snapshot(folder: Path) -> Snapshot:
    """The snapshot the pointer names. Raises NothingPublished where there is none."""
    pointer = folder / POINTER
    if not pointer.is_file():
        raise NothingPublished("nothing is published yet: run `footsteps run` first")
    manifest = json.loads((folder / json.loads(pointer.read_text())["manifest"]).read_text())
    return Snapshot(
        folder,
        manifest["snapshot_id"],
        date.fromisoformat(manifest["as_of"]),
        date.fromisoformat(manifest["valid_until"]),
        tuple(PublishedTable(**table) for table in manifest["tables"]),
    )


def _as_json(snapshot: Snapshot) -> dict[str, object]:
    return {
        "snapshot_id": snapshot.snapshot_id,
        "as_of": snapshot.as_of.isoformat(),
        "valid_until": snapshot.valid_until.isoformat(),
        "tables": [asdict(table) for table in snapshot.tables],
    }


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.unfinished")
    unfinished.write_text(json.dumps(content, indent=1) + "\n")
    replace_file(unfinished, path)
