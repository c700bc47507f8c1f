"""Over a whole run each rule is evaluated once per row and layer, and lost rows of a source stop the publication."""

import shutil
from pathlib import Path

import pytest
from conftest import DemoRun, run_pipeline

from assets.cli.terminal.console import CommandFailed
from pipelines.config.company import ConfigError, SourceConfig, read_config
from pipelines.contracts.catalog import TABLES
from pipelines.ingest.deliveries import list_raw_tables, read_ledger
from pipelines.snapshots.reader import NothingPublished, current_snapshot
from pipelines.storage.lake import Lake


def test_a_first_run_evaluates_each_rule_once_per_row_and_layer(demo_run: DemoRun, tmp_path: Path) -> None:
    # a copy: the counts of a table that no run has written are recorded when they are read
    shutil.copytree(demo_run.settings.lake_path, tmp_path / "lake")
    lake, config = Lake(tmp_path / "lake"), read_config(demo_run.settings.config_path)
    arrived = {table.name: lake.rule_counts(table).row_count for table in TABLES.values()}
    assert {name: demo_run.evaluated_rows[name] for name in TABLES} == arrived
    assert sum(arrived[name] > 0 for name in TABLES) > 40
    raw = {table.name for source in config.sources for table in list_raw_tables(source).values()}
    landed = read_ledger(lake).filter(delivery_status="landed")
    evaluated_count = sum(demo_run.evaluated_rows[name] for name in raw)
    assert evaluated_count == int(landed["good_count"].sum() + landed["bad_count"].sum())


@pytest.mark.slow
def test_a_misspelt_tracker_is_refused_and_without_that_check_stops_the_run_which_says_why(
    demo_run: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(demo_run.settings.root / "landing", tmp_path / "landing")
    shutil.copyfile(demo_run.settings.config_path, tmp_path / "footsteps.yaml")
    path = tmp_path / "footsteps.yaml"
    path.write_text(path.read_text().replace("serves: [jira, tempo]", "serves: [jira, tempoo]"))
    number = 1 + next(i for i, line in enumerate(path.read_text().splitlines()) if "tempoo" in line)
    with pytest.raises(ConfigError, match=rf"line {number}.*'tempoo'.*nearest: tempo"):
        read_config(path)
    monkeypatch.setattr(SourceConfig, "find_problems", lambda source, systems: iter(()))
    with pytest.raises(CommandFailed) as stopped:
        run_pipeline(tmp_path)
    message = str(stopped.value)
    assert "core_project__event_worklog breaks person_id__references: person_id|references:" in message
    assert "are set aside, more than the limit of 50%" in message
    assert "look at quarantine__core_project__event_worklog" in message
    assert "`serves`" in message
    with pytest.raises(NothingPublished):
        current_snapshot(tmp_path / "published")
