"""The state of each source: its current files, what was refused, and its last fetch.

Belongs here: what `footsteps run --json` and the metrics say of a source.
Does not belong here: what of it is an issue (`health`).
"""

from pathlib import Path
from typing import Any

from pipelines.config.company import Config
from pipelines.contracts.catalog import DELIVERY, ORIGIN
from pipelines.ingest.deliveries import current_deliveries
from pipelines.ingest.delivery_notices import find_notices
from pipelines.ingest.refusals import find_open_refusals
from pipelines.storage.lake import Lake


def describe_sources(lake: Lake, config: Config, landing_folder: Path) -> list[dict[str, Any]]:
    """Describe the current files of every source, what was refused, and its last fetch.

    Args:
        lake: Where the ledger is.
        config: The sources.
        landing_folder: The landing folder.

    Returns:
        One entry per source: its current files, rows and quarantined rows, refused files, notices and last fetch.
    """
    delivery_ledger = lake.scan(DELIVERY).collect()
    last_fetch_by_source = {fetch_row["source_name"]: fetch_row for fetch_row in lake.scan(ORIGIN).collect().to_dicts()}
    source_states = []
    for source in config.sources:
        current_files = current_deliveries(lake, source)
        open_refusals = find_open_refusals(delivery_ledger, source, landing_folder)
        refused_files = open_refusals.select(file="file_name", reason="delivery_reason")
        source_status = "landed" if current_files.height else "no_file"
        last_fetch = last_fetch_by_source.get(source.name) if source.fetch else None
        if last_fetch and last_fetch["fetch_problem"]:
            source_status = "not_fetched"
        source_states.append(
            {
                "name": source.name,
                "system": source.system,
                "status": "refused" if refused_files.height else source_status,
                "files": current_files.height,
                "rows": int(current_files["good_count"].sum()),
                "quarantined": int(current_files["bad_count"].sum()),
                "refused": refused_files.to_dicts(),
                "notices": find_notices(delivery_ledger, source.name),
                "fetch": last_fetch and _to_fetch_document(last_fetch),
            }
        )
    return source_states


def _to_fetch_document(fetch_row: dict[str, Any]) -> dict[str, Any]:
    """The last fetch of a source: its address, its files by what became of them, and what went wrong."""
    file_count_by_reason = {reason_count["why"]: reason_count["count"] for reason_count in fetch_row["file_counts"]}
    return {
        "url": fetch_row["origin_url"],
        **file_count_by_reason,
        "refusals": fetch_row["refusals"],
        "problem": fetch_row["fetch_problem"],
    }
