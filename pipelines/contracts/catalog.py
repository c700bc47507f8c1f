"""Every table of the lake: its grain, columns, keys, rules, owner, retention and readers.

Belongs here: the declarations of the core tables, and the list of all but the raw and quarantine ones, which follow
from `shapes`.
Does not belong here: how a table is made (`pipelines.core.conform`, `ml`), or where it lies (`pipelines.storage.lake`).
"""

from pipelines.contracts.columns import MOTIVE_WEIGHT_COLUMNS
from pipelines.contracts.declaring import A_PERSON, A_SKILL, ORIGIN, declare
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
from pipelines.contracts.output_tables import OBEYED_REPLY, PUBLISH_TARGET, PUBLISHED_TABLES, SHOWN_COMPANION, SNAPSHOT
from pipelines.contracts.table import Reference, Table

# Judgements: evidence of teaching that comes from this table is a review given.
REVIEW_TABLE = "core_feedback__event_feedback"

DELIVERY = declare(
    "raw_landing__event_delivery",
    "One row per file that was offered to a source: landed, or refused and why.",
    (
        "delivery_number",
        "source_name",
        "system_name",
        "file_name",
        "file_sha256",
        "mapping_code",
        "delivered_date",
        "landed_at",
        "delivery_status",
        "delivery_reason",
        "good_count",
        "bad_count",
        "columns_left_out",
        "is_whole",
    ),
    ("delivery_number",),
    required=("source_name", "file_sha256", "delivery_status"),
    readers=("data engineers",),
)

PERSON = declare(
    "core_hr__entity_person",
    "One row per person that an HR export names, or, where no source holds people, that any export names.",
    (
        "person_id",
        "employee_number",
        "display_name",
        "work_email",
        "manager_id",
        "unit_name",
        "role_name",
        "employment_status",
        "hired_date",
        "left_date",
        "weekly_hours",
        *ORIGIN,
    ),
    ("person_id",),
    retention_days=365,
    readers=("core", "feat", "out"),
)

ACCOUNT = declare(
    "core_identity__assn_account",
    "Connects what an export calls a person to the one person_id, with the evidence for the match.",
    ("system_name", "account_code", "employee_number", "work_email", "person_id", "matched_on"),
    (),
    required=("system_name",),
    readers=("core",),
)

CONFLICT = declare(
    "core_identity__assn_conflict",
    "Connects what an export calls a person to the several people it may be; an account map that settles ends it.",
    ("system_name", "account_code", "employee_number", "work_email", "candidate_ids", "conflict_reason"),
    (),
    required=("system_name", "candidate_ids", "conflict_reason"),
    readers=("data engineers",),
)

ROLE_PERIOD = declare(
    "core_hr__scd_role_period",
    "One row each time a person takes up a role in a unit, until the next change there.",
    (
        "source_name",
        "record_code",
        "person_id",
        "unit_name",
        "role_name",
        "started_date",
        "ended_date",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "started_date"),
    references=(A_PERSON,),
    readers=("feat",),
)

ASSIGNMENT = declare(
    "core_project__assn_assignment",
    "Connects a person to a piece of project work; null where nobody is assigned.",
    (
        "source_name",
        "record_code",
        "person_id",
        "project_code",
        "assignment_code",
        "skill_text",
        "is_done",
        "started_date",
        "done_at",
        "planned_hours",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    references=(A_PERSON,),
    readers=("feat",),
)

WORKLOG = declare(
    "core_project__event_worklog",
    "One row each time a person worked on something.",
    (
        "source_name",
        "record_code",
        "person_id",
        "project_code",
        "assignment_code",
        "skill_text",
        "worked_at",
        "worked_hours",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "worked_at"),
    references=(A_PERSON,),
    month_column="worked_at",
    readers=("feat",),
)

LEARNING_RECORD = declare(
    "core_learning__event_learning_record",
    "One row each time a person did something with a course or learning item, without what was taken back.",
    (
        "source_name",
        "record_code",
        "person_id",
        "course_code",
        "course_name",
        "skill_text",
        "learning_verb",
        "occurred_at",
        "learning_hours",
        "score_share",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "learning_verb", "occurred_at"),
    references=(A_PERSON,),
    month_column="occurred_at",
    readers=("feat",),
)

FEEDBACK = declare(
    REVIEW_TABLE,
    "One row each time a person was judged on something.",
    (
        "source_name",
        "record_code",
        "person_id",
        "given_by_id",
        "skill_text",
        "feedback_kind",
        "score_share",
        "occurred_at",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "feedback_kind", "occurred_at"),
    references=(A_PERSON,),
    month_column="occurred_at",
    readers=("feat",),
)

ASPIRATION = declare(
    "core_wish__event_aspiration",
    "One row each time a person said what they want to learn or do.",
    (
        "source_name",
        "record_code",
        "person_id",
        "skill_text",
        "wish_weight",
        *MOTIVE_WEIGHT_COLUMNS,
        "stated_at",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "stated_at"),
    references=(A_PERSON,),
    month_column="stated_at",
    readers=("feat",),
)

CONSENT = declare(
    "core_wish__event_consent",
    "One row each time a person gave consent to be shown to others, or took it back.",
    (
        "source_name",
        "record_code",
        "person_id",
        "skill_text",
        "consent_relation",
        "consent_status",
        "expires_date",
        "stated_at",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "skill_text", "consent_relation", "consent_status", "stated_at"),
    references=(A_PERSON,),
    readers=("out",),
)

REPLY = declare(
    "core_wish__event_reply",
    "One row each time a person replied to a recommended step or an estimate.",
    (
        "source_name",
        "record_code",
        "person_id",
        "skill_text",
        "step_goal",
        "reply_kind",
        "until_date",
        "stated_stage",
        "replied_at",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "skill_text", "reply_kind", "replied_at"),
    references=(A_PERSON,),
    readers=("core", "out"),
)

PREFERENCE = declare(
    "core_wish__event_preference",
    "One row each time a person said whether they want recommendations.",
    ("source_name", "record_code", "person_id", "is_opted_out", "stated_at", "file_sha256", "row_number"),
    ("source_name", "record_code"),
    required=("person_id", "is_opted_out", "stated_at"),
    references=(A_PERSON,),
    readers=("out",),
)

EXPOSURE = declare(
    "core_reader__event_exposure",
    "One row each time a reader of the published tables showed a recommended step to its person.",
    (
        "source_name",
        "record_code",
        "person_id",
        "snapshot_id",
        "skill_id",
        "to_stage",
        "shown_rank",
        "shown_at",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "snapshot_id", "skill_id", "to_stage", "shown_rank", "shown_at"),
    references=(A_PERSON,),
    readers=("model",),
)

OUTCOME = declare(
    "core_reader__event_outcome",
    "One row each time something came of a recommended step that was shown.",
    (
        "source_name",
        "record_code",
        "person_id",
        "snapshot_id",
        "skill_id",
        "to_stage",
        "outcome_kind",
        "outcome_at",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "snapshot_id", "skill_id", "to_stage", "outcome_kind", "outcome_at"),
    references=(A_PERSON,),
    readers=("model",),
)

SKILL_MENTION = declare(
    "core_skill__event_skill_mention",
    "One row each time a system said that a person used, learnt or taught a skill.",
    (
        "source_name",
        "record_code",
        "person_id",
        "skill_text",
        "mode",
        "occurred_at",
        "worked_hours",
        "score_share",
        "file_sha256",
        "row_number",
    ),
    ("source_name", "record_code"),
    required=("person_id", "occurred_at"),
    references=(A_PERSON,),
    month_column="occurred_at",
    readers=("feat",),
)

SKILL = declare(
    "core_taxonomy__codes_skill",
    "One row per micro-skill.",
    ("skill_id", "skill_name", "skill_description", "capability_id", "capability_name", "capability_weight"),
    ("skill_id",),
    required=("skill_name",),
    readers=("core", "feat", "out"),
)

ALIAS = declare(
    "core_taxonomy__assn_alias",
    "Connects a normalised name to the micro-skill it means.",
    ("alias_text", "skill_id"),
    ("alias_text",),
    required=("skill_id",),
    references=(A_SKILL,),
    readers=("core",),
)

PREREQUISITE = declare(
    "core_taxonomy__assn_prerequisite",
    "Connects a micro-skill to one that comes before it; without a cycle.",
    ("skill_id", "requires_skill_id"),
    ("skill_id", "requires_skill_id"),
    references=(A_SKILL, Reference("requires_skill_id", "core_taxonomy__codes_skill", "skill_id")),
    readers=("feat",),
)

ROLE_PROFILE = declare(
    "core_taxonomy__assn_role_profile",
    "Connects a role to a micro-skill it needs.",
    ("role_name", "skill_id", "importance"),
    ("role_name", "skill_id"),
    required=("importance",),
    references=(A_SKILL,),
    readers=("feat",),
)

TAXONOMY_RELATION = declare(
    "core_taxonomy__assn_relation",
    "Connects two entries of a published taxonomy as its publisher does; kept whole, whatever the flow uses of it.",
    ("from_id", "relation_name", "to_id"),
    ("from_id", "relation_name", "to_id"),
    readers=("data engineers",),
)

UNKNOWN_MENTION = declare(
    "core_skill__codes_unknown_mention",
    "One row per skill text that the taxonomy does not know, with how often it occurs and what it may mean.",
    ("mention_text", "mention_count", "nearest_skill_ids"),
    ("mention_text",),
    required=("mention_count",),
    readers=("data engineers",),
)

EVIDENCE = declare(
    "core_skill__event_evidence",
    "One row per person, micro-skill, mode and source record: what shows that the person practised or was judged.",
    (
        "evidence_id",
        "person_id",
        "skill_id",
        "occurred_at",
        "mode",
        "amount",
        "amount_unit",
        "feedback_kind",
        "given_by_id",
        "table_name",
        "record_code",
        *ORIGIN,
        "source_column",
    ),
    ("evidence_id",),
    required=("person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit"),
    references=(A_PERSON, A_SKILL),
    month_column="occurred_at",
    readers=("feat", "out"),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        DELIVERY,
        PERSON,
        ACCOUNT,
        CONFLICT,
        ROLE_PERIOD,
        ASSIGNMENT,
        WORKLOG,
        LEARNING_RECORD,
        FEEDBACK,
        ASPIRATION,
        CONSENT,
        REPLY,
        PREFERENCE,
        SKILL_MENTION,
        EXPOSURE,
        OUTCOME,
        SKILL,
        ALIAS,
        PREREQUISITE,
        ROLE_PROFILE,
        TAXONOMY_RELATION,
        UNKNOWN_MENTION,
        EVIDENCE,
        TRACING,
        HALF_LIFE,
        MASTERY,
        REACHED_STEP,
        PRECEDENCE,
        EVALUATION,
        MODEL_CARD,
        CANDIDATE,
        DRIFT,
        SHOWN_STEP,
        ACCEPTANCE,
        *PUBLISHED_TABLES,
        SNAPSHOT,
        SHOWN_COMPANION,
        OBEYED_REPLY,
        PUBLISH_TARGET,
    )
}
