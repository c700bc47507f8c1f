"""Openings: what a seat in open work shows, without saying anything about too few people.

Belongs here: the rows of `out__squad_opening`, and the context that openings and matches share.
Does not belong here: which work is open (`pipelines.core.squad_work`), whom an opening suits
(`squad_matching`).

Nothing here counts people below the declared minimum, and `lacking` says as little: nobody holds it, or too few to say.
"""

from dataclasses import dataclass

import polars as pl

from pipelines.contracts.columns import STAGES, stage_index
from pipelines.contracts.squad_columns import FEWEST_INTERESTED

JOURNEYMAN = STAGES.index("journeyman")
_WORK_SKILL = ["work_code", "skill_id"]
_SEAT_COLUMNS = (
    *(
        "work_code",
        "project_code",
        "skill_id",
        "opening_kind",
        "open_count",
        "planned_weekly_hours",
        "planned_end_date",
    ),
)


@dataclass(frozen=True)
class SquadContext:
    """What openings and matches are made from, of people who take part, without what they hide.

    Attributes:
        seats: One row per seat, in the columns of `OpenWork.seats`.
        requirements: work_code, skill_id.
        members: One row per piece of work and person on it: work_code, person_id.
        people: One row per employed person who did not opt out: person_id.
        mastery: One row per person and held micro-skill that the person does not hide: person_id, skill_id, stage.
        consents: The decisions in force: person_id, relation, skill_id (null: every micro-skill), is_given.
        answers: The last answer per person and opening, which decides what the person is shown: person_id, opening_id,
            squad_reply_kind, replied_at.
        shown_answers: The same without micro-skills that the person hides: what others may see.
        minimum_people: The smallest number of people that a count describes.
    """

    seats: pl.DataFrame
    requirements: pl.DataFrame
    members: pl.DataFrame
    people: pl.DataFrame
    mastery: pl.DataFrame
    consents: pl.DataFrame
    answers: pl.DataFrame
    shown_answers: pl.DataFrame
    minimum_people: int


def build_opening_id() -> pl.Expr:
    """The id of an opening from work_code and skill_id."""
    return pl.concat_str("work_code", "skill_id", separator="|").alias("opening_id")


def find_openings(context: SquadContext) -> pl.DataFrame:
    """Find the openings of a company.

    Args:
        context: Seats, people on them, and what they hold.

    Returns:
        One row per opening, in the contract `out__squad_opening` without the metadata of the run, and work_code.
    """
    covered_skills = find_covered_skills(context)
    requirements = context.requirements.join(
        covered_skills.with_columns(is_covered=pl.lit(True)), on=_WORK_SKILL, how="left"
    ).sort(_WORK_SKILL)
    is_covered = pl.col("is_covered").fill_null(False)
    work_skills = requirements.group_by("work_code", maintain_order=True).agg(
        pl.col("skill_id").alias("required_skill_ids"),
        pl.col("skill_id").filter(is_covered).alias("covered_skill_ids"),
        pl.col("skill_id").filter(~is_covered).alias("lacking_skill_ids"),
    )
    unstaffed_seats = context.seats.filter(pl.col("opening_kind") == "unstaffed")
    worked_seats = context.seats.filter(pl.col("opening_kind") == "not_held").join(
        covered_skills, on=_WORK_SKILL, how="anti"
    )
    seats = pl.concat([seat_rows.select(_SEAT_COLUMNS) for seat_rows in (unstaffed_seats, worked_seats)])
    return (
        seats.with_columns(build_opening_id())
        .join(work_skills, on="work_code", how="left")
        .join(_list_steps(context), on="skill_id", how="left")
        .join(_count_interested(context), on="opening_id", how="left")
        .with_columns(pl.col("step_ids").fill_null(pl.lit([], pl.List(pl.String))))
        .sort("opening_id")
    )


def find_covered_skills(context: SquadContext) -> pl.DataFrame:
    """The micro-skills that may be shown as held on a piece of work: work_code, skill_id.

    Somebody on the work holds it as journeyman or master and consents to be followed in it, or the declared minimum of
    people or more hold it.
    """
    holders = (
        context.requirements.join(context.members, on="work_code")
        .join(context.people, on="person_id", how="semi")
        .join(select_holders(context.mastery), on=("person_id", "skill_id"), how="semi")
    )
    consenting_holders = (
        add_consent(holders, context.consents, "follow")
        .group_by(_WORK_SKILL)
        .agg(pl.len().alias("holder_count"), pl.col("is_given").any().alias("is_consented"))
    )
    is_shown = pl.col("is_consented") | (pl.col("holder_count") >= context.minimum_people)
    return consenting_holders.filter(is_shown).select(_WORK_SKILL)


def select_holders(mastery: pl.DataFrame) -> pl.DataFrame:
    """The rows of journeymen and masters.

    Args:
        mastery: person_id, skill_id, stage and any other column.
    """
    return mastery.filter(pl.col("stage").is_in(list(STAGES[JOURNEYMAN:])))


def add_consent(person_skills: pl.DataFrame, consents: pl.DataFrame, relation: str) -> pl.DataFrame:
    """Add is_given: the decision about the micro-skill, else the decision about every micro-skill, else false.

    Args:
        person_skills: person_id, skill_id and any other column.
        consents: The decisions in force: person_id, relation, skill_id (null: every micro-skill), is_given.
        relation: One of `RELATIONS`.
    """
    decisions = consents.filter(pl.col("relation") == relation).drop("relation")
    skill_decisions = decisions.drop_nulls("skill_id").rename({"is_given": "about_skill"})
    general_decisions = decisions.filter(pl.col("skill_id").is_null()).select("person_id", about_all="is_given")
    return (
        person_skills.join(skill_decisions, on=("person_id", "skill_id"), how="left", maintain_order="left")
        .join(general_decisions, on="person_id", how="left", maintain_order="left")
        .with_columns(pl.coalesce("about_skill", "about_all", pl.lit(False)).alias("is_given"))
        .drop("about_skill", "about_all")
    )


def _list_steps(context: SquadContext) -> pl.DataFrame:
    """The steps per micro-skill that enough people are one stage below: skill_id, step_ids."""
    seat_skills = context.seats.select("skill_id").unique()
    stage_counts = (
        context.mastery.join(context.people, on="person_id", how="semi")
        .join(seat_skills, on="skill_id", how="semi")
        .filter(pl.col("stage") != STAGES[0])
        .group_by("skill_id", stage_index("stage").alias("stage_code"))
        .agg(pl.len().cast(pl.Int64).alias("people_count"))
    )
    held_counts = stage_counts.group_by("skill_id").agg(pl.col("people_count").sum().alias("held_count"))
    beginner_counts = seat_skills.join(held_counts, on="skill_id", how="left").select(
        "skill_id",
        pl.lit(0, pl.Int64).alias("stage_code"),
        (context.people.height - pl.col("held_count").fill_null(0)).alias("people_count"),
    )
    goal = (pl.col("stage_code") + 1).replace_strict(dict(enumerate(STAGES)), default=None, return_dtype=pl.String)
    return (
        pl.concat([beginner_counts, stage_counts])
        .filter(pl.col("stage_code") < len(STAGES) - 1, pl.col("people_count") >= context.minimum_people)
        .sort("skill_id", "stage_code")
        .group_by("skill_id", maintain_order=True)
        .agg(pl.concat_str("skill_id", goal, separator="|").alias("step_ids"))
    )


def _count_interested(context: SquadContext) -> pl.DataFrame:
    """People who want to join, per opening with enough of them: opening_id, interested_count."""
    least_people = max(FEWEST_INTERESTED, context.minimum_people)
    return (
        context.shown_answers.filter(pl.col("squad_reply_kind") == "join")
        .join(context.people, on="person_id", how="semi")
        .group_by("opening_id")
        .agg(pl.col("person_id").n_unique().cast(pl.Int64).alias("interested_count"))
        .filter(pl.col("interested_count") >= least_people)
    )
