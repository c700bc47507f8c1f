"""What a run holds while it writes: the tables for itself, and Dagster's SQLite files open.

Belongs here: the lock of a data root, and what makes the event log of one machine cheap.
Does not belong here: which storage is used (dagster.yaml).

Dagster opens and closes a connection for every event. The last one to close writes the whole write-ahead log back and
removes it, some two thousand times a night; while another connection is open, that happens once.
"""

import fcntl
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO

from dagster import DagsterInstance

# A night takes minutes; whoever waited for so long waits for something that hangs.
_LONGEST_WAIT_SECONDS = 4 * 3600


def hold(path: Path) -> IO[str]:
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


def sweep(root: Path) -> None:
    """Remove what runs that were killed left half written. Only for who holds the tables."""
    for folder in ("lake", "published"):
        for path in (root / folder).rglob(".*.unfinished"):
            path.unlink(missing_ok=True)


@contextmanager
def kept_open(instance: DagsterInstance) -> Iterator[None]:
    """Hold a connection to each SQLite file of the instance; nothing where it stores elsewhere."""
    base = Path(instance.root_directory)
    with ExitStack() as stack:
        for path in sorted((base / "history").rglob("*.db")) if base.is_dir() else []:
            if path.name in ("index.db", "runs.db"):
                connection = stack.enter_context(closing(sqlite3.connect(path, timeout=20)))
                # a connection counts as open once it has read
                connection.execute("select count(*) from sqlite_master").fetchone()
        yield
