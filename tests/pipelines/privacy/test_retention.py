"""Each run deletes what is older than its contract keeps it, and nothing else."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from erasable_company import CONFIG, FEEDBACK_EXPORT, NOW, open_company

from pipelines.config.company import Config
from pipelines.contracts.catalog import FEEDBACK
from pipelines.contracts.feature_tables import DRIFT
from pipelines.ingest.deleted_files import keep_rows_of_deleted_files, list_deleted_files
from pipelines.ingest.deliveries import count_landed_rows, read_ledger
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.privacy.content_search import find_files_with
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.landed_rows import recount_ledger
from pipelines.privacy.retention import delete_due
from pipelines.storage.lake import Lake
from pipelines.validation.rule_evaluation import validate_rows

TODAY = NOW.date()
# An export per day of delivery: its age in days by the text that only its rows hold.
AGES = {"skill of the oldest": 1096, "skill at the limit": 1095, "skill of last year": 400, "skill of today": 0}


def land_exports(root: Path) -> DataRoot:
    (root / "landing").mkdir(parents=True)
    stores = open_company(root)
    source = stores.config.source("feedback")
    for number, (skill, age) in enumerate(AGES.items()):
        day = TODAY - timedelta(days=age)
        records = [f"f{number},p0000,p0002,{skill},1,2020-01-01", f"b{number},p0000,,{skill} broken,1,x"]
        lines = [FEEDBACK_EXPORT[0], *records]
        (stores.landing_folder / f"feedback{number}.csv").write_text("\n".join(lines) + "\n")
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
        land_source(LandingContext(stores.lake, stores.landing_folder, day, moment), source)
    return stores


def test_only_what_is_due_is_deleted(tmp_path: Path) -> None:
    stores = land_exports(tmp_path / "root")
    report = delete_due(stores, TODAY)
    assert report.deleted_count_by_place == {
        "raw_tabular__event_feedback": 1,
        "quarantine__raw_tabular__event_feedback": 3,
        "landing copies": 1,
    }
    landed = {path.name: pl.read_parquet(path) for path in (tmp_path / "root" / "lake").rglob("raw_t*/*/*.parquet")}
    assert sorted(pl.concat(landed.values())["skill_text"]) == sorted(list(AGES)[1:])
    assert find_files_with(tmp_path / "root", ["skill of the oldest"]) == []
    assert find_files_with(tmp_path / "root" / "lake", ["skill of last year broken"]) == []
    assert len(find_files_with(tmp_path / "root" / "lake", ["skill of today broken"])) == 1
    assert sorted(path.name for path in stores.landing_folder.iterdir()) == [f"feedback{n}.csv" for n in (1, 2, 3)]
    assert delete_due(stores, TODAY).deleted_count_by_place == {}


def test_history_that_is_landed_today_is_kept_for_its_whole_period(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "landing").mkdir(parents=True)
    stores = open_company(root)
    lines = [FEEDBACK_EXPORT[0], "f1,p0000,p0002,an old skill,1,2016-01-01", "b1,p0000,,broken,1,x"]
    export = stores.landing_folder / "feedback_2016-01-31.csv"
    export.write_text("\n".join(lines) + "\n")
    landing = LandingContext(stores.lake, stores.landing_folder, date(2016, 1, 31), NOW)
    land_source(landing, stores.config.source("feedback"))
    assert delete_due(stores, TODAY).deleted_count_by_place == {}
    assert export.exists()
    assert delete_due(stores, TODAY + timedelta(days=1096)).deleted_count_by_place["landing copies"] == 1


def test_a_run_with_nothing_due_counts_no_landed_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stores = land_exports(tmp_path / "root")
    recounts: list[str] = []

    def recount(lake: Lake, reason: str) -> None:
        recounts.append(reason)
        if len(recounts) == 2:
            recount_ledger(lake, reason=reason)

    # the first deletion is killed before the ledger follows
    monkeypatch.setattr("pipelines.privacy.retention.recount_ledger", recount)
    for _ in range(4):
        delete_due(stores, TODAY)
    assert len(recounts) == 2
    assert [row["passed_over"][0]["count"] for row in read_ledger(stores.lake).to_dicts()[:3]] == [2, 1, 1]


def test_the_ledger_says_when_and_counts_every_row(tmp_path: Path) -> None:
    stores = land_exports(tmp_path / "root")
    delete_due(stores, TODAY)
    reasons = [row["passed_over"] for row in read_ledger(stores.lake).to_dicts()]
    deleted = f"file deleted on {TODAY}"
    assert reasons == [[{"why": deleted, "count": count}] for count in (2, 1, 1)] + [[]]
    assert all(counts.is_complete for counts in count_landed_rows(stores.lake, stores.config.sources))
    # the same export again is no new delivery
    assert (
        land_source(LandingContext(stores.lake, stores.landing_folder, TODAY, NOW), stores.config.source("feedback"))[
            0
        ].status
        == "already_landed"
    )


def test_rows_made_of_a_deleted_file_stay_until_their_own_period_ends(tmp_path: Path) -> None:
    stores = land_exports(tmp_path / "root")
    oldest_file = read_ledger(stores.lake)["file_sha256"][0]
    core_rows = pl.DataFrame(
        [
            {
                **dict.fromkeys(FEEDBACK.column_names),
                "source_name": "feedback",
                "record_code": f"f{number}",
                "person_id": "p0000",
                "feedback_kind": "peer",
                "occurred_at": NOW,
                "file_sha256": file_sha256,
            }
            for number, file_sha256 in enumerate((oldest_file, "of another file"))
        ],
        schema=FEEDBACK.schema,
    )
    references = {"core_hr__entity_person.person_id": pl.Series(["p0000"])}
    stores.lake.write(FEEDBACK, validate_rows(FEEDBACK, core_rows, references))
    no_rows = validate_rows(FEEDBACK, core_rows.clear(), references)
    assert keep_rows_of_deleted_files(stores.lake, no_rows, references).good_rows.is_empty()
    delete_due(stores, TODAY)
    assert list_deleted_files(stores.lake)["delivery_reason"].to_list() == [f"file deleted on {TODAY}"]
    core_rows_now = keep_rows_of_deleted_files(stores.lake, no_rows, references)
    assert core_rows_now.good_rows["record_code"].to_list() == ["f0"]
    assert core_rows_now.counts.kept_count == 1
    # a record that a landed file gives again is taken from there; a person who is gone is not brought back
    landed_again = validate_rows(FEEDBACK, core_rows.head(1).with_columns(file_sha256=pl.lit("new")), references)
    assert keep_rows_of_deleted_files(stores.lake, landed_again, references).good_rows["file_sha256"].to_list() == [
        "new"
    ]
    nobody = {"core_hr__entity_person.person_id": pl.Series([], dtype=pl.String)}
    assert keep_rows_of_deleted_files(stores.lake, no_rows, nobody).good_rows.is_empty()


def test_a_legal_hold_suspends_every_deletion(tmp_path: Path) -> None:
    stores = land_exports(tmp_path / "root")
    config = Config.model_validate({**CONFIG, "privacy": {"legal_holds": ["case 7"]}})
    report = delete_due(DataRoot(stores.settings, config, stores.landing_folder), TODAY)
    assert report.sentence == "retention: nothing is deleted, because privacy.legal_holds names 1 legal hold(s)"
    assert len(find_files_with(tmp_path / "root", ["skill of the oldest"])) == 3


def test_rows_of_a_table_end_by_the_day_that_its_contract_names(tmp_path: Path) -> None:
    stores = land_exports(tmp_path / "root")
    rows = [
        {
            "as_of": as_of,
            "watched_name": "n",
            "watched_kind": "input",
            "stability_index": 0.0,
            "is_drifted": False,
            "model_version": "m",
        }
        for as_of in (TODAY - timedelta(days=366), TODAY - timedelta(days=365), date(2026, 6, 1))
    ]
    drift = pl.DataFrame([{**dict.fromkeys(DRIFT.column_names), **row} for row in rows], schema=DRIFT.schema)
    stores.lake.write(DRIFT, drift)
    assert delete_due(stores, TODAY).deleted_count_by_place[DRIFT.name] == 1
    assert stores.lake.scan(DRIFT).collect()["as_of"].to_list() == [TODAY - timedelta(days=365), date(2026, 6, 1)]
