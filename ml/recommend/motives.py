"""The three motives of a step: mastery, autonomy and purpose, each 0 to 1, and the columns they are computed from.

Belongs here: one formula per motive, and the tables the formulas read.
Does not belong here: the weights of the motives in a list (`ml.recommend.reranking`), the sentences about them
(`ml.recommend.explanations`).
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from ml.data.encoding import HeldSkills, build_adjacency, encode_ids, index_held_skills, max_by_key
from ml.data.sparse_rows import Doubles, Ints
from pipelines.contracts.columns import MOTIVE_WEIGHT_COLUMNS, STAGE_INDEX

# A wish for another micro-skill of the same capability counts half.
NEAR_WISH = 0.5
# An optional micro-skill of a role counts half as much as an essential one.
OPTIONAL_NEED = 0.5


def empty_preferences() -> pl.DataFrame:
    """Build a table of motive weights without a row."""
    return pl.DataFrame(schema={"person_id": pl.String, **dict.fromkeys(MOTIVE_WEIGHT_COLUMNS, pl.Float64)})


@dataclass(frozen=True)
class RecommendationContext:
    """The tables that motives, explanations and counterfactuals read.

    Attributes:
        mastery: One row per person and micro-skill with evidence: person_id, skill_id, stage.
        skills: One row per micro-skill: skill_id, skill_name, capability_id, capability_name, capability_weight.
        prerequisites: One row per micro-skill and one that it requires: skill_id, requires_skill_id.
        wishes: One row per stated wish: person_id, skill_id, wish_weight.
        roles: One row per person and current role: person_id, role_name.
        role_profiles: One row per role and micro-skill: role_name, skill_id, importance.
        demand: One row per micro-skill: skill_id, demand_count, the recent and open work that names it.
        preferences: One row per person with motive weights of their own: person_id, mastery_weight, autonomy_weight,
            purpose_weight. A null weight means that the policy's weight applies.
    """

    mastery: pl.DataFrame
    skills: pl.DataFrame
    prerequisites: pl.DataFrame
    wishes: pl.DataFrame
    roles: pl.DataFrame
    role_profiles: pl.DataFrame
    demand: pl.DataFrame
    preferences: pl.DataFrame = field(default_factory=empty_preferences)

    @cached_property
    def held_skills(self) -> HeldSkills:
        """The held micro-skills of all people as sorted arrays."""
        return index_held_skills(self.mastery, self.skills)


def score_motives(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add the three motives and the columns they are computed from.

    Args:
        steps: One row per person and step: person_id, step_id, skill_id, to_stage and any other column.
        context: The tables that the motives are computed from.

    Returns:
        The same rows with readiness, coverage, mastery, autonomy, wish_skill_id, role_need, demand and purpose.
    """
    return score_purpose(score_autonomy(score_mastery(steps, context), context), context)


def score_mastery(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add mastery = readiness x (1 + coverage) / 2, with readiness and coverage.

    Readiness is the share of the micro-skill's prerequisites that the person holds, 1 if it has none. Coverage is the
    weight of the capability that the person holds at the step's stage or above after the step; 0 if the micro-skill
    belongs to no capability.
    """
    held = context.held_skills
    person, skill = held.encode_people(steps["person_id"]), held.encode_skills(steps["skill_id"])
    goal = steps["to_stage"].replace_strict(STAGE_INDEX, return_dtype=pl.Int64).to_numpy()
    readiness = compute_readiness(held, context.prerequisites, person, skill)
    coverage = _coverage_after_step(held, person, skill, goal)
    return steps.with_columns(
        pl.Series("readiness", readiness),
        pl.Series("coverage", coverage),
        pl.Series("mastery", readiness * (1 + coverage) / 2),
    )


def compute_readiness(held: HeldSkills, prerequisites: pl.DataFrame, person: Ints, skill: Ints) -> Doubles:
    """Compute the share of each micro-skill's prerequisites that the person holds.

    Args:
        held: The held micro-skills.
        prerequisites: skill_id, requires_skill_id.
        person: Code of the person of each pair, shape (pairs,).
        skill: Code of the micro-skill of each pair, shape (pairs,).

    Returns:
        One share per pair, 0 to 1; 1 if the micro-skill has no prerequisite.
    """
    needs = prerequisites.select("skill_id", "requires_skill_id").unique()
    required_by = build_adjacency(
        held.encode_skills(needs["skill_id"]), held.encode_skills(needs["requires_skill_id"]), len(held.skill_ids)
    )
    row, required = required_by.expand(skill)
    is_met = held.stage_lookup.get(held.pair_key(person[row], required)) > 0
    required_count = np.bincount(row, minlength=len(skill))
    met_count = np.bincount(row, is_met, len(skill))
    return np.where(required_count > 0, met_count / np.maximum(required_count, 1), 1.0)


def _coverage_after_step(held: HeldSkills, person: Ints, skill: Ints, goal: Ints) -> Doubles:
    """The covered weight of the capability after each step: the micro-skill's own, plus those held at the goal."""
    capability = held.capability_key(person, skill)
    own_weight = np.where(skill < 0, 0.0, held.weight[skill])
    held_weight = np.zeros(len(skill))
    for stage in np.unique(goal):
        rows = goal == stage
        held_weight[rows] = held.covered_weight(int(stage)).get(capability[rows])
    is_counted = held.stage_lookup.get(held.pair_key(person, skill)) >= np.maximum(goal, 1)
    return np.clip(own_weight + held_weight - np.where(is_counted, own_weight, 0.0), 0.0, 1.0)


def score_autonomy(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add autonomy and wish_skill_id, the micro-skill whose wish it comes from.

    Autonomy is the strongest wish for the micro-skill itself, or half the strongest wish within its capability. It is 0
    if the person's wishes lie elsewhere, and null if the person stated no wish.
    """
    held, wishes = context.held_skills, context.wishes
    wishers = wishes["person_id"].unique().sort()
    wisher, wished_skill = encode_ids(wishes["person_id"], wishers), held.encode_skills(wishes["skill_id"])
    weight = wishes["wish_weight"].fill_null(1.0).to_numpy()
    person, skill = encode_ids(steps["person_id"], wishers), held.encode_skills(steps["skill_id"])
    wished_capability, capability = held.capability_key(wisher, wished_skill), held.capability_key(person, skill)
    own = max_by_key(held.pair_key(wisher, wished_skill), weight).get(held.pair_key(person, skill))
    near = max_by_key(wished_capability, weight).get(capability) * NEAR_WISH
    # the position of the strongest wish per capability; of equal ones the last by micro-skill
    order = np.lexsort((wished_skill, weight, wished_capability))
    strongest = max_by_key(wished_capability[order], np.arange(1.0, len(order) + 1)).get(capability)
    positions = pl.Series(strongest - 1).cast(pl.Int64).replace(-1, None)
    near_skill = held.skill_ids.gather(pl.Series(wished_skill[order], dtype=pl.Int64).gather(positions))
    is_own = (pl.col("_own") >= pl.col("_near")) & (pl.col("_own") > 0)
    return (
        steps.with_columns(
            pl.Series("_has_wish", person >= 0),
            pl.Series("_own", own),
            pl.Series("_near", near),
            near_skill.alias("_near_skill"),
        )
        .with_columns(
            pl.when("_has_wish").then(pl.max_horizontal("_own", "_near")).alias("autonomy"),
            pl.when(is_own).then("skill_id").when(pl.col("_near") > 0).then("_near_skill").alias("wish_skill_id"),
        )
        .drop("_has_wish", "_own", "_near", "_near_skill")
    )


def score_purpose(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add purpose = max(role_need, demand), with both.

    Role_need is 1 if a role of the person calls the micro-skill essential, 1/2 if optional, else 0. Demand is
    log(1 + recent and open work that names the micro-skill), divided by the largest such value of any micro-skill.
    """
    held, profiles = context.held_skills, context.role_profiles
    skill = held.encode_skills(steps["skill_id"])
    roles = profiles["role_name"].unique().sort()
    profile_key = held.pair_key(encode_ids(profiles["role_name"], roles), held.encode_skills(profiles["skill_id"]))
    needs = max_by_key(profile_key, profiles.select(role_need().alias("need"))["need"].to_numpy())
    people = context.roles["person_id"].unique().sort()
    roles_of = build_adjacency(
        encode_ids(context.roles["person_id"], people), encode_ids(context.roles["role_name"], roles), len(people)
    )
    row, role = roles_of.expand(encode_ids(steps["person_id"], people))
    need = np.zeros(steps.height)
    np.maximum.at(need, row, needs.get(held.pair_key(role, skill[row])))
    demand = scale_demand(context.demand)
    demand_of = max_by_key(held.encode_skills(demand["skill_id"]), demand["demand"].to_numpy())
    return steps.with_columns(pl.Series("role_need", need), pl.Series("demand", demand_of.get(skill))).with_columns(
        pl.max_horizontal("role_need", "demand").alias("purpose")
    )


def role_need() -> pl.Expr:
    """Expression for how much a role needs a micro-skill, by its `importance`: 1 if essential, else 1/2."""
    return pl.when(pl.col("importance") == "essential").then(1.0).otherwise(OPTIONAL_NEED)


def scale_demand(demand: pl.DataFrame) -> pl.DataFrame:
    """Scale demand_count per micro-skill to 0..1 on a log scale: skill_id, demand."""
    logs = pl.col("demand_count").cast(pl.Float64).log1p()
    return demand.select("skill_id", (logs / logs.max()).fill_nan(0.0).alias("demand"))
