"""Mastery, autonomy and purpose of a step, each in 0..1, each with one formula and the evidence for it.

Belongs here: the three formulas.
Does not belong here: how they are blended into a list (`ml.recommend.reranking`), the sentences about them
(`ml.recommend.explanations`).
"""

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ml.data.encoding import (
    STAGE_INDEX,
    Doubles,
    HeldSkills,
    Ints,
    build_adjacency,
    encode_ids,
    index_held_skills,
    max_by_key,
)
from pipelines.contracts.columns import MOTIVE_WEIGHT_COLUMNS

# Wishing for another micro-skill of the same capability is half a wish for this one.
NEAR_WISH = 0.5
# A role that can do without it needs it half as much.
OPTIONAL_NEED = 0.5


def no_preferences() -> pl.DataFrame:
    """The preferences where nobody said how much a motive is to weigh."""
    return pl.DataFrame(schema={"person_id": pl.String, **dict.fromkeys(MOTIVE_WEIGHT_COLUMNS, pl.Float64)})


@dataclass(frozen=True)
class RecommendationContext:
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


def score_motives(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """The steps (person_id, step_id, skill_id, to_stage, …), with columns readiness, coverage, mastery, autonomy,
    wish_skill_id, role_need, demand and purpose added; autonomy is null for a person who stated no wish."""
    held = index_held_skills(context.mastery, context.skills)
    return score_purpose(score_autonomy(score_mastery(steps, context, held), context, held), context, held)


def score_mastery(steps: pl.DataFrame, context: RecommendationContext, held: HeldSkills | None = None) -> pl.DataFrame:
    """mastery = readiness x (1 + coverage) / 2.

    readiness: share of the micro-skill's prerequisites the person holds, 1 where there are none. coverage: the weight
    of the capability that is complete once the step is taken, with what is held at its stage or above; 0 where it
    belongs to no capability. Both are the evidence.
    """
    held = held or index_held_skills(context.mastery, context.skills)
    person, skill = held.encode_people(steps["person_id"]), held.encode_skills(steps["skill_id"])
    goal = steps["to_stage"].replace_strict(STAGE_INDEX, return_dtype=pl.Int64).to_numpy()
    readiness = readiness_of(held, context.prerequisites, person, skill)
    coverage = completed_by(held, person, skill, goal)
    return steps.with_columns(
        pl.Series("readiness", readiness),
        pl.Series("coverage", coverage),
        pl.Series("mastery", readiness * (1 + coverage) / 2),
    )


def readiness_of(held: HeldSkills, prerequisites: pl.DataFrame, person: Ints, skill: Ints) -> Doubles:
    """Share of each micro-skill's prerequisites that the person holds, 1 where there are none."""
    needs = prerequisites.select("skill_id", "requires_skill_id").unique()
    later, earlier = held.encode_skills(needs["skill_id"]), held.encode_skills(needs["requires_skill_id"])
    row, required = build_adjacency(later, earlier, len(held.skill_ids)).expand(skill)
    met = held.stage_lookup.get(held.pair_key(person[row], required)) > 0
    asked = np.bincount(row, minlength=len(skill))
    got = np.bincount(row, met, len(skill))
    return np.where(asked > 0, got / np.maximum(asked, 1), 1.0)


def completed_by(held: HeldSkills, person: Ints, skill: Ints, goal: Ints) -> Doubles:
    """Weight of the capability that is complete once the micro-skill is held at the goal: its own, and that of those
    held at the goal or above already, with which it combines."""
    area, pair = held.capability_key(person, skill), held.pair_key(person, skill)
    own = np.where(skill < 0, 0.0, held.weight[skill])
    beside = np.zeros(len(skill))
    for stage in np.unique(goal):
        rows = goal == stage
        beside[rows] = held.covered_weight(int(stage)).get(area[rows])
    is_in = held.stage_lookup.get(pair) >= np.maximum(goal, 1)
    return np.clip(own + beside - np.where(is_in, own, 0.0), 0.0, 1.0)


def score_autonomy(steps: pl.DataFrame, context: RecommendationContext, held: HeldSkills | None = None) -> pl.DataFrame:
    """autonomy = the strongest wish for the micro-skill itself, or half the strongest within its capability.

    0 for a person whose wishes lie elsewhere; null for one who stated none: silence is not guessed at. The evidence is
    wish_skill_id, the micro-skill that was wished for.
    """
    held = held or index_held_skills(context.mastery, context.skills)
    wishes = context.wishes.with_columns(pl.col("wish_weight").fill_null(1.0))
    wishers = wishes["person_id"].unique().sort()
    who, what = encode_ids(wishes["person_id"], wishers), held.encode_skills(wishes["skill_id"])
    weight = wishes["wish_weight"].to_numpy()
    person, skill = encode_ids(steps["person_id"], wishers), held.encode_skills(steps["skill_id"])
    own = max_by_key(held.pair_key(who, what), weight).get(held.pair_key(person, skill))
    area = held.capability_key(who, what)
    near = max_by_key(area, weight).get(held.capability_key(person, skill)) * NEAR_WISH
    # the place of the strongest wish of each area; of equal ones the last by micro-skill
    order = np.lexsort((what, weight, area))
    strongest = max_by_key(area[order], np.arange(len(order), dtype=np.float64) + 1.0).get(
        held.capability_key(person, skill)
    )
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


def score_purpose(steps: pl.DataFrame, context: RecommendationContext, held: HeldSkills | None = None) -> pl.DataFrame:
    """purpose = max(role_need, demand); both are the evidence.

    role_need: 1 where the person's role profile calls the micro-skill essential, 1/2 where optional, else 0; of
    several roles the one that needs it most. demand: log(1 + recent and open work naming it), over the largest such
    value of any micro-skill.
    """
    held = held or index_held_skills(context.mastery, context.skills)
    skill = held.encode_skills(steps["skill_id"])
    roles = context.role_profiles["role_name"].unique().sort()
    need = pl.when(pl.col("importance") == "essential").then(1.0).otherwise(OPTIONAL_NEED).alias("need")
    profile, wanted = (
        encode_ids(context.role_profiles["role_name"], roles),
        held.encode_skills(context.role_profiles["skill_id"]),
    )
    needs = max_by_key(held.pair_key(profile, wanted), context.role_profiles.select(need).to_series().to_numpy())
    people = context.roles["person_id"].unique().sort()
    taken = build_adjacency(
        encode_ids(context.roles["person_id"], people), encode_ids(context.roles["role_name"], roles), len(people)
    )
    row, role = taken.expand(encode_ids(steps["person_id"], people))
    role_need = np.zeros(steps.height)
    np.maximum.at(role_need, row, needs.get(held.pair_key(role, skill[row])))
    logs = pl.col("demand_count").cast(pl.Float64).log1p()
    asked = context.demand.select("skill_id", (logs / logs.max()).fill_nan(0.0).alias("demand"))
    demand = max_by_key(held.encode_skills(asked["skill_id"]), asked["demand"].to_numpy()).get(skill)
    found = steps.with_columns(pl.Series("role_need", role_need), pl.Series("demand", demand))
    return found.with_columns(pl.max_horizontal("role_need", "demand").alias("purpose"))
