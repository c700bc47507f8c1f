"""Headers that a report spells otherwise than its system, or to which its author gave a usual name."""

from pathlib import Path

import polars as pl
import pytest

from pipelines.sources.adapter import get_adapter, read_export
from pipelines.sources.header_spelling import words_of
from pipelines.sources.readers.files import ExportRefused


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
