"""Readers of each publish target, as `footsteps bench readers` runs them.

Belongs here: reading everything that one target shows at a moment, and the snapshots and numbers of rows in it.
Does not belong here: publishing, and what counts as torn or mixed (`benchmarks.readers`).
"""

import re
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from pipelines.config.publish import ObjectStoreOptions
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish.feed import list_outbox_files, read_feed
from pipelines.publish.object_store import fetch_publication
from pipelines.publish.queries import DUCKDB_FILE
from pipelines.snapshots.reader import current_delta, current_snapshot

SITE_FOLDER = "site"
# Snapshot number 0 is of this day, and each further one of the next day: people's pages show the day alone.
FIRST_DAY = date(2026, 6, 30)
_BUCKET = "people-data"
_TABLES = (NEXT_SKILL.name, OUT_MASTERY.name)
_PAGE_DAY = re.compile(r'As of <time datetime="([0-9-]{10})">')

# Snapshots of the rows and number of rows by table, as one reader read them. Events and pages count as rows.
ReadTables = dict[str, tuple[list[str], int]]


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
    events = list(read_feed(Path(location), newest.first - 1, newest.last - newest.first + 1))
    expected_sequences = list(range(newest.first, newest.first + len(events)))
    if [int(event["sequence"]) for event in events] != expected_sequences:
        raise ValueError("the sequence of the events has a gap")
    return {"events": (sorted({event["data"]["snapshot_id"] for event in events}), len(events))}


def _read_site(location: str) -> ReadTables:
    """Follow the index to the newest pages and read the page of every person that they list."""
    folder = Path(location) / SITE_FOLDER
    index = folder / _match(r'url=([^"]+)"', (folder / "index.html").read_text())
    index_text = index.read_text()
    pages = [(index.parent / path).read_text() for path in re.findall(r'href="(people/[^"]+)"', index_text)]
    if not all(page.rstrip().endswith("</html>") for page in (index_text, *pages)):
        raise ValueError("a page has no end")
    days = {date.fromisoformat(_match(_PAGE_DAY.pattern, page)) for page in pages}
    names = {name_snapshot((day - FIRST_DAY) // timedelta(days=1)) for day in days}
    return {"pages": (sorted(names | {_match(r"Snapshot (s[0-9]+)\.", index_text)}), len(pages))}


def _match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"nothing matches {pattern}")
    return found[1]


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
TARGETS = tuple(_READ)
