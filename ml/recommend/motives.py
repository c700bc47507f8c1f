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
from ml.recommend.common_steps import COMMON_STEP_SCHEMA, STEP_NOVELTY_SCHEMA, UNIT_MEMBER_SCHEMA
from pipelines.contracts.columns import MOTIVE_WEIGHT_COLUMNS, STAGE_INDEX

# A wish for another micro-skill of the same capability counts half.
CAPABILITY_WISH_SHARE = 0.5
# An optional micro-skill of a role counts half as much as an essential one.
OPTIONAL_NEED_SHARE = 0.5


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
        unit_members: One row per person with a unit: person_id, unit_name.
        common_steps: One row per unit and step that is common in it: unit_name, skill_id, to_stage.
        step_novelty: One row per micro-skill and stage: skill_id, to_stage, novelty.
    """

    mastery: pl.DataFrame
    skills: pl.DataFrame
    prerequisites: pl.DataFrame
    wishes: pl.DataFrame
    roles: pl.DataFrame
    role_profiles: pl.DataFrame
    demand: pl.DataFrame
    preferences: pl.DataFrame = field(default_factory=empty_preferences)
    unit_members: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNIT_MEMBER_SCHEMA))
    common_steps: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COMMON_STEP_SCHEMA))
    step_novelty: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=STEP_NOVELTY_SCHEMA))

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
    held_skills = context.held_skills
    person_codes = held_skills.encode_people(steps["person_id"])
    skill_codes = held_skills.encode_skills(steps["skill_id"])
    goal_stages = steps["to_stage"].replace_strict(STAGE_INDEX, return_dtype=pl.Int64).to_numpy()
    readiness = compute_readiness(held_skills, context.prerequisites, person_codes, skill_codes)
    coverage = _compute_coverage_after_step(held_skills, person_codes, skill_codes, goal_stages)
    return steps.with_columns(
        pl.Series("readiness", readiness),
        pl.Series("coverage", coverage),
        pl.Series("mastery", readiness * (1 + coverage) / 2),
    )


def compute_readiness(
    held_skills: HeldSkills, prerequisites: pl.DataFrame, person_codes: Ints, skill_codes: Ints
) -> Doubles:
    """Compute the share of each micro-skill's prerequisites that the person holds.

    Args:
        held_skills: The held micro-skills.
        prerequisites: skill_id, requires_skill_id.
        person_codes: Code of the person of each pair, shape (pairs,).
        skill_codes: Code of the micro-skill of each pair, shape (pairs,).

    Returns:
        One share per pair, 0 to 1; 1 if the micro-skill has no prerequisite.
    """
    prerequisite_pairs = prerequisites.select("skill_id", "requires_skill_id").unique()
    required_skills = build_adjacency(
        held_skills.encode_skills(prerequisite_pairs["skill_id"]),
        held_skills.encode_skills(prerequisite_pairs["requires_skill_id"]),
        len(held_skills.skill_ids),
    )
    linked_pair_indices, required_codes = required_skills.expand(skill_codes)
    is_met = held_skills.stage_lookup.get(held_skills.pair_key(person_codes[linked_pair_indices], required_codes)) > 0
    required_counts = np.bincount(linked_pair_indices, minlength=len(skill_codes))
    met_counts = np.bincount(linked_pair_indices, is_met, len(skill_codes))
    return np.where(required_counts > 0, met_counts / np.maximum(required_counts, 1), 1.0)


def _compute_coverage_after_step(
    held_skills: HeldSkills, person_codes: Ints, skill_codes: Ints, goal_stages: Ints
) -> Doubles:
    """The covered weight of the capability after each step: the weight of the step's micro-skill plus the weights of
    those held at the step's stage or above."""
    capability_keys = held_skills.capability_key(person_codes, skill_codes)
    step_skill_weights = np.where(skill_codes < 0, 0.0, held_skills.weight[skill_codes])
    held_weights = np.zeros(len(skill_codes))
    for goal_stage in np.unique(goal_stages):
        has_goal_stage = goal_stages == goal_stage
        held_weights[has_goal_stage] = held_skills.covered_weight(int(goal_stage)).get(capability_keys[has_goal_stage])
    is_already_counted = held_skills.stage_lookup.get(held_skills.pair_key(person_codes, skill_codes)) >= np.maximum(
        goal_stages, 1
    )
    return np.clip(step_skill_weights + held_weights - np.where(is_already_counted, step_skill_weights, 0.0), 0.0, 1.0)


def score_autonomy(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add autonomy and wish_skill_id, the micro-skill whose wish it comes from.

    Autonomy is the strongest wish for the micro-skill itself, or half the strongest wish within its capability. It is 0
    if the person's wishes lie elsewhere, and null if the person stated no wish.
    """
    held_skills, wishes = context.held_skills, context.wishes
    wisher_ids = wishes["person_id"].unique().sort()
    wisher_codes = encode_ids(wishes["person_id"], wisher_ids)
    wished_skill_codes = held_skills.encode_skills(wishes["skill_id"])
    wish_weights = wishes["wish_weight"].fill_null(1.0).to_numpy()
    person_codes, skill_codes = encode_ids(steps["person_id"], wisher_ids), held_skills.encode_skills(steps["skill_id"])
    wished_capability_keys = held_skills.capability_key(wisher_codes, wished_skill_codes)
    capability_keys = held_skills.capability_key(person_codes, skill_codes)
    skill_wish_weights = max_by_key(held_skills.pair_key(wisher_codes, wished_skill_codes), wish_weights).get(
        held_skills.pair_key(person_codes, skill_codes)
    )
    capability_wish_weights = (
        max_by_key(wished_capability_keys, wish_weights).get(capability_keys) * CAPABILITY_WISH_SHARE
    )
    # the position of the strongest wish per capability; of equal ones the last by micro-skill
    wish_order = np.lexsort((wished_skill_codes, wish_weights, wished_capability_keys))
    strongest_wish_positions = max_by_key(wished_capability_keys[wish_order], np.arange(1.0, len(wish_order) + 1)).get(
        capability_keys
    )
    strongest_position_or_null = pl.Series(strongest_wish_positions - 1).cast(pl.Int64).replace(-1, None)
    capability_wish_skill_ids = held_skills.skill_ids.gather(
        pl.Series(wished_skill_codes[wish_order], dtype=pl.Int64).gather(strongest_position_or_null)
    )
    is_own_strongest = (pl.col("_own") >= pl.col("_near")) & (pl.col("_own") > 0)
    return (
        steps.with_columns(
            pl.Series("_has_wish", person_codes >= 0),
            pl.Series("_own", skill_wish_weights),
            pl.Series("_near", capability_wish_weights),
            capability_wish_skill_ids.alias("_near_skill"),
        )
        .with_columns(
            pl.when("_has_wish").then(pl.max_horizontal("_own", "_near")).alias("autonomy"),
            pl.when(is_own_strongest)
            .then("skill_id")
            .when(pl.col("_near") > 0)
            .then("_near_skill")
            .alias("wish_skill_id"),
        )
        .drop("_has_wish", "_own", "_near", "_near_skill")
    )


def score_purpose(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add purpose = max(role_need, demand), with both.

    Role_need is 1 if a role of the person calls the micro-skill essential, 1/2 if optional, else 0. Demand is
    log(1 + recent and open work that names the micro-skill), divided by the largest such value of any micro-skill.
    """
    held_skills, role_profiles = context.held_skills, context.role_profiles
    skill_codes = held_skills.encode_skills(steps["skill_id"])
    role_names = role_profiles["role_name"].unique().sort()
    role_skill_keys = held_skills.pair_key(
        encode_ids(role_profiles["role_name"], role_names), held_skills.encode_skills(role_profiles["skill_id"])
    )
    need_by_role_skill = max_by_key(
        role_skill_keys, role_profiles.select(build_role_need().alias("need"))["need"].to_numpy()
    )
    person_ids = context.roles["person_id"].unique().sort()
    roles_by_person = build_adjacency(
        encode_ids(context.roles["person_id"], person_ids),
        encode_ids(context.roles["role_name"], role_names),
        len(person_ids),
    )
    linked_step_indices, linked_role_codes = roles_by_person.expand(encode_ids(steps["person_id"], person_ids))
    step_needs = np.zeros(steps.height)
    np.maximum.at(
        step_needs,
        linked_step_indices,
        need_by_role_skill.get(held_skills.pair_key(linked_role_codes, skill_codes[linked_step_indices])),
    )
    scaled_demand = scale_demand(context.demand)
    demand_by_skill = max_by_key(
        held_skills.encode_skills(scaled_demand["skill_id"]), scaled_demand["demand"].to_numpy()
    )
    return steps.with_columns(
        pl.Series("role_need", step_needs), pl.Series("demand", demand_by_skill.get(skill_codes))
    ).with_columns(pl.max_horizontal("role_need", "demand").alias("purpose"))


def build_role_need() -> pl.Expr:
    """Expression for how much a role needs a micro-skill, by its `importance`: 1 if essential, else 1/2."""
    return pl.when(pl.col("importance") == "essential").then(1.0).otherwise(OPTIONAL_NEED_SHARE)


def scale_demand(demand: pl.DataFrame) -> pl.DataFrame:
    """Scale demand_count per micro-skill to 0..1 on a log scale: skill_id, demand."""
    log_demand = pl.col("demand_count").cast(pl.Float64).log1p()
    return demand.select("skill_id", (log_demand / log_demand.max()).fill_nan(0.0).alias("demand"))
