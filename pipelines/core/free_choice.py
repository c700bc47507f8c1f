"""Free choice measured: the share of time that the people of a unit chose, and whether they got what they asked for.

Belongs here: one row per unit of sufficient size.
Does not belong here: any row about one person; the declared share (`pipelines.contracts.policy`).
"""

import polars as pl

from pipelines.contracts.output_tables import FREE_CHOICE

# A unit with fewer people is left out, whatever the policy declares.
SMALLEST_UNIT = 5


def measure_free_choice(
    recent_hours: pl.DataFrame,
    evidence: pl.DataFrame,
    wishes: pl.DataFrame,
    answers: pl.DataFrame,
    people: pl.DataFrame,
    assigned_work: pl.DataFrame,
    free_choice_share: float,
    least_people: int,
    least_counted: int,
) -> pl.DataFrame:
    """Measure free choice per unit in the last quarter.

    An hour is chosen if the person had asked to join the work before, or had wished for a micro-skill that the hour is
    evidence of.

    Args:
        recent_hours: As `read_recent_hours` returns them.
        evidence: Evidence of the last quarter: source_name, record_code, person_id, skill_id, occurred_at.
        wishes: Wishes: person_id, skill_id, wish_weight, stated_at.
        answers: The last answer per person and opening: person_id, opening_id, squad_reply_kind, replied_at.
        people: Employed people who take part: person_id, unit_name.
        assigned_work: Work that people are assigned to now: person_id, work_code.
        free_choice_share: The declared share of time, 0 to 1.
        least_people: The smallest unit that is reported; never fewer than `SMALLEST_UNIT`.
        least_counted: The smallest number of people that a count describes.

    Returns:
        One row per unit, in the contract `out__free_choice`.
    """
    joins = answers.filter(pl.col("squad_reply_kind") == "join").select(
        "person_id", "replied_at", work_code=pl.col("opening_id").str.replace(r"\|[^|]*$", "")
    )
    person_hours = _sum_hours(recent_hours, evidence, wishes, joins)
    worked_work = recent_hours.select("person_id", "work_code").drop_nulls()
    person_work = pl.concat([worked_work, assigned_work.select("person_id", "work_code").drop_nulls()]).unique()
    wanting_people = joins.select("person_id").unique().with_columns(is_wanting=pl.lit(True))
    staffed_people = (
        joins.join(person_work, on=("person_id", "work_code"), how="semi")
        .select("person_id")
        .unique()
        .with_columns(is_staffed=pl.lit(True))
    )
    units = people.drop_nulls("unit_name").select("person_id", "unit_name")
    for person_rows in (person_hours, wanting_people, staffed_people):
        units = units.join(person_rows, on="person_id", how="left")
    return _describe_units(units, free_choice_share, max(least_people, SMALLEST_UNIT), least_counted)


def _sum_hours(
    recent_hours: pl.DataFrame, evidence: pl.DataFrame, wishes: pl.DataFrame, joins: pl.DataFrame
) -> pl.DataFrame:
    """Worked and chosen hours per person: person_id, unit_hours, chosen_hours."""
    first_joins = joins.group_by("person_id", "work_code").agg(pl.col("replied_at").min())
    stated_wishes = (
        wishes.filter(pl.col("wish_weight").fill_null(1.0) > 0)
        .group_by("person_id", "skill_id")
        .agg(pl.col("stated_at").min())
    )
    wished_records = (
        evidence.join(stated_wishes, on=("person_id", "skill_id"))
        .filter(pl.col("stated_at") <= pl.col("occurred_at"))
        .select("source_name", "record_code", is_wished=pl.lit(True))
        .unique()
    )
    return (
        recent_hours.join(first_joins, on=("person_id", "work_code"), how="left")
        .join(wished_records, on=("source_name", "record_code"), how="left")
        .with_columns(
            (
                (pl.col("replied_at") <= pl.col("worked_at")).fill_null(False) | pl.col("is_wished").fill_null(False)
            ).alias("is_chosen")
        )
        .group_by("person_id")
        .agg(
            pl.col("worked_hours").sum().alias("unit_hours"),
            pl.col("worked_hours").filter("is_chosen").sum().alias("chosen_hours"),
        )
    )


def _describe_units(
    units: pl.DataFrame, free_choice_share: float, least_people: int, least_counted: int
) -> pl.DataFrame:
    chosen_share = pl.when(pl.col("unit_hours") > 0).then(pl.col("chosen_hours") / pl.col("unit_hours"))
    is_wanting_shown = pl.col("wanting_count") >= least_counted
    # the difference of both counts the people who asked and got nothing
    left_count = pl.col("wanting_count") - pl.col("staffed_count")
    is_staffed_shown = (pl.col("staffed_count") >= least_counted) & ((left_count == 0) | (left_count >= least_counted))
    unit_rows = (
        units.group_by("unit_name")
        .agg(
            pl.len().alias("team_people_count"),
            pl.col("unit_hours").sum(),
            pl.col("chosen_hours").sum(),
            pl.col("is_wanting").sum().cast(pl.Int64).alias("wanting_count"),
            pl.col("is_staffed").sum().cast(pl.Int64).alias("staffed_count"),
        )
        .filter(pl.col("team_people_count") >= least_people)
        .with_columns(
            chosen_share.alias("chosen_share"),
            *(
                pl.when(is_shown).then(count_column).alias(count_column)
                for count_column, is_shown in (("wanting_count", is_wanting_shown), ("staffed_count", is_staffed_shown))
            ),
        )
        .with_columns((pl.col("chosen_share") >= free_choice_share).alias("is_free_choice_given"))
        .sort("unit_name")
    )
    return unit_rows.select(pl.col(column).cast(dtype) for column, dtype in FREE_CHOICE.schema.items())
