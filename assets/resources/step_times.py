"""When the steps of the last run began and ended, for benchmarks.

Belongs here: reading these times from Dagster's run storage.
Does not belong here: the history of a run for monitoring (`run_history`).
"""

from dagster import DagsterInstance


def read_step_times() -> list[tuple[str, float, float]]:
    """Name, start and end of each step of the last run, in seconds since the epoch, in the order of their ends.

    Dagster's home, of which the run is read, must be set in the environment.

    Raises:
        IndexError: If the home has no run.
    """
    with DagsterInstance.get() as instance:
        last_run = instance.get_runs(limit=1)[0]
        step_stats = instance.get_run_step_stats(last_run.run_id)
    step_times = [
        (stats.step_key, stats.start_time, stats.end_time)
        for stats in step_stats
        if stats.start_time is not None and stats.end_time is not None
    ]
    return sorted(step_times, key=lambda step_time: step_time[2])
