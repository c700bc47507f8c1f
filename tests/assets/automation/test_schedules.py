"""What was changed by hand is followed, what is the same is not, and what fails is tried again, but not for ever."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets.automation.partitions import DELIVERY_DAYS
from assets.automation.schedules import NIGHTLY_SCHEDULE, build_nightly_schedule, nightly_job, today_utc
from assets.cli.terminal.console import resolve_settings
from assets.definitions import build_definitions
from assets.incremental.automation_condition import MAX_ATTEMPTS, on_changed_inputs
from assets.resources.run_context import SCHEDULED_DAY_TAG

FAILS = {"yes": False}


@dg.asset
def table() -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(data_version=dg.DataVersion(VERSION["now"]))


VERSION = {"now": "1"}


@dg.asset(deps=[table], automation_condition=on_changed_inputs())
def follower() -> None:
    if FAILS["yes"]:
        raise ValueError("no")


class Ticks:
    """An ephemeral instance on which conditions are evaluated tick by tick."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.defs = dg.Definitions(assets=[table, follower])
        self.cursor: Any = None

    def requested(self) -> int:
        evaluated = dg.evaluate_automation_conditions(
            defs=self.defs,
            instance=self.instance,
            cursor=self.cursor,
            asset_selection=dg.AssetSelection.assets("follower"),
        )
        self.cursor = evaluated.cursor
        return evaluated.total_requested

    def make(self, *assets: Any) -> None:
        dg.materialize(list(assets), instance=self.instance, raise_on_error=False, selection=list(assets))


@pytest.fixture
def ticks() -> Iterator[Ticks]:
    FAILS["yes"], VERSION["now"] = False, "1"
    with dg.DagsterInstance.ephemeral() as instance:
        ticks = Ticks(instance)
        ticks.make(table)
        ticks.make(table, follower)
        ticks.requested()
        yield ticks


def test_without_new_content_nothing_runs(ticks: Ticks) -> None:
    assert ticks.requested() == 0
    ticks.make(table)  # materialized again, with the same content
    assert ticks.requested() == 0


def test_a_table_with_new_content_is_followed_once(ticks: Ticks) -> None:
    VERSION["now"] = "2"
    ticks.make(table)
    assert ticks.requested() == 1
    ticks.make(follower)
    assert ticks.requested() == 0


def test_a_failed_run_is_retried_a_limited_number_of_times(ticks: Ticks) -> None:
    VERSION["now"], FAILS["yes"] = "2", True
    ticks.make(table)
    requests = 0
    for _ in range(10):
        if ticks.requested():
            requests += 1
            ticks.make(follower)
    assert 2 <= requests <= MAX_ATTEMPTS


def test_a_backfilled_day_is_followed_although_other_days_hold_nothing() -> None:
    @dg.asset(partitions_def=DELIVERY_DAYS)
    def raw_table() -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(data_version=dg.DataVersion(VERSION["now"]))

    @dg.asset(deps=[raw_table], automation_condition=on_changed_inputs())
    def core_table() -> None: ...

    @dg.asset(deps=[core_table], automation_condition=on_changed_inputs())
    def out_table() -> None: ...

    VERSION["now"] = "1"
    definitions = dg.Definitions([raw_table, core_table, out_table])
    with dg.DagsterInstance.ephemeral() as instance:
        requested, cursor = [], None

        def evaluate() -> None:
            nonlocal cursor
            tick = dg.evaluate_automation_conditions(definitions, instance, dg.AssetSelection.all(), cursor=cursor)
            cursor = tick.cursor
            requested.append(tick.total_requested)

        def make(*assets: Any, day: str | None = None) -> None:
            chosen = list(assets)
            dg.materialize([raw_table, core_table, out_table], selection=chosen, instance=instance, partition_key=day)

        make(raw_table, day="2026-05-01")
        evaluate()
        make(core_table, out_table)
        evaluate()
        VERSION["now"] = "2"
        make(raw_table, day="2026-05-02")
        evaluate()
        make(core_table, out_table)
        evaluate()
    # what was never made waits; what was made is followed by one run of everything downstream
    assert requested == [0, 0, 2, 0]


def test_the_nightly_run_is_for_the_day_that_begins_in_the_company_s_time_zone() -> None:
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 6, 30, 0, 0, tzinfo=UTC))
    (request,) = list(build_nightly_schedule("Europe/Berlin", 2)(context))
    assert request.tags[SCHEDULED_DAY_TAG] == date(2026, 6, 30).isoformat()
    assert request.run_key == "2026-06-30"


def test_a_nightly_run_that_is_made_up_later_lands_the_present_day() -> None:
    """Dagster 1.13 looks a partition up as of the scheduled time, unless the request is tagged as resolved."""

    @dg.asset(partitions_def=DELIVERY_DAYS)
    def landed() -> None: ...

    definitions = dg.Definitions([landed], jobs=[nightly_job], schedules=[build_nightly_schedule("UTC", 2)])
    repository = definitions.get_repository_def()
    missed = datetime.now(UTC) - timedelta(days=2)
    context = dg.build_schedule_context(scheduled_execution_time=missed, repository_def=repository)
    (request,) = repository.get_schedule_def(NIGHTLY_SCHEDULE).evaluate_tick(context).run_requests or []
    assert request.partition_key == today_utc().isoformat()
    assert request.tags[SCHEDULED_DAY_TAG] == missed.date().isoformat()


@pytest.mark.parametrize(("declared", "cron_schedule"), [("", "0 2 * * *"), ("nightly_hour: 23\n", "0 23 * * *")])
def test_the_configuration_declares_the_hour_of_the_nightly_run(
    tmp_path: Path, declared: str, cron_schedule: str
) -> None:
    (tmp_path / "footsteps.yaml").write_text(
        f"{declared}sources:\n  - {{name: moodle, system: moodle, path: '*.csv'}}\n"
    )
    (nightly_schedule,) = build_definitions(resolve_settings(tmp_path)).schedules or ()
    assert isinstance(nightly_schedule, dg.ScheduleDefinition)
    assert nightly_schedule.cron_schedule == cron_schedule
