"""Raw rows to core tables: one function per table; each row belongs to one person or is set aside.

Belongs here: what a raw row means in the company, whatever system wrote it.
Does not belong here: reading files (`pipelines.sources`), which rows are current (`pipelines.ingest.landing`).
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, PROVENANCE_COLUMNS, CanonicalSchemaName
from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    CONSENT,
    EXPOSURE,
    FEEDBACK,
    LEARNING_RECORD,
    OUTCOME,
    PERSON,
    PREFERENCE,
    REPLY,
    ROLE_PERIOD,
    SKILL_MENTION,
    SQUAD_REPLY,
    WORKLOG,
)
from pipelines.contracts.table import Table
from pipelines.contracts.table_declaration import PERSON_REFERENCE
from pipelines.core.identity_resolution import ACCOUNT_KEYS, map_unambiguous
from pipelines.core.record_states import keep_last_states
from pipelines.validation.rule_evaluation import ValidatedRows, validate_rows

# The core table of each canonical schema.
CORE_TABLE_BY_SHAPE: Mapping[CanonicalSchemaName, Table] = {
    "role_period": ROLE_PERIOD,
    "assignment": ASSIGNMENT,
    "worklog": WORKLOG,
    "learning_record": LEARNING_RECORD,
    "feedback": FEEDBACK,
    "aspiration": ASPIRATION,
    "skill_mention": SKILL_MENTION,
    "consent": CONSENT,
    "reply": REPLY,
    "preference": PREFERENCE,
    "squad_reply": SQUAD_REPLY,
    "exposure": EXPOSURE,
    "outcome": OUTCOME,
}


def conform_person(raw_rows: pl.LazyFrame, accounts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The people of the company.

    If the export gives no status, a person with a last day up to `as_of` has left, and everybody else is active.

    Args:
        raw_rows: Current rows of the canonical schema `person`.
        accounts: The table of accounts (`ACCOUNT`).
        as_of: The day of the run.

    Returns:
        One row per person of `accounts`, in the contract of `PERSON`; null if the exports give no value.
    """
    people = accounts.select("person_id").drop_nulls().unique().sort("person_id")
    exported_people = (
        _add_person_id(raw_rows, accounts)
        .collect()
        .drop_nulls("person_id")
        .sort("changed_at", "source_name", "row_number", nulls_last=False)
        .unique("person_id", keep="last", maintain_order=True)
    )
    manager_ids = _map_codes(accounts, "manager_code", "manager_id")
    described_people = people.join(exported_people, on="person_id", how="left").join(
        manager_ids, on="manager_code", how="left"
    )
    employment_status = pl.coalesce("employment_status", pl.when(pl.col("left_date") <= as_of).then(pl.lit("left")))
    return described_people.with_columns(employment_status.fill_null("active").alias("employment_status")).select(
        PERSON.column_names
    )


def conform_role_period(raw_rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ValidatedRows:
    """One row per role that a person took up; without an end it ends when the next role in the same unit starts.

    The arguments are those of `conform_event`.
    """
    identified_periods = _add_person_id(raw_rows, accounts).sort("started_date", "source_name", "record_code")
    next_role_start = pl.col("started_date").shift(-1).over("person_id", "unit_name")
    return _validate_rows(
        identified_periods.with_columns(pl.coalesce("ended_date", next_role_start).alias("ended_date")),
        "role_period",
        people,
    )


def conform_learning_record(raw_rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ValidatedRows:
    """One row per learning record that no record voids; a voiding record gives no row.

    A record voids the record of the same source whose code it names, whichever of the two came first. Of the records of
    a source with the same state_code, only the last state counts. The arguments are those of `conform_event`.
    """
    voided_codes = raw_rows.select("source_name", pl.col("voids_code").alias("record_code")).drop_nulls().unique()
    valid_records = raw_rows.join(voided_codes, on=("source_name", "record_code"), how="anti").filter(
        pl.col("voids_code").is_null()
    )
    return conform_event("learning_record", keep_last_states(valid_records), accounts, people)


def conform_feedback(raw_rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ValidatedRows:
    """One row per assessment of a person by somebody; given_by_id is null if the assessor is unknown.

    The arguments are those of `conform_event`.
    """
    assessor_ids = _map_codes(accounts, "given_by_code", "given_by_id")
    return _validate_rows(
        _add_person_id(raw_rows, accounts).join(assessor_ids.lazy(), on="given_by_code", how="left"),
        "feedback",
        people,
    )


def conform_consent(raw_rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ValidatedRows:
    """One row per consent given or withdrawn; without a time it was stated at the start of the day of delivery.

    The arguments are those of `conform_event`.
    """
    delivered_at = pl.col("delivered_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    dated_consents = raw_rows.with_columns(pl.coalesce("stated_at", delivered_at).alias("stated_at"))
    return conform_event("consent", dated_consents, accounts, people)


def conform_event(
    schema_name: CanonicalSchemaName, raw_rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame
) -> ValidatedRows:
    """One row per event of a schema that only needs its person, such as worklog, assignment or reply.

    An assignment without an assignee keeps a null person; a row with an unknown account is set aside.

    Args:
        schema_name: The canonical schema.
        raw_rows: Its current rows, with system_name.
        accounts: The table of accounts (`ACCOUNT`).
        people: The people (`PERSON`); only person_id is read.

    Returns:
        The rows in the contract of the core table of the schema, and those set aside.
    """
    return _validate_rows(_add_person_id(raw_rows, accounts), schema_name, people)


def _add_person_id(raw_rows: pl.LazyFrame, accounts: pl.DataFrame) -> pl.LazyFrame:
    account_key = ("system_name", *ACCOUNT_KEYS)
    return raw_rows.join(
        accounts.lazy().select(*account_key, "person_id"), on=account_key, how="left", nulls_equal=True
    )


def _validate_rows(
    identified_rows: pl.LazyFrame, schema_name: CanonicalSchemaName, people: pl.DataFrame
) -> ValidatedRows:
    """Split by the rules of the core table. An account that no HR export names breaks `person_id|references`."""
    table, canonical_columns = CORE_TABLE_BY_SHAPE[schema_name], CANONICAL_SCHEMAS[schema_name].columns
    has_account = pl.any_horizontal(pl.col(account_key).is_not_null() for account_key in ACCOUNT_KEYS)
    # A text replaces the unknown id, so that the row breaks the reference and not the rule against nulls.
    person_id_or_unknown = (
        pl.when(has_account & pl.col("person_id").is_null()).then(pl.lit("unknown")).otherwise("person_id")
    )
    output_columns = dict.fromkeys((*table.column_names, *canonical_columns, "system_name", *PROVENANCE_COLUMNS))
    conformed_rows = (
        identified_rows.with_columns(person_id_or_unknown.alias("person_id")).select(*output_columns).collect()
    )
    return validate_rows(table, conformed_rows, {PERSON_REFERENCE.target: people["person_id"]}, canonical_columns)


def _map_codes(accounts: pl.DataFrame, code_column: str, person_column: str) -> pl.DataFrame:
    """Codes by which a row may refer to another person (any account key), with the only person that has it."""
    codes_of_people = pl.concat(
        [accounts.select(pl.col(account_key).alias(code_column), "person_id") for account_key in ACCOUNT_KEYS]
    )
    return map_unambiguous(codes_of_people, [code_column], person_column)
