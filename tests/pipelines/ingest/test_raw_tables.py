"""The rows of a file depend neither on their order nor on whether its form was checked before reading."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.deliveries import (
    LandedRowCounts,
    count_landed_rows,
    read_ledger,
    scan_current_rows,
    scan_quarantine,
)
from pipelines.ingest.landing import LandedFile, LandingContext, land_source
from pipelines.sources import adapter, canonical_frames
from pipelines.sources.readers import delimited
from pipelines.storage.lake import Lake

MAPPING = {
    "record_code": "id",
    "employee_number": "who",
    "worked_at": "day",
    "worked_hours": "hours",
    "changed_at": "changed",
}
WITH_ID = SourceConfig.model_validate(
    {"name": "time", "system": "tabular", "shape": "worklog", "path": "*.csv", "mapping": MAPPING}
)
WITHOUT_ID = SourceConfig.model_validate(
    {**WITH_ID.model_dump(), "mapping": {key: header for key, header in MAPPING.items() if key != "record_code"}}
)
HEADER = "id,who,day,hours,changed"
LINES = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from("78"),
        st.sampled_from(["2025-02-13", "2025-02-30"]),
        st.sampled_from(["1", "2", "many"]),
        st.sampled_from(["", "2025-03-01", "2025-03-02"]),
    ).map(",".join),
    min_size=1,
    max_size=8,
)


def land(root: Path, source: SourceConfig, *files: list[str], header: str = HEADER) -> list[LandedFile]:
    (root / "in").mkdir(parents=True)
    for i, lines in enumerate(files):
        (root / "in" / f"{i}.csv").write_text("\n".join([header, *lines]) + "\n")
    return land_source(
        LandingContext(Lake(root / "lake"), root / "in", date(2025, 7, 1), datetime(2025, 7, 1, tzinfo=UTC)), source
    )


def stored_rows(
    root: Path, source: SourceConfig, shape: CanonicalSchemaName = "worklog"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The current rows and those set aside, without the columns of file and row."""
    table = raw_table(source.system, CANONICAL_SCHEMAS[shape])
    good = (
        scan_current_rows(Lake(root / "lake"), table, shape, [source])
        .collect()
        .select(CANONICAL_SCHEMAS[shape].columns)
    )
    bad = scan_quarantine(Lake(root / "lake"), table, [source]).collect()
    return good.sort(pl.all()), bad.select("row_text", pl.col("failed_rules").list.join(","), "is_row_kept").sort(
        pl.all()
    )


@settings(max_examples=40, deadline=None)
@given(lines=LINES, data=st.data())
@pytest.mark.parametrize("source", [WITH_ID, WITHOUT_ID], ids=["with an id", "without"])
def test_the_order_of_rows_changes_neither_the_kept_rows_nor_the_quarantine(
    lines: list[str], data: st.DataObject, source: SourceConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    results = []
    for order in (lines, data.draw(st.permutations(lines))):
        root = tmp_path_factory.mktemp("kept")
        (delivery,) = land(root, source, order)
        assert delivery.good_count + delivery.bad_count == len(lines)
        results.append(stored_rows(root, source))
        assert results[-1][0]["record_code"].is_unique().all()
    for first, second in zip(*results, strict=True):
        assert first.equals(second)


def test_of_several_rows_with_one_key_the_last_changed_good_row_is_kept(tmp_path: Path) -> None:
    lines = ["a,7,2025-02-30,1,2025-03-09", "a,7,2025-02-13,2,2025-03-02", "a,7,2025-02-13,1,2025-03-01"]
    land(tmp_path, WITH_ID, lines)
    good, bad = stored_rows(tmp_path, WITH_ID)
    assert good["worked_hours"].to_list() == [2]
    assert sorted(bad["failed_rules"]) == ["record_code|unique", "worked_at|parses"]


def test_two_equal_worklogs_are_two_rows_and_a_second_delivery_adds_none(tmp_path: Path) -> None:
    lines = [",7,2025-02-13,1,", ",7,2025-02-13,1,", ",8,2025-02-13,1,"]
    land(tmp_path, WITHOUT_ID, lines, [*lines, ",9,2025-02-13,1,"])
    good, bad = stored_rows(tmp_path, WITHOUT_ID)
    assert sorted(good["employee_number"]) == ["7", "7", "8", "9"]
    assert bad.height == 0


def test_equal_learning_records_are_one_row(tmp_path: Path) -> None:
    source = SourceConfig.model_validate(
        {
            "name": "done",
            "system": "tabular",
            "shape": "learning_record",
            "path": "*.csv",
            "mapping": {"employee_number": "who", "occurred_at": "day", "learning_verb": {"constant": "completed"}},
        }
    )
    (delivery,) = land(tmp_path, source, ["7,2025-02-13"] * 3, header="who,day")
    assert (delivery.good_count, delivery.bad_count) == (1, 2)


def test_a_rank_that_is_no_whole_number_sets_its_row_aside(tmp_path: Path) -> None:
    mapping = {
        "record_code": "id",
        "employee_number": "who",
        "snapshot_id": "snapshot",
        "skill_id": "skill",
        "to_stage": {"constant": "master"},
        "shown_rank": "rank",
        "shown_at": "day",
    }
    source = SourceConfig.model_validate(
        {"name": "shown", "system": "tabular", "shape": "exposure", "path": "*.csv", "mapping": mapping}
    )
    lines = [f"{rank},7,s1,sql,{rank},2025-02-13" for rank in ("1", "2.0", "2.7", "first", "1e30")]
    (delivery,) = land(tmp_path, source, lines, header="id,who,snapshot,skill,rank,day")
    good, bad = stored_rows(tmp_path, source, "exposure")
    assert (delivery.status, good["shown_rank"].to_list()) == ("landed", [1, 2])
    assert bad["failed_rules"].to_list() == ["shown_rank|parses"] * 3


def test_a_person_with_an_unreadable_value_is_kept_without_it(tmp_path: Path) -> None:
    people = SourceConfig(name="people", system="bamboohr", path="*.csv")
    header = "Employee #,Work Email,Status,Hire Date"
    lines = ["1,a@x.org,Active,2024-02-30", "2,at home,Active,2024-02-13", "3,c@x.org,Vanished,2024-02-13"]
    (delivery,) = land(tmp_path, people, lines, header=header)
    good, bad = stored_rows(tmp_path, people, "person")
    assert (delivery.good_count, delivery.bad_count) == (3, 0)
    assert good.select("account_code", "work_email", "hired_date", "employment_status").rows() == [
        ("1", "a@x.org", None, "active"),
        ("2", None, date(2024, 2, 13), "active"),
        ("3", "c@x.org", date(2024, 2, 13), None),
    ]
    assert sorted(bad.select("failed_rules", "is_row_kept").rows()) == [
        ("employment_status|in_set", True),
        ("hired_date|parses", True),
        ("work_email|matches", True),
    ]


def test_stored_rows_are_counted_by_the_ledger_once_per_row_and_without_files_it_does_not_list(tmp_path: Path) -> None:
    people = SourceConfig(name="people", system="bamboohr", path="*.csv")
    lines = ["1,a@x.org,Active,2024-02-30", "2,at home,Active,2024-02-13", "3,c@x.org,Vanished,2024-02-13"]
    land(tmp_path, people, lines, header="Employee #,Work Email,Status,Hire Date")
    lake = Lake(tmp_path / "lake")
    complete = LandedRowCounts("people", "0.csv", read_count=3, kept_count=3, set_aside_count=0, passed_over_count=0)
    assert (count_landed_rows(lake, [people]), complete.is_complete) == ([complete], True)
    (file,) = lake.folder(raw_table("bamboohr", CANONICAL_SCHEMAS["person"])).rglob("*.parquet")
    file.with_name("0123456789abcdef-none.parquet").write_bytes(file.read_bytes())
    assert count_landed_rows(lake, [people]) == [complete]
    file.unlink()
    (count,) = count_landed_rows(lake, [people])
    assert (count.kept_count, count.is_complete) == (0, False)


def test_rows_missing_of_one_file_are_not_hidden_by_those_of_another(tmp_path: Path) -> None:
    incremental = WITH_ID.model_copy(update={"delivery": "incremental"})
    land(tmp_path, incremental, ["a,7,2025-02-13,1,", "b,7,2025-02-30,1,"], ["c,7,2025-02-13,1,"])
    lake = Lake(tmp_path / "lake")
    counts = [LandedRowCounts("time", "0.csv", 2, 1, 1, 0), LandedRowCounts("time", "1.csv", 1, 1, 0, 0)]
    assert count_landed_rows(lake, [incremental]) == counts
    ledger = read_ledger(lake).with_columns(read_count=pl.Series([1, 2], dtype=pl.Int64))
    lake.merge(DELIVERY, ledger, ledger.select("delivery_number"))
    assert [count.is_complete for count in count_landed_rows(lake, [incremental])] == [False, False]


REGULAR = [f"r{i},7,2025-02-13,1," for i in range(20)]
IRREGULAR_FILES: dict[str, list[str]] = {
    "regular": REGULAR,
    "too wide": [*REGULAR, "x,7,2025-02-13,1,,more", "y,7,2025-02-13,1,"],
    "too narrow": ["x,7", *REGULAR],
    "blank lines": [*REGULAR[:4], "", *REGULAR[4:], ""],
    "a quote inside": [*REGULAR, 'x"y,7,2025-02-13,1,', 'z"y,7,2025-02-13,1,'],
    "an open quote": [*REGULAR, '"x,7,2025-02-13,1,'],
}


@pytest.mark.parametrize("lines", IRREGULAR_FILES.values(), ids=IRREGULAR_FILES)
def test_a_file_checked_in_the_background_gives_the_rows_of_a_file_checked_first(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcomes: list[Any] = []
    for limit in (delimited.BACKGROUND_CHECK_BYTES, 0):
        monkeypatch.setattr(delimited, "BACKGROUND_CHECK_BYTES", limit)
        root = tmp_path / str(limit)
        deliveries = land(root, WITH_ID, lines)
        outcomes.append((deliveries, *(frame.rows() for frame in stored_rows(root, WITH_ID))))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("last_hours", ["2", '"1,5"', "1.5"])
def test_numbers_that_prove_the_decimal_sign_behind_the_sample_are_read_alike_in_a_large_file(
    last_hours: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canonical_frames, "SAMPLE_ROWS", 3)
    lines = [*REGULAR, f"last,7,2025-02-13,{last_hours},"]
    hours_by_limit = []
    for limit in (adapter.SMALL_FILE_BYTES, 0):
        monkeypatch.setattr(adapter, "SMALL_FILE_BYTES", limit)
        root = tmp_path / str(limit)
        land(root, WITH_ID, lines)
        good_rows = stored_rows(root, WITH_ID)[0]
        hours_by_limit.append(good_rows.filter(pl.col("record_code") == "last")["worked_hours"].to_list())
    assert hours_by_limit == [[2.0 if last_hours == "2" else 1.5]] * 2
