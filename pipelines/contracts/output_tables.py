"""The tables that other systems read, and the record of the snapshot they belong to.

Belongs here: the declarations of the layer `out`, and which of them are published.
Does not belong here: tables that only the night reads (`catalog`, `learnt`).
"""

import polars as pl

from pipelines.contracts.declaring import A_PERSON, A_SKILL, ORIGIN, declare
from pipelines.contracts.feature_tables import MASTERY
from pipelines.contracts.table import Reference, RowRule, Table

_SAYS_OR_RECOMMENDS = RowRule(
    "recommends_or_says_why_not",
    ("skill_id", "no_recommendation_reason"),
    pl.col("skill_id").is_null() != pl.col("no_recommendation_reason").is_null(),
    "either a step is recommended or the reason is given why none is",
)

# What every published row says of its night (see `pipelines.snapshots.row_metadata`); a model_version besides, where
# one spoke.
ROW_METADATA_COLUMNS = ("snapshot_id", "as_of", "valid_until", "policy_version", "schema_version")

NEXT_SKILL = declare(
    "out__next_skill",
    "One row per person and recommended step, best first; one row that says why for a person who gets none.",
    (
        "person_id",
        "rank",
        "skill_id",
        "from_stage",
        "to_stage",
        "kind",
        "probability",
        "score",
        "mastery",
        "autonomy",
        "purpose",
        "reasons",
        "explanation",
        "counterfactual",
        "how",
        "is_accepted",
        "no_recommendation_reason",
        "snapshot_id",
        "as_of",
        "valid_until",
        "model_version",
        "policy_version",
        "schema_version",
    ),
    (),
    required=("person_id", "snapshot_id", "as_of", "valid_until", "model_version", "policy_version", "schema_version"),
    references=(A_PERSON, A_SKILL),
    row_rules=(_SAYS_OR_RECOMMENDS,),
    version="1.1.0",
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform", "BI"),
)

OUT_MASTERY = declare(
    "out__mastery",
    "One row per person and micro-skill with evidence: stage, counts by mode, what is missing for the next stage.",
    (*MASTERY.column_names, "stated_stage", "is_hidden", *ROW_METADATA_COLUMNS),
    ("person_id", "skill_id"),
    required=("stage", "snapshot_id", "as_of"),
    references=(A_PERSON, A_SKILL),
    version="1.1.0",
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

CAPABILITY = declare(
    "out__capability",
    "One row per person and capability of which something is held: how much, what is missing, what combines best.",
    (
        "person_id",
        "capability_id",
        "capability_name",
        "coverage_share",
        "held_skill_ids",
        "held_skill_names",
        "missing_skill_ids",
        "next_skill_id",
        "completes_share",
        *ROW_METADATA_COLUMNS,
    ),
    ("person_id", "capability_id"),
    required=("coverage_share", "held_skill_ids", "missing_skill_ids", "snapshot_id", "as_of"),
    references=(A_PERSON,),
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

ALIGNMENT = declare(
    "out__alignment",
    "One row per team of enough people and capability: where its people's wishes and the needs agree or part.",
    (
        "unit_name",
        "capability_id",
        "capability_name",
        "team_people_count",
        "wishing_people_count",
        "wish_share",
        "need_share",
        "agreement",
        *ROW_METADATA_COLUMNS,
    ),
    ("unit_name", "capability_id"),
    required=("team_people_count", "need_share", "agreement", "snapshot_id", "as_of"),
    retention_days=90,
    readers=("HR portal", "BI"),
)

_NAMED_OR_COUNTED = RowRule(
    "is_named_or_counted",
    ("companion_id", "standing_count"),
    pl.col("companion_id").is_null() != pl.col("standing_count").is_null(),
    "either a companion is named, who consented, or people are counted",
)
_NOT_ONESELF = RowRule(
    "is_another", ("person_id", "companion_id"), pl.col("person_id") != pl.col("companion_id"), "nobody sees themselves"
)

# In one file, replaced in one act: by day it is made from what it held itself.
COMPANION = declare(
    "out__companion",
    "One row per person, recommended step and relation in which somebody can be named or people be counted.",
    (
        "person_id",
        "step_id",
        "skill_id",
        "relation",
        "companion_id",
        "companion_skill_id",
        "standing_count",
        "why",
        *ROW_METADATA_COLUMNS,
    ),
    ("person_id", "step_id", "relation"),
    required=("skill_id", "companion_skill_id", "why", "snapshot_id", "as_of", "valid_until"),
    references=(A_PERSON, A_SKILL, Reference("companion_id", "core_hr__entity_person", "person_id")),
    row_rules=(_NAMED_OR_COUNTED, _NOT_ONESELF),
    retention_days=90,
    readers=("HR portal", "learning platform"),
)

COUNTERFACTUAL = declare(
    "out__counterfactual",
    "One row per recommended step that one change in the person's own data would have changed: the change, the effect.",
    (
        "person_id",
        "skill_id",
        "to_stage",
        "kind",
        "rank",
        "change",
        "change_of",
        "changed_skill_id",
        "evidence_id",
        "mode",
        "amount",
        "amount_unit",
        "occurred_at",
        "row_effect",
        "to_rank",
        "stage_after",
        "model_version",
        *ROW_METADATA_COLUMNS,
    ),
    ("person_id", "skill_id"),
    required=("to_stage", "kind", "rank", "change", "change_of", "changed_skill_id", "row_effect", "as_of"),
    references=(A_PERSON, A_SKILL),
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

REPLY_EFFECT = declare(
    "out__reply_effect",
    "One row per reply and micro-skill it names: what was done about it, since which snapshot.",
    (
        "reply_id",
        "person_id",
        "skill_id",
        "step_goal",
        "reply_kind",
        "replied_at",
        "effect",
        "obeyed_date",
        "first_snapshot_id",
        "time_to_effect_days",
        *ROW_METADATA_COLUMNS,
    ),
    (),
    required=("reply_id", "person_id", "reply_kind", "replied_at", "effect", "snapshot_id", "as_of"),
    references=(A_PERSON, A_SKILL),
    retention_days=90,
    readers=("HR portal",),
)

SHOWN_COMPANION = declare(
    "out__shown_companion",
    "One row per person and companion they were shown, of the time that counts towards the companion's load.",
    ("person_id", "companion_id", "since_date"),
    ("person_id", "companion_id", "since_date"),
    retention_days=90,
    readers=("out",),
)

OBEYED_REPLY = declare(
    "out__obeyed_reply",
    "One row per reply and night that first obeyed it.",
    ("reply_id", "obeyed_date", "first_snapshot_id"),
    ("reply_id", "obeyed_date"),
    required=("first_snapshot_id",),
    readers=("out",),
)

MASTERY_PROOF = declare(
    "out__mastery_proof",
    "One row per person and held micro-skill: what shows it, and the draft of a badge that says so.",
    (
        "person_id",
        "skill_id",
        "stage",
        "evidence_count",
        "file_count",
        "observation_count",
        "repetition_count",
        "repetition_hours",
        "feedback_count",
        "teaching_count",
        "first_evidence_at",
        "last_practised_at",
        "strongest_feedback_kind",
        "strongest_score_share",
        "strongest_at",
        "badge_draft",
        "is_hidden",
        *ROW_METADATA_COLUMNS,
    ),
    ("person_id", "skill_id"),
    required=("stage", "evidence_count", "badge_draft", "snapshot_id", "as_of"),
    references=(A_PERSON, A_SKILL),
    retention_days=90,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

# Who judged is the judge's own, and a record's code may be a title: both stay within.
OUT_EVIDENCE = declare(
    "out__evidence",
    "One row per person, micro-skill, mode and source record: the evidence behind stages and steps, with file and row.",
    (
        "evidence_id",
        "person_id",
        "skill_id",
        "occurred_at",
        "mode",
        "amount",
        "amount_unit",
        "feedback_kind",
        "table_name",
        *ORIGIN,
        "source_column",
        "is_hidden",
        *ROW_METADATA_COLUMNS,
    ),
    ("evidence_id",),
    required=("person_id", "skill_id", "occurred_at", "mode", "file_sha256", "row_number", "snapshot_id", "as_of"),
    references=(A_PERSON, A_SKILL),
    month_column="occurred_at",
    retention_days=90,
    readers=("HR portal", "data-protection officer"),
)

SUPPORT_GAP = declare(
    "out__support_gap",
    "One row per unit and micro-skill that is recommended there, but for which hours, project or person is missing.",
    (
        "unit_name",
        "skill_id",
        "recommended_count",
        "given_hours",
        "project_count",
        "holder_count",
        "lacks",
        "finding",
        *ROW_METADATA_COLUMNS,
    ),
    ("unit_name", "skill_id"),
    required=("recommended_count", "lacks", "finding", "snapshot_id", "as_of"),
    references=(A_SKILL,),
    retention_days=90,
    readers=("team leads", "learning and development"),
)

SNAPSHOT = declare(
    "out__snapshot",
    "One row per published table: which snapshot readers see, how many rows, the hash of their content.",
    ("table_name", "snapshot_id", "as_of", "valid_until", "row_count", "content_sha256"),
    ("table_name",),
    required=("snapshot_id", "as_of", "row_count", "content_sha256"),
    readers=("data engineers",),
)

PUBLISH_TARGET = declare(
    "out__way_in",
    "One row per way in beside Parquet: which snapshot it holds, where, and why not where it failed.",
    ("way_name", "snapshot_id", "location", "way_problem"),
    ("way_name",),
    required=("snapshot_id",),
    readers=("data engineers",),
)

# What a snapshot holds: a table added here is judged, stamped and published, whichever asset makes it.
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
)
