"""Every table of the lake: its grain, columns, keys, rules, owner, retention and readers.

Belongs here: the declarations of the core tables, and the list of all tables except raw and quarantine tables, which
follow from `canonical_schemas`.
Does not belong here: how a table is built (`pipelines.core`, `ml`) or stored (`pipelines.storage`).
"""

from pipelines.contracts.feature_tables import FEATURE_TABLES
from pipelines.contracts.output_tables import OUTPUT_TABLES
from pipelines.contracts.oversight_tables import ISSUED_BADGE, OVERSIGHT_TABLES
from pipelines.contracts.table import Table
from pipelines.contracts.table_declaration import (
    PERSON_REFERENCE,
    PREREQUISITE_REFERENCE,
    SKILL_REFERENCE,
    declare_table,
)

# Evidence of teaching from this table is feedback that the person gave.
REVIEW_TABLE = "core_feedback__event_feedback"

DELIVERY = declare_table(
    "raw_landing__event_delivery",
    "One row per file that was offered to a source, landed or refused.",
    """
    delivery_number source_name system_name file_name file_sha256 mapping_code delivered_date landed_at delivery_status
    delivery_reason good_count bad_count columns_left_out is_whole read_count passed_over
    unknown_words file_notes empty_measures
    """,
    key="delivery_number",
    required="source_name file_sha256 delivery_status",
    # a file whose row is set aside would be landed again in every run
    max_quarantined_share=0.0,
    readers=("data engineers",),
)

FETCH = declare_table(
    "raw_landing__event_fetch",
    "One row each time a file was copied from its origin into the landing folder.",
    "source_name origin_url remote_name remote_size remote_modified_at file_sha256 fetched_at",
    required="source_name origin_url remote_name remote_size remote_modified_at file_sha256 fetched_at",
    readers=("data engineers",),
)

ORIGIN = declare_table(
    "raw_landing__entity_origin",
    "One row per place that files are fetched from: what the last run found there, or why it could not be read.",
    "source_name origin_url fetched_at file_counts refusals fetch_problem",
    key="source_name",
    required="origin_url fetched_at",
    readers=("data engineers",),
)

# Raw tables about files, whose rows come from no export.
FILE_TABLES: tuple[Table, ...] = (DELIVERY, FETCH, ORIGIN)

PERSON = declare_table(
    "core_hr__entity_person",
    "One row per person in the HR exports; if no source has people, one row per person in any export.",
    """
    person_id employee_number display_name work_email manager_id unit_name role_name employment_status hired_date
    left_date weekly_hours source_name file_sha256 row_number
    """,
    key="person_id",
    retention_days=365,
    readers=("core", "feat", "out"),
)

ACCOUNT = declare_table(
    "core_identity__assn_account",
    "Connects an account of an export to its person_id, with the evidence for the match.",
    "system_name account_code employee_number work_email person_id matched_on",
    required="system_name",
    readers=("core",),
)

CONFLICT = declare_table(
    "core_identity__assn_conflict",
    "Connects an account of an export to the people it may be; an account map that settles conflicts resolves it.",
    "system_name account_code employee_number work_email candidate_ids conflict_reason",
    required="system_name candidate_ids conflict_reason",
    readers=("data engineers",),
)

ROLE_PERIOD = declare_table(
    "core_hr__scd_role_period",
    "One row each time a person takes up a role in a unit, until the next change.",
    "source_name record_code person_id unit_name role_name started_date ended_date file_sha256 row_number",
    key="source_name record_code",
    required="person_id started_date",
    references=(PERSON_REFERENCE,),
    readers=("feat",),
)

ASSIGNMENT = declare_table(
    "core_project__assn_assignment",
    "Connects a person to a piece of project work; person_id is null if nobody is assigned.",
    """
    source_name record_code person_id project_code assignment_code skill_text is_done started_date ended_date done_at
    planned_hours file_sha256 row_number
    """,
    key="source_name record_code",
    references=(PERSON_REFERENCE,),
    readers=("feat",),
)

WORKLOG = declare_table(
    "core_project__event_worklog",
    "One row each time a person worked on something.",
    """
    source_name record_code person_id project_code assignment_code skill_text worked_at worked_hours file_sha256
    row_number
    """,
    key="source_name record_code",
    required="person_id worked_at",
    references=(PERSON_REFERENCE,),
    month_column="worked_at",
    readers=("feat",),
)

LEARNING_RECORD = declare_table(
    "core_learning__event_learning_record",
    "One row each time a person did something with a course or learning item, without cancelled records.",
    """
    source_name record_code person_id course_code course_name skill_text learning_verb occurred_at learning_hours
    score_share file_sha256 row_number
    """,
    key="source_name record_code",
    required="person_id learning_verb occurred_at",
    references=(PERSON_REFERENCE,),
    month_column="occurred_at",
    readers=("feat",),
)

COURSE = declare_table(
    "core_learning__codes_course",
    "One row per source of learning records and course that a catalogue names.",
    "source_name course_code course_name skill_text catalogue_name file_sha256 row_number",
    key="source_name course_code",
    required="catalogue_name",
    readers=("core", "feat"),
)

FEEDBACK = declare_table(
    REVIEW_TABLE,
    "One row each time a person received feedback.",
    """
    source_name record_code person_id given_by_id skill_text feedback_kind score_share occurred_at file_sha256
    row_number
    """,
    key="source_name record_code",
    required="person_id feedback_kind occurred_at",
    references=(PERSON_REFERENCE,),
    month_column="occurred_at",
    readers=("feat",),
)

ASPIRATION = declare_table(
    "core_wish__event_aspiration",
    "One row each time a person stated what they want to learn or do.",
    """
    source_name record_code person_id skill_text wish_weight mastery_weight autonomy_weight purpose_weight stated_at
    file_sha256 row_number
    """,
    key="source_name record_code",
    required="person_id stated_at",
    references=(PERSON_REFERENCE,),
    month_column="stated_at",
    readers=("feat",),
)

CONSENT = declare_table(
    "core_wish__event_consent",
    "One row each time a person granted or withdrew consent to be shown to others.",
    """
    source_name record_code person_id skill_text consent_relation consent_status expires_date stated_at file_sha256
    row_number
    """,
    key="source_name record_code",
    required="person_id skill_text consent_relation consent_status stated_at",
    references=(PERSON_REFERENCE,),
    readers=("out",),
)

REPLY = declare_table(
    "core_wish__event_reply",
    "One row each time a person replied to a recommended step or an estimate.",
    """
    source_name record_code person_id skill_text step_goal reply_kind until_date stated_stage replied_at file_sha256
    row_number
    """,
    key="source_name record_code",
    required="person_id skill_text reply_kind replied_at",
    references=(PERSON_REFERENCE,),
    readers=("core", "out"),
)

PREFERENCE = declare_table(
    "core_wish__event_preference",
    "One row each time a person stated whether they want recommendations.",
    "source_name record_code person_id is_opted_out stated_at file_sha256 row_number",
    key="source_name record_code",
    required="person_id is_opted_out stated_at",
    references=(PERSON_REFERENCE,),
    readers=("out",),
)

SQUAD_REPLY = declare_table(
    "core_wish__event_squad_reply",
    "One row each time a person answered whether they want to join an opening.",
    "source_name record_code person_id opening_id squad_reply_kind replied_at file_sha256 row_number",
    key="source_name record_code",
    required="person_id opening_id squad_reply_kind replied_at",
    references=(PERSON_REFERENCE,),
    readers=("out",),
)

EXPOSURE = declare_table(
    "core_reader__event_exposure",
    "One row each time a reader of the published tables showed a recommended step to its person.",
    "source_name record_code person_id snapshot_id skill_id to_stage shown_rank shown_at file_sha256 row_number",
    key="source_name record_code",
    required="person_id snapshot_id skill_id to_stage shown_rank shown_at",
    references=(PERSON_REFERENCE,),
    readers=("model",),
)

OUTCOME = declare_table(
    "core_reader__event_outcome",
    "One row each time a shown recommended step had an outcome.",
    "source_name record_code person_id snapshot_id skill_id to_stage outcome_kind outcome_at file_sha256 row_number",
    key="source_name record_code",
    required="person_id snapshot_id skill_id to_stage outcome_kind outcome_at",
    references=(PERSON_REFERENCE,),
    readers=("model",),
)

SKILL_MENTION = declare_table(
    "core_skill__event_skill_mention",
    "One row each time a system recorded that a person used, learnt or taught a skill.",
    "source_name record_code person_id skill_text mode occurred_at worked_hours score_share file_sha256 row_number",
    key="source_name record_code",
    required="person_id occurred_at",
    references=(PERSON_REFERENCE,),
    month_column="occurred_at",
    readers=("feat",),
)

SKILL = declare_table(
    "core_taxonomy__codes_skill",
    "One row per micro-skill.",
    "skill_id skill_name skill_description capability_id capability_name capability_weight",
    key="skill_id",
    required="skill_name",
    readers=("core", "feat", "out"),
)

ALIAS = declare_table(
    "core_taxonomy__assn_alias",
    "Connects a normalised name to its micro-skill.",
    "alias_text skill_id",
    key="alias_text",
    required="skill_id",
    references=(SKILL_REFERENCE,),
    readers=("core",),
)

PREREQUISITE = declare_table(
    "core_taxonomy__assn_prerequisite",
    "Connects a micro-skill to a prerequisite; the relation has no cycle.",
    "skill_id requires_skill_id",
    key="skill_id requires_skill_id",
    references=(SKILL_REFERENCE, PREREQUISITE_REFERENCE),
    readers=("feat",),
)

ROLE_PROFILE = declare_table(
    "core_taxonomy__assn_role_profile",
    "Connects a role to a micro-skill that it needs.",
    "role_name skill_id importance",
    key="role_name skill_id",
    required="importance",
    references=(SKILL_REFERENCE,),
    readers=("feat",),
)

TAXONOMY_RELATION = declare_table(
    "core_taxonomy__assn_relation",
    "Connects two entries of a published taxonomy as in the publication, whether or not the flow uses the relation.",
    "from_id relation_name to_id",
    key="from_id relation_name to_id",
    readers=("data engineers",),
)

SKILL_TEXT = declare_table(
    "core_taxonomy__assn_skill_text",
    "Connects each distinct text of the core tables to the micro-skills that its parts name; skill_id is null if none.",
    "skill_text is_matched_whole mention_text skill_id match_method taxonomy_version",
    required="skill_text is_matched_whole match_method taxonomy_version",
    references=(SKILL_REFERENCE,),
    # a text that is new in this table is in a row that is new in another one
    version_columns=("taxonomy_version",),
    readers=("core", "feat", "out"),
)

UNKNOWN_MENTION = declare_table(
    "core_skill__codes_unknown_mention",
    "One row per skill text that is not in the taxonomy, with its frequency and the nearest micro-skills.",
    "mention_text mention_count nearest_skill_ids",
    key="mention_text",
    required="mention_count",
    readers=("data engineers",),
)

EVIDENCE = declare_table(
    "core_skill__event_evidence",
    "One row per person, micro-skill, mode and source record: evidence that the person practised or received feedback.",
    """
    evidence_id person_id skill_id occurred_at mode amount amount_unit feedback_kind given_by_id table_name record_code
    source_name file_sha256 row_number source_column
    """,
    key="evidence_id",
    required="person_id skill_id occurred_at mode amount amount_unit",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    month_column="occurred_at",
    readers=("feat", "out"),
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *FILE_TABLES,
        PERSON,
        ACCOUNT,
        CONFLICT,
        ROLE_PERIOD,
        ASSIGNMENT,
        WORKLOG,
        LEARNING_RECORD,
        COURSE,
        FEEDBACK,
        ASPIRATION,
        CONSENT,
        REPLY,
        PREFERENCE,
        SQUAD_REPLY,
        SKILL_MENTION,
        EXPOSURE,
        OUTCOME,
        SKILL,
        ALIAS,
        PREREQUISITE,
        ROLE_PROFILE,
        TAXONOMY_RELATION,
        SKILL_TEXT,
        UNKNOWN_MENTION,
        EVIDENCE,
        *FEATURE_TABLES,
        *OUTPUT_TABLES,
        *OVERSIGHT_TABLES,
    )
}

# Tables that a command writes and no run computes; access, erasure, retention and the dictionary cover them, too.
STORED_TABLES: dict[str, Table] = TABLES | {ISSUED_BADGE.name: ISSUED_BADGE}
