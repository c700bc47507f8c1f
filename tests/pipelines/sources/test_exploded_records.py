"""Records with lists: one row per value, records without values counted, members told apart by case and type."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.sources.adapter import Export, get_adapter, read_export
from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, SourceOptions
from pipelines.sources.passed_over import passed_over_by_reason

TASKS = [
    {"id": 1, "people": [{"login": "ana"}, {"login": "ben"}], "tags": ["sql", "", "dbt"]},
    {"id": 2, "people": [], "tags": []},
    {"id": 3, "people": None, "tags": None},
]


def read_json(folder: Path, records: Any, shape: ShapeMap, mapping: dict[str, Any] | None = None) -> Export:
    path = folder / "a.json"
    path.write_text(json.dumps(records))
    return read_export(
        path, Adapter("made_up", "Made up", "projects", ("json",), (shape,)), SourceOptions(mapping or {})
    )


def rows_of(export: Export, *columns: str) -> list[dict[str, Any]]:
    return next(iter(export.shapes.values())).collect().select("row_number", *columns).rows(named=True)


def per_person(**more: Any) -> ShapeMap:
    fields = (FieldMap("account_code", ("people[*].login",)), FieldMap("skill_text", ("tags[*]",)))
    return ShapeMap("assignment", fields, explode="people", **more)


def test_a_record_has_one_row_per_element_and_blank_texts_of_a_list_are_left_out(tmp_path: Path) -> None:
    export = read_json(tmp_path, TASKS, per_person())
    assert rows_of(export, "account_code", "skill_text") == [
        {"row_number": 1, "account_code": "ana", "skill_text": "sql|dbt"},
        {"row_number": 1, "account_code": "ben", "skill_text": "sql|dbt"},
    ]
    assert not export.reason_counts


def test_records_without_an_element_are_counted_if_no_other_shape_reads_them(tmp_path: Path) -> None:
    export = read_json(tmp_path, TASKS, per_person(counts_empty=True))
    assert [row["account_code"] for row in rows_of(export, "account_code")] == ["ana", "ben"]
    assert passed_over_by_reason(export.reason_counts["assignment"].collect()) == {"no people": 2}


def test_values_in_one_cell_are_separated_and_empty_cells_counted_once_per_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('key,who,who\n1,"ana, ben",cy\n2,,\n3,,di\n')
    shape = ShapeMap(
        "assignment",
        (FieldMap("assignment_code", ("key",)), FieldMap("account_code", ("who",))),
        explode="who",
        explode_separator=r"\s*,\s*",
        counts_empty=True,
    )
    export = read_export(path, Adapter("made_up", "Made up", "projects", ("csv",), (shape,)))
    rows = export.shapes["assignment"].collect().select("assignment_code", "account_code").rows()
    assert sorted(rows) == [("1", "ana"), ("1", "ben"), ("1", "cy"), ("3", "di")]
    assert passed_over_by_reason(export.reason_counts["assignment"].collect()) == {"no who": 1}


def test_members_that_differ_in_case_alone_are_different_members(tmp_path: Path) -> None:
    records = [{"id": "9f0", "ID": "DATA-1"}, {"id": "9f1"}]
    fields = (FieldMap("record_code", ("id",)), FieldMap("assignment_code", ("ID",)))
    export = read_json(tmp_path, records, ShapeMap("assignment", fields))
    assert [row["assignment_code"] for row in rows_of(export, "assignment_code")] == ["DATA-1", None]


def test_a_mapping_of_the_configuration_finds_a_member_whatever_its_case(tmp_path: Path) -> None:
    shape = ShapeMap("assignment", (FieldMap("account_code", ("owner",)),))
    export = read_json(tmp_path, [{"assignedTo": "ana"}], shape, {"account_code": "AssignedTo"})
    assert [row["account_code"] for row in rows_of(export, "account_code")] == ["ana"]


def test_a_day_and_a_time_in_two_mapped_columns_are_one_moment(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("who;date;start\nana;2022-10-24;08:37\n")
    options = SourceOptions({"account_code": "who", "worked_at": ["date", "start"]}, shape="worklog")
    rows = read_export(path, get_adapter("tabular"), options).shapes["worklog"].collect()
    assert rows["worked_at"].to_list() == [datetime(2022, 10, 24, 8, 37, tzinfo=UTC)]


def test_an_object_is_no_text_where_its_own_members_are_read_too(tmp_path: Path) -> None:
    records = [{"user": {"id": 7}}, {"user": 8}, {"user": {"name": "no id"}}]
    export = read_json(tmp_path, records, ShapeMap("assignment", (FieldMap("account_code", ("user.id", "user")),)))
    assert [row["account_code"] for row in rows_of(export, "account_code")] == ["7", "8", None]


def test_lists_inside_an_element_are_joined_or_taken_by_position(tmp_path: Path) -> None:
    records = [{"jobs": [{"units": [{"name": "Data"}, {"name": "IT"}]}, {"units": []}]}]
    fields = (
        FieldMap("unit_name", ("jobs[*].units[0].name",)),
        FieldMap("role_name", ("jobs[*].units[*].name",)),
    )
    export = read_json(tmp_path, records, ShapeMap("role_period", fields, explode="jobs"))
    assert export.shapes["role_period"].collect().select("unit_name", "role_name").rows() == [
        ("Data", "Data|IT"),
        (None, None),
    ]


def test_a_frame_of_exploded_rows_keeps_the_number_of_its_record(tmp_path: Path) -> None:
    export = read_json(tmp_path, TASKS, per_person(counts_empty=True))
    assert export.shapes["assignment"].select(pl.col("row_number").max()).collect().item() == 1
