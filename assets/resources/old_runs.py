"""Retention of what Dagster stores of runs: events and logs of old runs.

Belongs here: the deletion of runs whose period has ended.
Does not belong here: ticks of schedules and sensors (dagster.yaml), the retention of tables (`pipelines.privacy`).
"""

from datetime import datetime, timedelta

from dagster import DagsterInstance, DagsterRun, RunsFilter

# As `footsteps up` loads it.
_LOCATION_NAME = "assets.definitions"


def delete_old_runs(instance: DagsterInstance, now: datetime, days: int, location_name: str | None = None) -> int:
    """Delete runs of Footsteps that were created too long ago, with their events.

    An instance on a server may hold runs of other code locations, which are not ours to delete.

    Args:
        instance: Dagster's instance.
        now: The present time.
        days: Days for which runs stay.
        location_name: The code location of the present run; None if a command started it.

    Returns:
        The number of runs.
    """
    own_names = {_LOCATION_NAME, location_name, None}
    old_runs = [
        run_record.dagster_run
        for run_record in instance.get_run_records(RunsFilter(created_before=now - timedelta(days=days)))
        if read_location_name(run_record.dagster_run) in own_names
    ]
    for run in old_runs:
        instance.delete_run(run.run_id)
    return len(old_runs)


def read_location_name(run: DagsterRun | None) -> str | None:
    """The code location of a run; None if a command started it."""
    origin = run.remote_job_origin if run else None
    return origin.location_name if origin else None
