"""S3-compatible object storage: lake and publication copied to a bucket and back.

Belongs here: which objects are copied, and in which order, so that a reader of the bucket sees whole snapshots.
Does not belong here: the local files (`pipelines.snapshots`, `pipelines.storage.lake`), exports in a bucket
(`pipelines.ingest.fetching`).
"""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.fs as pafs

from pipelines.config.publish import ObjectStoreOptions
from pipelines.publish.contract_files import contract_folder
from pipelines.snapshots.reader import MANIFEST, POINTER, SNAPSHOTS, Snapshot, current_snapshot, list_snapshots
from pipelines.snapshots.writer import write_json
from pipelines.storage.atomic_write import replacing

_CHUNK_BYTES = 1 << 20
# Size and time of the lake's files when they were sent: the times of a bucket are its own, and coarse.
_SENT_FILES = "sent.json"


def open_store(store_options: ObjectStoreOptions) -> tuple[Any, str]:
    """Connect to a bucket; keys come from the environment.

    Args:
        store_options: Address of the bucket.

    Returns:
        The file system, and the folder of the bucket that footsteps.yaml names.
    """
    file_system = pafs.S3FileSystem(
        region=store_options.region,
        endpoint_override=store_options.endpoint.split("://", 1)[-1] if store_options.endpoint else None,
        scheme="http" if (store_options.endpoint or "").startswith("http://") else "https",
        connect_timeout=10,
        request_timeout=60,
    )
    return file_system, store_options.url.removeprefix("s3://")


def push_publication(snapshot: Snapshot, store_options: ObjectStoreOptions) -> int:
    """Copy a snapshot's files and contracts, then its manifest, then the pointer.

    A single object is replaced atomically, so that a reader who follows the pointer sees one whole snapshot. Files of
    tables that the bucket holds already are not sent again; contracts and manifest always are. Objects of snapshots
    that are no longer kept are removed last.

    Args:
        snapshot: The snapshot to publish.
        store_options: Address of the bucket.

    Returns:
        Number of bytes sent, without the pointer.
    """
    file_system, bucket_folder = _open_folder(store_options, "published")
    sent_bytes = _push_snapshot(file_system, bucket_folder, snapshot)
    manifest_path = PurePosixPath(SNAPSHOTS) / snapshot.snapshot_id / MANIFEST
    _write_json(
        file_system, bucket_folder / POINTER, {"snapshot_id": snapshot.snapshot_id, "manifest": str(manifest_path)}
    )
    _drop_expired_objects(file_system, bucket_folder, snapshot)
    return sent_bytes


def push_changed_snapshots(published_folder: Path, store_options: ObjectStoreOptions) -> int:
    """Bring every snapshot that the bucket has in line with the local one, after rows of it were deleted.

    The pointer stays until the files of the current snapshot are there; then the replaced files are removed.

    Args:
        published_folder: The published folder.
        store_options: Address of the bucket.

    Returns:
        Number of bytes sent, without the pointer.
    """
    file_system, bucket_folder = _open_folder(store_options, "published")
    latest_snapshot, sent_bytes = current_snapshot(published_folder), 0
    for snapshot in list_snapshots(published_folder):
        manifest_path = bucket_folder / SNAPSHOTS / snapshot.snapshot_id / MANIFEST
        if snapshot.snapshot_id != latest_snapshot.snapshot_id and _has_file(file_system, manifest_path):
            sent_bytes += _push_snapshot(file_system, bucket_folder, snapshot)
    return sent_bytes + push_publication(latest_snapshot, store_options)


def fetch_publication(
    published_folder: Path, store_options: ObjectStoreOptions, before_publication: Callable[[], object] = lambda: None
) -> Snapshot:
    """Copy the bucket's current snapshot into a folder; the folder's pointer is replaced last.

    The pointer is read once: the snapshot that it names is copied even if another one is published meanwhile.

    Args:
        published_folder: The folder of everything that is published.
        store_options: Address of the bucket.
        before_publication: Is called when the files are there and before the pointer leads to them.

    Returns:
        The snapshot in the folder.
    """
    file_system, bucket_folder = _open_folder(store_options, "published")
    pointer_document = _read_json(file_system, bucket_folder / POINTER)
    manifest_path = pointer_document["manifest"]
    manifest_document = _read_json(file_system, bucket_folder / manifest_path)
    for stored_path in (*(table["path"] for table in manifest_document["tables"]), manifest_path):
        _fetch_file(file_system, bucket_folder / stored_path, published_folder / stored_path)
    before_publication()
    write_json(published_folder / POINTER, pointer_document)
    return current_snapshot(published_folder)


def push_lake(lake_folder: Path, store_options: ObjectStoreOptions) -> int:
    """Copy the lake's files whose size or time changed, and remove objects that the lake no longer has.

    Args:
        lake_folder: The folder of the lake.
        store_options: Address of the bucket.

    Returns:
        Number of bytes sent, without the pointer.
    """
    file_system, bucket_folder = _open_folder(store_options, "lake")
    sent_stats_by_lake_path = _read_sent_files(file_system, bucket_folder)
    local_path_by_lake_path = {
        local_path.relative_to(lake_folder).as_posix(): local_path
        for local_path in sorted(lake_folder.rglob("*.parquet"))
    }
    current_stats_by_lake_path = {
        lake_path: [local_path.stat().st_size, local_path.stat().st_mtime_ns]
        for lake_path, local_path in local_path_by_lake_path.items()
    }
    sent_bytes = sum(
        _push_file(file_system, local_path, bucket_folder / lake_path, overwrite=True)
        for lake_path, local_path in local_path_by_lake_path.items()
        if sent_stats_by_lake_path.get(lake_path) != current_stats_by_lake_path[lake_path]
    )
    # before the new list is written: otherwise a push that breaks off here would leave these objects for ever
    for lake_path in sorted(set(sent_stats_by_lake_path) - set(current_stats_by_lake_path)):
        with suppress(FileNotFoundError):
            file_system.delete_file(str(bucket_folder / lake_path))
    _write_json(file_system, bucket_folder / _SENT_FILES, current_stats_by_lake_path)
    return sent_bytes


def fetch_lake(lake_folder: Path, store_options: ObjectStoreOptions) -> int:
    """Copy the bucket's lake into an empty or older folder, for example on another machine.

    Nothing is copied before a push was completed. A local file of a copied table that the bucket does not have is
    removed: a table would otherwise be read with parts of an older layout.

    Args:
        lake_folder: The folder of the lake.
        store_options: Address of the bucket.

    Returns:
        Number of copied files.
    """
    file_system, bucket_folder = _open_folder(store_options, "lake")
    bucket_paths = {
        PurePosixPath(file_info.path).relative_to(bucket_folder)
        for file_info in _list_files(file_system, bucket_folder)
    }
    completed_paths = bucket_paths & {
        PurePosixPath(lake_path) for lake_path in _read_sent_files(file_system, bucket_folder)
    }
    for lake_path in sorted(completed_paths):
        _fetch_file(file_system, bucket_folder / lake_path, lake_folder / lake_path)
    for table_name in {lake_path.parts[0] for lake_path in completed_paths}:
        for local_path in (lake_folder / table_name).glob("*.parquet"):
            if PurePosixPath(table_name, local_path.name) not in completed_paths:
                local_path.unlink()
    return len(completed_paths)


def _push_snapshot(file_system: Any, bucket_folder: PurePosixPath, snapshot: Snapshot) -> int:
    """Copy a snapshot's files and contracts, then its manifest; return the bytes sent."""
    sent_bytes = sum(
        _push_file(file_system, snapshot.path(table.name), bucket_folder / table.path) for table in snapshot.tables
    )
    for contract_path in sorted(contract_folder(snapshot).glob("*.yaml")):
        stored_path = bucket_folder / contract_path.relative_to(snapshot.folder).as_posix()
        sent_bytes += _push_file(file_system, contract_path, stored_path, overwrite=True)
    manifest_path = PurePosixPath(SNAPSHOTS) / snapshot.snapshot_id / MANIFEST
    return sent_bytes + _push_file(
        file_system, snapshot.folder / manifest_path, bucket_folder / manifest_path, overwrite=True
    )


def _open_folder(store_options: ObjectStoreOptions, subfolder: str) -> tuple[Any, PurePosixPath]:
    file_system, bucket_folder = open_store(store_options)
    return file_system, PurePosixPath(bucket_folder) / subfolder


def _list_files(file_system: Any, bucket_folder: PurePosixPath) -> list[Any]:
    selector = pafs.FileSelector(str(bucket_folder), recursive=True, allow_not_found=True)
    return [file_info for file_info in file_system.get_file_info(selector) if file_info.type == pafs.FileType.File]


def _has_file(file_system: Any, stored_path: PurePosixPath) -> bool:
    return bool(file_system.get_file_info(str(stored_path)).type == pafs.FileType.File)


def _read_sent_files(file_system: Any, bucket_folder: PurePosixPath) -> dict[str, list[int]]:
    """Size and time by name of the files that the last completed push left in the bucket."""
    return (
        _read_json(file_system, bucket_folder / _SENT_FILES)
        if _has_file(file_system, bucket_folder / _SENT_FILES)
        else {}
    )


def _read_json(file_system: Any, stored_path: PurePosixPath) -> dict[str, Any]:
    with file_system.open_input_stream(str(stored_path)) as stored_file:
        return dict(json.loads(bytes(stored_file.read())))


def _write_json(file_system: Any, stored_path: PurePosixPath, json_content: object) -> None:
    with file_system.open_output_stream(str(stored_path), metadata={"Content-Type": "application/json"}) as stored_file:
        stored_file.write(json.dumps(json_content).encode())


def _push_file(file_system: Any, local_path: Path, stored_path: PurePosixPath, *, overwrite: bool = False) -> int:
    """Copy a file to the bucket, unless the object exists and must not be overwritten; return the bytes sent."""
    if not overwrite and _has_file(file_system, stored_path):
        return 0
    # without an explicit type an object gets one that some stores refuse
    with (
        local_path.open("rb") as local_file,
        file_system.open_output_stream(
            str(stored_path), metadata={"Content-Type": "application/octet-stream"}
        ) as stored_file,
    ):
        shutil.copyfileobj(local_file, stored_file, _CHUNK_BYTES)
    return local_path.stat().st_size


def _fetch_file(file_system: Any, stored_path: PurePosixPath, local_path: Path) -> None:
    with (
        replacing(local_path) as unfinished_path,
        file_system.open_input_stream(str(stored_path)) as stored_file,
        unfinished_path.open("wb") as unfinished_file,
    ):
        shutil.copyfileobj(stored_file, unfinished_file, _CHUNK_BYTES)


def _drop_expired_objects(file_system: Any, bucket_folder: PurePosixPath, snapshot: Snapshot) -> None:
    """Remove the objects of snapshots that the local folder no longer keeps."""
    retained_snapshots = list_snapshots(snapshot.folder)
    retained_object_paths = {
        str(bucket_folder / table.path)
        for retained_snapshot in retained_snapshots
        for table in retained_snapshot.tables
    }
    for retained_snapshot in retained_snapshots:
        snapshot_paths = (snapshot.folder / SNAPSHOTS / retained_snapshot.snapshot_id).rglob("*.*")
        retained_object_paths |= {
            str(bucket_folder / local_path.relative_to(snapshot.folder).as_posix()) for local_path in snapshot_paths
        }
    for file_info in (
        *_list_files(file_system, bucket_folder / SNAPSHOTS),
        *_list_files(file_system, bucket_folder / "tables"),
    ):
        if file_info.path not in retained_object_paths and "_delta_log" not in file_info.path:
            file_system.delete_file(file_info.path)
