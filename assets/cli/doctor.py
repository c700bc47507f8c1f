"""`footsteps doctor`: what is late, refused, failing or shrinking, in a sentence each.

Belongs here: the examination and its sentences.
Does not belong here: mending.
"""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import typer

from assets.cli.console import print_json, resolve_settings, stdout_console
from assets.cli.run import load_config
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import DELIVERY
from pipelines.snapshots.reader import NothingPublished, current_snapshot
from pipelines.storage.lake import Lake


def print_health(data_root: Path | None, config: Path | None, landing: Path | None, as_json: bool) -> None:
    """Print the findings; exit with 1 where there is one."""
    settings = resolve_settings(data_root, config, landing)
    found = find_issues(settings, load_config(settings), datetime.now(UTC)) + _of_the_last_run(settings)
    if as_json:
        print_json({"healthy": not found, "findings": found})
    elif found:
        stdout_console.print("\n".join(f"• {sentence}" for sentence in found), soft_wrap=True)
    else:
        stdout_console.print("Nothing is late, refused, failing or shrinking.")
    if found:
        raise typer.Exit(1)


def find_issues(settings: Settings, config: Config, now: datetime) -> list[str]:
    """One sentence per trouble: sources without files, late or refused ones, and a missing or stale publication."""
    ledger = Lake(settings.lake_path).scan(DELIVERY).collect()
    found = [
        sentence
        for source in config.sources
        for sentence in _of_source(ledger, source.name, source.freshness_days, now, source.delivery == "full")
    ]
    return found + _of_publication(settings, now.date())


def _of_the_last_run(settings: Settings) -> list[str]:
    """Why the last run failed, and what it blocked; nothing where it went well, or none ran yet."""
    home = settings.dagster_home
    if not (home / "dagster.yaml").exists():
        return []
    # their import takes seconds: only where there are runs to look at
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    from assets.automation.alerts import find_run_issues

    ended = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
    with DagsterInstance.from_config(str(home)) as instance:
        last = instance.get_run_records(RunsFilter(statuses=ended), limit=1)
        if not last or last[0].dagster_run.status is DagsterRunStatus.SUCCESS:
            return []
        return [trouble.sentence for trouble in find_run_issues(instance, last[0].create_timestamp.timestamp())]


def _of_source(
    ledger: pl.DataFrame, name: str, freshness_days: float | None, now: datetime, is_full: bool
) -> list[str]:
    mine = ledger.filter(pl.col("source_name") == name).sort("delivery_number")
    landed = mine.filter(pl.col("delivery_status") == "landed")
    found = []
    if not landed.height:
        found.append(f"{name}: no file was ever landed: check its path in footsteps.yaml and the landing folder.")
    else:
        age = (now - landed["landed_at"][-1]).total_seconds() / 86_400
        if freshness_days is not None and age > freshness_days:
            found.append(
                f"{name}: late: the last file came {age:.1f} days ago, one is due every {freshness_days:g} days."
            )
        goods = landed["good_count"].to_list()
        # an incremental file is as large as its day
        if is_full and len(goods) > 1 and goods[-1] < goods[-2] / 2:
            found.append(f"{name}: shrinking: {goods[-1]:,} rows in the last file, {goods[-2]:,} in the one before.")
        last = landed.row(-1, named=True)
        total = last["good_count"] + last["bad_count"]
        if last["bad_count"] > total * 0.05:
            found.append(f"{name}: {last['bad_count']:,} of {total:,} rows of its last file are in quarantine.")
    last_word = mine.unique("file_sha256", keep="last", maintain_order=True)
    refused = last_word.filter(pl.col("delivery_status") == "refused")
    return found + [f"{name}: refused: {reason}" for reason in refused["delivery_reason"]]


def _of_publication(settings: Settings, today: date) -> list[str]:
    try:
        snapshot = current_snapshot(settings.published_path)
    except NothingPublished as nothing:
        return [f"{nothing}."]
    if snapshot.valid_until < today:
        return [f"the published snapshot was valid until {snapshot.valid_until}: no night has succeeded since."]
    return []
