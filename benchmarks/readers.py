"""Readers during publications: no reader may see a torn, an empty or a mixed snapshot.

Belongs here: publishing beside reading processes, and the counts of what they read, for `footsteps bench readers`.
Does not belong here: how a target is read (`target_readers`), the cost of publishing (`publishing`).
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty
from typing import Any

import polars as pl

from benchmarks.processes import temporary_postgresql_server, temporary_s3_server
from benchmarks.publishing import fill_contract_columns, make_recommendations
from benchmarks.target_readers import (
    FIRST_DAY,
    SITE_FOLDER,
    TARGETS,
    ReadTables,
    choose_bucket,
    name_snapshot,
    read_target,
)
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish.delta import publish_delta
from pipelines.publish.duckdb_views import publish_duckdb
from pipelines.publish.feed import publish_feed
from pipelines.publish.object_store import push_publication
from pipelines.publish.postgresql import publish_postgresql
from pipelines.publish.site.build import build_site
from pipelines.snapshots.reader import Snapshot
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.lake import Lake

_ROWS_EACH = 10
_VALID_DAYS = timedelta(days=2)


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
    people: int = 500,
    progress: Callable[[str], None] = lambda _: None,
) -> list[ReaderResult]:
    """Read each target in several processes while snapshots are published to it.

    Args:
        readers: Number of reading processes.
        publications: Number of publications.
        targets: Names of the targets.
        people: Number of people in the first snapshot; each publication has one more, so that a short read is detected.
        progress: Receives one line per target.

    Returns:
        One row per target.

    Raises:
        ServerNotInstalled: If a target needs a server that is not installed.
    """
    return [_benchmark_target(target, readers, publications, people, progress) for target in targets]


def _benchmark_target(
    target: str, readers: int, publications: int, people: int, progress: Callable[[str], None]
) -> ReaderResult:
    progress(f"{target}: {publications} publications")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(_start_server(target))
        _publish(target, _make_snapshot(folder, 0, people), server)
        context = multiprocessing.get_context("spawn")  # threads of polars do not survive a fork
        is_done, results = context.Event(), context.Queue()
        processes = [
            context.Process(target=_read_repeatedly, args=(target, server or str(folder), is_done, results))
            for _ in range(readers)
        ]
        for process in processes:
            process.start()
        reads: list[ReadTables | str] = [results.get() for _ in range(readers)]  # all processes are reading
        for number in range(1, publications + 1):
            _publish(target, _make_snapshot(folder, number, people), server)
            reads.extend(_drain(results))
        is_done.set()
        while any(process.is_alive() for process in processes) or not results.empty():
            reads.extend(_drain(results))
            time.sleep(0.01)
        for process in processes:
            process.join()
    for failure in sorted({read for read in reads if isinstance(read, str)}):
        progress(f"{target}: a reader failed: {failure}")
    return _count(target, publications, readers, people, reads)


def _start_server(target: str) -> AbstractContextManager[str]:
    """The server of a target while the block runs; no address if it has none."""
    if target == "postgresql":
        return temporary_postgresql_server()
    return temporary_s3_server() if target == "object_store" else nullcontext("")


def _make_snapshot(folder: Path, number: int, people: int) -> Snapshot:
    name, as_of = name_snapshot(number), FIRST_DAY + timedelta(days=number)
    rows = make_recommendations(people + number, _ROWS_EACH, name).with_columns(
        as_of=pl.lit(as_of), valid_until=pl.lit(as_of + _VALID_DAYS)
    )
    held = rows.filter(rank=1).select("person_id", "skill_id", "snapshot_id", "as_of", "valid_until", stage="to_stage")
    mastery = fill_contract_columns(OUT_MASTERY, held.with_columns(level_share=0.5))
    return publish_snapshot(folder, {NEXT_SKILL: rows, OUT_MASTERY: mastery}, name, as_of, as_of + _VALID_DAYS)


def _publish(target: str, snapshot: Snapshot, server: str) -> None:
    if target == "delta":
        publish_delta(snapshot, 90)
    elif target == "duckdb":
        publish_duckdb(snapshot)
    elif target == "postgresql":
        publish_postgresql(snapshot, server)
    elif target == "object_store":
        push_publication(snapshot, choose_bucket(server))
    elif target == "feed":
        publish_feed(snapshot, "/footsteps/bench", datetime.combine(snapshot.as_of, datetime.min.time(), UTC))
    elif target == "site":
        build_site(snapshot, Lake(snapshot.folder / "lake"), "A company", snapshot.folder / SITE_FOLDER)


def _read_repeatedly(target: str, location: str, is_done: Any, results: Any) -> None:
    """Read all tables repeatedly and report what was read."""
    os.nice(10)  # on few cores the publications would otherwise wait for the readers
    parent = multiprocessing.parent_process()
    # a benchmark that was killed leaves no readers behind
    while not is_done.is_set() and parent is not None and parent.is_alive():
        try:
            results.put(read_target(target, location))
        except Exception as failure:  # a reader must never fail: every failure is counted
            results.put(repr(failure))


def _drain(results: Any) -> Iterator[ReadTables | str]:
    while True:
        try:
            yield results.get_nowait()
        except Empty:
            return


def _count(target: str, publications: int, readers: int, people: int, reads: list[ReadTables | str]) -> ReaderResult:
    successful = [read for read in reads if not isinstance(read, str)]
    return ReaderResult(
        target=target,
        publications=publications,
        readers=readers,
        reads=len(successful),
        torn=sum(any(_is_short(people, name, *table) for name, table in read.items()) for read in successful),
        empty=sum(any(rows == 0 for _, rows in read.values()) for read in successful),
        mixed=sum(len({name for names, _ in read.values() for name in names}) != 1 for read in successful),
        failed=len(reads) - len(successful),
    )


def _is_short(people: int, table: str, names: list[str], rows: int) -> bool:
    """Whether a table has another number of rows than its snapshot."""
    if len(names) != 1 or not names[0].startswith("s0"):
        return False
    expected_people = people + int(names[0][1:])
    return rows != expected_people * (_ROWS_EACH if table == NEXT_SKILL.name else 1)
