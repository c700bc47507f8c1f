"""Refusals that somebody still has to look at, and how one ends.

Belongs here: which refused files are open.
Does not belong here: refusing a file (`landing`), showing it (`assets.checks`, `assets.cli`).

A refusal ends when its content is landed, when a later landing brings a good file of the source, when the file is gone
from the landing folder, or when somebody acknowledges it.
"""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.deliveries import ARRIVAL_STATUSES
from pipelines.ingest.landing import list_landing_files
from pipelines.ingest.ledger_writer import LedgerWriter
from pipelines.storage.atomic_write import file_sha256
from pipelines.storage.lake import Lake

ACKNOWLEDGED = "acknowledged"


def find_open_refusals(ledger: pl.DataFrame, source: SourceConfig, landing_folder: Path) -> pl.DataFrame:
    """Select the refusals of a source that have not ended.

    A refusal has ended if its content was landed or acknowledged, if a later landing brought a good file of the source,
    or if the file is gone from the landing folder.

    Args:
        ledger: Rows of the ledger of deliveries (`DELIVERY`).
        source: The source.
        landing_folder: The landing folder. If it is out of reach, no file counts as gone.

    Returns:
        The last row of the ledger per refused content, in the order of delivery.
    """
    deliveries = ledger.filter(source_name=source.name).sort("delivery_number")
    last_arrival_at = deliveries.filter(pl.col("delivery_status").is_in(ARRIVAL_STATUSES))["landed_at"].max()
    refusals = deliveries.unique("file_sha256", keep="last", maintain_order=True).filter(delivery_status="refused")
    if last_arrival_at is not None:
        refusals = refusals.filter(pl.col("landed_at") >= last_arrival_at)
    if refusals.is_empty() or not landing_folder.is_dir():
        return refusals
    refused_file_names = set(refusals["file_name"])
    present_paths = [
        path for path in list_landing_files(landing_folder, source.path) if path.name in refused_file_names
    ]
    return refusals.filter(pl.col("file_sha256").is_in([file_sha256(path) for path in present_paths]))


def acknowledge_refusals(
    lake: Lake, source: SourceConfig, landing_folder: Path, file_names: Iterable[str], now: datetime
) -> list[str]:
    """End the open refusals of some files of a source by a row of the ledger.

    Args:
        lake: Where the ledger is. The caller holds the lock of the data root.
        source: The source.
        landing_folder: The landing folder.
        file_names: Names of refused files; none for all files of the source.
        now: The time that the ledger records, in UTC.

    Returns:
        The names of the files whose refusal ended.
    """
    ledger = LedgerWriter(lake)
    open_refusals = find_open_refusals(ledger.rows, source, landing_folder)
    if chosen_file_names := set(file_names):
        open_refusals = open_refusals.filter(pl.col("file_name").is_in(chosen_file_names))
    for refusal in open_refusals.iter_rows(named=True):
        acknowledgement = {
            **refusal,
            "delivery_number": ledger.take_number(),
            "delivery_status": ACKNOWLEDGED,
            "delivered_date": now.date(),
            "landed_at": now,
        }
        ledger.append(pl.DataFrame([acknowledgement], schema=DELIVERY.schema))
    ledger.write()
    return open_refusals["file_name"].to_list()
