"""What went wrong since somebody was last told, in one message to whoever footsteps.yaml names.

Belongs here: what is worth an alert, the gathering of repeated ones, the sensor that sends them.
Does not belong here: delivery itself, which is apprise's; what a doctor finds (`assets.cli.doctor`).

A message holds names of jobs, tables, rules and sources, and counts: nothing about a person.
"""

import json
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from assets.automation.schedules import PROMOTED
from pipelines.config.company import AlertConfig

# What is still wrong is said again the next day, not every minute.
REPEAT_SECONDS = 24 * 3600
_MOST_RUNS = 50
_VARIABLE = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong: what it is about, so that the same thing is told once, and the sentence."""

    about: str
    sentence: str


@dataclass(frozen=True)
class AlertState:
    """What the sensor remembers: up to when runs were looked at, what waits, what was told when (seconds)."""

    until: float
    waiting: Mapping[str, list[Any]] = field(default_factory=dict)  # about → [sentence, times]
    told: Mapping[str, float] = field(default_factory=dict)
    sent_at: float = 0.0


def read_alert_state(text: str | None, now: float) -> AlertState:
    """The memory as it was written; from now on, where there is none."""
    try:
        return AlertState(**json.loads(text or ""))
    except (ValueError, TypeError):
        return AlertState(until=now)


def collect_alerts(
    told: AlertState, found: Sequence[Issue], now: float, gather_seconds: float
) -> tuple[AlertState, str | None]:
    """What to remember, and the message that is due, if one is: everything that waits, each thing once with its count.

    The first trouble after a quiet time is told at once; further ones wait until `gather_seconds` have passed.
    """
    recent = {about: at for about, at in told.told.items() if now - at < REPEAT_SECONDS}
    waiting = {about: list(one) for about, one in told.waiting.items()}
    for trouble in found:
        if trouble.about in waiting:
            waiting[trouble.about] = [trouble.sentence, waiting[trouble.about][1] + 1]
        elif trouble.about not in recent:
            waiting[trouble.about] = [trouble.sentence, 1]
    remembered = AlertState(told.until, waiting, recent, told.sent_at)
    if not waiting or now - told.sent_at < gather_seconds:
        return remembered, None
    lines = [sentence if times == 1 else f"{sentence} ({times} times)" for sentence, times in waiting.values()]
    return remembered, "\n".join(f"• {line}" for line in lines)


def mark_sent(told: AlertState, now: float) -> AlertState:
    """The memory after its message was delivered."""
    return AlertState(told.until, {}, {**told.told, **dict.fromkeys(told.waiting, now)}, now)


def find_run_issues(instance: DagsterInstance, since: float) -> list[Issue]:
    """Runs that failed, and checks that blocked, in runs that ended after a moment."""
    after = datetime.fromtimestamp(since, UTC)
    ended = [DagsterRunStatus.FAILURE, DagsterRunStatus.SUCCESS]
    found = []
    for record in instance.get_run_records(RunsFilter(statuses=ended, updated_after=after), limit=_MOST_RUNS):
        run = record.dagster_run
        blocked = _blocked_checks(instance, run.run_id)
        found += blocked
        if run.status is DagsterRunStatus.FAILURE and not blocked:
            steps = sorted(one.step_key for one in instance.get_run_step_stats(run.run_id) if _failed(one))
            where = f" at {', '.join(steps)}" if steps else ""
            sentence = f"A run of {run.job_name} failed{where}: look at run {run.run_id[:8]} in the UI."
            found.append(Issue(f"run:{run.job_name}:{where}", sentence))
    return found


def _blocked_checks(instance: DagsterInstance, run_id: str) -> list[Issue]:
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION).records
    found = []
    for record in records:
        event = record.event_log_entry.dagster_event
        check: Any = event.event_specific_data if event else None
        if check is None or check.passed:
            continue
        # a model that did not take over stops nothing, and somebody has to look at it all the same
        stops = check.blocking and check.severity.value == "ERROR"
        if not stops and check.check_name != PROMOTED:
            continue
        table = check.asset_key.to_user_string()
        what = "The model was refused" if table.startswith("model_") else f"{table} is blocked"
        found.append(Issue(f"check:{table}:{check.check_name}", f"{what}: {check.check_name}: {check.description}."))
    return found


def _failed(step: Any) -> bool:
    return step.status is not None and step.status.value == "FAILURE"


def deliver(to: Sequence[str], title: str, message: str) -> bool:
    """Send the message to every address; False where one could not be reached.

    An address is apprise's: mailtos://…, slack://…, msteams://…, json://host/path for a webhook. `${NAME}` in it is
    taken from the environment, so that footsteps.yaml holds no secret.
    """
    # its import takes half a second: only where something is sent
    import apprise

    with warnings.catch_warnings():
        # it loads every service it knows, some of them through modules that Python will drop
        warnings.simplefilter("ignore", DeprecationWarning)
        sender = apprise.Apprise()
        for address in to:
            if not sender.add(_VARIABLE.sub(lambda match: os.environ.get(match[1], ""), address)):
                return False
        return bool(sender.notify(title=title, body=message))


def build_alert_sensor(alerts: AlertConfig, company: str, examine: Callable[[], list[Issue]]) -> SensorDefinition:
    """The one sensor that tells what went wrong; `examine` finds what is late, shrunken or refused."""

    @sensor(
        name="tell_what_went_wrong",
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.STOPPED,
        description="One message to the addresses of footsteps.yaml: failed runs, blocked checks, late or shrunken "
        "exports, a refused model.",
    )
    def tell_what_went_wrong(context: SensorEvaluationContext) -> SkipReason:
        now = datetime.now(UTC).timestamp()
        said = send_due_alert(context.instance, read_alert_state(context.cursor, now), alerts, company, examine, now)
        context.update_cursor(json.dumps(asdict(said[0])))
        return SkipReason(said[1])

    return tell_what_went_wrong


def send_due_alert(
    instance: DagsterInstance,
    told: AlertState,
    alerts: AlertConfig,
    company: str,
    examine: Callable[[], list[Issue]],
    now: float,
) -> tuple[AlertState, str]:
    """Look, and send what is due. What could not be delivered stays and is tried again at the next look."""
    if not alerts.to:
        return AlertState(now), "nobody to tell: footsteps.yaml names no address under `alerts`"
    found = [*find_run_issues(instance, told.until), *examine()]
    told, message = collect_alerts(
        AlertState(now, told.waiting, told.told, told.sent_at), found, now, alerts.gather_minutes * 60
    )
    if message is None:
        return told, "nothing new to tell"
    if not deliver(alerts.to, f"Footsteps at {company}", message):
        return told, "an address could not be reached: it is tried again"
    return mark_sent(told, now), f"told {len(told.waiting)} things to {len(alerts.to)} addresses"
