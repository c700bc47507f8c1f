"""Practice of people per week: at the edge, routine, learning, reviews, and what they finished.

Belongs here: the kind of practice that a row of evidence shows, amounts per week, and each person's own totals.
Does not belong here: anything about a unit (`unit_practice`), what evidence is (`evidence`).
"""

from datetime import date

import polars as pl

from pipelines.contracts.catalog import ASSIGNMENT, REVIEW_TABLE
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.output_tables import OWN_PRACTICE
from pipelines.contracts.policy import MasterPolicy
from pipelines.contracts.practice_columns import AMOUNT_COLUMNS, TRAILING_WEEKS

# What `count_person_weeks` reads of EVIDENCE.
PRACTICE_INPUTS = (
    *("person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit", "feedback_kind", "given_by_id"),
    *("table_name", "source_name", "record_code"),
)
# Three years: older weeks decide only what is routine.
MOST_WEEKS = 156
_PAIR = ["person_id", "skill_id"]
_RECORD = ["table_name", "source_name", "record_code", "person_id", "practice_kind"]
# Evidence is divided into these first; the weeks of work are edge or routine.
_WORK = "work"
# Grouping by numbers costs a third of grouping by texts.
_AS_NUMBERS = pl.col(*_PAIR, "table_name").cast(pl.Categorical)
_KIND = pl.Enum([_WORK, "learning", "review_given", "review_received"])
_UNIT = pl.Enum(["hours", "count"])


def count_person_weeks(
    evidence: pl.DataFrame, mastered_steps: pl.DataFrame, as_of: date, policy: MasterPolicy
) -> pl.DataFrame:
    """Count the practice of each person in each micro-skill and week.

    A week ends on the weekday of `as_of`; week 0 is the last one. Work is routine if the person had reached the stage
    master, or had already repeated the micro-skill as often as the policy requires of a master, before the week began;
    until then it is at the edge. Repetition alone decides where a company records no feedback. A review or piece of
    work that names several micro-skills counts once, divided equally among them, as hours are.

    Args:
        evidence: Rows of `EVIDENCE`, at least `PRACTICE_INPUTS`, all of each person and micro-skill.
        mastered_steps: When people reached the stage master: person_id, skill_id, reached_at.
        as_of: The last day that counts.
        policy: What a master has repeated.

    Returns:
        One row per person, micro-skill, week of the last `MOST_WEEKS`, kind and unit of practice: person_id, skill_id,
        weeks_ago, practice_kind, practice_unit, practice_amount. Work may have rows in hours and in counts.
    """
    practice_rows = _list_practice_rows(evidence, as_of)
    work_weeks = practice_rows.filter(pl.col("practice_kind") == _WORK)
    repeated_weeks = _mark_routine_weeks(work_weeks, mastered_steps, as_of, policy)
    recent_rows = practice_rows.filter(pl.col("weeks_ago") < MOST_WEEKS)
    kind_of_work = pl.when("is_routine").then(pl.lit("routine")).otherwise(pl.lit("edge"))
    amounts = (
        recent_rows.group_by(*_PAIR, "weeks_ago", "practice_kind", "practice_unit")
        .agg(pl.col("practice_amount").sum())
        .join(repeated_weeks, on=(*_PAIR, "weeks_ago"), how="left")
        .with_columns(
            practice_kind=pl.when(pl.col("practice_kind") == _WORK)
            .then(kind_of_work)
            .otherwise(pl.col("practice_kind").cast(pl.String))
        )
        .drop("is_routine")
    )
    finished_work = (
        recent_rows.filter(pl.col("table_name") == ASSIGNMENT.name)
        .group_by(*_PAIR, "weeks_ago", pl.lit("finished").alias("practice_kind"), "practice_unit")
        .agg(pl.col("practice_amount").sum())
    )
    return pl.concat([amounts, finished_work.select(amounts.columns)]).with_columns(
        pl.col(*_PAIR, "practice_unit").cast(pl.String)
    )


def sum_own_practice(person_weeks: pl.DataFrame) -> pl.DataFrame:
    """Sum each person's own practice over the trailing weeks, in hours where the person has any, else in counts.

    Args:
        person_weeks: As `count_person_weeks` returns them.

    Returns:
        One row per person and kind of practice of the last 52 weeks, in the contract of `OWN_PRACTICE`.
    """
    sums = (
        person_weeks.filter(pl.col("weeks_ago") < TRAILING_WEEKS[-1], pl.col("practice_kind") != "finished")
        .group_by("person_id", "practice_kind", "practice_unit")
        .agg(
            pl.col("practice_amount").filter(pl.col("weeks_ago") < weeks).sum().round(2).alias(column_name)
            for column_name, weeks in zip(AMOUNT_COLUMNS, TRAILING_WEEKS, strict=True)
        )
        .with_columns(_name_family().alias("family"))
    )
    has_hours = (pl.col("practice_unit") == "hours").any().over("person_id", "family")
    return (
        sums.filter((pl.col("practice_unit") == "hours") | ~has_hours)
        .select(OWN_PRACTICE.column_names)
        .sort(OWN_PRACTICE.key)
    )


def _name_family() -> pl.Expr:
    """Edge and routine are both work: they share a unit."""
    return pl.col("practice_kind").replace({"edge": _WORK, "routine": _WORK})


def choose_units(practice_rows: pl.DataFrame, has_hours: pl.Expr, group_columns: list[str]) -> pl.DataFrame:
    """Choose hours or counts for each family of kinds of a group, so that edge and routine can be compared.

    Args:
        practice_rows: Rows with practice_kind and practice_unit.
        has_hours: Whether a row shows that its group books hours; only rows in hours count.
        group_columns: What a group is.

    Returns:
        The rows in hours of groups with hours, and the rows in counts of all others.
    """
    books_hours = (has_hours & (pl.col("practice_unit") == "hours")).any().over(*group_columns, "family")
    return (
        practice_rows.with_columns(_name_family().alias("family"))
        .filter((pl.col("practice_unit") == "hours") == books_hours)
        .drop("family")
    )


def _list_practice_rows(evidence: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """The rows of evidence that show practice, with kind, unit, day and week."""
    day = pl.col("occurred_at").dt.date()
    is_review = pl.col("table_name") == REVIEW_TABLE
    is_by_another = (pl.col("feedback_kind") != "self").fill_null(True) & (
        pl.col("given_by_id") != pl.col("person_id")
    ).fill_null(True)
    practice_kind = (
        pl.when(pl.col("mode") == "repetition")
        .then(pl.lit(_WORK))
        .when(pl.col("mode") == "observation")
        .then(pl.lit("learning"))
        .when(is_review & (pl.col("mode") == "teaching"))
        .then(pl.lit("review_given"))
        .when(is_review & (pl.col("mode") == "feedback") & is_by_another)
        .then(pl.lit("review_received"))
    )
    is_in_hours = pl.col("amount_unit") == "hours"
    rows = (
        evidence.filter(pl.col("occurred_at") < end_of_day(as_of))
        .with_columns(
            practice_kind.alias("practice_kind"),
            day.alias("day"),
            ((pl.lit(as_of) - day).dt.total_days() // 7).cast(pl.Int32).alias("weeks_ago"),
            pl.when(is_in_hours).then(pl.lit("hours")).otherwise(pl.lit("count")).alias("practice_unit"),
        )
        .drop_nulls("practice_kind")
    )
    hour_rows = rows.filter(pl.col("practice_unit") == "hours").with_columns(practice_amount="amount")
    count_rows = rows.filter(pl.col("practice_unit") == "count").with_columns(
        (1.0 / pl.len().over(_RECORD)).alias("practice_amount")
    )
    columns = [*_PAIR, "day", "weeks_ago", "practice_kind", "practice_unit", "practice_amount", "table_name"]
    return pl.concat([hour_rows.select(columns), count_rows.select(columns)]).with_columns(
        _AS_NUMBERS, pl.col("practice_kind").cast(_KIND), pl.col("practice_unit").cast(_UNIT)
    )


def _mark_routine_weeks(
    work_rows: pl.DataFrame, mastered_steps: pl.DataFrame, as_of: date, policy: MasterPolicy
) -> pl.DataFrame:
    """One row per person, micro-skill and week of work, with is_routine."""
    hours = pl.when(pl.col("practice_unit") == "hours").then("practice_amount").otherwise(0.0)
    weeks = (
        work_rows.group_by(*_PAIR, "day", "weeks_ago")
        .agg(hours.sum().alias("hours"))
        .group_by(*_PAIR, "weeks_ago")
        .agg(pl.col("hours").sum(), pl.len().cast(pl.Int64).alias("days"))
        .sort("weeks_ago", descending=True)
    )
    hours_before, days_before = (pl.col(column).cum_sum().over(_PAIR) - pl.col(column) for column in ("hours", "days"))
    mastered_weeks = (
        mastered_steps.with_columns(pl.col(_PAIR).cast(pl.Categorical))
        .group_by(_PAIR)
        .agg(((pl.lit(as_of) - pl.col("reached_at").dt.date()).dt.total_days() // 7).max().alias("mastered_weeks_ago"))
    )
    is_routine = (
        (hours_before >= policy.repetition_hours)
        | (days_before >= policy.repetition_days)
        | (pl.col("mastered_weeks_ago") > pl.col("weeks_ago")).fill_null(False)
    )
    return weeks.join(mastered_weeks, on=_PAIR, how="left", maintain_order="left").select(
        *_PAIR, "weeks_ago", is_routine.alias("is_routine")
    )
