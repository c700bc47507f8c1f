"""In one Dagster run of a table per layer, too many rows that break a rule stop what is downstream; few do not."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from contract_rows import make_bad_rows, make_good_rows
from dagster import AssetKey, AssetsDefinition, DagsterInstance, ExecuteInProcessResult, asset, materialize

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.pipeline import PipelineResource
from assets.resources.run_context import AS_OF_TAG
from assets.tables.raw import landing_assets
from pipelines.config.company import read_config
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import PERSON, SKILL, WORKLOG
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.contracts.table import Rule, Table
from pipelines.storage.lake import Lake

CONFIG = """
company: Test
sources:
  - name: hours
    system: tabular
    shape: worklog
    path: "*.csv"
    mapping: {record_code: id, employee_number: who, worked_at: day, worked_hours: hours}
"""
RAW_WORKLOG = raw_table("tabular", CANONICAL_SCHEMAS["worklog"])
TABLES = [WORKLOG, MASTERY, CANDIDATE, NEXT_SKILL]


@pytest.fixture
def pipeline(tmp_path: Path) -> PipelineResource:
    (tmp_path / "footsteps.yaml").write_text(CONFIG)
    (tmp_path / "landing").mkdir()
    lake = Lake(tmp_path / "lake")
    lake.write(PERSON, make_good_rows(PERSON, 20))
    lake.write(SKILL, make_good_rows(SKILL, 20))
    return PipelineResource(
        data_root=str(tmp_path), config_path=str(tmp_path / "footsteps.yaml"), landing_path=str(tmp_path / "landing")
    )


def make_asset(table: Table, rows: pl.DataFrame) -> AssetsDefinition:
    @incremental_asset(name="make_rows", tables=[table], reads=[])
    def make_rows(run: AssetRun) -> Results:
        """Write rows that the test made."""
        yield run.materialize(table, rows)

    return make_rows


def follow(table: Table) -> AssetsDefinition:
    @asset(name="downstream", deps=[table.name])
    def downstream() -> None:
        """Stands for every table that is made of this one."""

    return downstream


def execute(
    assets: Sequence[AssetsDefinition], pipeline: PipelineResource, instance: DagsterInstance
) -> ExecuteInProcessResult:
    return materialize(
        assets,
        resources={"pipeline": pipeline},
        tags={AS_OF_TAG: "2026-06-30"},
        instance=instance,
        raise_on_error=False,
    )


def ran_downstream(result: ExecuteInProcessResult) -> bool:
    return any(event.step_key == "downstream" and event.is_step_success for event in result.all_events)


def find_rule(table: Table, kind: str) -> Rule:
    return next(rule for rule in table.rules if rule.kind == kind)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.layer)
@pytest.mark.parametrize("kind", ["not_null", "references"])
def test_rows_set_aside_above_the_limit_stop_what_is_downstream_until_they_are_corrected(
    table: Table, kind: str, pipeline: PipelineResource
) -> None:
    rule, lake = find_rule(table, kind), Lake(Path(pipeline.data_root) / "lake")
    good = make_good_rows(table, 2)
    rows = pl.concat([good, make_bad_rows(table, rule, 10)])
    with DagsterInstance.ephemeral() as instance:
        for _ in range(2):  # the second run finds the table unchanged, and stops as the first did
            result = execute([make_asset(table, rows), follow(table)], pipeline, instance)
            assert not result.success
            assert not ran_downstream(result)
            assert lake.scan(table).collect().height == good.height
            assert lake.scan(quarantine_table(table.name)).collect().height == 10
            assert instance.get_latest_materialization_event(AssetKey(table.name)) is not None
            (check,) = (c for c in result.get_asset_check_evaluations() if c.check_name == rule.check_name)
            assert not check.passed
            assert check.description is not None
            assert f"{rule.name}: 10 of 12 rows break it" in check.description
        (lake.root / ".made_of" / "make_rows.json").unlink()  # as if an input had changed
        result = execute([make_asset(table, good), follow(table)], pipeline, instance)
        assert result.success
        assert ran_downstream(result)
        assert all(check.passed for check in result.get_asset_check_evaluations())


def test_few_rows_set_aside_of_a_core_table_stop_nothing(pipeline: PipelineResource) -> None:
    rule = find_rule(WORKLOG, "references")
    rows = pl.concat([make_good_rows(WORKLOG, 12), make_bad_rows(WORKLOG, rule, 6)])
    with DagsterInstance.ephemeral() as instance:
        result = execute([make_asset(WORKLOG, rows), follow(WORKLOG)], pipeline, instance)
        assert result.success
        assert ran_downstream(result)
        failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
        assert failed == [rule.check_name]


def test_a_source_whose_rows_are_all_set_aside_stops_although_another_fills_the_table(
    pipeline: PipelineResource,
) -> None:
    """As after a typing error in `serves`: every account of one tracker is unknown."""
    rule = find_rule(WORKLOG, "references")
    good = make_good_rows(WORKLOG, 20).with_columns(source_name=pl.lit("jira"))
    lost = make_bad_rows(WORKLOG, rule, 6).with_columns(source_name=pl.lit("tempo"))
    with DagsterInstance.ephemeral() as instance:
        result = execute([make_asset(WORKLOG, pl.concat([good, lost])), follow(WORKLOG)], pipeline, instance)
        assert not ran_downstream(result)
        (check,) = (check for check in result.get_asset_check_evaluations() if not check.passed)
        assert check.description == (
            "person_id|references: 6 of 26 rows break it, and 6 of 6 rows of source tempo are set aside, more than the "
            "limit of 50%: look at quarantine__core_project__event_worklog, correct the export, or its source in "
            "footsteps.yaml (`mapping`, `serves`), and run again"
        )


@pytest.mark.parametrize(("bad_count", "is_stopped"), [(10, True), (2, False)])
def test_an_export_that_breaks_a_rule_in_most_rows_stops_what_is_downstream(
    bad_count: int, is_stopped: bool, pipeline: PipelineResource
) -> None:
    lines = [f"g{number},7,2026-01-02,1" for number in range(4)] + [f"b{n},7,1726-01-02,1" for n in range(bad_count)]
    landing = Path(pipeline.landing_path)
    (landing / "hours.csv").write_text("\n".join(["id,who,day,hours", *lines]) + "\n")
    land = next(a for a in landing_assets(read_config(Path(pipeline.config_path))) if isinstance(a, AssetsDefinition))
    with DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            result = materialize(
                [land, follow(RAW_WORKLOG)],
                resources={"pipeline": pipeline},
                instance=instance,
                partition_key=date.today().isoformat(),
                raise_on_error=False,
            )
            assert ran_downstream(result) is not is_stopped
            (check,) = (check for check in result.get_asset_check_evaluations() if not check.passed)
            assert check.check_name == "worked_at__is_plausible"
            assert check.severity.value == ("ERROR" if is_stopped else "WARN")
            assert check.metadata["quarantined"].value == bad_count
