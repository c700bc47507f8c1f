"""Facts for the sentence about a step: what the person holds, wishes for and works as, and the demand.

Belongs here: the columns that an explanation can name.
Does not belong here: the words (`ml.recommend.explanations`), the values of the motives (`ml.recommend.motives`).
"""

import polars as pl

from ml.recommend.capability_coverage import add_combinations
from ml.recommend.motives import RecommendationContext
from pipelines.contracts.columns import stage_index

# A sentence names at most this many micro-skills of one kind.
_MAX_SKILL_NAMES = 2
_STEP_KEY = ("person_id", "skill_id")


def add_explanation_facts(listed_steps: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add the facts that an explanation can name.

    Args:
        listed_steps: One row per person and micro-skill, as `rerank_candidates` returns them.
        context: The tables that the facts are looked up in.

    Returns:
        The same rows with combines_with and builds_on (names of at most two held micro-skills each, may be empty),
        needed_by (a role) and is_essential, wished_name and is_own_wish, and demand_count (null if unknown).
    """
    held_skill_names = context.skills.select(
        pl.col("skill_id").alias("held_id"), pl.col("skill_name").alias("held_name")
    )
    held_skills = (
        context.mastery.select(
            "person_id", pl.col("skill_id").alias("held_id"), stage_index("stage").alias("held_stage")
        )
        .filter(pl.col("held_stage") > 0)
        .join(held_skill_names, on="held_id")
    )
    # required micro-skills that the person holds, the best held first
    required_held_names = (
        listed_steps.select(_STEP_KEY)
        .join(context.prerequisites.select("skill_id", pl.col("requires_skill_id").alias("held_id")), on="skill_id")
        .join(held_skills, on=("person_id", "held_id"))
        .sort("held_stage", "held_name", descending=[True, False])
        .group_by(_STEP_KEY, maintain_order=True)
        .agg(pl.col("held_name").head(_MAX_SKILL_NAMES).alias("builds_on"))
    )
    # the role of the person that needs the micro-skill most
    is_essential = (pl.col("importance") == "essential").alias("is_essential")
    needing_roles = (
        listed_steps.select(_STEP_KEY)
        .join(context.roles, on="person_id")
        .join(context.role_profiles.select("skill_id", "role_name", is_essential), on=("skill_id", "role_name"))
        .sort("is_essential", "role_name", descending=[True, False])
        .unique(_STEP_KEY, keep="first", maintain_order=True)
        .rename({"role_name": "needed_by"})
    )
    wished_names = context.skills.select(
        pl.col("skill_id").alias("wish_skill_id"), pl.col("skill_name").alias("wished_name")
    )
    return (
        add_combinations(listed_steps, context.mastery, context.skills)
        .join(required_held_names, on=_STEP_KEY, how="left", maintain_order="left")
        .join(needing_roles, on=_STEP_KEY, how="left", maintain_order="left")
        .join(wished_names, on="wish_skill_id", how="left", maintain_order="left")
        .join(context.demand.select("skill_id", "demand_count"), on="skill_id", how="left", maintain_order="left")
        .with_columns(
            pl.col("combines_with").list.head(_MAX_SKILL_NAMES),
            pl.col("builds_on").fill_null(pl.lit([], pl.List(pl.String))),
            (pl.col("wish_skill_id") == pl.col("skill_id")).alias("is_own_wish"),
        )
    )
