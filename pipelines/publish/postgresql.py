"""PostgreSQL: a snapshot is copied into a staging schema and becomes visible in one transaction.

Belongs here: the schemas, the copying, the swap, and the removal of expired snapshots.
Does not belong here: the address of the server (`pipelines.config.publish`), the rows (`pipelines.snapshots.writer`).

Readers query views in the schema `footsteps`, which show the rows of the one snapshot that a pointer row names: every
statement, and every repeatable-read transaction, sees one whole snapshot. Renaming schemas instead would not be
enough: PostgreSQL resolves names table by table, so that a join could combine an old table and a new one.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.publish.queries import quote_text
from pipelines.snapshots.reader import Snapshot

# The driver has no timeout of its own. If readers hold a lock for longer, the next run tries again.
_LOCK_TIMEOUT = "10s"
# Rows in one Arrow table: large enough to be fast, small enough for the memory.
_ROWS_PER_BATCH = 500_000
_SQL_TYPES: dict[Any, str] = {
    pl.String: "text",
    pl.Float64: "double precision",
    pl.Int64: "bigint",
    pl.Date: "date",
    pl.Boolean: "boolean",
    pl.Datetime: "timestamp with time zone",
}


def publish_postgresql(snapshot: Snapshot, uri: str, schema_name: str = "footsteps") -> None:
    """Copy every table of a snapshot, then make all of them visible in one transaction.

    A snapshot that is visible already is not copied again. If the driver raises an error, readers still see what they
    saw before.

    Args:
        snapshot: The snapshot to publish.
        uri: Address of the server, with the password.
        schema_name: The readers' schema; `<schema>_data` and `<schema>_staging` are created next to it.
    """
    import adbc_driver_postgresql.dbapi as adbc

    with closing(adbc.connect(uri)) as connection:
        _create_schemas(connection, schema_name)
        if _read_visible_id(connection, schema_name) != snapshot.snapshot_id:
            for table in snapshot.tables:
                _stage_table(connection, schema_name, snapshot, table.name)
            connection.commit()
            _swap_snapshot(connection, schema_name, snapshot)
            connection.commit()


def drop_expired_postgresql(retained_ids: list[str], uri: str, schema_name: str = "footsteps") -> list[str]:
    """Remove the rows of all other snapshots; the visible snapshot always stays.

    Args:
        retained_ids: Ids of the snapshots to keep.
        uri: Address of the server, with the password.
        schema_name: The readers' schema.

    Returns:
        Ids of the removed snapshots, sorted.
    """
    import adbc_driver_postgresql.dbapi as adbc

    data_schema = _quote_data_schema(schema_name)
    with closing(adbc.connect(uri)) as connection:
        _create_schemas(connection, schema_name)
        kept_ids = {*retained_ids, _read_visible_id(connection, schema_name)}
        stored_partitions = fetch_rows(
            connection, f"SELECT snapshot_id, table_name, partition_name FROM {data_schema}.stored"
        )
        expired_partitions = [
            stored_partition for stored_partition in stored_partitions if stored_partition[0] not in kept_ids
        ]
        for _, table_name, partition_name in expired_partitions:
            execute_statements(
                connection,
                f"ALTER TABLE {data_schema}.{_quote_name(table_name)} "
                f"DETACH PARTITION {data_schema}.{_quote_name(partition_name)}",
                f"DROP TABLE {data_schema}.{_quote_name(partition_name)}",
                f"DELETE FROM {data_schema}.stored WHERE partition_name = {quote_text(partition_name)}",
            )
        connection.commit()
    return sorted({stored_partition[0] for stored_partition in expired_partitions})


def copy_parquet(connection: Any, parquet_path: Path, schema_name: str, table_name: str) -> None:
    """COPY the rows of a Parquet file into an existing table; nested values become JSON.

    Args:
        connection: An open ADBC connection.
        parquet_path: The Parquet file.
        schema_name: Schema of the table.
        table_name: Name of the table.
    """
    table_rows = pl.scan_parquet(parquet_path)
    json_columns = [
        _encode_json(column_name) for column_name, dtype in table_rows.collect_schema().items() if dtype.is_nested()
    ]
    with connection.cursor() as cursor:
        for row_batch in table_rows.with_columns(json_columns).collect_batches(
            chunk_size=_ROWS_PER_BATCH, maintain_order=True
        ):
            cursor.adbc_ingest(table_name, row_batch.to_arrow(), mode="append", db_schema_name=schema_name)


def sql_type(dtype: pl.DataType) -> str:
    """Map a polars type to a PostgreSQL type; nested types are stored as JSON.

    Args:
        dtype: Type of a published column.

    Returns:
        The name of the PostgreSQL type.

    Raises:
        KeyError: If no PostgreSQL type is declared for it.
    """
    return "json" if dtype.is_nested() else _SQL_TYPES[dtype.base_type()]


def execute_statements(connection: Any, *statements: str) -> None:
    """Execute SQL statements one after the other.

    Args:
        connection: An open ADBC connection.
        statements: Statements without results.
    """
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def fetch_rows(connection: Any, query: str) -> list[Any]:
    """Fetch the rows of a query.

    Args:
        connection: An open ADBC connection.
        query: A SQL query.

    Returns:
        One tuple per row.
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _create_schemas(connection: Any, schema_name: str) -> None:
    """Create the schemas for readers, rows and staging, and the two tables that record what is stored, if the schema
    for staging is missing."""
    execute_statements(connection, f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
    if not fetch_rows(connection, f"SELECT 1 FROM pg_namespace WHERE nspname = {quote_text(f'{schema_name}_staging')}"):
        execute_statements(
            connection,
            *(
                f"CREATE SCHEMA IF NOT EXISTS {quoted_schema}"
                for quoted_schema in (
                    _quote_name(schema_name),
                    _quote_data_schema(schema_name),
                    _quote_staging_schema(schema_name),
                )
            ),
            f"CREATE TABLE IF NOT EXISTS {_quote_name(schema_name)}.snapshot "
            "(only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), snapshot_id text, as_of date, "
            "valid_until date)",
            f"CREATE TABLE IF NOT EXISTS {_quote_data_schema(schema_name)}.stored "
            "(snapshot_id text, table_name text, partition_name text PRIMARY KEY)",
        )
    connection.commit()


def _stage_table(connection: Any, schema_name: str, snapshot: Snapshot, table_name: str) -> None:
    """Copy a table into the staging schema and index it by person."""
    partition_name = _name_partition(snapshot, table_name)
    staging_table = f"{_quote_staging_schema(schema_name)}.{_quote_name(partition_name)}"
    dtype_by_column = pl.read_parquet_schema(snapshot.path(table_name))
    column_declarations = ", ".join(
        f"{_quote_name(column_name)} {sql_type(dtype)}" for column_name, dtype in dtype_by_column.items()
    )
    # the same condition as the partition's bound: attaching the partition then does not scan the rows
    partition_bound = f"snapshot_id IS NOT NULL AND snapshot_id = {quote_text(snapshot.snapshot_id)}"
    execute_statements(
        connection,
        f"DROP TABLE IF EXISTS {staging_table}",
        f"CREATE TABLE {staging_table} ({column_declarations}, CHECK ({partition_bound}))",
    )
    copy_parquet(connection, snapshot.path(table_name), f"{schema_name}_staging", partition_name)
    if "person_id" in dtype_by_column:
        execute_statements(connection, f"CREATE INDEX ON {staging_table} (person_id)")


def _swap_snapshot(connection: Any, schema_name: str, snapshot: Snapshot) -> None:
    """Attach the staged tables as partitions and point the readers' views to them."""
    data_schema, quoted_id = _quote_data_schema(schema_name), quote_text(snapshot.snapshot_id)
    for table in snapshot.tables:
        partition_name = _name_partition(snapshot, table.name)
        _add_columns(connection, schema_name, table.name, pl.read_parquet_schema(snapshot.path(table.name)))
        execute_statements(
            connection,
            f"ALTER TABLE {_quote_staging_schema(schema_name)}.{_quote_name(partition_name)} SET SCHEMA {data_schema}",
            f"ALTER TABLE {data_schema}.{_quote_name(table.name)} "
            f"ATTACH PARTITION {data_schema}.{_quote_name(partition_name)} FOR VALUES IN ({quoted_id})",
            f"INSERT INTO {data_schema}.stored VALUES "
            f"({quoted_id}, {quote_text(table.name)}, {quote_text(partition_name)})",
        )
    execute_statements(
        connection,
        f"INSERT INTO {_quote_name(schema_name)}.snapshot (snapshot_id, as_of, valid_until) VALUES "
        f"({quoted_id}, DATE '{snapshot.as_of}', DATE '{snapshot.valid_until}') "
        "ON CONFLICT (only_row) DO UPDATE SET snapshot_id = EXCLUDED.snapshot_id, as_of = EXCLUDED.as_of, "
        "valid_until = EXCLUDED.valid_until",
    )


def _add_columns(
    connection: Any, schema_name: str, table_name: str, dtype_by_column: Mapping[str, pl.DataType]
) -> None:
    """Give the partitioned table and the readers' view every new column; columns are never removed."""
    parent_table = f"{_quote_data_schema(schema_name)}.{_quote_name(table_name)}"
    declaration_by_column = {
        column_name: f"{_quote_name(column_name)} {sql_type(dtype)}" for column_name, dtype in dtype_by_column.items()
    }
    catalog_rows = fetch_rows(
        connection,
        f"SELECT attname FROM pg_attribute WHERE attrelid = to_regclass({quote_text(parent_table)}) AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum",
    )
    existing_columns = {catalog_row[0] for catalog_row in catalog_rows}
    if existing_columns >= set(dtype_by_column):
        return
    if existing_columns:
        column_statements = [
            f"ALTER TABLE {parent_table} ADD COLUMN {declaration_by_column[column_name]}"
            for column_name in dtype_by_column
            if column_name not in existing_columns
        ]
    else:
        column_statements = [
            f"CREATE TABLE {parent_table} ({', '.join(declaration_by_column.values())}) PARTITION BY LIST (snapshot_id)"
        ]
    execute_statements(
        connection,
        *column_statements,
        f"CREATE OR REPLACE VIEW {_quote_name(schema_name)}.{_quote_name(table_name)} AS SELECT * FROM {parent_table} "
        f"WHERE snapshot_id = (SELECT snapshot_id FROM {_quote_name(schema_name)}.snapshot)",
    )


def _encode_json(column_name: str) -> pl.Expr:
    """A nested column as JSON text: polars encodes structs only, so the value is encoded inside a struct."""
    json_text = pl.struct(v=column_name).struct.json_encode().str.strip_prefix('{"v":').str.strip_suffix("}")
    return pl.when(pl.col(column_name).is_not_null()).then(json_text).alias(column_name)


def _read_visible_id(connection: Any, schema_name: str) -> str | None:
    snapshot_rows = fetch_rows(connection, f"SELECT snapshot_id FROM {_quote_name(schema_name)}.snapshot")
    return snapshot_rows[0][0] if snapshot_rows else None


def _name_partition(snapshot: Snapshot, table_name: str) -> str:
    return f"{table_name}__{snapshot.snapshot_id}"


def _quote_data_schema(schema_name: str) -> str:
    return _quote_name(f"{schema_name}_data")


def _quote_staging_schema(schema_name: str) -> str:
    return _quote_name(f"{schema_name}_staging")


def _quote_name(identifier: str) -> str:
    """Quote a name as a SQL identifier."""
    return '"' + identifier.replace('"', '""') + '"'
