"""Reporting of runs to the receiver of OpenLineage events that footsteps.yaml names.

Belongs here: when events are sent, and what is kept until they are.
Does not belong here: the events (`lineage_events`), what counts as an issue (`assets.checks`).

The beginning of a run is sent when it begins, everything else when it ends. A run stays on the list of undelivered runs
from its beginning until all its events are sent: the next run sends those of a run that was killed, or that the
receiver did not take. So each event is delivered at least once.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dagster import DagsterInstance, DagsterRun

from assets.resources.run_history import read_run_history
from assets.resources.undelivered_lineage import (
    UndeliveredLineage,
    read_undelivered_lineage,
    write_undelivered_lineage,
)
from pipelines.config.company import Config
from pipelines.config.monitoring import OpenLineageOptions
from pipelines.config.secrets import describe_failure

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

# Of runs that a receiver did not take, the newest are kept.
_MAX_RUNS = 50
# If the receiver cannot be reached, a run repeats one request this many times.
_MAX_RETRIES = 2


@contextmanager
def report_lineage(
    root: Path, config: Config, instance: DagsterInstance | None, run: DagsterRun | None
) -> Iterator[None]:
    """Send the events of a run; the block is the run. A failure to send never stops it.

    Args:
        root: The data root, whose lock the caller holds.
        config: The configuration, with the receiver.
        instance: Dagster's instance; None outside a run.
        run: The run; None outside a run.
    """
    receiver = config.monitoring.openlineage
    if receiver is None or instance is None or run is None:
        yield
        return
    run_ids = tuple(run_id for run_id in read_undelivered_lineage(root).run_ids if run_id != run.run_id)
    delivery_problem = _try_to_send(receiver, _start_run(run, _choose_namespace(config), datetime.now(UTC)))
    write_undelivered_lineage(root, UndeliveredLineage((*run_ids, run.run_id)[-_MAX_RUNS:], delivery_problem))
    try:
        yield
    finally:
        _deliver_runs(root, config, receiver, instance, run.run_id if delivery_problem is None else None)


def _deliver_runs(
    root: Path, config: Config, receiver: OpenLineageOptions, instance: DagsterInstance, started_run_id: str | None
) -> None:
    """Send the events of all undelivered runs, the oldest first, until one fails."""
    run_ids, delivery_problem = list(read_undelivered_lineage(root).run_ids), None
    while run_ids and delivery_problem is None:
        is_started = run_ids[0] == started_run_id
        delivery_problem = _try_to_send(
            receiver, _list_events(instance, run_ids[0], _choose_namespace(config), is_started)
        )
        if delivery_problem is None:
            del run_ids[0]
    write_undelivered_lineage(root, UndeliveredLineage(tuple(run_ids), delivery_problem))


def _choose_namespace(config: Config) -> str:
    receiver = config.monitoring.openlineage
    return receiver.namespace if receiver and receiver.namespace else config.company


def _start_run(run: DagsterRun, namespace: str, started_at: datetime) -> "Iterator[RunEvent]":
    # imported here because it takes half a second, and few data roots have a receiver
    from assets.resources.lineage_events import build_run_start

    yield build_run_start(run.run_id, run.job_name, namespace, started_at)


def _list_events(instance: DagsterInstance, run_id: str, namespace: str, is_started: bool) -> "Iterator[RunEvent]":
    """The events of a run that ended; without its first if the receiver has it."""
    from assets.resources.lineage_events import build_run_events

    run = instance.get_run_by_id(run_id)
    if run is None:  # it was deleted in the UI
        return
    history = read_run_history(instance, run, datetime.now(UTC))
    if not is_started:
        yield from _start_run(run, namespace, history.started_at)
    yield from build_run_events(history, namespace)


def _try_to_send(receiver: OpenLineageOptions, run_events: "Iterable[RunEvent]") -> str | None:
    """Send events in order until one fails; return why it failed, without secrets and addresses."""
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

    api_key = os.environ.get(receiver.key_variable)
    try:
        transport = HttpTransport(
            HttpConfig(
                url=f"{receiver.url.rstrip('/')}/",
                endpoint=receiver.endpoint.lstrip("/"),
                timeout=receiver.timeout_seconds,
                auth=ApiKeyTokenProvider({"api_key": api_key}) if api_key else TokenProvider({}),
                retry={"total": _MAX_RETRIES, "backoff_factor": 0.3, "allowed_methods": ["POST"]},
            )
        )
        with closing(transport):
            for run_event in run_events:
                transport.emit(run_event)
    except Exception as failure:  # a failure of another system must not stop the run: the next run tries again
        return describe_failure(failure, [receiver.key_variable])
    return None
