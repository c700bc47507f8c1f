"""Readers during publications: no reader may see a torn, an empty or a mixed snapshot.

Belongs here: the readers of each target, and the counts of what they read, for `footsteps bench readers`.
Does not belong here: the cost of publishing (`benchmarks.publishing`).
"""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import Any

import polars as pl

from benchmarks.processes import temporary_postgresql_server
from benchmarks.publishing import fill_contract_columns, make_recommendations
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish.delta import publish_delta
from pipelines.publish.duckdb_views import publish_duckdb
from pipelines.publish.postgresql import publish_postgresql
from pipelines.publish.queries import DUCKDB_FILE
from pipelines.snapshots.reader import Snapshot, current_delta, current_snapshot
from pipelines.snapshots.writer import publish_snapshot

TARGETS = ("parquet", "delta", "duckdb", "postgresql")
_ROWS_EACH = 10
_TABLES = (NEXT_SKILL.name, OUT_MASTERY.name)
# The number of rows follows from the number of the snapshot, so that a short read is detected.
_PEOPLE = 500

# Snapshots of the rows and number of rows by table, as one reader read them.
ReadTables = dict[str, tuple[list[str], int]]


@dataclass(frozen=True)
class ReaderResult:
    """Reads of one target during its publications; the last four counts must be 0."""

    target: str
    publications: int
    readers: int
    reads: int
    torn: int
    empty: int
    mixed: int
    failed: int


def benchmark_readers(
    readers: int = 8,
    publications: int = 50,
    targets: tuple[str, ...] = TARGETS,
    progress: Callable[[str], None] = lambda _: None,
) -> list[ReaderResult]:
    """Read each target in several processes while snapshots are published to it.

    Args:
        readers: Number of reading processes.
        publications: Number of publications.
        targets: Names of the targets.
        progress: Receives one line per target.

    Returns:
        One row per target.

    Raises:
        PostgresqlNotInstalled: If PostgreSQL is among the targets and no server is installed.
    """
    return [_benchmark_target(target, readers, publications, progress) for target in targets]


def _benchmark_target(target: str, readers: int, publications: int, progress: Callable[[str], None]) -> ReaderResult:
    progress(f"{target}: {publications} publications")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        uri = stack.enter_context(temporary_postgresql_server()) if target == "postgresql" else ""
        _publish(target, _snapshot(folder, 0), uri)
        context = multiprocessing.get_context("spawn")  # threads of polars do not survive a fork
        is_done, results = context.Event(), context.Queue()
        processes = [
            context.Process(target=_read_repeatedly, args=(target, uri or str(folder), is_done, results))
            for _ in range(readers)
        ]
        for process in processes:
            process.start()
        reads: list[ReadTables | str] = [results.get() for _ in range(readers)]  # all processes are reading
        for number in range(1, publications + 1):
            _publish(target, _snapshot(folder, number), uri)
            reads.extend(_drain(results))
        is_done.set()
        while any(process.is_alive() for process in processes) or not results.empty():
            reads.extend(_drain(results))
            time.sleep(0.01)
        for process in processes:
            process.join()
    return _count(target, publications, readers, reads)


def _snapshot(folder: Path, number: int) -> Snapshot:
    name = f"s{number:04d}"
    rows = make_recommendations(_PEOPLE + number, _ROWS_EACH, name)
    held = rows.filter(rank=1).select("person_id", "skill_id", "snapshot_id", "as_of", "valid_until", stage="to_stage")
    mastery = fill_contract_columns(OUT_MASTERY, held.with_columns(level_share=0.5))
    as_of, valid_until = rows.select("as_of", "valid_until").row(0)
    return publish_snapshot(folder, {NEXT_SKILL: rows, OUT_MASTERY: mastery}, name, as_of, valid_until)


def _publish(target: str, snapshot: Snapshot, uri: str) -> None:
    if target == "delta":
        publish_delta(snapshot, 90)
    elif target == "duckdb":
        publish_duckdb(snapshot)
    elif target == "postgresql":
        publish_postgresql(snapshot, uri)


def _read_repeatedly(target: str, location: str, is_done: Any, results: Any) -> None:
    """Read all tables repeatedly and report what was read."""
    while not is_done.is_set():
        try:
            results.put(_READ[target](location))
        except Exception as failure:  # a reader must never fail: every failure is counted
            results.put(repr(failure))


def _read_parquet(location: str) -> ReadTables:
    snapshot = current_snapshot(Path(location))
    return {name: _summary(snapshot.scan(name).select("snapshot_id").collect()) for name in _TABLES}


def _read_delta(location: str) -> ReadTables:
    snapshot = current_delta(Path(location))
    return {name: _summary(snapshot.scan(name).select("snapshot_id").collect()) for name in _TABLES}


def _read_duckdb(location: str) -> ReadTables:
    import duckdb

    with duckdb.connect(str(Path(location) / DUCKDB_FILE), read_only=True) as connection:
        return {name: _summary(connection.sql(f"SELECT snapshot_id FROM {name}").pl()) for name in _TABLES}


def _read_postgresql(location: str) -> ReadTables:
    """Read in one repeatable-read transaction, and by one join outside of it."""
    import adbc_driver_postgresql.dbapi as adbc

    joined = f"SELECT n.snapshot_id FROM footsteps.{_TABLES[0]} n LEFT JOIN footsteps.{_TABLES[1]} m USING (person_id)"
    with closing(adbc.connect(location)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tables = {}
        for name in _TABLES:
            cursor.execute(f"SELECT snapshot_id FROM footsteps.{name}")
            tables[name] = _summary(pl.DataFrame(cursor.fetch_arrow_table()))
        connection.rollback()
        cursor.execute(f"{joined} WHERE m.snapshot_id IS DISTINCT FROM n.snapshot_id")
        if cursor.fetchall():
            tables[f"{_TABLES[1]} joined"] = (["mixed in a join"], 0)
    return tables


_READ: dict[str, Callable[[str], ReadTables]] = {
    "parquet": _read_parquet,
    "delta": _read_delta,
    "duckdb": _read_duckdb,
    "postgresql": _read_postgresql,
}


def _summary(rows: pl.DataFrame) -> tuple[list[str], int]:
    return rows["snapshot_id"].unique().to_list(), rows.height


def _drain(results: Any) -> Iterator[ReadTables | str]:
    while True:
        try:
            yield results.get_nowait()
        except Empty:
            return


def _count(target: str, publications: int, readers: int, reads: list[ReadTables | str]) -> ReaderResult:
    successful = [read for read in reads if not isinstance(read, str)]
    return ReaderResult(
        target=target,
        publications=publications,
        readers=readers,
        reads=len(successful),
        torn=sum(any(_is_short(name, *table) for name, table in read.items()) for read in successful),
        empty=sum(any(rows == 0 for _, rows in read.values()) for read in successful),
        mixed=sum(len({name for names, _ in read.values() for name in names}) != 1 for read in successful),
        failed=len(reads) - len(successful),
    )


def _is_short(table: str, names: list[str], rows: int) -> bool:
    """Whether a table has another number of rows than its snapshot."""
    if len(names) != 1 or not names[0].startswith("s0"):
        return False
    people = _PEOPLE + int(names[0][1:])
    return rows != people * (_ROWS_EACH if table == NEXT_SKILL.name else 1)
