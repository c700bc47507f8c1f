"""The lake: where a table lies, how it is read, and the one way it is written.

Belongs here: paths, scanning, atomic writing, the contract enforced last thing before disk, content hashes.
Does not belong here: how a table is cut into files (`pipelines.storage.file_layout`), what is in it, and publication
(`pipelines.publish`).
"""

import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import polars as pl

from pipelines.contracts.table import Table
from pipelines.storage.change_log import record_change
from pipelines.storage.file_layout import WHOLE, cut, is_cut_so, order_of, parts_holding, rows_within, touched_parts

# One person is read in milliseconds from groups of this size, and ten million rows still compress well.
ROW_GROUP_SIZE = 100_000
# Of zstd: files are as small as at polars' own level, in half the time.
_LEVEL = 1
# From rows that changed to further people whom they touch.
Beside = Callable[[pl.DataFrame], pl.Series]
_Part = TypeVar("_Part")
_Made = TypeVar("_Made")


class ContractViolation(Exception):
    """A frame does not keep the contract of its table; nothing was written."""


@dataclass(frozen=True)
class WriteResult:
    """What a write left behind. `changed` is false where the table already held exactly this."""

    table: str
    path: Path
    rows: int
    bytes: int
    content_sha256: str
    changed: bool


@dataclass(frozen=True)
class Lake:
    """A folder of tables; each table is a folder of Parquet files: one, or several where the table is cut."""

    root: Path

    def folder(self, table: Table) -> Path:
        """The table's folder."""
        return self.root / table.name

    def file(self, table: Table, part: str = WHOLE) -> Path:
        """The file of a table that is written whole, or of one part of it."""
        return self.folder(table) / f"{part}.parquet"

    def files(self, table: Table) -> list[Path]:
        """The table's files that are there, in the order they are read."""
        return sorted(self.folder(table).rglob("*.parquet"))

    def scan(self, table: Table) -> pl.LazyFrame:
        """The table's rows, lazily; no rows where it was never written."""
        return _scan(table, self.files(table))

    def content_hash(self, table: Table) -> str | None:
        """The hash of what the table holds, as its files recorded it; None where it was never written by `write`."""
        return _content_of(self._recorded(table))

    def write(self, table: Table, frame: pl.DataFrame | pl.LazyFrame, beside: Beside | None = None) -> WriteResult:
        """Write the whole table in its key's order, or raise ContractBroken and leave it as it was.

        Each file is replaced atomically and only where its rows changed; who is touched is recorded (see `changes`).
        """
        parts = cut(table, enforce_contract(table, frame.lazy().collect()))
        present, wanted = self._recorded(table), _hashes_of(parts)
        changed = {name for name in wanted if present.get(name) != wanted[name]}
        gone = set(present) - set(wanted)
        # a published table made whole is followed by nobody: only steps before it and runs by day ask who changed
        if (changed or gone) and present and table.layer != "out":
            old = self._read_parts(table, (changed & set(present)) | gone).collect()
            now = pl.concat([parts[name] for name in sorted(changed)] or [pl.DataFrame(schema=table.schema)])
            self._record(table, present, wanted, old, now, beside)
        return self._put(table, parts, present, wanted)

    def merge(
        self, table: Table, rows: pl.DataFrame, replacing: pl.DataFrame, beside: Beside | None = None
    ) -> WriteResult:
        """Put `rows` in the place of those that share their values with a row of `replacing`; others stay.

        Only files whose rows change are read whole and rewritten. Raises ContractBroken, and leaves the table then.
        """
        present, keys = self._recorded(table), replacing.columns
        if not present or not is_cut_so(table, present):  # the files may be of a time when they were cut otherwise
            stays = self.scan(table).join(replacing.lazy(), on=keys, how="anti").collect()
            return self.write(table, pl.concat([stays, rows.select(stays.columns)]), beside)
        names = parts_holding(table, present, replacing)
        old = self._read_parts(table, names).join(replacing.lazy(), on=keys, how="semi").collect()
        old = _in_order(table, old, _rises(old, table))
        new = enforce_contract(table, rows)
        touched = touched_parts(table, present, old, new)
        if not touched:
            return self._written(table, present, False)
        held = self._read_parts(table, touched & set(present)).collect()
        stays = held.join(replacing, on=keys, how="anti", maintain_order="left")
        parts = cut(table, enforce_contract(table, pl.concat([stays, rows_within(table, new, touched)])))
        others = {name: content for name, content in present.items() if name not in touched}
        if others:
            parts = {name: part for name, part in parts.items() if part.height}
        wanted = {**others, **_hashes_of(parts)}
        self._record(table, present, wanted, old, rows, beside)
        return self._put(table, parts, present, wanted)

    def _record(
        self,
        table: Table,
        present: Mapping[str, str | None],
        wanted: Mapping[str, str | None],
        old: pl.DataFrame,
        new: pl.DataFrame,
        beside: Beside | None,
    ) -> None:
        def count_people() -> int:
            return int(self.scan(table).select(pl.col("person_id").n_unique()).collect().item())

        record_change(self.root, table, _content_of(present), _content_of(wanted), old, new, count_people, beside)

    def _put(
        self,
        table: Table,
        parts: Mapping[str, pl.DataFrame],
        present: Mapping[str, str | None],
        wanted: Mapping[str, str | None],
    ) -> WriteResult:
        """Write the parts that differ from what is present, and remove the files that are not wanted."""
        changed = sorted(name for name in parts if present.get(name) != wanted[name])
        gone = set(present) - set(wanted)
        _at_once(lambda name: self._write_part(table, name, parts[name], wanted[name] or ""), changed)
        for name in gone:
            self.file(table, name).unlink()
        return self._written(table, wanted, bool(changed or gone))

    def _recorded(self, table: Table) -> dict[str, str | None]:
        return {path.stem: _recorded_sha256(path) for path in self.files(table)}

    def _read_parts(self, table: Table, names: Iterable[str]) -> pl.LazyFrame:
        return _scan(table, [self.file(table, name) for name in sorted(names)])

    def _write_part(self, table: Table, name: str, rows: pl.DataFrame, content: str) -> None:
        about = {"content_sha256": content, "contract": f"{table.name} {table.version}"}
        write_parquet(rows, self.file(table, name), about)

    def _written(self, table: Table, contents: Mapping[str, str | None], changed: bool) -> WriteResult:
        files = self.files(table)
        rows = int(pl.scan_parquet(files).select(pl.len()).collect().item())
        size = sum(path.stat().st_size for path in files)
        return WriteResult(table.name, files[0], rows, size, _content_of(contents) or "", changed)


def _scan(table: Table, files: list[Path]) -> pl.LazyFrame:
    if not files:
        return pl.LazyFrame(schema=table.schema)
    return pl.scan_parquet(files, missing_columns="insert", extra_columns="ignore", schema=table.schema)


def _hashes_of(parts: Mapping[str, pl.DataFrame]) -> dict[str, str | None]:
    return dict(zip(parts, _at_once(content_sha256, parts.values()), strict=True))


def _at_once(work: Callable[[_Part], _Made], parts: Iterable[_Part]) -> list[_Made]:
    """The work on every part, in their order, by as many threads as there are cores: hashing and writing use one."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        return list(threads.map(work, parts))


def _content_of(parts: Mapping[str, str | None]) -> str | None:
    """One hash of all parts; of a table in one file that file's own."""
    if not parts or None in parts.values():
        return None
    if set(parts) == {WHOLE}:
        return parts[WHOLE]
    said = "".join(f"{name} {content}\n" for name, content in sorted(parts.items()))
    return hashlib.sha256(said.encode()).hexdigest()


def enforce_contract(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the contract's columns, types and order of rows.

    Raises ContractBroken where a column is missing or of another type, or a rule that stands by itself is broken;
    references to other tables are judged by the validation, which can see those.
    """
    missing = [name for name in table.column_names if name not in frame.columns]
    if missing:
        raise ContractViolation(f"{table.name}: columns are missing: {', '.join(missing)}")
    frame = frame.select(table.column_names)
    wrong = [f"{n} is {frame.schema[n]}, not {t}" for n, t in table.schema.items() if frame.schema[n] != t]
    if wrong:
        raise ContractViolation(f"{table.name}: {'; '.join(wrong)}")
    rules = [rule for rule in table.rules if rule.kind != "references" and rule.severity == "ERROR"]
    ordered = _rises(frame, table)
    # in strict order no key repeats, and neither does one where all hashes differ: then no key need be looked up
    if (ordered and table.month_column is None) or _hashes_differ(frame, table.key):
        rules = [rule for rule in rules if not (rule.kind == "unique" and rule.columns == table.key)]
    if rules and frame.height:
        counts = frame.select((~rule.expression()).sum().alias(rule.name) for rule in rules).row(0, named=True)
        broken = [f"{name} in {count} rows" for name, count in counts.items() if count]
        if broken:
            raise ContractViolation(f"{table.name}: {'; '.join(broken)} of {frame.height}")
    return _in_order(table, frame, ordered)


def _in_order(table: Table, frame: pl.DataFrame, rises: bool) -> pl.DataFrame:
    order = order_of(table)
    if rises or not order or (not table.key and frame.select(order).to_series().is_sorted()):
        return frame
    return frame.sort(order, maintain_order=True)


def _rises(frame: pl.DataFrame, table: Table) -> bool:
    """Whether each row lies above the one before in the table's order; False for nulls in its key."""
    if not table.key or any(frame.schema[name].is_nested() for name in table.key):
        return False
    above = pl.lit(False)
    for value in reversed(order_of(table)):
        above = (value > value.shift()) | ((value == value.shift()) & above)
    present = pl.all_horizontal(pl.col(table.key).is_not_null())
    # null in the first row, which has none before it
    return bool(frame.select((above.fill_null(True) & present).all()).item())


def _hashes_differ(frame: pl.DataFrame, key: tuple[str, ...]) -> bool:
    """Whether no two rows have the same hash of their key, so that no key repeats; nulls are another rule's."""
    if not key or any(frame.schema[name].is_nested() for name in key):
        return False
    return frame.select(key).hash_rows().n_unique() == frame.height


def content_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of the rows' content in their order: schema and values, however the frame came about in memory."""
    digest = hashlib.sha256(repr(list(frame.schema.items())).encode())
    # Arrow leaves open what lies under a null, before a slice, in padding; Parquet holds present values alone. Blocks
    # of fixed size keep the memory small and the pages independent of chunks.
    for start in range(0, max(frame.height, 1), ROW_GROUP_SIZE):
        sink = io.BytesIO()
        frame.slice(start, ROW_GROUP_SIZE).rechunk().write_parquet(sink, compression="uncompressed", statistics=False)
        digest.update(sink.getbuffer())
    return digest.hexdigest()


def write_parquet(frame: pl.DataFrame, path: Path, metadata: dict[str, str], row_group: int = ROW_GROUP_SIZE) -> None:
    """Write a Parquet file under its final name only when it is whole and on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.unfinished")
    try:
        frame.write_parquet(unfinished, row_group_size=row_group, compression_level=_LEVEL, metadata=metadata)
        replace_file(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def replace_file(unfinished: Path, path: Path) -> None:
    """Put a finished file in place: flushed, then renamed, so that a power cut leaves the old or the new one."""
    with unfinished.open("rb") as stream:
        os.fsync(stream.fileno())
    unfinished.replace(path)


def _recorded_sha256(path: Path) -> str | None:
    return pl.read_parquet_metadata(path).get("content_sha256")
