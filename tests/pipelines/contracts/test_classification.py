"""Every column has the class that its table gives it, and the columns that lead to people are known."""

import polars as pl
import pytest

from assets.resources.metadata import contract_metadata, preview_rows
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import ACCOUNT, CONFLICT, FEEDBACK, PERSON, SKILL, TABLES, UNKNOWN_MENTION
from pipelines.contracts.classification import DataClass
from pipelines.contracts.columns import COLUMNS
from pipelines.contracts.documents.dictionary import render_table
from pipelines.contracts.documents.odcs import render_odcs
from pipelines.contracts.feature_tables import EVALUATION
from pipelines.contracts.output_tables import (
    COMPANION,
    NEXT_SKILL,
    OBEYED_REPLY,
    OUT_MASTERY,
    PUBLISHED_TABLES,
    SUPPORT_GAP,
)
from pipelines.contracts.personal_columns import (
    classify_columns,
    has_personal_data,
    identity_columns,
    is_direct,
    person_columns,
    record_columns,
)
from pipelines.contracts.table import Column, Reference, Table

RAW_FEEDBACK = raw_table("tabular", CANONICAL_SCHEMAS["feedback"])
# A table that nobody has heard of, with a column that nobody classified.
ADDED = Table(
    "feat_team__assn_mentor",
    "Connects a person to a mentor.",
    (
        COLUMNS["person_id"],
        Column("mentor_id", pl.String, "person_id of the mentor."),
        Column("chemistry", pl.Float64, "How well they get on."),
        COLUMNS["skill_id"],
        COLUMNS["model_version"],
    ),
    key=("person_id",),
    references=(Reference("mentor_id", "core_hr__entity_person", "person_id"),),
)


@pytest.mark.parametrize(
    ("table", "column", "data_class"),
    [
        (NEXT_SKILL, "person_id", "identifier"),
        (NEXT_SKILL, "probability", "inference"),
        (NEXT_SKILL, "explanation", "inference"),
        (NEXT_SKILL, "skill_id", "personal"),
        (NEXT_SKILL, "snapshot_id", "technical"),
        (OUT_MASTERY, "stage", "inference"),
        (OUT_MASTERY, "is_hidden", "personal"),
        (OUT_MASTERY, "feedback_count", "personal"),
        (PERSON, "unit_name", "personal"),
        (SUPPORT_GAP, "unit_name", "organisational"),
        (SKILL, "skill_id", "organisational"),
        (EVALUATION, "ndcg_at_10", "technical"),
        (UNKNOWN_MENTION, "mention_text", "personal"),
        (quarantine_table("core_hr__entity_person"), "row_text", "personal"),
        (ADDED, "skill_id", "personal"),
        (ADDED, "chemistry", "personal"),
    ],
)
def test_the_class_of_a_column_depends_on_whom_its_row_names(table: Table, column: str, data_class: str) -> None:
    assert classify_columns(table)[column] == data_class


def test_columns_lead_to_the_subject_or_to_another_person() -> None:
    roles = {column.name: str(column.role) for column in person_columns(FEEDBACK)}
    assert roles == {"person_id": "subject", "given_by_id": "other person"}
    assert {column.name: str(column.role) for column in person_columns(ADDED)} == {
        "person_id": "subject",
        "mentor_id": "other person",
    }
    assert [column.name for column in person_columns(COMPANION)] == ["person_id", "companion_id"]
    assert [column.name for column in person_columns(CONFLICT) if column.is_list] == ["candidate_ids"]
    assert {column.name: str(column.key) for column in identity_columns(RAW_FEEDBACK)} == {
        "account_code": "account_code",
        "employee_number": "employee_number",
        "work_email": "work_email",
        "given_by_code": "any",
    }
    assert not person_columns(RAW_FEEDBACK)
    assert [column.name for column in identity_columns(ACCOUNT)] == ["account_code", "employee_number", "work_email"]
    assert [column.name for column in record_columns(OBEYED_REPLY)] == ["reply_id"]


def test_every_identifier_but_a_name_has_a_key() -> None:
    unreferenced = {
        name for name, column in COLUMNS.items() if column.data_class is DataClass.IDENTIFIER and not column.reference
    }
    assert unreferenced == {"display_name"}


def test_tables_without_people_hold_nothing_personal() -> None:
    impersonal = {name for name, table in TABLES.items() if not has_personal_data(table)}
    assert {
        "core_taxonomy__codes_skill",
        "out__support_gap",
        "out__alignment",
        "model_ranker__entity_card",
    } < impersonal
    assert not {name for name, table in TABLES.items() if "person_id" in table.column_names} & impersonal


def test_no_published_table_has_names_keys_or_free_text() -> None:
    assert {column.name for table in TABLES.values() for column in table.columns if is_direct(column)} == {
        *("account_code", "display_name", "employee_number", "work_email", "mention_text", "skill_text"),
    }
    assert not [column.name for table in PUBLISHED_TABLES for column in table.columns if is_direct(column)]


def test_contract_dictionary_metadata_and_preview_follow_the_class() -> None:
    properties = {column["name"]: column for column in render_odcs(ADDED)["schema"][0]["properties"]}
    assert {name: column["classification"] for name, column in properties.items()} == {
        "person_id": "restricted",
        "mentor_id": "restricted",
        "chemistry": "confidential",
        "skill_id": "confidential",
        "model_version": "internal",
    }
    assert {"property": "person", "value": "other person"} in properties["mentor_id"]["customProperties"]
    assert "How well they get on. | personal |" in render_table(ADDED)
    columns = contract_metadata(ADDED)["dagster/column_schema"].columns
    assert "Class: personal." in next(column.description for column in columns if column.name == "chemistry")
    rows = pl.DataFrame([("p1", "p2", 0.9, "sql", "v1")], schema=ADDED.schema, orient="row")
    assert [record.data for record in preview_rows(rows, ADDED).records] == [{"model_version": "v1"}]
