"""PostgreSQL: a snapshot is copied into a staging schema, then becomes visible in one transaction.

Belongs here: the schemas, the copying, the swap, and the removal of snapshots whose time is over.
Does not belong here: where the server is (`options`), the rows (`snapshot`).

Readers query views of the schema `footsteps`, which show the rows of the one snapshot that a pointer row names: every
statement, and every repeatable-read transaction, sees one whole snapshot. Renaming schemas would not do: a name
is looked up table by table, so that a join could meet an old table and a new one.
"""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.snapshots.reader import Snapshot

# Of a driver without a timeout of its own: a lock that readers hold for longer is tried again the next night.
_LOCK_TIMEOUT = "10s"
# Rows in one Arrow table: large enough to be fast, small enough for the memory.
_BATCH = 500_000


def publish_postgresql(snapshot: Snapshot, uri: str, schema: str = "footsteps") -> dict[str, int]:
    """Copy every table of a snapshot, then show it to readers in one transaction; rows by table come back.

    Raises the driver's error where the server cannot be reached or refuses; readers then see what they saw before.
    A snapshot that the pointer names already is not copied again.
    """
    import adbc_driver_postgresql.dbapi as adbc

    with closing(adbc.connect(uri)) as connection:
        _prepare(connection, schema)
        if _current(connection, schema) == snapshot.snapshot_id:
            return {one.name: one.rows for one in snapshot.tables}
        for one in snapshot.tables:
            _stage(connection, schema, snapshot, one.name)
        connection.commit()
        _swap(connection, schema, snapshot)
        connection.commit()
    return {one.name: one.rows for one in snapshot.tables}


def drop_expired_postgresql(kept: list[str], uri: str, schema: str = "footsteps") -> list[str]:
    """Remove the partitions of all snapshots but those kept; their ids come back."""
    import adbc_driver_postgresql.dbapi as adbc

    with closing(adbc.connect(uri)) as connection:
        _prepare(connection, schema)
        stored = _rows(connection, f"SELECT snapshot_id, table_name, partition_name FROM {_data(schema)}.stored")
        gone = [row for row in stored if row[0] not in kept and row[0] != _current(connection, schema)]
        for snapshot_id, table, partition in gone:
            _run(
                connection,
                f"ALTER TABLE {_data(schema)}.{_name(table)} DETACH PARTITION {_data(schema)}.{_name(partition)}",
            )
            _run(connection, f"DROP TABLE {_data(schema)}.{_name(partition)}")
            _run(connection, f"DELETE FROM {_data(schema)}.stored WHERE partition_name = {_text(partition)}")
            del snapshot_id
        connection.commit()
    return sorted({row[0] for row in gone})


def _prepare(connection: Any, schema: str) -> None:
    """The schemas that readers see, that hold the rows, and that rows are copied into; nothing where they are there."""
    _run(connection, f"SET lock_timeout = '{_LOCK_TIMEOUT}'")
    if not _rows(connection, f"SELECT 1 FROM pg_namespace WHERE nspname = {_text(schema + '_staging')}"):
        for name in (_name(schema), _data(schema), _staging(schema)):
            _run(connection, f"CREATE SCHEMA IF NOT EXISTS {name}")
        _run(
            connection,
            f"CREATE TABLE IF NOT EXISTS {_name(schema)}.snapshot "
            "(only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), snapshot_id text, as_of date, "
            "valid_until date)",
        )
        _run(
            connection,
            f"CREATE TABLE IF NOT EXISTS {_data(schema)}.stored "
            "(snapshot_id text, table_name text, partition_name text PRIMARY KEY)",
        )
    connection.commit()


def _stage(connection: Any, schema: str, snapshot: Snapshot, table: str) -> None:
    """The rows in a table of the staging schema, with the index one person is found by."""
    place = f"{_staging(schema)}.{_name(_partition(snapshot, table))}"
    columns = pl.read_parquet_schema(snapshot.path(table))
    _run(connection, f"DROP TABLE IF EXISTS {place}")
    declared = ", ".join(f"{_name(name)} {sql_type(dtype)}" for name, dtype in columns.items())
    # the check says what the partition's bound will: attaching then needs no look at the rows
    bound = f"snapshot_id IS NOT NULL AND snapshot_id = {_text(snapshot.snapshot_id)}"
    _run(connection, f"CREATE TABLE {place} ({declared}, CHECK ({bound}))")
    copy_parquet(connection, snapshot.path(table), f"{schema}_staging", _partition(snapshot, table))
    if "person_id" in columns:
        _run(connection, f"CREATE INDEX ON {place} (person_id)")


def copy_parquet(connection: Any, path: Path, schema: str, table: str) -> None:
    """COPY a Parquet file's rows into a table that is there; nested values become JSON."""
    frame = pl.scan_parquet(path)
    nested = [_as_json(name) for name, dtype in frame.collect_schema().items() if dtype.is_nested()]
    with connection.cursor() as cursor:
        for batch in frame.with_columns(nested).collect_batches(chunk_size=_BATCH, maintain_order=True):
            cursor.adbc_ingest(table, batch.to_arrow(), mode="append", db_schema_name=schema)


def _swap(connection: Any, schema: str, snapshot: Snapshot) -> None:
    for one in snapshot.tables:
        partition = _name(_partition(snapshot, one.name))
        parent = f"{_data(schema)}.{_name(one.name)}"
        columns = pl.read_parquet_schema(snapshot.path(one.name))
        _widen(connection, schema, one.name, columns)
        _run(connection, f"ALTER TABLE {_staging(schema)}.{partition} SET SCHEMA {_data(schema)}")
        _run(
            connection,
            f"ALTER TABLE {parent} ATTACH PARTITION {_data(schema)}.{partition} "
            f"FOR VALUES IN ({_text(snapshot.snapshot_id)})",
        )
        _run(
            connection,
            f"INSERT INTO {_data(schema)}.stored VALUES "
            f"({_text(snapshot.snapshot_id)}, {_text(one.name)}, {_text(_partition(snapshot, one.name))})",
        )
    _run(
        connection,
        f"INSERT INTO {_name(schema)}.snapshot (snapshot_id, as_of, valid_until) VALUES "
        f"({_text(snapshot.snapshot_id)}, DATE '{snapshot.as_of}', DATE '{snapshot.valid_until}') "
        "ON CONFLICT (only_row) DO UPDATE SET snapshot_id = EXCLUDED.snapshot_id, as_of = EXCLUDED.as_of, "
        "valid_until = EXCLUDED.valid_until",
    )


def _widen(connection: Any, schema: str, table: str, columns: Mapping[str, pl.DataType]) -> None:
    """The parent of all partitions and the readers' view, with every column that came since. Columns never go."""
    parent = f"{_data(schema)}.{_name(table)}"
    declared = {name: f"{_name(name)} {sql_type(dtype)}" for name, dtype in columns.items()}
    there = [
        row[0]
        for row in _rows(
            connection,
            f"SELECT attname FROM pg_attribute WHERE attrelid = to_regclass({_text(parent)}) AND attnum > 0 "
            "AND NOT attisdropped ORDER BY attnum",
        )
    ]
    new = [name for name in columns if name not in there]
    if there and not new:
        return
    if there:
        for name in new:
            _run(connection, f"ALTER TABLE {parent} ADD COLUMN {declared[name]}")
    else:
        _run(connection, f"CREATE TABLE {parent} ({', '.join(declared.values())}) PARTITION BY LIST (snapshot_id)")
    _run(
        connection,
        f"CREATE OR REPLACE VIEW {_name(schema)}.{_name(table)} AS SELECT * FROM {parent} "
        f"WHERE snapshot_id = (SELECT snapshot_id FROM {_name(schema)}.snapshot)",
    )


def sql_type(dtype: Any) -> str:
    """PostgreSQL's type of a polars type; what is nested is kept as JSON. Raises ValueError for any other type."""
    if dtype.is_nested():
        return "json"
    names = {
        pl.String: "text",
        pl.Float64: "double precision",
        pl.Int64: "bigint",
        pl.Date: "date",
        pl.Boolean: "boolean",
        pl.Datetime: "timestamp with time zone",
    }
    for kind, name in names.items():
        if dtype == kind:
            return name
    raise ValueError(f"no PostgreSQL type is declared for {dtype}")


def _as_json(name: str) -> pl.Expr:
    """What is nested as JSON: polars encodes structs, so the value is encoded within one and taken out of it."""
    encoded = pl.struct(pl.col(name).alias("v")).struct.json_encode()
    inner = encoded.str.strip_prefix('{"v":').str.strip_suffix("}")
    return pl.when(pl.col(name).is_not_null()).then(inner).alias(name)


def _current(connection: Any, schema: str) -> str | None:
    found = _rows(connection, f"SELECT snapshot_id FROM {_name(schema)}.snapshot")
    return found[0][0] if found else None


def _partition(snapshot: Snapshot, table: str) -> str:
    return f"{table}__{snapshot.snapshot_id}"


def _run(connection: Any, statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _rows(connection: Any, query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def _data(schema: str) -> str:
    return _name(f"{schema}_data")


def _staging(schema: str) -> str:
    return _name(f"{schema}_staging")


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
