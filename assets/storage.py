"""Dagster's SQLite files held open while a run writes them.

Belongs here: what makes the event log of one machine cheap.
Does not belong here: which storage is used (dagster.yaml).

Dagster opens and closes a connection for every event. The last one to close writes the whole write-ahead log back and
removes it, some two thousand times a night; while another connection is open, that happens once.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from dagster import DagsterInstance


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
