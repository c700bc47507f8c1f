"""The rows, records and accounts that are new since an asset's last execution.

Belongs here: the search for them, so that an asset can leave everything else as it is.
Does not belong here: whether an asset is executed at all (`assets.incremental.incremental_asset`), how a change is
recorded (`pipelines.storage.change_log`).
"""

import json
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from assets.incremental.asset_run import AssetRun
from assets.resources.metadata import table_contract
from assets.resources.raw_inputs import account_kinds, list_current_deliveries, sources_of_shape
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.contracts.catalog import ACCOUNT
from pipelines.contracts.table import Table
from pipelines.core.identity_resolution import ACCOUNT_KEYS, assign_account_keys
from pipelines.ingest.landing import scan_deliveries
from pipelines.ingest.new_deliveries import ChangedRows, DeliveryKey, read_new_deliveries
from pipelines.storage.change_log import find_changed_records
from pipelines.storage.run_state import AssetState


def find_new_rows(run: AssetRun, shape: CanonicalSchemaName) -> ChangedRows | None:
    """The rows of new files, with every row of the same records.

    Args:
        run: The execution; its changes hold the state of the last one.
        shape: Name of the canonical shape whose raw tables the asset reads.

    Returns:
        Rows with account keys and system_name, their records, and where the rows lie; None if the asset must read all
        rows: it was never executed, or an input other than the raw tables changed.
    """
    previous = run.changes.previous
    raw = {
        raw_table(system, CANONICAL_SCHEMAS[shape]).name: (system, sources)
        for system, sources in sources_of_shape(run.config, shape).items()
    }
    if previous is None or not run.changes.changed_inputs() <= set(raw):
        return None
    earlier = {name: _previous_deliveries(previous, name) for name in raw}
    current = {name: list_current_deliveries(run.tables.lake, run.config, name) for name in raw}
    changed = read_new_deliveries(run.tables.lake, shape, raw, earlier, current)
    return changed and replace(changed, rows=assign_account_keys(changed.rows, account_kinds(run.config)))


def find_records_to_update(run: AssetRun, tables: Sequence[Table]) -> dict[Table, pl.DataFrame] | None:
    """The records of each table that changed since the asset's last execution, as `find_changed_records` returns them.

    Args:
        run: The execution; its changes hold the state of the last one.
        tables: Contracts of the tables that the asset reads.

    Returns:
        Records by table; None if they are not known, or if an input other than the tables changed.
    """
    previous, records = run.changes.previous, {}
    if previous is None or not run.changes.changed_inputs() <= {table.name for table in tables}:
        return None
    for table in tables:
        before, now = previous.inputs.get(table.name), run.changes.inputs.get(table.name)
        changed = find_changed_records(run.tables.lake.root, table, before, now)
        if changed is None:
            return None
        records[table] = changed
    return records


def has_only_known_accounts(run: AssetRun) -> bool:
    """Whether the files that are new since the asset's last execution name only accounts that the lake knows."""
    previous = run.changes.previous
    if previous is None:
        return False
    for name in sorted(run.changes.changed_inputs()):
        if not name.startswith("raw_") or name.endswith(("entity_person", "assn_account")):
            return False
        earlier, current = (
            set(_previous_deliveries(previous, name)),
            set(list_current_deliveries(run.tables.lake, run.config, name)),
        )
        if earlier - current or not _are_accounts_known(run, name, sorted(current - earlier)):
            return False
    return True


def _previous_deliveries(previous: AssetState, raw_name: str) -> list[DeliveryKey]:
    """The deliveries of a raw table that the asset has read already."""
    return [DeliveryKey(*key) for key in json.loads(previous.inputs.get(raw_name) or "[]")]


def _are_accounts_known(run: AssetRun, raw_name: str, deliveries: list[DeliveryKey]) -> bool:
    keys = pl.DataFrame(deliveries, schema=list(DeliveryKey._fields), orient="row")
    rows = assign_account_keys(
        scan_deliveries(run.tables.lake, table_contract(raw_name), keys), account_kinds(run.config)
    ).with_columns(system_name=pl.lit(raw_name.removeprefix("raw_").split("__")[0]))
    named = rows.select("system_name", *ACCOUNT_KEYS).unique()
    accounts = run.tables.lake.scan(ACCOUNT).select("system_name", *ACCOUNT_KEYS)
    unknown = named.join(accounts, on=("system_name", *ACCOUNT_KEYS), how="anti", nulls_equal=True)
    return unknown.head(1).collect().is_empty()
