"""What a run holds while it writes: the tables for itself, and Dagster's SQLite files open.

Belongs here: the lock of a data root, and what makes the event log of one machine cheap.
Does not belong here: which storage is used (dagster.yaml).

Dagster opens and closes a connection for every event. The last one to close writes the whole write-ahead log back and
removes it, some two thousand times a night; while another connection is open, that happens once.
"""

import fcntl
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import IO

from dagster import DagsterInstance
from dagster._core.storage.event_log import SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, event

# A night takes minutes; whoever waited for so long waits for something that hangs.
_LONGEST_WAIT_SECONDS = 4 * 3600


def acquire_lock(path: Path) -> IO[str]:
    """The file, locked for this process until it is closed. Raises TimeoutError where another process keeps it.

    The pool in dagster.yaml queues what the daemon starts; this also keeps a run from the command line apart.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("w")
    until = time.monotonic() + _LONGEST_WAIT_SECONDS
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return stream
        except BlockingIOError:
            if time.monotonic() > until:
                stream.close()
                raise TimeoutError(
                    "another run has been writing these tables for hours: end it, then try again"
                ) from None
            time.sleep(0.2)


def remove_unfinished(root: Path) -> None:
    """Remove what runs that were killed left half written. Only for who holds the tables."""
    for folder in ("lake", "published"):
        for path in list((root / folder).rglob(".*.unfinished")):
            if path.is_dir():  # pages; processes of the killed run may write into theirs for a moment yet
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


@contextmanager
def keep_connections_open(instance: DagsterInstance) -> Iterator[None]:
    """Hold a connection to each SQLite file of the instance; nothing where it stores elsewhere."""
    base = Path(instance.root_directory)
    with ExitStack() as stack:
        for path in sorted((base / "history").rglob("*.db")) if base.is_dir() else []:
            if path.name in ("index.db", "runs.db"):
                connection = stack.enter_context(closing(sqlite3.connect(path, timeout=20)))
                # a connection counts as open once it has read
                connection.execute("select count(*) from sqlite_master").fetchone()
        if isinstance(instance.event_log_storage, SqliteEventLogStorage):
            stack.enter_context(_reused(instance.event_log_storage))
        yield


@contextmanager
def _reused(storage: SqliteEventLogStorage) -> Iterator[None]:
    """One engine a file while the run lasts. Dagster makes one for every access, and with it forgets how its statements
    read: writing them anew costs more than SQLite takes to run them. Nor is it asked for each check anew whether there
    is a table of checks."""
    engines: dict[str, Engine] = {}
    first = storage._connect
    has_table = cache(storage.has_table)

    @contextmanager
    def connect(shard: str) -> Iterator[Connection]:
        if shard not in engines:
            with first(shard):  # makes the file where there is none
                pass
            # a connection that lasts belongs to one access at a time, whichever thread asks
            engines[shard] = create_engine(
                storage.conn_string_for_shard(shard),
                pool_size=1,
                max_overflow=0,
                connect_args={"timeout": 20, "check_same_thread": False},
            )
            event.listen(engines[shard], "connect", _write_ahead)
        with storage._db_lock, engines[shard].connect() as connection, connection.begin():
            yield connection

    storage._connect, storage.has_table = connect, has_table  # type: ignore[method-assign]
    try:
        yield
    finally:
        del storage._connect, storage.has_table
        for engine in engines.values():
            engine.dispose()


def _write_ahead(connection: sqlite3.Connection, _: object) -> None:
    """Leave it to the write-ahead log when events reach the disk: a killed run loses none, a power cut the last few."""
    connection.execute("PRAGMA synchronous=NORMAL")
