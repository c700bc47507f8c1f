"""Facts: what a sentence about a step may name, drawn from the person's own data and the organisation's.

Belongs here: the held micro-skills a step combines with and builds on, the wish behind it, the role, the demand.
Does not belong here: the words (`ml.recommend.explanations`), the numbers of the motives (`ml.recommend.motives`).
"""

import polars as pl

from ml.recommend.capability_coverage import name_combinations
from ml.recommend.motives import RecommendationContext
from pipelines.contracts.columns import STAGES

# A sentence with more names than this is a list.
_NAMES = 2
_STEP = ("person_id", "skill_id")
_INDEX = {stage: index for index, stage in enumerate(STAGES)}


def gather_facts(listed: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """The listed steps with columns added: combines_with and builds_on (names of micro-skills held, at most two each),
    wished_name and is_own_wish, needed_by (the role) and is_essential, demand_count; null or empty where there is none.

    listed: of `list_steps`, one row per person and micro-skill.
    """
    listed = name_combinations(listed, context.mastery, context.skills)
    for found in (_built_on(listed, context), _needed(listed, context)):
        listed = listed.join(found, on=_STEP, how="left", maintain_order="left")
    wished = context.skills.select(pl.col("skill_id").alias("wish_skill_id"), pl.col("skill_name").alias("wished_name"))
    listed = listed.join(wished, on="wish_skill_id", how="left", maintain_order="left")
    listed = listed.join(
        context.demand.select("skill_id", "demand_count"), on="skill_id", how="left", maintain_order="left"
    )
    return listed.with_columns(
        pl.col("combines_with").list.head(_NAMES),
        pl.col("builds_on").fill_null(pl.lit([], pl.List(pl.String))),
        (pl.col("wish_skill_id") == pl.col("skill_id")).alias("is_own_wish"),
    )


def _held(context: RecommendationContext) -> pl.DataFrame:
    index = pl.col("stage").replace_strict(_INDEX, return_dtype=pl.Int8)
    held = context.mastery.select("person_id", pl.col("skill_id").alias("held_id"), index.alias("held"))
    names = context.skills.select(pl.col("skill_id").alias("held_id"), pl.col("skill_name").alias("held_name"))
    return held.filter(pl.col("held") > 0).join(names, on="held_id")


def _built_on(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """The micro-skills that the step requires and the person holds, the best held first."""
    needs = context.prerequisites.select("skill_id", pl.col("requires_skill_id").alias("held_id"))
    pairs = steps.select(_STEP).join(needs, on="skill_id").join(_held(context), on=("person_id", "held_id"))
    pairs = pairs.sort("held", "held_name", descending=[True, False])
    return pairs.group_by(_STEP, maintain_order=True).agg(pl.col("held_name").head(_NAMES).alias("builds_on"))


def _needed(steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """The role of the person that needs the micro-skill most."""
    essential = (pl.col("importance") == "essential").alias("is_essential")
    needs = context.role_profiles.select("skill_id", "role_name", essential)
    pairs = steps.select(_STEP).join(context.roles, on="person_id").join(needs, on=("skill_id", "role_name"))
    pairs = pairs.sort("is_essential", "role_name", descending=[True, False])
    return pairs.unique(_STEP, keep="first", maintain_order=True).rename({"role_name": "needed_by"})
