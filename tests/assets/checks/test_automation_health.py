"""Failed and killed runs, failed evaluations, and what is switched on, as Dagster's instance records them."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo

from assets.checks.automation_health import (
    find_failed_runs,
    find_killed_runs,
    find_tick_issues,
    is_switched_on,
    read_sensor_cursor,
)

FAILS = {"first": False, "second": False}


@dg.asset
def first() -> None:
    if FAILS["first"]:
        raise ValueError("no space left")


@dg.asset
def second() -> None:
    if FAILS["second"]:
        raise ValueError("no space left")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def run(instance: dg.DagsterInstance, *failing: str, selection: tuple[str, ...] = ("first", "second")) -> str:
    """Run a selection of the two assets as Dagster's UI does, and return the status."""
    FAILS.update({name: name in failing for name in FAILS})
    job = dg.Definitions([first, second], jobs=[dg.define_asset_job("nightly")]).resolve_job_def("nightly")
    if len(selection) < 2:
        job = job.get_subset(asset_selection=frozenset(dg.AssetKey(name) for name in selection))
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    return result.dagster_run.status.value


def failed(instance: dg.DagsterInstance, tmp_path: Path) -> int:
    return len(find_failed_runs(instance, tmp_path / ".writing"))


def test_a_failure_ends_when_a_later_run_does_its_work(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert run(instance, "first") == "FAILURE"
    assert failed(instance, tmp_path) == 1
    assert run(instance, selection=("second",)) == "SUCCESS"
    assert failed(instance, tmp_path) == 1, "a run of other assets puts nothing right"
    assert run(instance) == "SUCCESS"
    assert failed(instance, tmp_path) == 0


def test_a_failure_of_some_assets_ends_with_a_success_of_the_same(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run(instance, "first", selection=("first",))
    run(instance, selection=("first",))
    assert failed(instance, tmp_path) == 0


def test_a_failure_that_repeats_is_one(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run(instance, "first")
    run(instance, "first")
    assert failed(instance, tmp_path) == 1


def test_a_run_under_way_without_the_lock_was_killed(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    job = dg.Definitions([first], jobs=[dg.define_asset_job("nightly")]).resolve_job_def("nightly")
    instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    lock_file = tmp_path / ".writing"
    with lock_file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert find_failed_runs(instance, lock_file) == []
    (issue,) = find_killed_runs(find_failed_runs(instance, lock_file))
    assert "never ended: its process was killed" in issue.sentence


def switch(instance: dg.DagsterInstance, name: str, status: InstigatorStatus, cursor: str | None = None) -> None:
    location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="assets.definitions"))
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    state = InstigatorState(origin, InstigatorType.SENSOR, status, SensorInstigatorData(cursor=cursor))
    instance.add_instigator_state(state)
    tick = TickData(
        state.instigator_origin_id,
        name,
        InstigatorType.SENSOR,
        TickStatus.FAILURE,
        1.0,
        selector_id=state.selector_id,
        error=SerializableErrorInfo("ValueError: anna@example.org is no number", [], "ValueError"),
    )
    instance.create_tick(tick)


def test_a_failed_evaluation_of_a_sensor_that_is_on_is_reported_without_its_message(
    instance: dg.DagsterInstance,
) -> None:
    switch(instance, "landed_files_sensor", InstigatorStatus.RUNNING, cursor="{}")
    switch(instance, "remote_files_sensor", InstigatorStatus.STOPPED)
    assert [issue.sentence for issue in find_tick_issues(instance)] == [
        "sensor landed_files_sensor failed at its last evaluation (ValueError): look at it in the UI."
    ]
    assert is_switched_on(instance, "landed_files_sensor")
    assert not is_switched_on(instance, "remote_files_sensor")
    assert not is_switched_on(instance, "nightly_schedule")
    assert read_sensor_cursor(instance, "landed_files_sensor") == "{}"
    assert read_sensor_cursor(instance, "nightly_schedule") is None
