"""Retention of what Dagster stores of runs: events and logs of old runs.

Belongs here: the deletion of runs whose period has ended.
Does not belong here: ticks of schedules and sensors (dagster.yaml), the retention of tables (`pipelines.privacy`).
"""

from datetime import datetime, timedelta

from dagster import DagsterInstance, RunsFilter


def delete_old_runs(instance: DagsterInstance, now: datetime, days: int) -> int:
    """Delete runs that were created too long ago, with their events.

    Args:
        instance: Dagster's instance.
        now: The present time.
        days: Days for which runs stay.

    Returns:
        The number of runs.
    """
    old_records = instance.get_run_records(RunsFilter(created_before=now - timedelta(days=days)))
    for run_record in old_records:
        instance.delete_run(run_record.dagster_run.run_id)
    return len(old_records)
