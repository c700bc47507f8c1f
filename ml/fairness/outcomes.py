"""What happened to each person: recommended steps, being shown as an example, being followed, promises kept.

Belongs here: one row per person, from published and recorded tables.
Does not belong here: reading the tables (`assets.cli.oversight`), groups (`groups`).
"""

from datetime import date, timedelta

import polars as pl

from ml.fairness.measures import FIRST_PLACES
from ml.mastery.state import build_step_id, last_instant
from pipelines.contracts.columns import STAGES

_FOLLOW = "follow"


def describe_outcomes(
    next_steps: pl.DataFrame,
    companions: pl.DataFrame,
    consenting_people: pl.Series,
    earlier_examples: pl.DataFrame,
    reached_steps: pl.DataFrame,
) -> pl.DataFrame:
    """Say of each person which selections apply; see `ml.fairness.measures.SELECTIONS`.

    Args:
        next_steps: Rows of `out__next_skill`.
        companions: Rows of `out__companion` of the same snapshot.
        consenting_people: person_id of those who agreed to be shown as an example to follow.
        earlier_examples: One row per person shown as an example in an earlier snapshot: companion_id, person_id (to
            whom), step_id, as_of.
        reached_steps: person_id, step_id, reached_at.

    Returns:
        One row per person who did not opt out: person_id and one Boolean column per selection; null if it cannot apply.
    """
    people = next_steps.filter(pl.col("no_recommendation_reason").ne_missing("opted_out"))
    is_first = pl.col("rank") <= FIRST_PLACES
    selections = people.group_by("person_id").agg(
        recommended=pl.col("skill_id").is_not_null().any(),
        new_skill=(is_first & (pl.col("kind") == "new")).fill_null(False).any(),
        next_stage=(is_first & (pl.col("kind") == "deepen") & pl.col("to_stage").is_in(STAGES[2:]))
        .fill_null(False)
        .any(),
        best_probability=pl.col("probability").max(),
    )
    likely_threshold = selections["best_probability"].median()
    example_ids = companions.filter(relation=_FOLLOW)["companion_id"].drop_nulls().unique()
    is_consenting = pl.col("person_id").is_in(consenting_people.unique().implode())
    followed = _find_followed(earlier_examples, reached_steps)
    return (
        selections.join(followed, on="person_id", how="left")
        .select(
            "person_id",
            "recommended",
            # a person without a list can have no step of a kind: `recommended` says so already
            *(pl.when("recommended").then(kind).alias(kind) for kind in ("new_skill", "next_stage")),
            (pl.col("best_probability") >= likely_threshold).alias("likely_step"),
            pl.when(is_consenting).then(pl.col("person_id").is_in(example_ids.implode())).alias("shown_as_example"),
            "followed",
        )
        .sort("person_id")
    )


def _find_followed(earlier_examples: pl.DataFrame, reached_steps: pl.DataFrame) -> pl.DataFrame:
    """One row per person shown as an example: person_id, and whether somebody then reached the step."""
    first_shown = earlier_examples.group_by("companion_id", "person_id", "step_id").agg(pl.col("as_of").min())
    followers = (
        first_shown.join(reached_steps.select("person_id", "step_id", "reached_at"), on=("person_id", "step_id"))
        .filter(pl.col("reached_at").dt.date() > pl.col("as_of"))
        .select(companion_id="companion_id", followed=pl.lit(True))
        .unique()
    )
    return (
        first_shown.select("companion_id")
        .unique()
        .join(followers, on="companion_id", how="left")
        .select(person_id="companion_id", followed=pl.col("followed").fill_null(False))
    )


def count_promised_steps(
    promised_lists: pl.DataFrame, reached_steps: pl.DataFrame, promised_at: date, horizon_days: int
) -> pl.DataFrame:
    """Count the steps of earlier lists that were reached within the horizon.

    Args:
        promised_lists: Rows of `out__next_skill` of a snapshot as of `promised_at`.
        reached_steps: person_id, step_id, reached_at.
        promised_at: The last day that these lists had seen.
        horizon_days: Days within which a promised step counts.

    Returns:
        One row per person with a probability: person_id, promised, reached.
    """
    horizon_end = last_instant(promised_at + timedelta(days=horizon_days))
    later_steps = reached_steps.filter(
        pl.col("reached_at") > last_instant(promised_at), pl.col("reached_at") <= horizon_end
    )
    return (
        promised_lists.drop_nulls("probability")
        .with_columns(build_step_id().alias("step_id"))
        .join(
            later_steps.select("person_id", "step_id", is_reached=pl.lit(True)).unique(),
            on=("person_id", "step_id"),
            how="left",
        )
        .group_by("person_id")
        .agg(promised=pl.col("probability").sum(), reached=pl.col("is_reached").fill_null(False).sum().cast(pl.Int64))
        .sort("person_id")
    )
