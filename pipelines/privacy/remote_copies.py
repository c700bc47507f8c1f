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
    server_uri: str, postgresql_options: PostgresqlOptions, person_id: str
) -> Iterator[tuple[PurePosixPath, pl.LazyFrame]]:
    """Read the rows of all snapshots on a PostgreSQL server that may name a person.

    Args:
        server_uri: Address of the server, with the password.
        postgresql_options: The readers' schema.
        person_id: The person.

    Yields:
        `postgresql/<schema>/<table>` and its rows.
    """
    import adbc_driver_postgresql.dbapi as adbc

    data_schema = f"{postgresql_options.schema_name}_data"
    with closing(adbc.connect(server_uri)) as connection, connection.cursor() as cursor:
        cursor.execute(f'SELECT DISTINCT table_name FROM "{data_schema}".stored ORDER BY table_name')
        for (table_name,) in list(cursor.fetchall()):
            person_column_names = (
                [column.name for column in person_columns(TABLES[table_name])] if table_name in TABLES else []
            )
            if person_column_names:
                condition = " OR ".join(f'"{column_name}" = $1' for column_name in person_column_names)
                cursor.execute(f'SELECT * FROM "{data_schema}"."{table_name}" WHERE {condition}', (person_id,))
                table_rows = pl.DataFrame(cursor.fetch_arrow_table())
                yield PurePosixPath("postgresql", postgresql_options.schema_name, table_name), table_rows.lazy()


def read_bucket_tables(store_options: ObjectStoreOptions) -> Iterator[tuple[PurePosixPath, pl.LazyFrame]]:
    """Read the Parquet files of a bucket.

    Args:
        store_options: Address of the bucket.

    Yields:
        Path of the object, and its rows.
    """
    import pyarrow.fs as pafs

    file_system, bucket_folder = open_store(store_options)
    for file_info in file_system.get_file_info(pafs.FileSelector(bucket_folder, recursive=True, allow_not_found=True)):
        if file_info.path.endswith(".parquet"):
            with file_system.open_input_stream(file_info.path) as object_stream:
                yield PurePosixPath(file_info.path), pl.read_parquet(io.BytesIO(object_stream.read())).lazy()
