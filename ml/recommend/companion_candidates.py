"""Who stands how to a recommended step: made it, takes it now, or is one stage behind; all as numbers.

Belongs here: the colleagues and what is known of them, the places a list asks companions for, and who stands there.
Does not belong here: who of them is shown to whom (`ml.recommend.companion_matching`), the sentences
(`ml.recommend.companion_text`).
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from pipelines.contracts.columns import RELATIONS, STAGES

FOLLOW, WALK_WITH, LEAD = range(len(RELATIONS))
# A step by number is its micro-skill's number times four and its goal: the stage, or 0 for a refresh. A block, the
# people who stand in one relation to one step, is the step's number times three and the relation. Numbers of one
# column make everything below ten times cheaper than texts of two.
GOALS, SIDES = len(STAGES), len(RELATIONS)
REFRESH = 0
DAYS_A_MONTH = 30.44
_STAGE = {stage: i for i, stage in enumerate(STAGES)}


@dataclass(frozen=True)
class CompanionContext:
    """Everyone who can be a companion and what is known of them, each one row per what its name says.

    people: person_id, unit_name, role_name, manager_id of those who work here and take part; nobody else is ever shown
    or counted. reached: reached steps. held: person_id, skill_id, stage, level_share. skills: skill_id, skill_name,
    capability_id. consents: person_id, relation, skill_id (null: every one), is_given. hidden: person_id, skill_id that
    nobody else may hear of. shown: person_id, companion_id, since_date of the pairs of earlier nights.
    """

    people: pl.DataFrame
    reached_steps: pl.DataFrame
    mastery: pl.DataFrame
    skills: pl.DataFrame
    consents: pl.DataFrame
    hidden_pairs: pl.DataFrame
    shown_pairs: pl.DataFrame


@dataclass(frozen=True)
class Numbered:
    """People and micro-skills in the order of their ids; the number of each is its row."""

    people: pl.DataFrame  # person, person_id, unit_name, role_name, manager_id
    skills: pl.DataFrame  # skill, skill_id, skill_name, capability_id

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with numbers in place of person_id and skill_id; those of unknown people or micro-skills fall out.

        A skill_id that is null stays so.
        """
        found = rows.join(self.people.select("person_id", "person"), on="person_id").drop("person_id")
        known = found.join(self.skills.select("skill_id", "skill"), on="skill_id", how="left")
        return known.filter(pl.col("skill").is_not_null() | pl.col("skill_id").is_null()).drop("skill_id")


def number(steps: pl.DataFrame, context: CompanionContext) -> Numbered:
    """Numbers for everyone who takes part and every micro-skill that is spoken of."""
    people = context.people.select("person_id", "unit_name", "role_name", "manager_id").unique("person_id")
    ids = (
        pl.concat([context.skills["skill_id"], steps["skill_id"], context.mastery["skill_id"].unique()]).unique().sort()
    )
    skills = ids.to_frame().join(
        context.skills.select("skill_id", "skill_name", "capability_id"),
        on="skill_id",
        how="left",
        maintain_order="left",
    )
    return Numbered(
        people.sort("person_id").select(pl.int_range(pl.len()).alias("person"), pl.all()),
        skills.select(pl.int_range(pl.len()).alias("skill"), pl.all()),
    )


def number_steps(steps: pl.DataFrame, numbers: Numbered) -> pl.DataFrame:
    """One row per step of a list: person, rank, skill, goal, now (number of the stage held), step."""
    is_refresh = pl.col("kind") == "refresh"
    goal = pl.when(is_refresh).then(REFRESH).otherwise(_index("to_stage"))
    rows = numbers.of(
        steps.select("person_id", "skill_id", "rank", goal.alias("goal"), _index("from_stage").alias("now"))
    )
    return rows.with_columns((pl.col("skill") * GOALS + pl.col("goal")).alias("step"))


def find_places(listed: pl.DataFrame, context: CompanionContext, numbers: Numbered) -> pl.DataFrame:
    """One row per person, step and relation: person, rank, relation, step, block and led, the companion's micro-skill.

    follow: who reached the step. walk_with: who has it on their list. lead: who has the step on their list that led
    the person to the stage held now; where nothing is held yet, in what the person holds best of the same capability.
    """
    capability = numbers.skills.select("skill", "capability_id")
    new = listed.filter(pl.col("now") == 0).join(capability, on="skill", how="left").drop_nulls("capability_id")
    wanted = new.select("person", "capability_id").unique()
    best = _best_held(context, numbers).join(wanted, on=("person", "capability_id"), how="semi")
    led = pl.concat(
        [
            new.join(best, on=("person", "capability_id")).select(
                "person", "step", "rank", led="best", at="best_stage"
            ),
            listed.filter(pl.col("now") > 0).select("person", "step", "rank", led="skill", at="now"),
        ]
    )
    own = listed.select("person", "step", "rank", pl.col("skill").alias("led"), pl.col("step").alias("at"))
    parts = [
        own.with_columns(pl.lit(FOLLOW).alias("relation")),
        own.with_columns(pl.lit(WALK_WITH).alias("relation")),
        led.with_columns((pl.col("led") * GOALS + pl.col("at")).alias("at"), pl.lit(LEAD).alias("relation")),
    ]
    places = pl.concat(parts).with_columns((pl.col("at") * SIDES + pl.col("relation")).alias("block"))
    return places.sort("rank", "block", "person").select(pl.int_range(pl.len()).alias("place"), pl.all())


def find_standing(
    places: pl.DataFrame, listed: pl.DataFrame, context: CompanionContext, numbers: Numbered, as_of: date
) -> pl.DataFrame:
    """One row per block asked for and person who stands there, consenting (is_given) or not: what others may hear of.

    days_ago: since the move, for who made it; months: how long it took from the stage before, where that is known.
    """
    wanted = places.select("block").unique()
    moves = _moves(context, numbers, as_of)
    now = listed.select("person", "step").unique()
    no_move = (pl.lit(None, pl.Int64).alias("days_ago"), pl.lit(None, pl.Float64).alias("months"))
    parts = [
        rows.with_columns((pl.col("step") * SIDES + side).alias("block")).join(wanted, on="block", how="semi")
        for rows, side in (
            (moves, FOLLOW),
            (now.with_columns(*no_move), WALK_WITH),
            (now.with_columns(*no_move), LEAD),
        )
    ]
    columns = ("person", "block", "days_ago", "months")
    stands = pl.concat(part.select(columns) for part in parts)
    stands = stands.with_columns(
        (pl.col("block") // (SIDES * GOALS)).alias("skill"), (pl.col("block") % SIDES).alias("relation")
    )
    hidden_pairs = numbers.of(context.hidden_pairs.select("person_id", "skill_id"))
    stands = stands.join(hidden_pairs, on=("person", "skill"), how="anti")
    order = {relation: i for i, relation in enumerate(RELATIONS)}
    relation = pl.col("relation").replace_strict(order, return_dtype=pl.Int64)
    said = numbers.of(context.consents.select("person_id", "skill_id", relation.alias("relation"), "is_given"))
    return consenting(stands, said, "person", "skill").sort("block", "person")


def _moves(context: CompanionContext, numbers: Numbered, as_of: date) -> pl.DataFrame:
    """One row per person and step they made, the last time they did: person, step, days_ago, months."""
    is_refresh = pl.col("kind") == "refresh"
    goal = pl.when(is_refresh).then(REFRESH).otherwise(_index("to_stage"))
    day = pl.col("reached_at").dt.date()
    rows = numbers.of(context.reached_steps.select("person_id", "skill_id", goal.alias("goal"), day.alias("day")))
    rows = rows.select("person", (pl.col("skill") * GOALS + pl.col("goal")).alias("step"), "goal", "day")
    again, once = rows.filter(pl.col("goal") == REFRESH), rows.filter(pl.col("goal") != REFRESH)
    again = again.group_by("person", "step", "goal").agg(pl.col("day").max())
    before = once.select("person", pl.col("step") + 1, began="day")
    deeper = once.filter(pl.col("goal") > 1).join(before, on=("person", "step"), how="left")
    months = (pl.col("day") - pl.col("began")).dt.total_days() / DAYS_A_MONTH
    never = pl.lit(None, pl.Float64).alias("months")
    every = pl.concat(
        [
            deeper.select("person", "step", "day", months.alias("months")),
            once.filter(pl.col("goal") == 1).select("person", "step", "day", never),
            again.select("person", "step", "day", never),
        ]
    )
    return every.select("person", "step", (pl.lit(as_of) - pl.col("day")).dt.total_days().alias("days_ago"), "months")


def consenting(rows: pl.DataFrame, said: pl.DataFrame, person: str, skill: str) -> pl.DataFrame:
    """The rows (person, relation, skill, ...) with is_given: the word about the micro-skill, else about every one, else
    no. said: person, relation, skill (null: every one), is_given; the columns of person and skill are called alike."""
    single = said.drop_nulls(skill).rename({"is_given": "of_skill"})
    every = said.filter(pl.col(skill).is_null()).select(person, "relation", of_all="is_given")
    found = rows.join(single, on=(person, "relation", skill), how="left")
    found = found.join(every, on=(person, "relation"), how="left")
    is_given = pl.coalesce("of_skill", "of_all", pl.lit(False)).alias("is_given")
    return found.with_columns(is_given).drop("of_skill", "of_all")


def _best_held(context: CompanionContext, numbers: Numbered) -> pl.DataFrame:
    """One row per person and capability: the micro-skill held best there, from journeyman up."""
    mastery = context.mastery.filter(pl.col("stage").is_in(list(STAGES[2:])))
    mastery = numbers.of(mastery.select("person_id", "skill_id", _index("stage").alias("best_stage"), "level_share"))
    mastery = mastery.join(numbers.skills.select("skill", "capability_id"), on="skill").drop_nulls("capability_id")
    mastery = mastery.sort("level_share", "skill", descending=[True, False])
    best = mastery.unique(("person", "capability_id"), keep="first", maintain_order=True)
    return best.select("person", "capability_id", best="skill", best_stage="best_stage")


def _index(column: str) -> pl.Expr:
    return pl.col(column).replace_strict(_STAGE, return_dtype=pl.Int64)
