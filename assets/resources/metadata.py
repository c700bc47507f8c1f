"""Tables in and out of the lake, and what the UI is told about each.

Belongs here: the IO manager and the metadata rendered from a contract.
Does not belong here: what a table holds.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from dagster import (
    AssetSpec,
    ConfigurableIOManager,
    InputContext,
    MetadataValue,
    OutputContext,
    TableColumn,
    TableColumnConstraints,
    TableConstraints,
    TableRecord,
    TableSchema,
)

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.lineage import ColumnOrigin, find_origins
from pipelines.contracts.table import Column, Personal, Table
from pipelines.storage.lake import Lake, WriteResult

PREVIEW_ROWS = 5
# Columns that a description names as what a column is made of; the materialization has them all.
MOST_ORIGINS = 4
# The moment of a table's rows, the first that it has.
MOMENTS = ("occurred_at", "worked_at", "stated_at", "reached_at", "last_practised_at")
# Fingerprints say nothing at a glance and push the other columns off the screen.
_WIDE = ("file_sha256", "content_sha256", "evidence_id")


def table_contract(name: str) -> Table:
    """The contract of any table by its name. Raises KeyError for a name that no contract has."""
    if name in TABLES:
        return TABLES[name]
    if name.startswith("quarantine__"):
        return quarantine_table(table_contract(name.removeprefix("quarantine__")).name)
    system, suffix = name.removeprefix("raw_").split("__")
    by_suffix = {shape.table_suffix: shape for shape in CANONICAL_SCHEMAS.values()}
    return raw_table(system, by_suffix[suffix])


def build_asset_spec(table: Table, *, deps: list[str] | None = None, kinds: set[str] | None = None) -> AssetSpec:
    """The asset of a table, described by its contract; of each column also what of the inputs it is made of."""
    return AssetSpec(
        key=table.name,
        deps=deps,
        description=table.description,
        metadata=contract_metadata(table, deps or ()),
        group_name=table.layer,
        owners=[table.owner],
        kinds=kinds or {"polars", "parquet"},
        tags={"layer": table.layer},
    )


def contract_metadata(table: Table, inputs: Iterable[str] = ()) -> dict[str, Any]:
    """Column schema with descriptions and constraints, key, readers and retention, as Dagster metadata."""
    origins = find_origins(table, [table_contract(name) for name in inputs])
    unique = table.key if len(table.key) == 1 else ()
    required = {*table.key, *table.required}
    columns = [
        TableColumn(
            column.name,
            str(column.dtype),
            _describe(column, origins.get(column.name, ())),
            TableColumnConstraints(nullable=column.name not in required, unique=column.name in unique),
        )
        for column in table.columns
    ]
    others = [rule.name for rule in table.rules if rule.kind in ("references", "row") or len(rule.columns) > 1]
    return {
        "dagster/column_schema": TableSchema(columns, TableConstraints(others)),
        "key": ", ".join(table.key) or "none",
        "readers": ", ".join(table.readers) or "none",
        "retention_days": table.retention_days or "kept",
        "contract_version": table.version,
    }


def written_metadata(written: WriteResult, frame: pl.DataFrame, table: Table) -> dict[str, Any]:
    """What a write left behind: rows, bytes, hash, newest day, and a preview without personal values."""
    metadata: dict[str, Any] = {
        "dagster/row_count": written.rows,
        "bytes": written.bytes,
        "content_sha256": written.content_sha256,
        "changed": written.changed,
        "path": MetadataValue.path(str(written.path)),
        "preview": preview(frame, table),
    }
    if (newest := _newest(frame)) is not None:
        metadata["newest_event"] = MetadataValue.timestamp(newest)
    return metadata


def preview(frame: pl.DataFrame, table: Table) -> MetadataValue:
    """The first rows, with every column that could lead to a person withheld."""
    shown = [one for one in table.columns if one.personal is Personal.NONE and one.name not in _WIDE]
    records = [
        TableRecord({column.name: _plain(row[column.name]) for column in shown})
        for row in frame.head(PREVIEW_ROWS).to_dicts()
    ]
    return MetadataValue.table(records, TableSchema([TableColumn(column.name, "string") for column in shown]))


class LakeIOManager(ConfigurableIOManager):
    """Writes an asset's frame through its contract, and hands its rows to what is downstream."""

    lake_path: str

    def handle_output(self, context: OutputContext, obj: pl.DataFrame) -> None:
        """Write the frame as the table of the asset's key; raises ContractBroken where it is not of its form."""
        table = table_contract(context.asset_key.to_user_string())
        written = self._lake.write(table, obj)
        context.add_output_metadata(written_metadata(written, obj, table))

    def load_input(self, context: InputContext) -> pl.DataFrame:
        """All rows of the upstream table."""
        return self._lake.scan(table_contract(context.asset_key.to_user_string())).collect()

    @property
    def _lake(self) -> Lake:
        return Lake(Path(self.lake_path))


def _describe(column: Column, origins: Sequence[ColumnOrigin]) -> str:
    unit = f" In {column.unit}." if column.unit else ""
    personal = "" if column.personal is Personal.NONE else f" Personal: {column.personal}."
    more = f" and {len(origins) - MOST_ORIGINS} more" if len(origins) > MOST_ORIGINS else ""
    listed = ", ".join(f"{table}.{name}" for table, name in origins[:MOST_ORIGINS])
    return f"{column.description}{unit}{personal}" + (f" From {listed}{more}." if listed else "")


def _newest(frame: pl.DataFrame) -> float | None:
    moments = [name for name in MOMENTS if name in frame.columns]
    if not moments or not frame.height:
        return None
    newest = frame[moments[0]].max()
    return newest.timestamp() if isinstance(newest, datetime) else None


def _plain(value: Any) -> str | int | float | bool:
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date | datetime):
        return value.isoformat()
    return "" if value is None else str(value)
