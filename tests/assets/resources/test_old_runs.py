"""Runs of Dagster end with their period."""

from datetime import UTC, datetime, timedelta

from dagster import DagsterInstance, job, reconstructable
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from assets.resources.old_runs import delete_old_runs, read_location_name


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


def test_a_run_of_another_code_location_of_the_server_stays() -> None:
    with DagsterInstance.ephemeral() as instance:
        for location_name in ("assets.definitions", "people_flow", "billing"):
            target = LoadableTargetOrigin(module_name=location_name)
            location = ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name)
            origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "nothing")
            instance.create_run_for_job(
                nothing, remote_job_origin=origin, job_code_origin=reconstructable(nothing).get_python_origin()
            )
        later = datetime.now(UTC) + timedelta(days=366)
        assert delete_old_runs(instance, later, 365, "people_flow") == 2
        assert [read_location_name(run) for run in instance.get_runs()] == ["billing"]
