"""Runs of Dagster end with their period."""

from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance, job

from assets.resources.old_runs import delete_old_runs


@job
def nothing() -> None:
    pass


def test_a_run_is_deleted_after_its_period() -> None:
    with DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(nothing)
        now = datetime.now(UTC)
        assert delete_old_runs(instance, now + timedelta(days=364), 365) == 0
        assert delete_old_runs(instance, now + timedelta(days=366), 365) == 1
        assert instance.get_runs_count() == 0
