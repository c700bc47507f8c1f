"""The lake: where a table lies, how it is read, and the one way it is written.

Belongs here: paths, scanning, atomic writing, the contract enforced last thing before disk, content hashes.
Does not belong here: what is in a table, and publication (`pipelines.publish`).
"""

import hashlib
import io
import os
import threading
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.table import Table

# One person is read in milliseconds from groups of this size, and ten million rows still compress well.
ROW_GROUP = 100_000


class ContractBroken(Exception):
    """A frame does not keep the contract of its table; nothing was written."""


@dataclass(frozen=True)
class Written:
    """What a write left behind. `changed` is false where the table already held exactly this."""

    table: str
    path: Path
    rows: int
    bytes: int
    content_sha256: str
    changed: bool


@dataclass(frozen=True)
class Lake:
    """A folder of tables; each table is a folder of Parquet files."""

    root: Path

    def folder(self, table: Table) -> Path:
        """The table's folder."""
        return self.root / table.name

    def file(self, table: Table) -> Path:
        """The file of a table that is written whole."""
        return self.folder(table) / "data.parquet"

    def scan(self, table: Table) -> pl.LazyFrame:
        """The table's rows, lazily; no rows where it was never written."""
        files = sorted(self.folder(table).rglob("*.parquet"))
        if not files:
            return pl.LazyFrame(schema=table.schema)
        return pl.scan_parquet(files, missing_columns="insert", extra_columns="ignore", schema=table.schema)

    def write(self, table: Table, frame: pl.DataFrame | pl.LazyFrame) -> Written:
        """Write the whole table in its key's order, atomically, or raise ContractBroken and leave it as it was."""
        rows = obey(table, frame.lazy().collect())
        content = content_sha256(rows)
        path = self.file(table)
        changed = not (path.exists() and _recorded_sha256(path) == content)
        if changed:
            write_parquet(rows, path, {"content_sha256": content, "contract": f"{table.name} {table.version}"})
        return Written(table.name, path, rows.height, path.stat().st_size, content, changed)


def obey(table: Table, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in the contract's columns, types and order of rows.

    Raises ContractBroken where a column is missing or of another type, or a rule that stands by itself is broken;
    references to other tables are judged by the validation, which can see those.
    """
    missing = [name for name in table.column_names if name not in frame.columns]
    if missing:
        raise ContractBroken(f"{table.name}: columns are missing: {', '.join(missing)}")
    frame = frame.select(table.column_names)
    wrong = [f"{n} is {frame.schema[n]}, not {t}" for n, t in table.schema.items() if frame.schema[n] != t]
    if wrong:
        raise ContractBroken(f"{table.name}: {'; '.join(wrong)}")
    rules = [rule for rule in table.rules if rule.kind != "references" and rule.severity == "ERROR"]
    # in strict order no key repeats: neither the hashing of ten million keys nor their sorting is needed
    ordered = _rises(frame, table.key)
    if ordered:
        rules = [rule for rule in rules if not (rule.kind == "unique" and rule.columns == table.key)]
    if rules and frame.height:
        counts = frame.select((~rule.expression()).sum().alias(rule.name) for rule in rules).row(0, named=True)
        broken = [f"{name} in {count} rows" for name, count in counts.items() if count]
        if broken:
            raise ContractBroken(f"{table.name}: {'; '.join(broken)} of {frame.height}")
    return frame.sort(table.key, maintain_order=True) if table.key and not ordered else frame


def _rises(frame: pl.DataFrame, key: tuple[str, ...]) -> bool:
    """Whether each row's key lies above the one before, so that rows are sorted and no key repeats; False for nulls."""
    if not key or any(frame.schema[name].is_nested() for name in key):
        return False
    above = pl.lit(False)
    for name in reversed(key):
        value = pl.col(name)
        above = (value > value.shift()) | ((value == value.shift()) & above)
    present = pl.all_horizontal(pl.col(key).is_not_null())
    # null in the first row, which has none before it
    return bool(frame.select((above.fill_null(True) & present).all()).item())


def content_sha256(frame: pl.DataFrame) -> str:
    """SHA-256 of the rows' content in their order: schema and values, however the frame came about in memory."""
    digest = hashlib.sha256(repr(list(frame.schema.items())).encode())
    # Arrow leaves open what lies under a null, before a slice, in padding; Parquet holds present values alone. Blocks
    # of fixed size keep the memory small and the pages independent of chunks.
    for start in range(0, max(frame.height, 1), ROW_GROUP):
        sink = io.BytesIO()
        frame.slice(start, ROW_GROUP).rechunk().write_parquet(sink, compression="uncompressed", statistics=False)
        digest.update(sink.getbuffer())
    return digest.hexdigest()


def write_parquet(frame: pl.DataFrame, path: Path, metadata: dict[str, str]) -> None:
    """Write a Parquet file under its final name only when it is whole and on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.unfinished")
    try:
        frame.write_parquet(unfinished, row_group_size=ROW_GROUP, metadata=metadata)
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
