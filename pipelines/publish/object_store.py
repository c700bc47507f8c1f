"""S3-compatible object storage: exports fetched from a bucket, lake and publication copied to one.

Belongs here: which objects are copied in which order, so that a reader of the bucket sees whole snapshots.
Does not belong here: the local files (`snapshot`, `pipelines.ingest.landing`, `pipelines.storage.lake`).
"""

import json
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.fs as pafs

from pipelines.config.publish import ObjectStoreOptions
from pipelines.snapshots.reader import MANIFEST, POINTER, SNAPSHOTS, Snapshot, current_snapshot, list_snapshots

_CHUNK = 1 << 20
_SENT = "sent.json"


def open_store(options: ObjectStoreOptions) -> tuple[Any, str]:
    """The file system of a bucket and the folder in it. Keys are taken from the environment."""
    scheme = "http" if (options.endpoint or "").startswith("http://") else "https"
    endpoint = options.endpoint.split("://", 1)[-1] if options.endpoint else None
    store = pafs.S3FileSystem(
        region=options.region,
        endpoint_override=endpoint,
        scheme=scheme,
        connect_timeout=10,
        request_timeout=60,
    )
    return store, options.url.removeprefix("s3://")


def push_publication(snapshot: Snapshot, options: ObjectStoreOptions) -> int:
    """Copy a snapshot's files, then its manifest, then the pointer; objects that are there already stay. Bytes sent.

    A single object is replaced in one act: who reads the pointer first sees one whole snapshot in the bucket too.
    Objects of snapshots that are no longer kept are removed last.
    """
    store, root = open_store(options)
    place = PurePosixPath(root) / "published"
    sent = sum(_push(store, snapshot.path(one.name), place / one.path) for one in snapshot.tables)
    manifest = PurePosixPath(SNAPSHOTS) / snapshot.snapshot_id / MANIFEST
    sent += _push(store, snapshot.folder / manifest, place / manifest, always=True)
    pointer = {"snapshot_id": snapshot.snapshot_id, "manifest": str(manifest)}
    with store.open_output_stream(str(place / POINTER), metadata={"Content-Type": "application/json"}) as stream:
        stream.write(json.dumps(pointer).encode())
    _drop_expired(store, place, snapshot)
    return sent


def fetch_publication(folder: Path, options: ObjectStoreOptions) -> Snapshot:
    """Copy the bucket's current snapshot into a folder; the folder's pointer moves last."""
    store, root = open_store(options)
    place = PurePosixPath(root) / "published"
    pointer = json.loads(_read(store, place / POINTER))
    manifest = json.loads(_read(store, place / pointer["manifest"]))
    for path in (*(table["path"] for table in manifest["tables"]), pointer["manifest"], POINTER):
        _fetch(store, place / path, folder / path)
    return current_snapshot(folder)


def fetch_landing(folder: Path, options: ObjectStoreOptions) -> list[str]:
    """Copy exports that are new or changed in the bucket into the landing folder; their names come back.

    An export that left the bucket stays in the folder: what was landed is the landing's business.
    """
    store, root = open_store(options)
    place = PurePosixPath(root) / "landing"
    fetched = []
    for info in _files(store, place):
        name = PurePosixPath(info.path).relative_to(place)
        path = folder / name
        newer = not path.exists() or path.stat().st_size != info.size or path.stat().st_mtime < info.mtime.timestamp()
        if newer:
            _fetch(store, PurePosixPath(info.path), path)
            os.utime(path, (info.mtime.timestamp(), info.mtime.timestamp()))
            fetched.append(str(name))
    return fetched


def push_lake(lake: Path, options: ObjectStoreOptions) -> int:
    """Copy the lake's files to the bucket where size or time differ, and remove objects that the lake no longer has."""
    store, root = open_store(options)
    place = PurePosixPath(root) / "lake"
    # times in a bucket are its own and coarse: what was sent is noted in an object beside the tables
    listed = store.get_file_info(str(place / _SENT)).type == pafs.FileType.File
    noted = json.loads(_read(store, place / _SENT)) if listed else {}
    files = {path.relative_to(lake).as_posix(): path for path in sorted(lake.rglob("*.parquet"))}
    wanted = {name: [path.stat().st_size, path.stat().st_mtime_ns] for name, path in files.items()}
    sent = sum(
        _push(store, files[name], place / name, always=True) for name in files if noted.get(name) != wanted[name]
    )
    # before it is noted that they are gone: else a push that breaks off here would leave them for good
    for name in sorted(set(noted) - set(wanted)):
        with suppress(FileNotFoundError):
            store.delete_file(str(place / name))
    with store.open_output_stream(str(place / _SENT), metadata={"Content-Type": "application/json"}) as stream:
        stream.write(json.dumps(wanted).encode())
    return sent


def fetch_lake(lake: Path, options: ObjectStoreOptions) -> int:
    """Copy the bucket's lake into an empty or older folder: how another machine takes over. Files fetched.

    Nothing where no push has ended yet. A table that the bucket has is made the bucket's: a file that it was cut into
    in older times would be read as well.
    """
    store, root = open_store(options)
    place = PurePosixPath(root) / "lake"
    there = {PurePosixPath(info.path).relative_to(place) for info in _files(store, place)}
    noted = json.loads(_read(store, place / _SENT)) if PurePosixPath(_SENT) in there else {}
    names = there & {PurePosixPath(name) for name in noted}
    for name in sorted(names):
        _fetch(store, place / name, lake / name)
    for table in {name.parts[0] for name in names}:
        for path in (lake / table).glob("*.parquet"):
            if PurePosixPath(table, path.name) not in names:
                path.unlink()
    return len(names)


def _files(store: Any, place: PurePosixPath) -> list[Any]:
    selector = pafs.FileSelector(str(place), recursive=True, allow_not_found=True)
    return [info for info in store.get_file_info(selector) if info.type == pafs.FileType.File]


def _push(store: Any, path: Path, target: PurePosixPath, *, always: bool = False) -> int:
    if not always and store.get_file_info(str(target)).type == pafs.FileType.File:
        return 0
    # without a type of its own an object gets one that some stores refuse
    with (
        path.open("rb") as source,
        store.open_output_stream(str(target), metadata={"Content-Type": "application/octet-stream"}) as sink,
    ):
        shutil.copyfileobj(source, sink, _CHUNK)
    return path.stat().st_size


def _read(store: Any, path: PurePosixPath) -> bytes:
    with store.open_input_stream(str(path)) as stream:
        return bytes(stream.read())


def _fetch(store: Any, source: PurePosixPath, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.unfinished")
    try:
        with store.open_input_stream(str(source)) as stream, unfinished.open("wb") as sink:
            shutil.copyfileobj(stream, sink, _CHUNK)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _drop_expired(store: Any, place: PurePosixPath, snapshot: Snapshot) -> None:
    kept = list_snapshots(snapshot.folder)
    names = {str(place / table.path) for one in kept for table in one.tables}
    names |= {str(place / SNAPSHOTS / one.snapshot_id / MANIFEST) for one in kept}
    for folder in (place / SNAPSHOTS, place / "tables"):
        for info in _files(store, folder):
            if info.path not in names and "_delta_log" not in info.path:
                store.delete_file(info.path)
