"""Stamps: what every published row says of the night it came from, and the one id of all tables together.

Belongs here: the stamped columns, the id that follows from day and content.
Does not belong here: what the rows hold, where a snapshot lies (see snapshot).

A table is stamped twice. Whoever makes it stamps day, validity and versions, and `UNPUBLISHED` for the snapshot: so its
rows stay the same from night to night where nothing changed, and a run for some people rewrites theirs alone. The
publication puts the snapshot's id in, once the content of every table is known.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from pipelines.contracts.table import Table
from pipelines.storage.lake import content_sha256, enforce_contract

UNPUBLISHED = "unpublished"


@dataclass(frozen=True)
class RowMetadata:
    """What the rows of a night have in common; `model_version` is null where there is no model."""

    as_of: date
    valid_days: int
    policy_version: str
    model_version: str | None = None


@dataclass(frozen=True)
class SnapshotContent:
    """All published tables under one id; `as_of` is the newest day of any row, `valid_until` the earliest."""

    snapshot_id: str
    as_of: date
    valid_until: date
    frames: Mapping[Table, pl.DataFrame]


def add_row_metadata(table: Table, frame: pl.DataFrame, stamps: RowMetadata) -> pl.DataFrame:
    """The rows in the table's columns, with those of its stamps that it has; the snapshot is not known yet."""
    values = {
        "snapshot_id": UNPUBLISHED,
        "as_of": stamps.as_of,
        "valid_until": stamps.as_of + timedelta(days=stamps.valid_days),
        "model_version": stamps.model_version,
        "policy_version": stamps.policy_version,
        "schema_version": table.version,
    }
    columns = (pl.lit(values[c.name], c.dtype).alias(c.name) for c in table.columns if c.name in values)
    return frame.with_columns(columns).select(table.column_names)


def assign_snapshot_id(
    frames: Mapping[Table, pl.DataFrame],
    as_of: date,
    valid_days: int,
    contents: Mapping[Table, str | None] | None = None,
) -> SnapshotContent:
    """The stamped tables with the id that their content makes: the same day and content, the same id.

    `as_of` and `valid_days` hold where no table has a row. `contents`: the hash of the rows, where it is known already,
    as the lake's files record it; the rows are then in order and keep the contract. Raises ContractBroken.
    """
    known = {table: content for table, content in (contents or {}).items() if content}
    ordered = {table: frame if table in known else enforce_contract(table, frame) for table, frame in frames.items()}
    days = pl.concat(frame.select("as_of", "valid_until") for frame in ordered.values())
    newest, earliest = days.select(pl.col("as_of").max(), pl.col("valid_until").min()).row(0)
    newest = newest or as_of
    digest = hashlib.sha256()
    for table in sorted(ordered, key=lambda one: one.name):
        digest.update(f"{table.name} {known.get(table) or content_sha256(ordered[table])}\n".encode())
    snapshot_id = f"{newest:%Y%m%d}-{digest.hexdigest()[:12]}"
    named = {table: fill_snapshot_id(frame, snapshot_id) for table, frame in ordered.items()}
    return SnapshotContent(snapshot_id, newest, earliest or newest + timedelta(days=valid_days), named)


def hash_extended_content(content: str, until: date) -> str:
    """The hash of a table's rows once all of them hold until that day, from the hash before."""
    return hashlib.sha256(f"{content} valid until {until}".encode()).hexdigest()


def fill_snapshot_id(frame: pl.DataFrame, snapshot_id: str) -> pl.DataFrame:
    """The rows with the id in their snapshot's columns, wherever it was not known yet."""
    columns = [name for name in ("snapshot_id", "first_snapshot_id") if name in frame.columns]
    said = pl.col(columns)
    return frame.with_columns(pl.when(said == UNPUBLISHED).then(pl.lit(snapshot_id)).otherwise(said).name.keep())
