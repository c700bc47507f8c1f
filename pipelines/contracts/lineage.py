"""Column lineage: which columns each column is computed from, declared once.

Belongs here: the columns that a table passes through under the same name, and the columns that it derives, with their
origins.
Does not belong here: which tables an asset reads (`assets`), and how a value is computed.

A column without origins comes from no table: the run sets it (`RUN_COLUMNS`), or it comes from another file.
"""

from collections.abc import Iterable, Mapping, Sequence

from pipelines.contracts.catalog import (
    ACCOUNT,
    ALIAS,
    ASPIRATION,
    ASSIGNMENT,
    CONFLICT,
    CONSENT,
    COURSE,
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
    SKILL_TEXT,
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
from pipelines.contracts.organisation_lineage import (
    CRAFT_DERIVATIONS,
    CRAFT_PASSED_THROUGH_FROM,
    SQUAD_DERIVATIONS,
    SQUAD_PASSED_THROUGH_FROM,
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
    SHOWN_COMPANION,
    SUPPORT_GAP,
)
from pipelines.contracts.practice_columns import PRACTICE_DERIVATIONS
from pipelines.contracts.table import Table
from pipelines.contracts.table_declaration import ROW_METADATA_COLUMNS, Origins, columns_of

__all__ = ["DERIVED_FROM", "PASSED_THROUGH_FROM", "RUN_COLUMNS", "columns_of", "find_origins"]

# Columns that the run sets: a hash, a day, a version, or the name of a table or column.
RUN_COLUMNS = frozenset(ROW_METADATA_COLUMNS) | {
    *("obeyed_date", "first_snapshot_id", "since_date", "table_name", "source_column", "system_name")
}


def _columns_of_each(tables: Iterable[Table], column_list: str) -> Origins:
    return tuple(origin for table in tables for origin in columns_of(table, column_list))


_SKILL_TEXT_TABLES = (ASSIGNMENT, WORKLOG, LEARNING_RECORD, FEEDBACK, SKILL_MENTION, ASPIRATION)
_SKILL_TEXT_ORIGINS = _columns_of_each(_SKILL_TEXT_TABLES, "skill_text")
_MATCHED_TEXT_ORIGINS = (
    *_columns_of_each((*_SKILL_TEXT_TABLES, CONSENT, REPLY, COURSE), "skill_text"),
    *_columns_of_each((LEARNING_RECORD, COURSE), "course_code course_name"),
)
_SKILL_NAME_ORIGINS = (*columns_of(SKILL, "skill_id"), *columns_of(ALIAS, "alias_text skill_id"))
_FEEDBACK_ORIGINS = columns_of(EVIDENCE, "mode feedback_kind amount occurred_at")
_PRACTICE_ORIGINS = columns_of(EVIDENCE, "mode amount amount_unit")
_HISTORY_ORIGINS = columns_of(REACHED_STEP, "person_id step_id reached_at")
_TRAINING_ORIGINS = (
    *_HISTORY_ORIGINS,
    *columns_of(PERSON, "role_name unit_name"),
    *columns_of(ROLE_PERIOD, "role_name unit_name started_date"),
    *columns_of(ASSIGNMENT, "skill_text started_date planned_hours"),
    *columns_of(LEARNING_RECORD, "skill_text learning_verb occurred_at"),
    *columns_of(PREREQUISITE, "requires_skill_id"),
    *columns_of(SKILL, "skill_name capability_id"),
)
_RANK_ORIGINS = columns_of(CANDIDATE, "prior probability")
_WISH_ORIGINS = columns_of(ASPIRATION, "skill_text wish_weight")
_NEED_ORIGINS = (
    *columns_of(ASSIGNMENT, "skill_text planned_hours"),
    *columns_of(ROLE_PROFILE, "importance"),
    *columns_of(PERSON, "role_name"),
)
_REPLY_ORIGINS = columns_of(REPLY, "skill_text reply_kind until_date")

# The tables whose columns a table passes through under their own names; raw tables pass through all columns.
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
    **SQUAD_PASSED_THROUGH_FROM,
    **CRAFT_PASSED_THROUGH_FROM,
}

# By table: the origins of derived columns; a key names all columns with the same origins.
_DERIVATIONS: Mapping[str, Mapping[str, Origins]] = {
    SKILL_TEXT.name: {
        "skill_text mention_text": _MATCHED_TEXT_ORIGINS,
        "is_matched_whole": columns_of(LEARNING_RECORD, "course_code"),
        "skill_id match_method": (*_MATCHED_TEXT_ORIGINS, *_SKILL_NAME_ORIGINS),
        "taxonomy_version": _SKILL_NAME_ORIGINS,
    },
    UNKNOWN_MENTION.name: {
        "mention_text mention_count": (*_SKILL_TEXT_ORIGINS, *columns_of(SKILL_TEXT, "mention_text skill_id")),
        "nearest_skill_ids": (*columns_of(SKILL_TEXT, "mention_text"), *columns_of(ALIAS, "alias_text skill_id")),
    },
    EVIDENCE.name: {
        **{
            column: _columns_of_each((*_SKILL_TEXT_TABLES, REPLY), column)
            for column in ("person_id", "record_code", "source_name", "file_sha256", "row_number")
        },
        "skill_id": (*_SKILL_TEXT_ORIGINS, *columns_of(REPLY, "skill_text"), *columns_of(SKILL_TEXT, "skill_id")),
        "occurred_at": (
            *columns_of(WORKLOG, "worked_at"),
            *columns_of(ASSIGNMENT, "done_at"),
            *_columns_of_each((LEARNING_RECORD, FEEDBACK, SKILL_MENTION), "occurred_at"),
            *columns_of(REPLY, "replied_at"),
        ),
        "mode": (*columns_of(LEARNING_RECORD, "learning_verb"), *columns_of(SKILL_MENTION, "mode")),
        "amount amount_unit": (
            *columns_of(WORKLOG, "worked_hours"),
            *columns_of(LEARNING_RECORD, "learning_hours score_share"),
            *columns_of(FEEDBACK, "score_share"),
            *columns_of(SKILL_MENTION, "worked_hours score_share"),
        ),
        "feedback_kind": columns_of(FEEDBACK, "feedback_kind"),
        "given_by_id": columns_of(FEEDBACK, "given_by_id"),
        "evidence_id": (
            *_columns_of_each((*_SKILL_TEXT_TABLES, REPLY), "source_name record_code"),
            *columns_of(SKILL_TEXT, "skill_id"),
        ),
    },
    TRACING.name: {
        "model_version card": (*_FEEDBACK_ORIGINS, *_PRACTICE_ORIGINS, *columns_of(EVIDENCE, "person_id skill_id")),
    },
    HALF_LIFE.name: {"half_life_days is_learnt judged_count": _FEEDBACK_ORIGINS},
    MASTERY.name: {
        "level_share level_low_share level_high_share is_rusty": (
            *_FEEDBACK_ORIGINS,
            *_PRACTICE_ORIGINS,
            *columns_of(TRACING, "card"),
        ),
        "stage missing_for_next": (*_PRACTICE_ORIGINS, *_FEEDBACK_ORIGINS, *columns_of(EVIDENCE, "given_by_id")),
        """
        observation_count observation_hours repetition_count repetition_hours teaching_count teaching_hours review_count
        """: _PRACTICE_ORIGINS,
        "feedback_count positive_feedback_count": _FEEDBACK_ORIGINS,
        "judge_count": columns_of(EVIDENCE, "given_by_id"),
        "first_evidence_at last_practised_at": columns_of(EVIDENCE, "occurred_at"),
    },
    REACHED_STEP.name: {
        "step_id kind from_stage to_stage": (
            *columns_of(EVIDENCE, "skill_id"),
            *_PRACTICE_ORIGINS,
            *_FEEDBACK_ORIGINS,
        ),
        "reached_at": columns_of(EVIDENCE, "occurred_at"),
    },
    PRECEDENCE.name: {"is_learnt before_count after_count held_share discovery_share": _HISTORY_ORIGINS},
    MODEL_CARD.name: {"model_version card": _TRAINING_ORIGINS},
    EVALUATION.name: {" ".join(EVALUATION.column_names): _TRAINING_ORIGINS},
    CANDIDATE.name: {
        " ".join(("probability prior", *CONTRIBUTION_COLUMNS)): (
            *_TRAINING_ORIGINS,
            *columns_of(MODEL_CARD, "model_version"),
        ),
    },
    DRIFT.name: {
        "watched_name watched_kind stability_index chance_index is_drifted": (
            *_HISTORY_ORIGINS,
            *_RANK_ORIGINS,
            *columns_of(CANDIDATE, " ".join(CONTRIBUTION_COLUMNS)),
        ),
    },
    SHOWN_STEP.name: {"is_accepted_step": columns_of(OUTCOME, "snapshot_id person_id skill_id outcome_kind")},
    ACCEPTANCE.name: {
        "shown_count": columns_of(EXPOSURE, "shown_rank"),
        "accepted_count acceptance_share acceptance_low acceptance_high examined_share": (
            *columns_of(EXPOSURE, "shown_rank"),
            *columns_of(OUTCOME, "outcome_kind"),
        ),
        "step_count": columns_of(EXPOSURE, "skill_id to_stage"),
    },
    OUT_MASTERY.name: {"is_hidden": _REPLY_ORIGINS},
    MASTERY_PROOF.name: {
        "is_hidden": _REPLY_ORIGINS,
        "evidence_count": columns_of(EVIDENCE, "evidence_id"),
        "file_count": columns_of(EVIDENCE, "file_sha256"),
        "strongest_feedback_kind strongest_score_share strongest_at": _FEEDBACK_ORIGINS,
        "badge_draft": (
            *columns_of(MASTERY, "stage"),
            *columns_of(SKILL, "skill_name"),
            *columns_of(EVIDENCE, "evidence_id occurred_at"),
        ),
    },
    OUT_EVIDENCE.name: {
        "is_hidden": _REPLY_ORIGINS,
        "table_name": columns_of(EVIDENCE, "table_name"),
        "source_column": columns_of(EVIDENCE, "source_column"),
    },
    CAPABILITY.name: {
        "coverage_share": (*columns_of(MASTERY, "stage"), *columns_of(SKILL, "capability_id capability_weight")),
        "held_skill_ids missing_skill_ids": (
            *columns_of(MASTERY, "skill_id stage"),
            *columns_of(SKILL, "capability_id"),
        ),
        "held_skill_names": (*columns_of(MASTERY, "skill_id stage"), *columns_of(SKILL, "skill_name")),
        "next_skill_id completes_share": (
            *columns_of(MASTERY, "stage"),
            *columns_of(SKILL, "capability_weight"),
            *columns_of(PRECEDENCE, "requires_skill_id"),
        ),
    },
    ALIGNMENT.name: {
        "team_people_count": columns_of(PERSON, "person_id unit_name"),
        "wishing_people_count wish_share": (
            *(*_WISH_ORIGINS, *columns_of(REPLY, "reply_kind")),
            *columns_of(SKILL, "capability_id"),
        ),
        "need_share": (*_NEED_ORIGINS, *columns_of(SKILL, "capability_id")),
        "agreement": (*_WISH_ORIGINS, *_NEED_ORIGINS),
    },
    NEXT_SKILL.name: {
        "is_hidden": _REPLY_ORIGINS,
        "rank": (*_RANK_ORIGINS, *columns_of(MASTERY, "stage"), *columns_of(PERSON, "unit_name")),
        "novelty": columns_of(MASTERY, "stage"),
        "score": (
            *(*_RANK_ORIGINS, *_WISH_ORIGINS, *_NEED_ORIGINS),
            *columns_of(MASTERY, "level_share"),
            *columns_of(ASPIRATION, "mastery_weight autonomy_weight purpose_weight"),
        ),
        "mastery": (
            *columns_of(MASTERY, "stage level_share"),
            *columns_of(PRECEDENCE, "requires_skill_id"),
            *columns_of(SKILL, "capability_weight"),
        ),
        "autonomy": _WISH_ORIGINS,
        "purpose": _NEED_ORIGINS,
        "reasons explanation": (
            *columns_of(CANDIDATE, " ".join(CONTRIBUTION_COLUMNS)),
            *(*_WISH_ORIGINS, *_NEED_ORIGINS),
            *columns_of(MASTERY, "stage"),
        ),
        "counterfactual": (*columns_of(EVIDENCE, "evidence_id occurred_at"), *_WISH_ORIGINS, *_RANK_ORIGINS),
        "how": (*columns_of(LEARNING_RECORD, "course_name"), *columns_of(EVIDENCE, "person_id mode"), *_NEED_ORIGINS),
        "is_accepted": _REPLY_ORIGINS,
        "no_recommendation_reason": (
            *columns_of(PREFERENCE, "is_opted_out"),
            *_REPLY_ORIGINS,
            *columns_of(CANDIDATE, "step_id"),
            *columns_of(EVIDENCE, "evidence_id"),
        ),
    },
    COUNTERFACTUAL.name: {
        "is_hidden": _REPLY_ORIGINS,
        "rank to_rank row_effect": _RANK_ORIGINS,
        "change change_of": (*columns_of(EVIDENCE, "evidence_id"), *_WISH_ORIGINS),
        "changed_skill_id": (
            *columns_of(EVIDENCE, "skill_id"),
            *columns_of(ASPIRATION, "skill_text"),
            *columns_of(SKILL_TEXT, "skill_id"),
        ),
        "stage_after": (*_FEEDBACK_ORIGINS, *_PRACTICE_ORIGINS, *columns_of(TRACING, "card")),
    },
    SUPPORT_GAP.name: {
        "recommended_count": _RANK_ORIGINS,
        "given_hours": columns_of(EVIDENCE, "amount amount_unit mode skill_id"),
        "project_count": columns_of(ASSIGNMENT, "project_code skill_text"),
        "holder_count": columns_of(MASTERY, "stage"),
        "lacks finding": (
            *_RANK_ORIGINS,
            *columns_of(EVIDENCE, "amount"),
            *columns_of(ASSIGNMENT, "project_code"),
            *columns_of(MASTERY, "stage"),
        ),
    },
    COMPANION.name: {
        "is_hidden": _REPLY_ORIGINS,
        "step_id": columns_of(NEXT_SKILL, "skill_id kind to_stage"),
        "relation companion_id companion_skill_id why": (
            *columns_of(CONSENT, "person_id consent_relation consent_status expires_date"),
            *_REPLY_ORIGINS,
            *columns_of(MASTERY, "stage"),
            *columns_of(NEXT_SKILL, "rank"),
            *columns_of(PERSON, "manager_id"),
        ),
        "standing_count": columns_of(MASTERY, "person_id stage"),
    },
    REPLY_EFFECT.name: {
        "is_hidden": _REPLY_ORIGINS,
        "reply_id": columns_of(REPLY, "source_name record_code"),
        "skill_id": (*columns_of(REPLY, "skill_text"), *columns_of(SKILL_TEXT, "skill_id")),
        "effect": columns_of(REPLY, "reply_kind"),
        "time_to_effect_days": columns_of(REPLY, "replied_at"),
    },
    **SQUAD_DERIVATIONS,
    **CRAFT_DERIVATIONS,
}
DERIVED_FROM: Mapping[str, Mapping[str, Origins]] = {
    table_name: {column: origins for column_list, origins in derivations.items() for column in column_list.split()}
    for table_name, derivations in (*_DERIVATIONS.items(), *PRACTICE_DERIVATIONS.items())
}
# In tables that conform raw ones, people are identified through their accounts.
_PERSON_ORIGIN_BY_COLUMN = dict.fromkeys(("person_id", "given_by_id", "manager_id"), columns_of(ACCOUNT, "person_id"))
_ACCOUNT_KEY_COLUMNS = ("account_code", "employee_number", "work_email")


def find_origins(table: Table, input_tables: Sequence[Table]) -> dict[str, Origins]:
    """The origins of each column of a table among its inputs.

    Args:
        table: The table whose columns are explained.
        input_tables: The tables that it is built from.

    Returns:
        By column: (table, column) of each origin; a column without an origin in the inputs has no entry.
    """
    raw_inputs = [input_table for input_table in input_tables if input_table.layer == "raw"]
    input_names = {input_table.name for input_table in input_tables}
    derived_origins_by_column = DERIVED_FROM.get(table.name) or _derive_from_raw(table, raw_inputs)
    passed_through_tables = (*PASSED_THROUGH_FROM.get(table.name, ()), *raw_inputs)
    origins_by_column: dict[str, Origins] = {}
    for column in table.column_names:
        passed_through_origins = tuple(
            (input_table.name, column) for input_table in passed_through_tables if column in input_table.column_names
        )
        declared_origins = derived_origins_by_column.get(column, passed_through_origins)
        if available_origins := tuple(dict.fromkeys(origin for origin in declared_origins if origin[0] in input_names)):
            origins_by_column[column] = available_origins
    return origins_by_column


def _derive_from_raw(table: Table, raw_inputs: Sequence[Table]) -> Mapping[str, Origins]:
    """The origins, by column, of the derived columns of a table that is built from raw tables, or in which their
    accounts are matched."""
    if table in (ACCOUNT, CONFLICT):
        key_origins = (
            (raw_input.name, key_column)
            for raw_input in raw_inputs
            for key_column in _ACCOUNT_KEY_COLUMNS
            if key_column in raw_input.column_names
        )
        return dict.fromkeys(("person_id", "matched_on", "candidate_ids", "conflict_reason"), tuple(key_origins))
    return _PERSON_ORIGIN_BY_COLUMN if raw_inputs else {}
