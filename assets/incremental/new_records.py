"""What a step has not seen yet: the rows, the records and the people that are new since it was made last.

Belongs here: what a step may leave as it is, where it can tell from its inputs.
Does not belong here: whether it is made at all (`assets.incremental.incremental_asset`), how a change is recorded
(`pipelines.storage.change_log`).
"""

import json
from collections.abc import Sequence

import polars as pl

from assets.resources.metadata import table_contract
from assets.resources.pipeline import PipelineResource
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.contracts.catalog import ACCOUNT
from pipelines.contracts.table import Table
from pipelines.core.identity_resolution import ACCOUNT_KEYS, assign_account_keys
from pipelines.ingest.landing import scan_deliveries
from pipelines.ingest.new_deliveries import ChangedRows, DeliveryKey, read_new_deliveries
from pipelines.storage.change_log import find_changed_records


def find_new_rows(pipeline: PipelineResource, shape: CanonicalSchemaName) -> ChangedRows | None:
    """The rows of a shape that a step has not seen yet, with all that bears on the same records; None for all."""
    if pipeline.before is None:
        return None
    raw = {
        raw_table(system, CANONICAL_SCHEMAS[shape]).name: (system, sources)
        for system, sources in pipeline.sources_of(shape).items()
    }
    if not pipeline.changed_inputs() <= set(raw):
        return None
    earlier = {name: _landed(pipeline.before.inputs.get(name)) for name in raw}
    found = read_new_deliveries(
        pipeline.lake, shape, raw, earlier, {name: pipeline.current_delivery_keys(name) for name in raw}
    )
    if found is None:
        return None
    return ChangedRows(assign_account_keys(found.rows, pipeline.account_kinds), found.records, found.row_locations)


def find_records_to_update(pipeline: PipelineResource, tables: Sequence[Table]) -> dict[Table, pl.DataFrame] | None:
    """Of each table, the records that differ since the step's last run (see `records_changed`).

    None where that is not known, or where anything else that the step is made of differs too.
    """
    if pipeline.before is None or not pipeline.changed_inputs() <= {table.name for table in tables}:
        return None
    found = {}
    for table in tables:
        before, now = pipeline.before.inputs.get(table.name), pipeline.input(table.name)
        records = find_changed_records(pipeline.lake.root, table, before, now)
        if records is None:
            return None
        found[table] = records
    return found


def has_only_known_accounts(pipeline: PipelineResource) -> bool:
    """Whether a step's new files only name people, in the ways the accounts already know them."""
    if pipeline.before is None:
        return False
    for name in sorted(pipeline.changed_inputs()):
        if not name.startswith("raw_") or name.endswith(("entity_person", "assn_account")):
            return False
        earlier, now = set(_landed(pipeline.before.inputs.get(name))), set(pipeline.current_delivery_keys(name))
        if earlier - now or not _knows(pipeline, name, sorted(now - earlier)):
            return False
    return True


def _landed(said: str | None) -> list[DeliveryKey]:
    return [DeliveryKey(*one) for one in json.loads(said or "[]")]


def _knows(pipeline: PipelineResource, raw_name: str, landed: list[DeliveryKey]) -> bool:
    table = table_contract(raw_name)
    asked = pl.DataFrame(landed, schema=list(DeliveryKey._fields), orient="row")
    system = raw_name.removeprefix("raw_").split("__")[0]
    rows = assign_account_keys(scan_deliveries(pipeline.lake, table, asked), pipeline.account_kinds)
    named = rows.with_columns(system_name=pl.lit(system)).select("system_name", *ACCOUNT_KEYS).unique()
    known = pipeline.lake.scan(ACCOUNT).select("system_name", *ACCOUNT_KEYS)
    new = named.join(known, on=("system_name", *ACCOUNT_KEYS), how="anti", nulls_equal=True)
    return new.head(1).collect().is_empty()
