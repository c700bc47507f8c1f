"""Squads that would work, planted in a demo company: the truth that proposals are compared with.

Belongs here: open work, the people who could do it together, people who only seem to, and the value of the planted
squads.
Does not belong here: the exports of the demo company, which stay as they are; proposals (`ml.recommend`).

Each planted squad has three seats. For each seat somebody holds the micro-skill, and somebody else has it as next
step and wishes for it; half of them asked to join. The first micro-skill of a squad is held by one person alone, whom
another squad attracts with a step of their own: whoever takes the best pair first loses a squad. For each seat there
are people who seem to suit it: one refused, one has no free hours, one opted out, one does not consent to be shown.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from pipelines.contracts.catalog import ASSIGNMENT, SKILL_TEXT
from pipelines.contracts.columns import STAGES, stage_index
from pipelines.demo.simulation.world import World, generate_histories, generate_world

SEATS_PER_SQUAD, LISTED_STEPS = 3, 10
SEAT_HOURS, WEEKLY_HOURS = 4.0, 40.0
CONSENTING_SHARE, JOINING_SHARE = 0.35, 0.5
# What a squad, a step, a wish and a person's own request are worth; declared with the truth.
SQUAD_VALUE, STEP_VALUE, WISH_VALUE, JOIN_VALUE = 1.0, 1.0, 0.5, 0.5
_DECOYS = ("refused", "full", "opted_out", "no_consent")


@dataclass(frozen=True)
class PlantedSquads:
    """A company with planted squads.

    Attributes:
        assignments: The open work, in the contract of `ASSIGNMENT`, and what people are assigned to already.
        text_matches: The micro-skills that its texts name, in the contract of `SKILL_TEXT`.
        people: person_id, weekly_hours of everybody who did not opt out.
        opted_out_people: person_id.
        mastery: person_id, skill_id, stage.
        steps: The listed steps: person_id, skill_id, kind, to_stage, rank.
        wishes: person_id, skill_id, wish_weight.
        answers: person_id, opening_id, squad_reply_kind, replied_at.
        consents: person_id, relation, skill_id (null: every micro-skill), is_given.
        planted: The planted squads: work_code, skill_id, person_id, role (`holds` or `learns`).
        planted_value: Their value.
    """

    assignments: pl.DataFrame
    text_matches: pl.DataFrame
    people: pl.DataFrame
    opted_out_people: pl.DataFrame
    mastery: pl.DataFrame
    steps: pl.DataFrame
    wishes: pl.DataFrame
    answers: pl.DataFrame
    consents: pl.DataFrame
    planted: pl.DataFrame
    planted_value: float


def plant_squads(people_count: int, squad_count: int, *, seed: int, as_of: date) -> PlantedSquads:
    """Plant squads in a demo company.

    Args:
        people_count: Number of people; at least 20 per squad.
        squad_count: Number of squads.
        seed: Seed of the company and of the squads.
        as_of: The day of the company.

    Raises:
        ValueError: There are too few people for the squads.
    """
    roles_per_seat = 2 + len(_DECOYS)
    if people_count < squad_count * SEATS_PER_SQUAD * roles_per_seat:
        raise ValueError(
            f"{squad_count} squads need {squad_count * SEATS_PER_SQUAD * roles_per_seat} people, and there are "
            f"{people_count}: plant fewer squads"
        )
    world, rng = generate_world(people_count, seed=seed, export_day=as_of), np.random.default_rng([seed, 23])
    seats = _plan_seats(world, squad_count, rng)
    person_ids = world.people["employee_number"].cast(pl.String)
    cast = _cast_roles(seats, person_ids, rng)
    planted = cast.filter(pl.col("role").is_in(["holds", "learns"]))
    mastery = _plan_mastery(world, person_ids, cast)
    steps = _plan_steps(mastery, cast, rng)
    joined = planted.filter(pl.Series(rng.random(planted.height) < JOINING_SHARE) & (pl.col("role") == "learns"))
    wishes = planted.filter(pl.col("role") == "learns").select("person_id", "skill_id", wish_weight=1.0)
    wishes = pl.concat([wishes, _list_temptations(cast).select("person_id", "skill_id", wish_weight=1.0)]).unique(
        ("person_id", "skill_id"), maintain_order=True
    )
    opted_out_people = cast.filter(pl.col("role") == "opted_out").select("person_id")
    learner_count = planted.filter(pl.col("role") == "learns").height
    return PlantedSquads(
        assignments=_plan_assignments(seats, cast, as_of),
        text_matches=_match_texts(seats),
        people=pl.DataFrame({"person_id": person_ids})
        .join(opted_out_people, on="person_id", how="anti")
        .with_columns(weekly_hours=pl.lit(WEEKLY_HOURS)),
        opted_out_people=opted_out_people,
        mastery=mastery,
        steps=steps,
        wishes=wishes,
        answers=_plan_answers(cast, joined, as_of),
        consents=_plan_consents(cast, person_ids, rng),
        planted=planted,
        planted_value=squad_count * SQUAD_VALUE
        + learner_count * (STEP_VALUE + WISH_VALUE)
        + joined.height * JOIN_VALUE,
    )


def _plan_seats(world: World, squad_count: int, rng: np.random.Generator) -> pl.DataFrame:
    """One row per seat: squad, seat, work_code, skill_id; no micro-skill twice in a squad."""
    skill_ids = world.catalog.skills["skill_id"].to_numpy()
    drawn_skills = [rng.choice(skill_ids, SEATS_PER_SQUAD, replace=False) for _ in range(squad_count)]
    return pl.DataFrame(
        {
            "squad": np.repeat(np.arange(squad_count), SEATS_PER_SQUAD),
            "seat": np.tile(np.arange(SEATS_PER_SQUAD), squad_count),
            "skill_id": np.concatenate(drawn_skills),
        }
    ).with_columns(pl.format("SQUAD{}", "squad").alias("work_code"))


def _cast_roles(seats: pl.DataFrame, person_ids: pl.Series, rng: np.random.Generator) -> pl.DataFrame:
    """One row per seat and role, with a person of its own each: squad, seat, work_code, skill_id, role, person_id."""
    roles = pl.DataFrame({"role": ["holds", "learns", *_DECOYS]})
    cast = seats.join(roles, how="cross", maintain_order="left_right")
    return cast.with_columns(person_id=person_ids.gather(rng.permutation(person_ids.len())[: cast.height]))


def _list_temptations(cast: pl.DataFrame) -> pl.DataFrame:
    """The step that attracts the only holder of a squad's first micro-skill to the next squad: person_id, skill_id."""
    squad_count = cast["squad"].n_unique()
    only_holders = cast.filter(pl.col("role") == "holds", pl.col("seat") == 0).select("squad", "person_id")
    last_seats = cast.filter(pl.col("role") == "holds", pl.col("seat") == SEATS_PER_SQUAD - 1).select(
        "squad", "skill_id"
    )
    return only_holders.with_columns((pl.col("squad") + 1) % squad_count).join(last_seats, on="squad")


def _plan_mastery(world: World, person_ids: pl.Series, cast: pl.DataFrame) -> pl.DataFrame:
    """The stages of the simulated company, changed where the squads need it."""
    simulated = pl.concat([history.steps.select("person", "skill", "stage") for history in generate_histories(world)])
    simulated_stages = (
        simulated.select(
            person_ids.gather(simulated["person"]).alias("person_id"),
            world.catalog.skills["skill_id"].gather(simulated["skill"]).alias("skill_id"),
            "stage",
        )
        .sort("person_id", "skill_id", stage_index("stage"))
        .unique(("person_id", "skill_id"), keep="last", maintain_order=True)
    )
    rare_skills = cast.filter(pl.col("seat") == 0).select("skill_id").unique()
    kept_stages = simulated_stages.join(rare_skills, on="skill_id", how="anti")
    stage = pl.when(pl.col("role") == "learns").then(pl.lit(STAGES[1])).otherwise(pl.lit(STAGES[2])).alias("stage")
    # only the planted person holds the first micro-skill of a squad, among those who may be proposed
    cast_stages = cast.select("person_id", "skill_id", stage)
    return (
        pl.concat([cast_stages, kept_stages.cast(cast_stages.schema)])
        .unique(("person_id", "skill_id"), keep="first", maintain_order=True)
        .filter(pl.col("stage") != STAGES[0])
    )


def _plan_steps(mastery: pl.DataFrame, cast: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The listed steps: those of the planted people and their temptations first, then steps of what people hold."""
    planted_steps = pl.concat(
        [
            step_rows.select("person_id", "skill_id")
            for step_rows in (cast.filter(pl.col("role") == "learns"), _list_temptations(cast))
        ]
    )
    other_steps = mastery.filter(pl.col("stage") != STAGES[-1]).select("person_id", "skill_id")
    shuffled = other_steps.with_columns(draw=pl.Series(rng.random(other_steps.height)))
    stages = mastery.select("person_id", "skill_id", stage_code=stage_index("stage"))
    goals = dict(enumerate(STAGES))
    return (
        pl.concat([planted_steps.with_columns(draw=pl.lit(-1.0)), shuffled])
        .sort("person_id", "draw")
        .unique(("person_id", "skill_id"), keep="first", maintain_order=True)
        .join(stages, on=("person_id", "skill_id"), how="left", maintain_order="left")
        .with_columns((pl.col("stage_code").fill_null(0) + 1).clip(upper_bound=len(STAGES) - 1).alias("goal"))
        .with_columns(
            pl.col("goal").replace_strict(goals, return_dtype=pl.String).alias("to_stage"),
            pl.when(pl.col("goal") == 1).then(pl.lit("new")).otherwise(pl.lit("deepen")).alias("kind"),
            pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over("person_id").alias("rank"),
        )
        .filter(pl.col("rank") <= LISTED_STEPS)
        .select("person_id", "skill_id", "kind", "to_stage", "rank")
    )


def _plan_assignments(seats: pl.DataFrame, cast: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One open assignment per seat, and the work that leaves some people no free hours."""
    last_day = as_of + timedelta(weeks=10)
    open_rows = seats.select(
        pl.format("{}-{}", "work_code", "seat").alias("record_code"),
        pl.lit(None, pl.String).alias("person_id"),
        pl.col("work_code").alias("project_code"),
        pl.col("skill_id").alias("skill_text"),
        pl.lit(SEAT_HOURS * 10).alias("planned_hours"),
    )
    busy_rows = cast.filter(pl.col("role") == "full").select(
        pl.format("BUSY-{}", "person_id").alias("record_code"),
        "person_id",
        pl.lit("BUSY").alias("project_code"),
        pl.lit(None, pl.String).alias("skill_text"),
        pl.lit(WEEKLY_HOURS * 10).alias("planned_hours"),
    )
    rows = pl.concat([open_rows, busy_rows]).with_columns(
        pl.lit("planted").alias("source_name"),
        pl.lit(as_of - timedelta(days=30)).alias("started_date"),
        pl.lit(last_day).alias("ended_date"),
        pl.lit(False).alias("is_done"),
    )
    return rows.select(
        (pl.col(column) if column in rows.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in ASSIGNMENT.schema.items()
    )


def _match_texts(seats: pl.DataFrame) -> pl.DataFrame:
    texts = seats.select("skill_id").unique().sort("skill_id")
    rows = texts.with_columns(
        skill_text="skill_id",
        mention_text="skill_id",
        is_matched_whole=pl.lit(False),
        match_method=pl.lit("id"),
        taxonomy_version=pl.lit("planted"),
    )
    return rows.select(pl.col(column).cast(dtype) for column, dtype in SKILL_TEXT.schema.items())


def _plan_answers(cast: pl.DataFrame, joined: pl.DataFrame, as_of: date) -> pl.DataFrame:
    opening_id = pl.concat_str("work_code", "skill_id", separator="|").alias("opening_id")
    replied_at = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) - timedelta(days=3)
    refusals = cast.filter(pl.col("role") == "refused")
    return pl.concat(
        [
            rows.select("person_id", opening_id, pl.lit(reply_kind).alias("squad_reply_kind"))
            for rows, reply_kind in ((joined, "join"), (refusals, "not_this"))
        ]
    ).with_columns(pl.lit(replied_at).cast(pl.Datetime("us", "UTC")).alias("replied_at"))


def _plan_consents(cast: pl.DataFrame, person_ids: pl.Series, rng: np.random.Generator) -> pl.DataFrame:
    """Consent of the planted people and of some others to be shown in every relation, of nobody without consent."""
    others = person_ids.filter(pl.Series(rng.random(person_ids.len()) < CONSENTING_SHARE))
    refusing = cast.filter(pl.col("role") == "no_consent")["person_id"]
    consenting_cast = cast.filter(pl.col("role") != "no_consent")["person_id"]
    consenting = pl.concat([consenting_cast, others]).unique().sort()
    consenting = consenting.filter(~consenting.is_in(refusing.implode()))
    relations = pl.DataFrame({"relation": ["follow", "walk_with", "lead"]})
    return (
        consenting.alias("person_id")
        .to_frame()
        .join(relations, how="cross")
        .with_columns(skill_id=pl.lit(None, pl.String), is_given=pl.lit(True))
    )
