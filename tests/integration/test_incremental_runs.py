"""An incremental run updates the people whom new files touch, with the rows of a complete run."""

import shutil
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun

from assets.cli.run import execute_run
from assets.cli.terminal.console import CommandFailed, resolve_settings
from assets.cli.terminal.inputs import load_config
from benchmarks.incremental_runs import find_people_with_changed_rows, write_new_worklogs
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.craft_tables import CRAFT_TABLES, OWN_COMBINATION, STAGE_TIME, TEACHING_LINE
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY, MODEL_CARD
from pipelines.contracts.output_tables import (
    NEXT_SKILL,
    OUT_MASTERY,
    OWN_PRACTICE,
    PRACTICE,
    ROW_METADATA_COLUMNS,
    SQUAD_MATCH,
    SQUAD_OPENING,
)
from pipelines.contracts.table import Table
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

# Companions are dealt in turn to all readers of a place, so that one reader's other list moves the turns of the others.
DEALT_COLUMNS = ("follow_id", "lead_id")
# What a run computes of openings and matches; the other columns say which run it was.
SQUAD_COLUMNS = {
    table.name: [column for column in table.column_names if column not in {*ROW_METADATA_COLUMNS, *DEALT_COLUMNS}]
    for table in (SQUAD_OPENING, SQUAD_MATCH)
}


def run(root: Path, day: date, *, incremental: bool = False) -> pl.DataFrame:
    settings = resolve_settings(root)
    execute_run(settings, load_config(settings), day, False, incremental=incremental)
    return current_snapshot(settings.published_path).scan(NEXT_SKILL.name).collect()


def answer_openings(root: Path) -> list[tuple[str, str]]:
    """Write the answers of two people about their last listed opening; returns person and opening of each."""
    matches = current_snapshot(root / "published").scan(SQUAD_MATCH.name).collect().sort("person_id", "rank")
    last_matches = matches.group_by("person_id", maintain_order=True).last().head(2)
    answered_pairs = list(last_matches.select("person_id", "opening_id").iter_rows())
    stated_at = f"{END}T12:00:00Z"
    lines = [
        f"s{number},{person_id},,,{opening_id},{kind},{stated_at}"
        for number, ((person_id, opening_id), kind) in enumerate(zip(answered_pairs, ("join", "not_now"), strict=True))
    ]
    answer_file = root / "landing" / "answers" / f"squad_reply_{END}.csv"
    answer_file.parent.mkdir(exist_ok=True)
    header = "record_code,employee_number,work_email,account_code,opening_id,squad_reply_kind,replied_at"
    answer_file.write_text("\n".join([header, *lines]) + "\n")
    with (root / "footsteps.yaml").open("a") as declaration:
        declaration.write("serve: {header: {header: X-User, key: employee_number}}\n")
    return answered_pairs


def compare_steps(after: pl.DataFrame, complete: pl.DataFrame) -> set[str]:
    """The people with other steps in the one publication than in the other."""
    steps = [
        frame.select("person_id", "rank", "skill_id", "to_stage").sort("person_id", "rank")
        for frame in (after, complete)
    ]
    return set(steps[0].join(steps[1], on=steps[0].columns, how="anti", nulls_equal=True)["person_id"])


def compare_squads(root: Path, other: Path, moved: set[str]) -> None:
    """Openings and matches are found for everybody in both runs, from the steps that each has."""
    for name, columns in SQUAD_COLUMNS.items():
        squad_rows = [
            current_snapshot(folder / "published").scan(name).select(columns).sort(columns[:3]).collect()
            for folder in (root, other)
        ]
        if "person_id" in columns:
            squad_rows = [rows.filter(~pl.col("person_id").is_in(moved)) for rows in squad_rows]
        assert squad_rows[0].equals(squad_rows[1]), name


def read_answers(root: Path, pairs: list[tuple[str, str]]) -> list[str | None]:
    """What the published matches say of the answers about pairs of person and opening."""
    matches = current_snapshot(root / "published").scan(SQUAD_MATCH.name).collect()
    kinds_by_pair = {
        (person_id, opening_id): kind
        for person_id, opening_id, kind in matches.select("person_id", "opening_id", "squad_reply_kind").iter_rows()
    }
    return [kinds_by_pair.get(pair, "left out") for pair in pairs]


def compare_tables(incremental: Lake, whole: Lake, tables: Iterable[Table], compared: pl.Expr | None = None) -> None:
    """The rows of tables are the same in two lakes, whatever run and snapshot they are of."""
    for table in tables:
        columns = [column for column in table.column_names if column not in ROW_METADATA_COLUMNS]
        rows_of_both = [lake.scan(table).select(columns).collect().sort(table.key) for lake in (incremental, whole)]
        if compared is not None:
            rows_of_both = [rows.filter(compared) for rows in rows_of_both]
        assert rows_of_both[0].equals(rows_of_both[1]), table.name


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, folder, ignore=shutil.ignore_patterns("dagster_home"))
    return folder


def test_an_incremental_run_gives_touched_people_the_rows_of_a_complete_run_and_leaves_the_others(
    root: Path, tmp_path: Path
) -> None:
    before = current_snapshot(root / "published").scan(NEXT_SKILL.name).collect()
    answered = answer_openings(root)
    version = Lake(root / "lake").scan(MODEL_CARD).collect()["model_version"].to_list()
    touched = write_new_worklogs(resolve_settings(root), people=5, day=END, seed=3)
    other = tmp_path / "other"
    shutil.copytree(root, other)
    after = run(root, END, incremental=True)
    changed = set(find_people_with_changed_rows(before, after))
    assert 1 <= len(changed) <= touched == 5
    # the same files in a complete run with the same model, without stored states
    shutil.rmtree(other / "lake" / ".made_of")
    complete = run(other, END)
    incremental, whole = Lake(root / "lake"), Lake(other / "lake")
    for lake in (incremental, whole):
        assert lake.scan(MODEL_CARD).collect()["model_version"].to_list() == version
    for table in (EVIDENCE, MASTERY, CANDIDATE, OWN_PRACTICE):
        rows = [lake.scan(table).filter(pl.col("person_id").is_in(changed)).collect() for lake in (incremental, whole)]
        assert rows[0].sort(table.key).equals(rows[1].sort(table.key)), table.name
    moved = compare_steps(after, complete)
    assert len(moved) <= touched
    compare_squads(root, other, moved)
    assert read_answers(root, answered) == ["join", "left out"]
    # what incremental runs compute as complete ones do
    compare_tables(incremental, whole, (STAGE_TIME, TEACHING_LINE))
    compare_tables(incremental, whole, (OWN_COMBINATION,), pl.col("person_id").is_in(changed))
    of_changed = [frame.filter(pl.col("person_id").is_in(changed)) for frame in (after, complete)]
    assert not set(find_people_with_changed_rows(of_changed[0], of_changed[1]))
    # the complete run that follows gives the same rows as if the incremental run had not been
    last = run(root, END)
    assert not set(find_people_with_changed_rows(last, complete))
    compare_tables(incremental, whole, (EVIDENCE, OWN_PRACTICE, PRACTICE, *CRAFT_TABLES))


def test_a_run_without_new_input_only_renews_what_is_published(root: Path) -> None:
    before = current_snapshot(root / "published")
    run(root, END)
    assert current_snapshot(root / "published").tables == before.tables
    later = run(root, END + timedelta(days=1))
    assert later["as_of"].unique().to_list() == [END + timedelta(days=1)]


def test_a_table_that_a_failed_run_left_is_computed_again_and_not_renewed(root: Path) -> None:
    run(root, END)
    lake = Lake(root / "lake")
    whole = lake.content_hash(OUT_MASTERY)
    part = lake.files(OUT_MASTERY)[0]
    pl.read_parquet(part).head(1).write_parquet(part)
    run(root, END)
    assert lake.content_hash(OUT_MASTERY) == whole


def test_a_run_that_fails_before_any_op_reports_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("assets.resources.pipeline.remove_unfinished", fail)
    with pytest.raises(CommandFailed, match=r"broke off: .*no space left on device"):
        run(root, END)
