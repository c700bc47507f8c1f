"""`footsteps run`: one night in this process, seen in the UI like any other run.

Belongs here: the run, its progress, and what is said of it.
Does not belong here: the steps.
"""

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from assets.cli.console import (
    CommandFailed,
    print_json,
    print_note,
    print_table,
    resolve_settings,
    stderr_console,
    stdout_console,
)
from assets.resources.bucket_exports import fetch_exports
from assets.resources.loggers import LOGGER_CONFIG, listeners
from pipelines.config.company import Config, ConfigError, read_config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.landing import count_quarantined_rows, current_deliveries
from pipelines.snapshots.reader import NothingPublished, Snapshot, current_snapshot
from pipelines.storage.lake import Lake

if TYPE_CHECKING:
    from dagster import Definitions, ExecuteInProcessResult

    from assets.automation.run_selection import Selection

_HOME_FILE = "dagster.yaml"
# By the value of FOOTSTEPS_DAGSTER_PROFILE; SQLite where it is not set.
_PROFILES = {"production": "dagster.production.yaml"}


@dataclass(frozen=True)
class RunSummary:
    """What a night came to."""

    snapshot: Snapshot
    sources: list[dict[str, Any]]
    quarantined: int
    warnings: list[str]


def run_pipeline(
    data_root: Path | None,
    config: Path | None,
    landing: Path | None,
    as_of: date | None,
    allow_row_count_drop: bool,
    as_json: bool,
    incremental: bool = False,
) -> None:
    """Run the night, or carry new files through; print the tables. Raises Failed where nothing was published."""
    settings = resolve_settings(data_root, config, landing)
    declared = load_config(settings)
    if settings.landing is not None and not settings.landing.is_dir():
        raise CommandFailed(f"the landing folder {settings.landing} does not exist: give the folder the exports lie in")
    night = execute_run(settings, declared, as_of, allow_row_count_drop, incremental=incremental)
    if as_json:
        print_json(as_document(night))
    else:
        _print(night)


def load_config(settings: Settings) -> Config:
    """The configuration. Raises Failed with its sentence where it cannot be used."""
    try:
        return read_config(settings.config_path)
    except ConfigError as refusal:
        raise CommandFailed(str(refusal)) from refusal


def dagster_home(settings: Settings) -> Path:
    """Dagster's home under the data root, made if missing, with the repository's dagster.yaml; set for this process."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    profile = _PROFILES.get(os.environ.get("FOOTSTEPS_DAGSTER_PROFILE", ""), _HOME_FILE)
    shutil.copyfile(Path(__file__).parents[2] / profile, home / _HOME_FILE)
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def execute_run(
    settings: Settings,
    declared: Config,
    as_of: date | None,
    allow_row_count_drop: bool,
    *,
    incremental: bool = False,
    run_day: date | None = None,
) -> RunSummary:
    """Run a complete night in this process, or, by day, follow new files to the people they touch.

    `night_of` is the day a night is made for, where it is not today. Raises Failed with the first step's sentence where
    the run broke off.
    """
    dagster_home(settings)
    # before the look at what is new: an export that lies in the bucket alone is news
    folder = settings.landing or settings.config_path.parent / declared.landing
    unfetched = fetch_exports(declared, folder.expanduser().resolve())
    if unfetched:
        print_note(f"[yellow]not fetched:[/yellow] {escape(unfetched)}")
    from dagster import DagsterInstance

    from assets.automation.schedules import NIGHTLY_JOB, today_utc
    from assets.definitions import build_definitions
    from assets.resources.locking import keep_connections_open
    from assets.resources.pipeline import ALLOW_ROW_COUNT_DROP_TAG, AS_OF_TAG, INCREMENTAL_TAG, SCHEDULED_DAY_TAG

    definitions = build_definitions(settings)
    job = definitions.resolve_job_def(NIGHTLY_JOB)
    tags = {AS_OF_TAG: as_of.isoformat()} if as_of else {}
    if run_day:
        tags[SCHEDULED_DAY_TAG] = run_day.isoformat()
    if allow_row_count_drop:
        tags[ALLOW_ROW_COUNT_DROP_TAG] = "true"
    selection = _select(definitions, as_of, run_day, incremental, allow_row_count_drop)
    if selection is not None:
        job = job.get_subset(
            asset_selection=frozenset(selection.assets), asset_check_selection=frozenset(selection.checks)
        )
        incremental = incremental and selection.has_landing
    if incremental and selection is not None:
        tags[INCREMENTAL_TAG] = "true"
    with DagsterInstance.get() as instance, keep_connections_open(instance), _progress(len(job.graph.node_defs)):
        result = job.execute_in_process(
            run_config=LOGGER_CONFIG,
            instance=instance,
            tags=tags,
            raise_on_error=False,
            partition_key=None if selection is not None and not selection.has_landing else today_utc().isoformat(),
        )
        broken = None if result.success else _why(result)
    refused = _refusals(settings, declared)
    for sentence in refused:
        print_note(f"[yellow]refused:[/yellow] {sentence}")
    if broken:
        raise CommandFailed(f"{broken} What was published before stays.")
    try:
        snapshot = current_snapshot(settings.published_path)
    except NothingPublished as nothing:
        raise CommandFailed(f"the night published nothing: {nothing}") from nothing
    lake = Lake(settings.lake_path)
    return RunSummary(snapshot, _sources(lake, declared), count_quarantined_rows(lake, declared.sources), refused)


def _select(
    definitions: "Definitions", as_of: date | None, run_day: date | None, incremental: bool, allow_row_count_drop: bool
) -> "Selection | None":
    """The steps a run needs; None for all. Where nothing is new, what is published is only renewed."""
    from assets.automation.run_selection import find_new_files, select_incremental, select_renewal
    from assets.resources.pipeline import PipelineResource

    night: Any = (definitions.resources or {})["pipeline"]
    assert isinstance(night, PipelineResource)
    assets: Any = definitions.assets
    checks: Any = definitions.asset_checks
    last = night.last_as_of()
    if last is None or allow_row_count_drop:
        return None
    news = find_new_files(night)
    if (
        not news
        and night.has_no_new_input()
        and (as_of is None or as_of == last)
        and night.is_as_of_current(as_of, run_day)
    ):
        return select_renewal(assets)
    if not incremental or not news:
        return None
    sources = list({new.source.name: new.source for new in news}.values())
    return select_incremental(assets, checks, sources)


def as_document(night: RunSummary) -> dict[str, Any]:
    """The stable JSON of a night."""
    return {
        "snapshot_id": night.snapshot.snapshot_id,
        "as_of": night.snapshot.as_of.isoformat(),
        "valid_until": night.snapshot.valid_until.isoformat(),
        "tables": [
            {
                "name": table.name,
                "path": str(night.snapshot.path(table.name)),
                "format": "parquet",
                "rows": table.rows,
                "content_sha256": table.content_sha256,
            }
            for table in night.snapshot.tables
        ],
        "sources": night.sources,
        "quarantined": night.quarantined,
    }


def _print(night: RunSummary) -> None:
    print_table(
        f"Snapshot {night.snapshot.snapshot_id}, as of {night.snapshot.as_of}",
        {"table": "left", "rows": "right", "path": "left"},
        [[table.name, f"{table.rows:,}", str(night.snapshot.path(table.name))] for table in night.snapshot.tables],
    )
    names = ("source", "system", "status", "files", "rows", "quarantined")
    print_table(
        "Sources",
        {name: "left" if name in names[:3] else "right" for name in names},
        [
            [
                one["name"],
                one["system"],
                one["status"],
                f"{one['files']:,}",
                f"{one['rows']:,}",
                f"{one['quarantined']:,}",
            ]
            for one in night.sources
        ],
    )
    stdout_console.print(
        f"{night.quarantined:,} rows in quarantine. Next: footsteps show --sample 3, footsteps tables, footsteps up"
    )


def _sources(lake: Lake, declared: Config) -> list[dict[str, Any]]:
    """One entry a source: files and rows that count now, rows set aside at landing, and files refused."""
    ledger = lake.scan(DELIVERY).collect()
    entries = []
    for source in declared.sources:
        current, refused = current_deliveries(lake, source), _refused_now(ledger, source.name)
        entries.append(
            {
                "name": source.name,
                "system": source.system,
                "status": "refused" if refused.height else "landed" if current.height else "no_file",
                "files": current.height,
                "rows": int(current["good_count"].sum()),
                "quarantined": int(current["bad_count"].sum()),
                "refused": refused.select(file="file_name", reason="delivery_reason").to_dicts(),
            }
        )
    return entries


def _refused_now(ledger: pl.DataFrame, source_name: str) -> pl.DataFrame:
    """Refusals whose content was not landed afterwards, with the last reason."""
    mine = ledger.filter(pl.col("source_name") == source_name).sort("delivery_number")
    last = mine.unique("file_sha256", keep="last", maintain_order=True)
    return last.filter(pl.col("delivery_status") == "refused")


def _refusals(settings: Settings, declared: Config) -> list[str]:
    ledger = Lake(settings.lake_path).scan(DELIVERY).collect()
    return [
        f"{source.name}: {reason}"
        for source in declared.sources
        for reason in _refused_now(ledger, source.name)["delivery_reason"]
    ]


def _why(result: "ExecuteInProcessResult") -> str:
    """The first failure in one sentence: a broken rule, or a step's error without its stack."""
    for event in result.all_events:
        # a broken rule is said by its check, before the step that it stops fails in general words
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            check: Any = event.event_specific_data
            if not check.passed and check.blocking and check.severity.value == "ERROR":
                return f"{check.asset_key.to_user_string()} breaks {check.check_name}: {check.description}."
        if event.is_step_failure:
            return f"the step {event.step_key} failed: {_said(event.step_failure_data.error)}."
    for event in result.all_events:
        if event.is_job_failure:  # before any step: the tables could not be taken hold of, say
            return f"the night broke off: {_said(event.job_failure_data.error)}."
    return "the night did not finish."


def _said(error: Any) -> str:
    cause = error.cause if error and error.cause else error
    return str(cause.message.strip().splitlines()[0]) if cause else "it gave no reason"


class _Watch(logging.Handler):
    """Moves the bar with the steps that Dagster reports."""

    def __init__(self, bar: Progress, task: Any) -> None:
        super().__init__()
        self.bar, self.task = bar, task

    def emit(self, record: logging.LogRecord) -> None:
        """Show the step a record speaks of, and count those that ended."""
        about = getattr(record, "dagster_meta", {}) or {}
        event = about.get("dagster_event")
        if event is None:
            return
        kind = event.event_type_value
        if kind == "STEP_START":
            self.bar.update(self.task, description=str(event.step_key))
        elif kind in ("STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED"):
            self.bar.advance(self.task)


@contextmanager
def _progress(steps: int) -> Iterator[None]:
    """A bar over the steps of a night, on standard error; Dagster's own lines go to its event log alone."""
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with _own_stderr() as console, Progress(*columns, console=console, transient=True) as bar:
        watch = _Watch(bar, bar.add_task("starting", total=steps))
        listeners.append(watch)
        try:
            yield
        finally:
            listeners.remove(watch)


@contextmanager
def _own_stderr() -> Iterator[Console]:
    """A console on standard error that stays there while Dagster turns the file descriptor to its compute logs."""
    try:
        copy = os.dup(sys.stderr.fileno())
    except (OSError, ValueError):  # standard error is no file, as in a test
        yield stderr_console
        return
    with os.fdopen(copy, "w") as stream:
        yield Console(file=stream, highlight=False)
