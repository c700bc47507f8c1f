"""Wide tables, lists and repeated headers give one row per value; forms of an export are distinguished by headers."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.sources.adapter import read_export
from pipelines.sources.declaration import (
    CELL_VALUE,
    COLUMN_NAME,
    FILE_NAME,
    MAX_POINTS,
    Adapter,
    Condition,
    FieldMap,
    PassOver,
    ShapeMap,
    SourceOptions,
    Transform,
    Unpivot,
)
from pipelines.sources.readers.files import ExportRefused

ANY_SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORD = st.text(alphabet='ab"\n,;é|', min_size=1, max_size=6).map(lambda text: f"x{text}y")
CELL = st.one_of(st.just(""), st.just("-"), WORD)


def system(*shapes: ShapeMap) -> Adapter:
    return Adapter("made_up", "Made up", "feedback", ("csv", "json"), shapes)


def mention(*fields: FieldMap, **more: Any) -> ShapeMap:
    return ShapeMap("skill_mention", (FieldMap("account_code", ("who",)), *fields), **more)


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as out:
        csv.writer(out).writerows(rows)
    return path


def read(path: Path, *shapes: ShapeMap, mapping: dict[str, Any] | None = None) -> pl.DataFrame:
    return read_export(path, system(*shapes), SourceOptions(mapping or {})).shapes["skill_mention"].collect()


@ANY_SETTINGS
@given(table=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=6))
def test_every_filled_cell_of_a_wide_table_becomes_a_row_and_no_other(tmp_path: Path, table: list[list[str]]) -> None:
    wide = ["first", "second", "third"]
    path = write(tmp_path / "a.csv", [["who", *wide], *([f"p{i}", *row] for i, row in enumerate(table))])
    rows_read = read(
        path,
        mention(
            FieldMap("skill_text", (COLUMN_NAME, CELL_VALUE), join="="), unpivot=Unpivot(excluded_headers=("who",))
        ),
    )
    expected = {
        (i + 1, f"p{i}", f"{header}={cell}")
        for i, row in enumerate(table)
        for header, cell in zip(wide, row, strict=True)
        if cell not in ("", "-")
    }
    assert set(rows_read.select("row_number", "account_code", "skill_text").rows()) == expected
    assert rows_read.height == len(expected)


@ANY_SETTINGS
@given(lists=st.lists(st.lists(WORD, max_size=4), min_size=1, max_size=6))
def test_a_list_in_a_record_and_a_repeated_header_give_the_same_rows(tmp_path: Path, lists: list[list[str]]) -> None:
    lines = [json.dumps({"who": f"p{i}", "did": [{"what": skill} for skill in done]}) for i, done in enumerate(lists)]
    (tmp_path / "a.jsonl").write_text("\n".join(['{"who": "p", "did": [{"what": null}]}', *lines]) + "\n")
    listed = read(tmp_path / "a.jsonl", mention(FieldMap("skill_text", ("did[*].what",)), explode="did")).drop_nulls(
        "skill_text"
    )
    rows = [[f"p{i}", *done, *[""] * (4 - len(done))] for i, done in enumerate(lists)]
    repeated = read(
        write(tmp_path / "a.csv", [["who", "did", "did", "did", "did"], *rows]),
        mention(FieldMap("skill_text", ("did",)), explode="did"),
    )
    expected = [(f"p{i}", skill) for i, done in enumerate(lists) for skill in done]
    assert listed.select("account_code", "skill_text").rows() == expected
    assert repeated.select("account_code", "skill_text").rows() == expected


def test_maximum_points_are_read_from_their_row_wherever_it_is(tmp_path: Path) -> None:
    score = FieldMap("score_share", (CELL_VALUE, MAX_POINTS), Transform("score"), join="/")
    shape = mention(
        score,
        FieldMap("skill_text", (COLUMN_NAME,)),
        pass_over=(PassOver("row", "account_code", ("Points",)),),
        unpivot=Unpivot(r"^item", points_row=Condition("account_code", ("points",))),
    )
    rows = [["who", "item 1", "item 2", "note"], ["ana", "3", "5", "x"], [" Points ", "4", "20", ""]]
    assert read(write(tmp_path / "a.csv", rows), shape)["score_share"].to_list() == [0.75, 0.25]


def test_a_sensitive_column_is_not_unpivoted_without_a_header_pattern(tmp_path: Path) -> None:
    rows = [["who", "sql", "Salary"], ["ana", "1", "2"]]
    path = write(tmp_path / "a.csv", rows)
    unpivot_all = mention(FieldMap("skill_text", (COLUMN_NAME,)), unpivot=Unpivot(excluded_headers=("who",)))
    assert read(path, unpivot_all)["skill_text"].to_list() == ["sql"]
    assert read_export(path, system(unpivot_all)).sensitive_columns == ("Salary",)


def test_the_first_form_whose_headers_exist_is_used_and_other_shapes_are_empty(tmp_path: Path) -> None:
    forms = (
        mention(FieldMap("skill_text", ("skill",)), signature=("skill", "since")),
        mention(FieldMap("skill_text", ("label",)), signature=("label",)),
        ShapeMap("aspiration", (FieldMap("skill_text", ("wish",)),), signature=("wish",)),
    )
    export = read_export(write(tmp_path / "a.csv", [["who", "label"], ["ana", "sql"]]), system(*forms))
    assert export.shapes["skill_mention"].collect()["skill_text"].to_list() == ["sql"]
    assert export.shapes["aspiration"].collect().height == 0


def test_a_file_of_no_known_form_is_refused_with_the_columns_of_the_first_form(tmp_path: Path) -> None:
    form = mention(FieldMap("skill_text", ("skill",), required=True), signature=("skill",))
    with pytest.raises(ExportRefused, match="has no column skill, needed for skill_text; nearest: skil;"):
        read(write(tmp_path / "a.csv", [["who", "skil"], ["ana", "sql"]]), form)


def test_a_mapped_column_is_read_without_the_pattern_of_the_declared_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["who", "skill", "other"], ["ana", "sql (7)", "git (8)"]])
    shape = mention(FieldMap("skill_text", ("skill",), extract=r"^(\w+)"))
    assert read(path, shape)["skill_text"].to_list() == ["sql"]
    assert read(path, shape, mapping={"skill_text": "other"})["skill_text"].to_list() == ["git (8)"]


def test_the_date_in_the_file_name_is_used_for_a_row_without_one(tmp_path: Path) -> None:
    path = write(tmp_path / "done_20250801.csv", [["who", "day"], ["ana", "20250714"], ["li", ""]])
    shape = mention(FieldMap("occurred_at", ("day",)), FieldMap("occurred_at", (FILE_NAME,), extract=r"(20\d{6})"))
    days = read(path, shape)["occurred_at"].dt.date().cast(pl.String).to_list()
    assert days == ["2025-07-14", "2025-08-01"]


def test_the_first_filled_header_can_be_the_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["who", "began", "ended"], ["ana", "x", "y"], ["li", "x", "-"], ["bo", "", "--"]])
    modes = Transform("category", values={"ended": "feedback", "began": "observation"})
    rows_read = read(path, mention(FieldMap("mode", ("ended", "began"), modes, value_is_header=True)))
    assert rows_read["mode"].to_list() == ["feedback", "observation", None]
