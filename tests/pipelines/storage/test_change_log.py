"""The change log names whose rows changed between two contents of a table, and a merge rewrites changed files only."""

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
from pipelines.storage.lake import Lake
from pipelines.validation.rule_evaluation import ContractViolation, enforce_contract


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


def test_a_table_of_events_has_one_file_per_month(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    assert [path.stem for path in lake.files(ASPIRATION)] == ["2026-01", "2026-02"]
    assert lake.scan(ASPIRATION).collect().height == 3


def test_a_merge_rewrites_only_the_months_with_changes(tmp_path: Path) -> None:
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


def test_a_merge_leaves_the_same_content_as_a_full_write(tmp_path: Path) -> None:
    merged, full = Lake(tmp_path / "a"), Lake(tmp_path / "b")
    merged.write(ASPIRATION, FIRST)
    merged.merge(ASPIRATION, wishes(("w", "2", "ben", 1, "g")), pl.DataFrame({"person_id": ["ben"]}))
    full.write(ASPIRATION, wishes(("w", "1", "anna", 1, "f"), ("w", "2", "ben", 1, "g"), ("w", "3", "anna", 2, "f")))
    assert merged.content_hash(ASPIRATION) == full.content_hash(ASPIRATION)


def test_changed_people_are_collected_over_several_changes_as_far_back_as_the_log_reaches(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    lake.merge(ASPIRATION, wishes(("w", "2", "ben", 3, "g")), pl.DataFrame({"record_code": ["2"]}))
    middle = lake.content_hash(ASPIRATION)
    lake.merge(ASPIRATION, wishes(("w", "4", "cleo", 3, "g")), pl.DataFrame({"record_code": ["4"]}))
    now = lake.content_hash(ASPIRATION)
    assert find_changed_people(tmp_path, ASPIRATION, start, now) == {"ben", "cleo"}
    assert find_changed_people(tmp_path, ASPIRATION, middle, now) == {"cleo"}
    assert find_changed_people(tmp_path, ASPIRATION, "another", now) is None


def test_a_record_that_moves_to_another_person_changes_both(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    lake.merge(ASPIRATION, wishes(("w", "2", "cleo", 2, "g")), pl.DataFrame({"record_code": ["2"]}))
    assert find_changed_people(tmp_path, ASPIRATION, start, lake.content_hash(ASPIRATION)) == {"ben", "cleo"}


def test_the_same_rows_from_a_newer_export_change_nobody(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    lake.write(ASPIRATION, FIRST.with_columns(file_sha256=pl.lit("newer")))
    assert lake.content_hash(ASPIRATION) != start
    assert find_changed_people(tmp_path, ASPIRATION, start, lake.content_hash(ASPIRATION)) == set()


def test_changes_of_a_hundred_out_of_many_people_are_recorded_by_person(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, wishes(*(("w", f"{n}", f"p{n}", 1, "f") for n in range(400))))
    start = lake.content_hash(ASPIRATION)
    burst = pl.DataFrame({"record_code": [f"{n}" for n in range(150)]})
    lake.merge(ASPIRATION, wishes(*(("w", f"{n}", f"p{n}", 2, "g") for n in range(150))), burst)
    people = find_changed_people(tmp_path, ASPIRATION, start, lake.content_hash(ASPIRATION))
    assert people == {f"p{n}" for n in range(150)}


def test_a_merge_without_a_column_leaves_the_table_unchanged(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    with pytest.raises(ContractViolation, match="columns are missing: person_id"):
        lake.merge(ASPIRATION, FIRST.drop("person_id"), pl.DataFrame({"record_code": ["2"]}))
    assert lake.content_hash(ASPIRATION) == start


def test_a_record_that_a_merge_sets_aside_is_a_change_of_its_person(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(ASPIRATION, FIRST)
    start = lake.content_hash(ASPIRATION)
    nobody = wishes(("w", "2", "ben", 3, "g")).with_columns(person_id=pl.lit(None, pl.String))
    lake.merge(ASPIRATION, nobody, pl.DataFrame({"record_code": ["2"]}))
    assert find_changed_people(tmp_path, ASPIRATION, start, lake.content_hash(ASPIRATION)) == {"ben"}


def test_a_merge_into_files_with_another_layout_splits_them_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(replace(ASPIRATION, month_column=None), FIRST)
    lake.merge(ASPIRATION, wishes(("w", "2", "ben", 3, "g")), pl.DataFrame({"record_code": ["2"]}))
    assert [path.stem for path in lake.files(ASPIRATION)] == ["2026-01", "2026-02", "2026-03"]
    assert lake.scan(ASPIRATION).select("record_code", "file_sha256").collect().rows() == [
        ("1", "f"),
        ("3", "f"),
        ("2", "g"),
    ]


def test_a_full_write_of_a_published_table_records_no_change(tmp_path: Path) -> None:
    lake, table = Lake(tmp_path), replace(ASPIRATION, name="out__wish")
    lake.write(table, FIRST)
    lake.write(table, FIRST.with_columns(skill_text=pl.lit("Law")))
    assert not (tmp_path / ".changes").exists()
    lake.merge(table, wishes(("w", "2", "ben", 2, "g")), pl.DataFrame({"record_code": ["2"]}))
    assert len(list((tmp_path / ".changes").rglob("*.json"))) == 1


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from("wxyz")), unique=True, max_size=12))
@settings(deadline=None)
def test_rows_are_sorted_by_month_and_key_whatever_their_order_in_the_frame(
    keys: list[tuple[int, str]],
) -> None:
    rows = wishes(*((source, f"{month}", "anna", month, "f") for month, source in keys))
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder))
        lake.write(ASPIRATION, rows)
        back = lake.scan(ASPIRATION).collect()
    assert back.equals(enforce_contract(ASPIRATION, rows))
    assert back.select("record_code", "source_name").rows() == [(f"{month}", source) for month, source in sorted(keys)]
    assert enforce_contract(ASPIRATION, back).equals(back)
