"""Recorded counts: what the rules of a table found in the rows that are in it now, stored beside the lake's tables.

Belongs here: the stored form, and of which content, contract and reference values the counts are true.
Does not belong here: how rows are counted (`pipelines.validation`), when counts are recorded (`lake`).

An unchanged table repeats its check results from its recorded counts, without a row being read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from pipelines.contracts.rule_counts import RuleCounts, fingerprint_contract, parse_rule_counts
from pipelines.contracts.table import Table
from pipelines.storage.atomic_write import write_text_atomically

_COUNTS_FOLDER = ".rule_counts"


@dataclass(frozen=True)
class RecordedCounts:
    """The counts of a table.

    Attributes:
        content_hash: Content hash of the table.
        quarantine_hash: Content hash of its quarantine.
        contract_fingerprint: Fingerprint of the contract whose rules were evaluated.
        reference_fingerprints: Fingerprint of the reference values, by `table.key`, that all rows were compared with.
        kept_counts: The rows in the table.
        set_aside_counts: The rows in the quarantine.
    """

    content_hash: str | None
    quarantine_hash: str | None
    contract_fingerprint: str
    reference_fingerprints: Mapping[str, str]
    kept_counts: RuleCounts
    set_aside_counts: RuleCounts

    @property
    def counts(self) -> RuleCounts:
        """All rows that arrived."""
        return self.kept_counts + self.set_aside_counts


def read_recorded_counts(
    lake_folder: Path, table: Table, content_hash: str | None, quarantine_hash: str | None
) -> RecordedCounts | None:
    """The recorded counts of a table.

    Args:
        lake_folder: Folder of the lake.
        table: The table.
        content_hash: Content hash of the table now.
        quarantine_hash: Content hash of its quarantine now.

    Returns:
        The counts; None if there are none of this content and contract, or if another version recorded them.
    """
    counts_path = lake_folder / _COUNTS_FOLDER / f"{table.name}.json"
    stored_document = json.loads(counts_path.read_text()) if counts_path.exists() else {}
    is_current = (stored_document.get("content"), stored_document.get("quarantine")) == (content_hash, quarantine_hash)
    if content_hash is None or not is_current or stored_document["contract"] != fingerprint_contract(table):
        return None
    kept_counts, set_aside_counts = (
        parse_rule_counts(stored_document[count_group]) for count_group in ("kept", "set_aside")
    )
    if kept_counts is None or set_aside_counts is None:
        return None
    return RecordedCounts(
        content_hash,
        quarantine_hash,
        stored_document["contract"],
        stored_document["references"],
        kept_counts,
        set_aside_counts,
    )


def write_recorded_counts(lake_folder: Path, table: Table, recorded_counts: RecordedCounts) -> None:
    """Record the counts of a table, after its files and those of its quarantine are in place."""
    counts_document = {
        "content": recorded_counts.content_hash,
        "quarantine": recorded_counts.quarantine_hash,
        "contract": recorded_counts.contract_fingerprint,
        "references": dict(recorded_counts.reference_fingerprints),
        "kept": recorded_counts.kept_counts.to_document(),
        "set_aside": recorded_counts.set_aside_counts.to_document(),
    }
    write_text_atomically(lake_folder / _COUNTS_FOLDER / f"{table.name}.json", json.dumps(counts_document))


def fingerprint_values(reference_values: Mapping[str, pl.Series]) -> dict[str, str]:
    """A hash of each set of reference values that does not depend on their order.

    Args:
        reference_values: The values that may be referred to, by `Reference.target` (the table and the column).
    """
    distinct_values_by_column = {
        target_column: target_values.unique() for target_column, target_values in reference_values.items()
    }
    return {
        target_column: f"{target_values.len()}-{target_values.hash().sum()}"
        for target_column, target_values in distinct_values_by_column.items()
    }
