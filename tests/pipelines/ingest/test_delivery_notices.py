"""Notices of landed files, from rows of the ledger."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from time_sheets import TIME

from pipelines.config.company import SourceConfig
from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.deliveries import read_ledger
from pipelines.ingest.delivery_notices import find_notices
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.storage.lake import Lake


def ledger_row(**changes: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "source_name": "lms",
        "file_name": "a.csv",
        "delivery_number": 1,
        "delivery_status": "landed",
        "good_count": 8,
        "bad_count": 0,
        "read_count": 10,
        "passed_over": [{"why": "verb launched", "count": 2}],
    }
    return dict.fromkeys(DELIVERY.column_names) | usual | changes


def notices_of(*rows: dict[str, Any]) -> list[str]:
    return find_notices(pl.DataFrame(list(rows), schema=DELIVERY.schema), "lms")


def test_a_file_that_is_mostly_read_has_no_notice() -> None:
    assert notices_of(ledger_row()) == []
    assert notices_of(ledger_row(read_count=None, passed_over=None)) == []  # ledger of an earlier version


@pytest.mark.parametrize(("passed_over", "has_notice"), [(5, False), (6, True)])
def test_more_than_half_of_a_file_passed_over(passed_over: int, has_notice: bool) -> None:
    reasons = [{"why": "verb launched", "count": passed_over}]
    notices = notices_of(ledger_row(good_count=10 - passed_over, passed_over=reasons))
    sentence = "lms: a.csv: 6 of 10 rows are passed over, most often for: verb launched (6); "
    sentence += "`footsteps sources preview` shows them."
    assert notices == ([sentence] if has_notice else [])


def test_a_file_without_a_kept_row() -> None:
    (notice,) = notices_of(ledger_row(good_count=0, bad_count=8))
    assert notice.startswith("lms: a.csv: no row is kept of 10 read; compare `system` and `mapping`")


def test_a_word_that_no_table_declares() -> None:
    words = [{"why": "mapping: LINE", "count": 3}]
    (notice,) = notices_of(ledger_row(unknown_words=words))
    assert "3 records hold a word that no table declares; footsteps.yaml settles it: mapping: LINE." in notice


def test_only_the_files_that_the_source_landed_last_count() -> None:
    first_run, second_run = (datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2))
    empty = ledger_row(good_count=0, read_count=0, passed_over=[], landed_at=first_run)
    assert len(notices_of(empty)) == 1
    assert notices_of(empty, ledger_row(delivery_number=2, landed_at=second_run)) == []
    assert len(notices_of(empty, ledger_row(delivery_number=2, landed_at=second_run, source_name="other"))) == 1


def test_equal_notices_of_several_files_are_one() -> None:
    paged = {"file_notes": ["it is one page of several"]}
    assert notices_of(ledger_row(**paged), ledger_row(delivery_number=2, file_name="b.csv", **paged)) == [
        "lms: 2 files, such as a.csv: it is one page of several."
    ]


def test_notices_that_differ_in_counts_alone_are_one_with_the_sums() -> None:
    launched, voided = ({"why": f"verb {verb}", "count": count} for verb, count in (("launched", 6), ("voided", 1)))
    word = {"why": "mapping: LINE", "count": 1}
    rows = [
        ledger_row(good_count=0, passed_over=[launched, voided], unknown_words=[word]),
        ledger_row(good_count=0, passed_over=[{**voided, "count": 9}, launched], read_count=1_000, delivery_number=2),
        ledger_row(good_count=0, passed_over=[voided, launched], read_count=12, delivery_number=3),
        ledger_row(passed_over=[], unknown_words=[{**word, "count": 2}], delivery_number=4),
    ]
    passed_over, none_kept, unknown_word = notices_of(*rows)
    assert passed_over.startswith("lms: 2 files, such as a.csv: 14 of 22 rows are passed over, most often for: ")
    assert ": verb launched (12), verb voided (2); " in passed_over
    assert none_kept.startswith("lms: 3 files, such as a.csv: no row is kept of 1,022 read; ")
    assert unknown_word.startswith("lms: 2 files, such as a.csv: 3 records hold a word that no table declares; ")


def test_notices_that_differ_in_more_than_counts_stay_apart() -> None:
    reasons = [[{"why": why, "count": 9}] for why in ("verb launched", "no mark")]
    notes = [["it names (`Quiz 1`)"], ["it names (`Quiz 2`)"]]
    words = [[{"why": f"mapping: {line}", "count": 1}] for line in ("A", "B")]
    rows = [
        ledger_row(passed_over=passed_over, file_notes=file_notes, unknown_words=unknown_words, delivery_number=number)
        for number, (passed_over, file_notes, unknown_words) in enumerate(zip(reasons, notes, words, strict=True))
    ]
    notices = notices_of(*rows)
    assert len(notices) == 6
    assert all(notice.startswith("lms: a.csv: ") for notice in notices)


def test_notes_with_other_numbers_state_those_of_the_first_file() -> None:
    rows = [ledger_row(file_notes=[f"it has {count} title rows"], delivery_number=count) for count in (2, 3)]
    assert notices_of(*rows) == ["lms: 2 files, such as a.csv: it has 2 title rows."]


def test_a_column_that_a_note_explains_is_no_second_notice() -> None:
    row = ledger_row(columns_left_out=["Quiz Grade", "Bonus Grade"], file_notes=["it states no maximum (`Quiz Grade`)"])
    left_out, noted = notices_of(row)
    assert "are not read (1): `Bonus Grade`;" in left_out
    assert noted == "lms: a.csv: it states no maximum (`Quiz Grade`)."


def test_a_measure_that_no_row_fills() -> None:
    (notice,) = notices_of(ledger_row(empty_measures=["worked_hours"]))
    assert notice.startswith("lms: a.csv: `worked_hours` is empty in every kept row; `mapping: {worked_hours: COLUMN}`")


@pytest.mark.parametrize(("hours", "empty_measures"), [("", ["worked_hours"]), ("7", [])])
def test_landing_records_what_a_file_does_not_measure(hours: str, empty_measures: list[str], tmp_path: Path) -> None:
    (tmp_path / "time.csv").write_text(f"id,who,day,hours\n1,a,2025-02-13,{hours}\n2,b,2025-02-14,\n")
    landing = LandingContext(Lake(tmp_path / "lake"), tmp_path, date(2025, 7, 1), datetime(2025, 7, 1, tzinfo=UTC))
    land_source(landing, TIME)
    ledger = read_ledger(landing.lake)
    assert ledger["empty_measures"].to_list() == [empty_measures]
    assert ledger["file_notes"].to_list() == [[]]


def test_certificates_need_no_score(tmp_path: Path) -> None:
    mapping = {"employee_number": "who", "skill_text": "skill", "feedback_kind": "kind", "occurred_at": "day"}
    (tmp_path / "certificates.csv").write_text("who,skill,kind,day\na,SQL,certificate,2025-02-13\n")
    landing = LandingContext(Lake(tmp_path / "lake"), tmp_path, date(2025, 7, 1), datetime(2025, 7, 1, tzinfo=UTC))
    land_source(landing, SourceConfig.model_validate({**TIME.model_dump(), "shape": "feedback", "mapping": mapping}))
    ledger = read_ledger(landing.lake)
    assert ledger["good_count"].to_list() == [1]
    assert ledger["empty_measures"].to_list() == [[]]


def test_landing_records_that_a_file_is_one_page_of_several(tmp_path: Path) -> None:
    statement = {
        "id": "1",
        "actor": {"account": {"homePage": "https://id.example", "name": "7"}},
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": "https://lms.example/course/1"},
        "timestamp": "2025-02-13T08:00:00Z",
    }
    (tmp_path / "page.json").write_text(json.dumps({"statements": [statement], "more": "/statements?page=2"}))
    landing = LandingContext(Lake(tmp_path / "lake"), tmp_path, date(2025, 7, 1), datetime(2025, 7, 1, tzinfo=UTC))
    land_source(landing, SourceConfig(name="lms", system="xapi", path="*.json"))
    (notice,) = find_notices(read_ledger(landing.lake), "lms")
    assert notice.startswith("lms: page.json: it is one page of several")
