"""What a run did, from Dagster's event log: its steps, the tables they read and wrote, and the checks of these tables.

Belongs here: reading the event log of one run.
Does not belong here: events for another system (`lineage_events`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from dagster import DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus

from assets.resources.metadata import table_contract
from pipelines.contracts.table import Table

Outcome = Literal["complete", "failed", "aborted"]
_EVENT_TYPES = {
    DagsterEventType.STEP_START,
    DagsterEventType.STEP_SUCCESS,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_CHECK_EVALUATION,
}
_OUTCOMES: Mapping[str, Outcome] = {"STEP_SUCCESS": "complete", "STEP_FAILURE": "failed"}
_RUN_OUTCOMES: Mapping[DagsterRunStatus, Outcome] = {
    DagsterRunStatus.SUCCESS: "complete",
    DagsterRunStatus.FAILURE: "failed",
    DagsterRunStatus.CANCELING: "aborted",
    DagsterRunStatus.CANCELED: "aborted",
}


@dataclass(frozen=True)
class CheckOutcome:
    """The outcome of one check of a table: no more than its name, severity (error or warn) and whether it passed."""

    name: str
    severity: str
    passed: bool


@dataclass
class StepHistory:
    """One step of a run.

    Attributes:
        name: Name of the step.
        reads: Contracts of the tables that it reads.
        makes: Contracts of the tables that it makes.
        started_at: When it began (UTC).
        ended_at: When it ended (UTC); None if it did not, because the run was ended.
        outcome: How it ended.
        error_class: Class of the error that it failed with; the message of an error may quote a value.
        metadata: Dagster metadata of each table that it made, by name of the table.
    """

    name: str
    reads: tuple[Table, ...]
    makes: tuple[Table, ...]
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome = "aborted"
    error_class: str | None = None
    metadata: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class RunHistory:
    """What a run did.

    Attributes:
        run_id: Dagster's id of the run, a UUID.
        job_name: Name of its job.
        started_at: When it began (UTC).
        ended_at: When it ended (UTC).
        outcome: How it ended.
        steps: Its steps, in the order in which they began.
        checks: The outcomes of the checks of a table, by name of the table.
    """

    run_id: str
    job_name: str
    started_at: datetime
    ended_at: datetime
    outcome: Outcome
    steps: tuple[StepHistory, ...]
    checks: Mapping[str, list[CheckOutcome]]


def read_run_history(instance: DagsterInstance, run: DagsterRun, now: datetime) -> RunHistory:
    """Read what a run did.

    If Dagster still reports the run as running, it is at its end or was killed: its steps tell how it ended.

    Args:
        instance: Dagster's instance.
        run: The run.
        now: The current time (UTC): the end of a run that has none yet.

    Returns:
        Steps that were skipped are not among its steps.
    """
    tables_by_step = _read_tables(instance, run)
    step_by_key: dict[str, StepHistory] = {}
    checks_by_table: dict[str, list[CheckOutcome]] = {}
    for event_record in instance.get_records_for_run(run.run_id, of_type=_EVENT_TYPES).records:
        event = event_record.event_log_entry.dagster_event
        if event is None or event.step_key is None:
            continue
        happened_at, event_type = _to_time(event_record.event_log_entry.timestamp), event.event_type_value
        event_details: Any = event.event_specific_data
        if event_type == "STEP_START":
            read_tables, made_tables = tables_by_step.get(event.step_key, ((), ()))
            # a step that is tried again begins anew
            step_by_key[event.step_key] = StepHistory(event.step_key, read_tables, made_tables, happened_at)
        elif event_type == "ASSET_CHECK_EVALUATION":
            check_outcome = CheckOutcome(
                event_details.check_name, event_details.severity.value.lower(), event_details.passed
            )
            checks_by_table.setdefault(event_details.asset_key.to_user_string(), []).append(check_outcome)
        elif event_type == "ASSET_MATERIALIZATION":
            table_name = event_details.materialization.asset_key.to_user_string()
            step_by_key[event.step_key].metadata[table_name] = {
                metadata_name: metadata_entry.value
                for metadata_name, metadata_entry in event_details.materialization.metadata.items()
            }
        elif event.step_key in step_by_key:
            step = step_by_key[event.step_key]
            step.ended_at, step.outcome = happened_at, _OUTCOMES[event_type]
            if step.outcome == "failed" and event_details.error is not None:
                step.error_class = (event_details.error.cause or event_details.error).cls_name
    run_record = instance.get_run_record_by_id(run.run_id)
    started_at = _to_time(run_record.start_time) if run_record and run_record.start_time else now
    ended_at = _to_time(run_record.end_time) if run_record and run_record.end_time else now
    outcome = _RUN_OUTCOMES.get(run.status) or _conclude_outcome(tuple(step_by_key.values()))
    return RunHistory(
        run.run_id, run.job_name, started_at, ended_at, outcome, tuple(step_by_key.values()), checks_by_table
    )


def _conclude_outcome(steps: tuple[StepHistory, ...]) -> Outcome:
    """How a run ended according to its steps, if Dagster has not recorded its end."""
    outcomes = {step.outcome for step in steps}
    if "failed" in outcomes:
        return "failed"
    return "aborted" if "aborted" in outcomes or not outcomes else "complete"


def _read_tables(instance: DagsterInstance, run: DagsterRun) -> dict[str, tuple[tuple[Table, ...], tuple[Table, ...]]]:
    """Return, by name of the step, the tables that it reads and those that it makes.

    They are those that the job declared when the run began.
    """
    if run.job_snapshot_id is None:
        return {}
    job_snapshot = instance.get_job_snapshot(run.job_snapshot_id)
    return {
        op_snapshot.name: (
            _find_tables([definition.name for definition in op_snapshot.input_def_snaps]),
            _find_tables([definition.name for definition in op_snapshot.output_def_snaps]),
        )
        for op_snapshot in job_snapshot.node_defs_snapshot.op_def_snaps
    }


def _find_tables(input_or_output_names: list[str]) -> tuple[Table, ...]:
    """The contracts among names of inputs and outputs; the outputs of checks have none."""
    contracts = []
    for input_or_output_name in input_or_output_names:
        try:
            contracts.append(table_contract(input_or_output_name))
        except (KeyError, ValueError):
            continue
    return tuple(contracts)


def _to_time(timestamp_seconds: float) -> datetime:
    return datetime.fromtimestamp(timestamp_seconds, UTC)
