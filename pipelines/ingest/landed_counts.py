"""The counts of raw tables: the sums of what was recorded when each of their current deliveries was landed.

Belongs here: reading the counts of deliveries, and counting a delivery that an earlier version landed.
Does not belong here: recording the counts (`landing`), the evaluation of rules (`pipelines.validation`).
"""

import json
from collections.abc import Sequence

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.rule_counts import RuleCounts, fingerprint_contract, parse_rule_counts
from pipelines.contracts.table import Table
from pipelines.ingest.deliveries import current_deliveries, scan_deliveries
from pipelines.ingest.raw_tables import delivery_files, format_landed_counts
from pipelines.storage.atomic_write import write_text_atomically
from pipelines.storage.lake import Lake
from pipelines.validation.quarantine import count_quarantined
from pipelines.validation.rule_evaluation import count_rules

_DELIVERY_KEY = ("source_name", "file_sha256", "mapping_code")


def count_landed_rules(lake: Lake, table: Table, sources: Sequence[SourceConfig]) -> RuleCounts:
    """The counts of every row of the current deliveries of a raw table, superseded rows included.

    Args:
        lake: Where the raw tables are.
        table: The raw table.
        sources: The sources that feed the table.
    """
    delivery_keys_per_source = (current_deliveries(lake, source).select(_DELIVERY_KEY) for source in sources)
    counts_per_delivery = [
        _read_delivery_counts(lake, table, *delivery_key)
        for delivery_keys in delivery_keys_per_source
        for delivery_key in delivery_keys.rows()
    ]
    zero_counts = count_rules(table, pl.DataFrame(schema=table.schema))
    return sum(counts_per_delivery, start=zero_counts)


def _read_delivery_counts(
    lake: Lake, table: Table, source_name: str, file_sha256: str, mapping_code: str
) -> RuleCounts:
    """Return the recorded counts of one delivery.

    If an earlier version landed the delivery, or its rules were others, the rows of its files are counted and recorded.
    """
    counts_path = delivery_files(lake, table, source_name, file_sha256, mapping_code).counts_path
    stored_document = json.loads(counts_path.read_text()) if counts_path.exists() else {}
    if stored_document.get("contract") == fingerprint_contract(table):
        rule_counts = parse_rule_counts(stored_document["counts"])
        if rule_counts is not None:
            return rule_counts
    delivery_keys = pl.DataFrame([(source_name, file_sha256, mapping_code)], schema=list(_DELIVERY_KEY), orient="row")
    quarantined_rows = scan_deliveries(lake, quarantine_table(table.name), delivery_keys).collect()
    rule_counts = count_rules(table, scan_deliveries(lake, table, delivery_keys)) + count_quarantined(
        table, quarantined_rows
    )
    write_text_atomically(counts_path, format_landed_counts(table, rule_counts))
    return rule_counts
