"""A table that is partitioned by person has one file per range of people; a merge leaves the files of a full write."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.table import Column, Table
from pipelines.storage import file_layout
from pipelines.storage.lake import Lake
from tests.example_counts import count_examples

HELD = Table(
    "feat_skill__assn_held",
    "One row per person and micro-skill.",
    (
        Column("person_id", pl.String, "who"),
        Column("skill_id", pl.String, "what"),
        Column("counts", pl.List(pl.Int64), "of each mode"),
    ),
    ("person_id", "skill_id"),
    is_partitioned_by_person=True,
)
KEYLESS = Table(
    "out__keyless", "One row per sentence.", HELD.columns, (), required=("person_id",), is_partitioned_by_person=True
)
# about half of them begin a range
PEOPLE = st.sampled_from(["a", "ab", "a/", "b", "b0", "c", "cé", "d", "dab", "é", "éa", "0", "00", "0a"])
KEYS, COUNTS = st.tuples(PEOPLE, st.sampled_from("xyz")), st.lists(st.integers(0, 3), max_size=2)
MANY, FEW = st.dictionaries(KEYS, COUNTS, min_size=12, max_size=30), st.dictionaries(KEYS, COUNTS, max_size=4)


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_layout, "PEOPLE_PER_FILE", 2)


def held(rows: dict[tuple[str, str], list[int]]) -> pl.DataFrame:
    return pl.DataFrame([(*key, counts) for key, counts in rows.items()], schema=HELD.schema, orient="row")


def read_files(lake: Lake, table: Table) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in lake.files(table)}


@pytest.mark.many_examples
@given(MANY, FEW, st.sets(PEOPLE, max_size=4))
@settings(deadline=None, max_examples=count_examples(60, 200))
def test_a_merge_leaves_the_same_files_as_a_full_write(
    first: dict[tuple[str, str], list[int]], second: dict[tuple[str, str], list[int]], removed: set[str]
) -> None:
    people = {person for person, _ in second} | removed
    now = {key: counts for key, counts in first.items() if key[0] not in people} | second
    with tempfile.TemporaryDirectory() as folder:
        merged, full = Lake(Path(folder, "merged")), Lake(Path(folder, "full"))
        merged.write(HELD, held(first))
        written = merged.merge(
            HELD, held(second), pl.DataFrame({"person_id": sorted(people)}, {"person_id": pl.String})
        )
        assert full.write(HELD, held(now)).content_sha256 == written.content_sha256
        assert read_files(merged, HELD) == read_files(full, HELD)
        assert merged.scan(HELD).collect().rows() == sorted(((*key, counts) for key, counts in now.items()))


def test_a_merge_rewrites_only_the_range_of_the_changed_people(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path), {(f"p{number:03d}", "x"): [1] for number in range(100)}
    lake.write(HELD, held(rows))
    before = {path: path.stat().st_mtime_ns for path in lake.files(HELD)}
    lake.merge(HELD, held({("p050", "x"): [2]}), pl.DataFrame({"person_id": ["p050"]}))
    rewritten = [path for path in lake.files(HELD) if path.stat().st_mtime_ns != before[path]]
    assert len(before) > 20
    assert ["p050" in pl.read_parquet(path)["person_id"] for path in rewritten] == [True]


def test_a_merge_without_changes_rewrites_nothing(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path), {("anna", "x"): [1], ("ben", "x"): [1]}
    lake.write(HELD, held(rows))
    written = lake.merge(HELD, held({("ben", "x"): [1]}), pl.DataFrame({"person_id": ["ben"]}))
    assert not written.changed


def test_a_table_without_people_has_one_empty_file(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(HELD, held({("anna", "x"): [1], ("ben", "x"): [1]}))
    lake.merge(HELD, held({}), pl.DataFrame({"person_id": ["anna", "ben"]}))
    assert [path.stem for path in lake.files(HELD)] == [file_layout.FIRST_RANGE]
    assert lake.scan(HELD).collect().is_empty()


def test_the_first_merge_splits_a_table_with_an_older_layout(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path), {(f"p{number:03d}", "x"): [1] for number in range(30)}
    lake.write(HELD, held(rows))
    split = {path.name for path in lake.files(HELD)}
    unsplit = lake.scan(HELD).collect()
    for path in lake.files(HELD):
        path.unlink()
    unsplit.write_parquet(lake.file(HELD))
    lake.merge(HELD, held({("p007", "x"): [2]}), pl.DataFrame({"person_id": ["p007"]}))
    assert {path.name for path in lake.files(HELD)} == split
    assert lake.scan(HELD).collect().height == 30


def test_rows_without_a_key_keep_their_order_within_a_person(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(KEYLESS, held({("ben", "z"): [1], ("ben", "x"): [1], ("anna", "y"): [1]}))
    assert lake.scan(KEYLESS).select("person_id", "skill_id").collect().rows() == [
        ("anna", "y"),
        ("ben", "z"),
        ("ben", "x"),
    ]


def test_a_person_with_an_id_too_long_for_a_file_name_begins_no_range(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(HELD, held({(f"{number}" * 120, "x"): [1] for number in range(10)}))
    assert [path.stem for path in lake.files(HELD)] == [file_layout.FIRST_RANGE]


@pytest.mark.parametrize(
    "traits",
    [
        {"key": ("skill_id", "person_id")},
        {"key": ("skill_id", "person_id"), "required": ("person_id",)},
        {"month_column": "seen_at"},
    ],
)
def test_a_table_that_is_not_sorted_by_person_cannot_be_partitioned_by_person(traits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a table partitioned by person"):
        replace(HELD, **traits)
