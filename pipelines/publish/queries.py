"""Where each published table is by each way in, and a query of each kind that works when it is copied.

Belongs here: the locations and the words of the queries.
Does not belong here: printing them (`assets.cli.tables`), publishing (`ways`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.config.publish import PublishOptions
from pipelines.publish.duckdb_views import DUCKDB_FILE
from pipelines.snapshots.reader import (
    DELTA_POINTER,
    PublishedTable,
    Snapshot,
    current_delta,
    delta_folder,
)

Format = Literal["parquet", "delta", "duckdb", "postgresql"]


@dataclass(frozen=True)
class Query:
    """Ten rows of a table, three times: to paste into Python (polars), into a SQL console, into Python with pandas."""

    python: str
    sql: str
    pandas: str


@dataclass(frozen=True)
class PublishTarget:
    """One table by one way in."""

    name: str
    format: Format
    location: str
    rows: int
    query: Query


def list_publish_targets(snapshot: Snapshot, options: PublishOptions) -> list[PublishTarget]:
    """One entry per table of the snapshot and way in that holds it."""
    return [way for table in snapshot.tables for way in _of_table(snapshot, table, options)]


def _of_table(snapshot: Snapshot, table: PublishedTable, options: PublishOptions) -> Iterator[PublishTarget]:
    path = snapshot.path(table.name)
    yield PublishTarget(table.name, "parquet", str(path), table.rows, _parquet(path))
    if (snapshot.folder / DELTA_POINTER).exists() and table.name in current_delta(snapshot.folder).versions:
        folder, version = delta_folder(snapshot.folder, table.name), current_delta(snapshot.folder).versions[table.name]
        yield PublishTarget(table.name, "delta", str(folder), table.rows, _delta(folder, version))
    if (file := snapshot.folder / DUCKDB_FILE).exists():
        yield PublishTarget(table.name, "duckdb", str(file), table.rows, _duckdb(file, table.name))
    if options.postgresql is not None:
        place = f"{options.postgresql.schema_name}.{table.name}"
        yield PublishTarget(
            table.name, "postgresql", place, table.rows, _postgresql(place, options.postgresql.uri_variable)
        )


def _parquet(path: Path) -> Query:
    return Query(
        python=f"import polars as pl; pl.scan_parquet({str(path)!r}).head(10).collect()",
        sql=f"SELECT * FROM read_parquet({_text(path)}) LIMIT 10;",
        pandas=f"import pandas as pd; pd.read_parquet({str(path)!r}).head(10)",
    )


def _delta(folder: Path, version: int) -> Query:
    """No SQL console reads Delta without an extension to download: its SQL runs in Python, by delta-rs itself."""
    table = f"DeltaTable({str(folder)!r}, version={version})"
    # By its engine: threads of Arrow that read through deltalake's datasets now and then abort a process as it ends.
    rows = f"QueryBuilder().register('t', {table}).execute('SELECT * FROM t LIMIT 10').read_all()"
    imports, frame = "import polars as pl; from deltalake import DeltaTable, QueryBuilder", f"pl.from_arrow({rows})"
    return Query(
        python=f"{imports}; {frame}",
        sql=f"from deltalake import DeltaTable, QueryBuilder; {rows}",
        # by polars: pandas cannot be given the lists of views that the engine returns
        pandas=f"{imports}; {frame}.to_pandas()",
    )


def _duckdb(file: Path, table: str) -> Query:
    select = f"SELECT * FROM {table} LIMIT 10"
    connected = f"import duckdb; duckdb.connect({str(file)!r}, read_only=True).sql({select!r})"
    return Query(
        python=f"{connected}.pl()",
        sql=f"ATTACH {_text(file)} AS footsteps (READ_ONLY); SELECT * FROM footsteps.{table} LIMIT 10;",
        pandas=f"{connected}.df()",
    )


def _postgresql(place: str, variable: str) -> Query:
    select = f"SELECT * FROM {place} LIMIT 10"
    uri = f"os.environ[{variable!r}]"
    return Query(
        python=f"import os, polars as pl; pl.read_database_uri({select!r}, {uri}, engine='adbc')",
        sql=f"{select};",
        pandas="import os, pandas as pd, adbc_driver_postgresql.dbapi as adbc; "
        f"pd.read_sql({select!r}, adbc.connect({uri}))",
    )


def _text(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
