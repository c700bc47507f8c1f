"""What the organisation asks for and offers: demand for micro-skills, roles, wishes, and ways to practise.

Belongs here: core rows summed up per micro-skill or person as of a day, for motives and for `how`.
Does not belong here: the motives' formulas (`ml.recommend.motives`).
"""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from pipelines.contracts.columns import MOTIVE_WEIGHT_COLUMNS
from pipelines.core.taxonomy import Taxonomy, match_skills

# Work of the last quarter tells what is asked for now.
RECENT = timedelta(days=90)


def select_recent_evidence(evidence: pl.LazyFrame, as_of: date) -> pl.DataFrame:
    """The rows of the last quarter, in the columns that demand, ways and support are counted from: of a long ledger
    the rest need not be read for them."""
    columns = ("person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit")
    return evidence.select(columns).filter(_is_since(as_of, RECENT)).collect()


def count_skill_demand(
    assignment: pl.DataFrame, evidence: pl.DataFrame, taxonomy: Taxonomy, as_of: date
) -> pl.DataFrame:
    """One row per micro-skill: demand_count, open assignments that name it and repetitions of the last quarter."""
    recent = _since(evidence.filter(pl.col("mode") == "repetition"), as_of).select("skill_id")
    named = _named(_open(assignment, as_of), taxonomy).select("skill_id")
    return pl.concat([recent, named]).group_by("skill_id").len("demand_count").sort("skill_id")


def find_practice_options(
    assignment: pl.DataFrame, learning: pl.DataFrame, evidence: pl.DataFrame, taxonomy: Taxonomy, as_of: date
) -> pl.DataFrame:
    """One row per micro-skill: the project with most open work naming it, the course most taken, and how many people
    practised it in the last quarter; null where there is none."""
    projects = _most(_named(_open(assignment, as_of), taxonomy).drop_nulls("project_code"), "project_code")
    taken = learning.filter(pl.col("learning_verb").is_in(["completed", "passed", "attended"]))
    taken = taken.with_columns(pl.coalesce("skill_text", "course_name").alias("skill_text")).drop_nulls("course_name")
    courses = _most(_named(_since(taken, as_of, timedelta(days=730)), taxonomy), "course_name")
    practice = _since(evidence.filter(pl.col("mode").is_in(["repetition", "teaching"])), as_of)
    practising = practice.group_by("skill_id").agg(pl.col("person_id").n_unique().alias("practising_count"))
    skills = taxonomy.skills.select("skill_id")
    for found in (projects, courses, practising):
        skills = skills.join(found, on="skill_id", how="left")
    return skills.sort("skill_id")


def count_unit_support(
    assignment: pl.DataFrame,
    evidence: pl.DataFrame,
    mastery: pl.DataFrame,
    people: pl.DataFrame,
    taxonomy: Taxonomy,
    as_of: date,
) -> pl.DataFrame:
    """One row per unit and micro-skill for which the organisation gave something there: given_hours (worked on it in
    the last quarter), project_count (open work naming it, assigned in the unit or in a project it works in),
    holder_count (journeymen and masters). people: person_id, unit_name.
    """
    pair = ["unit_name", "skill_id"]
    recent = _since(evidence.filter(pl.col("mode") == "repetition", pl.col("amount_unit") == "hours"), as_of)
    hours = recent.join(people, on="person_id").group_by(pair).agg(pl.col("amount").sum().alias("given_hours"))
    own = assignment.join(people, on="person_id").select("unit_name", "project_code").drop_nulls().unique()
    named = _named(_open(assignment, as_of), taxonomy).select("person_id", "project_code", "skill_id", "record_code")
    near = pl.concat(
        [
            named.join(people, on="person_id").select(*pair, "record_code"),
            named.drop_nulls("project_code").join(own, on="project_code").select(*pair, "record_code"),
        ]
    )
    projects = near.group_by(pair).agg(pl.col("record_code").n_unique().cast(pl.Int64).alias("project_count"))
    able = mastery.filter(pl.col("stage").is_in(["journeyman", "master"])).join(people, on="person_id")
    holders = able.group_by(pair).agg(pl.col("person_id").n_unique().cast(pl.Int64).alias("holder_count"))
    found = hours.join(projects, on=pair, how="full", coalesce=True).join(holders, on=pair, how="full", coalesce=True)
    return found.drop_nulls("unit_name").sort(pair)


def list_current_roles(person: pl.DataFrame, role_period: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person and role held on that day: person_id, role_name."""
    running = role_period.filter(
        pl.col("started_date") <= as_of, pl.col("ended_date").is_null() | (pl.col("ended_date") > as_of)
    )
    both = pl.concat([person.select("person_id", "role_name"), running.select("person_id", "role_name")])
    return both.drop_nulls().unique().sort(pl.all())


def list_skill_wishes(aspiration: pl.DataFrame, taxonomy: Taxonomy, as_of: date) -> pl.DataFrame:
    """One row per person and micro-skill wished for up to that day, with wish_weight."""
    stated = aspiration.filter(pl.col("stated_at") < _end(as_of))
    named = _named(stated, taxonomy).select("person_id", "skill_id", "wish_weight", "stated_at")
    return named.sort("stated_at").unique(("person_id", "skill_id"), keep="last", maintain_order=True).drop("stated_at")


def list_motive_weights(aspiration: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per person who said up to that day how much a motive is to weigh: the last word on each, null if none."""
    stated = aspiration.filter(pl.col("stated_at") < _end(as_of)).sort("stated_at", "source_name", "record_code")
    last = stated.group_by("person_id").agg(pl.col(name).drop_nulls().last() for name in MOTIVE_WEIGHT_COLUMNS)
    return last.filter(pl.any_horizontal(pl.col(MOTIVE_WEIGHT_COLUMNS).is_not_null())).sort("person_id")


def _open(assignment: pl.DataFrame, as_of: date) -> pl.DataFrame:
    moment = _end(as_of)
    begun = pl.col("started_date").is_null() | (pl.col("started_date") <= as_of)
    ended = (pl.col("done_at") < moment) | (pl.col("is_done") & pl.col("done_at").is_null())
    return assignment.filter(begun & ~ended.fill_null(False))


def _since(rows: pl.DataFrame, as_of: date, span: timedelta = RECENT) -> pl.DataFrame:
    return rows.filter(_is_since(as_of, span))


def _is_since(as_of: date, span: timedelta) -> pl.Expr:
    moment = _end(as_of)
    return pl.col("occurred_at").is_between(moment - span, moment, closed="left")


def _named(rows: pl.DataFrame, taxonomy: Taxonomy) -> pl.DataFrame:
    matched = match_skills(rows.select("skill_text"), taxonomy).drop_nulls("skill_id")
    return rows.join(matched.select("skill_text", "skill_id").unique(), on="skill_text")


def _most(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Per micro-skill the value of a column that occurs most; of equals the first by name."""
    counted = rows.group_by("skill_id", column).len("times").sort("times", column, descending=[True, False])
    return counted.unique("skill_id", keep="first", maintain_order=True).select("skill_id", column)


def _end(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
