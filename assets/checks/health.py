"""The health of the last deliveries and of the publication.

Belongs here: what counts as late, refused, shrinking or stale, with one sentence per issue.
Does not belong here: printing issues (`assets.cli.doctor`), sending them (`assets.automation.alerts`).
"""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.checks.issue import Issue
from assets.checks.monitoring_health import find_monitoring_issues
from assets.checks.target_health import find_target_issues
from pipelines.config.company import Config, SourceConfig
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import DELIVERY, ORIGIN
from pipelines.ingest.fetch_targets import list_fetch_targets
from pipelines.ingest.fetching import describe_fetch_issues
from pipelines.ingest.origins.opening import open_origin
from pipelines.ingest.origins.origin import OriginUnreadable, pattern_depth
from pipelines.ingest.refusals import find_open_refusals
from pipelines.snapshots.reader import NothingPublished, current_snapshot
from pipelines.storage.lake import Lake

# A full export with less than this share of the last one's rows is shrinking.
_SHRINKING_ROW_SHARE = 0.5
# More than this share of quarantined rows in the last file is an issue.
_MAX_QUARANTINED_SHARE = 0.05


def find_issues(settings: Settings, config: Config, landing_folder: Path, now: datetime) -> list[Issue]:
    """Find sources without files, late, shrinking, refused or unfetched files, a missing or stale publication, targets
    that do not hold it, and systems that do not see the runs.

    Args:
        settings: Where the lake and the publication are.
        config: The sources and the targets.
        landing_folder: The landing folder.
        now: The current time (UTC).

    Returns:
        One issue per sentence.
    """
    lake = Lake(settings.lake_path)
    delivery_ledger = lake.scan(DELIVERY).collect()
    issues = [
        issue
        for source in config.sources
        for issue in _find_source_issues(delivery_ledger, source, landing_folder, now)
    ]
    return [
        *issues,
        *find_fetch_issues(lake, config),
        *_find_publication_issues(settings, config, now.date()),
        *find_monitoring_issues(settings, config),
    ]


def find_fetch_issues(lake: Lake, config: Config) -> list[Issue]:
    """What the last fetch from each origin of footsteps.yaml could not read or refused."""
    url_by_source = {fetch_target.name: fetch_target.options.url for fetch_target in list_fetch_targets(config)}
    last_fetch_rows = lake.scan(ORIGIN).collect().to_dicts() if url_by_source else []
    return [
        Issue(f"fetch:{issue_sentence}", issue_sentence)
        for fetch_row in last_fetch_rows
        if url_by_source.get(fetch_row["source_name"]) == fetch_row["origin_url"]
        for issue_sentence in describe_fetch_issues(
            fetch_row["source_name"], fetch_row["origin_url"], fetch_row["fetch_problem"], fetch_row["refusals"]
        )
    ]


def check_origins(config: Config) -> list[Issue]:
    """Connect to every origin of footsteps.yaml and list its files.

    Returns:
        One issue per origin that cannot be read now.
    """
    issue_sentences: list[str] = []
    for fetch_target in list_fetch_targets(config):
        try:
            with open_origin(fetch_target.options) as origin:
                origin.list_files(pattern_depth(fetch_target.pattern))
        except OriginUnreadable as failure:
            issue_sentences += describe_fetch_issues(fetch_target.name, fetch_target.options.url, str(failure), ())
    return [Issue(f"fetch:{issue_sentence}", issue_sentence) for issue_sentence in issue_sentences]


def _find_source_issues(
    delivery_ledger: pl.DataFrame, source: SourceConfig, landing_folder: Path, now: datetime
) -> list[Issue]:
    landed_files = (
        delivery_ledger.filter(source_name=source.name, delivery_status="landed").sort("delivery_number").to_dicts()
    )
    open_refusals = find_open_refusals(delivery_ledger, source, landing_folder).select("file_sha256", "delivery_reason")
    sentence_by_issue_kind = {
        f"refused:{file_sha256}": (
            f"refused: {refusal_reason}. Replace or remove the file, or run `footsteps acknowledge`."
        )
        for file_sha256, refusal_reason in open_refusals.iter_rows()
    }
    if landed_files:
        sentence_by_issue_kind |= _find_file_issues(landed_files, source, now)
    else:
        sentence_by_issue_kind["no_file"] = (
            "no file was ever landed: check its path in footsteps.yaml and the landing folder."
        )
    return [
        Issue(f"{source.name}:{issue_kind}", f"{source.name}: {issue_sentence}")
        for issue_kind, issue_sentence in sentence_by_issue_kind.items()
    ]


def _find_file_issues(landed_files: list[dict[str, Any]], source: SourceConfig, now: datetime) -> dict[str, str]:
    """What is wrong with the last file of a source: a sentence by kind."""
    last_file, previous_file = landed_files[-1], landed_files[-2:][0]
    age_days = (now - last_file["landed_at"]).total_seconds() / 86_400
    last_row_count = last_file["good_count"] + last_file["bad_count"]
    sentence_by_issue_kind = {}
    if source.freshness_days is not None and age_days > source.freshness_days:
        sentence_by_issue_kind["late"] = (
            f"late: the last file came {age_days:.1f} days ago, one is due every {source.freshness_days:g} days."
        )
    # an incremental file is as large as its day
    if source.delivery == "full" and last_file["good_count"] < previous_file["good_count"] * _SHRINKING_ROW_SHARE:
        sentence_by_issue_kind["shrinking"] = (
            f"shrinking: {last_file['good_count']:,} rows in the last file, {previous_file['good_count']:,} in the one "
            "before."
        )
    if last_file["bad_count"] > last_row_count * _MAX_QUARANTINED_SHARE:
        sentence_by_issue_kind["quarantined"] = (
            f"{last_file['bad_count']:,} of {last_row_count:,} rows of its last file are in quarantine."
        )
    return sentence_by_issue_kind


def _find_publication_issues(settings: Settings, config: Config, today: date) -> list[Issue]:
    try:
        snapshot = current_snapshot(settings.published_path)
    except NothingPublished as error:
        return [Issue("publication:none", f"{error}.")]
    issues = find_target_issues(Lake(settings.lake_path), config, snapshot.snapshot_id)
    if snapshot.is_stale(today):
        issue_sentence = f"the published snapshot was valid until {snapshot.valid_until}: no run has succeeded since."
        issues.append(Issue("publication:stale", issue_sentence))
    return issues
