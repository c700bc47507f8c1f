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
from pipelines.ingest.deliveries import scan_deliveries
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
    previous_state = run.changes.previous
    sources_by_raw_table = {
        raw_table(system, CANONICAL_SCHEMAS[shape]).name: (system, sources)
        for system, sources in sources_of_shape(run.config, shape).items()
    }
    if previous_state is None or not run.changes.changed_inputs() <= set(sources_by_raw_table):
        return None
    earlier_deliveries = {raw_name: _previous_deliveries(previous_state, raw_name) for raw_name in sources_by_raw_table}
    current_deliveries = {
        raw_name: list_current_deliveries(run.tables.lake, run.config, raw_name) for raw_name in sources_by_raw_table
    }
    changed_rows = read_new_deliveries(
        run.tables.lake, shape, sources_by_raw_table, earlier_deliveries, current_deliveries
    )
    return changed_rows and replace(
        changed_rows, rows=assign_account_keys(changed_rows.rows, account_kinds(run.config))
    )


def find_records_to_update(run: AssetRun, tables: Sequence[Table]) -> dict[Table, pl.DataFrame] | None:
    """The records of each table that changed since the asset's last execution, as `find_changed_records` returns them.

    Args:
        run: The execution; its changes hold the state of the last one.
        tables: Contracts of the tables that the asset reads.

    Returns:
        Records by table; None if they are not known, or if an input other than the tables changed.
    """
    previous_state, changed_records_by_table = run.changes.previous, {}
    if previous_state is None or not run.changes.changed_inputs() <= {table.name for table in tables}:
        return None
    for table in tables:
        previous_fingerprint, fingerprint = previous_state.inputs.get(table.name), run.changes.inputs.get(table.name)
        changed_records = find_changed_records(run.tables.lake.root, table, previous_fingerprint, fingerprint)
        if changed_records is None:
            return None
        changed_records_by_table[table] = changed_records
    return changed_records_by_table


def has_only_known_accounts(run: AssetRun) -> bool:
    """Whether the files that are new since the asset's last execution name only accounts that the lake knows.

    False as well if the asset was never executed, if an input changed that is no raw table or that holds people or
    account maps, or if a delivery was removed.
    """
    previous_state = run.changes.previous
    if previous_state is None:
        return False
    for input_name in sorted(run.changes.changed_inputs()):
        if not input_name.startswith("raw_") or input_name.endswith(("entity_person", "assn_account")):
            return False
        earlier_deliveries, current_deliveries = (
            set(_previous_deliveries(previous_state, input_name)),
            set(list_current_deliveries(run.tables.lake, run.config, input_name)),
        )
        if earlier_deliveries - current_deliveries or not _are_accounts_known(
            run, input_name, sorted(current_deliveries - earlier_deliveries)
        ):
            return False
    return True


def _previous_deliveries(previous_state: AssetState, raw_name: str) -> list[DeliveryKey]:
    """The deliveries of a raw table that the asset has read already."""
    return [DeliveryKey(*key_fields) for key_fields in json.loads(previous_state.inputs.get(raw_name) or "[]")]


def _are_accounts_known(run: AssetRun, raw_name: str, deliveries: list[DeliveryKey]) -> bool:
    delivery_keys = pl.DataFrame(deliveries, schema=list(DeliveryKey._fields), orient="row")
    delivered_rows = assign_account_keys(
        scan_deliveries(run.tables.lake, table_contract(raw_name), delivery_keys), account_kinds(run.config)
    ).with_columns(system_name=pl.lit(raw_name.removeprefix("raw_").split("__")[0]))
    named_accounts = delivered_rows.select("system_name", *ACCOUNT_KEYS).unique()
    known_accounts = run.tables.lake.scan(ACCOUNT).select("system_name", *ACCOUNT_KEYS)
    unknown_accounts = named_accounts.join(
        known_accounts, on=("system_name", *ACCOUNT_KEYS), how="anti", nulls_equal=True
    )
    return unknown_accounts.head(1).collect().is_empty()
