"""Whose rows changed is known from one content of a table to another, and a merge rewrites no more than it must."""

import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.catalog import ASPIRATION
from pipelines.storage.change_log import find_changed_people
from pipelines.storage.lake import ContractViolation, Lake, enforce_contract


def wishes(*rows: tuple[str, str, str, int, str]) -> pl.DataFrame:
    """source, record, person, month and file of each wish."""
    return pl.DataFrame(
        [
            {
                "source_name": source,
                "record_code": record,
                "person_id": person,
                "skill_text": "SQL",
                "wish_weight": 1.0,
                "stated_at": datetime(2026, month, 1, tzinfo=UTC),
                "file_sha256": file,
                "row_number": 1,
            }
            for source, record, person, month, file in rows
        ],
        schema=ASPIRATION.schema,
    )


FIRST = wishes(("w", "1", "anna", 1, "f"), ("w", "2", "ben", 2, "f"), ("w", "3", "anna", 2, "f"))


def test_a_table_is_kept_in_one_file_a_month_of_its_events(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    assert [path.stem for path in lake.files(ASPIRATION)] == ["2026-01", "2026-02"]
    assert lake.scan(ASPIRATION).collect().height == 3


def test_a_merge_rewrites_only_the_months_it_touches(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    before = lake.file(ASPIRATION, "2026-01").stat().st_mtime_ns
    lake.merge(ASPIRATION, wishes(("w", "2", "ben", 3, "g")), pl.DataFrame({"record_code": ["2"]}))
    assert lake.file(ASPIRATION, "2026-01").stat().st_mtime_ns == before
    assert lake.scan(ASPIRATION).select("record_code", pl.col("stated_at").dt.month()).collect().rows() == [
        ("1", 1),
        ("3", 2),
        ("2", 3),
    ]


def test_a_merge_leaves_what_a_whole_write_would_leave(tmp_path: Path) -> None:
    merged, whole = Lake(tmp_path / "a"), Lake(tmp_path / "b")
    merged.write(ASPIRATION, FIRST)
    merged.merge(ASPIRATION, wishes(("w", "2", "ben", 1, "g")), pl.DataFrame({"person_id": ["ben"]}))
    whole.write(ASPIRATION, wishes(("w", "1", "anna", 1, "f"), ("w", "2", "ben", 1, "g"), ("w", "3", "anna", 2, "f")))
    assert merged.content_hash(ASPIRATION) == whole.content_hash(ASPIRATION)


def test_who_changed_is_told_over_several_changes_and_not_further_back_than_the_record(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    lake.merge(ASPIRATION, wishes(("w", "2", "ben", 3, "g")), pl.DataFrame({"record_code": ["2"]}))
    middle = lake.content_hash(ASPIRATION)
    lake.merge(ASPIRATION, wishes(("w", "4", "cleo", 3, "g")), pl.DataFrame({"record_code": ["4"]}))
    now = lake.content_hash(ASPIRATION)
    reach = find_changed_people(tmp_path, ASPIRATION, start, now)
    later = find_changed_people(tmp_path, ASPIRATION, middle, now)
    assert reach is not None
    assert later is not None
    assert (reach.people, later.people) == ({"ben", "cleo"}, {"cleo"})
    assert find_changed_people(tmp_path, ASPIRATION, "another", now) is None


def test_a_record_that_moves_to_another_person_touches_both(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    lake.merge(ASPIRATION, wishes(("w", "2", "cleo", 2, "g")), pl.DataFrame({"record_code": ["2"]}))
    reach = find_changed_people(tmp_path, ASPIRATION, start, lake.content_hash(ASPIRATION))
    assert reach is not None
    assert reach.people == {"ben", "cleo"}


def test_the_same_rows_out_of_a_newer_export_touch_nobody(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    lake.write(ASPIRATION, FIRST.with_columns(file_sha256=pl.lit("newer")))
    reach = find_changed_people(tmp_path, ASPIRATION, start, lake.content_hash(ASPIRATION))
    assert lake.content_hash(ASPIRATION) != start
    assert reach is not None
    assert not reach.people


def test_a_burst_of_some_hundred_of_many_people_is_followed_to_them(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, wishes(*(("w", f"{n}", f"p{n}", 1, "f") for n in range(400))))
    start = lake.content_hash(ASPIRATION)
    burst = pl.DataFrame({"record_code": [f"{n}" for n in range(150)]})
    lake.merge(ASPIRATION, wishes(*(("w", f"{n}", f"p{n}", 2, "g") for n in range(150))), burst)
    reach = find_changed_people(tmp_path, ASPIRATION, start, lake.content_hash(ASPIRATION))
    assert reach is not None
    assert reach.people == {f"p{n}" for n in range(150)}


def test_a_merge_that_breaks_the_contract_leaves_the_table(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    nobody = wishes(("w", "2", "ben", 3, "g")).with_columns(person_id=pl.lit(None, pl.String))
    with pytest.raises(ContractViolation, match=r"person_id\|not_null"):
        lake.merge(ASPIRATION, nobody, pl.DataFrame({"record_code": ["2"]}))
    assert lake.content_hash(ASPIRATION) == start


def test_a_merge_into_files_that_were_cut_otherwise_cuts_them_anew(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(replace(ASPIRATION, month_column=None), FIRST)
    lake.merge(ASPIRATION, wishes(("w", "2", "ben", 3, "g")), pl.DataFrame({"record_code": ["2"]}))
    assert [path.stem for path in lake.files(ASPIRATION)] == ["2026-01", "2026-02", "2026-03"]
    assert lake.scan(ASPIRATION).select("record_code", "file_sha256").collect().rows() == [
        ("1", "f"),
        ("3", "f"),
        ("2", "g"),
    ]


def test_a_published_table_made_whole_is_followed_by_nobody_and_so_records_nothing(tmp_path: Path) -> None:
    lake, table = Lake(tmp_path), replace(ASPIRATION, name="out__wish")
    lake.write(table, FIRST)
    lake.write(table, FIRST.with_columns(skill_text=pl.lit("Law")))
    assert not (tmp_path / ".changes").exists()
    lake.merge(table, wishes(("w", "2", "ben", 2, "g")), pl.DataFrame({"record_code": ["2"]}))
    assert len(list((tmp_path / ".changes").rglob("*.json"))) == 1


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from("wxyz")), unique=True, max_size=12))
@settings(deadline=None)
def test_rows_come_back_by_month_and_within_it_by_key_however_they_are_handed_over(
    said: list[tuple[int, str]],
) -> None:
    rows = wishes(*((source, f"{month}", "anna", month, "f") for month, source in said))
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        lake.write(ASPIRATION, rows)
        back = lake.scan(ASPIRATION).collect()
    assert back.equals(enforce_contract(ASPIRATION, rows))
    assert back.select("record_code", "source_name").rows() == [(f"{month}", source) for month, source in sorted(said)]
    assert enforce_contract(ASPIRATION, back).equals(back)
