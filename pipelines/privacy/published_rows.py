"""Published rows of erased people: the snapshots in Parquet, and the Delta logs that name the same files.

Belongs here: rewritten files under new names, and the pointers, manifests and logs that lead to them.
Does not belong here: pages, feed and servers (`published_targets`), which rows are deleted (`person_deletions`).

A file that readers may have open is never changed: the rewritten rows lie in a new file, the manifest moves to it, and
the old file is removed at the end. The id of a snapshot, and the versions of the Delta tables, stay.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.table import Table
from pipelines.publish.delta import describe_rows
from pipelines.snapshots.reader import MANIFEST, SNAPSHOTS, PublishedTable, Snapshot, delta_folder, list_snapshots
from pipelines.snapshots.writer import ROW_GROUP, write_json
from pipelines.storage.atomic_write import file_sha256, replacing, write_text_atomically
from pipelines.storage.parquet_files import write_parquet
from pipelines.storage.row_deletion import DeletionCounts, RowDeletion

BuildDeletion = Callable[[Table], RowDeletion | None]
_LogEntry = dict[str, Any]
_TABLE_BY_NAME = {table.name: table for table in PUBLISHED_TABLES}


def delete_from_snapshots(published_folder: Path, build_deletion: BuildDeletion) -> dict[str, DeletionCounts]:
    """Delete rows of every snapshot. The old files stay until `remove_unnamed_files`.

    Args:
        published_folder: The published folder.
        build_deletion: Returns what is deleted from a published table.

    Returns:
        The number of rows by table, over all snapshots.
    """
    deletion_counts_by_table: dict[str, DeletionCounts] = {}
    for snapshot in list_snapshots(published_folder):
        rewritten_tables = tuple(
            _rewrite_table(snapshot, table, build_deletion, deletion_counts_by_table) for table in snapshot.tables
        )
        if rewritten_tables != snapshot.tables:
            manifest_path = published_folder / SNAPSHOTS / snapshot.snapshot_id / MANIFEST
            manifest_content = json.loads(manifest_path.read_text())
            write_json(manifest_path, {**manifest_content, "tables": [asdict(table) for table in rewritten_tables]})
    return deletion_counts_by_table


def count_in_snapshots(published_folder: Path, build_deletion: BuildDeletion) -> dict[str, DeletionCounts]:
    """The number of rows that `delete_from_snapshots` would change, by table."""
    deletion_counts_by_table: dict[str, DeletionCounts] = {}
    for snapshot in list_snapshots(published_folder):
        for table in snapshot.tables:
            deletion = build_deletion(_TABLE_BY_NAME[table.name]) if table.name in _TABLE_BY_NAME else None
            if deletion is not None and (deletion_counts := deletion.count(_scan_table(snapshot, table))):
                deletion_counts_by_table[table.name] = (
                    deletion_counts_by_table.get(table.name, DeletionCounts()) + deletion_counts
                )
    return deletion_counts_by_table


def rewrite_delta_logs(published_folder: Path) -> int:
    """Rewrite the Delta logs so that every version names the files that the manifests name now.

    The bounds of person_id are computed anew from a file that replaces another; entries of files that no longer exist
    lose their bounds.

    Args:
        published_folder: The published folder.

    Returns:
        The number of files of the logs that changed.
    """
    snapshot_paths_by_table: dict[str, dict[str, Path]] = {}
    for snapshot in list_snapshots(published_folder):
        for table in snapshot.tables:
            snapshot_paths_by_table.setdefault(table.name, {})[snapshot.snapshot_id] = snapshot.path(table.name)
    changed_file_count = 0
    for log_folder in sorted((published_folder / "tables").glob("*/_delta_log")):
        present_path_by_snapshot_id = snapshot_paths_by_table.get(log_folder.parent.name, {})
        # three passes keep each version consistent throughout: `remove` entries name both the old and the new file
        # until no `add` entry names the old one
        for rewrite_entries in (_remove_both_names, _rename_added, _rename_removed):
            for commit_path in sorted(log_folder.glob("*.json")):
                changed_file_count += _rewrite_commit(
                    commit_path, partial(rewrite_entries, present_path_by_snapshot_id=present_path_by_snapshot_id)
                )
        for checkpoint_path in sorted(log_folder.glob("*.checkpoint*.parquet")):
            changed_file_count += _rewrite_checkpoint(checkpoint_path, present_path_by_snapshot_id)
    return changed_file_count


def remove_unnamed_files(published_folder: Path) -> int:
    """Remove the Parquet files of published tables that no snapshot names."""
    named_paths = {
        snapshot.path(table.name) for snapshot in list_snapshots(published_folder) for table in snapshot.tables
    }
    unnamed_paths = [
        parquet_path
        for parquet_path in (published_folder / "tables").glob("*/*.parquet")
        if parquet_path not in named_paths
    ]
    for parquet_path in unnamed_paths:
        parquet_path.unlink()
    return len(unnamed_paths)


def _rewrite_table(
    snapshot: Snapshot,
    table: PublishedTable,
    build_deletion: BuildDeletion,
    deletion_counts_by_table: dict[str, DeletionCounts],
) -> PublishedTable:
    deletion = build_deletion(_TABLE_BY_NAME[table.name]) if table.name in _TABLE_BY_NAME else None
    if deletion is None or not (deletion_counts := deletion.count(_scan_table(snapshot, table))):
        return table
    deletion_counts_by_table[table.name] = deletion_counts_by_table.get(table.name, DeletionCounts()) + deletion_counts
    remaining_rows = deletion.apply(pl.read_parquet(snapshot.path(table.name)))
    # named by what it replaces: a second deletion gives the file another name
    revision_hash = hashlib.sha256(f"{table.content_sha256} {remaining_rows.height}".encode()).hexdigest()[:8]
    rewritten_path = delta_folder(snapshot.folder, table.name) / f"{snapshot.snapshot_id}.{revision_hash}.parquet"
    write_parquet(remaining_rows, rewritten_path, {"contract": f"{table.name} {table.schema_version}"}, ROW_GROUP)
    return replace(
        table,
        path=str(rewritten_path.relative_to(snapshot.folder)),
        rows=remaining_rows.height,
        content_sha256=file_sha256(rewritten_path),
    )


def _scan_table(snapshot: Snapshot, table: PublishedTable) -> pl.LazyFrame:
    """The rows of a table; columns that a snapshot of an earlier version lacks are null."""
    return pl.scan_parquet(
        snapshot.path(table.name),
        schema=_TABLE_BY_NAME[table.name].schema,
        missing_columns="insert",
        extra_columns="ignore",
    )


def _rewrite_commit(commit_path: Path, rewrite_entries: Callable[[list[_LogEntry]], list[_LogEntry]]) -> bool:
    log_entries = [json.loads(commit_line) for commit_line in commit_path.read_text(encoding="utf-8").splitlines()]
    changed_entries = rewrite_entries(log_entries)
    if changed_entries == log_entries:
        return False
    commit_text = "".join(
        json.dumps(log_entry, separators=(",", ":"), ensure_ascii=False) + "\n" for log_entry in changed_entries
    )
    write_text_atomically(commit_path, commit_text)
    return True


def _remove_both_names(
    log_entries: list[_LogEntry], present_path_by_snapshot_id: Mapping[str, Path]
) -> list[_LogEntry]:
    renamed_entries = [_rename_in_entry(log_entry, "remove", present_path_by_snapshot_id) for log_entry in log_entries]
    return [*log_entries, *(log_entry for log_entry in renamed_entries if log_entry not in log_entries)]


def _rename_added(log_entries: list[_LogEntry], present_path_by_snapshot_id: Mapping[str, Path]) -> list[_LogEntry]:
    return [_rename_in_entry(log_entry, "add", present_path_by_snapshot_id) for log_entry in log_entries]


def _rename_removed(log_entries: list[_LogEntry], present_path_by_snapshot_id: Mapping[str, Path]) -> list[_LogEntry]:
    renamed_entries = [_rename_in_entry(log_entry, "remove", present_path_by_snapshot_id) for log_entry in log_entries]
    return [
        log_entry
        for entry_index, log_entry in enumerate(renamed_entries)
        if log_entry not in renamed_entries[:entry_index]
    ]


def _rename_in_entry(
    log_entry: _LogEntry, action_kind: str, present_path_by_snapshot_id: Mapping[str, Path]
) -> _LogEntry:
    return (
        {action_kind: _rename_file(action_kind, log_entry[action_kind], present_path_by_snapshot_id)}
        if action_kind in log_entry
        else log_entry
    )


def _rewrite_checkpoint(checkpoint_path: Path, present_path_by_snapshot_id: Mapping[str, Path]) -> bool:
    checkpoint = pq.read_table(checkpoint_path)
    checkpoint_columns, is_changed = [], False
    for column_name in checkpoint.column_names:
        action_column = checkpoint[column_name].combine_chunks()
        if column_name in ("add", "remove"):
            file_actions = action_column.to_pylist()
            renamed_actions = [
                file_action and _rename_file(column_name, file_action, present_path_by_snapshot_id)
                for file_action in file_actions
            ]
            is_changed |= renamed_actions != file_actions
            action_column = pa.array(renamed_actions, type=action_column.type)
        checkpoint_columns.append(action_column)
    if is_changed:
        with replacing(checkpoint_path) as unfinished_path:
            pq.write_table(pa.Table.from_arrays(checkpoint_columns, schema=checkpoint.schema), unfinished_path)
    return is_changed


def _rename_file(action_kind: str, file_action: Any, present_path_by_snapshot_id: Mapping[str, Path]) -> Any:
    """An action of a log with the present file of its snapshot, and with bounds of that file alone."""
    if action_kind not in ("add", "remove") or "path" not in file_action:
        return file_action
    snapshot_id = unquote(Path(file_action["path"]).name).split(".", 1)[0]
    present_path = present_path_by_snapshot_id.get(snapshot_id)
    action_of_present_file = dict(file_action)
    if present_path is not None and present_path.name != unquote(file_action["path"]):
        action_of_present_file["path"] = quote(present_path.name)
        if action_of_present_file.get("size") is not None:
            action_of_present_file["size"] = present_path.stat().st_size
        if action_of_present_file.get("modificationTime") is not None:
            action_of_present_file["modificationTime"] = int(present_path.stat().st_mtime * 1000)
        if file_action.get("stats"):
            action_of_present_file["stats"] = json.dumps(describe_rows(pl.scan_parquet(present_path)))
    elif present_path is None and file_action.get("stats"):
        action_of_present_file["stats"] = json.dumps(
            {"numRecords": json.loads(file_action["stats"]).get("numRecords", 0)}
        )
    return action_of_present_file
