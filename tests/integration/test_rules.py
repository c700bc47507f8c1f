"""Over a whole run each rule is evaluated once per row and layer, and lost rows of a source stop the publication."""

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from conftest import END, run_pipeline

from assets.cli.console import CommandFailed
from pipelines.config.company import read_config
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.table import Table
from pipelines.demo.build import build_demo
from pipelines.ingest import raw_tables
from pipelines.ingest.landing import read_ledger, source_tables
from pipelines.snapshots.reader import NothingPublished, current_snapshot
from pipelines.storage.lake import Lake
from pipelines.validation import rule_evaluation


@pytest.fixture
def evaluated_rows(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Rows for which the rules of a table were evaluated so far, by name of the table."""
    counts: Counter[str] = Counter()
    evaluate, split_landed = rule_evaluation._evaluate, raw_tables.split_landed

    def count_evaluated(table: Table, rules: Any, rows: pl.DataFrame, *arguments: Any) -> Any:
        counts[table.name] += rows.height
        return evaluate(table, rules, rows, *arguments)

    def count_landed(frame: pl.LazyFrame, table: Table, *arguments: Any) -> Any:
        def count(row_numbers: pl.Series) -> pl.Series:
            counts[table.name] += len(row_numbers)
            return row_numbers

        counted = pl.col("row_number").map_batches(count, return_dtype=pl.Int64, is_elementwise=True)
        return split_landed(frame.with_columns(counted), table, *arguments)

    monkeypatch.setattr(rule_evaluation, "_evaluate", count_evaluated)
    monkeypatch.setattr(raw_tables, "split_landed", count_landed)
    return counts


@pytest.mark.slow
def test_a_first_run_evaluates_each_rule_once_per_row_and_layer(tmp_path: Path, evaluated_rows: Counter[str]) -> None:
    build_demo(tmp_path, people=60, seed=7, end=END)
    run_pipeline(tmp_path)
    lake, config = Lake(tmp_path / "lake"), read_config(tmp_path / "footsteps.yaml")
    arrived = {table.name: lake.rule_counts(table).row_count for table in TABLES.values()}
    assert {name: evaluated_rows[name] for name in TABLES} == arrived
    assert sum(arrived[name] > 0 for name in TABLES) > 40
    raw = {table.name for source in config.sources for table in source_tables(source).values()}
    landed = read_ledger(lake).filter(delivery_status="landed")
    assert sum(evaluated_rows[name] for name in raw) == int(landed["good_count"].sum() + landed["bad_count"].sum())


@pytest.mark.slow
def test_a_tracker_whose_accounts_nobody_maps_stops_the_run_which_says_why(tmp_path: Path) -> None:
    build_demo(tmp_path, people=60, seed=7, end=END)
    path = tmp_path / "footsteps.yaml"
    path.write_text(path.read_text().replace("serves: [jira, tempo]", "serves: [jira]"))
    with pytest.raises(CommandFailed) as stopped:
        run_pipeline(tmp_path)
    message = str(stopped.value)
    assert "core_project__event_worklog breaks person_id__references: person_id|references:" in message
    assert "are set aside, more than the limit of 50%" in message
    assert "look at quarantine__core_project__event_worklog" in message
    assert "`serves`" in message
    with pytest.raises(NothingPublished):
        current_snapshot(tmp_path / "published")
