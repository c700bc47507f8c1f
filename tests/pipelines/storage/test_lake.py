"""A table is written completely or not at all, under its contract, and equal content has an equal hash."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.catalog import ALIAS, PREREQUISITE
from pipelines.storage.lake import Lake
from pipelines.storage.parquet_files import ROW_GROUP_SIZE, content_sha256
from pipelines.validation.rule_evaluation import ContractViolation, enforce_contract

ROOT = Path(__file__).parents[3]
SCHEMA: dict[str, Any] = {
    "text": pl.String,
    "number": pl.Float64,
    "flag": pl.Boolean,
    "words": pl.List(pl.String),
    "pair": pl.Struct({"code": pl.String, "value": pl.Float64}),
    "day": pl.Date,
}
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=20),
        "number": st.none() | st.floats(-9, 9),
        "flag": st.none() | st.booleans(),
        "words": st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3),
        "pair": st.none() | st.fixed_dictionaries({"code": st.none() | st.text(max_size=3), "value": st.floats(0, 1)}),
        "day": st.none() | st.dates(),
    }
)


def aliases(*rows: tuple[str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=ALIAS.schema, orient="row")


def test_a_table_that_was_never_written_has_no_rows(tmp_path: Path) -> None:
    assert Lake(tmp_path).scan(ALIAS).collect().equals(aliases())


def test_rows_are_sorted_by_the_key(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    written = lake.write(ALIAS, aliases(("b", "2"), ("a", "1")))
    assert (written.rows, written.changed, written.path) == (2, True, lake.file(ALIAS))
    assert lake.scan(ALIAS).collect().rows() == [("a", "1"), ("b", "2")]


def test_the_same_content_in_another_order_is_not_written_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    first = lake.write(ALIAS, aliases(("b", "2"), ("a", "1")))
    before = lake.file(ALIAS).stat().st_mtime_ns
    again = lake.write(ALIAS, aliases(("a", "1"), ("b", "2")).lazy())
    assert (again.changed, again.content_sha256) == (False, first.content_sha256)
    assert lake.file(ALIAS).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (aliases(("a", "1")).drop("skill_id"), "columns are missing: skill_id"),
        (aliases(("a", "1")).with_columns(skill_id=pl.lit(1)), "skill_id is Int32, not String"),
    ],
)
def test_a_frame_that_violates_its_contract_leaves_the_table_unchanged(
    tmp_path: Path, frame: pl.DataFrame, message: str
) -> None:
    lake = Lake(tmp_path)
    lake.write(ALIAS, aliases(("good", "1")))
    with pytest.raises(ContractViolation, match=message):
        lake.write(ALIAS, frame)
    assert lake.scan(ALIAS).collect().rows() == [("good", "1")]
    assert [path.name for path in lake.folder(ALIAS).iterdir()] == ["data.parquet"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (aliases(("a", None), ("b", None)), r"skill_id\|not_null in 2 rows of 2"),
        (aliases(("a", "1"), ("a", "2")), r"alias_text\|unique in 1 rows of 2"),
    ],
)
def test_rows_that_break_a_rule_are_refused_where_none_may_be_set_aside(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(ContractViolation, match=message):
        enforce_contract(ALIAS, frame)


def test_the_error_of_a_violated_contract_contains_no_value() -> None:
    with pytest.raises(ContractViolation) as caught:
        enforce_contract(ALIAS, aliases(("jane@example.org", None)))
    assert "jane" not in str(caught.value)


def test_columns_outside_the_contract_are_dropped() -> None:
    wide = pl.DataFrame({"requires_skill_id": ["a"], "more": [1], "skill_id": ["b"]})
    assert enforce_contract(PREREQUISITE, wide).columns == ["skill_id", "requires_skill_id"]


def test_a_failed_write_leaves_the_old_table_and_no_unfinished_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path)
    lake.write(ALIAS, aliases(("old", "1")))

    def fail(*_: Any) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        lake.write(ALIAS, aliases(("new", "1")))
    assert lake.scan(ALIAS).collect().rows() == [("old", "1")]
    assert [path.name for path in lake.folder(ALIAS).iterdir()] == ["data.parquet"]


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(ROW, max_size=12), data=st.data())
def test_the_hash_depends_on_the_content_and_not_on_the_layout_in_memory(
    rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    plain = pl.DataFrame(rows, schema=SCHEMA)
    expected = content_sha256(plain)
    split = data.draw(st.integers(0, len(rows)))
    assert content_sha256(pl.concat([plain.head(split), plain.tail(len(rows) - split)], rechunk=False)) == expected
    assert content_sha256(pl.concat([plain, plain]).slice(len(rows), len(rows))) == expected
    assert content_sha256(pl.DataFrame(plain.to_arrow()).select(plain.columns)) == expected
    masked = plain.with_columns(pl.when(pl.lit(True)).then(pl.all()))
    assert content_sha256(masked.filter(pl.lit(True))) == expected


def test_bytes_under_a_null_are_not_content() -> None:
    masked = pl.DataFrame({"x": [1.0, 2.0]}).with_columns(pl.when(pl.col("x") > 1).then("x"))
    assert content_sha256(masked) == content_sha256(pl.DataFrame({"x": [None, 2.0]}))


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROW, min_size=1, max_size=6))
def test_another_value_name_type_or_row_has_another_hash(rows: list[dict[str, Any]]) -> None:
    plain = pl.DataFrame(rows, schema=SCHEMA)
    others = [
        plain.with_columns(pl.concat_str("text", pl.lit("!"), ignore_nulls=True).alias("text")),
        plain.rename({"text": "name"}),
        plain.with_columns(pl.col("day").cast(pl.Datetime("us"))),
        pl.concat([plain, plain.tail(1)]),
    ]
    assert len({content_sha256(frame) for frame in (plain, *others)}) == 5


def test_the_hash_of_lists_does_not_depend_on_the_frame_that_the_rows_were_cut_from() -> None:
    texts = [[f"skill-{row}-{position}" for position in range(row % 4)] for row in range(60_000)]
    large = pl.DataFrame({"row": range(60_000), "skills": texts})
    cut = large.slice(20_000, 1_000)
    assert content_sha256(cut) == content_sha256(
        pl.DataFrame({"row": range(20_000, 21_000), "skills": texts[20_000:21_000]})
    )


def test_rows_beyond_the_first_block_change_the_hash() -> None:
    long = pl.DataFrame({"x": pl.int_range(0, ROW_GROUP_SIZE + 2, eager=True)})
    changed = long.with_columns(pl.when(pl.col("x") == ROW_GROUP_SIZE + 1).then(-1).otherwise("x").alias("x"))
    assert content_sha256(long) != content_sha256(changed)


def test_two_processes_compute_the_same_hash() -> None:
    code = (
        "import polars as pl; from pipelines.storage.parquet_files import content_sha256;"
        "print(content_sha256(pl.DataFrame({'a': ['x', None], 'b': [[1], None], 'c': [{'d': 1.5}, None]})))"
    )
    hashes = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "POLARS_MAX_THREADS": threads, "PYTHONHASHSEED": threads}
        run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        hashes.add(run.stdout.strip())
    assert hashes == {content_sha256(pl.DataFrame({"a": ["x", None], "b": [[1], None], "c": [{"d": 1.5}, None]}))}
