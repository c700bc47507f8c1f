"""Parts leave the same files, quarantine and counts as one write of all rows."""

import tempfile
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.feature_tables import MASTERY
from pipelines.contracts.table import Column, Table
from pipelines.storage import file_layout, part_writer
from pipelines.storage.change_log import find_changed_people
from pipelines.storage.lake import Lake
from pipelines.storage.part_writer import PartWriter

BY_PERSON = Table(
    MASTERY.name,
    "One row per person and micro-skill.",
    (
        Column("person_id", pl.String, "who"),
        Column("skill_id", pl.String, "what"),
        Column("share", pl.Float64, "how much", minimum=0.0, maximum=1.0),
    ),
    ("person_id", "skill_id"),
    is_partitioned_by_person=True,
)
BY_MONTH = Table(
    EVIDENCE.name,
    "One row per event.",
    (
        Column("event_id", pl.String, "which"),
        Column("person_id", pl.String, "who"),
        Column("happened_at", pl.Datetime("us", "UTC"), "when"),
    ),
    ("event_id",),
    required=("person_id",),
    month_column="happened_at",
)
PEOPLE = st.sampled_from(["a", "ab", "a/", "b", "b0", "c", "cé", "d", "dab", "é", "éa", "0", "00", "0a"])
PERSON_ROWS = st.lists(st.tuples(PEOPLE, st.sampled_from("xyz"), st.sampled_from([0.0, 0.5, 1.0, 2.0])), max_size=40)
EVENT_ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.none() | PEOPLE, st.integers(0, 11)), min_size=1, max_size=30
)


@pytest.fixture(autouse=True)
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_layout, "PEOPLE_PER_FILE", 2)


def write_parts(lake: Lake, table: Table, parts: list[pl.DataFrame]) -> object:
    writer = PartWriter(lake, table)
    for part in parts:
        writer.add(part)
    return writer.finish()


def read_files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def person_rows(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=BY_PERSON.schema, orient="row")


def event_rows(rows: list[tuple[str, str | None, int]]) -> pl.DataFrame:
    # an event without a person has an id of its own: only a key that an earlier part keeps counts as repeated
    dated = [
        (event if person else f"{event}{index}", person, datetime(2026, month + 1, 3, tzinfo=UTC))
        for index, (event, person, month) in enumerate(rows)
    ]
    return pl.DataFrame(dated, schema=BY_MONTH.schema, orient="row")


def compare_writes(table: Table, first: pl.DataFrame, second: pl.DataFrame, parts: list[pl.DataFrame]) -> None:
    """Write `first` at once into two lakes, then `second` at once into one and in parts into the other."""
    with tempfile.TemporaryDirectory() as folder:
        at_once, in_parts = Path(folder, "at_once"), Path(folder, "in_parts")
        for root in (at_once, in_parts):
            Lake(root).write(table, first)
        before = Lake(at_once).content_hash(table)
        expected = Lake(at_once).write(table, second)
        written = write_parts(Lake(in_parts), table, parts)
        assert getattr(written, "counts", None) == expected.counts
        assert (getattr(written, "rows", None), getattr(written, "changed", None)) == (expected.rows, expected.changed)
        assert read_files(in_parts) == read_files(at_once)
        changed_people = {
            root: find_changed_people(root, table, before, expected.content_sha256) for root in (at_once, in_parts)
        }
        assert changed_people[in_parts] == changed_people[at_once]


@given(PERSON_ROWS, PERSON_ROWS, st.sets(PEOPLE, max_size=5))
@settings(max_examples=40)
def test_ranges_of_people_leave_what_one_write_leaves(
    first: list[tuple[str, str, float]], second: list[tuple[str, str, float]], bounds: set[str]
) -> None:
    rows, person_id = person_rows(second), pl.col("person_id")
    limits = ["", *sorted(bounds - {""}), "\U0010ffff"]
    parts = [rows.filter(person_id >= low, person_id < high) for low, high in pairwise(limits)]
    compare_writes(BY_PERSON, person_rows(first), rows, parts)


@given(EVENT_ROWS, EVENT_ROWS)
@settings(max_examples=40)
def test_months_leave_what_one_write_leaves(
    first: list[tuple[str, str | None, int]], second: list[tuple[str, str | None, int]]
) -> None:
    # of several events with one id, both ways keep the earliest
    rows = event_rows(sorted(second, key=lambda row: row[2]))
    parts = [part for _, part in sorted(rows.partition_by("happened_at", as_dict=True).items())]
    compare_writes(BY_MONTH, event_rows(first), rows, parts)


def test_no_part_leaves_an_empty_table(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    lake.write(BY_PERSON, person_rows([("a", "x", 0.5)]))
    write_parts(lake, BY_PERSON, [])
    assert [path.name for path in lake.files(BY_PERSON)] == ["first.parquet"]
    assert lake.scan(BY_PERSON).collect().is_empty()


def test_a_key_of_an_earlier_part_is_set_aside(tmp_path: Path) -> None:
    lake, rows = Lake(tmp_path), event_rows([("a", "p", 0), ("b", "p", 0), ("a", "q", 1)])
    write_parts(lake, BY_MONTH, [rows[:2], rows[2:]])
    assert lake.scan(BY_MONTH).collect()["person_id"].to_list() == ["p", "p"]
    assert lake.scan(quarantine_table(BY_MONTH.name)).collect()["failed_rules"].to_list() == [["event_id|unique"]]


def test_too_many_changed_rows_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_writer, "MAX_FOLLOWED_ROWS", 1)
    lake = Lake(tmp_path)
    before = lake.write(BY_PERSON, person_rows([("a", "x", 0.5)])).content_sha256
    write_parts(lake, BY_PERSON, [person_rows([("a", "x", 1.0)]), person_rows([("b", "x", 1.0)])])
    assert find_changed_people(tmp_path, BY_PERSON, before, lake.content_hash(BY_PERSON)) is None
