"""`footsteps doctor`: what is late, refused, failing, shrinking or out of reach.

Belongs here: printing the issues of deliveries, publication and the last run, and what vanished lately.
Does not belong here: what counts as an issue (`assets.checks.health`, `assets.automation.alerts`).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import typer

from assets.checks.health import check_origins, find_issues
from assets.cli.console import print_result, resolve_settings
from assets.cli.inputs import load_config
from pipelines.config.settings import Settings
from pipelines.core.vanished_values import describe_recently_vanished
from pipelines.ingest.deliveries import read_ledger
from pipelines.ingest.delivery_notices import find_notices
from pipelines.storage.lake import Lake

# What vanished is no issue by itself: it is shown for so long.
_VANISHED_DAYS = 7


def print_health(data_root: Path | None, config: Path | None, landing: Path | None, as_json: bool) -> None:
    """Print one sentence per issue, per notice and on what vanished lately; exit with 1 if there is an issue."""
    settings = resolve_settings(data_root, config, landing)
    company_config = load_config(settings)
    now = datetime.now(UTC)
    issues = [
        *find_issues(settings, company_config, now),
        *check_origins(company_config),
        *_find_last_run_issues(settings),
    ]
    issues = list(dict.fromkeys(issues))  # an origin can have the same issue in the last run and now
    lake = Lake(settings.lake_path)
    ledger = read_ledger(lake)
    notices = [notice for source in company_config.sources for notice in find_notices(ledger, source.name)]
    issue_text = "\n".join(f"• {issue}" for issue in issues) or "Nothing is late, refused, failing or shrinking."
    vanished_sentences = describe_recently_vanished(lake, now.date() - timedelta(days=_VANISHED_DAYS))
    vanished_text = "".join(f"\n  {sentence}" for sentence in vanished_sentences)
    notice_text = "\n".join(["", "Notices:", *(f"• {notice}" for notice in notices)]) if notices else ""
    document = {"healthy": not issues, "findings": issues, "notices": notices, "vanished": vanished_sentences}
    print_result(document, issue_text + vanished_text + notice_text, as_json)
    if issues:
        raise typer.Exit(1)


def _find_last_run_issues(settings: Settings) -> list[str]:
    """Why the last run failed, and what it blocked; nothing if it succeeded or there was none."""
    dagster_home = settings.dagster_home
    if not (dagster_home / "dagster.yaml").exists():
        return []
    # imported here because it takes seconds, and only if there are runs
    from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

    from assets.automation.alerts import find_run_issues

    ended_statuses = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE]
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        records = instance.get_run_records(RunsFilter(statuses=ended_statuses), limit=1)
        if not records or records[0].dagster_run.status is DagsterRunStatus.SUCCESS:
            return []
        since = records[0].create_timestamp.timestamp()
        return [issue.sentence for issue in find_run_issues(instance, since)]
