"""Titles above a header are skipped and counted, in files and in sheets; a row that may be the header never is."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from workbooks import Cell, write_workbook

from pipelines.sources.adapter import get_adapter, open_export, read_export
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.detect import rank_systems
from pipelines.sources.readers.leading_text import find_header_row

GOLDEN = Path(__file__).parents[2] / "golden"
TASK_ID, COMPLETED, EMAIL, TAGS = HEADER = ("Task ID", "Completed At", "Assignee Email", "Tags")
TASKS = [HEADER, ("1201", "2026-01-05", "anna@example.com", "SQL"), ("1202", "2026-01-06", "bob@example.com", "dbt")]
WANTED = {header.lower() for header in HEADER}


def write_table(folder: Path, form: str, rows: Sequence[Sequence[str]]) -> Path:
    path = folder / f"tasks.{form}"
    if form == "xlsx":
        cells: list[list[Cell]] = [[cell or None for cell in row] for row in rows]
        return write_workbook(path, cells)
    with path.open("w", newline="") as out:
        csv.writer(out, delimiter=";", lineterminator="\n").writerows(rows)
    return path


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("titles", "header_line"),
    [
        ([("My tasks, all teams",)], 2),
        ([("My tasks", "", "", ""), ("Synced on", "2026-01-12"), ()], 4),
        ([("",), ("",), ("Tags", "SQL")], 4),
        ([("Tasks\nof the team",), ("Completed At", "January")], 4),
    ],
)
def test_titles_above_a_header_are_skipped_and_counted(
    tmp_path: Path, form: str, titles: list[tuple[str, ...]], header_line: int
) -> None:
    path = write_table(tmp_path, form, [*titles, *TASKS])
    export = read_export(path, get_adapter("asana"))
    tasks = export.shapes["assignment"].select("row_number", "record_code", "work_email").collect()
    assert tasks.rows() == [(1, "1201", "anna@example.com"), (2, "1202", "bob@example.com")]
    title_count = sum(any(title) for title in titles)
    (note,) = export.notes
    assert note.startswith(f"it has {title_count} title row{'s' * (title_count > 1)} above its header, not read")
    assert ("the header is line" in note) == (form == "csv")
    assert f"line {header_line}," in note or form == "xlsx"
    assert rank_systems(path)[0].system == "asana"


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_row_that_is_set_aside_is_numbered_from_the_header_that_the_note_places(tmp_path: Path, form: str) -> None:
    rows = [("My tasks",), (), *TASKS, ("1203", "2026-01-07", "", "", "beyond the header")]
    export = read_export(write_table(tmp_path, form, rows), get_adapter("asana"))
    # line 6 of the file: the third below the header in line 3
    assert export.malformed.collect()["row_number"].to_list() == [3]


@pytest.mark.parametrize("blank_rows", [[()], [("", "", "", "")], [(), ("", " ")]])
def test_blank_rows_above_a_header_are_no_titles(tmp_path: Path, blank_rows: list[tuple[str, ...]]) -> None:
    export = read_export(write_table(tmp_path, "csv", [*blank_rows, *TASKS]), get_adapter("asana"))
    assert export.shapes["assignment"].collect()["row_number"].to_list() == [1, 2]
    assert export.notes == ()


def test_a_mapping_of_the_configuration_finds_the_header_too(tmp_path: Path) -> None:
    mapping = {"record_code": TASK_ID, "work_email": EMAIL, "done_at": COMPLETED}
    path = write_table(tmp_path, "csv", [("My tasks",), *TASKS])
    export = read_export(path, get_adapter("tabular"), SourceOptions(mapping=mapping, shape="assignment"))
    assert export.shapes["assignment"].collect()["record_code"].to_list() == ["1201", "1202"]


def test_a_sheet_with_its_header_below_titles_is_chosen_and_its_cells_keep_their_formats(tmp_path: Path) -> None:
    rows: list[list[Cell]] = [
        ["Marks", ("46083.5", "yyyy-mm-dd h:mm:ss")],
        [None, None, None],
        ["Who", "Day", "Mark"],
        ["E1", ("46083", "yyyy-mm-dd"), ("0.95", "0%")],
    ]
    mapping = {"account_code": "Who", "occurred_at": "Day", "score_share": {"column": "Mark", "scale": [0, 100]}}
    options = SourceOptions(mapping={**mapping, "skill_text": "Who"}, shape="skill_mention")
    export = read_export(write_workbook(tmp_path / "a.xlsx", rows), get_adapter("tabular"), options)
    mentions = export.shapes["skill_mention"].select("text:occurred_at", "score_share").collect()
    assert mentions.rows() == [("2026-03-02", 0.95)]


@pytest.mark.parametrize(
    "rows",
    [
        [("Who", "What", "Tags", "When"), ("Task ID", "Completed At", "Tags", "Assignee Email")],
        [("Tags", "a"), ("Tags", "Task ID")],
        [("a", "b", "c"), ("Task ID", "Tags")],
        [("Report",), ("Tags", "a", "b")],
        [("Report",), ("1", "2")],
        [HEADER, HEADER],
        [],
    ],
)
def test_a_first_row_that_may_be_the_header_is_never_skipped(rows: list[tuple[str, ...]]) -> None:
    assert find_header_row(rows, WANTED) == 0


def test_a_header_over_several_lines_is_no_title(tmp_path: Path) -> None:
    """The second line of the header alone would have more of the wanted headers and more cells than the first."""
    path = tmp_path / "tasks.csv"
    path.write_text('"Own\nfield","Task ID","Completed At","Tags"\na,1201,2026-01-05,SQL\n')
    export = read_export(path, get_adapter("asana"))
    assert (export.notes, export.columns_left_out) == ((), ("Own\nfield",))


def golden_tables() -> list[Path]:
    tables = (path for path in GOLDEN.glob("*/*.raw.*") if path.suffix in (".csv", ".xlsx"))
    return sorted(path for path in tables if "title_lines" not in path.name)


@pytest.mark.parametrize("raw", golden_tables(), ids=lambda raw: f"{raw.parent.name}/{raw.name}")
def test_no_row_of_another_golden_table_is_a_title(raw: Path) -> None:
    written_options = raw.with_name(f"{raw.name.split('.raw.')[0]}.options.json")
    options = SourceOptions(**json.loads(written_options.read_text())) if written_options.exists() else SourceOptions()
    assert open_export(raw, get_adapter(raw.parent.name), options).notes == ()
