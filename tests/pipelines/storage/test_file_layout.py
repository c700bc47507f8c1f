"""A table about people lies in stretches of people, and a merge leaves the files that a whole write would leave."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.table import Column, Table
from pipelines.storage import file_layout as cuts
from pipelines.storage.lake import Lake

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
SAID = Table(
    "out__said", "One row per sentence.", HELD.columns, (), required=("person_id",), is_partitioned_by_person=True
)
# about half of them begin a stretch
PEOPLE = st.sampled_from(["a", "ab", "a/", "b", "b0", "c", "cé", "d", "dab", "é", "éa", "0", "00", "0a"])
KEYS, SAID_OF_ONE = st.tuples(PEOPLE, st.sampled_from("xyz")), st.lists(st.integers(0, 3), max_size=2)
MANY, FEW = st.dictionaries(KEYS, SAID_OF_ONE, min_size=12, max_size=30), st.dictionaries(KEYS, SAID_OF_ONE, max_size=4)


@pytest.fixture(autouse=True)
def _short_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "PEOPLE_PER_FILE", 2)


def held(rows: dict[tuple[str, str], list[int]]) -> pl.DataFrame:
    return pl.DataFrame([(*key, said) for key, said in rows.items()], schema=HELD.schema, orient="row")


def files_of(lake: Lake, table: Table) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in lake.files(table)}


@given(MANY, FEW, st.sets(PEOPLE, max_size=4))
@settings(deadline=None, max_examples=200)
def test_a_merge_leaves_the_very_files_that_a_whole_write_would(
    first: dict[tuple[str, str], list[int]], then: dict[tuple[str, str], list[int]], gone: set[str]
) -> None:
    people = {person for person, _ in then} | gone
    now = {key: said for key, said in first.items() if key[0] not in people} | then
    with tempfile.TemporaryDirectory() as folder:
        merged, whole = Lake(Path(folder, "merged")), Lake(Path(folder, "whole"))
        merged.write(HELD, held(first))
        written = merged.merge(HELD, held(then), pl.DataFrame({"person_id": sorted(people)}, {"person_id": pl.String}))
        assert whole.write(HELD, held(now)).content_sha256 == written.content_sha256
        assert files_of(merged, HELD) == files_of(whole, HELD)
        assert merged.scan(HELD).collect().rows() == sorted(((*key, said) for key, said in now.items()))


def test_a_merge_rewrites_only_the_stretch_in_which_the_people_lie(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path), {(f"p{number:03d}", "x"): [1] for number in range(100)}
    lake.write(HELD, held(rows))
    before = {path: path.stat().st_mtime_ns for path in lake.files(HELD)}
    lake.merge(HELD, held({("p050", "x"): [2]}), pl.DataFrame({"person_id": ["p050"]}))
    rewritten = [path for path in lake.files(HELD) if path.stat().st_mtime_ns != before[path]]
    assert len(before) > 20
    assert ["p050" in pl.read_parquet(path)["person_id"] for path in rewritten] == [True]


def test_where_nothing_differs_nothing_is_rewritten(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path), {("anna", "x"): [1], ("ben", "x"): [1]}
    lake.write(HELD, held(rows))
    written = lake.merge(HELD, held({("ben", "x"): [1]}), pl.DataFrame({"person_id": ["ben"]}))
    assert not written.changed


def test_a_table_whose_last_person_leaves_stays_as_one_empty_file(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(HELD, held({("anna", "x"): [1], ("ben", "x"): [1]}))
    lake.merge(HELD, held({}), pl.DataFrame({"person_id": ["anna", "ben"]}))
    assert [path.stem for path in lake.files(HELD)] == [cuts.FIRST]
    assert lake.scan(HELD).collect().is_empty()


def test_a_table_that_lay_in_one_file_is_cut_at_its_first_merge(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path), {(f"p{number:03d}", "x"): [1] for number in range(30)}
    lake.write(HELD, held(rows))
    cut = {path.name for path in lake.files(HELD)}
    whole = lake.scan(HELD).collect()
    for path in lake.files(HELD):
        path.unlink()
    whole.write_parquet(lake.file(HELD))
    lake.merge(HELD, held({("p007", "x"): [2]}), pl.DataFrame({"person_id": ["p007"]}))
    assert {path.name for path in lake.files(HELD)} == cut
    assert lake.scan(HELD).collect().height == 30


def test_rows_without_a_key_keep_their_order_within_a_person(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(SAID, held({("ben", "z"): [1], ("ben", "x"): [1], ("anna", "y"): [1]}))
    assert lake.scan(SAID).select("person_id", "skill_id").collect().rows() == [
        ("anna", "y"),
        ("ben", "z"),
        ("ben", "x"),
    ]


def test_nobody_whose_id_is_longer_than_a_file_may_be_called_begins_a_stretch(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(HELD, held({(f"{number}" * 120, "x"): [1] for number in range(10)}))
    assert [path.stem for path in lake.files(HELD)] == [cuts.FIRST]


@pytest.mark.parametrize(
    "said",
    [
        {"key": ("skill_id", "person_id")},
        {"key": ("skill_id", "person_id"), "required": ("person_id",)},
        {"month_column": "seen_at"},
    ],
)
def test_a_table_whose_rows_are_not_in_the_order_of_people_is_not_declared_so(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="lie by people"):
        replace(HELD, **said)
