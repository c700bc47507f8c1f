"""Replies applied to candidates: what is taken off, what stays on, and why somebody is left with nothing.

Belongs here: candidates before they are ordered into lists.
Does not belong here: what a reply asks for on a day (`pipelines.core.replies`), the order of a list
(`ml.recommend.reranking`).
"""

import polars as pl

from ml.recommend.reranking import describe_steps, filter_eligible_steps

_STEP = ("person_id", "step_id")


def apply_replies(
    candidates: pl.DataFrame,
    suppressed: pl.DataFrame,
    accepted: pl.DataFrame,
    mastery: pl.DataFrame,
    people: pl.DataFrame,
) -> pl.DataFrame:
    """The candidates of `people` (person_id of those who want recommendations) without the steps to be kept away, and
    with the accepted steps that can still be taken, whether or not the model named them."""
    wanted = candidates.join(people.select("person_id"), on="person_id", how="semi")
    kept = wanted.join(suppressed.select(_STEP), on=_STEP, how="anti", maintain_order="left")
    missing = accepted.select(_STEP).join(people.select("person_id"), on="person_id", how="semi")
    missing = missing.join(kept, on=_STEP, how="anti").join(suppressed.select(_STEP), on=_STEP, how="anti")
    added = filter_eligible_steps(describe_steps(missing, mastery), mastery)
    return pl.concat([kept, added], how="diagonal_relaxed").select(candidates.columns)


def find_no_recommendation_reasons(
    people: pl.DataFrame, candidates: pl.DataFrame, open_steps: pl.DataFrame, opted_out: pl.DataFrame
) -> pl.DataFrame:
    """The people (person_id) with no_recommendation_reason where replies or a preference are the reason.

    opted_out: who asked for none. all_dismissed: who has candidates, and none that they did not send away.
    """
    out = people.select("person_id").join(opted_out, on="person_id", how="semi")
    had = people.select("person_id").join(candidates, on="person_id", how="semi")
    dismissed = had.join(open_steps, on="person_id", how="anti").join(opted_out, on="person_id", how="anti")
    reasons = pl.concat(
        one.with_columns(pl.lit(reason).alias("no_recommendation_reason"))
        for one, reason in ((out, "opted_out"), (dismissed, "all_dismissed"))
    )
    return people.select("person_id").join(reasons, on="person_id", how="left", maintain_order="left")
