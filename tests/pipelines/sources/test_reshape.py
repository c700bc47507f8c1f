"""Values side by side, in lists and under repeated headers each become a row; forms are told apart by their headers."""

import csv
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.sources.adapter import Adapter, ExportRefused, FieldMap, ShapeMap, SourceOptions, read_export
from pipelines.sources.declaration import FILE_NAME, ITEM, POINTS, VALUE, Items, Transform

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
def test_every_filled_cell_of_an_item_becomes_a_row_and_no_other(tmp_path: Path, table: list[list[str]]) -> None:
    items = ["first", "second", "third"]
    path = write(tmp_path / "a.csv", [["who", *items], *([f"p{i}", *row] for i, row in enumerate(table))])
    found = read(path, mention(FieldMap("skill_text", (ITEM, VALUE), join="="), items=Items(besides=("who",))))
    expected = {
        (i + 1, f"p{i}", f"{item}={cell}")
        for i, row in enumerate(table)
        for item, cell in zip(items, row, strict=True)
        if cell not in ("", "-")
    }
    assert set(found.select("row_number", "account_code", "skill_text").rows()) == expected
    assert found.height == len(expected)


@ANY_SETTINGS
@given(lists=st.lists(st.lists(WORD, max_size=4), min_size=1, max_size=6))
def test_a_list_in_a_record_and_a_repeated_header_give_the_same_rows(tmp_path: Path, lists: list[list[str]]) -> None:
    lines = [json.dumps({"who": f"p{i}", "did": [{"what": one} for one in done]}) for i, done in enumerate(lists)]
    (tmp_path / "a.jsonl").write_text("\n".join(['{"who": "p", "did": [{"what": null}]}', *lines]) + "\n")
    listed = read(tmp_path / "a.jsonl", mention(FieldMap("skill_text", ("did[*].what",)), each="did")).drop_nulls(
        "skill_text"
    )
    rows = [[f"p{i}", *done, *[""] * (4 - len(done))] for i, done in enumerate(lists)]
    repeated = read(
        write(tmp_path / "a.csv", [["who", "did", "did", "did", "did"], *rows]),
        mention(FieldMap("skill_text", ("did",)), each="did"),
    )
    expected = [(f"p{i}", one) for i, done in enumerate(lists) for one in done]
    assert listed.select("account_code", "skill_text").rows() == expected
    assert repeated.select("account_code", "skill_text").rows() == expected


def test_points_are_taken_from_their_row_wherever_it_stands(tmp_path: Path) -> None:
    score = FieldMap("score_share", (VALUE, POINTS), Transform("score"), join="/")
    shape = mention(
        score,
        FieldMap("skill_text", (ITEM,)),
        unless=("who", ("Points",)),
        items=Items(r"^item", points_row=("who", ("points",))),
    )
    rows = [["who", "item 1", "item 2", "note"], ["ana", "3", "5", "x"], [" Points ", "4", "20", ""]]
    assert read(write(tmp_path / "a.csv", rows), shape)["score_share"].to_list() == [0.75, 0.25]


def test_a_column_of_a_denied_class_is_no_item_unless_items_are_named(tmp_path: Path) -> None:
    rows = [["who", "sql", "Salary"], ["ana", "1", "2"]]
    path = write(tmp_path / "a.csv", rows)
    open_items = mention(FieldMap("skill_text", (ITEM,)), items=Items(besides=("who",)))
    assert read(path, open_items)["skill_text"].to_list() == ["sql"]
    assert read_export(path, system(open_items)).sensitive_columns == ("Salary",)


def test_the_first_form_whose_headers_are_there_is_taken_and_other_shapes_are_empty(tmp_path: Path) -> None:
    forms = (
        mention(FieldMap("skill_text", ("skill",)), form=("skill", "since")),
        mention(FieldMap("skill_text", ("label",)), form=("label",)),
        ShapeMap("aspiration", (FieldMap("skill_text", ("wish",)),), form=("wish",)),
    )
    export = read_export(write(tmp_path / "a.csv", [["who", "label"], ["ana", "sql"]]), system(*forms))
    assert export.shapes["skill_mention"].collect()["skill_text"].to_list() == ["sql"]
    assert export.shapes["aspiration"].collect().height == 0


def test_a_file_of_no_known_form_is_refused_by_what_the_first_form_needs(tmp_path: Path) -> None:
    form = mention(FieldMap("skill_text", ("skill",), required=True), form=("skill",))
    with pytest.raises(ExportRefused, match="has no column skill, needed for skill_text; nearest: skil;"):
        read(write(tmp_path / "a.csv", [["who", "skil"], ["ana", "sql"]]), form)


def test_a_mapping_reads_the_whole_cell_where_the_declared_column_was_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["who", "skill", "other"], ["ana", "sql (7)", "git (8)"]])
    shape = mention(FieldMap("skill_text", ("skill",), part=r"^(\w+)"))
    assert read(path, shape)["skill_text"].to_list() == ["sql"]
    assert read(path, shape, mapping={"skill_text": "other"})["skill_text"].to_list() == ["git (8)"]


def test_the_day_in_a_files_name_stands_in_where_the_row_has_none(tmp_path: Path) -> None:
    path = write(tmp_path / "done_20250801.csv", [["who", "day"], ["ana", "20250714"], ["li", ""]])
    shape = mention(FieldMap("occurred_at", ("day", FILE_NAME), part=r"(20\d{6})"))
    days = read(path, shape)["occurred_at"].dt.date().cast(pl.String).to_list()
    assert days == ["2025-07-14", "2025-08-01"]


def test_the_first_filled_header_tells_what_happened(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [["who", "began", "ended"], ["ana", "x", "y"], ["li", "x", ""], ["bo", "", ""]])
    modes = Transform("word", values={"ended": "feedback", "began": "observation"})
    found = read(path, mention(FieldMap("mode", ("ended", "began"), modes, value_is_header=True)))
    assert found["mode"].to_list() == ["feedback", "observation", None]
