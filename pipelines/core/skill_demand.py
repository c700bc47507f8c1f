"""What the organisation asks for and offers: demand for micro-skills, roles, wishes, and options to practise.

Belongs here: core rows counted per micro-skill, person or unit as of a day, for motives and for `how`.
Does not belong here: the formulas of the motives (`ml.recommend.motives`).
"""

from datetime import date, timedelta

import polars as pl

from pipelines.contracts.columns import MOTIVE_WEIGHT_COLUMNS
from pipelines.contracts.dates import end_of_day
from pipelines.core.skill_texts import add_skill_ids

# The work of the last quarter shows what is asked for now, and courses stay in use for about two years.
_RECENT_PERIOD, _COURSE_PERIOD = timedelta(days=90), timedelta(days=730)
# A project that names more micro-skills asks for several people, not for a combination.
_PROJECT_SKILLS = 12
_UNIT_SKILL = ["unit_name", "skill_id"]


def select_recent_evidence(evidence: pl.LazyFrame, as_of: date) -> pl.DataFrame:
    """Read the evidence of the last quarter, with the columns that the functions of this module need.

    Args:
        evidence: Rows in the contract of `EVIDENCE`.
        as_of: The last day.

    Returns:
        One row per row of evidence: person_id, skill_id, occurred_at, mode, amount, amount_unit.
    """
    evidence_columns = ("person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit")
    return evidence.select(evidence_columns).filter(_is_within(as_of, _RECENT_PERIOD)).collect()


def count_skill_demand(
    assignment_rows: pl.DataFrame, evidence: pl.DataFrame, stored_text_matches: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """Count the demand for each micro-skill: open assignments that name it, and repetitions in the last quarter.

    Args:
        assignment_rows: Rows in the contract of `ASSIGNMENT`.
        evidence: Rows of evidence, as `select_recent_evidence` returns them.
        stored_text_matches: The micro-skills that texts name, in the contract of `SKILL_TEXT`.
        as_of: The day of the run.

    Returns:
        One row per micro-skill with demand: skill_id, demand_count.
    """
    recent_repetitions = evidence.filter(pl.col("mode") == "repetition", _is_within(as_of, _RECENT_PERIOD))
    demand_sources = (recent_repetitions, _list_open_assignment_skills(assignment_rows, stored_text_matches, as_of))
    demanded_skill_ids = pl.concat([demand_rows.select("skill_id") for demand_rows in demand_sources])
    return demanded_skill_ids.group_by("skill_id").len("demand_count").sort("skill_id")


def find_practice_options(
    assignment_rows: pl.DataFrame,
    learning_records: pl.DataFrame,
    evidence: pl.DataFrame,
    skills: pl.DataFrame,
    stored_text_matches: pl.DataFrame,
    as_of: date,
) -> pl.DataFrame:
    """Find where each micro-skill can be practised and learnt.

    Args:
        assignment_rows: Rows in the contract of `ASSIGNMENT`.
        learning_records: Rows in the contract of `LEARNING_RECORD`.
        evidence: Rows of evidence, as `select_recent_evidence` returns them.
        skills: The micro-skills (`SKILL`); only skill_id is read.
        stored_text_matches: The micro-skills that texts name, in the contract of `SKILL_TEXT`.
        as_of: The day of the run.

    Returns:
        One row per micro-skill of the taxonomy: skill_id, project_code (the project with most open assignments),
        course_name (the course taken most), practising_count (people who practised it in the last quarter); null if
        there is none.
    """
    open_project_skills = _list_open_assignment_skills(assignment_rows, stored_text_matches, as_of).drop_nulls(
        "project_code"
    )
    finished_courses = learning_records.filter(
        pl.col("learning_verb").is_in(["completed", "passed", "attended"]), _is_within(as_of, _COURSE_PERIOD)
    )
    finished_courses = finished_courses.with_columns(pl.coalesce("skill_text", "course_name").alias("skill_text"))
    recent_practice = evidence.filter(
        pl.col("mode").is_in(["repetition", "teaching"]), _is_within(as_of, _RECENT_PERIOD)
    )
    return (
        skills.select("skill_id")
        .join(_find_most_frequent(open_project_skills, "project_code"), on="skill_id", how="left")
        .join(
            _find_most_frequent(
                add_skill_ids(finished_courses.drop_nulls("course_name"), stored_text_matches), "course_name"
            ),
            on="skill_id",
            how="left",
        )
        .join(
            recent_practice.group_by("skill_id").agg(pl.col("person_id").n_unique().alias("practising_count")),
            on="skill_id",
            how="left",
        )
        .sort("skill_id")
    )


def count_unit_support(
    assignment_rows: pl.DataFrame,
    evidence: pl.DataFrame,
    mastery: pl.DataFrame,
    unit_members: pl.DataFrame,
    stored_text_matches: pl.DataFrame,
    as_of: date,
) -> pl.DataFrame:
    """Count what the organisation gives each unit to practise a micro-skill with.

    Args:
        assignment_rows: Rows in the contract of `ASSIGNMENT`.
        evidence: Rows of evidence, as `select_recent_evidence` returns them.
        mastery: person_id, skill_id, stage.
        unit_members: person_id, unit_name.
        stored_text_matches: The micro-skills that texts name, in the contract of `SKILL_TEXT`.
        as_of: The day of the run.

    Returns:
        One row per unit and micro-skill with any support: unit_name, skill_id, given_hours (worked in the last
        quarter), project_count (open assignments, not projects, that name the micro-skill: those of members of the
        unit, and those in a project in which a member has or had an assignment), holder_count (journeymen and
        masters).
    """
    recent_worklogs = evidence.filter(
        pl.col("mode") == "repetition", pl.col("amount_unit") == "hours", _is_within(as_of, _RECENT_PERIOD)
    )
    unit_hours = (
        recent_worklogs.join(unit_members, on="person_id")
        .group_by(_UNIT_SKILL)
        .agg(pl.col("amount").sum().alias("given_hours"))
    )
    unit_projects = (
        assignment_rows.join(unit_members, on="person_id").select("unit_name", "project_code").drop_nulls().unique()
    )
    open_assignment_skills = _list_open_assignment_skills(assignment_rows, stored_text_matches, as_of).select(
        "person_id", "project_code", "skill_id", "record_code"
    )
    assigned_skill_frames = [
        open_assignment_skills.join(unit_members, on="person_id"),
        open_assignment_skills.drop_nulls("project_code").join(unit_projects, on="project_code"),
    ]
    unit_assignment_skills = pl.concat(
        [assigned_rows.select(*_UNIT_SKILL, "record_code") for assigned_rows in assigned_skill_frames]
    )
    skill_holders = mastery.filter(pl.col("stage").is_in(["journeyman", "master"])).join(unit_members, on="person_id")
    unit_support = unit_hours
    for counted_rows, counted_column, count_column in (
        (unit_assignment_skills, "record_code", "project_count"),
        (skill_holders, "person_id", "holder_count"),
    ):
        unit_skill_counts = counted_rows.group_by(_UNIT_SKILL).agg(
            pl.col(counted_column).n_unique().cast(pl.Int64).alias(count_column)
        )
        unit_support = unit_support.join(unit_skill_counts, on=_UNIT_SKILL, how="full", coalesce=True)
    return unit_support.drop_nulls("unit_name").sort(_UNIT_SKILL)


def list_open_work(assignment_rows: pl.DataFrame, stored_text_matches: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """List pieces of open work with the micro-skills that they name: work_id, skill_id, one row per pair.

    A piece is a project whose open assignments name at most `_PROJECT_SKILLS` micro-skills together; an assignment of
    any other project, or of none, is a piece of its own, however many people it has.

    Args:
        assignment_rows: Rows in the contract of `ASSIGNMENT`.
        stored_text_matches: The micro-skills that texts name, in the contract of `SKILL_TEXT`.
        as_of: The day of the run.
    """
    is_small_project = pl.col("skill_id").n_unique().over("source_name", "project_code") <= _PROJECT_SKILLS
    assignment_id = pl.coalesce("assignment_code", "record_code")
    work_id = pl.when(pl.col("project_code").is_not_null() & is_small_project).then("project_code")
    return (
        _list_open_assignment_skills(assignment_rows, stored_text_matches, as_of)
        .select(
            pl.concat_str("source_name", work_id.otherwise(assignment_id), separator="|").alias("work_id"), "skill_id"
        )
        .unique()
        .sort("work_id", "skill_id")
    )


def list_current_roles(person_rows: pl.DataFrame, role_period_rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and role held on a day: person_id, role_name.

    Args:
        person_rows: Rows in the contract of `PERSON`; their role counts too.
        role_period_rows: Rows in the contract of `ROLE_PERIOD`.
        as_of: The day.
    """
    is_running = pl.col("ended_date").is_null() | (pl.col("ended_date") > as_of)
    current_periods = role_period_rows.filter(pl.col("started_date") <= as_of, is_running)
    role_rows = pl.concat(
        [rows_with_role.select("person_id", "role_name") for rows_with_role in (person_rows, current_periods)]
    )
    return role_rows.drop_nulls().unique().sort(pl.all())


def list_skill_wishes(aspiration_rows: pl.DataFrame, stored_text_matches: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and micro-skill that the person wished for up to a day: person_id, skill_id, wish_weight.

    Args:
        aspiration_rows: Rows in the contract of `ASPIRATION`; the last wish for a micro-skill counts.
        stored_text_matches: The micro-skills that texts name, in the contract of `SKILL_TEXT`.
        as_of: The day.
    """
    stated_wishes = add_skill_ids(aspiration_rows.filter(pl.col("stated_at") < end_of_day(as_of)), stored_text_matches)
    wishes = stated_wishes.select("person_id", "skill_id", "wish_weight", "stated_at").sort("stated_at")
    return wishes.unique(("person_id", "skill_id"), keep="last", maintain_order=True).drop("stated_at")


def list_motive_weights(aspiration_rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person who stated up to a day how much a motive weighs: the last weight of each, null if none.

    Args:
        aspiration_rows: Rows in the contract of `ASPIRATION`.
        as_of: The day.
    """
    stated_weights = aspiration_rows.filter(pl.col("stated_at") < end_of_day(as_of)).sort(
        "stated_at", "source_name", "record_code"
    )
    last_weights = stated_weights.group_by("person_id").agg(
        pl.col(weight_column).drop_nulls().last() for weight_column in MOTIVE_WEIGHT_COLUMNS
    )
    return last_weights.filter(pl.any_horizontal(pl.col(MOTIVE_WEIGHT_COLUMNS).is_not_null())).sort("person_id")


def _list_open_assignment_skills(
    assignment_rows: pl.DataFrame, stored_text_matches: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """One row per open assignment and micro-skill that it names."""
    has_started = pl.col("started_date").is_null() | (pl.col("started_date") <= as_of)
    is_done = (pl.col("done_at") < end_of_day(as_of)) | (pl.col("is_done") & pl.col("done_at").is_null())
    return add_skill_ids(assignment_rows.filter(has_started & ~is_done.fill_null(False)), stored_text_matches)


def _is_within(as_of: date, period: timedelta) -> pl.Expr:
    day_end = end_of_day(as_of)
    return pl.col("occurred_at").is_between(day_end - period, day_end, closed="left")


def _find_most_frequent(skill_rows: pl.DataFrame, column_name: str) -> pl.DataFrame:
    """The most frequent value of a column per micro-skill; of equally frequent values the first by name."""
    value_counts = (
        skill_rows.group_by("skill_id", column_name).len("times").sort("times", column_name, descending=[True, False])
    )
    return value_counts.unique("skill_id", keep="first", maintain_order=True).select("skill_id", column_name)
