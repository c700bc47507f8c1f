"""Snapshots: immutable versions of all published tables behind one pointer that moves in one act.

Belongs here: the writing of a version, the pointer, and the removal of versions whose time is over.
Does not belong here: how a reader resolves it (`reading`), what the tables hold (`ml.recommend.reranking`), other
ways in.
"""

import hashlib
import json
import os
import shutil
import threading
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
    NothingPublished,
    PublishedTable,
    Snapshot,
    current_snapshot,
    delta_folder,
    list_snapshots,
)
from pipelines.storage.lake import enforce_contract, replace_file, write_parquet

# A reader of one person decodes one group, and before it what the file says of every group: at ten million rows both
# cost DuckDB and polars about the same with groups of this size.
ROW_GROUP_SIZE = 50_000

__all__ = [
    "POINTER",
    "ROW_GROUP_SIZE",
    "NothingPublished",
    "PublishedTable",
    "Snapshot",
    "current_snapshot",
    "publish_snapshot",
    "remove_expired_snapshots",
]


def publish_snapshot(
    folder: Path,
    frames: Mapping[Table, pl.DataFrame],
    snapshot_id: str,
    as_of: date,
    valid_until: date,
    published_at: datetime | None = None,
    kept: Collection[Table] = (),
) -> Snapshot:
    """Write every table of a snapshot, then move the pointer; a table that is there already is not replaced.

    `kept` are tables whose rows are known to be in order and to keep the contract, since the lake has just held them.
    Raises ContractBroken, or ValueError where the id stands for other content already; the pointer then stays.

    A reader that resolves the pointer sees all tables of one snapshot or all of another, at any moment. The files lie
    in the folder of their table, so that a Delta log beside them can name the very same ones.
    """
    ordered = {table: frame if table in kept else enforce_contract(table, frame) for table, frame in frames.items()}
    tables = tuple(_write_table(folder, table, rows, snapshot_id) for table, rows in ordered.items())
    snapshot = Snapshot(folder, snapshot_id, as_of, valid_until, tables, published_at)
    manifest = Path(SNAPSHOTS) / snapshot_id / MANIFEST
    write_json(folder / manifest, _as_json(snapshot))
    write_json(folder / POINTER, {"snapshot_id": snapshot_id, "manifest": str(manifest)})
    return snapshot


def remove_expired_snapshots(folder: Path, retention_days: int, now: datetime) -> list[str]:
    """Remove the snapshots that were published more than `retention_days` ago; their ids come back.

    The current one stays, and so does one whose moment of publication nobody noted.
    """
    current = current_snapshot(folder)
    kept = list_snapshots(folder)
    gone = [
        one
        for one in kept
        if one.snapshot_id != current.snapshot_id
        and one.published_at is not None
        and one.published_at < now - timedelta(days=retention_days)
    ]
    for snapshot in gone:
        # the manifest first: what nobody can find any more can go in peace
        shutil.rmtree(folder / SNAPSHOTS / snapshot.snapshot_id)
        for table in snapshot.tables:
            snapshot.path(table.name).unlink(missing_ok=True)
    return [one.snapshot_id for one in gone]


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a small JSON file in one act."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.unfinished")
    unfinished.write_text(json.dumps(content, indent=1) + "\n")
    replace_file(unfinished, path)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _write_table(folder: Path, table: Table, rows: pl.DataFrame, snapshot_id: str) -> PublishedTable:
    """The file is written in full and hashed before it gets its name: a Parquet file follows from its rows alone, so
    its own hash says whether the content is the same, at a tenth of the cost of a second pass over the rows.
    """
    path = delta_folder(folder, table.name) / f"{snapshot_id}.parquet"
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.fresh")
    try:
        write_parquet(rows, fresh, {"contract": f"{table.name} {table.version}"}, ROW_GROUP_SIZE)
        content = file_sha256(fresh)
        if not path.exists():
            fresh.replace(path)
        elif (there := file_sha256(path)) != content:
            # another release writes the same rows in other bytes: what readers have open already stays
            if not pl.read_parquet(path).equals(rows):
                raise ValueError(
                    f"snapshot {snapshot_id} was published with another {table.name}: give it an id of its own"
                )
            content = there
    finally:
        fresh.unlink(missing_ok=True)
    return PublishedTable(table.name, str(path.relative_to(folder)), rows.height, content, table.version)


def _as_json(snapshot: Snapshot) -> dict[str, object]:
    return {
        "snapshot_id": snapshot.snapshot_id,
        "as_of": snapshot.as_of.isoformat(),
        "valid_until": snapshot.valid_until.isoformat(),
        "published_at": snapshot.published_at.isoformat() if snapshot.published_at else None,
        "tables": [asdict(table) for table in snapshot.tables],
    }
