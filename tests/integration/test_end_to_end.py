"""A complete run on the demo company, and the runs after it."""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest
from conftest import DemoRun, run_pipeline
from dagster import DagsterInstance

from assets.cli.terminal.console import CommandFailed
from pipelines.contracts.catalog import PERSON, TABLES
from pipelines.contracts.feature_tables import EVALUATION, MASTERY
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.storage.lake import Lake
from pipelines.storage.parquet_files import content_sha256


@pytest.fixture
def another(demo_run: DemoRun, tmp_path: Path) -> Path:
    """A copy of the demo after its first run, which the test may change."""
    root = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    return root


def hashes(root: Path) -> dict[str, str]:
    lake = Lake(root / "lake")
    return {name: content_sha256(lake.scan(table).collect()) for name, table in TABLES.items()}


def test_every_employed_person_gets_rows_or_a_reason(demo_run: DemoRun) -> None:
    rows = demo_run.summary.snapshot.scan(NEXT_SKILL.name).collect()
    people = Lake(demo_run.settings.lake_path).scan(PERSON).filter(pl.col("employment_status") != "left")
    assert set(rows["person_id"]) == set(people.collect()["person_id"])
    recommended = rows.filter(pl.col("skill_id").is_not_null())
    assert recommended.height > rows["person_id"].n_unique() * 5
    assert recommended["explanation"].null_count() == 0
    assert recommended["probability"].is_between(0, 1).all()
    for (_,), person_rows in recommended.group_by("person_id"):
        assert person_rows.sort("rank")["rank"].to_list() == list(range(1, person_rows.height + 1))
        assert person_rows["skill_id"].n_unique() == person_rows.height


def test_nothing_is_published_about_people_who_left(demo_run: DemoRun) -> None:
    people = Lake(demo_run.settings.lake_path).scan(PERSON).collect()
    left = people.filter(pl.col("employment_status") == "left")["person_id"]
    assert left.len() > 0
    for name in [table.name for table in demo_run.summary.snapshot.tables]:
        rows = demo_run.summary.snapshot.scan(name)
        if "person_id" in rows.collect_schema():
            assert rows.filter(pl.col("person_id").is_in(left.implode())).collect().is_empty(), name


def test_all_tables_of_a_snapshot_carry_its_id(demo_run: DemoRun) -> None:
    snapshot = demo_run.summary.snapshot
    for table in snapshot.tables:
        assert snapshot.scan(table.name).select("snapshot_id").unique().collect().to_series().to_list() == [
            snapshot.snapshot_id
        ]


def test_the_planted_stages_are_recovered(demo_run: DemoRun) -> None:
    truth = pl.read_parquet(demo_run.settings.root / "truth" / "stages.parquet")
    estimated = Lake(demo_run.settings.lake_path).scan(MASTERY).select("person_id", "skill_id", estimated="stage")
    both = truth.join(estimated.collect(), on=("person_id", "skill_id"), how="left")
    both = both.with_columns(pl.col("estimated").fill_null("none"))
    assert both.height > 500
    assert both.select((pl.col("stage") == pl.col("estimated")).mean()).item() > 0.95


def test_planted_bad_values_are_in_quarantine_under_their_rules(demo_run: DemoRun) -> None:
    dirt = json.loads((demo_run.settings.root / "truth" / "dirt.json").read_text())
    planted = sum(kinds.get("bad_date", 0) for name, kinds in dirt.items() if name.startswith("tempo/"))
    files = sorted((demo_run.settings.lake_path / "quarantine__raw_tempo__event_worklog").rglob("*.parquet"))
    broken = pl.read_parquet(files).explode("failed_rules").filter(pl.col("failed_rules") == "worked_at|parses")
    assert broken.height == planted


def test_the_ranker_is_evaluated_together_with_simple_models(demo_run: DemoRun) -> None:
    rows = Lake(demo_run.settings.lake_path).scan(EVALUATION).filter(pl.col("segment") == "all").collect()
    assert {"popularity", "ease", "footsteps"} <= set(rows["model"])


def test_a_repeated_run_changes_no_table_and_lands_no_row(demo_run: DemoRun, another: Path) -> None:
    before = hashes(another)
    again = run_pipeline(another)
    assert hashes(another) == before
    assert again.snapshot.tables == demo_run.summary.snapshot.tables
    assert again.source_states == demo_run.summary.source_states
    for raw in (another / "lake").glob("raw_*__*"):
        assert not list(raw.rglob("*.unfinished"))


class RefusedExports(NamedTuple):
    """The demo after a run that refused five new files."""

    root: Path
    hashes_before: dict[str, str]
    sources: dict[str, dict[str, Any]]
    people_file: Path


@pytest.fixture(scope="module")
def refused_exports(demo_run: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> RefusedExports:
    """Four broken files of worklogs, and an export of people that lacks three of ten."""
    root = tmp_path_factory.mktemp("refused") / "root"
    shutil.copytree(demo_run.settings.root, root, ignore=shutil.ignore_patterns("dagster_home"))
    landing = root / "landing"
    worklogs = sorted((landing / "tempo").glob("*.csv"))[0].read_bytes()
    (landing / "tempo" / "worklogs_2027-01-01.csv").write_bytes(b"")
    (landing / "tempo" / "worklogs_2027-01-02.csv").write_bytes(worklogs.splitlines(keepends=True)[0] + b'"cut off, no')
    (landing / "tempo" / "worklogs_2027-01-03.csv").write_bytes(b"When,Who,What\n2026-01-01,me,it\n")
    (landing / "tempo" / "worklogs_2027-01-04.csv").write_bytes(b"\xff\xfe\x00\xd8" + worklogs[:2001])
    people = next((landing / "bamboohr").glob("*.csv"))
    people_file = people.with_name("employees_2027-01-01.csv")
    header, *rows = people.read_bytes().splitlines(keepends=True)
    people_file.write_bytes(header + b"".join(rows[: len(rows) * 7 // 10]))
    hashes_before = hashes(root)
    sources = {source["name"]: source for source in run_pipeline(root).source_states}
    return RefusedExports(root, hashes_before, sources, people_file)


def test_broken_files_are_refused_one_by_one_and_the_run_goes_on(refused_exports: RefusedExports) -> None:
    source = refused_exports.sources["worklogs"]
    assert source["status"] == "refused"
    assert {file["file"] for file in source["refused"]} == {f"worklogs_2027-01-0{day}.csv" for day in (1, 2, 3, 4)}
    assert all(file["reason"].count("\n") == 0 for file in source["refused"])


def test_a_run_that_refuses_files_changes_the_ledger_alone(refused_exports: RefusedExports) -> None:
    before, after = refused_exports.hashes_before, hashes(refused_exports.root)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"raw_landing__event_delivery"}


def test_a_shrunken_full_export_is_refused_until_it_is_allowed(refused_exports: RefusedExports, tmp_path: Path) -> None:
    people = refused_exports.sources["people"]
    (refusal,) = people["refused"]
    assert "the floor is 80" in refusal["reason"]
    assert people["rows"] > 50
    root = tmp_path / "allowed"
    shutil.copytree(refused_exports.root, root)
    allowed = {source["name"]: source for source in run_pipeline(root, allow_row_count_drop=True).source_states}
    row_count = len(refused_exports.people_file.read_bytes().splitlines()) - 1
    assert allowed["people"]["rows"] == row_count
    assert row_count < people["rows"] * 8 // 10


def test_a_failed_run_leaves_the_published_tables_in_place(another: Path) -> None:
    pointer = (another / "published" / "CURRENT").read_text()
    taxonomy = another / "landing" / "taxonomy" / "prerequisites.csv"
    skill, required = taxonomy.read_text().splitlines()[1].split(",")
    with taxonomy.open("a") as stream:
        stream.write(f"{required},{skill}\n")
    with pytest.raises(CommandFailed, match="cycle"):
        run_pipeline(another)
    assert (another / "published" / "CURRENT").read_text() == pointer


def test_no_personal_value_reaches_dagsters_storage(demo_run: DemoRun, monkeypatch: pytest.MonkeyPatch) -> None:
    people = Lake(demo_run.settings.lake_path).scan(PERSON).select("work_email", "display_name").collect()
    secrets = {value for column in people for value in column.drop_nulls()}
    assert len(secrets) > 60
    monkeypatch.setenv("DAGSTER_HOME", str(demo_run.settings.dagster_home))
    with DagsterInstance.get() as instance:
        record = instance.get_run_records(limit=1)[0]
        events = "\n".join(str(entry.to_json()) for entry in instance.all_logs(record.dagster_run.run_id))
    docs = "\n".join(path.read_text() for path in demo_run.settings.docs_path.rglob("*.*"))
    assert "out__next_skill" in events
    assert "out__next_skill" in docs
    for secret in secrets:
        assert secret not in events
        assert secret not in docs
