"""The columns of the tables about craft.

Belongs here: name, type, meaning and class of each column that only these tables have.
Does not belong here: columns that other tables share (`pipelines.contracts.columns`).
"""

import polars as pl

from pipelines.contracts.table import Column

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
    Column("near_people_count", pl.Int64, "People who lack these micro-skills alone; null if too few."),
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
