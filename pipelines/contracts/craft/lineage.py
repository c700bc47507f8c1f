"""Column lineage of the tables about craft.

Belongs here: the origins of their derived columns.
Does not belong here: how lineage is looked up (`pipelines.contracts.lineage`).
"""

from collections.abc import Mapping

from pipelines.contracts.catalog import ASSIGNMENT, CONSENT, EVIDENCE, PERSON, REPLY, ROLE_PROFILE, SKILL, SKILL_TEXT
from pipelines.contracts.craft.tables import (
    COMBINATION,
    CRAFT_AT_RISK,
    OWN_COMBINATION,
    SKILL_MAP,
    STAGE_TIME,
    TEACHING_LINE,
)
from pipelines.contracts.feature_tables import MASTERY, REACHED_STEP
from pipelines.contracts.table import Table
from pipelines.contracts.table_declaration import Origins, columns_of

_HELD = columns_of(MASTERY, "person_id skill_id stage")
_REACHED = columns_of(REACHED_STEP, "person_id skill_id to_stage reached_at")
_TIMES = (*_REACHED, *columns_of(PERSON, "hired_date left_date"), *columns_of(SKILL, "capability_id"))
_OPEN_WORK = (*columns_of(ASSIGNMENT, "skill_text is_done done_at"), *columns_of(SKILL_TEXT, "skill_id"))
_OPENED = (*_HELD, *_OPEN_WORK, *columns_of(ROLE_PROFILE, "role_name skill_id importance"))
_MAP = columns_of(MASTERY, "person_id skill_id")
_TAUGHT = (*columns_of(EVIDENCE, "given_by_id feedback_kind occurred_at"), *_REACHED)

CRAFT_PASSED_THROUGH_FROM: Mapping[str, tuple[Table, ...]] = {
    STAGE_TIME.name: (REACHED_STEP,),
    CRAFT_AT_RISK.name: (MASTERY, STAGE_TIME),
    COMBINATION.name: (SKILL,),
    OWN_COMBINATION.name: (MASTERY,),
    SKILL_MAP.name: (SKILL,),
    TEACHING_LINE.name: (EVIDENCE,),
}
CRAFT_DERIVATIONS: Mapping[str, Mapping[str, Origins]] = {
    STAGE_TIME.name: {
        "scope_kind scope_id": columns_of(SKILL, "skill_id capability_id"),
        "began_people_count reached_people_count quarter_months half_months three_quarters_months": _TIMES,
        "half_low_months half_high_months unreached_share followed_months finding": _TIMES,
    },
    CRAFT_AT_RISK.name: {
        "skill_id": (
            *columns_of(MASTERY, "skill_id last_practised_at"),
            *_REACHED,
            *columns_of(PERSON, "employment_status left_date"),
        ),
        "craft_holder_count master_people_count": _HELD,
        "holder_unit_names": (*_HELD, *columns_of(PERSON, "unit_name")),
        "finding": (*_HELD, *columns_of(STAGE_TIME, "half_months"), *columns_of(SKILL, "skill_name")),
    },
    COMBINATION.name: {
        "combination_id combination_kind combined_skill_ids": (*columns_of(SKILL, "capability_id"), *_OPEN_WORK),
        "step_skill_ids near_people_count both_people_count finding": (*_HELD, *columns_of(SKILL, "capability_id")),
        "open_work_count": _OPEN_WORK,
    },
    OWN_COMBINATION.name: {
        "unusual_skill_ids both_people_count": _HELD,
        "opening_skill_id opened_capability_count opened_role_count opened_work_count": (
            *_OPENED,
            *columns_of(SKILL, "capability_id"),
        ),
    },
    SKILL_MAP.name: {"map_x map_y map_people_count neighbour_skill_ids": _MAP},
    TEACHING_LINE.name: {
        "relation companion_id companion_skill_id": (
            *_TAUGHT,
            *columns_of(CONSENT, "person_id consent_relation consent_status expires_date"),
        ),
        "taught_stage taught_count first_taught_at": _TAUGHT,
        "is_hidden": columns_of(REPLY, "skill_text reply_kind"),
    },
}
