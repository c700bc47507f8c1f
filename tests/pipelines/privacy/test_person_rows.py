"""Rows are found by every key of a person, in the right system, and show nothing that is said of others."""

import json

import polars as pl
import pytest

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import ASPIRATION, CONFLICT, DELIVERY, FEEDBACK
from pipelines.contracts.classification import PersonRole
from pipelines.contracts.output_tables import OBEYED_REPLY
from pipelines.contracts.table import Table
from pipelines.privacy.identity import PersonIdentity
from pipelines.privacy.person_lines import PersonSearch
from pipelines.privacy.person_rows import Row, describe_stored_table, select_person_rows

ANN = PersonIdentity(
    "100001",
    frozenset({"Ann Archer"}),
    frozenset({"E-7001"}),
    frozenset({"ann@acme.example"}),
    frozenset({("jira", "aarcher"), ("tempo", "42")}),
    frozenset({"r1"}),
)
SEARCH = PersonSearch(ANN, frozenset({*ANN.text_keys, "100002", "bob@acme.example"}))
SUBJECT, OTHER = PersonRole.SUBJECT, PersonRole.OTHER


def select(table: Table, *rows: Row) -> dict[PersonRole, list[Row]]:
    frame = pl.DataFrame(list(rows), schema_overrides=table.schema)
    rows_by_role = select_person_rows(frame.lazy(), describe_stored_table(table.name, frame.schema), SEARCH)
    return {role: [dict(sorted(row.items())) for row in role_rows] for role, role_rows in rows_by_role.items()}


def test_an_account_counts_in_its_own_system_only() -> None:
    for system, rows in (("tempo", 1), ("harvest", 0)):
        raw = raw_table(system, CANONICAL_SCHEMAS["worklog"])
        assert len(select(raw, {"account_code": "42"}, {"account_code": "43"}).get(SUBJECT, [])) == rows


def test_keys_are_compared_without_case_and_blanks() -> None:
    raw = raw_table("tabular", CANONICAL_SCHEMAS["aspiration"])
    rows = [
        {"employee_number": " e-7001", "work_email": None},
        {"employee_number": None, "work_email": "ANN@acme.example"},
    ]
    assert len(select(raw, *rows)[SUBJECT]) == 2


def test_a_row_about_somebody_else_shows_who_and_nothing_that_is_said_of_them() -> None:
    feedback = {
        "person_id": "100002",
        "given_by_id": "100001",
        "score_share": 0.2,
        "skill_text": "sql",
        "source_name": "s",
    }
    assert select(FEEDBACK, feedback) == {
        OTHER: [{"given_by_id": "100001", "person_id": "100002", "source_name": "s"}],
    }


def test_lists_and_hashes_of_records_lead_to_the_person() -> None:
    assert select(CONFLICT, {"candidate_ids": ["100002", "100001"]}, {"candidate_ids": ["100002"]})[SUBJECT] == [
        {"candidate_ids": ["100002", "100001"]}
    ]
    assert select(OBEYED_REPLY, {"reply_id": "r1"}, {"reply_id": "r2"})[SUBJECT] == [{"reply_id": "r1"}]


def test_rows_that_were_set_aside_are_found_by_what_they_hold() -> None:
    table = quarantine_table(raw_table("jira", CANONICAL_SCHEMAS["feedback"]).name)
    own, given, strange, exported = (
        {"row_text": json.dumps(cells), "system_name": "jira"}
        for cells in (
            {"account_code": "AArcher"},
            {"given_by_code": "aarcher", "skill_text": "x"},
            {"account_code": "b"},
            {"work_email": "mailto:Ann@acme.example"},
        )
    )
    found_rows = select(table, own, given, strange, exported)
    assert found_rows == {SUBJECT: [own, exported], OTHER: [{"system_name": "jira"}]}


def test_malformed_lines_that_were_set_aside_are_shown_if_they_name_nobody_else() -> None:
    table = quarantine_table(raw_table("jira", CANONICAL_SCHEMAS["feedback"]).name)
    own, shared, strange = (
        {"row_text": text, "system_name": "jira"}
        for text in ("ann@acme.example;5;too;many", "ann@acme.example;bob@acme.example", "bob@acme.example;5")
    )
    assert select(table, own, shared, strange) == {SUBJECT: [own, {"system_name": "jira"}]}


def test_texts_of_tables_that_name_nobody_are_searched() -> None:
    rows = [
        {"source_name": "a", "file_name": "ann archer.csv"},
        {"source_name": "b", "file_name": "all.csv", "file_notes": ["one page of E-7001"]},
        {"source_name": "c", "file_name": "E-70012.csv"},
        {"source_name": "d", "file_name": "Ann Archer and bob@acme.example", "good_count": 7},
    ]
    ledger_rows = select(DELIVERY, *({"file_notes": [], **row} for row in rows))
    assert [row["source_name"] for row in ledger_rows[SUBJECT][:2]] == ["a", "b"]
    assert ledger_rows[SUBJECT][2] == {"good_count": 7}


def test_a_table_without_contract_is_covered() -> None:
    frame = pl.DataFrame({"person_id": ["100002"], "buddy_id": ["100001"], "warmth": [0.5]})
    table = describe_stored_table("feat_team__assn_buddy", frame.schema)
    rows_by_role = select_person_rows(frame.lazy(), table, SEARCH)
    assert rows_by_role == {OTHER: [{"person_id": "100002", "buddy_id": "100001"}]}
    assert not select(ASPIRATION, {"person_id": "100002"})


@pytest.mark.parametrize(
    ("text", "names_ann"),
    [
        ("seen by ANN ARCHER today", True),
        ("mail to Ann@Acme.Example;", True),
        ("e-7001", True),
        ("e-70011 and xe-7001", False),  # parts of longer words
        ("joann archer", False),
        ("\u00fcber Ann Archer", True),  # a text that is not ASCII
        ("\u00fcber jo-ann archers", False),
        ("nobody", False),
    ],
)
def test_a_text_names_a_person_by_a_whole_key_in_any_case(text: str, names_ann: bool) -> None:
    assert SEARCH.names_person(text) is names_ann


def test_a_name_that_is_not_ascii_is_found_in_any_case_and_in_ascii_texts_about_other_keys() -> None:
    zoe = PersonIdentity(
        "100009",
        frozenset({"Zo\u00cb Stra\u00dfe"}),
        frozenset(),
        frozenset({"zoe@acme.example"}),
        frozenset(),
        frozenset(),
    )
    search = PersonSearch(zoe, zoe.text_keys)
    assert search.names_person("with zo\u00eb stra\u00dfe")
    assert search.names_person("ZOE@ACME.EXAMPLE")
    assert not search.names_person("zoe")
