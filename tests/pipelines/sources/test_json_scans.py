"""Both ways of reading JSON lines give the same rows: members in one query, and line by line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest.raw_tables import process_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers import json_scans
from pipelines.sources.readers.json_scans import LineCheck, scan_malformed, scan_members, scan_records
from tests.example_counts import count_examples

PATHS = (
    "id",
    "actor.name",
    "actor.account.name",
    "user",
    "user.id",
    "labels[*].name",
    "names.*",
    "fields[kind=a|b].text",
    "event::grade.points",
    '$.context."https://example.com/version"',
    "$.jobs[0].title",
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**12), st.sampled_from(["", " a ", "é", "x|y", '{"grade":1}'])
)
OBJECTS = st.dictionaries(
    st.sampled_from(["name", "id", "account", "kind", "text", "title", "grade"]), SCALARS, max_size=3
)
MEMBERS = st.recursive(
    st.one_of(SCALARS, OBJECTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["name", "account", "https://example.com/version"]), inner, max_size=3),
    ),
    max_leaves=6,
)
KEYS = ("id", "actor", "user", "labels", "names", "fields", "event", "context", "jobs", "other")
RECORDS = st.dictionaries(st.sampled_from(KEYS), MEMBERS, max_size=6)


def read_both(lines_file: Path, paths: tuple[str, ...] = PATHS) -> tuple[list[Any], list[Any], bool]:
    """The rows of `scan_records`, those of `scan_members`, and whether the latter found each line to be one record."""
    line_check = LineCheck()
    fast_rows = scan_members(lines_file, paths, line_check).collect()
    careful_rows = scan_records(lines_file, paths).collect()
    malformed_rows = scan_malformed(lines_file, LineCheck()).collect()
    assert not (line_check.is_sound and malformed_rows.height)  # then nobody would look for these
    assert scan_malformed(lines_file, line_check).collect().equals(malformed_rows)
    return careful_rows.rows(), fast_rows.select(careful_rows.columns).rows(), line_check.is_regular


@pytest.mark.many_examples
@settings(max_examples=count_examples(60, 150), deadline=None)
@given(records=st.lists(RECORDS, min_size=1, max_size=5))
def test_any_records_are_read_alike(records: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> None:
    lines_file = tmp_path_factory.mktemp("lines") / "records.jsonl"
    lines_file.write_text("".join(json.dumps(record) + "\n" for record in records))
    careful_rows, fast_rows, is_regular = read_both(lines_file)
    assert is_regular
    assert fast_rows == careful_rows


@pytest.mark.parametrize(
    "line",
    [
        '{"id":"1"',
        "[1]",
        '[{"id":"1"}]',
        '"text"',
        "null",
        "{}",
        '{"id":"1"} x',
        '{"id":"a\tb"}',
        "{'id':1}",
        '{"id":+1}',
    ],
)
def test_a_line_that_is_no_record_is_left_out_and_the_numbers_stay(line: str, tmp_path: Path) -> None:
    lines_file = tmp_path / "records.jsonl"
    lines_file.write_text(f'{{"id":"first"}}\n{line}\n{{"id":"last"}}\n')
    careful_rows, fast_rows, is_regular = read_both(lines_file, ("id",))
    assert is_regular
    assert fast_rows == careful_rows
    assert (fast_rows[0], fast_rows[-1]) == ((1, "first"), (3, "last"))


@pytest.mark.parametrize("between", ["\n", "\f\n", '{"id":"2"}{"id":"3"}\n'])
def test_lines_that_are_not_one_record_each_are_noticed(between: str, tmp_path: Path) -> None:
    lines_file = tmp_path / "records.jsonl"
    lines_file.write_text(f'{{"id":"first"}}\n{between}{{"id":"last"}}\n')
    _, fast_rows, is_regular = read_both(lines_file, ("id",))
    assert not is_regular or [row[1] for row in fast_rows] == ["first", "last"]


def test_keys_that_differ_in_case_alone_are_read_apart(tmp_path: Path) -> None:
    lines_file = tmp_path / "records.jsonl"
    lines_file.write_text('{"id":"lower","ID":"upper"}\n')
    careful_rows, fast_rows, _ = read_both(lines_file, ("id", "ID"))
    assert fast_rows == careful_rows == [(1, "lower", "upper")]


def test_a_query_that_fails_is_noticed(tmp_path: Path) -> None:
    line_check = LineCheck()
    rows = scan_members(tmp_path / "removed.jsonl", ("id",), line_check)
    with pytest.raises(pl.exceptions.ComputeError):
        rows.collect()
    assert not line_check.is_regular
    assert not line_check.is_sound


def test_a_query_that_fails_behind_its_first_rows_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrow reports it as an OSError; the line-by-line reader, which does not fail, then reads every row."""
    lines_file = tmp_path / "records.jsonl"
    lines_file.write_text('{"id":"a"}\n{"id":"b"}\n{"id":"c"}\n')
    database = json_scans._database()

    @contextmanager
    def open_cursor() -> Iterator[SimpleNamespace]:
        with database.cursor() as cursor:
            yield SimpleNamespace(sql=lambda query: SimpleNamespace(to_arrow_reader=lambda _: read(cursor, query)))

    def read(cursor: Any, query: str) -> Iterator[Any]:
        reader = cursor.sql(query).to_arrow_reader(1)
        yield next(reader)
        if "read_json(" in query:
            raise OSError("Malformed JSON at 'Dana'")
        yield from reader

    monkeypatch.setattr(json_scans, "_database", lambda: SimpleNamespace(cursor=open_cursor))
    line_check = LineCheck()
    with pytest.raises(pl.exceptions.ComputeError) as failure:
        scan_members(lines_file, ("id",), line_check).collect()
    assert "Dana" not in str(failure.value)
    assert (line_check.is_regular, line_check.is_sound) == (False, False)
    options = SourceOptions(shape="person", mapping={"employee_number": "id"})
    people = process_export(lines_file, "tabular", options, lambda export: export.shapes["person"].collect())
    assert people["employee_number"].to_list() == ["a", "b", "c"]


def test_lines_that_are_all_records_are_not_searched_again(tmp_path: Path) -> None:
    lines_file = tmp_path / "records.jsonl"
    lines_file.write_text('{"id":"a"}\n{"id":"b"}\n')
    line_check = LineCheck()
    scan_members(lines_file, ("id",), line_check).head(1).collect()
    assert not line_check.is_sound  # it has not seen the second line
    scan_members(lines_file, ("id",), line_check).collect()
    assert line_check.is_sound
    lines_file.unlink()
    assert scan_malformed(lines_file, line_check).collect().is_empty()


def test_the_lines_that_are_no_record_are_found_in_every_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_scans, "BATCH_ROWS", 2)
    lines_file = tmp_path / "records.jsonl"
    lines_file.write_text("".join(f'{{"id":"{i}"}}\nbroken\n{{}}\n' for i in range(300)))
    careful_rows, fast_rows, is_regular = read_both(lines_file, ("id",))
    assert is_regular
    assert fast_rows == careful_rows
    assert len(fast_rows) == 600
