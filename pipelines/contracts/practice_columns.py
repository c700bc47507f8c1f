"""The columns of practice and of crafts.

Belongs here: name, type and meaning of each column that only their tables have, the words that all readers of them
share, and the origins of the columns of practice.
Does not belong here: the class of a column (`classification`), the tables (`feature_tables`, `output_tables`,
`craft_tables`), columns that other tables share (`columns`).
"""

from collections.abc import Mapping

import polars as pl

from pipelines.contracts.table import Column

# Work on steps being taken, repeated work in mastered micro-skills, learning, reviews, and finished work.
PRACTICE_KINDS = ("edge", "routine", "learning", "review_given", "review_received", "finished")
PRACTICE_SCOPES = ("unit", "capability", "skill")
# Lengths of the trailing periods, in weeks.
TRAILING_WEEKS = (4, 13, 52)
AMOUNT_COLUMNS = tuple(f"practice_{weeks}_weeks" for weeks in TRAILING_WEEKS)
CHANGE_COLUMNS = tuple(f"change_{weeks}_weeks" for weeks in TRAILING_WEEKS)

PRACTICE_COLUMNS = (
    Column(
        "practice_scope", pl.String, "Whether the row is about all work of a unit or a part.", allowed=PRACTICE_SCOPES
    ),
    Column("practice_of", pl.String, "capability_id or skill_id of the part; unit_name if the row is about all work."),
    Column("practice_name", pl.String, "Name of the capability, of the micro-skill or of the unit."),
    Column(
        "practice_kind",
        pl.String,
        "Kind of practice: work on steps being taken, work in mastered micro-skills, learning, reviews; or finished "
        "work.",
        allowed=PRACTICE_KINDS,
    ),
    Column(
        "practice_unit", pl.String, "Unit of the amounts: counts where no hours are booked.", allowed=("hours", "count")
    ),
    *(
        Column(column_name, pl.Float64, f"Amount in the last {weeks} weeks; null if too few people are behind it.")
        for column_name, weeks in zip(AMOUNT_COLUMNS, TRAILING_WEEKS, strict=True)
    ),
    *(
        Column(
            column_name,
            pl.Float64,
            f"Amount of the last {weeks} weeks against the unit's own earlier weeks, without season and staffing: "
            "-0.2 is a fifth less; null if the past is too short.",
            minimum=-1,
        )
        for column_name, weeks in zip(CHANGE_COLUMNS, TRAILING_WEEKS, strict=True)
    ),
    Column("changed_date", pl.Date, "First day of the week in which the amount changed; null without a change."),
    Column(
        "change_certainty",
        pl.Float64,
        "1 minus the false discovery rate at which the change is told.",
        minimum=0,
        maximum=1,
    ),
    Column(
        "change_since",
        pl.Float64,
        "Amount since the change against the weeks before it, without season and staffing: -0.2 is a fifth less.",
        minimum=-1,
    ),
)

_EVIDENCE_TABLE = "core_skill__event_evidence"
_AMOUNT_ORIGINS = tuple(
    (_EVIDENCE_TABLE, column_name) for column_name in ("mode", "amount", "amount_unit", "occurred_at", "table_name")
)
_MASTERED_ORIGINS = (("feat_step__event_reached", "to_stage"), ("feat_step__event_reached", "reached_at"))
_STAFFING_ORIGINS = (
    *(("core_hr__entity_person", column_name) for column_name in ("unit_name", "hired_date", "left_date")),
    *(("core_hr__scd_role_period", column_name) for column_name in ("unit_name", "started_date", "ended_date")),
)
_ADJUSTED_ORIGINS = (*_AMOUNT_ORIGINS, *_MASTERED_ORIGINS, *_STAFFING_ORIGINS)
_PART_ORIGINS = (
    (_EVIDENCE_TABLE, "skill_id"),
    ("core_taxonomy__codes_skill", "capability_id"),
    ("core_hr__entity_person", "unit_name"),
)
# By table: the origins of derived columns, as `pipelines.contracts.lineage` declares them.
PRACTICE_DERIVATIONS: Mapping[str, Mapping[str, tuple[tuple[str, str], ...]]] = {
    "out__own_practice": {
        "person_id": ((_EVIDENCE_TABLE, "person_id"),),
        "practice_kind": (*_AMOUNT_ORIGINS, *_MASTERED_ORIGINS),
        " ".join(("practice_unit", *AMOUNT_COLUMNS)): _AMOUNT_ORIGINS,
    },
    "out__practice": {
        "unit_name": _STAFFING_ORIGINS,
        "practice_scope practice_of": _PART_ORIGINS,
        "practice_name": (
            ("core_taxonomy__codes_skill", "capability_name"),
            ("core_taxonomy__codes_skill", "skill_name"),
            ("core_hr__entity_person", "unit_name"),
        ),
        "practice_kind": (*_AMOUNT_ORIGINS, *_MASTERED_ORIGINS),
        "team_people_count": (("core_hr__entity_person", "person_id"), ("core_hr__entity_person", "unit_name")),
        " ".join(("practice_unit", *AMOUNT_COLUMNS)): _AMOUNT_ORIGINS,
        " ".join((*CHANGE_COLUMNS, "changed_date change_certainty change_since finding")): _ADJUSTED_ORIGINS,
    },
}


SCOPE_KINDS = ("skill", "capability", "organisation")
COMBINATION_KINDS = ("within_reach", "rare_but_asked_for")
_MOMENT = pl.Datetime("us", "UTC")

# Counts about people are null, or their row is left out, below the policy's minimum of people.
CRAFT_COLUMNS = (
    Column(
        "scope_kind", pl.String, "Whether the row is about a micro-skill, a capability or all.", allowed=SCOPE_KINDS
    ),
    Column("scope_id", pl.String, "The micro-skill or capability of the row; `all` for the organisation."),
    Column("began_people_count", pl.Int64, "People whose beginning at from_stage is known, of all histories."),
    Column(
        "reached_people_count",
        pl.Int64,
        "Those of them who reached to_stage; null if they, or those who did not, are too few.",
    ),
    Column("quarter_months", pl.Int64, "Months within which a quarter reach to_stage.", unit="months"),
    Column("half_months", pl.Int64, "Months within which half reach to_stage.", unit="months"),
    Column(
        "three_quarters_months",
        pl.Int64,
        "Months within which three quarters reach to_stage; null if the histories are too short.",
        unit="months",
    ),
    Column(
        "half_low_months",
        pl.Int64,
        "Lower end of the 95 % interval of half_months; null for a capability and the organisation, whose histories "
        "share people.",
        unit="months",
    ),
    Column(
        "half_high_months",
        pl.Int64,
        "Upper end of that interval; null if the histories are too short to tell.",
        unit="months",
    ),
    Column(
        "unreached_share",
        pl.Float64,
        "Share that has not reached to_stage after followed_months; null if too few have or have not.",
        minimum=0,
        maximum=1,
    ),
    Column("followed_months", pl.Int64, "Months of the longest history.", unit="months"),
    Column(
        "master_people_count",
        pl.Int64,
        "Holders who are master; null if they, or the other holders, are too few.",
    ),
    Column(
        "craft_holder_count",
        pl.Int64,
        "Employed people who are journeyman or master in the micro-skill; null if too few.",
    ),
    Column("holder_unit_names", pl.List(pl.String), "Units of sufficient size with enough holders; empty if none."),
    Column("combination_id", pl.String, "One combination: kind, capability or micro-skills, and steps."),
    Column(
        "combination_kind",
        pl.String,
        "Whether a capability is within reach, or micro-skills are asked for together and rarely held together.",
        allowed=COMBINATION_KINDS,
    ),
    Column("combined_skill_ids", pl.List(pl.String), "Micro-skills of the combination."),
    Column("step_skill_ids", pl.List(pl.String), "The one or two micro-skills that the near people lack."),
    Column(
        "near_people_count",
        pl.Int64,
        "People who lack these alone; the least it can be if few or none hold them all; null if too few.",
    ),
    Column("both_people_count", pl.Int64, "People who hold the whole combination; null if too few."),
    Column(
        "open_work_count",
        pl.Int64,
        "Open projects with few micro-skills, and other open assignments, that name the whole combination.",
    ),
    Column("unusual_skill_ids", pl.List(pl.String), "The two held micro-skills that the fewest people hold together."),
    Column(
        "opening_skill_id",
        pl.String,
        "Micro-skill that completes the most capabilities, roles and open work; null if none completes any.",
    ),
    Column("opened_capability_count", pl.Int64, "Capabilities that it completes."),
    Column("opened_role_count", pl.Int64, "Roles whose essential micro-skills it completes."),
    Column("opened_work_count", pl.Int64, "Pieces of open work with several micro-skills that it completes."),
    Column("map_x", pl.Float64, "Place on the skill map from left to right, without a unit."),
    Column("map_y", pl.Float64, "Place on the skill map from bottom to top, without a unit."),
    Column("map_people_count", pl.Int64, "People with evidence of the micro-skill."),
    Column(
        "neighbour_skill_ids", pl.List(pl.String), "Micro-skills that the same people practise, the most alike first."
    ),
    Column("taught_count", pl.Int64, "Feedback from the one who taught, up to the stage."),
    Column("first_taught_at", _MOMENT, "First such feedback."),
    Column("taught_stage", pl.String, "Stage that the one who learnt reached last after it."),
)
