"""A table of an earlier run that an asset reads makes the asset stale, if rows of an earlier day changed."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun
from dagster import AssetsDefinition, MetadataValue, materialize

from assets.resources.pipeline import PipelineResource
from assets.resources.run_context import AS_OF_TAG
from assets.tables.companions import companions
from pipelines.contracts.output_tables import COMPANION, OBEYED_REPLY, SHOWN_COMPANION
from pipelines.contracts.table import Table
from pipelines.storage.lake import Lake


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, folder, ignore=shutil.ignore_patterns("dagster_home", "landing"))
    assert is_unchanged(companions, folder)  # the run of the demo has just computed it
    return folder


def is_unchanged(asset: AssetsDefinition, root: Path) -> bool:
    pipeline = PipelineResource(
        data_root=str(root), config_path=str(root / "footsteps.yaml"), landing_path=str(root / "landing")
    )
    result = materialize([asset], resources={"pipeline": pipeline}, tags={AS_OF_TAG: END.isoformat()})
    (event,) = [
        event
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None and event.asset_key.to_user_string() == COMPANION.name
    ]
    return event.materialization.metadata.get("unchanged") == MetadataValue.bool(True)


def shown_on(day: date) -> pl.DataFrame:
    rows = {"person_id": ["p"], "companion_id": ["q"], "since_date": [day]}
    return pl.DataFrame(rows, schema=SHOWN_COMPANION.schema)


def obeyed_on(day: date) -> pl.DataFrame:
    rows = {"reply_id": ["r"], "obeyed_date": [day], "first_snapshot_id": ["s"]}
    return pl.DataFrame(rows, schema=OBEYED_REPLY.schema)


@pytest.mark.parametrize(("table", "rows_of"), [(SHOWN_COMPANION, shown_on), (OBEYED_REPLY, obeyed_on)])
def test_a_changed_row_of_an_earlier_day_makes_companions_stale(root: Path, table: Table, rows_of: object) -> None:
    assert callable(rows_of)
    lake = Lake(root / "lake")
    lake.write(table, pl.concat([lake.scan(table).collect(), rows_of(END)]))
    assert is_unchanged(companions, root)  # what this day recorded is not read on this day
    lake.write(table, pl.concat([lake.scan(table).collect(), rows_of(END - timedelta(days=20))]))
    assert not is_unchanged(companions, root)
