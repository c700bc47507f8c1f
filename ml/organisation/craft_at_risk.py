"""Crafts at risk: micro-skills whose practising masters became few within a year.

Belongs here: when a craft is at risk, and what may be told of it.
Does not belong here: how long it takes to develop the next master (`ml.organisation.stage_times`). No row is about one
person, and none tells who left.
"""

from datetime import date, timedelta

import polars as pl

from ml.organisation.stage_times import find_nearest_times
from pipelines.contracts.craft_tables import CRAFT_AT_RISK
from pipelines.contracts.table_declaration import ROW_METADATA_COLUMNS

# A master who neither repeated nor taught for half a year does not practise; the past is that of a year ago.
PRACTICE_PERIOD, LOOK_BACK = timedelta(days=182), timedelta(days=364)
# Practising masters below which a craft may be lost: two can leave in the same year.
FEW_MASTERS = 3
# At most this share of last year's practising masters is left: one of three may have changed the project.
LEFT_OVER_SHARE = 0.5
_COLUMNS = tuple(column for column in CRAFT_AT_RISK.column_names if column not in ROW_METADATA_COLUMNS)
_HELD_STAGES = ("journeyman", "master")


def count_practising_masters(
    mastery: pl.DataFrame, reached_steps: pl.DataFrame, people: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """Count the masters who practise now, and those who practised a year ago.

    Who was master a year ago, worked here then and has practised since half a year before then, practised then.

    Args:
        mastery: person_id, skill_id, stage, last_practised_at.
        reached_steps: person_id, skill_id, to_stage, reached_at.
        people: person_id, employment_status, hired_date, left_date.
        as_of: The day of the run.

    Returns:
        One row per micro-skill that ever had a master: skill_id, practising_count, earlier_count.
    """
    mastered_dates = (
        reached_steps.filter(pl.col("to_stage") == "master")
        .group_by("person_id", "skill_id")
        .agg(pl.col("reached_at").min().dt.date().alias("mastered_date"))
    )
    past_day = as_of - LOOK_BACK
    practised_date = pl.col("last_practised_at").dt.date()
    is_employed_now = (pl.col("employment_status") != "left").fill_null(True)
    was_employed = (pl.col("hired_date") <= past_day).fill_null(True) & (
        is_employed_now | (pl.col("left_date") > past_day).fill_null(False)
    )
    return (
        mastered_dates.join(mastery.select("person_id", "skill_id", "last_practised_at"), on=("person_id", "skill_id"))
        .join(people, on="person_id")
        .group_by("skill_id")
        .agg(
            (is_employed_now & (practised_date > as_of - PRACTICE_PERIOD)).sum().alias("practising_count"),
            (was_employed & (pl.col("mastered_date") <= past_day) & (practised_date > past_day - PRACTICE_PERIOD))
            .sum()
            .alias("earlier_count"),
        )
        .sort("skill_id")
    )


def set_masters(mastery: pl.DataFrame, reached_steps: pl.DataFrame) -> pl.DataFrame:
    """Set the stage master where repetition alone counts: a company without feedback has no other masters.

    Args:
        mastery: person_id, skill_id, stage.
        reached_steps: Who became master by repetition: person_id, skill_id, to_stage.

    Returns:
        The rows of mastery with the new stages.
    """
    repeated = reached_steps.select("person_id", "skill_id", "to_stage")
    return mastery.join(repeated, on=("person_id", "skill_id"), how="left", maintain_order="left").select(
        pl.coalesce("to_stage", "stage").alias("stage") if column == "stage" else column for column in mastery.columns
    )


def is_at_risk() -> pl.Expr:
    """Whether a craft is at risk: few masters practise, and at most half as many as a year ago."""
    return (
        (pl.col("practising_count") < FEW_MASTERS)
        & (pl.col("practising_count") <= LEFT_OVER_SHARE * pl.col("earlier_count"))
        & (pl.col("earlier_count") > 0)
    )


def find_crafts_at_risk(
    masters: pl.DataFrame,
    mastery: pl.DataFrame,
    people: pl.DataFrame,
    skills: pl.DataFrame,
    stage_times: pl.DataFrame,
    *,
    minimum_people: int,
    team_people: int,
    is_by_repetition: bool = False,
) -> pl.DataFrame:
    """Find the micro-skills whose practising masters became few.

    Args:
        masters: As `count_practising_masters` returns them.
        mastery: person_id, skill_id, stage, without what people object to.
        people: The employed people: person_id, unit_name.
        skills: skill_id, skill_name, capability_id.
        stage_times: Rows in the contract of `out__stage_time`.
        minimum_people: The smallest number of holders that is told.
        team_people: The smallest unit that is named.
        is_by_repetition: Whether masters are those who repeated as often as a master must, without feedback.

    Returns:
        One row per craft at risk, in the contract `out__craft_at_risk` without the metadata of the run. If fewer people
        hold the craft than the minimum, the row has no number and no unit.
    """
    risky = masters.filter(is_at_risk())
    holders = mastery.filter(pl.col("stage").is_in(_HELD_STAGES)).join(people, on="person_id")
    holders = holders.join(risky.select("skill_id"), on="skill_id", how="semi")
    master_count = (pl.col("stage") == "master").sum()
    holder_counts = holders.group_by("skill_id").agg(
        pl.len().alias("holders"), master_count.alias("masters"), (pl.len() - master_count).alias("journeymen")
    )
    unit_names = _list_holder_units(holders, people, minimum_people, team_people)
    has_holders = pl.col("holders") >= minimum_people
    # two numbers whose difference is a small number would tell that one
    has_parts = pl.min_horizontal("masters", "journeymen") >= minimum_people
    no_units = pl.lit([], pl.List(pl.String))
    return (
        risky.join(holder_counts, on="skill_id", how="left")
        .join(unit_names, on="skill_id", how="left")
        .join(skills.select("skill_id", "skill_name"), on="skill_id")
        .join(find_nearest_times(stage_times, skills, "journeyman"), on="skill_id", how="left")
        .with_columns(
            pl.when(has_holders).then("holders").alias("craft_holder_count"),
            pl.when(has_holders & has_parts).then("masters").alias("master_people_count"),
            pl.when(has_holders).then("holder_unit_names").fill_null(no_units).alias("holder_unit_names"),
        )
        .with_columns(_write_finding(is_by_repetition).alias("finding"))
        .select(pl.col(column).cast(CRAFT_AT_RISK.schema[column]) for column in _COLUMNS)
        .sort("skill_id")
    )


def _list_holder_units(
    holders: pl.DataFrame, people: pl.DataFrame, minimum_people: int, team_people: int
) -> pl.DataFrame:
    """The units of sufficient size with enough holders, per micro-skill."""
    return (
        holders.drop_nulls("unit_name")
        .group_by("skill_id", "unit_name")
        .agg(pl.len().alias("holders"))
        .filter(pl.col("holders") >= minimum_people)
        .join(_list_large_units(people, team_people), on="unit_name", how="semi")
        .sort("unit_name")
        .group_by("skill_id", maintain_order=True)
        .agg(pl.col("unit_name").alias("holder_unit_names"))
    )


def _list_large_units(people: pl.DataFrame, team_people: int) -> pl.DataFrame:
    unit_sizes = people.drop_nulls("unit_name").group_by("unit_name").len("unit_size")
    return unit_sizes.filter(pl.col("unit_size") >= team_people)


def _write_finding(is_by_repetition: bool) -> pl.Expr:
    """The finding as a sentence or two, without a number below the minimum."""
    holder_text = "people here repeated it as often" if is_by_repetition else "people hold it at journeyman or above"
    holders_text = pl.format(f" {{}} {holder_text}.", "craft_holder_count").fill_null("")
    scope_text = pl.col("scope_kind").replace_strict(
        {"skill": "it", "capability": "its capability", "organisation": "any micro-skill"}, return_dtype=pl.String
    )
    time_text = pl.format(
        " Half of those who were journeyman in {} became master within {} months.", scope_text, "half_months"
    )
    unknown_text = pl.lit(" How long the next master takes is not known from the histories here.")
    beginning = "Few masters of “{}”, or none, practise it now, and at most half as many as a year ago."
    if is_by_repetition:
        beginning = (
            "Of those who repeated “{}” as often as a master must, few practise it now, or none, and at most half as "
            "many as a year ago."
        )
    return pl.format(f"{beginning}{{}}{{}}", "skill_name", holders_text, pl.coalesce(time_text, unknown_text))
