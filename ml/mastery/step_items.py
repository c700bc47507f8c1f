"""Steps as items of the recommender: what each requires, which can be repeated, which must not be recommended.

Belongs here: the order of stages in the terms of the recommender, whose item ids (`skill_id`) are step ids.
Does not belong here: stages themselves (`ml.mastery.stages`), the recommender.
"""

import polars as pl

from pipelines.contracts.columns import STAGES

REFRESH_GOAL = "refresh"


def list_steps(skill_ids: pl.Series) -> pl.Series:
    """Return the id of every step that micro-skills have: one per stage above none, and the refresh.

    Args:
        skill_ids: skill_id of the micro-skills.
    """
    goal_rows = pl.DataFrame({"goal": [*STAGES[1:], REFRESH_GOAL]})
    step_rows = skill_ids.cast(pl.String).unique().sort().alias("skill_id").to_frame().join(goal_rows, how="cross")
    return step_rows.select(pl.concat_str("skill_id", "goal", separator="|").alias("skill_id")).to_series()


def list_required_steps(step_ids: pl.Series) -> pl.DataFrame:
    """Return the step that each step requires: the stage below, or the first stage for a refresh.

    Args:
        step_ids: Step ids; repeated ones count once.

    Returns:
        One row per step that requires another: skill_id (the step), requires_id.
    """
    stage_below_by_goal = {STAGES[2]: STAGES[1], STAGES[3]: STAGES[2], REFRESH_GOAL: STAGES[1]}
    step_rows = step_ids.cast(pl.String).unique().sort().alias("skill_id").to_frame()
    skill_of_step, goal_of_step = (
        pl.col("skill_id").str.replace(r"\|[^|]*$", ""),
        pl.col("skill_id").str.extract(r"\|([^|]*)$", 1),
    )
    stage_below = goal_of_step.replace_strict(stage_below_by_goal, return_dtype=pl.String, default=None)
    return step_rows.with_columns(
        pl.concat_str(skill_of_step, stage_below, separator="|").alias("requires_id")
    ).drop_nulls()


def list_repeatable_steps(step_ids: pl.Series) -> pl.Series:
    """Return the distinct ids of the steps that can be reached again: refreshes."""
    distinct_ids = step_ids.cast(pl.String).unique().sort()
    return distinct_ids.filter(distinct_ids.str.ends_with(f"|{REFRESH_GOAL}"))


def list_blocked_steps(mastery: pl.DataFrame) -> pl.DataFrame:
    """Return the refreshes that must not be recommended, since the micro-skill is not rusty.

    Args:
        mastery: Rows of MASTERY.

    Returns:
        One row per pair: person_id, skill_id (the step).
    """
    step_id = pl.concat_str("skill_id", pl.lit(REFRESH_GOAL), separator="|").alias("skill_id")
    return mastery.filter(~pl.col("is_rusty").fill_null(False)).select("person_id", step_id)


def list_memberships(people: pl.DataFrame, role_periods: pl.DataFrame) -> pl.DataFrame:
    """Return the roles and units of people over time.

    Args:
        people: Rows of PERSON: person_id and the present role_name and unit_name.
        role_periods: Rows of ROLE_PERIOD: the same with started_date and ended_date. They replace a person's present
            role.

    Returns:
        One row per person and role or unit: person_id, group, since, until (null if open).
    """
    present_roles = people.select("person_id", "role_name", "unit_name").join(role_periods, on="person_id", how="anti")
    dated_roles = role_periods.select("person_id", "role_name", "unit_name", since="started_date", until="ended_date")
    group_memberships = pl.concat([present_roles, dated_roles], how="diagonal").unpivot(
        ("role_name", "unit_name"), index=("person_id", "since", "until"), variable_name="kind", value_name="name"
    )
    group_name = pl.format("{} {}", "kind", "name").alias("group")
    return group_memberships.drop_nulls("name").select("person_id", group_name, "since", "until")
