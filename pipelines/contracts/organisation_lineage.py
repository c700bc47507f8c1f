"""The origins of the columns of squads and crafts.

Belongs here: from which columns of which tables each column is derived or passed through.
Does not belong here: how a value is computed (`ml.recommend`, `ml.organisation`), all other origins (`lineage`).
"""

from collections.abc import Mapping

from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    CONSENT,
    EVIDENCE,
    PERSON,
    REPLY,
    ROLE_PROFILE,
    SKILL,
    SKILL_TEXT,
    SQUAD_REPLY,
    WORKLOG,
)
from pipelines.contracts.craft_tables import (
    COMBINATION,
    CRAFT_AT_RISK,
    OWN_COMBINATION,
    SKILL_MAP,
    STAGE_TIME,
    TEACHING_LINE,
)
from pipelines.contracts.feature_tables import MASTERY, REACHED_STEP
from pipelines.contracts.output_tables import FREE_CHOICE, NEXT_SKILL, SQUAD_MATCH, SQUAD_OPENING
from pipelines.contracts.table import Table
from pipelines.contracts.table_declaration import Origins, columns_of

_WORK_ORIGINS = (
    *columns_of(ASSIGNMENT, "project_code assignment_code"),
    *columns_of(WORKLOG, "project_code assignment_code worked_at"),
)
_OPEN_ORIGINS = columns_of(ASSIGNMENT, "person_id is_done started_date ended_date done_at")
_SKILL_ORIGINS = (
    *columns_of(ASSIGNMENT, "skill_text"),
    *columns_of(WORKLOG, "skill_text"),
    *columns_of(SKILL_TEXT, "skill_id"),
)
_MEMBER_ORIGINS = (*columns_of(ASSIGNMENT, "person_id"), *columns_of(WORKLOG, "person_id"))
_HELD_ORIGINS = (*columns_of(MASTERY, "skill_id stage"), *columns_of(REPLY, "reply_kind"))
_CONSENT_ORIGINS = columns_of(CONSENT, "person_id consent_relation consent_status expires_date")
_ANSWER_ORIGINS = columns_of(SQUAD_REPLY, "opening_id squad_reply_kind replied_at")
_WISH_ORIGINS = columns_of(ASPIRATION, "skill_text wish_weight")
_WORKLOAD_ORIGINS = (
    *columns_of(PERSON, "weekly_hours"),
    *columns_of(ASSIGNMENT, "planned_hours ended_date"),
    *columns_of(WORKLOG, "worked_hours worked_at"),
)
_STEP_ORIGINS = columns_of(NEXT_SKILL, "skill_id to_stage rank")
_SCORE_ORIGINS = (*_STEP_ORIGINS, *_HELD_ORIGINS, *_WISH_ORIGINS, *_WORKLOAD_ORIGINS, *_ANSWER_ORIGINS)

SQUAD_PASSED_THROUGH_FROM: Mapping[str, tuple[Table, ...]] = {
    SQUAD_OPENING.name: (ASSIGNMENT, WORKLOG),
    SQUAD_MATCH.name: (NEXT_SKILL, SQUAD_REPLY),
    FREE_CHOICE.name: (PERSON,),
}
SQUAD_DERIVATIONS: Mapping[str, Mapping[str, Origins]] = {
    SQUAD_OPENING.name: {
        "opening_id": (*_WORK_ORIGINS, *_SKILL_ORIGINS),
        "skill_id required_skill_ids": _SKILL_ORIGINS,
        "opening_kind open_count": (*_OPEN_ORIGINS, *_WORK_ORIGINS),
        "covered_skill_ids lacking_skill_ids": (*_SKILL_ORIGINS, *_MEMBER_ORIGINS, *_HELD_ORIGINS, *_CONSENT_ORIGINS),
        "step_ids": _HELD_ORIGINS,
        "planned_weekly_hours": columns_of(ASSIGNMENT, "planned_hours ended_date"),
        "planned_end_date": columns_of(ASSIGNMENT, "ended_date"),
        "interested_count": (*_ANSWER_ORIGINS, *columns_of(REPLY, "reply_kind")),
    },
    SQUAD_MATCH.name: {
        "is_hidden": columns_of(REPLY, "skill_text reply_kind"),
        "opening_id skill_id": (*_WORK_ORIGINS, *_SKILL_ORIGINS, *_ANSWER_ORIGINS),
        "brings_skill_ids": (*_HELD_ORIGINS, *_SKILL_ORIGINS),
        "follow_id follow_count lead_id lead_count": (*_MEMBER_ORIGINS, *_HELD_ORIGINS, *_CONSENT_ORIGINS),
        "wish_weight": _WISH_ORIGINS,
        "workload free_weekly_hours": _WORKLOAD_ORIGINS,
        "rank score reasons decisive_change counterfactual": _SCORE_ORIGINS,
        "explanation": (*_SCORE_ORIGINS, *columns_of(SKILL, "skill_name")),
    },
    FREE_CHOICE.name: {
        "team_people_count": columns_of(PERSON, "person_id unit_name"),
        "unit_hours": columns_of(WORKLOG, "worked_hours worked_at"),
        "chosen_hours chosen_share is_free_choice_given": (
            *columns_of(WORKLOG, "worked_hours worked_at"),
            *columns_of(EVIDENCE, "skill_id occurred_at"),
            *_WISH_ORIGINS,
            *_ANSWER_ORIGINS,
        ),
        "wanting_count": _ANSWER_ORIGINS,
        "staffed_count": (*_ANSWER_ORIGINS, *_MEMBER_ORIGINS),
    },
}


_HELD = columns_of(MASTERY, "person_id skill_id stage")
_REACHED = columns_of(REACHED_STEP, "person_id skill_id to_stage reached_at")
_TIMES = (*_REACHED, *columns_of(PERSON, "hired_date left_date"), *columns_of(SKILL, "capability_id"))
_OPEN_WORK = (*columns_of(ASSIGNMENT, "skill_text is_done done_at"), *columns_of(SKILL_TEXT, "skill_id"))
_OPENED = (*_HELD, *_OPEN_WORK, *columns_of(ROLE_PROFILE, "role_name skill_id importance"))
_REPEATED = columns_of(EVIDENCE, "occurred_at mode amount amount_unit")
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
            *_REPEATED,
            *columns_of(PERSON, "employment_status left_date"),
        ),
        "craft_holder_count master_people_count": (*_HELD, *_REPEATED),
        "holder_unit_names": (*_HELD, *_REPEATED, *columns_of(PERSON, "unit_name")),
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
