"""What a step has not seen yet: the rows, the records and the people that are new since it was made last.

Belongs here: what a step may leave as it is, where it can tell from its inputs.
Does not belong here: whether it is made at all (`assets.incremental.incremental_asset`), how a change is recorded
(`pipelines.storage.change_log`).
"""

import json
from collections.abc import Sequence

import polars as pl

from assets.resources.metadata import table_of
from assets.resources.pipeline import Night
from pipelines.contracts.canonical_schemas import SHAPES, ShapeName, raw_table
from pipelines.contracts.catalog import ACCOUNT
from pipelines.contracts.table import Table
from pipelines.core.identity_resolution import WHO, read_accounts
from pipelines.ingest.landing import scan_delivered
from pipelines.ingest.new_deliveries import Fresh, Landed, fresh_rows
from pipelines.storage.change_log import records_changed


def rows_unseen(night: Night, shape: ShapeName) -> Fresh | None:
    """The rows of a shape that a step has not seen yet, with all that bears on the same records; None for all."""
    if night.before is None:
        return None
    raw = {raw_table(system, SHAPES[shape]).name: (system, sources) for system, sources in
           night.sources_of(shape).items()}  # fmt: skip
    if not night.inputs_that_differ() <= set(raw):
        return None
    earlier = {name: _landed(night.before.inputs.get(name)) for name in raw}
    found = fresh_rows(night.lake, shape, raw, earlier, {name: night.deliveries_of(name) for name in raw})
    if found is None:
        return None
    return Fresh(read_accounts(found.rows, night.account_kinds), found.records, found.places)


def records_unseen(night: Night, tables: Sequence[Table]) -> dict[Table, pl.DataFrame] | None:
    """Of each table, the records that differ since the step's last run (see `records_changed`).

    None where that is not known, or where anything else that the step is made of differs too.
    """
    if night.before is None or not night.inputs_that_differ() <= {table.name for table in tables}:
        return None
    found = {}
    for table in tables:
        before, now = night.before.inputs.get(table.name), night.input(table.name)
        records = records_changed(night.lake.root, table, before, now)
        if records is None:
            return None
        found[table] = records
    return found


def names_nobody_new(night: Night) -> bool:
    """Whether a step's new files only name people, in the ways the accounts already know them."""
    if night.before is None:
        return False
    for name in sorted(night.inputs_that_differ()):
        if not name.startswith("raw_") or name.endswith(("entity_person", "assn_account")):
            return False
        earlier, now = set(_landed(night.before.inputs.get(name))), set(night.deliveries_of(name))
        if earlier - now or not _knows(night, name, sorted(now - earlier)):
            return False
    return True


def _landed(said: str | None) -> list[Landed]:
    return [Landed(*one) for one in json.loads(said or "[]")]


def _knows(night: Night, raw_name: str, landed: list[Landed]) -> bool:
    table = table_of(raw_name)
    asked = pl.DataFrame(landed, schema=list(Landed._fields), orient="row")
    system = raw_name.removeprefix("raw_").split("__")[0]
    rows = read_accounts(scan_delivered(night.lake, table, asked), night.account_kinds)
    named = rows.with_columns(system_name=pl.lit(system)).select("system_name", *WHO).unique()
    known = night.lake.scan(ACCOUNT).select("system_name", *WHO)
    new = named.join(known, on=("system_name", *WHO), how="anti", nulls_equal=True)
    return new.head(1).collect().is_empty()
