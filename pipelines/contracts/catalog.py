"""Every table of the lake: its grain, columns, keys, rules, owner, retention and readers.

Belongs here: the declarations of all tables but the raw and quarantine ones, which follow from `shapes`.
Does not belong here: how a table is made (`pipelines.conform`, `ml`), or where it lies (`pipelines.lake`).
"""

import polars as pl

from pipelines.contracts.fields import pick
from pipelines.contracts.table import Reference, RowRule, Table

_PERSON = Reference("person_id", "core_hr__entity_person", "person_id")
_SKILL = Reference("skill_id", "core_taxonomy__codes_skill", "skill_id")
_FROM = ("source_name", "file_sha256", "row_number")


def _table(name: str, description: str, columns: tuple[str, ...], key: tuple[str, ...], **traits: object) -> Table:
    return Table(name, description, pick(*columns), key, **traits)  # type: ignore[arg-type]


DELIVERY = _table(
    "raw_landing__event_delivery",
    "One row per file that was offered to a source: landed, or refused and why.",
    ("delivery_number", "source_name", "system_name", "file_name", "file_sha256", "mapping_code", "delivered_date",
     "landed_at", "delivery_status", "delivery_reason", "good_count", "bad_count", "columns_left_out"),
    ("delivery_number",),
    required=("source_name", "file_sha256", "delivery_status"),
    readers=("data engineers",),
)  # fmt: skip

PERSON = _table(
    "core_hr__entity_person",
    "One row per person that an HR export names, or, where no source holds people, that any export names.",
    ("person_id", "employee_number", "display_name", "work_email", "manager_id", "unit_name", "role_name",
     "employment_status", "hired_date", "left_date", "weekly_hours", *_FROM),
    ("person_id",),
    retention_days=365,
    readers=("core", "feat", "out"),
)  # fmt: skip

ACCOUNT = _table(
    "core_identity__assn_account",
    "Connects what an export calls a person to the one person_id, with the evidence for the match.",
    ("system_name", "account_code", "employee_number", "work_email", "person_id", "matched_on"),
    (),
    required=("system_name",),
    readers=("core",),
)

CONFLICT = _table(
    "core_identity__assn_conflict",
    "Connects what an export calls a person to the several people it may be; an account map that settles ends it.",
    ("system_name", "account_code", "employee_number", "work_email", "candidate_ids", "conflict_reason"),
    (),
    required=("system_name", "candidate_ids", "conflict_reason"),
    readers=("data engineers",),
)

ROLE_PERIOD = _table(
    "core_hr__scd_role_period",
    "One row each time a person takes up a role in a unit, until the next change there.",
    ("source_name", "record_code", "person_id", "unit_name", "role_name", "started_date", "ended_date",
     "file_sha256", "row_number"),
    ("source_name", "record_code"),
    required=("person_id", "started_date"),
    references=(_PERSON,),
    readers=("feat",),
)  # fmt: skip

ASSIGNMENT = _table(
    "core_project__assn_assignment",
    "Connects a person to a piece of project work; null where nobody is assigned.",
    ("source_name", "record_code", "person_id", "project_code", "assignment_code", "skill_text", "is_done",
     "started_date", "done_at", "planned_hours", "file_sha256", "row_number"),
    ("source_name", "record_code"),
    references=(_PERSON,),
    readers=("feat",),
)  # fmt: skip

WORKLOG = _table(
    "core_project__event_worklog",
    "One row each time a person worked on something.",
    ("source_name", "record_code", "person_id", "project_code", "assignment_code", "skill_text", "worked_at",
     "worked_hours", "file_sha256", "row_number"),
    ("source_name", "record_code"),
    required=("person_id", "worked_at"),
    references=(_PERSON,),
    readers=("feat",),
)  # fmt: skip

LEARNING_RECORD = _table(
    "core_learning__event_learning_record",
    "One row each time a person did something with a course or learning item, without what was taken back.",
    ("source_name", "record_code", "person_id", "course_code", "course_name", "skill_text", "learning_verb",
     "occurred_at", "learning_hours", "score_share", "file_sha256", "row_number"),
    ("source_name", "record_code"),
    required=("person_id", "learning_verb", "occurred_at"),
    references=(_PERSON,),
    readers=("feat",),
)  # fmt: skip

FEEDBACK = _table(
    "core_feedback__event_feedback",
    "One row each time a person was judged on something.",
    ("source_name", "record_code", "person_id", "given_by_id", "skill_text", "feedback_kind", "score_share",
     "occurred_at", "file_sha256", "row_number"),
    ("source_name", "record_code"),
    required=("person_id", "feedback_kind", "occurred_at"),
    references=(_PERSON,),
    readers=("feat",),
)  # fmt: skip

ASPIRATION = _table(
    "core_wish__event_aspiration",
    "One row each time a person said what they want to learn or do.",
    ("source_name", "record_code", "person_id", "skill_text", "wish_weight", "stated_at", "file_sha256", "row_number"),
    ("source_name", "record_code"),
    required=("person_id", "stated_at"),
    references=(_PERSON,),
    readers=("feat",),
)

SKILL_MENTION = _table(
    "core_skill__event_skill_mention",
    "One row each time a system said that a person used, learnt or taught a skill.",
    ("source_name", "record_code", "person_id", "skill_text", "mode", "occurred_at", "worked_hours", "score_share",
     "file_sha256", "row_number"),
    ("source_name", "record_code"),
    required=("person_id", "occurred_at"),
    references=(_PERSON,),
    readers=("feat",),
)  # fmt: skip

SKILL = _table(
    "core_taxonomy__codes_skill",
    "One row per micro-skill.",
    ("skill_id", "skill_name", "skill_description", "capability_id", "capability_name", "capability_weight"),
    ("skill_id",),
    required=("skill_name",),
    readers=("core", "feat", "out"),
)

ALIAS = _table(
    "core_taxonomy__assn_alias",
    "Connects a normalised name to the micro-skill it means.",
    ("alias_text", "skill_id"),
    ("alias_text",),
    required=("skill_id",),
    references=(_SKILL,),
    readers=("core",),
)

PREREQUISITE = _table(
    "core_taxonomy__assn_prerequisite",
    "Connects a micro-skill to one that comes before it; without a cycle.",
    ("skill_id", "requires_skill_id"),
    ("skill_id", "requires_skill_id"),
    references=(_SKILL, Reference("requires_skill_id", "core_taxonomy__codes_skill", "skill_id")),
    readers=("feat",),
)

ROLE_PROFILE = _table(
    "core_taxonomy__assn_role_profile",
    "Connects a role to a micro-skill it needs.",
    ("role_name", "skill_id", "importance"),
    ("role_name", "skill_id"),
    required=("importance",),
    references=(_SKILL,),
    readers=("feat",),
)

TAXONOMY_RELATION = _table(
    "core_taxonomy__assn_relation",
    "Connects two entries of a published taxonomy as its publisher does; kept whole, whatever the flow uses of it.",
    ("from_id", "relation_name", "to_id"),
    ("from_id", "relation_name", "to_id"),
    readers=("data engineers",),
)

UNKNOWN_MENTION = _table(
    "core_skill__codes_unknown_mention",
    "One row per skill text that the taxonomy does not know, with how often it occurs and what it may mean.",
    ("mention_text", "mention_count", "nearest_skill_ids"),
    ("mention_text",),
    required=("mention_count",),
    readers=("data engineers",),
)

EVIDENCE = _table(
    "core_skill__event_evidence",
    "One row per person, micro-skill, mode and source record: what shows that the person practised or was judged.",
    ("evidence_id", "person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit", "feedback_kind",
     "given_by_id", "table_name", "record_code", *_FROM),
    ("evidence_id",),
    required=("person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit"),
    references=(_PERSON, _SKILL),
    readers=("feat", "out"),
)  # fmt: skip

MASTERY = _table(
    "feat_skill__assn_mastery",
    "One row per person and micro-skill with evidence: how far the person has come, as of the night.",
    ("person_id", "skill_id", "stage", "level_share", "observation_count", "repetition_count", "repetition_hours",
     "feedback_count", "positive_feedback_count", "judge_count", "teaching_count", "first_evidence_at",
     "last_practised_at", "is_rusty", "missing_for_next"),
    ("person_id", "skill_id"),
    required=("stage", "level_share"),
    references=(_PERSON, _SKILL),
    readers=("out",),
)  # fmt: skip

REACHED_STEP = _table(
    "feat_step__event_reached",
    "One row each time a person reached a step: the history the ranker learns from.",
    ("person_id", "step_id", "skill_id", "kind", "from_stage", "to_stage", "reached_at"),
    ("person_id", "step_id", "reached_at"),
    required=("skill_id", "kind", "from_stage", "to_stage"),
    references=(_PERSON, _SKILL),
    readers=("model",),
)

EVALUATION = _table(
    "model_ranker__event_evaluation",
    "One row per model and segment of people: how well it ranked the steps that came true.",
    ("model", "segment", "people_count", "hr_at_10", "ndcg_at_10", "ndcg_at_10_low", "ndcg_at_10_high", "mrr"),
    ("model", "segment"),
    required=("people_count",),
    readers=("data engineers",),
)

MODEL_CARD = _table(
    "model_ranker__entity_card",
    "One row per trained ranker: the one in use.",
    ("model_version", "card"),
    ("model_version",),
    required=("card",),
    readers=("out",),
)

CANDIDATE = _table(
    "model_ranker__assn_candidate",
    "One row per person and step that may come next, ranked by the model before the policy is applied.",
    ("person_id", "step_id", "skill_id", "kind", "from_stage", "to_stage", "probability", "prior", "reasons"),
    ("person_id", "step_id"),
    required=("kind",),
    references=(_PERSON, _SKILL),
    readers=("out",),
)

_SAYS_OR_RECOMMENDS = RowRule(
    "recommends_or_says_why_not",
    ("skill_id", "no_recommendation_reason"),
    pl.col("skill_id").is_null() != pl.col("no_recommendation_reason").is_null(),
    "either a step is recommended or the reason is given why none is",
)

NEXT_SKILL = _table(
    "out__next_skill",
    "One row per person and recommended step, best first; one row that says why for a person who gets none.",
    ("person_id", "rank", "skill_id", "from_stage", "to_stage", "kind", "probability", "score", "mastery", "autonomy",
     "purpose", "reasons", "explanation", "how", "no_recommendation_reason", "snapshot_id", "as_of", "valid_until",
     "model_version", "policy_version", "schema_version"),
    (),
    required=("person_id", "snapshot_id", "as_of", "valid_until", "model_version", "policy_version", "schema_version"),
    references=(_PERSON, _SKILL),
    row_rules=(_SAYS_OR_RECOMMENDS,),
    retention_days=90,
    readers=("HR portal", "learning platform", "BI"),
)  # fmt: skip

OUT_MASTERY = _table(
    "out__mastery",
    "One row per person and micro-skill with evidence: stage, counts by mode, what is missing for the next stage.",
    (*MASTERY.column_names, "snapshot_id", "as_of", "valid_until", "policy_version", "schema_version"),
    ("person_id", "skill_id"),
    required=("stage", "snapshot_id", "as_of"),
    references=(_PERSON, _SKILL),
    retention_days=90,
    readers=("HR portal", "learning platform"),
)

SNAPSHOT = _table(
    "out__snapshot",
    "One row per published table: which snapshot readers see, how many rows, the hash of their content.",
    ("table_name", "snapshot_id", "as_of", "valid_until", "row_count", "content_sha256"),
    ("table_name",),
    required=("snapshot_id", "as_of", "row_count", "content_sha256"),
    readers=("data engineers",),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        DELIVERY, PERSON, ACCOUNT, CONFLICT, ROLE_PERIOD, ASSIGNMENT, WORKLOG, LEARNING_RECORD, FEEDBACK, ASPIRATION,
        SKILL_MENTION, SKILL, ALIAS, PREREQUISITE, ROLE_PROFILE, TAXONOMY_RELATION,
        UNKNOWN_MENTION, EVIDENCE, MASTERY, REACHED_STEP,
        EVALUATION, MODEL_CARD, CANDIDATE, NEXT_SKILL, OUT_MASTERY,
        SNAPSHOT,
    )
}  # fmt: skip
