"""Mastery, autonomy and purpose of a step, each in 0..1 and each with one formula.

Belongs here: the three formulas.
Does not belong here: how they are blended into a list (`ml.recommend`), the sentences about them (`ml.explain`).
"""

from dataclasses import dataclass

import polars as pl

from pipelines.contracts.fields import STAGES

# Wishing for another micro-skill of the same capability is half a wish for this one.
NEAR_WISH = 0.5
# A role that can do without it needs it half as much.
OPTIONAL_NEED = 0.5


@dataclass(frozen=True)
class Surroundings:
    """What motives are measured against, each one row per what its name says.

    mastery: person, micro-skill with stage. skills: micro-skill with capability and weight. prerequisites: micro-skill
    and one it requires. wishes: person_id, skill_id, wish_weight. roles: person_id, role_name. role_profiles: role,
    micro-skill, importance. demand: skill_id, demand_count (recent and open work that names it).
    """

    mastery: pl.DataFrame
    skills: pl.DataFrame
    prerequisites: pl.DataFrame
    wishes: pl.DataFrame
    roles: pl.DataFrame
    role_profiles: pl.DataFrame
    demand: pl.DataFrame


def score_motives(steps: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    """The steps (person_id, step_id, skill_id, to_stage, …), with columns readiness, coverage, mastery, autonomy,
    role_need, demand and purpose added; autonomy is null for a person who stated no wish."""
    return score_purpose(score_autonomy(score_mastery(steps, around), around), around)


def score_mastery(steps: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    """mastery = readiness x (1 + coverage) / 2.

    readiness: share of the micro-skill's prerequisites the person holds, 1 where there are none. coverage: share of the
    capability's weight held at the step's stage or above once the step is taken, 0 where it belongs to no capability.
    """
    stage_index = pl.col("stage").replace_strict({s: i for i, s in enumerate(STAGES)}, return_dtype=pl.Int8)
    held = around.mastery.select("person_id", "skill_id", stage_index.alias("held_index"))
    held = held.filter(pl.col("held_index") > 0)
    return _with_coverage(_with_readiness(steps, around, held), around, held).with_columns(
        (pl.col("readiness") * (1 + pl.col("coverage")) / 2).alias("mastery")
    )


def score_autonomy(steps: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    """autonomy = the strongest wish for the micro-skill itself, or half the strongest within its capability.

    0 for a person whose wishes lie elsewhere; null for one who stated none: silence is not guessed at.
    """
    wishes = around.wishes.group_by("person_id", "skill_id").agg(pl.col("wish_weight").fill_null(1.0).max())
    capability = around.skills.select("skill_id", "capability_id")
    near = wishes.join(capability, on="skill_id").drop_nulls("capability_id")
    near = near.group_by("person_id", "capability_id").agg((pl.col("wish_weight").max() * NEAR_WISH).alias("near_wish"))
    anyone = wishes.select("person_id", pl.lit(0.0).alias("no_wish")).unique()
    found = (
        steps.join(wishes, on=("person_id", "skill_id"), how="left", maintain_order="left")
        .join(capability, on="skill_id", how="left", maintain_order="left")
        .join(near, on=("person_id", "capability_id"), how="left", maintain_order="left")
        .join(anyone, on="person_id", how="left", maintain_order="left")
    )
    strongest = pl.max_horizontal("wish_weight", "near_wish", "no_wish")
    return found.with_columns(strongest.alias("autonomy")).drop("wish_weight", "near_wish", "no_wish", "capability_id")


def score_purpose(steps: pl.DataFrame, around: Surroundings) -> pl.DataFrame:
    """purpose = max(role_need, demand).

    role_need: 1 where the person's role profile calls the micro-skill essential, 1/2 where optional, else 0.
    demand: log(1 + recent and open work naming it), over the largest such value of any micro-skill.
    """
    need = pl.when(pl.col("importance") == "essential").then(1.0).otherwise(OPTIONAL_NEED)
    profiles = around.role_profiles.select("role_name", "skill_id", need.alias("role_need"))
    needs = around.roles.join(profiles, on="role_name").select("person_id", "skill_id", "role_need")
    needs = needs.group_by("person_id", "skill_id").agg(pl.col("role_need").max())
    logs = pl.col("demand_count").cast(pl.Float64).log1p()
    demand = around.demand.select("skill_id", (logs / logs.max()).fill_nan(0.0).alias("demand"))
    found = steps.join(needs, on=("person_id", "skill_id"), how="left", maintain_order="left")
    found = found.join(demand, on="skill_id", how="left", maintain_order="left")
    found = found.with_columns(pl.col("role_need", "demand").fill_null(0.0))
    return found.with_columns(pl.max_horizontal("role_need", "demand").alias("purpose"))


def _with_readiness(steps: pl.DataFrame, around: Surroundings, held: pl.DataFrame) -> pl.DataFrame:
    required = steps.select("person_id", "step_id", "skill_id").join(around.prerequisites, on="skill_id")
    met = required.join(
        held.select("person_id", pl.col("skill_id").alias("requires_skill_id"), pl.lit(1.0).alias("met")),
        on=("person_id", "requires_skill_id"),
        how="left",
    )
    share = met.group_by("person_id", "step_id").agg(pl.col("met").fill_null(0.0).mean().alias("readiness"))
    found = steps.join(share, on=("person_id", "step_id"), how="left", maintain_order="left")
    return found.with_columns(pl.col("readiness").fill_null(1.0))


def _with_coverage(steps: pl.DataFrame, around: Surroundings, held: pl.DataFrame) -> pl.DataFrame:
    weights = around.skills.select("skill_id", "capability_id", pl.col("capability_weight").alias("weight"))
    weights = weights.drop_nulls("capability_id")
    even = 1.0 / pl.len().over("capability_id")
    weights = weights.with_columns(pl.coalesce("weight", even).alias("weight"))
    weights = weights.with_columns(pl.col("weight") / pl.col("weight").sum().over("capability_id"))
    goal = pl.col("to_stage").replace_strict({s: i for i, s in enumerate(STAGES)}, return_dtype=pl.Int8)
    wanted = steps.select("person_id", "step_id", "skill_id", goal.alias("goal")).join(weights, on="skill_id")
    others = wanted.select("person_id", "step_id", "goal", "capability_id", pl.col("skill_id").alias("own"), "weight")
    owned = held.join(weights.rename({"weight": "held_weight"}), on="skill_id")
    pairs = others.join(owned, on=("person_id", "capability_id"), how="left").filter(
        (pl.col("held_index") >= pl.col("goal")) & (pl.col("skill_id") != pl.col("own"))
    )
    beside = pairs.group_by("person_id", "step_id").agg(pl.col("held_weight").sum().alias("beside"))
    covered = others.join(beside, on=("person_id", "step_id"), how="left")
    covered = covered.select(
        "person_id", "step_id", (pl.col("weight") + pl.col("beside").fill_null(0.0)).clip(0, 1).alias("coverage")
    )
    found = steps.join(covered, on=("person_id", "step_id"), how="left", maintain_order="left")
    return found.with_columns(pl.col("coverage").fill_null(0.0))
