"""The rows that new deliveries change: their own rows, and every earlier row of the same records.

Belongs here: selecting those rows without reading a whole table.
Does not belong here: which deliveries are current (`pipelines.ingest.landing`), what rows mean
(`pipelines.core.conform`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.ingest.deliveries import scan_current_rows, scan_deliveries
from pipelines.storage.lake import Lake


class DeliveryKey(NamedTuple):
    """A current delivery: its source, file content, mapping and number."""

    source_name: str
    file_sha256: str
    mapping_code: str
    delivery_number: int


@dataclass(frozen=True)
class ChangedRows:
    """The rows that new deliveries change.

    Attributes:
        rows: The current rows of every record in a new delivery, in the contract of the raw table, with system_name.
        records: One row per such record: source_name, record_code.
    """

    rows: pl.LazyFrame
    records: pl.DataFrame


# A role ends when the next one starts, so a new record changes its neighbour: the whole schema is read again.
_COMPLETELY_READ_SCHEMAS: frozenset[CanonicalSchemaName] = frozenset({"role_period"})


def read_new_deliveries(
    lake: Lake,
    shape: CanonicalSchemaName,
    sources_by_table: Mapping[str, tuple[str, list[SourceConfig]]],
    earlier_deliveries_by_table: Mapping[str, Sequence[DeliveryKey]],
    current_deliveries_by_table: Mapping[str, Sequence[DeliveryKey]],
) -> ChangedRows | None:
    """The rows that deliveries since an earlier run change.

    Args:
        lake: Where the raw tables are.
        shape: The canonical schema.
        sources_by_table: System and sources of each raw table of the schema, by table name.
        earlier_deliveries_by_table: The deliveries that were current in the earlier run, by table name.
        current_deliveries_by_table: The deliveries that are current now, by table name.

    Returns:
        The changed rows; None if nothing is new, if a delivery is no longer current, or if records of this schema
        depend on each other.
    """
    if shape in _COMPLETELY_READ_SCHEMAS or any(
        set(earlier_deliveries_by_table[table_name]) - set(current_deliveries_by_table[table_name])
        for table_name in sources_by_table
    ):
        return None
    new_deliveries_by_table = {
        table_name: sorted(set(current_deliveries_by_table[table_name]) - set(earlier_deliveries_by_table[table_name]))
        for table_name in sources_by_table
    }
    changed_rows_per_table = [
        _read_changed_rows(
            lake, shape, *sources_by_table[table_name], new_deliveries, current_deliveries_by_table[table_name]
        )
        for table_name, new_deliveries in new_deliveries_by_table.items()
        if new_deliveries
    ]
    if not changed_rows_per_table:
        return None
    return ChangedRows(
        pl.concat([changed_rows.rows for changed_rows in changed_rows_per_table]),
        pl.concat([changed_rows.records for changed_rows in changed_rows_per_table]).unique(),
    )


def _read_changed_rows(
    lake: Lake,
    shape: CanonicalSchemaName,
    system: str,
    sources: list[SourceConfig],
    new_deliveries: Sequence[DeliveryKey],
    current_deliveries: Sequence[DeliveryKey],
) -> ChangedRows:
    """The changed rows of one raw table with new deliveries."""
    table = raw_table(system, CANONICAL_SCHEMAS[shape])
    new_rows, current_rows = (
        scan_deliveries(lake, table, pl.DataFrame(list(delivery_keys), schema=list(DeliveryKey._fields), orient="row"))
        for delivery_keys in (new_deliveries, current_deliveries)
    )
    # a learning record that voids another one changes that one too
    code_columns = ("record_code", "voids_code") if shape == "learning_record" else ("record_code",)
    record_code_frames = [
        new_rows.select("source_name", pl.col(code_column).alias("record_code")) for code_column in code_columns
    ]
    changed_records = pl.concat(record_code_frames).drop_nulls().unique().collect()
    if shape == "learning_record":
        changed_records = _add_records_of_same_state(current_rows, changed_records)
    feeding_sources = [source for source in sources if source.name in set(changed_records["source_name"])]
    select_records = partial(_select_records, changed_records=changed_records, shape=shape)
    changed_rows = scan_current_rows(lake, table, shape, feeding_sources, select_records)
    return ChangedRows(changed_rows.with_columns(pl.lit(system).alias("system_name")), changed_records)


def _add_records_of_same_state(current_rows: pl.LazyFrame, changed_records: pl.DataFrame) -> pl.DataFrame:
    """The records, and those that share a state_code with one of them: another of these may now be the last one."""
    records_with_state = (
        current_rows.select("source_name", "record_code", "state_code").drop_nulls("state_code").unique()
    )
    changed_states = records_with_state.join(changed_records.lazy(), on=("source_name", "record_code"), how="semi")
    related_records = records_with_state.join(changed_states, on=("source_name", "state_code"), how="semi").select(
        "source_name", "record_code"
    )
    return pl.concat([changed_records, related_records.collect()]).unique()


def _select_records(rows: pl.LazyFrame, changed_records: pl.DataFrame, shape: CanonicalSchemaName) -> pl.LazyFrame:
    """The rows of these records, and the rows that void them."""
    record_key = ("source_name", "record_code")
    selected_rows = rows.join(changed_records.lazy(), on=record_key, how="semi")
    if shape != "learning_record":
        return selected_rows
    voiding_rows = rows.join(
        changed_records.lazy(), left_on=("source_name", "voids_code"), right_on=record_key, how="semi"
    )
    return pl.concat([selected_rows, voiding_rows]).unique(("delivery_number", "row_number"))
