"""The lake: the folder of a table, how the table is read, and the one way to write it.

Belongs here: paths, scanning, atomic writing, enforcing the contract before rows reach the disk, content hashes.
Does not belong here: how a table is split into files (`file_layout`), whose rows changed (`change_log`), publication
(`pipelines.snapshots`).
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from pipelines.contracts.table import Severity, Table
from pipelines.storage.atomic_write import replacing
from pipelines.storage.change_log import FindRelatedPeople, record_change
from pipelines.storage.file_layout import (
    SINGLE_FILE,
    find_changed_files,
    find_files_with,
    has_current_layout,
    select_rows_of_files,
    sort_expressions,
    split_into_files,
)

# With row groups of this size one person is read within milliseconds, and ten million rows still compress well.
ROW_GROUP_SIZE = 100_000
# zstd level 1 makes files as small as polars' default level does, in half the time.
_COMPRESSION_LEVEL = 1
_Input = TypeVar("_Input")
_Output = TypeVar("_Output")


class ContractViolation(Exception):
    """A frame violates the contract of its table; nothing was written."""


@dataclass(frozen=True)
class WriteResult:
    """The state of a table after a write; `changed` is false if the table already had exactly this content."""

    table: str
    path: Path
    rows: int
    bytes: int
    content_sha256: str
    changed: bool


@dataclass(frozen=True)
class Lake:
    """A folder of tables; each table is a folder with one Parquet file, or several if its rows are split."""

    root: Path

    def folder(self, table: Table) -> Path:
        """The table's folder."""
        return self.root / table.name

    def file(self, table: Table, name: str = SINGLE_FILE) -> Path:
        """The path of one file of a table.

        Args:
            table: The table.
            name: Name of the file without suffix; the default is the file of a table that is not split.
        """
        return self.folder(table) / f"{name}.parquet"

    def files(self, table: Table) -> list[Path]:
        """The existing files of a table, in the order in which they are read."""
        return sorted(self.folder(table).rglob("*.parquet"))

    def scan(self, table: Table) -> pl.LazyFrame:
        """The rows of a table, lazily, in its contract's columns; no rows if it was never written."""
        return _scan_files(table, self.files(table))

    def content_hash(self, table: Table) -> str | None:
        """The hash of a table's content, as recorded in its files; None if `write` never wrote it."""
        return _combine_hashes(self._read_hashes(table))

    def write(
        self,
        table: Table,
        frame: pl.DataFrame | pl.LazyFrame,
        find_related_people: FindRelatedPeople | None = None,
    ) -> WriteResult:
        """Replace the whole content of a table.

        Only files whose rows changed are replaced, each atomically. The change log records whose rows changed.

        Args:
            table: The table.
            frame: All rows of the table, in any order, as its contract declares them.
            find_related_people: Finds further people that changed rows affect; see `record_change`.

        Raises:
            ContractViolation: The frame violates the contract; the table stays as it was.
        """
        rows_by_file = split_into_files(table, enforce_contract(table, frame.lazy().collect()))
        old_hashes, new_hashes = self._read_hashes(table), _hash_files(rows_by_file)
        changed = {name for name in new_hashes if old_hashes.get(name) != new_hashes[name]}
        removed = set(old_hashes) - set(new_hashes)
        # nothing follows the changes of a published table: only assets upstream of it and incremental runs need them
        if (changed or removed) and old_hashes and table.layer != "out":
            old = self._scan_named(table, (changed & set(old_hashes)) | removed).collect()
            new = pl.concat([rows_by_file[name] for name in sorted(changed)] or [pl.DataFrame(schema=table.schema)])
            self._record_change(table, old_hashes, new_hashes, old, new, find_related_people)
        return self._write_files(table, rows_by_file, old_hashes, new_hashes)

    def merge(
        self,
        table: Table,
        rows: pl.DataFrame,
        replacing: pl.DataFrame,
        find_related_people: FindRelatedPeople | None = None,
    ) -> WriteResult:
        """Replace some rows of a table; only files whose rows change are read and rewritten.

        Args:
            table: The table.
            rows: The new rows, as the contract of the table declares them.
            replacing: Values of some columns, such as person_id: rows of the table with these values are removed.
            find_related_people: Finds further people that changed rows affect; see `record_change`.

        Raises:
            ContractViolation: The new content violates the contract; the table stays as it was.
        """
        old_hashes, keys = self._read_hashes(table), replacing.columns
        if not old_hashes or not has_current_layout(
            table, old_hashes
        ):  # an earlier version may have split it otherwise
            remaining = self.scan(table).join(replacing.lazy(), on=keys, how="anti").collect()
            return self.write(table, pl.concat([remaining, rows.select(remaining.columns)]), find_related_people)
        candidates = find_files_with(table, old_hashes, replacing)
        old = self._scan_named(table, candidates).join(replacing.lazy(), on=keys, how="semi").collect()
        old = _sort_rows(table, old, _is_strictly_sorted(old, table))
        new = enforce_contract(table, rows)
        changed = find_changed_files(table, old_hashes, old, new)
        if not changed:
            return self._summarise(table, old_hashes, False)
        stored = self._scan_named(table, changed & set(old_hashes)).collect()
        remaining = stored.join(replacing, on=keys, how="anti", maintain_order="left")
        content = enforce_contract(table, pl.concat([remaining, select_rows_of_files(table, new, changed)]))
        rows_by_file = split_into_files(table, content)
        unchanged = {name: sha256 for name, sha256 in old_hashes.items() if name not in changed}
        if unchanged:
            rows_by_file = {name: part for name, part in rows_by_file.items() if part.height}
        new_hashes = {**unchanged, **_hash_files(rows_by_file)}
        self._record_change(table, old_hashes, new_hashes, old, rows, find_related_people)
        return self._write_files(table, rows_by_file, old_hashes, new_hashes)

    def _record_change(
        self,
        table: Table,
        old_hashes: Mapping[str, str | None],
        new_hashes: Mapping[str, str | None],
        old: pl.DataFrame,
        new: pl.DataFrame,
        find_related_people: FindRelatedPeople | None,
    ) -> None:
        record_change(
            self.root,
            table,
            before=_combine_hashes(old_hashes),
            after=_combine_hashes(new_hashes),
            old=old,
            new=new,
            count_people=lambda: int(self.scan(table).select(pl.col("person_id").n_unique()).collect().item()),
            find_related_people=find_related_people,
        )

    def _write_files(
        self,
        table: Table,
        rows_by_file: Mapping[str, pl.DataFrame],
        old_hashes: Mapping[str, str | None],
        new_hashes: Mapping[str, str | None],
    ) -> WriteResult:
        """Write the files whose hashes differ, and delete the files without a new hash."""

        def write_file(name: str) -> None:
            write_parquet(
                rows_by_file[name],
                self.file(table, name),
                metadata={"content_sha256": new_hashes[name] or "", "contract": f"{table.name} {table.version}"},
            )

        changed = sorted(name for name in rows_by_file if old_hashes.get(name) != new_hashes[name])
        removed = set(old_hashes) - set(new_hashes)
        _map_in_threads(write_file, changed)
        for name in removed:
            self.file(table, name).unlink()
        return self._summarise(table, new_hashes, bool(changed or removed))

    def _read_hashes(self, table: Table) -> dict[str, str | None]:
        """The recorded hash of each existing file; None for a file that `write` did not write."""
        return {path.stem: pl.read_parquet_metadata(path).get("content_sha256") for path in self.files(table)}

    def _scan_named(self, table: Table, names: Iterable[str]) -> pl.LazyFrame:
        return _scan_files(table, [self.file(table, name) for name in sorted(names)])

    def _summarise(self, table: Table, hashes: Mapping[str, str | None], changed: bool) -> WriteResult:
        files = self.files(table)
        return WriteResult(
            table=table.name,
            path=files[0],
            rows=int(pl.scan_parquet(files).select(pl.len()).collect().item()),
            bytes=sum(path.stat().st_size for path in files),
            content_sha256=_combine_hashes(hashes) or "",
            changed=changed,
        )


def _scan_files(table: Table, files: list[Path]) -> pl.LazyFrame:
    if not files:
        return pl.LazyFrame(schema=table.schema)
    return pl.scan_parquet(files, missing_columns="insert", extra_columns="ignore", schema=table.schema)


def _hash_files(rows_by_file: Mapping[str, pl.DataFrame]) -> dict[str, str | None]:
    return dict(zip(rows_by_file, _map_in_threads(content_sha256, rows_by_file.values()), strict=True))


def _map_in_threads(function: Callable[[_Input], _Output], inputs: Iterable[_Input]) -> list[_Output]:
    """The results in the order of the inputs; one thread per core, because hashing or writing a file uses one core."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(function, inputs))


def _combine_hashes(hashes: Mapping[str, str | None]) -> str | None:
    """One hash of all files; the file's own hash if the table is not split; None if a file has no hash."""
    if not hashes or None in hashes.values():
        return None
    if set(hashes) == {SINGLE_FILE}:
        return hashes[SINGLE_FILE]
    return hashlib.sha256("".join(f"{name} {sha256}\n" for name, sha256 in sorted(hashes.items())).encode()).hexdigest()


def enforce_contract(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the columns, types and row order of the table's contract.

    References to other tables are not checked here: the validation, which can read those tables, checks them.

    Raises:
        ContractViolation: A column is missing or has another type, or rows break a rule.
    """
    if missing := [name for name in table.column_names if name not in frame.columns]:
        raise ContractViolation(f"{table.name}: columns are missing: {', '.join(missing)}")
    frame = frame.select(table.column_names)
    if wrong := [f"{n} is {frame.schema[n]}, not {t}" for n, t in table.schema.items() if frame.schema[n] != t]:
        raise ContractViolation(f"{table.name}: {'; '.join(wrong)}")
    rules = [rule for rule in table.rules if rule.kind != "references" and rule.severity is Severity.ERROR]
    is_sorted = _is_strictly_sorted(frame, table)
    # no key repeats if the rows are strictly sorted by it or if all hashes of it differ: both are faster than `unique`
    if (is_sorted and table.month_column is None) or _has_distinct_hashes(frame, table.key):
        rules = [rule for rule in rules if not (rule.kind == "unique" and rule.columns == table.key)]
    if rules and frame.height:
        counts = frame.select((~rule.expression()).sum().alias(rule.name) for rule in rules).row(0, named=True)
        if broken := [f"{name} in {count} rows" for name, count in counts.items() if count]:
            raise ContractViolation(f"{table.name}: {'; '.join(broken)} of {frame.height}")
    return _sort_rows(table, frame, is_sorted)


def _sort_rows(table: Table, frame: pl.DataFrame, is_sorted: bool) -> pl.DataFrame:
    order = sort_expressions(table)
    if is_sorted or not order or (not table.key and frame.select(order).to_series().is_sorted()):
        return frame
    return frame.sort(order, maintain_order=True)


def _is_strictly_sorted(frame: pl.DataFrame, table: Table) -> bool:
    """Whether each row is greater than the previous one in the table's order; False if its key has nulls."""
    if not table.key or any(frame.schema[name].is_nested() for name in table.key):
        return False
    is_greater = pl.lit(False)
    for value in reversed(sort_expressions(table)):
        is_greater = (value > value.shift()) | ((value == value.shift()) & is_greater)
    # the first row has no previous one, so that its comparison is null
    is_sorted = is_greater.fill_null(True) & pl.all_horizontal(pl.col(table.key).is_not_null())
    return bool(frame.select(is_sorted.all()).item())


def _has_distinct_hashes(frame: pl.DataFrame, key: tuple[str, ...]) -> bool:
    """Whether the hashes of all keys differ, so that no key repeats; another rule checks for nulls."""
    can_be_hashed = bool(key) and not any(frame.schema[name].is_nested() for name in key)
    return can_be_hashed and frame.select(key).hash_rows().n_unique() == frame.height


def content_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of the schema and the rows in their order, independent of the frame's layout in memory."""
    digest = hashlib.sha256(repr(list(frame.schema.items())).encode())
    # Arrow does not define the bytes of nulls, of slices and of padding; Parquet contains present values alone. Blocks
    # of fixed size keep the memory small and the pages independent of chunks.
    for start in range(0, max(frame.height, 1), ROW_GROUP_SIZE):
        sink = io.BytesIO()
        frame.slice(start, ROW_GROUP_SIZE).rechunk().write_parquet(sink, compression="uncompressed", statistics=False)
        digest.update(sink.getbuffer())
    return digest.hexdigest()


def write_parquet(
    frame: pl.DataFrame, path: Path, metadata: dict[str, str], row_group_size: int = ROW_GROUP_SIZE
) -> None:
    """Write a Parquet file atomically.

    Args:
        frame: The rows.
        path: The file, created or replaced.
        metadata: Key-value metadata of the file.
        row_group_size: Rows per row group.
    """
    with replacing(path) as unfinished:
        frame.write_parquet(
            unfinished, row_group_size=row_group_size, compression_level=_COMPRESSION_LEVEL, metadata=metadata
        )
