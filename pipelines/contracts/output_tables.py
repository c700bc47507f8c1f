"""The tables that other systems read, and the tables that a run keeps about what it published.

Belongs here: the declarations of the layer `out`, and which of them are published.
Does not belong here: tables that only a run reads (`catalog`, `feature_tables`).
"""

import polars as pl

from pipelines.contracts.craft_tables import CRAFT_TABLES
from pipelines.contracts.feature_tables import MASTERY
from pipelines.contracts.table import Reference, RowRule, Table
from pipelines.contracts.table_declaration import PERSON_REFERENCE, SKILL_REFERENCE, declare_table
from pipelines.contracts.table_declaration import ROW_METADATA_COLUMNS as ROW_METADATA_COLUMNS

_HAS_STEP_OR_REASON = RowRule(
    "recommends_or_says_why_not",
    ("skill_id", "no_recommendation_reason"),
    pl.col("skill_id").is_null() != pl.col("no_recommendation_reason").is_null(),
    "the row has either a recommended step or the reason why there is none",
)

_ROW_METADATA = " ".join(ROW_METADATA_COLUMNS)

NEXT_SKILL = declare_table(
    "out__next_skill",
    "One row per person and recommended step, best first; for a person without one, one row with the reason.",
    """
    person_id rank skill_id from_stage to_stage kind probability score mastery autonomy purpose reasons explanation
    counterfactual how is_accepted no_recommendation_reason is_hidden novelty snapshot_id as_of valid_until
    model_version policy_version schema_version
    """,
    required="person_id snapshot_id as_of valid_until model_version policy_version schema_version",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    row_rules=(_HAS_STEP_OR_REASON,),
    version="1.4.0",
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform", "BI"),
)

OUT_MASTERY = declare_table(
    "out__mastery",
    "One row per person and micro-skill with evidence: stage, counts by mode, what is missing for the next stage.",
    f"{' '.join(MASTERY.column_names)} stated_stage is_hidden {_ROW_METADATA}",
    key="person_id skill_id",
    required="stage snapshot_id as_of",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    version="1.1.0",
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

CAPABILITY = declare_table(
    "out__capability",
    "One row per person and capability with a held micro-skill: coverage, what is missing, the best next micro-skill.",
    f"""
    person_id capability_id capability_name coverage_share held_skill_ids held_skill_names missing_skill_ids
    next_skill_id completes_share {_ROW_METADATA}
    """,
    key="person_id capability_id",
    required="coverage_share held_skill_ids missing_skill_ids snapshot_id as_of",
    references=(PERSON_REFERENCE,),
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

ALIGNMENT = declare_table(
    "out__alignment",
    "One row per team of sufficient size and capability: how the team's wishes and the organisation's needs compare.",
    f"""
    unit_name capability_id capability_name team_people_count wishing_people_count wish_share need_share agreement
    {_ROW_METADATA}
    """,
    key="unit_name capability_id",
    required="team_people_count need_share agreement snapshot_id as_of",
    retention_days=90,
    readers=("HR portal", "BI"),
)

_NAMED_OR_COUNTED = RowRule(
    "is_named_or_counted",
    ("companion_id", "standing_count"),
    pl.col("companion_id").is_null() != pl.col("standing_count").is_null(),
    "the row either names a companion, who consented, or counts people",
)
_IS_ANOTHER_PERSON = RowRule(
    "is_another",
    ("person_id", "companion_id"),
    pl.col("person_id") != pl.col("companion_id"),
    "nobody is their own companion",
)

# In one file that is replaced at once: an incremental run builds the table from its own previous rows.
COMPANION = declare_table(
    "out__companion",
    "One row per person, recommended step and relation with a companion who is named or an anonymous count of people.",
    f"person_id step_id skill_id relation companion_id companion_skill_id standing_count why is_hidden {_ROW_METADATA}",
    key="person_id step_id relation",
    required="skill_id companion_skill_id why snapshot_id as_of valid_until",
    references=(PERSON_REFERENCE, SKILL_REFERENCE, Reference("companion_id", "core_hr__entity_person", "person_id")),
    row_rules=(_NAMED_OR_COUNTED, _IS_ANOTHER_PERSON),
    version="1.1.0",
    retention_days=90,
    readers=("HR portal", "learning platform"),
)

COUNTERFACTUAL = declare_table(
    "out__counterfactual",
    "One row per recommended step that one change in the person's data would have changed: the change and its effect.",
    f"""
    person_id skill_id to_stage kind rank change change_of changed_skill_id evidence_id mode amount amount_unit
    occurred_at row_effect to_rank stage_after is_hidden model_version {_ROW_METADATA}
    """,
    key="person_id skill_id",
    required="to_stage kind rank change change_of changed_skill_id row_effect as_of",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    version="1.1.0",
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

REPLY_EFFECT = declare_table(
    "out__reply_effect",
    "One row per reply and micro-skill in it: the effect of the reply and the first snapshot that applies it.",
    f"""
    reply_id person_id skill_id step_goal reply_kind replied_at effect obeyed_date first_snapshot_id time_to_effect_days
    is_hidden {_ROW_METADATA}
    """,
    required="reply_id person_id reply_kind replied_at effect snapshot_id as_of",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    version="1.1.0",
    retention_days=90,
    readers=("HR portal",),
)

SHOWN_COMPANION = declare_table(
    "out__shown_companion",
    "One row per person and companion shown to them, within the period that counts towards the companion's load.",
    "person_id companion_id since_date",
    key="person_id companion_id since_date",
    retention_days=90,
    retention_column="since_date",
    readers=("out",),
)

OBEYED_REPLY = declare_table(
    "out__obeyed_reply",
    "One row per reply and run that first applied it.",
    "reply_id obeyed_date first_snapshot_id",
    key="reply_id obeyed_date",
    required="first_snapshot_id",
    readers=("out",),
)

MASTERY_PROOF = declare_table(
    "out__mastery_proof",
    "One row per person and held micro-skill: the evidence for it, and the draft of a badge.",
    f"""
    person_id skill_id stage evidence_count file_count observation_count repetition_count repetition_hours
    feedback_count teaching_count first_evidence_at last_practised_at strongest_feedback_kind strongest_score_share
    strongest_at badge_draft is_hidden {_ROW_METADATA}
    """,
    key="person_id skill_id",
    required="stage evidence_count badge_draft snapshot_id as_of",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

# Without given_by_id, which is personal data of somebody else, and without record_code, which may be a title.
OUT_EVIDENCE = declare_table(
    "out__evidence",
    "One row per person, micro-skill, mode and source record: the evidence for stages and steps, with file and row.",
    f"""
    evidence_id person_id skill_id occurred_at mode amount amount_unit feedback_kind table_name source_name file_sha256
    row_number source_column is_hidden {_ROW_METADATA}
    """,
    key="evidence_id",
    required="person_id skill_id occurred_at mode file_sha256 row_number snapshot_id as_of",
    references=(PERSON_REFERENCE, SKILL_REFERENCE),
    month_column="occurred_at",
    retention_days=90,
    readers=("HR portal", "data-protection officer"),
)

SUPPORT_GAP = declare_table(
    "out__support_gap",
    "One row per unit and micro-skill that is recommended there but lacks hours or a project.",
    f"unit_name skill_id recommended_count given_hours project_count holder_count lacks finding {_ROW_METADATA}",
    key="unit_name skill_id",
    required="recommended_count lacks finding snapshot_id as_of",
    references=(SKILL_REFERENCE,),
    retention_days=90,
    readers=("team leads", "learning and development"),
)

SQUAD_OPENING = declare_table(
    "out__squad_opening",
    "One row per piece of open work and seat, which is one micro-skill: what the work requires, holds and lacks.",
    f"""
    opening_id project_code skill_id opening_kind required_skill_ids covered_skill_ids lacking_skill_ids step_ids
    open_count planned_weekly_hours planned_end_date interested_count {_ROW_METADATA}
    """,
    key="opening_id",
    required="skill_id opening_kind required_skill_ids covered_skill_ids lacking_skill_ids step_ids snapshot_id as_of",
    references=(SKILL_REFERENCE,),
    retention_days=90,
    readers=("HR portal", "planners"),
)

# In one file that is replaced at once: whom a person could follow depends on everybody's answers.
SQUAD_MATCH = declare_table(
    "out__squad_match",
    "One row per person and suitable opening, best for the person first: the step, what they bring, and with whom.",
    f"""
    person_id rank opening_id skill_id to_stage kind brings_skill_ids follow_id follow_count lead_id lead_count
    wish_weight workload free_weekly_hours squad_reply_kind score reasons explanation decisive_change counterfactual
    is_hidden {_ROW_METADATA}
    """,
    key="person_id opening_id",
    required="rank skill_id brings_skill_ids workload score reasons explanation snapshot_id as_of valid_until",
    references=(
        PERSON_REFERENCE,
        SKILL_REFERENCE,
        Reference("follow_id", "core_hr__entity_person", "person_id"),
        Reference("lead_id", "core_hr__entity_person", "person_id"),
    ),
    retention_days=90,
    readers=("HR portal",),
)

FREE_CHOICE = declare_table(
    "out__free_choice",
    "One row per unit of sufficient size: the share of time that its people chose, and who got what they asked for.",
    """
    unit_name team_people_count unit_hours chosen_hours chosen_share is_free_choice_given wanting_count staffed_count
    """,
    key="unit_name",
    required="team_people_count unit_hours",
    readers=("operators",),
)

PRACTICE = declare_table(
    "out__practice",
    "One row per unit of sufficient size, part of its work and kind of practice: amounts, and changes since when.",
    f"""
    unit_name practice_scope practice_of practice_name practice_kind practice_unit team_people_count practice_4_weeks
    practice_13_weeks practice_52_weeks change_4_weeks change_13_weeks change_52_weeks changed_date change_certainty
    change_since finding {_ROW_METADATA}
    """,
    key="unit_name practice_scope practice_of practice_kind practice_unit",
    required="practice_name team_people_count snapshot_id as_of",
    retention_days=90,
    readers=("team leads", "learning and development"),
)

SNAPSHOT = declare_table(
    "out__snapshot",
    "One row per published table: the current snapshot, the number of rows, the hash of their content.",
    "table_name snapshot_id as_of valid_until row_count content_sha256",
    key="table_name",
    required="snapshot_id as_of row_count content_sha256",
    readers=("data engineers",),
)

PUBLISH_TARGET = declare_table(
    "out__way_in",
    "One row per publish target besides Parquet: its snapshot and location, or why publishing failed.",
    "way_name snapshot_id location way_problem",
    key="way_name",
    required="snapshot_id",
    readers=("data engineers",),
)

# Only the person's own page shows it: no published table has it.
OWN_PRACTICE = declare_table(
    "out__own_practice",
    "One row per person and kind of practice: the amounts of the last weeks, for the person alone.",
    "person_id practice_kind practice_unit practice_4_weeks practice_13_weeks practice_52_weeks",
    key="person_id practice_kind practice_unit",
    required="practice_4_weeks practice_13_weeks practice_52_weeks",
    references=(PERSON_REFERENCE,),
    is_partitioned_by_person=True,
    readers=("the person's own page",),
)

# The tables of a snapshot: a table listed here is validated, gets its row metadata and is published.
PUBLISHED_TABLES: tuple[Table, ...] = (
    NEXT_SKILL,
    COUNTERFACTUAL,
    OUT_MASTERY,
    CAPABILITY,
    ALIGNMENT,
    COMPANION,
    REPLY_EFFECT,
    MASTERY_PROOF,
    OUT_EVIDENCE,
    SUPPORT_GAP,
    SQUAD_OPENING,
    SQUAD_MATCH,
    PRACTICE,
    *CRAFT_TABLES,
)

OUTPUT_TABLES: tuple[Table, ...] = (
    *PUBLISHED_TABLES,
    FREE_CHOICE,
    OWN_PRACTICE,
    SNAPSHOT,
    SHOWN_COMPANION,
    OBEYED_REPLY,
    PUBLISH_TARGET,
)
