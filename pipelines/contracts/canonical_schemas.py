"""The canonical schemas: the columns that every export is mapped to, whatever system wrote it.

Belongs here: the canonical schemas (`shape` in footsteps.yaml), and the raw and quarantine tables that follow from a
system and a canonical schema.
Does not belong here: how a system's columns map to a canonical schema (`pipelines.sources`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Literal

import polars as pl

from pipelines.contracts.columns import TIMESTAMP, select_columns
from pipelines.contracts.table import DecisiveColumn, RowRule, Table

CanonicalSchemaName = Literal[
    "person",
    "account",
    "role_period",
    "assignment",
    "worklog",
    "learning_record",
    "course_catalogue",
    "feedback",
    "aspiration",
    "skill_mention",
    "consent",
    "reply",
    "preference",
    "squad_reply",
    "exposure",
    "outcome",
]

# The columns that identify a person within an export, in descending order of trust.
_PERSON_KEY_COLUMNS = ("employee_number", "work_email", "account_code")
# The file, row and delivery that a row comes from.
PROVENANCE_COLUMNS = ("source_name", "file_sha256", "row_number", "delivered_date", "delivery_number")
# A date before 1950 or more than a year after the delivery is a typing error (year 0202, 9999). Dates some months ahead
# are valid: planned time, contracts that have not begun.
# Days for which rows of raw tables and landing copies are kept.
RAW_RETENTION_DAYS = 3 * 365
_EARLIEST_MOMENT, _LONGEST_LEAD_TIME = datetime(1950, 1, 1, tzinfo=UTC), timedelta(days=366)


@dataclass(frozen=True)
class CanonicalSchema:
    """The columns and rules that exports of one kind are mapped to.

    Attributes:
        name: Name of the schema, the value of `shape` in footsteps.yaml.
        kind: Kind of the table.
        grain: What one row is.
        columns: The columns, in order.
        key: Columns that identify the record in its system: a later delivery with the same key supersedes it.
        required: Further columns that are never null.
        row_rules: Conditions on a row.
        decisive_columns: Columns whose invalid value costs the row. Of any other column that does not identify the
            record, an invalid value becomes null and the row stays.
        full_score_if_empty: Columns whose empty value counts as a full score: a placeholder there is no empty cell.
        measure_column: The column that says how much or how well; what the other columns say proves little without it.
        has_repeated_records: Whether equal rows of a system without record ids are separate records: an hour that is
            booked twice is two hours.
    """

    name: CanonicalSchemaName
    kind: Literal["entity", "event", "scd", "assn"]
    grain: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ("record_code",)
    required: tuple[str, ...] = ()
    row_rules: tuple[RowRule, ...] = ()
    decisive_columns: tuple[DecisiveColumn, ...] = ()
    full_score_if_empty: tuple[str, ...] = ()
    measure_column: str | None = None
    has_repeated_records: bool = False

    @property
    def table_suffix(self) -> str:
        """The part of a table's name after the double underscore."""
        return f"{self.kind}_{self.name}"

    @cached_property
    def columns_nulled_if_invalid(self) -> tuple[str, ...]:
        """Columns that only describe the record: an invalid value becomes null, unless it is decisive in its row."""
        first_needed_columns = (column_group[0] for column_group in self.needed_column_groups)
        identifying_columns = {*self.key, *self.required, *first_needed_columns}
        return tuple(column_name for column_name in self.columns if column_name not in identifying_columns)

    @cached_property
    def needed_column_groups(self) -> tuple[tuple[str, ...], ...]:
        """Groups of columns: each row needs a value in at least one column of each group, or it breaks a rule.

        record_code is in no group: an export may lack it, and it is then a hash of the row.
        """
        single_column_groups = (
            (column_name,) for column_name in (*self.key, *self.required) if column_name != "record_code"
        )
        column_groups_of_rules = (rule.columns for rule in self.row_rules if _is_broken_by_nulls(rule))
        return tuple(dict.fromkeys((*single_column_groups, *column_groups_of_rules)))


def _is_broken_by_nulls(rule: RowRule) -> bool:
    rule_columns = select_columns(*{*rule.columns, *rule.expression.meta.root_names()})
    row_of_nulls = pl.DataFrame([pl.Series(column.name, [None], column.dtype) for column in rule_columns])
    return not row_of_nulls.select(rule.expression.fill_null(True)).item()


_NAMES_A_PERSON = RowRule(
    "names_a_person",
    _PERSON_KEY_COLUMNS,
    pl.any_horizontal(pl.col(_PERSON_KEY_COLUMNS).is_not_null()),
    "an employee number, e-mail address or account is present",
)
_HAS_VERB_OR_CANCELS = RowRule(
    "says_what_happened",
    ("learning_verb", "voids_code"),
    pl.col("learning_verb").is_not_null() | pl.col("voids_code").is_not_null(),
    "the row has a verb or the code of a record that it cancels",
)
_FILLS_MORE_THAN_KEY = RowRule(
    "fills_more_than_its_key",
    ("account_code",),
    pl.any_horizontal(
        pl.col(column).is_not_null()
        for column in (
            *("employee_number", "work_email", "display_name", "manager_code", "unit_name", "role_name"),
            *("employment_status", "hired_date", "left_date", "weekly_hours"),
        )
    ),
    "the row says more of the person than an id, as a notice of changes does not",
)
_GRANT_HAS_LAST_DAY = RowRule(
    "says_until_when",
    ("consent_status", "expires_date"),
    (pl.col("consent_status") != "granted") | pl.col("expires_date").is_not_null(),
    "a granted consent has a last day",
)
_REPLY_IS_COMPLETE = RowRule(
    "says_enough",
    ("reply_kind", "until_date", "stated_stage"),
    ((pl.col("reply_kind") != "snooze") | pl.col("until_date").is_not_null())
    & ((pl.col("reply_kind") != "dispute") | pl.col("stated_stage").is_not_null()),
    "a snooze has a day on which it ends, a dispute has a stage",
)


def _build_date_rule(column_name: str) -> RowRule:
    moment = pl.col(column_name).cast(TIMESTAMP)
    latest_moment = pl.col("delivered_date").cast(TIMESTAMP) + _LONGEST_LEAD_TIME
    is_plausible = (moment >= _EARLIEST_MOMENT) & (moment <= latest_moment)
    return RowRule("is_plausible", (column_name,), is_plausible, "lies between 1950 and a year after the delivery")


def _build_order_rule(earlier_column: str, later_column: str) -> RowRule:
    return RowRule(
        "in_order",
        (earlier_column, later_column),
        pl.col(later_column) >= pl.col(earlier_column),
        f"{later_column} is not before {earlier_column}",
    )


def _declare_schema(
    name: CanonicalSchemaName,
    kind: Literal["entity", "event", "scd", "assn"],
    grain: str,
    column_list: str,
    required_column_list: str = "",
    row_rules: tuple[RowRule, ...] = (),
    **schema_fields: Any,
) -> CanonicalSchema:
    """A schema whose columns and required columns are written as names separated by white space."""
    return CanonicalSchema(
        name,
        kind,
        grain,
        tuple(column_list.split()),
        required=tuple(required_column_list.split()),
        row_rules=row_rules,
        **schema_fields,
    )


_ACCOUNT_KEYS = "account_code employee_number work_email"

CANONICAL_SCHEMAS: dict[CanonicalSchemaName, CanonicalSchema] = {
    schema.name: schema
    for schema in (
        _declare_schema(
            "person",
            "entity",
            "One row per person of an HR export.",
            f"""
            {_ACCOUNT_KEYS} display_name manager_code unit_name role_name employment_status hired_date left_date
            weekly_hours changed_at
            """,
            row_rules=(
                _build_order_rule("hired_date", "left_date"),
                _build_date_rule("hired_date"),
                _FILLS_MORE_THAN_KEY,
            ),
            key=("account_code",),
            decisive_columns=(
                DecisiveColumn("left_date", pl.col("employment_status").is_null(), "the person is still employed"),
            ),
        ),
        _declare_schema(
            "account",
            "assn",
            "Connects an account of a system to an employee number or e-mail address.",
            f"{_ACCOUNT_KEYS} changed_at",
            key=("account_code",),
        ),
        _declare_schema(
            "role_period",
            "scd",
            "One row each time a person takes up a role in a unit.",
            f"record_code {_ACCOUNT_KEYS} unit_name role_name started_date ended_date changed_at",
            "started_date",
            (_NAMES_A_PERSON, _build_order_rule("started_date", "ended_date"), _build_date_rule("started_date")),
            decisive_columns=(DecisiveColumn("ended_date", pl.lit(True), "the person still has the role"),),
        ),
        _declare_schema(
            "assignment",
            "assn",
            "Connects a person to a piece of project work: an issue, a task or a booking.",
            f"""
            record_code {_ACCOUNT_KEYS} project_code assignment_code skill_text is_done started_date ended_date done_at
            planned_hours changed_at
            """,
            row_rules=(_build_order_rule("started_date", "ended_date"),),
        ),
        _declare_schema(
            "worklog",
            "event",
            "One row each time a person worked on something.",
            f"record_code {_ACCOUNT_KEYS} project_code assignment_code skill_text worked_at worked_hours changed_at",
            "worked_at",
            (_NAMES_A_PERSON, _build_date_rule("worked_at")),
            measure_column="worked_hours",
            has_repeated_records=True,
        ),
        _declare_schema(
            "learning_record",
            "event",
            "One row each time a person did something with a course or learning item.",
            f"""
            record_code {_ACCOUNT_KEYS} course_code course_name skill_text learning_verb occurred_at learning_hours
            score_share state_code voids_code changed_at
            """,
            "occurred_at",
            (_NAMES_A_PERSON, _HAS_VERB_OR_CANCELS, _build_date_rule("occurred_at")),
        ),
        _declare_schema(
            "course_catalogue",
            "entity",
            "One row per course of a catalogue; it names courses that learning records know by their code.",
            "course_code course_name skill_text changed_at",
            key=("course_code",),
        ),
        _declare_schema(
            "feedback",
            "event",
            "One row each time a person received feedback.",
            f"record_code {_ACCOUNT_KEYS} given_by_code skill_text feedback_kind score_share occurred_at changed_at",
            "skill_text feedback_kind occurred_at",
            (_NAMES_A_PERSON, _build_date_rule("occurred_at")),
            decisive_columns=(DecisiveColumn("score_share", pl.lit(True), "the feedback is as good as can be"),),
            full_score_if_empty=("score_share",),
            measure_column="score_share",
            has_repeated_records=True,
        ),
        _declare_schema(
            "aspiration",
            "event",
            "One row each time a person stated what they want to learn or do.",
            f"""
            record_code {_ACCOUNT_KEYS} skill_text wish_weight mastery_weight autonomy_weight purpose_weight stated_at
            changed_at
            """,
            "skill_text stated_at",
            (_NAMES_A_PERSON, _build_date_rule("stated_at")),
        ),
        _declare_schema(
            "skill_mention",
            "event",
            "One row each time a system recorded that a person used, learnt or taught a skill.",
            f"record_code {_ACCOUNT_KEYS} skill_text mode occurred_at worked_hours score_share changed_at",
            "skill_text occurred_at",
            (_NAMES_A_PERSON, _build_date_rule("occurred_at")),
            decisive_columns=(
                DecisiveColumn("mode", pl.lit(True), "the skill was learnt"),
                DecisiveColumn("score_share", pl.col("mode") == "feedback", "the feedback is as good as can be"),
            ),
            full_score_if_empty=("score_share",),
        ),
        _declare_schema(
            "consent",
            "event",
            "One row each time a person granted or withdrew consent to be shown to others.",
            f"""
            record_code {_ACCOUNT_KEYS} skill_text consent_relation consent_status expires_date stated_at changed_at
            """,
            "skill_text consent_relation consent_status",
            (_NAMES_A_PERSON, _GRANT_HAS_LAST_DAY, _build_date_rule("stated_at")),
            decisive_columns=(
                DecisiveColumn("stated_at", pl.lit(True), "the person stated it on the day of delivery"),
            ),
        ),
        _declare_schema(
            "reply",
            "event",
            "One row each time a person replied to a recommended step or an estimate.",
            f"""
            record_code {_ACCOUNT_KEYS} skill_text step_goal reply_kind until_date stated_stage replied_at changed_at
            """,
            "skill_text reply_kind replied_at",
            (_NAMES_A_PERSON, _REPLY_IS_COMPLETE, _build_date_rule("replied_at")),
            decisive_columns=(
                DecisiveColumn("step_goal", pl.lit(True), "the reply concerns every step of the micro-skill"),
            ),
        ),
        _declare_schema(
            "preference",
            "event",
            "One row each time a person stated whether they want recommendations.",
            f"record_code {_ACCOUNT_KEYS} is_opted_out stated_at changed_at",
            "is_opted_out stated_at",
            (_NAMES_A_PERSON, _build_date_rule("stated_at")),
        ),
        _declare_schema(
            "squad_reply",
            "event",
            "One row each time a person answered whether they want to join an opening.",
            f"record_code {_ACCOUNT_KEYS} opening_id squad_reply_kind replied_at changed_at",
            "opening_id squad_reply_kind replied_at",
            (_NAMES_A_PERSON, _build_date_rule("replied_at")),
        ),
        _declare_schema(
            "exposure",
            "event",
            "One row each time a reader of the published tables showed a recommended step to its person.",
            f"record_code {_ACCOUNT_KEYS} snapshot_id skill_id to_stage shown_rank shown_at changed_at",
            "snapshot_id skill_id to_stage shown_rank shown_at",
            (_NAMES_A_PERSON, _build_date_rule("shown_at")),
        ),
        _declare_schema(
            "outcome",
            "event",
            "One row each time a shown recommended step had an outcome.",
            f"record_code {_ACCOUNT_KEYS} snapshot_id skill_id to_stage outcome_kind outcome_at changed_at",
            "snapshot_id skill_id to_stage outcome_kind outcome_at",
            (_NAMES_A_PERSON, _build_date_rule("outcome_at")),
        ),
    )
}


def raw_table(system_name: str, schema: CanonicalSchema) -> Table:
    """The contract of a system's raw table: the schema's columns and the origin of each row.

    Args:
        system_name: Name of the system that wrote the exports.
        schema: The canonical schema that the exports are mapped to.
    """
    return Table(
        name=f"raw_{system_name}__{schema.table_suffix}",
        description=f"{schema.grain} As exported by {system_name}, with file and row.",
        columns=select_columns(*schema.columns, *PROVENANCE_COLUMNS),
        key=schema.key,
        required=(*schema.required, "source_name", "file_sha256", "row_number"),
        row_rules=schema.row_rules,
        retention_days=RAW_RETENTION_DAYS,
        retention_column="delivered_date",
        readers=("core",),
    )


def quarantine_table(table_name: str) -> Table:
    """The contract of a table's quarantine: rows that break its rules, as text, with the names of the rules."""
    return Table(
        name=f"quarantine__{table_name}",
        description=f"One row per row of {table_name} set aside, or kept without a value, with the broken rules.",
        columns=select_columns("row_text", "failed_rules", "is_row_kept", "system_name", *PROVENANCE_COLUMNS),
        key=(),
        required=("failed_rules",),
        retention_days=180,
        retention_column="delivered_date",
        readers=("data engineers",),
    )
