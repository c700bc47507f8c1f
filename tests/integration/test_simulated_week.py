"""A week with every automation on: each event causes few runs, and after each run all targets hold one snapshot."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import polars as pl
import pytest
from conftest import END, DemoRun
from deltalake import DeltaTable

from assets.automation.schedules import NIGHTLY_JOB, NIGHTLY_SCHEDULE, today_utc
from assets.cli.terminal.console import resolve_settings
from assets.cli.terminal.dagster_home import prepare_dagster_home
from assets.definitions import build_definitions
from assets.resources.complete_run import CompleteRuns
from assets.resources.locking import keep_connections_open
from assets.resources.run_context import CAUSE_TAG
from assets.tables import model, publish_targets
from benchmarks.incremental_runs import write_new_worklogs
from pipelines.contracts.output_tables import NEXT_SKILL, PUBLISH_TARGET, SNAPSHOT
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

pytestmark = pytest.mark.long

RAW = "raw_tempo__event_worklog"


@dataclass
class Company:
    """A data root whose daemon is played by the test: it evaluates every automation and executes what they request."""

    root: Path
    instance: dg.DagsterInstance
    definitions: dg.Definitions
    today: date = END
    causes: list[str] = field(default_factory=list)
    compares: bool = True
    sensor_cursor: str | None = None
    automation_cursor: Any = None

    def execute(self, job_name: str | None, cause: str, assets: Any = None, checks: Any = None, **options: Any) -> bool:
        """Execute a run, and compare the targets after it."""
        job = (
            self.definitions.resolve_job_def(job_name)
            if job_name
            else self.definitions.resolve_implicit_global_asset_job_def()
        )
        if assets:
            job = job.get_subset(
                asset_selection=frozenset(assets), asset_check_selection=None if checks is None else frozenset(checks)
            )
        result = job.execute_in_process(instance=self.instance, raise_on_error=False, **options)
        self.causes.append(cause)
        assert self.is_published() or not self.compares, cause
        return result.success

    def is_published(self) -> bool:
        """Whether the readers of every target see the current snapshot."""
        return {*published_to(self.root).values()} == {current_snapshot(self.root / "published").snapshot_id}

    def schedule(self) -> bool:
        """The nightly run of the next day."""
        self.today += timedelta(days=1)
        at = datetime(self.today.year, self.today.month, self.today.day, 2).astimezone()
        repository = self.definitions.get_repository_def()
        context = dg.build_schedule_context(self.instance, at, repository_def=repository)
        tick = self.definitions.resolve_schedule_def(NIGHTLY_SCHEDULE).evaluate_tick(context)
        (request,) = tick.run_requests or []
        return self.execute(
            NIGHTLY_JOB, request.tags[CAUSE_TAG], tags=request.tags, partition_key=request.partition_key
        )

    def evaluate(self) -> int:
        """Evaluate the sensors until none requests a run; the number of runs."""
        run_count = len(self.causes)
        while requests := [*self._evaluate_files(), *self._evaluate_conditions()]:
            assert len(self.causes) - run_count < 5, self.causes
            for job_name, assets, checks, tags, partition in requests:
                self.execute(job_name, tags[CAUSE_TAG], assets, checks, tags=tags, partition_key=partition)
        return len(self.causes) - run_count

    def _evaluate_files(self) -> Iterator[Any]:
        sensor = self.definitions.resolve_sensor_def("landed_files_sensor")
        tick = sensor.evaluate_tick(
            dg.build_sensor_context(self.instance, self.sensor_cursor, definitions=self.definitions)
        )
        self.sensor_cursor = tick.cursor
        for request in tick.run_requests or []:
            yield NIGHTLY_JOB, request.asset_selection, request.asset_check_keys, request.tags, request.partition_key

    def _evaluate_conditions(self) -> Iterator[Any]:
        outcome = dg.evaluate_automation_conditions(
            self.definitions, self.instance, dg.AssetSelection.all(), cursor=self.automation_cursor
        )
        self.automation_cursor = outcome.cursor
        keys = self.definitions.resolve_asset_graph().materializable_asset_keys
        requested = [key for key in keys if outcome.get_num_requested(key)]
        sensor: Any = self.definitions.resolve_sensor_def("backfill_downstream_sensor")
        if requested:
            yield None, requested, None, sensor.run_tags, None


def published_to(root: Path) -> dict[str, str]:
    """The snapshot that the readers of each target see."""
    published = root / "published"
    folder = next((published / "tables").glob(f"{NEXT_SKILL.name}*"))
    query = f"SELECT DISTINCT snapshot_id FROM {NEXT_SKILL.name}"
    with duckdb.connect(str(published / "footsteps.duckdb"), read_only=True) as database:
        by_duckdb = database.sql(query).fetchall()
    by_delta = pl.from_arrow(DeltaTable(folder).to_pyarrow_table(columns=["snapshot_id"]))
    assert isinstance(by_delta, pl.DataFrame)
    ((duckdb_snapshot,),) = by_duckdb
    page = (published / "site" / "index.html").read_text()
    current = current_snapshot(published).snapshot_id
    recorded = Lake(root / "lake").scan(PUBLISH_TARGET).filter(pl.col("way_problem").is_null()).collect()
    return {
        **dict(recorded.select("way_name", "snapshot_id").iter_rows()),
        "duckdb": duckdb_snapshot,
        "delta": by_delta["snapshot_id"].unique().item(),
        "site": current if current in page else "another",
    }


@pytest.fixture
def company(demo_run: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    root = tmp_path / "company"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    with (root / "footsteps.yaml").open("a") as config_file:
        config_file.write("quiet_seconds: 0\n")  # every file is complete
    settings = resolve_settings(root)
    monkeypatch.setenv("DAGSTER_HOME", str(prepare_dagster_home(settings)))
    with dg.DagsterInstance.get() as instance, keep_connections_open(instance):
        company = Company(root, instance, build_definitions(settings))
        monkeypatch.setattr(CompleteRuns, "local_date", lambda _: company.today)
        yield company


def deliver(company: Company, day: date, people: int) -> None:
    """Drop an export with three new worklogs per person into the landing folder."""
    write_new_worklogs(resolve_settings(company.root), people=people, day=day, seed=day.toordinal())


def break_off(*_: Any) -> None:
    raise KeyboardInterrupt


def fail(*_: Any, **__: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_week_with_every_automation_on(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    current = current_snapshot
    published = company.root / "published"
    assert company.schedule()  # Monday: the first run of the instance, so that every automation has seen every table
    company.evaluate()

    deliver(company, company.today, people=4)  # a file of 11 rows or so
    before = current(published).snapshot_id
    assert company.evaluate() == 1
    assert company.causes[-1] == "new files of worklogs"
    assert current(published).snapshot_id != before

    with monkeypatch.context() as patch:
        patch.setattr(model, "run_champion_challenger", fail)
        assert not company.schedule()  # Tuesday: the training fails
    assert company.schedule()  # Wednesday: the complete run that follows
    assert company.evaluate() == 0
    last = current(published)
    assert company.schedule()  # Thursday: nothing new, so that the run only extends the validity
    assert company.evaluate() == 0
    assert current(published).valid_until == last.valid_until + timedelta(days=1)

    day = today_utc() - timedelta(days=3)
    deliver(company, day, people=3)
    assert company.execute(
        None, "a backfill", [dg.AssetKey(RAW), dg.AssetKey(f"quarantine__{RAW}")], partition_key=day.isoformat()
    )
    assert company.evaluate() == 1
    assert company.causes[-1] == "an input was materialized by hand, or the last run failed"
    assert company.execute(None, "by hand", [dg.AssetKey(SNAPSHOT.name), dg.AssetKey(PUBLISH_TARGET.name)])
    assert company.evaluate() == 0

    deliver(company, company.today, people=2)
    with monkeypatch.context() as patch:
        patch.setattr(publish_targets, "publish_target", break_off)
        company.compares = False
        assert not company.schedule()  # Friday: killed between the snapshot and its targets
        assert not company.is_published()
        company.compares = True
    assert company.schedule()  # Saturday: the next run publishes to them too
    assert company.evaluate() == 0
    assert len(company.causes) <= 12, company.causes
