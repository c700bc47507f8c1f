"""What Dagster's UI shows of a table: its asset, its columns, and metadata of each write.

Belongs here: metadata rendered from a contract, from declared lineage or from written rows.
Does not belong here: what a table holds (`assets.tables`), which column is made of which
(`pipelines.contracts.lineage`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from dagster import (
    AssetExecutionContext,
    AssetKey,
    AssetSpec,
    MaterializeResult,
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableConstraints,
    TableRecord,
    TableSchema,
)

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.classification import DataClass
from pipelines.contracts.lineage import find_origins
from pipelines.contracts.personal_columns import classify_columns, is_impersonal
from pipelines.contracts.table import Column, Table
from pipelines.contracts.table_declaration import ColumnOrigin
from pipelines.storage.write_result import WriteResult

PREVIEW_ROWS = 5
# Metadata of a write that removed micro-skills, people, units, roles or courses: one sentence per line.
VANISHED = "vanished"
# A column's description names this many columns as its origin; the column lineage of a materialization has them all.
MAX_ORIGINS = 4
# Columns with the time of a row. The first one that a table has counts.
TIME_COLUMNS = ("occurred_at", "worked_at", "stated_at", "reached_at", "last_practised_at")
# Hashes tell nothing in a preview and are wide.
_HASH_COLUMNS = ("file_sha256", "content_sha256", "evidence_id")
# Sentences about one person: in a preview they are wide, and closer to the person than codes and counts.
_SENTENCE_COLUMNS = ("explanation", "counterfactual", "how", "why", "finding")


def table_contract(table_name: str) -> Table:
    """The contract of a table.

    Args:
        table_name: Name of a table of the catalogue, of a raw table or of a quarantine.

    Raises:
        KeyError: No contract has the name.
    """
    if table_name in TABLES:
        return TABLES[table_name]
    if table_name.startswith("quarantine__"):
        return quarantine_table(table_contract(table_name.removeprefix("quarantine__")).name)
    system, suffix = table_name.removeprefix("raw_").split("__")
    schema_by_suffix = {schema.table_suffix: schema for schema in CANONICAL_SCHEMAS.values()}
    return raw_table(system, schema_by_suffix[suffix])


def build_asset_spec(table: Table, *, deps: Sequence[Table] = (), kinds: set[str] | None = None) -> AssetSpec:
    """The asset of a table, described by its contract.

    Args:
        table: Contract of the table; its name is the asset key.
        deps: Contracts of the tables it is made of.
        kinds: Labels that the UI shows; Polars and Parquet if None.
    """
    return AssetSpec(
        key=table.name,
        deps=[upstream_table.name for upstream_table in deps],
        description=table.description,
        metadata=contract_metadata(table, deps),
        group_name=table.layer,
        owners=[table.owner],
        kinds=kinds or {"polars", "parquet"},
        tags={"layer": table.layer},
    )


def contract_metadata(table: Table, inputs: Sequence[Table] = ()) -> dict[str, Any]:
    """Dagster metadata of a contract: column schema, key, readers, retention and version.

    Args:
        table: Contract of the table.
        inputs: Contracts of the tables it is made of; column descriptions name the columns of origin.
    """
    origins_by_column = find_origins(table, inputs)
    required_columns, data_classes = {*table.key, *table.required}, classify_columns(table)
    columns = [
        TableColumn(
            column.name,
            str(column.dtype),
            _describe_column(column, data_classes[column.name], origins_by_column.get(column.name, ())),
            TableColumnConstraints(nullable=column.name not in required_columns, unique=table.key == (column.name,)),
        )
        for column in table.columns
    ]
    table_rules = [rule.name for rule in table.rules if rule.kind in ("references", "row") or len(rule.columns) > 1]
    return {
        "dagster/column_schema": TableSchema(columns, TableConstraints(table_rules)),
        "key": ", ".join(table.key) or "none",
        "readers": ", ".join(table.readers) or "none",
        "retention_days": table.retention_days or "kept",
        "contract_version": table.version,
    }


def find_newest_time(rows: pl.DataFrame) -> datetime | None:
    """The time of the newest row; None without a column of times or without rows."""
    newest_times = [rows[column].max() for column in TIME_COLUMNS if column in rows.columns]
    return newest_times[0] if newest_times and isinstance(newest_times[0], datetime) else None


def written_metadata(
    write_result: WriteResult, rows: pl.DataFrame, table: Table, newest_time: datetime | None
) -> dict[str, Any]:
    """Dagster metadata of a write: rows, bytes, content hash, time of the newest row, and a preview.

    Args:
        write_result: What the lake returned.
        rows: The rows that were written, or the first of them.
        table: Contract of the table.
        newest_time: The time of the newest row, as `find_newest_time` returns it.
    """
    metadata = {
        "dagster/row_count": write_result.rows,
        "bytes": write_result.bytes,
        "content_sha256": write_result.content_sha256,
        "changed": write_result.changed,
        "path": MetadataValue.path(str(write_result.path)),
        "preview": preview_rows(rows, table),
    }
    if newest_time is not None:
        metadata["newest_event"] = MetadataValue.timestamp(newest_time.timestamp())
    return metadata


def preview_rows(rows: pl.DataFrame, table: Table) -> MetadataValue:
    """The first rows, without hashes, sentences, and every column that says anything of a person."""
    data_classes = classify_columns(table)
    shown_columns = [
        column_name
        for column_name, data_class in data_classes.items()
        if is_impersonal(data_class) and column_name not in (*_HASH_COLUMNS, *_SENTENCE_COLUMNS)
    ]
    preview_records = [
        TableRecord({column_name: _format_cell(row[column_name]) for column_name in shown_columns})
        for row in rows.head(PREVIEW_ROWS).to_dicts()
    ]
    return MetadataValue.table(
        preview_records, TableSchema([TableColumn(column_name, "string") for column_name in shown_columns])
    )


def attach_lineage(results: Iterable[Any], context: AssetExecutionContext) -> Iterator[Any]:
    """Add column lineage to materializations.

    Dagster reads lineage from materializations, not from definitions. Its open-source UI draws no graph of columns;
    there a column's description names its origin.

    Args:
        results: Materializations and check results of an asset function.
        context: Its execution context, which knows the inputs of each asset.

    Returns:
        The same results; each materialization has the columns of origin of each of its columns.
    """
    for asset_result in results:
        if isinstance(asset_result, MaterializeResult) and asset_result.asset_key is not None:
            input_names = sorted(
                dep_key.to_user_string() for dep_key in context.assets_def.asset_deps[asset_result.asset_key]
            )
            contract = table_contract(asset_result.asset_key.to_user_string())
            origins_by_column = find_origins(contract, [table_contract(input_name) for input_name in input_names])
            lineage = TableColumnLineage(
                {
                    own_column: [
                        TableColumnDep(asset_key=AssetKey(origin_table), column_name=origin_column)
                        for origin_table, origin_column in column_origins
                    ]
                    for own_column, column_origins in origins_by_column.items()
                }
            )
            asset_result = asset_result._replace(
                metadata={**(asset_result.metadata or {}), "dagster/column_lineage": lineage}
            )
        yield asset_result


def numeric_metadata(metadata: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among an asset's metadata, by name. Dagster plots them over time."""
    plain_metadata = {
        metadata_name: getattr(metadata_value, "value", metadata_value)
        for metadata_name, metadata_value in metadata.items()
    }
    return {
        metadata_name: metadata_value
        for metadata_name, metadata_value in plain_metadata.items()
        if isinstance(metadata_value, int | float) and not isinstance(metadata_value, bool)
    }


def _describe_column(column: Column, data_class: DataClass, origins: Sequence[ColumnOrigin]) -> str:
    unit_text = f" In {column.unit}." if column.unit else ""
    further_origins = f" and {len(origins) - MAX_ORIGINS} more" if len(origins) > MAX_ORIGINS else ""
    origin_list = ", ".join(f"{origin_table}.{origin_column}" for origin_table, origin_column in origins[:MAX_ORIGINS])
    origin_text = f" From {origin_list}{further_origins}." if origin_list else ""
    return f"{column.description}{unit_text} Class: {data_class}.{origin_text}"


def _format_cell(cell: Any) -> str | int | float | bool:
    if isinstance(cell, bool | int | float | str):
        return cell
    if isinstance(cell, date | datetime):
        return cell.isoformat()
    return "" if cell is None else str(cell)
