"""`footsteps doctor`: what is late, refused, failing, shrinking or out of reach.

Belongs here: printing the issues of deliveries, publication, targets, runs and automations, and what vanished lately.
Does not belong here: what counts as an issue (`assets.checks`, `assets.automation.alerts`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from assets.checks.exit_codes import ExitCode
from assets.checks.health import check_origins, find_issues
from assets.checks.issue import Issue
from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from assets.resources.instance_settings import find_missing_variable, read_profile
from pipelines.config.company import Config
from pipelines.config.secrets import describe_failure
from pipelines.config.settings import Settings
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.core.pauses import describe_pause, list_pauses
from pipelines.core.vanished_values import describe_recently_vanished
from pipelines.ingest.deliveries import read_ledger
from pipelines.ingest.delivery_notices import find_notices
from pipelines.storage.lake import Lake

if TYPE_CHECKING:
    from dagster import DagsterInstance

# What vanished is no issue by itself: it is shown for this many days.
_VANISHED_DAYS = 7


def print_health(
    data_root: Path | None,
    config_file: Path | None,
    landing_folder: Path | None,
    as_json: bool,
    metrics_file: Path | None = None,
) -> None:
    """Print one sentence per issue, per notice and on what vanished lately; exit with 1 if there is an issue.

    Args:
        data_root: The data root.
        config_file: The footsteps.yaml, if it is not in the data root.
        landing_folder: The landing folder, if it is not the configured one.
        as_json: Whether to print one JSON document.
        metrics_file: Where to write the metrics in addition; None to write none.

    Raises:
        CommandFailed: If the metrics cannot be written.
        typer.Exit: With 1, if there is an issue.
    """
    settings = resolve_settings(data_root, config_file, landing_folder)
    company_config = load_config(settings)
    now = datetime.now(UTC)
    issues = [
        *find_issues(settings, company_config, resolve_landing_folder(settings, company_config), now),
        *check_origins(company_config),
    ]
    delivery_ledger = read_ledger(Lake(settings.lake_path))
    notices = [notice for source in company_config.sources for notice in find_notices(delivery_ledger, source.name)]
    pause_sentence = _describe_pause(settings, company_config, now)
    notices = [*([pause_sentence] if pause_sentence else []), *notices]
    if database_problem := find_missing_variable(settings.dagster_home):
        issues.append(Issue("dagster_database", f"Dagster's runs cannot be read: {database_problem}."))
    with _open_instance(settings) as instance:
        if instance is not None:
            issues += _find_dagster_issues(instance, settings)
            notices += _list_automation_notices(instance, company_config)
        if metrics_file is not None:
            _write_metrics(metrics_file, settings, company_config, instance, now)
    # an origin that could not be read by the last run, and cannot now, is one issue
    issue_sentences = list(dict.fromkeys(issue.sentence for issue in issues))
    vanished_sentences = describe_recently_vanished(
        Lake(settings.lake_path), now.date() - timedelta(days=_VANISHED_DAYS)
    )
    health_document = {
        "healthy": not issues,
        "findings": issue_sentences,
        "notices": notices,
        "vanished": vanished_sentences,
    }
    print_result(health_document, _format_health(issue_sentences, notices, vanished_sentences), as_json)
    if issues:
        raise typer.Exit(ExitCode.FAILED)


def _format_health(issue_sentences: list[str], notices: list[str], vanished_sentences: list[str]) -> str:
    issues_text = (
        "\n".join(f"• {issue_sentence}" for issue_sentence in issue_sentences)
        or "Nothing is late, refused, failing or shrinking."
    )
    vanished_text = "".join(f"\n  {vanished_sentence}" for vanished_sentence in vanished_sentences)
    notices_text = "\n".join(["", "Notices:", *(f"• {notice}" for notice in notices)]) if notices else ""
    return issues_text + vanished_text + notices_text


def _describe_pause(settings: Settings, config: Config, now: datetime) -> str | None:
    earlier_pauses = Lake(settings.lake_path).scan(PAUSE).collect()
    return describe_pause(list_pauses(settings.root, config.pause, earlier_pauses, now.date()))


def _list_automation_notices(instance: "DagsterInstance", config: Config) -> list[str]:
    """What is switched off although footsteps.yaml or the documentation counts on it."""
    from assets.automation.alerts import ALERT_SENSOR
    from assets.automation.schedules import NIGHTLY_SCHEDULE
    from assets.checks.automation_health import is_switched_on

    notices = []
    if not is_switched_on(instance, NIGHTLY_SCHEDULE):
        notices.append(
            f"The schedule {NIGHTLY_SCHEDULE} is off: switch it on in the UI under Automation, unless another "
            "scheduler calls `footsteps run`."
        )
    if config.alerts.to and not is_switched_on(instance, ALERT_SENSOR):
        notices.append(f"The sensor {ALERT_SENSOR} is off: nobody receives the alerts of footsteps.yaml.")
    return notices


def _find_dagster_issues(instance: "DagsterInstance", settings: Settings) -> list[Issue]:
    """What failed in Dagster and was not put right: runs, evaluations of sensors and schedules, and alerts."""
    from assets.automation.alerts import ALERT_SENSOR, describe_run, find_address_issues, read_alert_state
    from assets.checks.automation_health import (
        find_failed_runs,
        find_killed_runs,
        find_tick_issues,
        read_sensor_cursor,
    )

    failed_runs = find_failed_runs(instance, settings.lock_path)
    issues = [issue for run in failed_runs for issue in describe_run(instance, run)]
    alert_state = read_alert_state(read_sensor_cursor(instance, ALERT_SENSOR), 0.0)
    return [*issues, *find_killed_runs(failed_runs), *find_tick_issues(instance), *find_address_issues(alert_state)]


def _write_metrics(
    metrics_file: Path, settings: Settings, config: Config, instance: "DagsterInstance | None", now: datetime
) -> None:
    from assets.automation.metrics import measure_metrics, write_metrics
    from assets.definitions import build_pipeline

    try:
        write_metrics(metrics_file, measure_metrics(build_pipeline(settings, config), instance, now))
    except OSError as failure:
        raise CommandFailed(f"the metrics cannot be written: {describe_failure(failure)}") from failure


@contextmanager
def _open_instance(settings: Settings) -> "Iterator[DagsterInstance | None]":
    """Dagster's instance of the data root; None if nothing was ever run, or its database is not named."""
    if read_profile(settings.dagster_home) is None or find_missing_variable(settings.dagster_home):
        yield None
        return
    # imported here because it takes seconds, and only if there are runs
    from dagster import DagsterInstance

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        yield instance
