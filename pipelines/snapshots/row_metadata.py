"""Row metadata: the columns that state the run of every published row, and the one id of all tables together.

Belongs here: the metadata columns, and the snapshot id that follows from day and content.
Does not belong here: the other columns of the rows, the files of a snapshot (`pipelines.snapshots.writer`).

The metadata are written in two steps. The asset that makes a table writes day, validity and versions, and `UNPUBLISHED`
as the snapshot id; rows without a change then stay the same from run to run, and a run for some people rewrites their
rows only. The publication writes the snapshot id when the content of every table is known.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TypeVar, cast

import polars as pl

from pipelines.contracts.table import Table
from pipelines.storage.parquet_files import content_sha256
from pipelines.validation.rule_evaluation import enforce_contract

UNPUBLISHED = "unpublished"
# Rows of a table; lazily, so that no more of a large one is in memory than is written at a time.
Rows = pl.DataFrame | pl.LazyFrame
_AnyRows = TypeVar("_AnyRows", bound=Rows)


@dataclass(frozen=True)
class RowMetadata:
    """The metadata that the rows of a run share; `model_version` is null if there is no model."""

    as_of: date
    valid_days: int
    policy_version: str
    model_version: str | None = None


@dataclass(frozen=True)
class SnapshotContent:
    """All published tables under one id.

    Attributes:
        snapshot_id: Day and hash of the content.
        as_of: The newest day of any row.
        valid_until: The earliest last valid day of any row.
        rows_by_table: The rows of each table, with the id; lazily if the table was given so.
    """

    snapshot_id: str
    as_of: date
    valid_until: date
    rows_by_table: Mapping[Table, Rows]


def add_row_metadata(table: Table, rows: pl.DataFrame, metadata: RowMetadata) -> pl.DataFrame:
    """Add the metadata columns that a table has; the snapshot id is not known yet.

    Args:
        table: The contract of the table.
        rows: The rows, with all other columns of the contract.
        metadata: The metadata of the run.

    Returns:
        The rows in the columns of the contract.
    """
    value_by_column = {
        "snapshot_id": UNPUBLISHED,
        "as_of": metadata.as_of,
        "valid_until": metadata.as_of + timedelta(days=metadata.valid_days),
        "model_version": metadata.model_version,
        "policy_version": metadata.policy_version,
        "schema_version": table.version,
    }
    metadata_columns = (
        pl.lit(value_by_column[column.name], column.dtype).alias(column.name)
        for column in table.columns
        if column.name in value_by_column
    )
    return rows.with_columns(metadata_columns).select(table.column_names)


def assign_snapshot_id(
    rows_by_table: Mapping[Table, Rows],
    as_of: date,
    valid_days: int,
    content_hash_by_table: Mapping[Table, str | None] | None = None,
) -> SnapshotContent:
    """Compute the id of all tables from their content: the same day and content give the same id.

    Args:
        rows_by_table: The rows of each table, with metadata. Those of a table without a known hash are collected.
        as_of: The day of the snapshot if no table has a row.
        valid_days: The days of validity if no table has a row.
        content_hash_by_table: The hash of a table's rows if it is known, as the lake's files record it. These rows are
            assumed to be sorted and to keep the contract.

    Raises:
        ContractViolation: If a table without a known hash breaks its contract.
    """
    recorded_hash_by_table = {
        table: content_hash for table, content_hash in (content_hash_by_table or {}).items() if content_hash
    }
    ordered_rows_by_table = {
        table: rows if table in recorded_hash_by_table else enforce_contract(table, rows.lazy().collect())
        for table, rows in rows_by_table.items()
    }
    validity_days = pl.concat([rows.lazy().select("as_of", "valid_until") for rows in ordered_rows_by_table.values()])
    newest_and_earliest = validity_days.select(pl.col("as_of").max(), pl.col("valid_until").min()).collect()
    newest_day, earliest_valid_until = newest_and_earliest.row(0)
    newest_day = newest_day or as_of
    content_digest = hashlib.sha256()
    for table in sorted(ordered_rows_by_table, key=lambda table: table.name):
        content_hash = recorded_hash_by_table.get(table) or content_sha256(
            ordered_rows_by_table[table].lazy().collect()
        )
        content_digest.update(f"{table.name} {content_hash}\n".encode())
    snapshot_id = f"{newest_day:%Y%m%d}-{content_digest.hexdigest()[:12]}"
    return SnapshotContent(
        snapshot_id,
        newest_day,
        earliest_valid_until or newest_day + timedelta(days=valid_days),
        {table: fill_snapshot_id(rows, snapshot_id) for table, rows in ordered_rows_by_table.items()},
    )


def hash_extended_content(content_hash: str, valid_until: date) -> str:
    """Compute the hash of a table's rows after all of them became valid until that day, from the hash before."""
    return hashlib.sha256(f"{content_hash} valid until {valid_until}".encode()).hexdigest()


def fill_snapshot_id(rows: _AnyRows, snapshot_id: str) -> _AnyRows:
    """Replace `UNPUBLISHED` by the id in the columns snapshot_id and first_snapshot_id that the rows have."""
    column_names = rows.collect_schema().names()
    id_columns = pl.col([column for column in ("snapshot_id", "first_snapshot_id") if column in column_names])
    return cast(_AnyRows, rows.with_columns(id_columns.replace(UNPUBLISHED, snapshot_id)))
