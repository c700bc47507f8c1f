"""A file by day reaches the people it touches and nobody else, with the rows a whole night would have made."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun

from assets.cli.console import CommandFailed, resolve_settings
from assets.cli.inputs import load_config
from assets.cli.run import execute_run
from benchmarks.incremental_runs import find_people_with_changed_rows, write_new_worklogs
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.feature_tables import CANDIDATE, MASTERY, MODEL_CARD
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake


def run(root: Path, day: date, *, incremental: bool = False) -> pl.DataFrame:
    settings = resolve_settings(root)
    execute_run(settings, load_config(settings), day, False, incremental=incremental)
    return current_snapshot(settings.published_path).scan(NEXT_SKILL.name).collect()


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    folder = tmp_path / "one"
    shutil.copytree(demo_run.settings.root, folder, ignore=shutil.ignore_patterns("dagster_home"))
    return folder


def test_by_day_the_touched_people_have_the_rows_of_a_night_and_the_others_keep_theirs(
    root: Path, tmp_path: Path
) -> None:
    before = current_snapshot(root / "published").scan(NEXT_SKILL.name).collect()
    version = Lake(root / "lake").scan(MODEL_CARD).collect()["model_version"].to_list()
    touched = write_new_worklogs(resolve_settings(root), people=5, day=END, seed=3)
    other = tmp_path / "other"
    shutil.copytree(root, other)
    after = run(root, END, incremental=True)
    changed = set(find_people_with_changed_rows(before, after))
    assert 1 <= len(changed) <= touched == 5
    # the same files in a complete night, with the same model, nothing kept from before
    shutil.rmtree(other / "lake" / ".made_of")
    night = run(other, END)
    incremental, whole = Lake(root / "lake"), Lake(other / "lake")
    for lake in (incremental, whole):
        assert lake.scan(MODEL_CARD).collect()["model_version"].to_list() == version
    for table in (EVIDENCE, MASTERY, CANDIDATE):
        rows = [lake.scan(table).filter(pl.col("person_id").is_in(changed)).collect() for lake in (incremental, whole)]
        assert rows[0].sort(table.key).equals(rows[1].sort(table.key)), table.name
    mine = [frame.filter(pl.col("person_id").is_in(changed)) for frame in (after, night)]
    assert not set(find_people_with_changed_rows(mine[0], mine[1]))
    # and the night that follows the day makes everything as if the day had not been
    last = run(root, END)
    assert not set(find_people_with_changed_rows(last, night))
    assert incremental.content_hash(EVIDENCE) == whole.content_hash(EVIDENCE)


def test_a_night_with_nothing_new_only_renews_what_is_published(root: Path) -> None:
    before = current_snapshot(root / "published")
    run(root, END)
    assert current_snapshot(root / "published").tables == before.tables
    later = run(root, END + timedelta(days=1))
    assert later["as_of"].unique().to_list() == [END + timedelta(days=1)]


def test_a_table_that_a_broken_run_left_is_made_again_and_not_renewed(root: Path) -> None:
    run(root, END)
    lake = Lake(root / "lake")
    whole = lake.content_hash(OUT_MASTERY)
    part = lake.files(OUT_MASTERY)[0]
    pl.read_parquet(part).head(1).write_parquet(part)
    run(root, END)
    assert lake.content_hash(OUT_MASTERY) == whole


def test_a_run_that_breaks_off_before_any_step_says_why(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("assets.resources.pipeline.remove_unfinished", fail)
    with pytest.raises(CommandFailed, match=r"broke off: .*no space left on device"):
        run(root, END)
