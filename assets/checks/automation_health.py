"""What fails or stands still in Dagster: runs, sensors and schedules.

Belongs here: the runs and ticks of an instance that nobody has put right yet.
Does not belong here: deliveries and the publication (`health`), blocked tables of a run (`assets.automation.alerts`).
"""

import fcntl
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunsFilter

from assets.checks.issue import Issue

_ENDED_STATUSES = (DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE)
# Only this many of the newest runs are examined.
_MAX_EXAMINED_RUNS = 100


def find_failed_runs(instance: DagsterInstance, lock_file: Path) -> list[DagsterRun]:
    """Find the failed and killed runs whose work no later run has done.

    A later successful run has done it if it executed every step that failed or did not end; if there was none, because
    the run broke off before, a later run of the same job.

    Args:
        instance: Dagster's instance.
        lock_file: The lock that a run holds while it writes: a run that is under way without it was killed.

    Returns:
        The runs, the newest first; of several that failed at the same steps, the newest.
    """
    run_statuses = [*_ENDED_STATUSES, DagsterRunStatus.STARTED]
    newest_runs = [
        run_record.dagster_run
        for run_record in instance.get_run_records(RunsFilter(statuses=run_statuses), limit=_MAX_EXAMINED_RUNS)
    ]
    # runs are compared with each other: the steps of each are read once
    read_step_keys = cache(partial(_read_step_keys, instance))
    later_runs: list[DagsterRun] = []
    failed_runs: list[DagsterRun] = []
    for run in newest_runs:
        if run.status is DagsterRunStatus.STARTED and _is_locked(lock_file):
            continue
        if run.status is not DagsterRunStatus.SUCCESS:
            unfinished_step_keys = read_step_keys(run.run_id, False)
            if not any(
                (unfinished_step_keys or later_run.job_name == run.job_name)
                and unfinished_step_keys
                <= read_step_keys(later_run.run_id, later_run.status is DagsterRunStatus.SUCCESS)
                for later_run in later_runs
            ):
                failed_runs.append(run)
        later_runs.append(run)
    return failed_runs


def find_killed_runs(failed_runs: Sequence[DagsterRun]) -> list[Issue]:
    """Name the runs that never ended, although no process works on them.

    Args:
        failed_runs: As `find_failed_runs` returns them.
    """
    return [
        Issue(
            f"run:{run.job_name}:killed",
            f"run {run.run_id[:8]} of {run.job_name} never ended: its process was killed. The next run does its work.",
        )
        for run in failed_runs
        if run.status is DagsterRunStatus.STARTED
    ]


def find_tick_issues(instance: DagsterInstance) -> list[Issue]:
    """Find the schedules and sensors that are on and whose last evaluation failed.

    Args:
        instance: Dagster's instance.

    Returns:
        One issue per schedule or sensor. It names the class of the error, as its message may quote a value.
    """
    issues = []
    for instigator_state in instance.all_instigator_state():
        last_ticks = instance.get_ticks(instigator_state.instigator_origin_id, instigator_state.selector_id, limit=1)
        if instigator_state.is_running and last_ticks and last_ticks[0].status.value == "FAILURE":
            tick_error, instigator_kind = last_ticks[0].error, instigator_state.instigator_type.value.lower()
            error_class = tick_error.cls_name if tick_error and tick_error.cls_name else "an error"
            issue_sentence = (
                f"{instigator_kind} {instigator_state.name} failed at its last evaluation ({error_class}): "
                "look at it in the UI."
            )
            issues.append(Issue(f"tick:{instigator_state.name}", issue_sentence))
    return issues


def is_switched_on(instance: DagsterInstance, instigator_name: str) -> bool:
    """Whether a schedule or sensor was switched on."""
    return any(
        instigator_state.name == instigator_name and instigator_state.is_running
        for instigator_state in instance.all_instigator_state()
    )


def read_sensor_cursor(instance: DagsterInstance, sensor_name: str) -> str | None:
    """The cursor that a sensor stored; None if it stored none."""
    stored_cursors = [
        getattr(instigator_state.instigator_data, "cursor", None)
        for instigator_state in instance.all_instigator_state()
        if instigator_state.name == sensor_name
    ]
    return next(filter(None, stored_cursors), None)


def _read_step_keys(instance: DagsterInstance, run_id: str, is_successful: bool) -> frozenset[str]:
    """The steps of a run that succeeded if `is_successful` is True, else those that began and did not succeed."""
    return frozenset(
        step_stats.step_key
        for step_stats in instance.get_run_step_stats(run_id)
        if (step_stats.status is not None and step_stats.status.value == "SUCCESS") == is_successful
    )


def _is_locked(lock_file: Path) -> bool:
    """Whether a process holds the lock."""
    if not lock_file.exists():
        return False
    with lock_file.open() as lock_stream:
        try:
            fcntl.flock(lock_stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
