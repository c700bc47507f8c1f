"""The published tables about craft.

Belongs here: grain, columns, keys and rules of each.
Does not belong here: how they are computed (`ml.organisation`).
"""

import polars as pl

from pipelines.contracts.table import Reference, RowRule
from pipelines.contracts.table_declaration import (
    PERSON_REFERENCE,
    ROW_METADATA_COLUMNS,
    SKILL_REFERENCE,
    declare_table,
)

_ROW_METADATA = " ".join(ROW_METADATA_COLUMNS)
_RETENTION_DAYS = 90
_IS_ANOTHER_PERSON = RowRule(
    "is_another",
    ("person_id", "companion_id"),
    pl.col("person_id") != pl.col("companion_id"),
    "nobody teaches themselves",
)

STAGE_TIME = declare_table(
    "out__stage_time",
    "One row per micro-skill, capability or the organisation, and pair of stages: how long people took.",
    f"""
    scope_kind scope_id from_stage to_stage began_people_count reached_people_count quarter_months half_months
    three_quarters_months half_low_months half_high_months unreached_share followed_months finding {_ROW_METADATA}
    """,
    key="scope_kind scope_id from_stage to_stage",
    required="began_people_count followed_months finding snapshot_id as_of",
    retention_days=_RETENTION_DAYS,
    readers=("HR portal", "learning platform", "BI"),
)

CRAFT_AT_RISK = declare_table(
    "out__craft_at_risk",
    "One row per micro-skill whose practising masters became few: how, and how long the next takes to develop.",
    f"""
    skill_id craft_holder_count master_people_count holder_unit_names scope_kind from_stage to_stage
    half_months finding {_ROW_METADATA}
    """,
    key="skill_id",
    required="holder_unit_names finding snapshot_id as_of",
    references=(SKILL_REFERENCE,),
    retention_days=_RETENTION_DAYS,
    readers=("learning and development", "BI"),
)

COMBINATION = declare_table(
    "out__combination",
    "One row per combination of micro-skills that enough people are near to, or that open work asks for and few hold.",
    f"""
    combination_id combination_kind capability_id combined_skill_ids step_skill_ids near_people_count both_people_count
    open_work_count finding {_ROW_METADATA}
    """,
    key="combination_id",
    required="combination_kind combined_skill_ids step_skill_ids finding snapshot_id as_of",
    retention_days=_RETENTION_DAYS,
    readers=("learning and development", "BI"),
)

OWN_COMBINATION = declare_table(
    "out__own_combination",
    "One row per person: the unusual pair of their micro-skills, and the step that opens most.",
    f"""
    person_id unusual_skill_ids both_people_count opening_skill_id opened_capability_count opened_role_count
    opened_work_count {_ROW_METADATA}
    """,
    key="person_id",
    required="opened_capability_count opened_role_count opened_work_count snapshot_id as_of",
    references=(PERSON_REFERENCE,),
    retention_days=_RETENTION_DAYS,
    is_partitioned_by_person=True,
    readers=("HR portal", "learning platform"),
)

SKILL_MAP = declare_table(
    "out__skill_map",
    "One row per micro-skill of the map: its place, and the micro-skills that the same people practise.",
    f"skill_id capability_id map_x map_y map_people_count neighbour_skill_ids {_ROW_METADATA}",
    key="skill_id",
    required="map_x map_y map_people_count neighbour_skill_ids snapshot_id as_of",
    references=(SKILL_REFERENCE,),
    retention_days=_RETENTION_DAYS,
    readers=("HR portal", "BI"),
)

TEACHING_LINE = declare_table(
    "out__teaching_line",
    "One row per person, micro-skill and companion who consented: whom the person learnt from (follow) or taught "
    "(lead).",
    f"""
    person_id skill_id relation companion_id companion_skill_id taught_stage taught_count first_taught_at is_hidden
    {_ROW_METADATA}
    """,
    key="person_id skill_id relation companion_id",
    required="companion_skill_id taught_stage taught_count first_taught_at snapshot_id as_of valid_until",
    references=(PERSON_REFERENCE, SKILL_REFERENCE, Reference("companion_id", "core_hr__entity_person", "person_id")),
    row_rules=(_IS_ANOTHER_PERSON,),
    retention_days=_RETENTION_DAYS,
    readers=("HR portal",),
)

CRAFT_TABLES = (STAGE_TIME, CRAFT_AT_RISK, COMBINATION, OWN_COMBINATION, SKILL_MAP, TEACHING_LINE)
