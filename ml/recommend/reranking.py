"""Ranked steps to rows people read: the declared blend, variety, the reasons, and the rows that say no.

Belongs here: the policy after the model: order, variety, list length, who gets a reason instead of a list.
Does not belong here: the model (`ml.ranking.recommender`), the motives' formulas (`ml.recommend.motives`).
"""

from itertools import pairwise

import polars as pl

from ml.recommend.action_text import tell_change, tell_how
from ml.recommend.explanation_facts import gather_facts
from ml.recommend.explanations import explain_steps
from ml.recommend.motives import RecommendationContext, no_preferences, score_motives
from pipelines.contracts.columns import STAGES
from pipelines.contracts.policy import RecommendationPolicy, ScoreWeights

MOTIVES = ("mastery", "autonomy", "purpose")


def describe_steps(step_ids: pl.DataFrame, mastery: pl.DataFrame) -> pl.DataFrame:
    """The rows (person_id, step_id, …) with skill_id, kind, from_stage and to_stage, from the id and what is held."""
    held = mastery.select("person_id", "skill_id", pl.col("stage").alias("from_stage"))
    # the goal never holds the separator, the skill_id may: split at the last one
    goal = pl.col("step_id").str.extract(r"\|([^|]*)$", 1)
    skill = pl.col("step_id").str.replace(r"\|[^|]*$", "")
    named = step_ids.with_columns(skill.alias("skill_id"), goal.alias("goal"))
    named = named.join(held, on=("person_id", "skill_id"), how="left", maintain_order="left")
    named = named.with_columns(pl.col("from_stage").fill_null(STAGES[0]))
    is_refresh = pl.col("goal") == "refresh"
    kind = pl.when(is_refresh).then(pl.lit("refresh")).when(pl.col("goal") == STAGES[1]).then(pl.lit("new"))
    return named.with_columns(
        kind.otherwise(pl.lit("deepen")).alias("kind"),
        pl.when(is_refresh).then("from_stage").otherwise("goal").alias("to_stage"),
    ).drop("goal")


def filter_eligible_steps(steps: pl.DataFrame, mastery: pl.DataFrame) -> pl.DataFrame:
    """The steps (described) a person can take now: one stage up from what they hold, or a refresh of what is rusty."""
    index = {stage: i for i, stage in enumerate(STAGES)}
    rusty = mastery.select("person_id", "skill_id", "is_rusty")
    found = steps.join(rusty, on=("person_id", "skill_id"), how="left", maintain_order="left")
    held = pl.col("from_stage").replace_strict(index, return_dtype=pl.Int8)
    goal = pl.col("to_stage").replace_strict(index, return_dtype=pl.Int8)
    is_refresh = pl.col("kind") == "refresh"
    fits = pl.when(is_refresh).then(pl.col("is_rusty").fill_null(False)).otherwise(goal == held + 1)
    return found.filter(fits).drop("is_rusty")


def find_deepening_steps(mastery: pl.DataFrame, people: pl.Series) -> pl.DataFrame:
    """One row per person of `people` and micro-skill held below master: the step one stage up, whoever reached it yet.

    Where nobody in the history ever reached a stage, no model can name it; practice still leads there.
    """
    above = dict(pairwise(STAGES[1:]))
    held = mastery.filter(pl.col("stage").is_in(list(above)) & pl.col("person_id").is_in(people.implode()))
    goal = pl.col("stage").replace_strict(above, return_dtype=pl.String)
    return held.select(
        "person_id",
        "skill_id",
        pl.concat_str("skill_id", goal, separator="|").alias("step_id"),
        pl.lit("deepen").alias("kind"),
        pl.col("stage").alias("from_stage"),
        goal.alias("to_stage"),
    )


def build_recommendation_rows(
    listed: pl.DataFrame,
    changes: pl.DataFrame,
    context: RecommendationContext,
    ways: pl.DataFrame,
    people: pl.DataFrame,
    policy: RecommendationPolicy,
) -> pl.DataFrame:
    """One row per person and listed step, best first; one row that says why for everyone of `people` without.

    listed: of `list_steps`. changes: of `find_counterfactuals`. people: person_id of everyone who is to get a row.
    """
    told = tell_how(explain_steps(gather_facts(listed, context)), ways, policy.minimum_people)
    told = told.join(tell_change(changes, context.skills), on=("person_id", "skill_id"), how="left")
    columns = (
        "person_id",
        "rank",
        "skill_id",
        "from_stage",
        "to_stage",
        "kind",
        "probability",
        "score",
        *MOTIVES,
        "reasons",
        "explanation",
        "counterfactual",
        "how",
        "is_accepted",
    )
    rows = told.select(columns).with_columns(pl.lit(None, pl.String).alias("no_recommendation_reason"))
    return pl.concat([rows, _rows_that_say_why(rows, people, context.mastery)]).sort("person_id", "rank")


def rerank_candidates(
    candidates: pl.DataFrame, context: RecommendationContext, policy: RecommendationPolicy
) -> pl.DataFrame:
    """One row per person and step of their list (rank from 1), with motives, score and names: the policy after the
    model.

    candidates: person_id, step_id, skill_id, kind, from_stage, to_stage, probability, score (the ranker's utility) and
    its contribution_<family> columns, which come out less their mean over the person's candidates; is_accepted marks
    steps the person said yes to, which stay on the list before all others (no column: none).
    """
    steps = name_steps(candidates, context)
    families = [name for name in steps.columns if name.startswith("contribution_")]
    steps = steps.with_columns(pl.col(name) - pl.col(name).mean().over("person_id") for name in families)
    return pick_list(blend(score_motives(steps, context), policy.weights, context.preferences), policy)


def name_steps(candidates: pl.DataFrame, context: RecommendationContext) -> pl.DataFrame:
    """The candidates with the ranker's `score` as `utility`, and the names of micro-skill and capability."""
    names = context.skills.select("skill_id", "skill_name", "capability_name")
    return candidates.rename({"score": "utility"}).join(names, on="skill_id", how="left", maintain_order="left")


def blend(steps: pl.DataFrame, weights: ScoreWeights, preferences: pl.DataFrame | None = None) -> pl.DataFrame:
    """Add `score` = weighted mean of relative probability and the motives; a motive that is null takes no part. What
    each gives to it stands in part_probability, part_mastery, part_autonomy and part_purpose, which sum to it.

    Relative: the step's probability over the best of the same person, since probabilities of a busy and of a quiet
    person differ by orders of magnitude, and motives do not. Where there is none, the softmax of the utility; 0 for a
    step that the model does not know. What a person asked a motive to weigh (`preferences`) holds before the policy.
    """
    return weigh(relate(steps), weights, preferences)


def relate(steps: pl.DataFrame) -> pl.DataFrame:
    """Add `relative`, the step's probability over the best of the same person, as `blend` says."""
    likelihood = pl.coalesce("probability", (pl.col("utility") - pl.col("utility").max().over("person_id")).exp())
    likelihood = likelihood.fill_null(0.0)
    relative = likelihood / likelihood.max().over("person_id")
    return steps.with_columns(relative.fill_nan(0.0).alias("relative"))


def weigh(steps: pl.DataFrame, weights: ScoreWeights, preferences: pl.DataFrame | None = None) -> pl.DataFrame:
    """The second half of `blend`: from `relative` and the motives to `score` and its parts."""
    asked = no_preferences() if preferences is None else preferences
    steps = steps.join(asked, on="person_id", how="left", maintain_order="left")
    weighed = {"probability": ("relative", pl.lit(weights.probability))}
    weighed |= {name: (name, pl.col(f"{name}_weight").fill_null(getattr(weights, name))) for name in MOTIVES}
    weight = pl.sum_horizontal(
        pl.when(pl.col(name).is_not_null()).then(by).otherwise(0.0) for name, by in weighed.values()
    )
    steps = steps.with_columns(
        (pl.col(name) * by / weight).fill_nan(0.0).alias(f"part_{motive}") for motive, (name, by) in weighed.items()
    )
    score = pl.sum_horizontal(f"part_{motive}" for motive in weighed)
    return steps.with_columns(score.alias("score")).drop("relative", *(f"{name}_weight" for name in MOTIVES))


def mark_accepted_steps(steps: pl.DataFrame, accepted: pl.DataFrame) -> pl.DataFrame:
    """The steps with is_accepted: whether the person said yes to it (`accepted`: person_id, step_id)."""
    marks = accepted.select("person_id", "step_id", pl.lit(True).alias("is_accepted"))
    found = steps.join(marks, on=("person_id", "step_id"), how="left", maintain_order="left")
    return found.with_columns(pl.col("is_accepted").fill_null(False))


def pick_list(steps: pl.DataFrame, policy: RecommendationPolicy) -> pl.DataFrame:
    """The first `list_length` steps of each person, ranked from 1.

    What the person accepted comes first, and stays however long the list. Variety: one step a micro-skill, and steps
    beyond `per_capability` of one capability come after all others.
    """
    if "is_accepted" not in steps.columns:
        steps = steps.with_columns(pl.lit(False).alias("is_accepted"))
    # what decides is sorted alone, all else is gathered for the few that are listed
    lane = pl.col("capability_name").fill_null(pl.col("skill_id")).alias("lane")
    keys = steps.select("person_id", "is_accepted", "score", "step_id", "skill_id", lane).with_row_index("row")
    best = keys.sort("person_id", "is_accepted", "score", "step_id", descending=[False, True, True, False])
    best = best.unique(("person_id", "skill_id"), keep="first", maintain_order=True)
    place = pl.int_range(pl.len()).over("person_id", "lane")
    best = best.with_columns(((place >= policy.per_capability) & ~pl.col("is_accepted")).alias("crowded"))
    # crowded ones stand after all others, in the same order: what is accepted stands first and is never crowded
    free, crowded = ~pl.col("crowded"), pl.col("crowded")
    behind = free.sum().over("person_id") + crowded.cum_sum().over("person_id")
    rank = pl.when(crowded).then(behind).otherwise(free.cum_sum().over("person_id")).cast(pl.Int64)
    fits = (pl.col("rank") <= policy.list_length) | pl.col("is_accepted")
    kept = best.with_columns(rank.alias("rank")).filter(fits).sort("person_id", "rank")
    return steps[kept["row"]].with_columns(kept["rank"])


def _rows_that_say_why(rows: pl.DataFrame, people: pl.DataFrame, mastery: pl.DataFrame) -> pl.DataFrame:
    without = people.select("person_id").unique().join(rows, on="person_id", how="anti")
    known = mastery.select("person_id", pl.lit(True).alias("has_evidence")).unique()
    reason = pl.when(pl.col("has_evidence")).then(pl.lit("nothing_eligible")).otherwise(pl.lit("too_little_evidence"))
    said = without.join(known, on="person_id", how="left")
    if "no_recommendation_reason" in people.columns:
        told = people.select("person_id", "no_recommendation_reason").unique("person_id")
        said = said.join(told, on="person_id", how="left")
        reason = pl.coalesce("no_recommendation_reason", reason)
    return said.select(
        pl.col("person_id")
        if name == "person_id"
        else reason.alias(name)
        if name == "no_recommendation_reason"
        else pl.lit(None, dtype).alias(name)
        for name, dtype in rows.schema.items()
    )
