"""The effect of replies on candidates: suppressed steps go, accepted steps stay, and some people are left without any.

Belongs here: candidates before they are ranked into lists.
Does not belong here: which steps a reply suppresses on a day (`pipelines.core.replies`), the order of a list
(`ml.recommend.reranking`).
"""

import polars as pl

from ml.recommend.reranking import describe_steps, filter_eligible_steps
from pipelines.contracts.columns import PAUSED

_STEP_KEY = ("person_id", "step_id")


def apply_replies(
    candidates: pl.DataFrame,
    suppressed_steps: pl.DataFrame,
    accepted_steps: pl.DataFrame,
    mastery: pl.DataFrame,
    people: pl.DataFrame,
) -> pl.DataFrame:
    """Remove suppressed steps from the candidates and add accepted steps that the model did not propose.

    Args:
        candidates: One row per person and step, as `describe_steps` returns them.
        suppressed_steps: The steps that replies suppress: person_id, step_id.
        accepted_steps: The steps that people accepted: person_id, step_id. They are added if they are eligible.
        mastery: person_id, skill_id, stage, is_rusty.
        people: person_id of the people who want recommendations; nobody else has candidates in the result.

    Returns:
        One row per person and step, with the columns of `candidates`.
    """
    people_wanting_steps = people.select("person_id")
    open_steps = candidates.join(people_wanting_steps, on="person_id", how="semi").join(
        suppressed_steps.select(_STEP_KEY), on=_STEP_KEY, how="anti", maintain_order="left"
    )
    missing_steps = (
        accepted_steps.select(_STEP_KEY)
        .join(people_wanting_steps, on="person_id", how="semi")
        .join(open_steps, on=_STEP_KEY, how="anti")
        .join(suppressed_steps.select(_STEP_KEY), on=_STEP_KEY, how="anti")
    )
    added_steps = filter_eligible_steps(describe_steps(missing_steps, mastery), mastery)
    return pl.concat([open_steps, added_steps], how="diagonal_relaxed").select(candidates.columns)


def find_no_recommendation_reasons(
    people: pl.DataFrame,
    candidates: pl.DataFrame,
    open_steps: pl.DataFrame,
    opted_out_people: pl.DataFrame,
    *,
    is_paused: bool = False,
) -> pl.DataFrame:
    """Find the people who get no recommendation because of a preference, a pause or their replies.

    Args:
        people: person_id of everyone who gets a row.
        candidates: person_id of people with candidates before replies are applied.
        open_steps: person_id of people with candidates after replies are applied.
        opted_out_people: person_id of people who want no recommendations.
        is_paused: Whether the company has paused recommendations; who opted out still gets that reason.

    Returns:
        One row per person in the same order: person_id, no_recommendation_reason (`opted_out`, `paused_by_the_company`,
        `all_dismissed`, or null if none applies).
    """
    has_candidates, has_open_steps, is_opted_out = (
        pl.col("person_id").is_in(rows_with_person_id["person_id"].unique().implode())
        for rows_with_person_id in (candidates, open_steps, opted_out_people)
    )
    no_recommendation_reason = (
        pl.when(is_opted_out)
        .then(pl.lit("opted_out"))
        .when(pl.lit(is_paused))
        .then(pl.lit(PAUSED))
        .when(has_candidates & ~has_open_steps)
        .then(pl.lit("all_dismissed"))
    )
    return people.select("person_id", no_recommendation_reason.alias("no_recommendation_reason"))
