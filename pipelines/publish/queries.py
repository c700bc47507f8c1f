"""Where each published table is in each target, and queries that run when they are copied.

Belongs here: the locations and the text of the queries.
Does not belong here: printing them (`assets.cli.tables`), publishing (`targets`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.config.publish import PublishOptions
from pipelines.snapshots.reader import DELTA_POINTER, PublishedTable, Snapshot, current_delta, delta_folder

DUCKDB_FILE = "footsteps.duckdb"

Format = Literal["parquet", "delta", "duckdb", "postgresql"]


@dataclass(frozen=True)
class Query:
    """Ten rows of a table: with polars in Python, in a SQL console, and with pandas in Python."""

    python: str
    sql: str
    pandas: str


@dataclass(frozen=True)
class PublishTarget:
    """One table in one target."""

    name: str
    format: Format
    location: str
    rows: int
    query: Query


def list_publish_targets(snapshot: Snapshot, publish_options: PublishOptions) -> list[PublishTarget]:
    """List where the tables of a snapshot can be read.

    Args:
        snapshot: The current snapshot.
        publish_options: The section `publish` of footsteps.yaml.

    Returns:
        One entry per table of the snapshot and target that holds it.
    """
    return [target for table in snapshot.tables for target in _iterate_table_targets(snapshot, table, publish_options)]


def quote_text(literal: object) -> str:
    """Quote a value as a SQL string literal."""
    return "'" + str(literal).replace("'", "''") + "'"


def _iterate_table_targets(
    snapshot: Snapshot, table: PublishedTable, publish_options: PublishOptions
) -> Iterator[PublishTarget]:
    parquet_path = snapshot.path(table.name)
    yield PublishTarget(table.name, "parquet", str(parquet_path), table.rows, _parquet_query(parquet_path))
    delta_version_by_table = (
        current_delta(snapshot.folder).versions if (snapshot.folder / DELTA_POINTER).exists() else {}
    )
    if table.name in delta_version_by_table:
        table_folder = delta_folder(snapshot.folder, table.name)
        table_query = _delta_query(table_folder, delta_version_by_table[table.name])
        yield PublishTarget(table.name, "delta", str(table_folder), table.rows, table_query)
    if (duckdb_path := snapshot.folder / DUCKDB_FILE).exists():
        yield PublishTarget(table.name, "duckdb", str(duckdb_path), table.rows, _duckdb_query(duckdb_path, table.name))
    if publish_options.postgresql is not None:
        view_name = f"{publish_options.postgresql.schema_name}.{table.name}"
        table_query = _postgresql_query(view_name, publish_options.postgresql.uri_variable)
        yield PublishTarget(table.name, "postgresql", view_name, table.rows, table_query)


def _parquet_query(parquet_path: Path) -> Query:
    return Query(
        python=f"import polars as pl; pl.scan_parquet({str(parquet_path)!r}).head(10).collect()",
        sql=f"SELECT * FROM read_parquet({quote_text(parquet_path)}) LIMIT 10;",
        pandas=f"import pandas as pd; pd.read_parquet({str(parquet_path)!r}).head(10)",
    )


def _delta_query(table_folder: Path, version: int) -> Query:
    """Query a Delta table; its SQL runs in Python, because a SQL console needs an extension to read Delta."""
    table_code = f"DeltaTable({str(table_folder)!r}, version={version})"
    # By delta-rs: Arrow's threads, which read through deltalake's datasets, sometimes abort a process as it ends.
    rows_code = f"QueryBuilder().register('t', {table_code}).execute('SELECT * FROM t LIMIT 10').read_all()"
    import_code, frame_code = (
        "import polars as pl; from deltalake import DeltaTable, QueryBuilder",
        f"pl.from_arrow({rows_code})",
    )
    return Query(
        python=f"{import_code}; {frame_code}",
        sql=f"from deltalake import DeltaTable, QueryBuilder; {rows_code}",
        # through polars: pandas does not accept the lists of views that the engine returns
        pandas=f"{import_code}; {frame_code}.to_pandas()",
    )


def _duckdb_query(duckdb_path: Path, table_name: str) -> Query:
    select_statement = f"SELECT * FROM {table_name} LIMIT 10"
    query_code = f"import duckdb; duckdb.connect({str(duckdb_path)!r}, read_only=True).sql({select_statement!r})"
    return Query(
        python=f"{query_code}.pl()",
        sql=f"ATTACH {quote_text(duckdb_path)} AS footsteps (READ_ONLY); "
        f"SELECT * FROM footsteps.{table_name} LIMIT 10;",
        pandas=f"{query_code}.df()",
    )


def _postgresql_query(view_name: str, uri_variable: str) -> Query:
    select_statement = f"SELECT * FROM {view_name} LIMIT 10"
    uri_code = f"os.environ[{uri_variable!r}]"
    return Query(
        python=f"import os, polars as pl; pl.read_database_uri({select_statement!r}, {uri_code}, engine='adbc')",
        sql=f"{select_statement};",
        pandas="import os, pandas as pd, adbc_driver_postgresql.dbapi as adbc; "
        f"pd.read_sql({select_statement!r}, adbc.connect({uri_code}))",
    )
