"""The lock of a data root, and cheap writes to Dagster's SQLite files while a run lasts.

Belongs here: which process may write to a data root, and what a killed process left behind.
Does not belong here: which storage Dagster uses (dagster.yaml).

Dagster opens and closes a connection for every event. The last one to close writes the whole write-ahead log back and
removes it, about two thousand times per run. While another connection is open, that happens once.
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
from weakref import WeakSet

from dagster import DagsterInstance
from dagster._core.storage.event_log import EventLogStorage, SqliteEventLogStorage
from sqlalchemy import Connection, Engine, create_engine, event

from pipelines.storage.atomic_write import UNFINISHED

# A run takes minutes: a process that has waited for this long waits for one that hangs.
_MAX_WAIT_SECONDS = 4 * 3600
# A statement about events takes milliseconds; a connection that is older than an hour is replaced; further ones are
# opened if threads need them.
_STATEMENT_TIMEOUT_MS, _RECYCLE_SECONDS, _MAX_OVERFLOW = 900_000, 3_600, 20
# Storages of which connections are kept open.
_KEPT_STORAGES: WeakSet[EventLogStorage] = WeakSet()


@contextmanager
def exclusive_lock(lock_path: Path) -> Iterator[None]:
    """Lock a file for this process, waiting until no other process holds the lock.

    The pool in dagster.yaml queues runs that the daemon starts; this lock also covers runs from the command line. The
    system releases the lock of a killed process.

    Raises:
        TimeoutError: Another process held the lock for four hours.
    """
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + _MAX_WAIT_SECONDS
    with lock_path.open("w") as lock_file:
        while not _try_lock(lock_file):
            if time.monotonic() > deadline:
                raise TimeoutError("another run has been writing these tables for hours: end it, then try again")
            time.sleep(0.2)
        yield


def _try_lock(lock_file: IO[str]) -> bool:
    try:
        fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove_unfinished(root: Path) -> None:
    """Remove half-written files and folders of killed runs. The caller holds the lock of the data root."""
    for folder_name in ("lake", "published"):
        for unfinished_path in list((root / folder_name).rglob(f".*{UNFINISHED}")):
            if unfinished_path.is_dir():  # pages: processes of the killed run may still write into it for a moment
                shutil.rmtree(unfinished_path, ignore_errors=True)
            else:
                unfinished_path.unlink(missing_ok=True)


@contextmanager
def keep_connections_open(instance: DagsterInstance) -> Iterator[None]:
    """Keep connections to the storage of the instance open while a run lasts.

    Dagster opens a connection for every event: on PostgreSQL that takes longer than to store the event. Within another
    call for the same instance, the connections of that call serve.
    """
    if instance.event_log_storage in _KEPT_STORAGES:
        yield
        return
    _KEPT_STORAGES.add(instance.event_log_storage)
    try:
        with _keep_open(instance):
            yield
    finally:
        _KEPT_STORAGES.discard(instance.event_log_storage)


@contextmanager
def _keep_open(instance: DagsterInstance) -> Iterator[None]:
    if not isinstance(instance.event_log_storage, SqliteEventLogStorage):
        # Dagster's own way to keep connections, which its web server uses
        instance.optimize_for_webserver(
            statement_timeout=_STATEMENT_TIMEOUT_MS, pool_recycle=_RECYCLE_SECONDS, max_overflow=_MAX_OVERFLOW
        )
        yield
        return
    instance_folder = Path(instance.root_directory)
    with ExitStack() as connection_stack:
        for database_path in sorted((instance_folder / "history").rglob("*.db")) if instance_folder.is_dir() else []:
            if database_path.name in ("index.db", "runs.db"):
                connection = connection_stack.enter_context(closing(sqlite3.connect(database_path, timeout=20)))
                # SQLite counts a connection as open once it has read
                connection.execute("select count(*) from sqlite_master").fetchone()
        connection_stack.enter_context(_reuse_engines(instance.event_log_storage))
        yield


@contextmanager
def _reuse_engines(storage: SqliteEventLogStorage) -> Iterator[None]:
    """Use one engine per file while the run lasts, and check only once whether the table of checks exists.

    Dagster creates an engine for every access, and with it loses the compiled statements: compiling them again costs
    more than SQLite takes to execute them.
    """
    engine_by_shard: dict[str, Engine] = {}
    connect_once = storage._connect
    cached_has_table = cache(storage.has_table)

    @contextmanager
    def connect(shard: str) -> Iterator[Connection]:
        if shard not in engine_by_shard:
            with connect_once(shard):  # creates the file if it is missing
                pass
            # the connection serves one access at a time, from any thread
            engine_by_shard[shard] = create_engine(
                storage.conn_string_for_shard(shard),
                pool_size=1,
                max_overflow=0,
                connect_args={"timeout": 20, "check_same_thread": False},
            )
            event.listen(engine_by_shard[shard], "connect", _relax_synchronous)
        with storage._db_lock, engine_by_shard[shard].connect() as connection, connection.begin():
            yield connection

    storage._connect, storage.has_table = connect, cached_has_table  # type: ignore[method-assign]
    try:
        yield
    finally:
        del storage._connect, storage.has_table
        for engine in engine_by_shard.values():
            engine.dispose()


def _relax_synchronous(connection: sqlite3.Connection, _: object) -> None:
    """Let SQLite choose when events reach the disk: a killed run loses none, a power cut loses the last few."""
    connection.execute("PRAGMA synchronous=NORMAL")
