"""The canonical shapes: what any export is mapped onto, whatever system wrote it.

Belongs here: the shapes, and the raw and quarantine tables that follow from a system and a shape.
Does not belong here: how a system's columns map onto a shape (`pipelines.sources`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import polars as pl

from pipelines.contracts.columns import MOTIVE_WEIGHT_COLUMNS, select_columns
from pipelines.contracts.table import RowRule, Table

CanonicalSchemaName = Literal[
    "person",
    "account",
    "role_period",
    "assignment",
    "worklog",
    "learning_record",
    "feedback",
    "aspiration",
    "skill_mention",
    "consent",
    "reply",
    "preference",
    "exposure",
    "outcome",
]

# Which columns tell whose row it is, in the order of trust.
PERSON_COLUMNS = ("employee_number", "work_email", "account_code")
PROVENANCE_COLUMNS = ("source_name", "file_sha256", "row_number", "delivered_date", "delivery_number")
# No export speaks of work before this day, or of more than a year after it was delivered: such a date is a typing error
# (year 0202, 9999). Dates some months ahead do occur: planned time, contracts that begin.
EARLIEST, LONGEST_AHEAD = datetime(1950, 1, 1, tzinfo=UTC), timedelta(days=366)


@dataclass(frozen=True)
class CanonicalSchema:
    """A canonical shape: one row per what, which columns, what identifies a record, what must hold.

    `key` identifies the record in its system: a later delivery of the same key supersedes the earlier one.
    `spared` columns only describe: where such a value breaks a rule, it is left out and the row stays. With
    `counts_repeats`, equal rows of a system without record ids are as many records: an hour booked twice is two hours.
    """

    name: CanonicalSchemaName
    kind: Literal["entity", "event", "scd", "assn"]
    grain: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ("record_code",)
    required: tuple[str, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    nulled_if_invalid: tuple[str, ...] = ("changed_at",)
    has_repeated_records: bool = False

    @property
    def table_suffix(self) -> str:
        """The part of a table's name after the double underscore."""
        return f"{self.kind}_{self.name}"


def _names_a_person() -> RowRule:
    expression = pl.any_horizontal(pl.col(PERSON_COLUMNS).is_not_null())
    return RowRule("names_a_person", PERSON_COLUMNS, expression, "employee number, e-mail or account is given")


def _is_plausible(column: str) -> RowRule:
    moment = pl.col(column).cast(pl.Datetime("us", "UTC"))
    latest = pl.col("delivered_date").cast(pl.Datetime("us", "UTC")) + LONGEST_AHEAD
    said = "lies between 1950 and a year after the delivery"
    return RowRule("is_plausible", (column,), (moment >= EARLIEST) & (moment <= latest), said)


def _in_order(first: str, last: str) -> RowRule:
    return RowRule("in_order", (first, last), pl.col(last) >= pl.col(first), f"{last} is not before {first}")


_WHO = ("account_code", "employee_number", "work_email")
_SAYS_WHAT = RowRule(
    "says_what_happened",
    ("learning_verb", "voids_code"),
    pl.col("learning_verb").is_not_null() | pl.col("voids_code").is_not_null(),
    "a verb is given, or the record that is taken back",
)

_GRANT_ENDS = RowRule(
    "says_until_when",
    ("consent_status", "expires_date"),
    (pl.col("consent_status") != "granted") | pl.col("expires_date").is_not_null(),
    "what is granted has a last day",
)
_REPLY_SAYS_ENOUGH = RowRule(
    "says_enough",
    ("reply_kind", "until_date", "stated_stage"),
    ((pl.col("reply_kind") != "snooze") | pl.col("until_date").is_not_null())
    & ((pl.col("reply_kind") != "dispute") | pl.col("stated_stage").is_not_null()),
    "snooze says until when, dispute says which stage",
)

CANONICAL_SCHEMAS: dict[CanonicalSchemaName, CanonicalSchema] = {
    shape.name: shape
    for shape in (
        CanonicalSchema(
            "person",
            "entity",
            "One row per person of an HR export.",
            (
                *_WHO,
                "display_name",
                "manager_code",
                "unit_name",
                "role_name",
                "employment_status",
                "hired_date",
                "left_date",
                "weekly_hours",
                "changed_at",
            ),
            key=("account_code",),
            row_rules=(_in_order("hired_date", "left_date"), _is_plausible("hired_date")),
            # not the status, nor the last day: without them a person who left would count as active
            nulled_if_invalid=("work_email", "hired_date", "weekly_hours", "changed_at"),
        ),
        CanonicalSchema(
            "account",
            "assn",
            "Connects an account of a system to an employee number or e-mail address.",
            (*_WHO, "changed_at"),
            key=("account_code",),
        ),
        CanonicalSchema(
            "role_period",
            "scd",
            "One row each time a person takes up a role in a unit.",
            ("record_code", *_WHO, "unit_name", "role_name", "started_date", "ended_date", "changed_at"),
            required=("started_date",),
            row_rules=(_names_a_person(), _in_order("started_date", "ended_date"), _is_plausible("started_date")),
        ),
        CanonicalSchema(
            "assignment",
            "assn",
            "Connects a person to a piece of project work: an issue, a task or a booking.",
            (
                "record_code",
                *_WHO,
                "project_code",
                "assignment_code",
                "skill_text",
                "is_done",
                "started_date",
                "ended_date",
                "done_at",
                "planned_hours",
                "changed_at",
            ),
            row_rules=(_in_order("started_date", "ended_date"),),
            nulled_if_invalid=("started_date", "ended_date", "planned_hours", "changed_at"),
        ),
        CanonicalSchema(
            "worklog",
            "event",
            "One row each time a person worked on something.",
            (
                "record_code",
                *_WHO,
                "project_code",
                "assignment_code",
                "skill_text",
                "worked_at",
                "worked_hours",
                "changed_at",
            ),
            required=("worked_at",),
            row_rules=(_names_a_person(), _is_plausible("worked_at")),
            has_repeated_records=True,
        ),
        CanonicalSchema(
            "learning_record",
            "event",
            "One row each time a person did something with a course or learning item.",
            (
                "record_code",
                *_WHO,
                "course_code",
                "course_name",
                "skill_text",
                "learning_verb",
                "occurred_at",
                "learning_hours",
                "score_share",
                "voids_code",
                "changed_at",
            ),
            required=("occurred_at",),
            row_rules=(_names_a_person(), _SAYS_WHAT, _is_plausible("occurred_at")),
        ),
        CanonicalSchema(
            "feedback",
            "event",
            "One row each time a person was judged on something.",
            (
                "record_code",
                *_WHO,
                "given_by_code",
                "skill_text",
                "feedback_kind",
                "score_share",
                "occurred_at",
                "changed_at",
            ),
            required=("skill_text", "feedback_kind", "occurred_at"),
            row_rules=(_names_a_person(), _is_plausible("occurred_at")),
            has_repeated_records=True,
        ),
        CanonicalSchema(
            "aspiration",
            "event",
            "One row each time a person said what they want to learn or do.",
            ("record_code", *_WHO, "skill_text", "wish_weight", *MOTIVE_WEIGHT_COLUMNS, "stated_at", "changed_at"),
            required=("skill_text", "stated_at"),
            row_rules=(_names_a_person(), _is_plausible("stated_at")),
        ),
        CanonicalSchema(
            "skill_mention",
            "event",
            "One row each time a system said that a person used, learnt or taught a skill.",
            ("record_code", *_WHO, "skill_text", "mode", "occurred_at", "worked_hours", "score_share", "changed_at"),
            required=("skill_text", "occurred_at"),
            row_rules=(_names_a_person(), _is_plausible("occurred_at")),
        ),
        CanonicalSchema(
            "consent",
            "event",
            "One row each time a person gave consent to be shown to others, or took it back.",
            (
                "record_code",
                *_WHO,
                "skill_text",
                "consent_relation",
                "consent_status",
                "expires_date",
                "stated_at",
                "changed_at",
            ),
            required=("skill_text", "consent_relation", "consent_status"),
            row_rules=(_names_a_person(), _GRANT_ENDS, _is_plausible("stated_at")),
        ),
        CanonicalSchema(
            "reply",
            "event",
            "One row each time a person replied to a recommended step or an estimate.",
            (
                "record_code",
                *_WHO,
                "skill_text",
                "step_goal",
                "reply_kind",
                "until_date",
                "stated_stage",
                "replied_at",
                "changed_at",
            ),
            required=("skill_text", "reply_kind", "replied_at"),
            row_rules=(_names_a_person(), _REPLY_SAYS_ENOUGH, _is_plausible("replied_at")),
        ),
        CanonicalSchema(
            "preference",
            "event",
            "One row each time a person said whether they want recommendations.",
            ("record_code", *_WHO, "is_opted_out", "stated_at", "changed_at"),
            required=("is_opted_out", "stated_at"),
            row_rules=(_names_a_person(), _is_plausible("stated_at")),
        ),
        CanonicalSchema(
            "exposure",
            "event",
            "One row each time a reader of the published tables showed a recommended step to its person.",
            ("record_code", *_WHO, "snapshot_id", "skill_id", "to_stage", "shown_rank", "shown_at", "changed_at"),
            required=("snapshot_id", "skill_id", "to_stage", "shown_rank", "shown_at"),
            row_rules=(_names_a_person(), _is_plausible("shown_at")),
        ),
        CanonicalSchema(
            "outcome",
            "event",
            "One row each time something came of a recommended step that was shown.",
            ("record_code", *_WHO, "snapshot_id", "skill_id", "to_stage", "outcome_kind", "outcome_at", "changed_at"),
            required=("snapshot_id", "skill_id", "to_stage", "outcome_kind", "outcome_at"),
            row_rules=(_names_a_person(), _is_plausible("outcome_at")),
        ),
    )
}


def raw_table(system: str, shape: CanonicalSchema) -> Table:
    """The raw table of a system and a shape: the shape's columns, typed, and where each row came from."""
    return Table(
        name=f"raw_{system}__{shape.table_suffix}",
        description=f"{shape.grain} As exported by {system}, with file and row.",
        columns=select_columns(*shape.columns, *PROVENANCE_COLUMNS),
        key=shape.key,
        required=(*shape.required, "source_name", "file_sha256", "row_number"),
        row_rules=shape.row_rules,
        retention_days=3 * 365,
        readers=("core",),
    )


def quarantine_table(table_name: str) -> Table:
    """The quarantine of a table: rows that broke its rules, as text, with the names of the rules."""
    return Table(
        name=f"quarantine__{table_name}",
        description=f"One row per row kept out of {table_name}, or kept without a value, with the rules it broke.",
        columns=select_columns("row_text", "failed_rules", "is_row_kept", "system_name", *PROVENANCE_COLUMNS),
        key=(),
        required=("failed_rules", "file_sha256", "row_number"),
        retention_days=180,
        readers=("data engineers",),
    )
