"""Steps as items of the recommender: what each requires, which come again, which a night must not name.

Belongs here: the ladder of stages put into the recommender's words.
Does not belong here: stages themselves (see mastery), the recommender.
"""

import polars as pl

from ml.mastery.state import build_step_id
from pipelines.contracts.columns import STAGES

REFRESH = "refresh"


def list_required_steps(step_ids: pl.Series) -> pl.DataFrame:
    """One row a step (skill_id) and the step it requires (requires_id): the stage below; for a refresh, the first."""
    goal = pl.col("step").str.extract(r"\|([^|]*)$", 1)
    skill = pl.col("step").str.replace(r"\|[^|]*$", "")
    below = {STAGES[2]: STAGES[1], STAGES[3]: STAGES[2], REFRESH: STAGES[1]}
    known = step_ids.cast(pl.String).unique().sort().alias("step").to_frame().filter(goal.is_in(list(below)))
    needed = pl.concat_str(skill, goal.replace_strict(below, return_dtype=pl.String, default=None), separator="|")
    return known.select(pl.col("step").alias("skill_id"), needed.alias("requires_id"))


def list_repeatable_steps(step_ids: pl.Series) -> pl.Series:
    """The steps that can be reached again: refreshes."""
    known = step_ids.cast(pl.String).unique().sort()
    return known.filter(known.str.ends_with(f"|{REFRESH}"))


def list_blocked_steps(mastery: pl.DataFrame) -> pl.DataFrame:
    """One row a (person_id, skill_id = step) not to be named: the refresh of what is not rusty."""
    fresh = mastery.filter(~pl.col("is_rusty").fill_null(False))
    return fresh.select("person_id", pl.lit(REFRESH).alias("kind"), pl.lit("").alias("to_stage"), "skill_id").select(
        "person_id", build_step_id().alias("skill_id")
    )


def list_memberships(people: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """One row a person and role or unit (person_id, group, since, until), of the periods where a person has any.

    people: person_id, role_name, unit_name; periods: these with started_date and ended_date.
    """
    now = people.select(
        "person_id", "role_name", "unit_name", *(pl.lit(None, pl.Date).alias(name) for name in ("since", "until"))
    ).join(periods, on="person_id", how="anti")
    then = periods.select(
        "person_id",
        "role_name",
        "unit_name",
        pl.col("started_date").alias("since"),
        pl.col("ended_date").alias("until"),
    )
    both = pl.concat([now, then])
    return pl.concat(
        both.filter(pl.col(name).is_not_null()).select(
            "person_id", pl.format("{} {}", pl.lit(name), pl.col(name)).alias("group"), "since", "until"
        )
        for name in ("role_name", "unit_name")
    )
