"""Which columns a column is made of, declared once: the column lineage that the UI tells.

Belongs here: what a table carries over under the same name, and what it reckons from which columns.
Does not belong here: which tables a step reads (`assets`); how a value is reckoned (where it is).

A column without an entry comes from no table: the night says it itself (see `OF_THE_NIGHT`) or a file outside the lake.
"""

from collections.abc import Iterable, Mapping, Sequence

from pipelines.contracts.catalog import (
    ACCOUNT,
    ALIAS,
    ASPIRATION,
    ASSIGNMENT,
    CONFLICT,
    CONSENT,
    EVIDENCE,
    EXPOSURE,
    FEEDBACK,
    LEARNING_RECORD,
    OUTCOME,
    PERSON,
    PREFERENCE,
    PREREQUISITE,
    REPLY,
    ROLE_PERIOD,
    ROLE_PROFILE,
    SKILL,
    SKILL_MENTION,
    UNKNOWN_MENTION,
    WORKLOG,
)
from pipelines.contracts.columns import CONTRIBUTION_COLUMNS
from pipelines.contracts.feature_tables import (
    ACCEPTANCE,
    CANDIDATE,
    DRIFT,
    EVALUATION,
    HALF_LIFE,
    MASTERY,
    MODEL_CARD,
    PRECEDENCE,
    REACHED_STEP,
    SHOWN_STEP,
    TRACING,
)
from pipelines.contracts.output_tables import (
    ALIGNMENT,
    CAPABILITY,
    COMPANION,
    COUNTERFACTUAL,
    MASTERY_PROOF,
    NEXT_SKILL,
    OBEYED_REPLY,
    OUT_EVIDENCE,
    OUT_MASTERY,
    REPLY_EFFECT,
    ROW_METADATA_COLUMNS,
    SHOWN_COMPANION,
    SUPPORT_GAP,
)
from pipelines.contracts.table import Table

# (table, column)
ColumnOrigin = tuple[str, str]
Made = Mapping[str, tuple[ColumnOrigin, ...]]
# Said by the night itself: a hash, a count of the run, a day, a version.
RUN_COLUMNS = frozenset(
    {
        *ROW_METADATA_COLUMNS,
        "obeyed_date",
        "first_snapshot_id",
        "since_date",
        "table_name",
        "source_column",
        "system_name",
    }
)


def column_origins(table: Table, *columns: str) -> tuple[ColumnOrigin, ...]:
    """These columns of a table. Raises KeyError for one that it does not have."""
    if missing := set(columns) - set(table.column_names):
        raise KeyError(f"{table.name} has no {', '.join(sorted(missing))}")
    return tuple((table.name, column) for column in columns)


def made(sources: Iterable[ColumnOrigin], *columns: str) -> dict[str, tuple[ColumnOrigin, ...]]:
    """Each of these columns, made of the same sources."""
    return dict.fromkeys(columns, tuple(sources))


_EVENTS = (ASSIGNMENT, WORKLOG, LEARNING_RECORD, FEEDBACK, SKILL_MENTION, ASPIRATION)
_TEXTS = tuple(origin for table in _EVENTS for origin in column_origins(table, "skill_text"))
_JUDGED = column_origins(EVIDENCE, "mode", "feedback_kind", "amount", "occurred_at")
_PRACTISED = column_origins(EVIDENCE, "mode", "amount", "amount_unit")
_HISTORY = column_origins(REACHED_STEP, "person_id", "step_id", "reached_at")
_LEARNT_FROM = (
    *_HISTORY,
    *column_origins(PERSON, "role_name", "unit_name"),
    *column_origins(ROLE_PERIOD, "role_name", "unit_name", "started_date"),
    *column_origins(ASSIGNMENT, "skill_text", "started_date", "planned_hours"),
    *column_origins(LEARNING_RECORD, "skill_text", "learning_verb", "occurred_at"),
    *column_origins(PREREQUISITE, "requires_skill_id"),
    *column_origins(SKILL, "skill_name", "capability_id"),
)
_RANK = column_origins(CANDIDATE, "prior", "probability")
_WISH = column_origins(ASPIRATION, "skill_text", "wish_weight")
_NEED = (
    *column_origins(ASSIGNMENT, "skill_text", "planned_hours"),
    *column_origins(ROLE_PROFILE, "importance"),
    *column_origins(PERSON, "role_name"),
)
_REPLY = column_origins(REPLY, "skill_text", "reply_kind", "until_date")

# Tables whose columns go through under their own names; of raw tables all do.
PASSED_THROUGH_FROM: Mapping[str, tuple[Table, ...]] = {
    REACHED_STEP.name: (EVIDENCE,),
    HALF_LIFE.name: (EVIDENCE,),
    MASTERY.name: (EVIDENCE,),
    PRECEDENCE.name: (PREREQUISITE,),
    CANDIDATE.name: (REACHED_STEP, MASTERY),
    DRIFT.name: (MODEL_CARD,),
    SHOWN_STEP.name: (EXPOSURE,),
    ACCEPTANCE.name: (EXPOSURE,),
    OUT_MASTERY.name: (MASTERY, REPLY),
    MASTERY_PROOF.name: (MASTERY,),
    OUT_EVIDENCE.name: (EVIDENCE,),
    CAPABILITY.name: (MASTERY, SKILL),
    ALIGNMENT.name: (PERSON, SKILL),
    NEXT_SKILL.name: (CANDIDATE, MODEL_CARD),
    COUNTERFACTUAL.name: (CANDIDATE, MODEL_CARD, EVIDENCE),
    SUPPORT_GAP.name: (PERSON, CANDIDATE),
    COMPANION.name: (NEXT_SKILL,),
    REPLY_EFFECT.name: (REPLY,),
    OBEYED_REPLY.name: (REPLY_EFFECT,),
    SHOWN_COMPANION.name: (COMPANION,),
}

DERIVED_FROM: Mapping[str, Made] = {
    UNKNOWN_MENTION.name: made((*_TEXTS, *column_origins(ALIAS, "alias_text")), *UNKNOWN_MENTION.column_names),
    EVIDENCE.name: {
        **{
            name: tuple(origin for table in (*_EVENTS, REPLY) for origin in column_origins(table, name))
            for name in ("person_id", "record_code", "source_name", "file_sha256", "row_number")
        },
        **made(
            (*_TEXTS, *column_origins(REPLY, "skill_text"), *column_origins(ALIAS, "alias_text", "skill_id")),
            "skill_id",
        ),
        **made(
            (
                *column_origins(WORKLOG, "worked_at"),
                *column_origins(ASSIGNMENT, "done_at"),
                *column_origins(LEARNING_RECORD, "occurred_at"),
                *column_origins(FEEDBACK, "occurred_at"),
                *column_origins(SKILL_MENTION, "occurred_at"),
                *column_origins(REPLY, "replied_at"),
            ),
            "occurred_at",
        ),
        **made((*column_origins(LEARNING_RECORD, "learning_verb"), *column_origins(SKILL_MENTION, "mode")), "mode"),
        **made(
            (
                *column_origins(WORKLOG, "worked_hours"),
                *column_origins(LEARNING_RECORD, "learning_hours", "score_share"),
                *column_origins(FEEDBACK, "score_share"),
                *column_origins(SKILL_MENTION, "worked_hours", "score_share"),
            ),
            "amount",
            "amount_unit",
        ),
        **made(column_origins(FEEDBACK, "feedback_kind"), "feedback_kind"),
        **made(column_origins(FEEDBACK, "given_by_id"), "given_by_id"),
        **made(
            (
                *(
                    origin
                    for table in (*_EVENTS, REPLY)
                    for origin in column_origins(table, "source_name", "record_code")
                ),
                *column_origins(ALIAS, "skill_id"),
            ),
            "evidence_id",
        ),
    },
    TRACING.name: made(
        (*_JUDGED, *_PRACTISED, *column_origins(EVIDENCE, "person_id", "skill_id")), "model_version", "card"
    ),
    HALF_LIFE.name: made(_JUDGED, "half_life_days", "is_learnt", "judged_count"),
    MASTERY.name: {
        **made(
            (*_JUDGED, *_PRACTISED, *column_origins(TRACING, "card")),
            "level_share",
            "level_low_share",
            "level_high_share",
            "is_rusty",
        ),
        **made((*_PRACTISED, *_JUDGED, *column_origins(EVIDENCE, "given_by_id")), "stage", "missing_for_next"),
        **made(
            _PRACTISED,
            "observation_count",
            "observation_hours",
            "repetition_count",
            "repetition_hours",
            "teaching_count",
            "teaching_hours",
            "review_count",
        ),
        **made(_JUDGED, "feedback_count", "positive_feedback_count"),
        **made(column_origins(EVIDENCE, "given_by_id"), "judge_count"),
        **made(column_origins(EVIDENCE, "occurred_at"), "first_evidence_at", "last_practised_at"),
    },
    REACHED_STEP.name: {
        **made(
            (*column_origins(EVIDENCE, "skill_id"), *_PRACTISED, *_JUDGED), "step_id", "kind", "from_stage", "to_stage"
        ),
        **made(column_origins(EVIDENCE, "occurred_at"), "reached_at"),
    },
    PRECEDENCE.name: made(_HISTORY, "is_learnt", "before_count", "after_count", "held_share", "discovery_share"),
    MODEL_CARD.name: made(_LEARNT_FROM, "model_version", "card"),
    EVALUATION.name: made(_LEARNT_FROM, *EVALUATION.column_names),
    CANDIDATE.name: made(
        (*_LEARNT_FROM, *column_origins(MODEL_CARD, "model_version")), "probability", "prior", *CONTRIBUTION_COLUMNS
    ),
    DRIFT.name: made(
        (*_HISTORY, *_RANK, *column_origins(CANDIDATE, *CONTRIBUTION_COLUMNS)),
        "watched_name",
        "watched_kind",
        "stability_index",
        "chance_index",
        "is_drifted",
    ),
    SHOWN_STEP.name: made(
        column_origins(OUTCOME, "snapshot_id", "person_id", "skill_id", "outcome_kind"), "is_accepted_step"
    ),
    ACCEPTANCE.name: {
        **made(column_origins(EXPOSURE, "shown_rank"), "shown_count"),
        **made(
            (*column_origins(EXPOSURE, "shown_rank"), *column_origins(OUTCOME, "outcome_kind")),
            "accepted_count",
            "acceptance_share",
            "acceptance_low",
            "acceptance_high",
            "examined_share",
        ),
        **made(column_origins(EXPOSURE, "skill_id", "to_stage"), "step_count"),
    },
    OUT_MASTERY.name: made(_REPLY, "is_hidden"),
    MASTERY_PROOF.name: {
        **made(_REPLY, "is_hidden"),
        **made(column_origins(EVIDENCE, "evidence_id"), "evidence_count"),
        **made(column_origins(EVIDENCE, "file_sha256"), "file_count"),
        **made(_JUDGED, "strongest_feedback_kind", "strongest_score_share", "strongest_at"),
        **made(
            (
                *column_origins(MASTERY, "stage"),
                *column_origins(SKILL, "skill_name"),
                *column_origins(EVIDENCE, "evidence_id", "occurred_at"),
            ),
            "badge_draft",
        ),
    },
    OUT_EVIDENCE.name: {
        **made(_REPLY, "is_hidden"),
        **{name: column_origins(EVIDENCE, name) for name in ("table_name", "source_column")},
    },
    CAPABILITY.name: {
        **made(
            (*column_origins(MASTERY, "stage"), *column_origins(SKILL, "capability_id", "capability_weight")),
            "coverage_share",
        ),
        **made(
            (*column_origins(MASTERY, "skill_id", "stage"), *column_origins(SKILL, "capability_id")),
            "held_skill_ids",
            "missing_skill_ids",
        ),
        **made(
            (*column_origins(MASTERY, "skill_id", "stage"), *column_origins(SKILL, "skill_name")), "held_skill_names"
        ),
        **made(
            (
                *column_origins(MASTERY, "stage"),
                *column_origins(SKILL, "capability_weight"),
                *column_origins(PREREQUISITE, "requires_skill_id"),
            ),
            "next_skill_id",
            "completes_share",
        ),
    },
    ALIGNMENT.name: {
        **made(column_origins(PERSON, "person_id", "unit_name"), "team_people_count"),
        **made(
            (*_WISH, *column_origins(REPLY, "reply_kind"), *column_origins(SKILL, "capability_id")),
            "wishing_people_count",
            "wish_share",
        ),
        **made((*_NEED, *column_origins(SKILL, "capability_id")), "need_share"),
        **made((*_WISH, *_NEED), "agreement"),
    },
    NEXT_SKILL.name: {
        **made(_RANK, "rank"),
        **made(
            (
                *_RANK,
                *_WISH,
                *_NEED,
                *column_origins(MASTERY, "level_share"),
                *column_origins(ASPIRATION, "mastery_weight", "autonomy_weight", "purpose_weight"),
            ),
            "score",
        ),
        **made(
            (
                *column_origins(MASTERY, "stage", "level_share"),
                *column_origins(PRECEDENCE, "requires_skill_id"),
                *column_origins(SKILL, "capability_weight"),
            ),
            "mastery",
        ),
        **made(_WISH, "autonomy"),
        **made(_NEED, "purpose"),
        **made(
            (*column_origins(CANDIDATE, *CONTRIBUTION_COLUMNS), *_WISH, *_NEED, *column_origins(MASTERY, "stage")),
            "reasons",
            "explanation",
        ),
        **made((*column_origins(EVIDENCE, "evidence_id", "occurred_at"), *_WISH, *_RANK), "counterfactual"),
        **made(
            (*column_origins(LEARNING_RECORD, "course_name"), *column_origins(EVIDENCE, "person_id", "mode"), *_NEED),
            "how",
        ),
        **made(_REPLY, "is_accepted"),
        **made(
            (
                *column_origins(PREFERENCE, "is_opted_out"),
                *_REPLY,
                *column_origins(CANDIDATE, "step_id"),
                *column_origins(EVIDENCE, "evidence_id"),
            ),
            "no_recommendation_reason",
        ),
    },
    COUNTERFACTUAL.name: {
        **made(_RANK, "rank", "to_rank", "row_effect"),
        **made((*column_origins(EVIDENCE, "evidence_id"), *_WISH), "change", "change_of"),
        **made(
            (
                *column_origins(EVIDENCE, "skill_id"),
                *column_origins(ASPIRATION, "skill_text"),
                *column_origins(ALIAS, "skill_id"),
            ),
            "changed_skill_id",
        ),
        **made((*_JUDGED, *_PRACTISED, *column_origins(TRACING, "card")), "stage_after"),
    },
    SUPPORT_GAP.name: {
        **made(_RANK, "recommended_count"),
        **made((*column_origins(LEARNING_RECORD, "learning_hours", "skill_text"),), "given_hours"),
        **made(column_origins(ASSIGNMENT, "project_code", "skill_text"), "project_count"),
        **made(column_origins(MASTERY, "stage"), "holder_count"),
        **made(
            (
                *_RANK,
                *column_origins(LEARNING_RECORD, "learning_hours"),
                *column_origins(ASSIGNMENT, "project_code"),
                *column_origins(MASTERY, "stage"),
            ),
            "lacks",
            "finding",
        ),
    },
    COMPANION.name: {
        **made(column_origins(NEXT_SKILL, "skill_id", "kind", "to_stage"), "step_id"),
        **made(
            (
                *column_origins(CONSENT, "person_id", "consent_relation", "consent_status", "expires_date"),
                *_REPLY,
                *column_origins(MASTERY, "stage"),
                *column_origins(NEXT_SKILL, "rank"),
                *column_origins(PERSON, "manager_id"),
            ),
            "relation",
            "companion_id",
            "companion_skill_id",
            "why",
        ),
        **made(column_origins(MASTERY, "person_id", "stage"), "standing_count"),
    },
    REPLY_EFFECT.name: {
        **made(column_origins(REPLY, "source_name", "record_code"), "reply_id"),
        **made((*column_origins(REPLY, "skill_text"), *column_origins(ALIAS, "skill_id")), "skill_id"),
        **made(column_origins(REPLY, "reply_kind"), "effect"),
        **made(column_origins(REPLY, "replied_at"), "time_to_effect_days"),
    },
}
# Of core tables that conform raw ones: whom a row is about is found by how the system calls them.
_WHO = column_origins(ACCOUNT, "person_id")
_CONFORMED = {"person_id": _WHO, "given_by_id": _WHO, "manager_id": _WHO}
_CALLED = ("account_code", "employee_number", "work_email")  # how systems call people: accounts are matched by these
_MATCHED = ("person_id", "matched_on", "candidate_ids", "conflict_reason")


def find_origins(table: Table, inputs: Sequence[Table]) -> dict[str, tuple[ColumnOrigin, ...]]:
    """The columns each column of a table is made of, as far as these inputs have them; no entry where it is of none."""
    raw = [one for one in inputs if one.layer == "raw"]
    read = {one.name for one in inputs}
    made_of = DERIVED_FROM.get(table.name) or _of_raw(table, raw)
    carried = [*PASSED_THROUGH_FROM.get(table.name, ()), *raw]
    found: dict[str, tuple[ColumnOrigin, ...]] = {}
    for column in table.column_names:
        same = tuple(origin for one in carried if column in one.column_names for origin in column_origins(one, column))
        if kept := tuple(dict.fromkeys(one for one in made_of.get(column, same) if one[0] in read)):
            found[column] = kept
    return found


def _of_raw(table: Table, raw: Sequence[Table]) -> Made:
    """What a table that conforms raw ones, or matches accounts in them, reckons."""
    if table in (ACCOUNT, CONFLICT):
        called = (column_origins(one, name) for one in raw for name in _CALLED if name in one.column_names)
        return made((origin for origins in called for origin in origins), *_MATCHED)
    return _CONFORMED if raw else {}
