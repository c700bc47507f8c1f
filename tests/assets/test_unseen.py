"""What follows a change: work on an issue is found however it names the issue."""

import polars as pl
import pytest
from conftest import DemoNight

from assets.definitions import resources
from assets.resources import Night
from pipelines.config import read_config
from pipelines.contracts.catalog import ASSIGNMENT, WORKLOG


@pytest.mark.parametrize("column", ["assignment_code", "record_code"])
def test_who_worked_on_an_issue_is_found_by_its_code_and_by_the_number_of_its_record(
    demo_night: DemoNight, column: str
) -> None:
    settings = demo_night.settings
    night = resources(settings, read_config(settings.config_path))["night"]
    assert isinstance(night, Night)
    logged = night.lake.scan(WORKLOG).drop_nulls("assignment_code")
    code = logged.select(pl.col("assignment_code").first()).collect().item()
    issue = pl.DataFrame({column: [code]}, schema_overrides=ASSIGNMENT.schema)
    issue = pl.concat([pl.DataFrame(schema=ASSIGNMENT.schema), issue], how="diagonal")
    workers = logged.filter(pl.col("assignment_code") == code).select("person_id").unique().collect()["person_id"]
    assert set(night.workers_on(issue)) == set(workers) != set()
