"""Reranking: from ranked candidates to the list of each person, and from lists to rows of `out__next_skill`.

Belongs here: eligible steps, the weighted score, variety, list length, and the rows of people without a list.
Does not belong here: the model (`ml.ranking.recommender`), the formulas of the motives (`ml.recommend.motives`).
"""

from itertools import pairwise

import polars as pl

from ml.recommend.action_text import add_how_text, write_counterfactuals
from ml.recommend.common_steps import add_commonness, limit_common_steps
from ml.recommend.explanation_facts import add_explanation_facts
from ml.recommend.explanations import explain_steps
from ml.recommend.motives import RecommendationContext, score_motives
from pipelines.contracts.columns import STAGES, stage_index
from pipelines.contracts.output_tables import NEXT_SKILL, ROW_METADATA_COLUMNS
from pipelines.contracts.policy import RecommendationPolicy, ScoreWeights

MOTIVES = ("mastery", "autonomy", "purpose")
# The columns of `out__next_skill` that this module fills.
_FILLED_COLUMNS = tuple(
    column for column in NEXT_SKILL.column_names if column not in (*ROW_METADATA_COLUMNS, "model_version", "is_hidden")
)


def describe_steps(person_steps: pl.DataFrame, mastery: pl.DataFrame) -> pl.DataFrame:
    """Add what a step's id and the person's stage say about the step.

    Args:
        person_steps: One row per person and step: person_id, step_id and any other column.
        mastery: person_id, skill_id, stage.

    Returns:
        The same rows with skill_id, kind (new, deepen or refresh), from_stage and to_stage.
    """
    current_stages = mastery.select("person_id", "skill_id", pl.col("stage").alias("from_stage"))
    is_refresh, is_first_stage = pl.col("goal") == "refresh", pl.col("goal") == STAGES[1]
    step_kind = pl.when(is_refresh).then(pl.lit("refresh")).when(is_first_stage).then(pl.lit("new"))
    return (
        person_steps.with_columns(
            # a skill_id may contain the separator, a goal never does: split at the last one
            pl.col("step_id").str.replace(r"\|[^|]*$", "").alias("skill_id"),
            pl.col("step_id").str.extract(r"\|([^|]*)$", 1).alias("goal"),
        )
        .join(current_stages, on=("person_id", "skill_id"), how="left", maintain_order="left")
        .with_columns(pl.col("from_stage").fill_null(STAGES[0]))
        .with_columns(
            step_kind.otherwise(pl.lit("deepen")).alias("kind"),
            pl.when(is_refresh).then("from_stage").otherwise("goal").alias("to_stage"),
        )
        .drop("goal")
    )


def filter_eligible_steps(steps: pl.DataFrame, mastery: pl.DataFrame) -> pl.DataFrame:
    """Keep the steps that a person can take now: one stage up, or a refresh of a rusty micro-skill.

    Args:
        steps: Steps as `describe_steps` returns them.
        mastery: person_id, skill_id, is_rusty.

    Returns:
        The eligible rows in the same order.
    """
    rusty_flags = mastery.select("person_id", "skill_id", "is_rusty")
    is_next_stage = stage_index("to_stage") == stage_index("from_stage") + 1
    return (
        steps.join(rusty_flags, on=("person_id", "skill_id"), how="left", maintain_order="left")
        .filter(pl.when(pl.col("kind") == "refresh").then(pl.col("is_rusty").fill_null(False)).otherwise(is_next_stage))
        .drop("is_rusty")
    )


def find_deepening_steps(mastery: pl.DataFrame, person_ids: pl.Series) -> pl.DataFrame:
    """Find the step to the next stage of every micro-skill that is held below master.

    The ranker does not know a step that nobody in the history has reached; this function finds it nevertheless.

    Args:
        mastery: person_id, skill_id, stage.
        person_ids: Ids of the people to find steps for.

    Returns:
        One row per person and held micro-skill: person_id, skill_id, step_id, kind, from_stage, to_stage.
    """
    next_stage_by_stage = dict(pairwise(STAGES[1:]))
    next_stage = pl.col("stage").replace_strict(next_stage_by_stage, return_dtype=pl.String)
    return mastery.filter(
        pl.col("stage").is_in(list(next_stage_by_stage)) & pl.col("person_id").is_in(person_ids.implode())
    ).select(
        "person_id",
        "skill_id",
        pl.concat_str("skill_id", next_stage, separator="|").alias("step_id"),
        pl.lit("deepen").alias("kind"),
        pl.col("stage").alias("from_stage"),
        next_stage.alias("to_stage"),
    )


def build_recommendation_rows(
    listed_steps: pl.DataFrame,
    counterfactuals: pl.DataFrame,
    context: RecommendationContext,
    practice_options: pl.DataFrame,
    people: pl.DataFrame,
    policy: RecommendationPolicy,
    time_texts: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Build the rows of `out__next_skill`, without the metadata of the run.

    Args:
        listed_steps: One row per person and listed step, as `rerank_candidates` returns them.
        counterfactuals: Counterfactuals, as `find_counterfactuals` returns them.
        context: The tables that explanations name.
        practice_options: One row per micro-skill; see `add_how_text`.
        people: person_id of everyone who gets a row, and no_recommendation_reason, as
            `find_no_recommendation_reasons` returns them.
        policy: The company's policy.
        time_texts: How long people took to reach each step; see `add_how_text`.

    Returns:
        One row per person and listed step, best first; one row with no_recommendation_reason per person without a list.
    """
    steps_with_facts = add_explanation_facts(listed_steps, context)
    list_rows = (
        add_how_text(explain_steps(steps_with_facts), practice_options, policy.minimum_people, time_texts)
        .join(write_counterfactuals(counterfactuals, context.skills), on=("person_id", "skill_id"), how="left")
        .with_columns(pl.lit(None, pl.String).alias("no_recommendation_reason"))
        .select(_FILLED_COLUMNS)
    )
    people_with_evidence = context.mastery.select("person_id", pl.lit(True).alias("has_evidence")).unique()
    no_list_reason = pl.coalesce(
        "no_recommendation_reason",
        pl.when("has_evidence").then(pl.lit("nothing_eligible")).otherwise(pl.lit("too_little_evidence")),
    )
    rows_without_list = (
        people.select("person_id", "no_recommendation_reason")
        .unique("person_id")
        .join(list_rows, on="person_id", how="anti")
        .join(people_with_evidence, on="person_id", how="left")
        .select("person_id", no_list_reason.alias("no_recommendation_reason"))
    )
    return pl.concat([list_rows, rows_without_list], how="diagonal").sort("person_id", "rank")


def rerank_candidates(
    candidates: pl.DataFrame, context: RecommendationContext, policy: RecommendationPolicy
) -> pl.DataFrame:
    """Apply the company's policy to the model's candidates.

    Args:
        candidates: One row per person and step: person_id, step_id, skill_id, kind, from_stage, to_stage, probability,
            utility (the ranker's raw score), is_accepted (whether the person accepted the step) and one
            contribution_<family> column per feature family of the ranker.
        context: The tables that the motives are computed from.
        policy: The company's policy.

    Returns:
        One row per person and listed step, with rank from 1, the motives, score and its parts, novelty, the names of
        micro-skill and capability, and displaced_count (see `limit_common_steps`). Contributions are relative to the
        mean over the person's candidates.
    """
    contributions = pl.col("^contribution_.*$")
    steps = add_names(candidates, context).with_columns(contributions - contributions.mean().over("person_id"))
    return select_listed_steps(
        add_blended_score(score_motives(steps, context), policy.weights, context.preferences), policy
    )


def add_names(candidates: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """Add skill_name, capability_name, is_common and novelty to candidates (person_id, skill_id, to_stage, kind)."""
    skill_names = context.skills.select("skill_id", "skill_name", "capability_name")
    named_candidates = candidates.join(skill_names, on="skill_id", how="left", maintain_order="left")
    return add_commonness(named_candidates, context.unit_members, context.common_steps, context.step_novelty)


def add_blended_score(steps: pl.DataFrame, policy_weights: ScoreWeights, preferences: pl.DataFrame) -> pl.DataFrame:
    """Add `score`, the weighted mean of the relative probability and the motives, and its parts.

    A motive that is null has no weight. The parts are part_probability, part_mastery, part_autonomy and part_purpose;
    they sum to the score.

    Args:
        steps: One row per person and step: person_id, probability, utility, mastery, autonomy, purpose.
        policy_weights: The policy's weights.
        preferences: The weights that people chose; a weight that is not null replaces the policy's.
    """
    return add_score(add_relative_probability(steps), policy_weights, preferences)


def add_relative_probability(steps: pl.DataFrame) -> pl.DataFrame:
    """Add `relative`, the step's probability divided by the best probability of the same person.

    Probabilities of a busy and of a quiet person differ by orders of magnitude, motives do not. If there is no
    probability, or it is the same base rate for all steps of the person, the softmax of the utility is used; a step
    that the model does not know gets 0.
    """
    probability = pl.col("probability")
    is_base_rate = ((probability.max() == probability.min()) & (probability.min() > 0)).over("person_id")
    step_likelihood = pl.coalesce(
        pl.when(~is_base_rate).then(probability),
        (pl.col("utility") - pl.col("utility").max().over("person_id")).exp(),
        probability,
    ).fill_null(0.0)
    return steps.with_columns(
        (step_likelihood / step_likelihood.max().over("person_id")).fill_nan(0.0).alias("relative")
    )


def add_score(steps: pl.DataFrame, policy_weights: ScoreWeights, preferences: pl.DataFrame) -> pl.DataFrame:
    """Add `score` and its parts to steps with `relative` and the motives; see `add_blended_score`."""
    column_and_weight_by_term = {"probability": ("relative", pl.lit(policy_weights.probability))}
    column_and_weight_by_term |= {
        motive: (motive, pl.col(f"{motive}_weight").fill_null(getattr(policy_weights, motive))) for motive in MOTIVES
    }
    total_weight = pl.sum_horizontal(
        pl.when(pl.col(column).is_not_null()).then(term_weight).otherwise(0.0)
        for column, term_weight in column_and_weight_by_term.values()
    )
    return (
        steps.join(preferences, on="person_id", how="left", maintain_order="left")
        .with_columns(
            (pl.col(column) * term_weight / total_weight).fill_nan(0.0).alias(f"part_{score_term}")
            for score_term, (column, term_weight) in column_and_weight_by_term.items()
        )
        .with_columns(
            pl.sum_horizontal(f"part_{score_term}" for score_term in column_and_weight_by_term).alias("score")
        )
        .drop("relative", *(f"{motive}_weight" for motive in MOTIVES))
    )


def mark_accepted_steps(steps: pl.DataFrame, accepted_steps: pl.DataFrame) -> pl.DataFrame:
    """Add is_accepted, whether the person accepted the step.

    Args:
        steps: One row per person and step: person_id, step_id and any other column.
        accepted_steps: The accepted steps: person_id, step_id.
    """
    accepted_step_flags = accepted_steps.select("person_id", "step_id", pl.lit(True).alias("is_accepted"))
    return steps.join(accepted_step_flags, on=("person_id", "step_id"), how="left", maintain_order="left").with_columns(
        pl.col("is_accepted").fill_null(False)
    )


def select_listed_steps(steps: pl.DataFrame, policy: RecommendationPolicy) -> pl.DataFrame:
    """Select the first `list_length` steps of each person and rank them from 1.

    Accepted steps come first and stay on the list whatever its length. A micro-skill has one step on a list. Of the
    steps that are common in the person's unit, the first `common_steps` stay; steps beyond `per_capability` of one
    capability come after all others.
    """
    # only the columns that decide are sorted, the other columns are gathered for the listed rows
    group_name = pl.col("capability_name").fill_null(pl.col("skill_id")).alias("group")
    is_surplus, is_regular = pl.col("is_surplus"), ~pl.col("is_surplus")
    # surplus steps come last in their own order; accepted steps come first and are never surplus
    surplus_rank = is_regular.sum().over("person_id") + is_surplus.cum_sum().over("person_id")
    rank = pl.when(is_surplus).then(surplus_rank).otherwise(is_regular.cum_sum().over("person_id")).cast(pl.Int64)
    position_in_group = pl.int_range(pl.len()).over("person_id", "group")
    ranked_rows = (
        steps.select("person_id", "is_accepted", "is_common", "score", "step_id", "skill_id", group_name)
        .with_row_index("row")
        .sort("person_id", "is_accepted", "score", "step_id", descending=[False, True, True, False])
        .unique(("person_id", "skill_id"), keep="first", maintain_order=True)
        .pipe(limit_common_steps, policy)
        .with_columns(((position_in_group >= policy.per_capability) & ~pl.col("is_accepted")).alias("is_surplus"))
        .with_columns(rank.alias("rank"))
        .filter((pl.col("rank") <= policy.list_length) | pl.col("is_accepted"))
        .sort("person_id", "rank")
    )
    return steps[ranked_rows["row"]].with_columns(ranked_rows["rank"], ranked_rows["displaced_count"])
