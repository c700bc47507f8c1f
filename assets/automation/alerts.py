"""Alerts: what went wrong, in one message to the addresses of footsteps.yaml.

Belongs here: what is worth an alert, how repeated issues are collected, the sensor that sends them.
Does not belong here: delivery over a channel (the library apprise), the health of a data root (`assets.checks.health`).

A message holds names of jobs, tables, rules and sources, and counts. It holds nothing about a person.
"""

import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Annotated, Any

from dagster import (
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterRunStatus,
    DefaultSensorStatus,
    RunsFilter,
    SensorDefinition,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)
from pydantic import AliasChoices, Field, TypeAdapter

from assets.automation.cursors import parse_cursor
from assets.checks.automation_health import find_tick_issues
from assets.checks.issue import Issue
from pipelines.config.monitoring import AlertConfig

ALERT_SENSOR = "alert_sensor"
# The check that fails if a trained model does not replace the champion.
PROMOTED = "challenger_takes_over"
# An issue that persists is sent again after a day.
REPEAT_SECONDS = 24 * 3600
_MAX_EXAMINED_RUNS = 50
# One address is tried this many times with one message, at one evaluation of the sensor each.
MAX_DELIVERIES = 5
_VARIABLE_PATTERN = re.compile(r"\$\{(\w+)\}")


@dataclass(frozen=True)
class UndeliveredMessage:
    """A message that did not reach an address yet.

    Attributes:
        address: The address as footsteps.yaml has it, without the secrets of the environment.
        message: The text.
        attempts: How often it was tried.
    """

    address: str
    message: str
    attempts: int = 0


@dataclass(frozen=True)
class AlertState:
    """What the sensor stores between ticks.

    Attributes:
        until: The time up to which runs were examined, in seconds.
        waiting: Sentence and count of each issue that is not sent yet, by its key.
        sent: When each issue was sent, in seconds, by its key.
        sent_at: When the last message was sent, in seconds.
        undelivered: The messages that are tried again, each to one address.
        unreachable: The addresses for which a message was given up, until one is delivered.
    """

    until: float
    waiting: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    # cursors of earlier versions call it `told`
    sent: Annotated[Mapping[str, float], Field(validation_alias=AliasChoices("sent", "told"))] = field(
        default_factory=dict
    )
    sent_at: float = 0.0
    undelivered: tuple[UndeliveredMessage, ...] = ()
    unreachable: frozenset[str] = frozenset()


_ALERT_STATE_ADAPTER = TypeAdapter(AlertState)


def read_alert_state(cursor_json: str | None, now_seconds: float) -> AlertState:
    """The stored state; one that begins now if there is none, or if it has another form."""
    return parse_cursor(_ALERT_STATE_ADAPTER, cursor_json, AlertState(now_seconds))


def collect_alerts(
    alert_state: AlertState, issues: Sequence[Issue], now_seconds: float, gather_seconds: float
) -> tuple[AlertState, str | None]:
    """Add issues to those that wait, and write the message if one is due.

    The first issue after a quiet time is due at once; further ones wait until `gather_seconds` have passed.

    Args:
        alert_state: The stored state.
        issues: What is wrong now.
        now_seconds: The time in seconds.
        gather_seconds: How long issues are collected after a message.

    Returns:
        The state to store, and a message with one line per waiting issue; None if no message is due.
    """
    recent_sent_at_by_key = {
        issue_key: sent_at for issue_key, sent_at in alert_state.sent.items() if now_seconds - sent_at < REPEAT_SECONDS
    }
    waiting_issue_by_key = dict(alert_state.waiting)
    for issue in issues:
        if issue.key in waiting_issue_by_key or issue.key not in recent_sent_at_by_key:
            _, issue_count = waiting_issue_by_key.get(issue.key, ("", 0))
            waiting_issue_by_key[issue.key] = (issue.sentence, issue_count + 1)
    alert_state = replace(alert_state, waiting=waiting_issue_by_key, sent=recent_sent_at_by_key)
    if not waiting_issue_by_key or now_seconds - alert_state.sent_at < gather_seconds:
        return alert_state, None
    message_lines = [
        issue_sentence if issue_count == 1 else f"{issue_sentence} ({issue_count} times)"
        for issue_sentence, issue_count in waiting_issue_by_key.values()
    ]
    return alert_state, "\n".join(f"• {message_line}" for message_line in message_lines)


def mark_sent(alert_state: AlertState, now_seconds: float) -> AlertState:
    """The state after its message was handed to every address, or waits for those that are out of reach."""
    sent_at_by_key = {**alert_state.sent, **dict.fromkeys(alert_state.waiting, now_seconds)}
    return replace(alert_state, waiting={}, sent=sent_at_by_key, sent_at=now_seconds)


def find_run_issues(instance: DagsterInstance, since_seconds: float) -> list[Issue]:
    """Failed runs and blocking checks.

    Args:
        instance: Dagster's instance.
        since_seconds: Only runs that ended after this time count, in seconds.
    """
    runs_filter = RunsFilter(
        statuses=[DagsterRunStatus.FAILURE, DagsterRunStatus.SUCCESS],
        updated_after=datetime.fromtimestamp(since_seconds, UTC),
    )
    run_records = instance.get_run_records(runs_filter, limit=_MAX_EXAMINED_RUNS)
    return [issue for run_record in run_records for issue in describe_run(instance, run_record.dagster_run)]


def describe_run(instance: DagsterInstance, run: DagsterRun) -> list[Issue]:
    """List the tables that an ended run blocked; if no check explains its failure, list the steps that failed.

    Args:
        instance: Dagster's instance.
        run: The run.
    """
    check_issues = _find_check_issues(instance, run.run_id)
    if run.status is not DagsterRunStatus.FAILURE or check_issues:
        return check_issues
    step_statistics = instance.get_run_step_stats(run.run_id)
    failed_step_keys = sorted(
        step_statistic.step_key
        for step_statistic in step_statistics
        if step_statistic.status is not None and step_statistic.status.value == "FAILURE"
    )
    failed_steps_text = f" at {', '.join(failed_step_keys)}" if failed_step_keys else ""
    issue_sentence = f"A run of {run.job_name} failed{failed_steps_text}: look at run {run.run_id[:8]} in the UI."
    return [Issue(f"run:{run.job_name}:{failed_steps_text}", issue_sentence)]


def _find_check_issues(instance: DagsterInstance, run_id: str) -> list[Issue]:
    issues = []
    for event_record in instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION).records:
        check_event = event_record.event_log_entry.dagster_event
        check_evaluation: Any = check_event.event_specific_data if check_event else None
        if check_evaluation is None or check_evaluation.passed:
            continue
        # a model that does not replace the champion blocks nothing, but somebody has to look at it
        if (
            check_evaluation.blocking and check_evaluation.severity.value == "ERROR"
        ) or check_evaluation.check_name == PROMOTED:
            table_name = check_evaluation.asset_key.to_user_string()
            problem_text = "The model was refused" if table_name.startswith("model_") else f"{table_name} is blocked"
            issue_sentence = f"{problem_text}: {check_evaluation.check_name}: {check_evaluation.description}."
            issues.append(Issue(f"check:{table_name}:{check_evaluation.check_name}", issue_sentence))
    return issues


def deliver(address_template: str, message_title: str, message_text: str) -> bool:
    """Send a message to one address.

    Args:
        address_template: An address of apprise: mailtos://…, slack://…, msteams://…, json://host/path for a webhook.
            `${NAME}` is taken from the environment, so that footsteps.yaml holds no secret.
        message_title: Title of the message.
        message_text: Text of the message.

    Returns:
        Whether the address was reached.
    """
    # the import takes half a second: only if a message is sent
    import apprise

    with warnings.catch_warnings():
        # apprise loads every service it knows, some of them with deprecated modules
        warnings.simplefilter("ignore", DeprecationWarning)
        apprise_sender = apprise.Apprise()
        address = _VARIABLE_PATTERN.sub(lambda variable_match: os.environ.get(variable_match[1], ""), address_template)
        return bool(apprise_sender.add(address)) and bool(apprise_sender.notify(title=message_title, body=message_text))


def send_undelivered(alert_state: AlertState, message_title: str) -> tuple[AlertState, list[Issue]]:
    """Send each undelivered message again; drop a message that has failed `MAX_DELIVERIES` times.

    Args:
        alert_state: The stored state.
        message_title: Title of the messages.

    Returns:
        The state to store, and one issue per scheme of the unreachable addresses, to be sent to the other addresses.
    """
    remaining_messages, unreachable_addresses = [], set(alert_state.unreachable)
    for undelivered_message in alert_state.undelivered:
        tried_message = replace(undelivered_message, attempts=undelivered_message.attempts + 1)
        if deliver(undelivered_message.address, message_title, undelivered_message.message):
            unreachable_addresses.discard(undelivered_message.address)
        elif tried_message.attempts >= MAX_DELIVERIES:
            unreachable_addresses.add(undelivered_message.address)
        else:
            remaining_messages.append(tried_message)
    alert_state = replace(
        alert_state, undelivered=tuple(remaining_messages), unreachable=frozenset(unreachable_addresses)
    )
    return alert_state, find_address_issues(alert_state)


def find_address_issues(alert_state: AlertState) -> list[Issue]:
    """Name the kind of each address that no message reaches; the rest of an address may be personal or secret.

    Args:
        alert_state: The stored state of the sensor.
    """
    return [
        Issue(f"address:{scheme}", f"alerts do not reach the address {scheme}://…: check it in footsteps.yaml.")
        for scheme in sorted({address.split("://")[0] for address in alert_state.unreachable})
    ]


def build_alert_sensor(
    alert_config: AlertConfig, company_name: str, find_further_issues: Callable[[], list[Issue]]
) -> SensorDefinition:
    """The sensor that sends alerts.

    Args:
        alert_config: Addresses, and how long issues are collected.
        company_name: Name of the company, for the title.
        find_further_issues: Returns what is late, shrunken or refused.
    """

    @sensor(
        name=ALERT_SENSOR,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.STOPPED,
        description="Sends one message to the addresses of footsteps.yaml: failed runs, blocking checks, late or "
        "shrunken exports, a refused model.",
    )
    def alert_sensor(context: SensorEvaluationContext) -> SkipReason:
        now_seconds = datetime.now(UTC).timestamp()
        alert_state = read_alert_state(context.cursor, now_seconds)
        alert_state, outcome_phrase = send_due_alert(
            context.instance, alert_state, alert_config, company_name, find_further_issues, now_seconds
        )
        context.update_cursor(_ALERT_STATE_ADAPTER.dump_json(alert_state).decode())
        return SkipReason(outcome_phrase)

    return alert_sensor


def send_due_alert(
    instance: DagsterInstance,
    alert_state: AlertState,
    alert_config: AlertConfig,
    company_name: str,
    find_further_issues: Callable[[], list[Issue]],
    now_seconds: float,
) -> tuple[AlertState, str]:
    """Examine the runs since the last tick, and send the message that is due.

    Args:
        instance: Dagster's instance.
        alert_state: The stored state.
        alert_config: Addresses, and how long issues are collected.
        company_name: Name of the company, for the title.
        find_further_issues: Returns further issues.
        now_seconds: The time in seconds.

    Returns:
        The state to store, and what happened in one phrase. An address that was not reached is tried again next time,
        up to `MAX_DELIVERIES` times; the others do not get the message again.
    """
    if not alert_config.to:
        return AlertState(now_seconds), "no address: footsteps.yaml names none under `alerts`"
    message_title = f"Footsteps at {company_name}"
    alert_state, address_issues = send_undelivered(alert_state, message_title)
    issues = [
        *address_issues,
        *find_run_issues(instance, alert_state.until),
        *find_tick_issues(instance),
        *find_further_issues(),
    ]
    alert_state, message_text = collect_alerts(
        replace(alert_state, until=now_seconds), issues, now_seconds, alert_config.gather_minutes * 60
    )
    if message_text is None:
        undelivered_count = len(alert_state.undelivered)
        return alert_state, f"{undelivered_count} messages are tried again" if undelivered_count else "no new issue"
    issue_count = len(alert_state.waiting)
    unreached_addresses = [
        address for address in dict.fromkeys(alert_config.to) if not deliver(address, message_title, message_text)
    ]
    undelivered_messages = tuple(
        UndeliveredMessage(address, message_text, attempts=1) for address in unreached_addresses
    )
    alert_state = replace(
        mark_sent(alert_state, now_seconds),
        undelivered=(*alert_state.undelivered, *undelivered_messages),
        unreachable=alert_state.unreachable & set(unreached_addresses),
    )
    reached_count = len(set(alert_config.to)) - len(unreached_addresses)
    outcome_phrase = f"sent {issue_count} issues to {reached_count} addresses"
    return (
        alert_state,
        f"{outcome_phrase}; {len(unreached_addresses)} could not be reached: they are tried again"
        if unreached_addresses
        else outcome_phrase,
    )
