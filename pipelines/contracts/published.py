"""The tables that other systems read, and the record of the snapshot they belong to.

Belongs here: the declarations of the layer `out`, and which of them are published.
Does not belong here: tables that only the night reads (`catalog`, `learnt`).
"""

import polars as pl

from pipelines.contracts.declaring import A_PERSON, A_SKILL, declare
from pipelines.contracts.learnt import MASTERY
from pipelines.contracts.table import RowRule, Table

_SAYS_OR_RECOMMENDS = RowRule(
    "recommends_or_says_why_not",
    ("skill_id", "no_recommendation_reason"),
    pl.col("skill_id").is_null() != pl.col("no_recommendation_reason").is_null(),
    "either a step is recommended or the reason is given why none is",
)

# What every published row says of its night (see `pipelines.publish.stamp`); a model_version besides, where one spoke.
STAMPS = ("snapshot_id", "as_of", "valid_until", "policy_version", "schema_version")

NEXT_SKILL = declare(
    "out__next_skill",
    "One row per person and recommended step, best first; one row that says why for a person who gets none.",
    ("person_id", "rank", "skill_id", "from_stage", "to_stage", "kind", "probability", "score", "mastery", "autonomy",
     "purpose", "reasons", "explanation", "how", "no_recommendation_reason", "snapshot_id", "as_of", "valid_until",
     "model_version", "policy_version", "schema_version"),
    (),
    required=("person_id", "snapshot_id", "as_of", "valid_until", "model_version", "policy_version", "schema_version"),
    references=(A_PERSON, A_SKILL),
    row_rules=(_SAYS_OR_RECOMMENDS,),
    retention_days=90,
    readers=("HR portal", "learning platform", "BI"),
)  # fmt: skip

OUT_MASTERY = declare(
    "out__mastery",
    "One row per person and micro-skill with evidence: stage, counts by mode, what is missing for the next stage.",
    (*MASTERY.column_names, *STAMPS),
    ("person_id", "skill_id"),
    required=("stage", "snapshot_id", "as_of"),
    references=(A_PERSON, A_SKILL),
    retention_days=90,
    readers=("HR portal", "learning platform"),
)

CAPABILITY = declare(
    "out__capability",
    "One row per person and capability of which something is held: how much, what is missing, what combines best.",
    ("person_id", "capability_id", "capability_name", "coverage_share", "held_skill_ids", "held_skill_names",
     "missing_skill_ids", "next_skill_id", "completes_share", "snapshot_id", "as_of", "valid_until", "policy_version",
     "schema_version"),
    ("person_id", "capability_id"),
    required=("coverage_share", "held_skill_ids", "missing_skill_ids", "snapshot_id", "as_of"),
    references=(A_PERSON,),
    retention_days=90,
    readers=("HR portal", "learning platform"),
)  # fmt: skip

ALIGNMENT = declare(
    "out__alignment",
    "One row per team of enough people and capability: where its people's wishes and the needs agree or part.",
    ("unit_name", "capability_id", "capability_name", "team_people_count", "wishing_people_count", "wish_share",
     "need_share", "agreement", "snapshot_id", "as_of", "valid_until", "policy_version", "schema_version"),
    ("unit_name", "capability_id"),
    required=("team_people_count", "need_share", "agreement", "snapshot_id", "as_of"),
    retention_days=90,
    readers=("HR portal", "BI"),
)  # fmt: skip

SNAPSHOT = declare(
    "out__snapshot",
    "One row per published table: which snapshot readers see, how many rows, the hash of their content.",
    ("table_name", "snapshot_id", "as_of", "valid_until", "row_count", "content_sha256"),
    ("table_name",),
    required=("snapshot_id", "as_of", "row_count", "content_sha256"),
    readers=("data engineers",),
)

# What a snapshot holds: a table added here is judged, stamped and published, whichever asset makes it.
PUBLISHED: tuple[Table, ...] = (NEXT_SKILL, OUT_MASTERY, CAPABILITY, ALIGNMENT)
