"""What one file gives does not depend on the order of its rows, nor on whether it was read on trust."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config.company import SourceConfig
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName, raw_table
from pipelines.ingest.landing import (
    LandedFile,
    LandedRowCounts,
    LandingContext,
    count_landed_rows,
    land_source,
    scan_current_rows,
    scan_quarantine,
)
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
    {**WITH_ID.model_dump(), "mapping": {key: one for key, one in MAPPING.items() if key != "record_code"}}
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


def kept(root: Path, source: SourceConfig, shape: CanonicalSchemaName = "worklog") -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that count and those set aside, without the file and row they came from."""
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
def test_the_order_of_rows_changes_neither_what_counts_nor_what_is_set_aside(
    lines: list[str], data: st.DataObject, source: SourceConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found = []
    for order in (lines, data.draw(st.permutations(lines))):
        root = tmp_path_factory.mktemp("kept")
        (delivery,) = land(root, source, order)
        assert delivery.good_count + delivery.bad_count == len(lines)
        found.append(kept(root, source))
        assert found[-1][0]["record_code"].is_unique().all()
    for one, other in zip(*found, strict=True):
        assert one.equals(other)


def test_of_one_key_the_row_last_changed_counts_and_a_broken_one_does_not_take_its_place(tmp_path: Path) -> None:
    lines = ["a,7,2025-02-30,1,2025-03-09", "a,7,2025-02-13,2,2025-03-02", "a,7,2025-02-13,1,2025-03-01"]
    land(tmp_path, WITH_ID, lines)
    good, bad = kept(tmp_path, WITH_ID)
    assert good["worked_hours"].to_list() == [2]
    assert sorted(bad["failed_rules"]) == ["record_code|unique", "worked_at|parses"]


def test_an_hour_booked_twice_is_two_hours_and_delivered_again_no_more(tmp_path: Path) -> None:
    lines = [",7,2025-02-13,1,", ",7,2025-02-13,1,", ",8,2025-02-13,1,"]
    land(tmp_path, WITHOUT_ID, lines, [*lines, ",9,2025-02-13,1,"])
    good, bad = kept(tmp_path, WITHOUT_ID)
    assert sorted(good["employee_number"]) == ["7", "7", "8", "9"]
    assert bad.height == 0


def test_a_course_completed_twice_by_equal_rows_is_completed_once(tmp_path: Path) -> None:
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


def test_a_person_with_an_unreadable_first_day_stays_without_it(tmp_path: Path) -> None:
    people = SourceConfig(name="people", system="bamboohr", path="*.csv")
    header = "Employee #,Work Email,Status,Hire Date"
    lines = ["1,a@x.org,Active,2024-02-30", "2,at home,Active,2024-02-13", "3,c@x.org,Vanished,2024-02-13"]
    (delivery,) = land(tmp_path, people, lines, header=header)
    good, bad = kept(tmp_path, people, "person")
    assert (delivery.good_count, delivery.bad_count) == (2, 1)
    assert good.select("account_code", "work_email", "hired_date").rows() == [
        ("1", "a@x.org", None),
        ("2", None, date(2024, 2, 13)),
    ]
    assert sorted(bad.select("failed_rules", "is_row_kept").rows()) == [
        ("employment_status|in_set", False),
        ("hired_date|parses", True),
        ("work_email|matches", True),
    ]


def test_the_ledger_counts_the_rows_that_lie_there_a_spared_value_once_and_a_forsaken_file_not(tmp_path: Path) -> None:
    people = SourceConfig(name="people", system="bamboohr", path="*.csv")
    lines = ["1,a@x.org,Active,2024-02-30", "2,at home,Active,2024-02-13", "3,c@x.org,Vanished,2024-02-13"]
    land(tmp_path, people, lines, header="Employee #,Work Email,Status,Hire Date")
    lake = Lake(tmp_path / "lake")
    assert count_landed_rows(lake, [people]) == {"people": LandedRowCounts(3, 3)}
    (file,) = lake.folder(raw_table("bamboohr", CANONICAL_SCHEMAS["person"])).rglob("*.parquet")
    file.with_name("0123456789abcdef-none.parquet").write_bytes(file.read_bytes())
    assert count_landed_rows(lake, [people]) == {"people": LandedRowCounts(3, 3)}
    file.unlink()
    assert count_landed_rows(lake, [people]) == {"people": LandedRowCounts(3, 1)}


def test_no_spared_column_is_one_that_the_row_needs() -> None:
    for name, shape in CANONICAL_SCHEMAS.items():
        assert set(shape.nulled_if_invalid) <= set(shape.columns), name
        assert not set(shape.nulled_if_invalid) & {*shape.key, *shape.required}, name


WHOLE = [f"r{i},7,2025-02-13,1," for i in range(20)]
RAGGED: dict[str, list[str]] = {
    "whole": WHOLE,
    "too wide": [*WHOLE, "x,7,2025-02-13,1,,more", "y,7,2025-02-13,1,"],
    "too narrow": ["x,7", *WHOLE],
    "blank lines": [*WHOLE[:4], "", *WHOLE[4:], ""],
    "a quote inside": [*WHOLE, 'x"y,7,2025-02-13,1,', 'z"y,7,2025-02-13,1,'],
    "an open quote": [*WHOLE, '"x,7,2025-02-13,1,'],
}


@pytest.mark.parametrize("lines", RAGGED.values(), ids=RAGGED)
def test_a_file_read_on_trust_gives_what_it_gives_when_it_is_surveyed_first(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []
    for limit in (delimited.BACKGROUND_CHECK_BYTES, 0):
        monkeypatch.setattr(delimited, "BACKGROUND_CHECK_BYTES", limit)
        root = tmp_path / str(limit)
        deliveries = land(root, WITH_ID, lines)
        found.append((deliveries, *(frame.rows() for frame in kept(root, WITH_ID))))
    assert found[0] == found[1]
