"""Landed rows to core tables: one function a table, each row under one person_id or set aside.

Belongs here: what a landed row means in the company, whatever system wrote it.
Does not belong here: reading files (`pipelines.sources`), which rows count now (`pipelines.ingest.landing`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
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
    WORKLOG,
)
from pipelines.contracts.table import Table
from pipelines.core.identity_resolution import ACCOUNT_KEYS
from pipelines.validation.quarantine import split_conformed

# The core table that each shape conforms to.
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
    "exposure": EXPOSURE,
    "outcome": OUTCOME,
}


@dataclass(frozen=True)
class ConformedRows:
    """Rows that keep the core table's rules, and the rows set aside; together they are the input."""

    good: pl.DataFrame
    bad: pl.DataFrame


def conform_person(rows: pl.LazyFrame, accounts: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person of `accounts`, with what the exports' person rows say; nulls where they say nothing.

    Where an export gives no status, who has a last day up to `as_of` has left, and everybody else is active.
    """
    people = accounts.select("person_id").drop_nulls().unique().sort("person_id")
    said = _name_people(rows, accounts).collect().drop_nulls("person_id")
    said = said.sort("changed_at", "source_name", "row_number", nulls_last=False)
    said = said.unique("person_id", keep="last", maintain_order=True)
    managers = _called(accounts).rename({"person_id": "manager_id", "called": "manager_code"})
    core = people.join(said, on="person_id", how="left").join(managers, on="manager_code", how="left")
    status = pl.coalesce("employment_status", pl.when(pl.col("left_date") <= as_of).then(pl.lit("left")))
    return core.with_columns(status.fill_null("active").alias("employment_status")).select(PERSON.column_names)


def conform_role_period(rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ConformedRows:
    """One row per role a person took up; it ends with the next change in the same unit, where no end is given."""
    named = _name_people(rows, accounts).sort("started_date", "source_name", "record_code")
    following = pl.col("started_date").shift(-1).over("person_id", "unit_name")
    ended = named.with_columns(pl.coalesce("ended_date", following).alias("ended_date"))
    return _conform(ended, "role_period", people)


def conform_assignment(rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ConformedRows:
    """One row per assignment; work that nobody is assigned to keeps a null person, an unknown assignee is set aside."""
    return _conform(_name_people(rows, accounts), "assignment", people)


def conform_learning_record(rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ConformedRows:
    """One row per learning record that was not taken back; the taking back itself is no row.

    A record is voided by a later record of the same source that names its code.
    """
    voids = rows.select("source_name", pl.col("voids_code").alias("record_code")).drop_nulls().unique()
    kept = rows.join(voids, on=("source_name", "record_code"), how="anti").filter(pl.col("voids_code").is_null())
    return _conform(_name_people(kept, accounts), "learning_record", people)


def conform_feedback(rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ConformedRows:
    """One row per judgement; a judge that nobody knows stays null, the judgement stays."""
    named = _name_people(rows, accounts)
    judges = _called(accounts).rename({"called": "given_by_code", "person_id": "given_by_id"})
    return _conform(named.join(judges.lazy(), on="given_by_code", how="left"), "feedback", people)


def conform_consent(rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame) -> ConformedRows:
    """One row per consent given or taken back; where the export says no moment, it was said the day it came."""
    came = pl.col("delivered_date").cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    dated = rows.with_columns(pl.coalesce("stated_at", came).alias("stated_at"))
    return _conform(_name_people(dated, accounts), "consent", people)


def conform_event(
    shape: CanonicalSchemaName, rows: pl.LazyFrame, accounts: pl.DataFrame, people: pl.DataFrame
) -> ConformedRows:
    """One row per event of a shape that needs no more than its person, such as worklog, aspiration or reply."""
    return _conform(_name_people(rows, accounts), shape, people)


def _name_people(rows: pl.LazyFrame, accounts: pl.DataFrame) -> pl.LazyFrame:
    known = accounts.lazy().select("system_name", *ACCOUNT_KEYS, "person_id")
    return rows.join(known, on=("system_name", *ACCOUNT_KEYS), how="left", nulls_equal=True)


def _conform(rows: pl.LazyFrame, shape: CanonicalSchemaName, people: pl.DataFrame) -> ConformedRows:
    """Split by the core table's rules. An account that no HR export names breaks `person_id|references`."""
    table = CORE_TABLE_BY_SHAPE[shape]
    named = pl.any_horizontal(pl.col(name).is_not_null() for name in ACCOUNT_KEYS)
    # what the export calls the person stands in for the unknown id, so that the row fails by reference and not by null
    stand_in = pl.when(named & pl.col("person_id").is_null()).then(pl.lit("unknown")).otherwise(pl.col("person_id"))
    judged = rows.with_columns(stand_in.alias("person_id"))
    known = {"core_hr__entity_person.person_id": people["person_id"]}
    split = split_conformed(judged, table, CANONICAL_SCHEMAS[shape].columns, known)
    # joins keep no order, and a quarantine has no key to be sorted by: the same rows must give the same table
    good, bad = pl.collect_all([split.good.sort(table.key), split.bad.sort("source_name", "file_sha256", "row_number")])
    return ConformedRows(good, bad)


def _called(accounts: pl.DataFrame) -> pl.DataFrame:
    """What a person is called where another row points to them: number, e-mail or account, if it names only one."""
    called = pl.concat([accounts.select(pl.col(name).alias("called"), "person_id") for name in ACCOUNT_KEYS])
    called = called.drop_nulls().unique()
    return called.filter(pl.col("person_id").n_unique().over("called") == 1)
