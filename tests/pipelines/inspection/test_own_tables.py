"""The proposal for a table of the company's own: person, day, skill and hours, by values first and names second."""

from typing import Any

import polars as pl
import pytest

from pipelines.inspection.columns import CompanyValues, looks_like_data, profile_columns
from pipelines.inspection.own_tables import propose_mapping
from pipelines.inspection.proposal import TableProposal
from pipelines.inspection.vocabulary import header_words, topic_fit

NUMBERS = [f"10{i}" for i in range(10)]
EMAILS = [f"p{i}@acme.example" for i in range(10)]
NAMES = [f"Ana Abel {i}" for i in range(10)]
SKILLS = ["SQL", "Python"] * 5
DAYS = [f"2026-03-{i + 10}" for i in range(10)]
HOURS = ["1.5", "2", "0.25", "8", "4"] * 2
COMPANY = CompanyValues(
    values_by_person_key={"employee_number": set(NUMBERS), "work_email": set(EMAILS), "account_code": {"a1", "a2"}},
    person_names={name.lower() for name in NAMES},
    unit_and_role_names={"data platform"},
    skill_names={"sql", "python"},
    unmatched_accounts_by_system={"jira": {"u0", "u1", "u2"}},
)
NOBODY = CompanyValues()


def propose(path: str = "list.csv", company: CompanyValues = COMPANY, **columns: list[Any]) -> TableProposal:
    cells = pl.DataFrame({header.replace("_", " "): values for header, values in columns.items()})
    return propose_mapping(set(header_words(path)), profile_columns(cells, company), company)


def test_columns_without_a_telling_name_are_found_by_their_values() -> None:
    proposal = propose(a=NUMBERS, b=DAYS, c=SKILLS, d=HOURS, e=["intern"] * 10)
    assert proposal.shape == "worklog"
    assert proposal.mapping == {"employee_number": "a", "skill_text": "c", "worked_at": "b", "worked_hours": "d"}
    assert {field.destination for field in proposal.fields if not field.is_sure} == {"worked_hours"}
    assert proposal.missing_columns == ()


def test_columns_of_a_company_without_hr_are_found_by_their_names() -> None:
    proposal = propose(company=NOBODY, Mitarbeiternummer=NUMBERS, Datum=DAYS, Thema=SKILLS, Stunden=HOURS)
    assert proposal.mapping == {
        "employee_number": "Mitarbeiternummer",
        "skill_text": "Thema",
        "worked_at": "Datum",
        "worked_hours": "Stunden",
    }
    assert "no HR export" in proposal.fields[0].reason


def test_an_address_and_a_number_of_the_same_person_are_both_keys() -> None:
    proposal = propose(mail=EMAILS, staff=NUMBERS, date=DAYS, skill=SKILLS, hours=HOURS)
    assert proposal.mapping["employee_number"] == "staff"
    assert proposal.mapping["work_email"] == "mail"


def test_of_two_people_the_name_tells_whom_the_row_is_about() -> None:
    proposal = propose(
        "feedback.csv", given_by=NUMBERS[::-1], employee=NUMBERS, skill=SKILLS, score=["1", "5"] * 5, date=DAYS
    )
    assert proposal.shape == "feedback"
    assert (proposal.mapping["employee_number"], proposal.mapping["given_by_code"]) == ("employee", "given by")
    assert proposal.mapping["score_share"] == {"column": "score", "scale": [1, 5]}
    assert proposal.mapping["feedback_kind"] == {"constant": "peer"}


def test_two_columns_of_people_without_telling_names_are_a_question() -> None:
    proposal = propose(x=NUMBERS, y=NUMBERS[::-1], date=DAYS, skill=SKILLS, hours=HOURS)
    assert proposal.mapping["employee_number"] == "x"
    assert any("`x` and `y`" in question for question in proposal.questions)


def test_feedback_without_a_judge_counts_as_the_least_trusted_kind() -> None:
    proposal = propose("ratings.csv", employee=NUMBERS, skill=SKILLS, level=["2", "4"] * 5, date=DAYS)
    assert proposal.mapping["feedback_kind"] == {"constant": "self"}
    assert not next(field for field in proposal.fields if field.destination == "feedback_kind").is_sure


def test_words_of_a_kind_are_mapped_and_unknown_words_are_only_counted() -> None:
    kinds = ["colleague", "Boss", "self", "boss", "self", "aunt", "colleague", "self", "boss", "self"]
    proposal = propose("feedback.csv", employee=NUMBERS, skill=SKILLS, kind=kinds, score=["1", "5"] * 5, date=DAYS)
    assert proposal.mapping["feedback_kind"] == {
        "column": "kind",
        "values": {"boss": "manager", "colleague": "peer", "self": "self"},
    }
    assert any("1 of its words are unknown" in question for question in proposal.questions)
    assert "aunt" not in str(proposal)


@pytest.mark.parametrize(
    ("path", "columns", "shape", "constant"),
    [
        ("wishes.csv", {"employee": NUMBERS, "skill": SKILLS, "date": DAYS}, "aspiration", None),
        ("certificates.csv", {"employee": NUMBERS, "skill": SKILLS, "issued_on": DAYS}, "feedback", "certificate"),
        (
            "list.csv",
            {"mentor": NUMBERS, "mentee": NUMBERS[::-1], "skill": SKILLS, "date": DAYS},
            "skill_mention",
            "teaching",
        ),
        ("list.csv", {"employee": NUMBERS, "course": SKILLS, "completed_on": DAYS}, "learning_record", "completed"),
        ("list.csv", {"employee": NUMBERS, "course": SKILLS, "date": DAYS}, "learning_record", "attended"),
        ("list.csv", {"employee": NUMBERS, "skill": SKILLS, "date": DAYS}, "skill_mention", None),
    ],
)
def test_the_shape_follows_from_what_the_table_is_about(
    path: str, columns: dict[str, list[str]], shape: str, constant: str | None
) -> None:
    proposal = propose(path, **columns)
    assert proposal.shape == shape
    assert proposal.missing_columns == ()
    constants = [entry["constant"] for entry in proposal.mapping.values() if isinstance(entry, dict)]
    assert constants == ([constant] if constant else [])


def test_people_are_recognised_without_an_hr_system() -> None:
    proposal = propose(
        company=NOBODY,
        employee_number=NUMBERS,
        name=NAMES,
        email=EMAILS,
        department=["Data", "Sales"] * 5,
        hired=DAYS,
        status=["Active", "Terminated"] * 5,
    )
    assert proposal.shape == "person"
    assert proposal.mapping == {
        "account_code": "employee number",
        "employee_number": "employee number",
        "work_email": "email",
        "display_name": "name",
        "unit_name": "department",
        "employment_status": {"column": "status", "values": {"active": "active", "terminated": "left"}},
        "hired_date": "hired",
    }


def test_a_table_of_accounts_that_lead_to_nobody_serves_their_system() -> None:
    proposal = propose(konto=["u0", "u1", "u2", *NUMBERS[3:]], nummer=NUMBERS)
    assert (proposal.shape, proposal.served_systems) == ("account", ("jira",))
    assert proposal.mapping == {"account_code": "konto", "employee_number": "nummer"}


def test_a_table_with_the_headers_of_a_schema_is_read_by_them() -> None:
    proposal = propose(employee_number=NUMBERS, skill_text=SKILLS, mode=["teaching"] * 10, occurred_at=DAYS)
    assert proposal.shape == "skill_mention"
    assert proposal.mapping["mode"] == "mode"


def test_consents_are_recognised_by_their_words_alone() -> None:
    columns = {"id": DAYS, "who": NUMBERS, "for": ["all"] * 10, "as": ["lead", "follow"] * 5, "until": DAYS, "on": DAYS}
    consents = propose(**columns, decision=["granted", "withdrawn"] * 5)
    assert consents.shape == "consent"
    assert (consents.mapping["consent_relation"], consents.mapping["consent_status"]) == ("as", "decision")
    assert consents.mapping["expires_date"] == "until"
    assert propose(**columns, decision=["granted", "perhaps"] * 5).shape != "consent"


def test_changes_of_roles_are_read_by_the_new_role_and_the_only_day() -> None:
    roles = ["Engineer", "Lead"] * 5
    proposal = propose(person_id=NUMBERS, team=["Data"] * 10, from_role=roles, to_role=roles[::-1], changed_at=DAYS)
    assert proposal.shape == "role_period"
    assert (proposal.mapping["role_name"], proposal.mapping["started_date"]) == ("to role", "changed at")
    assert not next(field for field in proposal.fields if field.destination == "started_date").is_sure


def test_work_without_hours_is_recognised_by_its_project() -> None:
    proposal = propose("commits.parquet", person_id=NUMBERS, area=SKILLS, repo=["a", "b"] * 5, ts=DAYS)
    assert proposal.shape == "worklog"
    assert proposal.mapping["project_code"] == "repo"


def test_names_identify_nobody() -> None:
    proposal = propose(employee=NAMES, skill=SKILLS, date=DAYS, hours=HOURS)
    assert "names_a_person" not in proposal.mapping
    assert proposal.missing_columns == ("employee_number or work_email or account_code",)
    assert any("a name identifies nobody" in question for question in proposal.questions)


def test_a_table_without_a_day_is_left_open() -> None:
    proposal = propose(employee=NUMBERS, skill=SKILLS, level=["1", "5"] * 5)
    assert (proposal.shape, proposal.missing_columns) == ("feedback", ("occurred_at",))


def test_days_of_planning_are_not_the_day_and_other_days_are_a_question() -> None:
    proposal = propose(employee=NUMBERS, skill=SKILLS, hours=HOURS, due_date=DAYS, date=DAYS)
    assert proposal.mapping["worked_at"] == "date"
    assert proposal.questions == ()
    unclear = propose(employee=NUMBERS, skill=SKILLS, hours=HOURS, x=DAYS, y=DAYS)
    assert unclear.mapping["worked_at"] == "x"
    assert any("`y` also hold days" in question for question in unclear.questions)


@pytest.mark.parametrize(
    ("header", "values", "entry"),
    [
        ("minutes", ["90", "15"] * 5, {"column": "minutes", "unit": "minutes"}),
        ("duration", ["1:30", "0:15"] * 5, "duration"),
        ("Stunden", ["1,5", "0,25"] * 5, "Stunden"),
        ("duration", ["900", "5400"] * 5, None),
    ],
)
def test_hours_are_read_in_their_unit(header: str, values: list[str], entry: object) -> None:
    proposal = propose(employee=NUMBERS, skill=SKILLS, date=DAYS, **{header: values})
    assert proposal.mapping.get("worked_hours") == entry
    assert (entry is None) == any("unit: minutes" in question for question in proposal.questions)


def test_a_first_row_of_values_is_no_header() -> None:
    assert looks_like_data(["Ana Abel 1", "p1@acme.example", "SQL", "note"], COMPANY)
    assert looks_like_data(["2026-03-10", "SQL", "2.5"], COMPANY)
    assert not looks_like_data(["employee", "skill", "2025", "hours"], COMPANY)


@pytest.mark.parametrize(
    ("header", "topic", "fit"),
    [
        ("Employee #", "person", 2),
        ("employeeId", "person", 2),
        ("Manager Employee ID", "manager", 1),
        ("decided_on", "day", 1),
        ("on hold", "day", 0),
        ("Due Date", "planned_day", 2),
        ("fee", "hours", 0),
    ],
)
def test_a_header_names_a_topic_as_a_whole_or_in_part(header: str, topic: Any, fit: int) -> None:
    assert topic_fit(header, topic) == fit
