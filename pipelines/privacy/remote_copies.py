"""Copies of tables outside the data root: a PostgreSQL server and a bucket.

Belongs here: reading the tables back.
Does not belong here: publishing them (`pipelines.publish`), which rows name a person (`person_rows`).
"""

import io
from collections.abc import Iterator
from contextlib import closing
from pathlib import PurePosixPath

import polars as pl

from pipelines.config.publish import ObjectStoreOptions, PostgresqlOptions
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.personal_columns import person_columns
from pipelines.publish.object_store import open_store


def read_server_tables(
    uri: str, options: PostgresqlOptions, person_id: str
) -> Iterator[tuple[PurePosixPath, pl.LazyFrame]]:
    """Read the rows of all snapshots on a PostgreSQL server that may name a person.

    Args:
        uri: Address of the server, with the password.
        options: The readers' schema.
        person_id: The person.

    Yields:
        `postgresql/<schema>/<table>` and its rows.
    """
    import adbc_driver_postgresql.dbapi as adbc

    data_schema = f"{options.schema_name}_data"
    with closing(adbc.connect(uri)) as connection, connection.cursor() as cursor:
        cursor.execute(f'SELECT DISTINCT table_name FROM "{data_schema}".stored ORDER BY table_name')
        for (table_name,) in list(cursor.fetchall()):
            names = [column.name for column in person_columns(TABLES[table_name])] if table_name in TABLES else []
            if names:
                condition = " OR ".join(f'"{name}" = $1' for name in names)
                cursor.execute(f'SELECT * FROM "{data_schema}"."{table_name}" WHERE {condition}', (person_id,))
                rows = pl.DataFrame(cursor.fetch_arrow_table())
                yield PurePosixPath("postgresql", options.schema_name, table_name), rows.lazy()


def read_bucket_tables(options: ObjectStoreOptions) -> Iterator[tuple[PurePosixPath, pl.LazyFrame]]:
    """Read the Parquet files of a bucket.

    Args:
        options: Address of the bucket.

    Yields:
        Path of the object, and its rows.
    """
    import pyarrow.fs as pafs

    store, folder = open_store(options)
    for entry in store.get_file_info(pafs.FileSelector(folder, recursive=True, allow_not_found=True)):
        if entry.path.endswith(".parquet"):
            with store.open_input_stream(entry.path) as stream:
                yield PurePosixPath(entry.path), pl.read_parquet(io.BytesIO(stream.read())).lazy()
