"""Mastery, autonomy and purpose of a step, each in 0..1, each with one formula and the evidence for it.

Belongs here: the three formulas.
Does not belong here: how they are blended into a list (`ml.recommend.reranking`), the sentences about them
(`ml.recommend.explanations`).
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ml.data.encoding import STAGE_INDEX, Doubles, Holdings, Ints, code, index_holdings, link, most_by
from pipelines.contracts.columns import OWN_WEIGHTS

# Wishing for another micro-skill of the same capability is half a wish for this one.
NEAR_WISH = 0.5
# A role that can do without it needs it half as much.
OPTIONAL_NEED = 0.5


def no_preferences() -> pl.DataFrame:
    """The preferences where nobody said how much a motive is to weigh."""
    return pl.DataFrame(schema={"person_id": pl.String, **dict.fromkeys(OWN_WEIGHTS, pl.Float64)})


@dataclass(frozen=True)
class Surroundings:
    """What motives are measured against, each one row per what its name says.

    mastery: person, micro-skill with stage. skills: micro-skill with capability and weight. prerequisites: micro-skill
    and one it requires. wishes: person_id, skill_id, wish_weight. roles: person_id, role_name. role_profiles: role,
    micro-skill, importance. demand: skill_id, demand_count (recent and open work that names it). preferences:
    person_id and the weights of motives the person asked for, null where the policy's holds.
    """

    mastery: pl.DataFrame
    skills: pl.DataFrame
    prerequisites: pl.DataFrame
    wishes: pl.DataFrame
    roles: pl.DataFrame
    role_profiles: pl.DataFrame
    demand: pl.DataFrame
    preferences: pl.DataFrame = field(default_factory=no_preferences)


def score_motives(steps: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    """The steps (person_id, step_id, skill_id, to_stage, …), with columns readiness, coverage, mastery, autonomy,
    wish_skill_id, role_need, demand and purpose added; autonomy is null for a person who stated no wish."""
    held = index_holdings(around.mastery, around.skills)
    return score_purpose(score_autonomy(score_mastery(steps, around, held), around, held), around, held)


def score_mastery(steps: pl.DataFrame, around: Surroundings, held: Holdings | None = None) -> pl.DataFrame:
    """mastery = readiness x (1 + coverage) / 2.

    readiness: share of the micro-skill's prerequisites the person holds, 1 where there are none. coverage: the weight
    of the capability that is complete once the step is taken, with what is held at its stage or above; 0 where it
    belongs to no capability. Both are the evidence.
    """
    held = held or index_holdings(around.mastery, around.skills)
    person, skill = held.code_people(steps["person_id"]), held.code_skills(steps["skill_id"])
    goal = steps["to_stage"].replace_strict(STAGE_INDEX, return_dtype=pl.Int64).to_numpy()
    readiness = readiness_of(held, around.prerequisites, person, skill)
    coverage = completed_by(held, person, skill, goal)
    return steps.with_columns(
        pl.Series("readiness", readiness),
        pl.Series("coverage", coverage),
        pl.Series("mastery", readiness * (1 + coverage) / 2),
    )


def readiness_of(held: Holdings, prerequisites: pl.DataFrame, person: Ints, skill: Ints) -> Doubles:
    """Share of each micro-skill's prerequisites that the person holds, 1 where there are none."""
    needs = prerequisites.select("skill_id", "requires_skill_id").unique()
    later, earlier = held.code_skills(needs["skill_id"]), held.code_skills(needs["requires_skill_id"])
    row, required = link(later, earlier, len(held.skill_ids)).spread(skill)
    met = held.stages.of(held.pair(person[row], required)) > 0
    asked = np.bincount(row, minlength=len(skill))
    got = np.bincount(row, met, len(skill))
    return np.where(asked > 0, got / np.maximum(asked, 1), 1.0)


def completed_by(held: Holdings, person: Ints, skill: Ints, goal: Ints) -> Doubles:
    """Weight of the capability that is complete once the micro-skill is held at the goal: its own, and that of those
    held at the goal or above already, with which it combines."""
    area, pair = held.area(person, skill), held.pair(person, skill)
    own = np.where(skill < 0, 0.0, held.weight[skill])
    beside = np.zeros(len(skill))
    for stage in np.unique(goal):
        rows = goal == stage
        beside[rows] = held.covered(int(stage)).of(area[rows])
    is_in = held.stages.of(pair) >= np.maximum(goal, 1)
    return np.clip(own + beside - np.where(is_in, own, 0.0), 0.0, 1.0)


def score_autonomy(steps: pl.DataFrame, around: Surroundings, held: Holdings | None = None) -> pl.DataFrame:
    """autonomy = the strongest wish for the micro-skill itself, or half the strongest within its capability.

    0 for a person whose wishes lie elsewhere; null for one who stated none: silence is not guessed at. The evidence is
    wish_skill_id, the micro-skill that was wished for.
    """
    held = held or index_holdings(around.mastery, around.skills)
    wishes = around.wishes.with_columns(pl.col("wish_weight").fill_null(1.0))
    wishers = wishes["person_id"].unique().sort()
    who, what = code(wishes["person_id"], wishers), held.code_skills(wishes["skill_id"])
    weight = wishes["wish_weight"].to_numpy()
    person, skill = code(steps["person_id"], wishers), held.code_skills(steps["skill_id"])
    own = most_by(held.pair(who, what), weight).of(held.pair(person, skill))
    area = held.area(who, what)
    near = most_by(area, weight).of(held.area(person, skill)) * NEAR_WISH
    # the place of the strongest wish of each area; of equal ones the last by micro-skill
    order = np.lexsort((what, weight, area))
    strongest = most_by(area[order], np.arange(len(order), dtype=np.float64) + 1.0).of(held.area(person, skill))
    wished_for = pl.Series(what[order], dtype=pl.Int64).gather(
        pl.Series(strongest - 1).cast(pl.Int64).replace(-1, None)
    )
    found = steps.with_columns(
        pl.Series("_spoke", person >= 0),
        pl.Series("_own", own),
        pl.Series("_near", near),
        held.skill_ids.gather(wished_for).alias("_wished"),
    )
    is_own = (pl.col("_own") >= pl.col("_near")) & (pl.col("_own") > 0)
    wished = pl.when(is_own).then("skill_id").when(pl.col("_near") > 0).then("_wished")
    return found.with_columns(
        pl.when("_spoke").then(pl.max_horizontal("_own", "_near")).alias("autonomy"),
        wished.alias("wish_skill_id"),
    ).drop("_spoke", "_own", "_near", "_wished")


def score_purpose(steps: pl.DataFrame, around: Surroundings, held: Holdings | None = None) -> pl.DataFrame:
    """purpose = max(role_need, demand); both are the evidence.

    role_need: 1 where the person's role profile calls the micro-skill essential, 1/2 where optional, else 0; of
    several roles the one that needs it most. demand: log(1 + recent and open work naming it), over the largest such
    value of any micro-skill.
    """
    held = held or index_holdings(around.mastery, around.skills)
    skill = held.code_skills(steps["skill_id"])
    roles = around.role_profiles["role_name"].unique().sort()
    need = pl.when(pl.col("importance") == "essential").then(1.0).otherwise(OPTIONAL_NEED).alias("need")
    profile, wanted = code(around.role_profiles["role_name"], roles), held.code_skills(around.role_profiles["skill_id"])
    needs = most_by(held.pair(profile, wanted), around.role_profiles.select(need).to_series().to_numpy())
    people = around.roles["person_id"].unique().sort()
    taken = link(code(around.roles["person_id"], people), code(around.roles["role_name"], roles), len(people))
    row, role = taken.spread(code(steps["person_id"], people))
    role_need = np.zeros(steps.height)
    np.maximum.at(role_need, row, needs.of(held.pair(role, skill[row])))
    logs = pl.col("demand_count").cast(pl.Float64).log1p()
    asked = around.demand.select("skill_id", (logs / logs.max()).fill_nan(0.0).alias("demand"))
    demand = most_by(held.code_skills(asked["skill_id"]), asked["demand"].to_numpy()).of(skill)
    found = steps.with_columns(pl.Series("role_need", role_need), pl.Series("demand", demand))
    return found.with_columns(pl.max_horizontal("role_need", "demand").alias("purpose"))
