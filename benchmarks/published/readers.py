"""Readers during publications: no reader may see a torn, an empty or a mixed snapshot.

Belongs here: the readers of each target, and the counts of what they read, for `footsteps bench readers`.
Does not belong here: the cost of publishing (`benchmarks.published.publishing`).
"""

import multiprocessing
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from queue import Empty
from typing import Any

import polars as pl

from benchmarks.published.processes import temporary_postgresql_server, temporary_s3_server
from benchmarks.published.publishing import fill_contract_columns, make_recommendations
from pipelines.config.publish import ObjectStoreOptions
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish.delta import publish_delta
from pipelines.publish.duckdb_views import publish_duckdb
from pipelines.publish.feed import list_outbox_files, publish_feed, read_feed
from pipelines.publish.object_store import fetch_publication, push_publication
from pipelines.publish.postgresql import publish_postgresql
from pipelines.publish.queries import DUCKDB_FILE
from pipelines.publish.site.build import build_site
from pipelines.snapshots.reader import Snapshot, current_delta, current_snapshot
from pipelines.snapshots.writer import publish_snapshot
from pipelines.storage.lake import Lake

TARGETS = ("parquet", "delta", "duckdb", "postgresql", "object_store", "feed", "site")
SITE_FOLDER = "site"
# How often a reader of pages begins again.
_MAX_SITE_ATTEMPTS = 20
# Snapshot number 0 is of this day, and each further one of the next day: people's pages show the day alone.
FIRST_DAY = date(2026, 6, 30)
_BUCKET = "people-data"
_TABLES = (NEXT_SKILL.name, OUT_MASTERY.name)
_PAGE_DAY = re.compile(r'<time datetime="([0-9-]{10})">As of ')

# Snapshots of the rows and number of rows by table, as one reader read them. Events and pages count as rows.
ReadTables = dict[str, tuple[list[str], int]]
_ROWS_EACH = 10
VALID_DAYS = timedelta(days=2)


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
        _publish(target, make_snapshot(folder, 0, people), server)
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
            _publish(target, make_snapshot(folder, number, people), server)
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


def make_snapshot(folder: Path, number: int, people: int) -> Snapshot:
    """Publish a snapshot.

    Args:
        folder: The published folder.
        number: Number of the snapshot, from 0; its rows are of that number of days after the first day.
        people: Number of people in the first snapshot; each further one has one more.
    """
    name, as_of = name_snapshot(number), FIRST_DAY + timedelta(days=number)
    rows = make_recommendations(people + number, _ROWS_EACH, name).with_columns(
        as_of=pl.lit(as_of), valid_until=pl.lit(as_of + VALID_DAYS)
    )
    held = rows.filter(rank=1).select("person_id", "skill_id", "snapshot_id", "as_of", "valid_until", stage="to_stage")
    mastery = fill_contract_columns(OUT_MASTERY, held.with_columns(level_share=0.5))
    return publish_snapshot(folder, {NEXT_SKILL: rows, OUT_MASTERY: mastery}, name, as_of, as_of + VALID_DAYS)


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


def name_snapshot(number: int) -> str:
    """The id of a snapshot of the benchmark."""
    return f"s{number:04d}"


def choose_bucket(endpoint: str) -> ObjectStoreOptions:
    """The bucket of the benchmark on a temporary server."""
    return ObjectStoreOptions(url=f"s3://{_BUCKET}/footsteps", endpoint=endpoint)


def read_target(target: str, location: str) -> ReadTables:
    """Read everything that a target shows.

    Args:
        target: Name of the target.
        location: The published folder, the URI of PostgreSQL or the endpoint of the object store.

    Returns:
        The snapshots and the number of rows by table.
    """
    return _READ[target](location)


def _read_parquet(location: str) -> ReadTables:
    snapshot = current_snapshot(Path(location))
    return {name: _summarize(snapshot.scan(name).select("snapshot_id").collect()) for name in _TABLES}


def _read_delta(location: str) -> ReadTables:
    snapshot = current_delta(Path(location))
    return {name: _summarize(snapshot.scan(name).select("snapshot_id").collect()) for name in _TABLES}


def _read_duckdb(location: str) -> ReadTables:
    import duckdb

    with duckdb.connect(str(Path(location) / DUCKDB_FILE), read_only=True) as connection:
        return {name: _summarize(connection.sql(f"SELECT snapshot_id FROM {name}").pl()) for name in _TABLES}


def _read_postgresql(location: str) -> ReadTables:
    """Read in one repeatable-read transaction, and by one join outside of it."""
    import adbc_driver_postgresql.dbapi as adbc

    joined = f"SELECT n.snapshot_id FROM footsteps.{_TABLES[0]} n LEFT JOIN footsteps.{_TABLES[1]} m USING (person_id)"
    with closing(adbc.connect(location)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tables = {}
        for name in _TABLES:
            cursor.execute(f"SELECT snapshot_id FROM footsteps.{name}")
            tables[name] = _summarize(pl.DataFrame(cursor.fetch_arrow_table()))
        connection.rollback()
        cursor.execute(f"{joined} WHERE m.snapshot_id IS DISTINCT FROM n.snapshot_id")
        if cursor.fetchall():
            tables[f"{_TABLES[1]} joined"] = (["mixed in a join"], 0)
    return tables


def _read_object_store(location: str) -> ReadTables:
    """Copy the bucket's current snapshot into an empty folder, and read it there."""
    with tempfile.TemporaryDirectory() as folder:
        fetch_publication(Path(folder), choose_bucket(location))
        return _read_parquet(folder)


def _read_feed(location: str) -> ReadTables:
    """Read the events of the newest snapshot, which names every person: all lists change."""
    newest = list_outbox_files(Path(location))[-1]
    events = list(
        read_feed(Path(location), newest.first_sequence - 1, newest.last_sequence - newest.first_sequence + 1)
    )
    expected_sequences = list(range(newest.first_sequence, newest.first_sequence + len(events)))
    if [int(event["sequence"]) for event in events] != expected_sequences:
        raise ValueError("the sequence of the events has a gap")
    return {"events": (sorted({event["data"]["snapshot_id"] for event in events}), len(events))}


def _read_site(location: str) -> ReadTables:
    """Follow the entry page to the newest pages and read the page of every person.

    Pages of a former snapshot are removed: a reader who was led to them begins again at the entry page.
    """
    entry = Path(location) / SITE_FOLDER / "index.html"
    for _ in range(_MAX_SITE_ATTEMPTS):
        entry_text = entry.read_text()
        try:
            read_tables = _read_pages(entry.parent / _match(r'url=([^"]+)"', entry_text))
        except FileNotFoundError:
            continue
        if entry.read_text() == entry_text:
            return read_tables
    raise ValueError("no pages stayed while they were read")


def _read_pages(index: Path) -> ReadTables:
    """Read the page of every person in the folder of an index; nobody's page is linked from there."""
    index_text, run_text = index.read_text(), (index.parent / "run.html").read_text()
    pages = [path.read_text() for path in (index.parent / "people").glob("*/index.html")]
    if not all(page.rstrip().endswith("</html>") for page in (index_text, run_text, *pages)):
        raise ValueError("a page has no end")
    days = {date.fromisoformat(_match(_PAGE_DAY.pattern, page)) for page in pages}
    names = {name_snapshot((day - FIRST_DAY) // timedelta(days=1)) for day in days}
    return {"pages": (sorted(names | {_match(r"Snapshot (s[0-9]+)", run_text)}), len(pages))}


def _match(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise ValueError(f"nothing matches {pattern}")
    return match[1]


def _summarize(rows: pl.DataFrame) -> tuple[list[str], int]:
    return rows["snapshot_id"].unique().to_list(), rows.height


_READ: dict[str, Callable[[str], ReadTables]] = {
    "parquet": _read_parquet,
    "delta": _read_delta,
    "duckdb": _read_duckdb,
    "postgresql": _read_postgresql,
    "object_store": _read_object_store,
    "feed": _read_feed,
    "site": _read_site,
}
