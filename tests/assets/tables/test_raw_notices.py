"""The notices of a landed file reach the UI, the run summary and the doctor; the check of the sum of rows can fail."""

import json
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from dagster import AssetsDefinition, materialize
from typer.testing import CliRunner

from assets.checks.source_states import describe_sources
from assets.cli.app import app
from assets.definitions import build_pipeline
from assets.tables import raw
from assets.tables.raw import COMPLETE, landing_assets
from pipelines.config.company import read_config
from pipelines.config.settings import Settings
from pipelines.ingest import deliveries
from pipelines.storage.lake import Lake

CSV = (
    "Employee #,Work Email,First Name,Last Name,Status,Department,Job Title,Hire Date,Final Score\n"
    "1,a@x.org,A,B,Active,Sales,Clerk,2020-01-02,7\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "landing" / "people"
    folder.mkdir(parents=True)
    (folder / "people.csv").write_text(CSV)
    source = {"name": "people", "system": "bamboohr", "path": "people/*.csv"}
    (tmp_path / "footsteps.yaml").write_text(json.dumps({"sources": [source], "quiet_seconds": 0}))
    return tmp_path


def land(root: Path) -> tuple[list[str], list[tuple[bool, str | None]]]:
    """Land the files; return the texts of `notices` in the metadata, and the results of the check of the sum."""
    settings = Settings(data_root=root)
    config = read_config(settings.config_path)
    landing = [asset for asset in landing_assets(config) if isinstance(asset, AssetsDefinition)]
    run = materialize(
        landing,
        resources={"pipeline": build_pipeline(settings, config)},
        partition_key=datetime.now(UTC).date().isoformat(),
        raise_on_error=False,
    )
    metadata = [event.materialization.metadata for event in run.get_asset_materialization_events()]
    notices = [str(entries["notices"].value) for entries in metadata if "notices" in entries]
    checks = [
        (check.passed, check.description) for check in run.get_asset_check_evaluations() if check.check_name == COMPLETE
    ]
    return notices, checks


def test_a_notice_reaches_the_three_places(root: Path) -> None:
    (in_ui,), checks = land(root)
    notice = in_ui.removeprefix("- ")
    assert notice.startswith("people: people.csv: columns that by their name hold marks or hours are not read (1)")
    assert "`Final Score`" in notice
    assert checks == [(True, "1 files")]
    (source,) = describe_sources(Lake(root / "lake"), read_config(root / "footsteps.yaml"), root / "landing")
    assert source["notices"] == [notice]
    in_doctor = json.loads(CliRunner().invoke(app, ["doctor", "--json", "--data-root", str(root)]).stdout)
    assert in_doctor["notices"] == [notice]
    assert notice not in in_doctor["findings"]


def test_a_new_column_is_a_notice_in_the_three_places(root: Path) -> None:
    land(root)
    (root / "landing" / "people" / "people.csv").write_text(CSV.replace("Final Score", "Final Score,Mood") + ",fine")
    (in_ui,), _ = land(root)
    notice = "people: new columns that are not read: Mood."
    assert in_ui.splitlines()[-1] == f"- {notice}"
    (source,) = describe_sources(Lake(root / "lake"), read_config(root / "footsteps.yaml"), root / "landing")
    assert source["notices"][-1] == notice
    in_doctor = json.loads(CliRunner().invoke(app, ["doctor", "--json", "--data-root", str(root)]).stdout)
    assert in_doctor["notices"] == source["notices"]


def test_the_check_of_the_sum_fails_on_a_wrong_number(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_wrong_ledger(lake: Lake) -> pl.DataFrame:
        return raw.read_ledger(lake).with_columns(pl.col("read_count") + 1)

    assert land(root)[1] == [(True, "1 files")]
    monkeypatch.setattr(deliveries, "read_ledger", read_wrong_ledger)
    sentence = "people: people.csv: 2 rows read are not 1 kept, 0 set aside and 0 passed over"
    assert land(root)[1] == [(False, sentence)]


def test_wrong_numbers_of_two_files_do_not_cancel_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "landing" / "people" / "people_later.csv").write_text(CSV.replace("\n1,a@", "\n2,b@"))
    assert land(root)[1] == [(True, "2 files")]

    def read_wrong_ledger(lake: Lake) -> pl.DataFrame:
        return raw.read_ledger(lake).with_columns(pl.col("read_count") + pl.Series([1, -1]))

    monkeypatch.setattr(deliveries, "read_ledger", read_wrong_ledger)
    ((is_complete, description),) = land(root)[1]
    assert not is_complete
    assert description == "people: people.csv: 2 rows read are not 1 kept, 0 set aside and 0 passed over"
