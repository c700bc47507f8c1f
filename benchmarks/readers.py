"""Readers while publications go on: none of them may ever see a torn, an empty or a mixed snapshot.

Belongs here: the readers of each way in, and the count of what they saw, for `footsteps bench readers`.
Does not belong here: what publishing costs (`benchmark`).
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

from benchmarks.postgresql_server import temporary_postgresql_server
from benchmarks.publishing import make_recommendations
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
# A snapshot's tables tell its number by their length, so that a short read shows.
_PEOPLE = 500

# Of one table as a reader saw it: which snapshots its rows named, and how many rows there were.
Seen = dict[str, tuple[list[str], int]]


@dataclass(frozen=True)
class ReaderResult:
    """What the readers of one way saw during its publications; the last four must be 0."""

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
    progress: Callable[[str], None] = lambda said: None,
) -> list[ReaderResult]:
    """One row per way in. Raises NoServerInstalled where PostgreSQL is asked for and no server is there."""
    return [_one_way(target, readers, publications, progress) for target in targets]


def _one_way(target: str, readers: int, publications: int, progress: Callable[[str], None]) -> ReaderResult:
    progress(f"{target}: {publications} publications")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        uri = stack.enter_context(temporary_postgresql_server()) if target == "postgresql" else ""
        _publish(target, _snapshot(folder, 0), uri)
        context = multiprocessing.get_context("spawn")  # threads of polars do not survive a fork
        done, seen = context.Event(), context.Queue()
        processes = [
            context.Process(target=_read_on, args=(target, uri or str(folder), done, seen)) for _ in range(readers)
        ]
        for process in processes:
            process.start()
        found: list[Seen | str] = [seen.get() for _ in range(readers)]  # all are reading
        for number in range(1, publications + 1):
            _publish(target, _snapshot(folder, number), uri)
            found.extend(_drain(seen))
        done.set()
        while any(process.is_alive() for process in processes) or not seen.empty():
            found.extend(_drain(seen))
            time.sleep(0.01)
        for process in processes:
            process.join()
    return _count(target, publications, readers, found)


def _snapshot(folder: Path, number: int) -> Snapshot:
    name = f"s{number:04d}"
    rows = make_recommendations(_PEOPLE + number, _ROWS_EACH, name)
    held = rows.filter(rank=1).select("person_id", "skill_id", "snapshot_id", "as_of", "valid_until", stage="to_stage")
    given = {**{one: pl.col(one) for one in held.columns}, "level_share": pl.lit(0.5)}
    mastery = held.select(
        given.get(one, pl.lit(None)).cast(dtype).alias(one) for one, dtype in OUT_MASTERY.schema.items()
    )
    as_of, valid_until = rows.select("as_of", "valid_until").row(0)
    return publish_snapshot(folder, {NEXT_SKILL: rows, OUT_MASTERY: mastery}, name, as_of, valid_until)


def _publish(target: str, snapshot: Snapshot, uri: str) -> None:
    if target == "delta":
        publish_delta(snapshot, 90)
    elif target == "duckdb":
        publish_duckdb(snapshot)
    elif target == "postgresql":
        publish_postgresql(snapshot, uri)


def _read_on(target: str, place: str, done: Any, seen: Any) -> None:
    """Read all tables again and again and tell what was there."""
    while not done.is_set():
        try:
            seen.put(_READ[target](place))
        except Exception as failure:  # a reader must never fail: whatever it was is counted
            seen.put(repr(failure))


def _read_parquet(place: str) -> Seen:
    snapshot = current_snapshot(Path(place))
    return {name: _summary(snapshot.scan(name).select("snapshot_id").collect()) for name in _TABLES}


def _read_delta(place: str) -> Seen:
    snapshot = current_delta(Path(place))
    return {name: _summary(snapshot.scan(name).select("snapshot_id").collect()) for name in _TABLES}


def _read_duckdb(place: str) -> Seen:
    import duckdb

    with duckdb.connect(str(Path(place) / DUCKDB_FILE), read_only=True) as connection:
        return {name: _summary(connection.sql(f"SELECT snapshot_id FROM {name}").pl()) for name in _TABLES}


def _read_postgresql(place: str) -> Seen:
    """Two statements of one repeatable-read transaction, as a careful reader would; and one join for the hasty one."""
    import adbc_driver_postgresql.dbapi as adbc

    joined = f"SELECT n.snapshot_id FROM footsteps.{_TABLES[0]} n LEFT JOIN footsteps.{_TABLES[1]} m USING (person_id)"
    with closing(adbc.connect(place)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        seen = {}
        for name in _TABLES:
            cursor.execute(f"SELECT snapshot_id FROM footsteps.{name}")
            seen[name] = _summary(pl.DataFrame(cursor.fetch_arrow_table()))
        connection.rollback()
        cursor.execute(f"{joined} WHERE m.snapshot_id IS DISTINCT FROM n.snapshot_id")
        if cursor.fetchall():
            seen[f"{_TABLES[1]} joined"] = (["mixed in a join"], 0)
    return seen


_READ: dict[str, Callable[[str], Seen]] = {
    "parquet": _read_parquet,
    "delta": _read_delta,
    "duckdb": _read_duckdb,
    "postgresql": _read_postgresql,
}


def _summary(rows: pl.DataFrame) -> tuple[list[str], int]:
    return rows["snapshot_id"].unique().to_list(), rows.height


def _drain(seen: Any) -> Iterator[Seen | str]:
    while True:
        try:
            yield seen.get_nowait()
        except Empty:
            return


def _count(target: str, publications: int, readers: int, found: list[Seen | str]) -> ReaderResult:
    reads = [one for one in found if not isinstance(one, str)]
    return ReaderResult(
        target=target,
        publications=publications,
        readers=readers,
        reads=len(reads),
        torn=sum(any(_is_short(name, *one) for name, one in seen.items()) for seen in reads),
        empty=sum(any(rows == 0 for _, rows in seen.values()) for seen in reads),
        mixed=sum(len({name for names, _ in seen.values() for name in names}) != 1 for seen in reads),
        failed=len(found) - len(reads),
    )


def _is_short(table: str, names: list[str], rows: int) -> bool:
    """Whether a table had another number of rows than its snapshot wrote."""
    if len(names) != 1 or not names[0].startswith("s0"):
        return False
    people = _PEOPLE + int(names[0][1:])
    return rows != people * (_ROWS_EACH if table == NEXT_SKILL.name else 1)
