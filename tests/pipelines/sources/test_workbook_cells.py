"""Cells of a workbook keep what a person sees in them: durations, dates, percent."""

import zipfile
from pathlib import Path
from typing import Any

import pytest
from workbooks import Cell, write_workbook

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.workbook import read_workbook


def texts(path: Path) -> list[tuple[str | None, ...]]:
    return read_workbook(path, set()).scan(()).collect().drop("row_number").rows()


@pytest.mark.parametrize("is_1904", [False, True])
@pytest.mark.parametrize(
    ("stored", "number_format", "shown"),
    [
        *(("0.0625", "[h]:mm", "1:30:00"), ("1.09375", "[h]:mm", "26:15:00"), ("0.03125", "h:mm", "0:45:00")),
        *(("62.5", "[h]:mm", "1500:00:00"), ("0.5", "General", "0.5"), ("1.5", "General", "1.5")),
        *(("0.95", "0%", "95.0%"), ("1.05", "0.00%", "105.0%"), ("0.005", "0.00%", "0.5%"), ("95", '0.0" %"', "95")),
    ],
)
def test_a_number_is_shown_as_its_format_says(
    tmp_path: Path, stored: str, number_format: str, shown: str, is_1904: bool
) -> None:
    path = write_workbook(tmp_path / "a.xlsx", [["Head"], [(stored, number_format)]], is_1904=is_1904)
    assert texts(path) == [(shown,)]


@pytest.mark.parametrize(("day_0", "is_1904"), [(0, False), (1462, True)])
def test_a_date_without_a_time_of_day_is_a_date(tmp_path: Path, day_0: int, is_1904: bool) -> None:
    day, moment = str(46083 - day_0), str(46083.5 - day_0)
    rows: list[list[Cell]] = [["Day", "When"], [(day, "yyyy-mm-dd"), (moment, "yyyy-mm-dd h:mm:ss")]]
    rows.append([(day, "yyyy-mm-dd h:mm:ss"), (day, "yyyy-mm-dd h:mm:ss")])
    path = write_workbook(tmp_path / "a.xlsx", rows, is_1904=is_1904)
    assert texts(path) == [("2026-03-02", "2026-03-02 12:00:00"), ("2026-03-02", "2026-03-02 00:00:00")]


def test_percent_is_found_where_the_cells_begin_below_and_to_the_right(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["Name", "Share"], ["a", ("0.5", "0%")], [None, None], ["b", ("0.5", "General")]]
    assert texts(write_workbook(tmp_path / "a.xlsx", rows, 5, "C")) == [("a", "50.0%"), ("b", "0.5")]


def test_cells_become_hours_shares_and_days(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["Who", "Skill", "Week", "Hours", "Mark"],
        ["E1", "sql", ("46083", "yyyy-mm-dd"), ("1.25", "[h]:mm"), ("0.95", "0%")],
        ["E2", "sql", ("46083", "yyyy-mm-dd"), ("1.25", "General"), ("95", "General")],
    ]
    mapping: dict[str, Any] = {
        "account_code": "Who",
        "skill_text": "Skill",
        "occurred_at": "Week",
        "worked_hours": "Hours",
    }
    mapping["score_share"] = {"column": "Mark", "scale": (0.0, 100.0)}
    given = SourceOptions(shape="skill_mention", mapping=mapping)
    export = read_export(write_workbook(tmp_path / "a.xlsx", rows), get_adapter("tabular"), given)
    frame = export.shapes["skill_mention"].collect()
    assert frame.select("worked_hours", "score_share").rows() == [(30.0, 0.95), (1.25, 0.95)]
    assert {str(moment) for moment in frame["occurred_at"]} == {"2026-03-02 00:00:00+00:00"}


def test_what_odoo_writes_for_a_field_without_a_value_is_nothing(tmp_path: Path) -> None:
    """Two people without a badge would otherwise share the number FALSE."""
    rows: list[list[Cell]] = [
        ["id", "employee_id/barcode", "employee_id/work_email", "skill_id/name", "level_progress", "write_date"],
        ["s.1", False, "dana@example.org", "Python", ("80", "General"), "2026-03-02 10:00:00"],
        ["s.2", False, "eli@example.org", "SQL", ("0", "General"), "2026-03-02 10:00:00"],
        ["s.3", "B-17", False, False, ("50", "General"), "2026-03-02 10:00:00"],
    ]
    export = read_export(write_workbook(tmp_path / "a.xlsx", rows), get_adapter("odoo"))
    columns = ("employee_number", "work_email", "skill_text", "score_share")
    assert export.shapes["feedback"].select(columns).collect().rows() == [
        (None, "dana@example.org", "Python", 0.8),
        (None, "eli@example.org", "SQL", 0.0),
        ("B-17", None, None, 0.5),
    ]


def test_a_header_in_the_middle_of_a_sheet_is_set_aside_as_such(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [["Name", "Skill"], ["a", "sql"], ["Name", "Skill"], ["Name", "git"], ["b", "go"]]
    table = read_workbook(write_workbook(tmp_path / "a.xlsx", rows), set())
    assert table.scan(()).collect()["c0"].to_list() == ["a", "Name", "b"]
    assert table.malformed_rows.select("row_number", "reason").collect().rows() == [(2, "the header once more")]


def test_a_workbook_with_damaged_styles_is_refused(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx", [["Share"], [("0.95", "0%")]])
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content[:-10] if name == "xl/styles.xml" else content)
    with pytest.raises(ExportRefused, match="cut off or damaged"):
        read_workbook(path, set())
