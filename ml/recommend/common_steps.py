"""Common and novel steps: what most people of a person's unit hold already, and how unexpected a step is.

Belongs here: which steps are common in a unit, the novelty of a step, and the limit of common steps in a list.
Does not belong here: the order of a list (`ml.recommend.reranking`).
"""

from dataclasses import dataclass

import polars as pl

from pipelines.contracts.columns import STAGES, stage_index
from pipelines.contracts.policy import RecommendationPolicy

# A step is common in a unit if more than this share of its people hold the micro-skill at the step's stage or above.
COMMON_SHARE = 0.5
_STEP = ("skill_id", "to_stage")
UNIT_MEMBER_SCHEMA = {"person_id": pl.String, "unit_name": pl.String}
COMMON_STEP_SCHEMA = {"unit_name": pl.String, "skill_id": pl.String, "to_stage": pl.String}
STEP_NOVELTY_SCHEMA = {"skill_id": pl.String, "to_stage": pl.String, "novelty": pl.Float64}


@dataclass(frozen=True)
class HeldSteps:
    """What the people of a company hold, as counts that name nobody.

    Attributes:
        unit_members: One row per employed person with a unit: person_id, unit_name.
        common_steps: One row per unit and common step: unit_name, skill_id, to_stage.
        step_novelty: One row per micro-skill and stage: skill_id, to_stage, novelty.
    """

    unit_members: pl.DataFrame
    common_steps: pl.DataFrame
    step_novelty: pl.DataFrame


def count_held_steps(
    mastery: pl.DataFrame, people: pl.DataFrame, skills: pl.DataFrame, minimum_people: int
) -> HeldSteps:
    """Find the common steps of each unit, and compute the novelty of each step.

    The novelty of a step is its self-information in bits, -log2((holders + 1) / (people + 1)), where holders have the
    micro-skill at the step's stage or above (Zhou et al., PNAS 2010). Fewer holders than `minimum_people` count as
    `minimum_people`, so that nobody can be recognised. A step with fewer holders in a unit is not common in it.

    Args:
        mastery: person_id, skill_id, stage; without what people object to.
        people: The employed people: person_id, unit_name.
        skills: skill_id of every micro-skill.
        minimum_people: The smallest number of people that a count may describe.
    """
    holdings = pl.concat(
        mastery.filter(stage_index("stage") >= goal_index).select("person_id", "skill_id", to_stage=pl.lit(goal_stage))
        for goal_index, goal_stage in enumerate(STAGES)
        if goal_index
    ).join(people, on="person_id")
    unit_members = people.drop_nulls("unit_name").select("person_id", "unit_name")
    unit_sizes = unit_members.group_by("unit_name").agg(pl.len().alias("unit_size"))
    common_steps = (
        holdings.drop_nulls("unit_name")
        .group_by("unit_name", *_STEP)
        .agg(pl.len().alias("holder_count"))
        .join(unit_sizes, on="unit_name")
        .filter(
            pl.col("holder_count") >= minimum_people,
            pl.col("holder_count") > COMMON_SHARE * pl.col("unit_size").cast(float),
        )
        .select(COMMON_STEP_SCHEMA.keys())
        .sort(COMMON_STEP_SCHEMA.keys())
    )
    holder_count = pl.col("holder_count").fill_null(0).clip(lower_bound=minimum_people)
    novelty = -((holder_count + 1) / (people.height + 1)).log(2)
    step_novelty = (
        skills.select("skill_id")
        .join(pl.DataFrame({"to_stage": STAGES[1:]}), how="cross")
        .join(holdings.group_by(_STEP).agg(pl.len().alias("holder_count")), on=_STEP, how="left")
        # of fewer than `minimum_people` people at least so many cannot hold it
        .select(*_STEP, novelty.clip(lower_bound=0.0).alias("novelty"))
    )
    return HeldSteps(unit_members, common_steps, step_novelty)


def add_commonness(
    steps: pl.DataFrame, unit_members: pl.DataFrame, common_steps: pl.DataFrame, step_novelty: pl.DataFrame
) -> pl.DataFrame:
    """Add is_common, whether the step is common in the person's unit, and its novelty.

    The person does not hold a common step yet. A refresh is of a held micro-skill, so it is not common.

    Args:
        steps: One row per person and step: person_id, skill_id, to_stage, kind and any other column.
        unit_members: As in `HeldSteps`.
        common_steps: As in `HeldSteps`.
        step_novelty: As in `HeldSteps`.
    """
    common_flags = common_steps.with_columns(is_common=pl.lit(True))
    return (
        steps.join(unit_members, on="person_id", how="left", maintain_order="left")
        .join(common_flags, on=("unit_name", *_STEP), how="left", maintain_order="left")
        .join(step_novelty, on=_STEP, how="left", maintain_order="left")
        .with_columns(pl.col("is_common").fill_null(False) & (pl.col("kind") != "refresh"))
        .drop("unit_name")
    )


def limit_common_steps(ordered_steps: pl.DataFrame, policy: RecommendationPolicy) -> pl.DataFrame:
    """Drop the common steps of each person beyond the first `common_steps`; accepted steps stay, and count.

    Args:
        ordered_steps: One row per person and step, of each person the best first: person_id, is_common, is_accepted.
        policy: The company's policy.

    Returns:
        The remaining rows in the same order, with displaced_count: the dropped steps that were among the person's
        first `list_length`.
    """
    is_dropped = (
        pl.col("is_common")
        & ~pl.col("is_accepted")
        & (pl.col("is_common").cum_sum().over("person_id") > policy.common_steps)
    )
    is_displaced = is_dropped & (pl.int_range(pl.len()).over("person_id") < policy.list_length)
    return (
        ordered_steps.with_columns(
            is_dropped.alias("is_dropped"), is_displaced.sum().over("person_id").cast(pl.Int64).alias("displaced_count")
        )
        .filter(~pl.col("is_dropped"))
        .drop("is_dropped")
    )
