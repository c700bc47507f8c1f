"""Erasure with whole runs: everybody else's rows are those of a company that never had the person."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from conftest import END, DemoRun, run_pipeline

from assets.cli.run import execute_run
from assets.cli.terminal.console import resolve_settings
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from pipelines.contracts.catalog import ACCOUNT, FILE_TABLES, PERSON, TABLES
from pipelines.contracts.feature_tables import DRIFT
from pipelines.contracts.output_tables import COMPANION, PUBLISH_TARGET, SNAPSHOT
from pipelines.privacy.content_search import find_files_with
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import KEY_VARIABLE
from pipelines.privacy.erasure import complete_erasures, erase_people, open_list
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.lake import Lake

# What depends on the history of runs; see docs/erasure_and_retention.md.
# The card names the hash of the model's file, whose bytes differ from training to training.
HISTORY_COLUMNS = (
    "card",
    "snapshot_id",
    "first_snapshot_id",
    "obeyed_date",
    "delivered_date",
    "landed_at",
    "delivery_number",
)
HISTORY_TABLES = {DRIFT, SNAPSHOT, PUBLISH_TARGET, *FILE_TABLES}
RUST_FOLDER = os.environ.get("FOOTSTEPS_TEST_RUST", "")
RUST_DECLARATION = Path(__file__).parents[2] / "examples" / "rust" / "footsteps.yaml"
# About 540 of 6,000 people: three runs take about four minutes of processor time.
TWELFTH = pl.col("person_id").cast(pl.String).str.slice(-6).hash(seed=0) % 12 == 0


def open_stores(root: Path) -> DataRoot:
    settings = resolve_settings(root)
    config = load_config(settings)
    return DataRoot(settings, config, resolve_landing_folder(settings, config))


def read_comparable(lake: Lake) -> dict[str, pl.DataFrame]:
    return {
        table.name: lake.scan(table).collect().drop(HISTORY_COLUMNS, strict=False)
        for table in TABLES.values()
        if table not in HISTORY_TABLES
    }


@pytest.mark.long
def test_after_an_erasure_the_tables_are_those_of_a_company_without_the_person(
    demo_run: DemoRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "the secret of a demo company")
    erased, fresh, restored = (tmp_path / name for name in ("erased", "fresh", "restored"))
    shutil.copytree(demo_run.settings.root, erased)
    with (erased / "footsteps.yaml").open("a") as declaration:
        declaration.write("privacy: {erased_people: ../kept/erased.jsonl}\n")
    shutil.copytree(erased, restored)
    fresh.mkdir()
    shutil.copytree(erased / "landing", fresh / "landing")
    shutil.copyfile(erased / "footsteps.yaml", fresh / "footsteps.yaml")
    stores = open_stores(erased)
    companions = stores.lake.scan(COMPANION).collect()["companion_id"].drop_nulls()
    person_id = companions[0] if companions.len() else stores.lake.scan(PERSON).collect()["person_id"][5]
    person = stores.lake.scan(PERSON).filter(person_id=person_id).collect()
    codes = stores.lake.scan(ACCOUNT).filter(person_id=person_id).collect()["account_code"].drop_nulls()
    texts = [person_id, person["display_name"][0], person["work_email"][0], *codes]

    open_list(stores, is_new=True)
    receipt = erase_people(stores, {person_id}, datetime.now(UTC))
    assert receipt is not None
    assert receipt.remaining == ()
    assert find_files_with(erased, texts) == []

    run_pipeline(erased, allow_row_count_drop=True)
    run_pipeline(fresh)
    # an export may name the person in a column that is never read: its copy in the landing folder then stays
    for folder in (erased, fresh / "lake", fresh / "published"):
        assert find_files_with(folder, texts) == [], folder
    expected = read_comparable(Lake(fresh / "lake"))
    for name, rows in read_comparable(Lake(erased / "lake")).items():
        assert rows.equals(expected[name]), name

    # a backup of the whole data root from before the erasure
    complete_erasures(open_stores(restored), datetime.now(UTC))
    assert find_files_with(restored, texts) == []
    assert current_snapshot(restored / "published").as_of == END


def write_rust_exports(root: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Write a part of the people of an open-source organisation as exports; returns commits and role changes."""
    commits = pl.read_parquet(Path(RUST_FOLDER) / "project_commits.parquet").filter(TWELFTH)
    changes = pl.read_csv(Path(RUST_FOLDER) / "hr_role_changes.csv", infer_schema=False).filter(TWELFTH)
    (root / "landing").mkdir(parents=True)
    commits.write_parquet(root / "landing" / "project_commits.parquet")
    changes.write_csv(root / "landing" / "hr_role_changes.csv")
    declaration = RUST_DECLARATION.read_text() + "privacy: {erased_people: ../kept/erased.jsonl}\n"
    (root / "footsteps.yaml").write_text(declaration)
    return commits, changes


def run_to_newest_event(root: Path) -> None:
    settings = resolve_settings(root)
    execute_run(settings, load_config(settings), None, allow_row_count_drop=True)


@pytest.mark.long
@pytest.mark.skipif(not RUST_FOLDER, reason="FOOTSTEPS_TEST_RUST does not name the folder of the rust data")
def test_a_hundred_real_people_are_erased_and_everybody_else_has_the_rows_of_a_company_without_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "the secret of an organisation")
    erased, fresh = tmp_path / "erased", tmp_path / "fresh"
    commits, _ = write_rust_exports(erased)
    write_rust_exports(fresh)
    run_to_newest_event(erased)
    # the day of the run is that of the newest commit: whoever made it stays
    newest_person = commits.sort("ts")["person_id"].cast(pl.String)[-1]
    person_ids = commits["person_id"].cast(pl.String).unique().sort().drop_nulls().to_list()
    erased_ids = {person_id for person_id in person_ids if person_id != newest_person}
    erased_ids = set(sorted(erased_ids)[:: len(erased_ids) // 100][:100])
    assert len(erased_ids) == 100

    receipt = erase_people(open_stores(erased), erased_ids, datetime.now(UTC))
    assert receipt is not None
    assert receipt.remaining == ()
    assert find_files_with(erased, sorted(erased_ids)) == []

    run_to_newest_event(erased)
    run_to_newest_event(fresh)
    for folder in (erased, fresh / "lake", fresh / "published"):
        assert find_files_with(folder, sorted(erased_ids)) == [], folder
    expected = read_comparable(Lake(fresh / "lake"))
    for name, rows in read_comparable(Lake(erased / "lake")).items():
        assert rows.equals(expected[name]), name
