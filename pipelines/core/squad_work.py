"""Open work that people can join: its micro-skills, who is on it, and how full the week of each person is.

Belongs here: core rows of assignments, hours and answers as of a day, per piece of work and per person.
Does not belong here: what an opening shows about people and whom it suits (`ml.recommend`).

A piece of work (`work_code`) is a project; an assignment without a project is one by itself.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from pipelines.contracts.dates import end_of_day
from pipelines.core.skill_texts import add_skill_ids

# The work of the last quarter shows what a project works on and who is on it; four weeks show how full a week is.
RECENT_DAYS, WORKLOAD_WEEKS = 90, 4
# Planned hours without a last day are planned for a quarter.
_DEFAULT_WEEKS = RECENT_DAYS / 7
_WORK_SKILL = ["work_code", "skill_id"]
_work_code = pl.coalesce("project_code", "assignment_code").alias("work_code")


@dataclass(frozen=True)
class OpenWork:
    """The open work of a company on a day.

    Attributes:
        seats: One row per piece of work and micro-skill that is open for somebody: work_code, project_code, skill_id,
            opening_kind, open_count, planned_weekly_hours, planned_end_date. Of kind `not_held`, a seat is a
            proposal: what is shown as held by those on the work is left out later.
        requirements: One row per piece of work with a seat and micro-skill that it requires: work_code, skill_id.
        members: One row per piece of work with a seat and person on it: work_code, person_id.
    """

    seats: pl.DataFrame
    requirements: pl.DataFrame
    members: pl.DataFrame


def read_recent_hours(worklogs: pl.LazyFrame, as_of: date) -> pl.DataFrame:
    """Read the hours of the last quarter.

    Args:
        worklogs: Rows in the contract of `WORKLOG`.
        as_of: The last day.

    Returns:
        One row per worklog: source_name, record_code, person_id, work_code, project_code, skill_text, worked_at,
        worked_hours.
    """
    day_end = end_of_day(as_of)
    is_recent = pl.col("worked_at").is_between(day_end - timedelta(days=RECENT_DAYS), day_end, closed="left")
    hour_columns = ("source_name", "record_code", "person_id", "project_code", "skill_text", "worked_at")
    return worklogs.filter(is_recent).select(*hour_columns, "worked_hours", _work_code).collect()


def find_open_work(
    assignment_rows: pl.DataFrame, recent_hours: pl.DataFrame, stored_text_matches: pl.DataFrame, as_of: date
) -> OpenWork:
    """Find the work that has an open seat, and who is on it.

    A seat is open if an open assignment without an assignee names the micro-skill. A project that has hours and no
    assignment shows only what is worked on: each micro-skill of the last quarter is a seat of kind `not_held`.

    Args:
        assignment_rows: Rows in the contract of `ASSIGNMENT`.
        recent_hours: As `read_recent_hours` returns them.
        stored_text_matches: The micro-skills that texts name, in the contract of `SKILL_TEXT`.
        as_of: The day of the run.

    Returns:
        Seats, requirements and members.
    """
    open_assignments = select_open_assignments(assignment_rows, as_of).with_columns(_work_code)
    open_skills = add_skill_ids(open_assignments.drop_nulls("work_code"), stored_text_matches)
    # one row per text before texts are matched: a project has few texts and many hours
    worked_texts = recent_hours.select("work_code", "project_code", "skill_text").drop_nulls().unique()
    worked_skills = (
        add_skill_ids(worked_texts, stored_text_matches)
        .join(assignment_rows.select(_work_code).unique(), on="work_code", how="anti")
        .select("work_code", "project_code", "skill_id")
        .unique()
    )
    seats = pl.concat([_list_unstaffed_seats(open_skills, as_of), _list_worked_seats(worked_skills)])
    open_codes = seats.select("work_code").unique()
    requirements = pl.concat([skill_rows.select(_WORK_SKILL) for skill_rows in (open_skills, worked_skills)])
    assigned_people = list_assigned_work(assignment_rows, as_of).select("work_code", "person_id")
    working_people = recent_hours.select("work_code", "person_id")
    members = pl.concat([people_rows.drop_nulls().unique() for people_rows in (assigned_people, working_people)])
    return OpenWork(
        seats.sort(_WORK_SKILL),
        requirements.unique().join(open_codes, on="work_code", how="semi").sort(_WORK_SKILL),
        members.unique().join(open_codes, on="work_code", how="semi").sort("work_code", "person_id"),
    )


def select_open_assignments(assignment_rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The assignments that are under way on a day: begun, neither done nor past their last day.

    Args:
        assignment_rows: Rows in the contract of `ASSIGNMENT`.
        as_of: The day.
    """
    has_started = pl.col("started_date").is_null() | (pl.col("started_date") <= as_of)
    is_done = (pl.col("done_at") < end_of_day(as_of)) | (pl.col("is_done") & pl.col("done_at").is_null())
    has_ended = pl.col("ended_date") < as_of
    return assignment_rows.filter(has_started, ~is_done.fill_null(False), ~has_ended.fill_null(False))


def list_assigned_work(assignment_rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and piece of work that the person is assigned to on a day: person_id, work_code.

    Args:
        assignment_rows: Rows in the contract of `ASSIGNMENT`.
        as_of: The day.
    """
    open_assignments = select_open_assignments(assignment_rows, as_of).select("person_id", _work_code)
    return open_assignments.drop_nulls().unique().sort("person_id", "work_code")


def measure_workload(
    assignment_rows: pl.DataFrame, recent_hours: pl.DataFrame, person_rows: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """Measure how many hours of the week of each person are free.

    Args:
        assignment_rows: Rows in the contract of `ASSIGNMENT`.
        recent_hours: As `read_recent_hours` returns them.
        person_rows: person_id, weekly_hours.
        as_of: The day of the run.

    Returns:
        One row per person: person_id, weekly_hours, free_weekly_hours (weekly hours less the larger of the hours
        assigned and the hours worked per week; null without weekly hours).
    """
    assigned_hours = (
        select_open_assignments(assignment_rows, as_of)
        .drop_nulls(("person_id", "planned_hours"))
        .group_by("person_id")
        .agg((pl.col("planned_hours") / _count_weeks(as_of)).sum().alias("assigned_hours"))
    )
    is_counted = pl.col("worked_at") >= end_of_day(as_of) - timedelta(weeks=WORKLOAD_WEEKS)
    worked_hours = (
        recent_hours.filter(is_counted)
        .group_by("person_id")
        .agg((pl.col("worked_hours").sum() / WORKLOAD_WEEKS).alias("weekly_worked_hours"))
    )
    busy_hours = pl.max_horizontal(
        pl.col("assigned_hours").fill_null(0.0), pl.col("weekly_worked_hours").fill_null(0.0)
    )
    return (
        person_rows.select("person_id", "weekly_hours")
        .join(assigned_hours, on="person_id", how="left", maintain_order="left")
        .join(worked_hours, on="person_id", how="left", maintain_order="left")
        .select(
            "person_id",
            "weekly_hours",
            (pl.col("weekly_hours") - busy_hours).clip(lower_bound=0.0).alias("free_weekly_hours"),
        )
    )


def find_last_answers(squad_reply_rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The last answer of each person about each opening up to a day; of two at the same time a refusal counts.

    Args:
        squad_reply_rows: Rows in the contract of `SQUAD_REPLY`.
        as_of: The day.

    Returns:
        One row per person and opening: person_id, opening_id, squad_reply_kind, replied_at.
    """
    answer_columns = ("person_id", "opening_id", "squad_reply_kind", "replied_at")
    refusal_order = pl.col("squad_reply_kind").replace_strict({"join": 0, "not_now": 1, "not_this": 2})
    return (
        squad_reply_rows.filter(pl.col("replied_at") < end_of_day(as_of))
        .select(answer_columns)
        .sort("replied_at", refusal_order)
        .unique(("person_id", "opening_id"), keep="last", maintain_order=True)
        .sort("person_id", "opening_id")
    )


def _list_unstaffed_seats(open_skills: pl.DataFrame, as_of: date) -> pl.DataFrame:
    is_unassigned = pl.col("person_id").is_null()
    last_days = open_skills.group_by("work_code").agg(pl.col("ended_date").max().alias("planned_end_date"))
    weekly_hours = (pl.col("planned_hours") / _count_weeks(as_of)).sum()
    has_plan = pl.col("planned_hours").is_not_null().any()
    return (
        open_skills.filter(is_unassigned)
        .group_by("work_code", "project_code", "skill_id")
        .agg(
            pl.lit("unstaffed").alias("opening_kind"),
            pl.len().cast(pl.Int64).alias("open_count"),
            pl.when(has_plan).then(weekly_hours).alias("planned_weekly_hours"),
        )
        .join(last_days, on="work_code", how="left")
    )


def _list_worked_seats(worked_skills: pl.DataFrame) -> pl.DataFrame:
    return worked_skills.select(
        "work_code",
        "project_code",
        "skill_id",
        pl.lit("not_held").alias("opening_kind"),
        pl.lit(0, pl.Int64).alias("open_count"),
        pl.lit(None, pl.Float64).alias("planned_weekly_hours"),
        pl.lit(None, pl.Date).alias("planned_end_date"),
    )


def _count_weeks(as_of: date) -> pl.Expr:
    """Weeks until the last day of an assignment, at least one; those of a quarter without a last day."""
    weeks_left = (pl.col("ended_date") - pl.lit(as_of)).dt.total_days() / 7
    return weeks_left.fill_null(_DEFAULT_WEEKS).clip(lower_bound=1.0)
