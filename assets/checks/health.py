"""The health of the last deliveries and of the publication.

Belongs here: what counts as late, refused, shrinking or stale, with one sentence per issue.
Does not belong here: printing issues (`assets.cli.doctor`), sending them (`assets.automation.alerts`).
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.config.company import Config, SourceConfig
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import DELIVERY, ORIGIN
from pipelines.ingest.fetch_targets import list_fetch_targets
from pipelines.ingest.fetching import describe_fetch_issues
from pipelines.ingest.origins.opening import open_origin
from pipelines.ingest.origins.origin import OriginUnreadable, pattern_depth
from pipelines.snapshots.reader import NothingPublished, current_snapshot
from pipelines.storage.lake import Lake

# A full export with less than this share of the last one's rows is shrinking.
_SHRINKING_SHARE = 0.5
# More than this share of quarantined rows in the last file is an issue.
_QUARANTINED_SHARE = 0.05


def find_issues(settings: Settings, config: Config, now: datetime) -> list[str]:
    """Find sources without files, late, shrinking, refused or unfetched files, and a missing or stale publication.

    Args:
        settings: Where the lake and the publication are.
        config: The sources.
        now: The current time (UTC).

    Returns:
        One sentence per issue.
    """
    lake = Lake(settings.lake_path)
    deliveries = lake.scan(DELIVERY).collect()
    issues = [issue for source in config.sources for issue in _find_source_issues(deliveries, source, now)]
    return [*issues, *find_fetch_issues(lake, config), *_find_publication_issues(settings.published_path, now.date())]


def find_fetch_issues(lake: Lake, config: Config) -> list[str]:
    """What the last fetch from each origin of footsteps.yaml could not read or refused, in one sentence each."""
    urls = {target.name: target.options.url for target in list_fetch_targets(config)}
    last_fetches = lake.scan(ORIGIN).collect().to_dicts() if urls else []
    return [
        issue
        for fetch_row in last_fetches
        if urls.get(fetch_row["source_name"]) == fetch_row["origin_url"]
        for issue in describe_fetch_issues(
            fetch_row["source_name"], fetch_row["origin_url"], fetch_row["fetch_problem"], fetch_row["refusals"]
        )
    ]


def check_origins(config: Config) -> list[str]:
    """Connect to every origin of footsteps.yaml and list its files.

    Returns:
        One sentence per origin that cannot be read now.
    """
    issues = []
    for target in list_fetch_targets(config):
        try:
            with open_origin(target.options) as origin:
                origin.list_files(pattern_depth(target.pattern))
        except OriginUnreadable as failure:
            issues += describe_fetch_issues(target.name, target.options.url, str(failure), ())
    return issues


def find_refused_deliveries(ledger: pl.DataFrame, source_name: str) -> pl.DataFrame:
    """Select the refused files of a source whose content was not landed afterwards.

    Args:
        ledger: Rows of the ledger of deliveries.
        source_name: Name of the source.

    Returns:
        The last row of the ledger per refused content.
    """
    deliveries = ledger.filter(source_name=source_name).sort("delivery_number")
    return deliveries.unique("file_sha256", keep="last", maintain_order=True).filter(delivery_status="refused")


def _find_source_issues(deliveries: pl.DataFrame, source: SourceConfig, now: datetime) -> list[str]:
    landed_files = (
        deliveries.filter(source_name=source.name, delivery_status="landed").sort("delivery_number").to_dicts()
    )
    refusals = [f"refused: {reason}" for reason in find_refused_deliveries(deliveries, source.name)["delivery_reason"]]
    if not landed_files:
        issues = ["no file was ever landed: check its path in footsteps.yaml and the landing folder."]
    else:
        issues = _find_file_issues(landed_files, source, now)
    return [f"{source.name}: {issue}" for issue in (*issues, *refusals)]


def _find_file_issues(landed_files: list[dict[str, Any]], source: SourceConfig, now: datetime) -> list[str]:
    last_file, previous_file = landed_files[-1], landed_files[-2:][0]
    age_days = (now - last_file["landed_at"]).total_seconds() / 86_400
    row_count = last_file["good_count"] + last_file["bad_count"]
    is_present_by_issue = {
        f"late: the last file came {age_days:.1f} days ago, one is due every {source.freshness_days or 0:g} days.": (
            source.freshness_days is not None and age_days > source.freshness_days
        ),
        f"shrinking: {last_file['good_count']:,} rows in the last file, {previous_file['good_count']:,} in the one "
        "before.": (
            # an incremental file is as large as its day
            source.delivery == "full" and last_file["good_count"] < previous_file["good_count"] * _SHRINKING_SHARE
        ),
        f"{last_file['bad_count']:,} of {row_count:,} rows of its last file are in quarantine.": (
            last_file["bad_count"] > row_count * _QUARANTINED_SHARE
        ),
    }
    return [issue for issue, is_present in is_present_by_issue.items() if is_present]


def _find_publication_issues(published_path: Path, today: date) -> list[str]:
    try:
        snapshot = current_snapshot(published_path)
    except NothingPublished as error:
        return [f"{error}."]
    if snapshot.is_stale(today):
        return [f"the published snapshot was valid until {snapshot.valid_until}: no run has succeeded since."]
    return []
