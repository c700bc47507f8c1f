"""Headers that a report spells otherwise than its system, or to which its author gave a usual name."""

import csv
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from adapter_probes import ProbeCase, probe_cases, read_rows

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.header_spelling import words_of
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import normalize_header
from pipelines.sources.vocabularies.person_headers import USUAL_ACTOR_HEADERS


def read_people(path: Path, rows: list[str]) -> pl.DataFrame:
    path.write_text("\n".join(rows) + "\n")
    return read_export(path, get_adapter("workday")).shapes["person"].collect()


@pytest.mark.parametrize("header", ["Job_Title", "jobTitle", "JOB TITLE", " job  title ", "Job-Title"])
def test_the_words_of_a_header_do_not_depend_on_what_parts_them(header: str) -> None:
    assert words_of(header) == "job title"


def test_a_roster_of_plain_headers_is_read_by_usual_names(tmp_path: Path) -> None:
    """The name of a manager is no key: only an id or an address is read."""
    people = read_people(
        tmp_path / "roster.csv",
        [
            "Employee ID,Name,Department,Level,Manager,Hire Date,Termination Date",
            'W2,,Finance,L4,"Ruiz, Ana",2019-03-25,',
            "W3,Cy Park,Finance,L3,W1,2020-02-14,2025-06-30",
        ],
    )
    assert people["manager_code"].to_list() == [None, "W1"]
    assert people["display_name"].to_list() == [None, "Cy Park"]
    assert people["unit_name"].to_list() == ["Finance", "Finance"]
    assert people["left_date"].cast(pl.String).to_list() == [None, "2025-06-30"]


def test_members_of_json_records_are_read_by_usual_names_too(tmp_path: Path) -> None:
    people = read_people(
        tmp_path / "workers.jsonl",
        [
            '{"Employee_ID": "007101", "Job_Title": "Engineer", "Worker_s_Manager": "Alex (000687)"}',
            '{"Employee_ID": "007103", "Job_Title": "Analyst", "Worker_Status": "Left",'
            ' "termination_date": "2025-06-30"}',
        ],
    )
    assert people.select("employee_number", "role_name", "employment_status").rows() == [
        ("007101", "Engineer", None),
        ("007103", "Analyst", "left"),
    ]
    assert people["left_date"].cast(pl.String).to_list() == [None, "2025-06-30"]


def test_labels_are_the_names_of_columns_spelled_otherwise(tmp_path: Path) -> None:
    """`Workday ID` is `Workday_ID`; `Status` has several meanings, and is left out."""
    people = read_people(
        tmp_path / "workers.csv",
        ["Workday ID,Legal Name,Email,Status,Manager Workday ID", "WID-2,Joe Roe,joe@example.com,flying,WID-9"],
    )
    assert people.select("account_code", "work_email", "manager_code", "employment_status").rows() == [
        ("WID-2", "joe@example.com", "WID-9", None)
    ]


def test_an_address_in_a_list_of_issues_may_be_that_of_a_customer(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    path.write_text("Issue key,Assignee,Status,Resolution,Resolved,Email\nA-1,dana,Done,Done,2026-01-02,c@x.example\n")
    export = read_export(path, get_adapter("jira"))
    assert export.shapes["assignment"].select("account_code", "work_email").collect().rows() == [("dana", None)]
    assert export.columns_left_out == ("Email",)


def test_a_number_is_read_under_no_other_spelling(tmp_path: Path) -> None:
    """Which unit a label has, the name of the column in an API does not tell."""
    path = tmp_path / "transcript.csv"
    path.write_text(
        "transc_user_id,Transc Object ID,is_latest_reg_num,User LO Comp Dt,User Lo Score\n3,c1,1,2026-01-02,9\n"
    )
    export = read_export(path, get_adapter("cornerstone"))
    records = export.shapes["learning_record"].collect()
    assert records.select("course_code", "learning_verb", "score_share").rows() == [("c1", "completed", None)]
    assert export.columns_left_out == ("User Lo Score",)


def test_rows_that_belong_to_people_are_no_people(tmp_path: Path) -> None:
    # The rows of a table of BambooHR for all employees (smeggingsmegger/PyBambooHR#27).
    path = tmp_path / "rows.json"
    path.write_text('[{"id": "1", "employeeId": "4", "date": "2024-01-01", "jobTitle": "Analyst", "department": "D"}]')
    with pytest.raises(ExportRefused, match="account_code: employeeId"):
        read_export(path, get_adapter("bamboohr"))


ACTOR_COLUMNS = ("employee_number", "work_email", "account_code")


def headers_of_columns(case: ProbeCase, columns: Sequence[str], is_joined: bool | None = None) -> set[str]:
    return {
        normalize_header(header)
        for field_map in case.shape.fields
        if field_map.destination in columns and is_joined in (None, field_map.join is not None)
        for header in field_map.headers
    }


# A form that is known by a header of people has that header.
TABLES_OF_ACTIONS = [
    case
    for case in probe_cases()
    if case.form == "csv"
    and case.shape.shape in ("worklog", "learning_record")
    and case.shape.explode is None
    and not headers_of_columns(case, ACTOR_COLUMNS) & {normalize_header(header) for header in case.shape.signature}
]


@pytest.mark.parametrize("case", TABLES_OF_ACTIONS, ids=str)
@pytest.mark.parametrize(
    ("header", "cells", "column"),
    [("E-mail", ("a@x.example", "b@x.example"), "work_email"), ("Employee", ("Ana Lind", "Ben Ruiz"), "account_code")],
)
def test_a_table_without_a_declared_header_of_people_names_them_by_a_usual_one(
    case: ProbeCase, header: str, cells: tuple[str, str], column: str, tmp_path: Path
) -> None:
    """Two people who did the same at the same time have a record each, unless both carry the id of one record."""
    rows = read_rows(case.raw)
    assert rows is not None
    names_of_people = headers_of_columns(case, ACTOR_COLUMNS)
    usual_words = {words for usual_headers in USUAL_ACTOR_HEADERS.values() for words in usual_headers.names}
    remaining_columns = [
        i
        for i, name in enumerate(rows[0])
        if normalize_header(name) not in names_of_people and words_of(name) not in usual_words
    ]
    path = tmp_path / case.raw.name.replace(".raw", "")
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(
            [*(row[i] for i in remaining_columns), cell]
            for row, cell in zip((rows[0], *2 * [rows[case.row_number]]), (header, *cells), strict=True)
        )
    records = read_export(path, case.adapter, case.options).shapes[case.shape.shape].collect()
    assert records[column].to_list() == list(cells)
    id_headers = headers_of_columns(case, ("record_code",), is_joined=False)
    has_id = any(normalize_header(rows[0][i]) in id_headers and rows[case.row_number][i] for i in remaining_columns)
    assert records["record_code"].n_unique() == (1 if has_id else 2)


def test_a_usual_header_names_nobody_beside_a_declared_one(tmp_path: Path) -> None:
    path = tmp_path / "time.csv"
    path.write_text("Date,Project,Hours,Employee Id,Email\n2026-01-02,A,2,E1,client@x.example\n")
    worklogs = read_export(path, get_adapter("harvest")).shapes["worklog"].collect()
    assert worklogs.select("account_code", "work_email").rows() == [("E1", None)]


def test_an_address_beside_names_tells_whose_record_it_is(tmp_path: Path) -> None:
    path = tmp_path / "time.csv"
    path.write_text("Date,Project,Hours,First Name,Last Name,Email\n2026-01-02,A,2,Ana,Lind,ana@x.example\n")
    worklogs = read_export(path, get_adapter("harvest")).shapes["worklog"].collect()
    assert worklogs.select("account_code", "work_email").rows() == [("Ana Lind", "ana@x.example")]


@pytest.mark.parametrize(
    "member",
    [
        '"email": "a@x.example"',
        '"root": {"email": "a@x.example"}',
        '"attributes": {"email": {"value": "a@x.example"}}',
        '"/email": "a@x.example"',
        '"/root/email": {"value": "a@x.example"}',
    ],
)
def test_a_member_is_read_wherever_the_records_have_their_fields(member: str, tmp_path: Path) -> None:
    path = tmp_path / "people.json"
    path.write_text(f'[{{"id": "7", {member}}}]')
    people = read_export(path, get_adapter("hibob")).shapes["person"].collect()
    assert people["work_email"].to_list() == ["a@x.example"]


def test_a_condition_reads_a_header_that_the_table_spells_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "issues.csv"
    path.write_text("ID,Team,Status,Completed,Duplicate_Of\nA-1,T,Done,2026-01-02,A-9\nA-2,T,Done,2026-01-02,\n")
    issues = read_export(path, get_adapter("linear")).shapes["assignment"].collect()
    assert issues["is_done"].to_list() == [False, None]


def test_marks_of_people_without_an_id_have_a_key_each(tmp_path: Path) -> None:
    """The key of Canvas is two ids, which a pattern cuts out of the cells."""
    path = tmp_path / "2026-02-03_grades.csv"
    path.write_text(
        "Student,Email,Section,Quiz (12),Essay (13)\n    Points Possible,,,10,20\n"
        '"Lind, Ana",ana@x.example,A,8,10\n"Ruiz, Ben",ben@x.example,A,8,10\n'
    )
    marks = read_export(path, get_adapter("canvas")).shapes["feedback"].collect()
    assert marks["work_email"].to_list() == [*2 * ["ana@x.example"], *2 * ["ben@x.example"]]
    assert marks["record_code"].n_unique() == 4
