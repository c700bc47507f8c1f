"""The demo world: a seeded company and, block by block of people, everything that happened in it.

Belongs here: the frozen world (people, catalogue, curricula, projects) and the history of one block of its people.
Does not belong here: columns, formats and dirt of any vendor (exports), or files (build).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import Catalog, FloatArray, IntArray, read_catalog
from pipelines.demo.simulation.forgetting import generate_checks, plan_half_lives
from pipelines.demo.simulation.paths import Curricula, choose_talents, generate_paths, plan_curricula
from pipelines.demo.simulation.people import UNITS, generate_people
from pipelines.demo.simulation.practice import (
    STAGE_NAMES,
    Plan,
    generate_courses,
    generate_judgements,
    generate_lessons,
    generate_worklogs,
    plan_practice,
)

HISTORY_DAYS = 3 * 365
# 20,000 people make about four million worklogs: some 2 GiB at the peak, whatever the size of the company.
BLOCK_PEOPLE = 20_000
WORKLOGS_AN_ISSUE = 4
WISHERS_SHARE, WISHES_MOST = 0.4, 3
DEMAND_A_PERSON = 0.15  # open issues nobody has taken yet
FEWEST_DEMANDS = 40


@dataclass(frozen=True)
class World:
    """A company as planted. Days are days since 1970-01-01; nothing happens after `end`, the last full day."""

    seed: int
    start: int
    end: int
    catalog: Catalog
    curricula: Curricula
    people: pl.DataFrame  # one row per person, see people.generate_people
    half_life: FloatArray  # of each micro-skill, in days

    @property
    def blocks(self) -> int:
        return -(-self.people.height // BLOCK_PEOPLE)


@dataclass(frozen=True)
class History:
    """What happened to one block of people. `person` counts over the whole company, `skill` over the catalogue."""

    block: int
    steps: pl.DataFrame  # person, skill, step, planned_step, begun_day, stage, reached_day: one row per step taken up
    issues: pl.DataFrame  # issue, person, skill, created_day, last_day, hours, is_done: one row per issue
    worklogs: pl.DataFrame  # worklog, issue, person, skill, day, hours
    courses: pl.DataFrame  # person, skill, opened_day, day, minutes
    judgements: pl.DataFrame  # person, skill, day, kind, score, giver
    lessons: pl.DataFrame  # person, skill, day, hours, learner (null for a group)
    wishes: pl.DataFrame  # person, skill, day, strength
    demands: pl.DataFrame  # issue, unit, skill, created_day: open issues without an assignee


def generate_world(people: int, *, seed: int, end: date) -> World:
    """A company whose history ends the day before `end` (exports are drawn on `end`) and began three years earlier."""
    catalog = read_catalog()
    last = (end - date(1970, 1, 1)).days - 1
    start = last - HISTORY_DAYS
    frame = generate_people(people, catalog, seed=seed, start=start, end=last)
    return World(
        seed, start, last, catalog, plan_curricula(catalog, seed=seed), frame, plan_half_lives(catalog, seed=seed)
    )


def generate_histories(world: World) -> Iterator[History]:
    """The history of each block of people in turn; a block depends on the seed, the company and its own number only."""
    for block in range(world.blocks):
        yield generate_history(world, block)


def generate_history(world: World, block: int) -> History:
    """Everything that happened to the people of one block."""
    rng = np.random.default_rng([world.seed, 3, block])
    people = world.people.slice(block * BLOCK_PEOPLE, BLOCK_PEOPLE)
    role = people["role"].to_numpy()
    talent = choose_talents(world.catalog, role, rng)
    walked = generate_paths(people, talent, world.catalog, world.curricula, rng, start=world.start, end=world.end)
    until = np.minimum(people["left_day"].to_numpy() - 1, world.end)
    since = np.maximum(people["hired_day"].to_numpy(), world.start)
    plan = plan_practice(
        walked.row,
        walked.skill,
        walked.day,
        since=since[walked.row],
        until=until[walked.row],
        importance=world.catalog.importance[role[walked.row], walked.skill],
        talent=talent[walked.row, walked.skill],
        rng=rng,
    )
    person = people["person"].to_numpy()[plan.row]
    entries = pl.DataFrame({"person": person, "skill": plan.skill})
    steps = entries.with_columns(
        pl.Series("step", walked.step),
        pl.Series("planned_step", world.curricula.position[role[plan.row], plan.skill]),
        pl.Series("begun_day", plan.begun),
        pl.Series(STAGE_NAMES).gather(plan.stage).alias("stage"),
        pl.Series("reached_day", plan.reached),
    )
    logged = generate_worklogs(plan, rng)
    issues, worklogs = open_issues(entries, logged, world, block, rng)
    judged = generate_judgements(plan, rng)
    courses, lessons = generate_courses(plan, rng), generate_lessons(plan, rng)
    practised = pl.concat([logged.select("entry", "day"), lessons.select("entry", "day")])
    checks = generate_checks(plan, practised, world.half_life, np.random.default_rng([world.seed, 5, block]))
    judgements = name_judges(attach(entries, pl.concat([judged, checks.select(judged.columns)])), world.people)
    return History(
        block=block,
        steps=steps.sort("person", "step"),
        issues=issues,
        worklogs=worklogs,
        courses=attach(entries, courses),
        judgements=judgements,
        lessons=find_learners(plan, entries, lessons, rng),
        wishes=generate_wishes(people, talent, until, world, rng),
        demands=generate_demands(people, world, block, rng),
    )


def attach(entries: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The same events with person and skill in place of the plan's entry number."""
    return events.select(entries[name].gather(events["entry"]) for name in entries.columns).hstack(events.drop("entry"))


def open_issues(
    entries: pl.DataFrame, worklogs: pl.DataFrame, world: World, block: int, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Issues made of up to four consecutive worklogs on one micro-skill, and the worklogs with their issue's number.

    Numbers count from block x 100 million, so that blocks never share one.
    """
    chunk = worklogs.select(pl.int_range(pl.len()).over("entry") // WORKLOGS_AN_ISSUE).to_series()
    begins = (chunk != chunk.shift(1)) | (worklogs["entry"] != worklogs["entry"].shift(1))
    number = block * 100_000_000 + begins.fill_null(True).cum_sum().cast(pl.Int64)
    logged = attach(entries, worklogs).with_columns(number.alias("issue"))
    logged = logged.with_columns((block * 100_000_000 + pl.int_range(1, pl.len() + 1)).alias("worklog"))
    issues = logged.group_by("issue", maintain_order=True).agg(
        pl.col("person").first(),
        pl.col("skill").first(),
        pl.col("day").min().alias("created_day"),
        pl.col("day").max().alias("last_day"),
        pl.col("hours").sum(),
    )
    lead_days = pl.Series(rng.integers(0, 12, issues.height))
    done = pl.Series(rng.random(issues.height) < 0.95) & (issues["last_day"] <= world.end - 5)
    issues = issues.with_columns((pl.col("created_day") - lead_days).alias("created_day"), done.alias("is_done"))
    return issues, logged


def name_judges(judgements: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """The same judgements with `giver`: oneself, the manager, a colleague of the unit, or nobody for a test."""
    units = people.sort("unit", "unit_place").select("person", "unit")
    start = units["unit"].search_sorted(pl.Series(range(len(UNITS))))
    person = judgements["person"]
    unit, place = people["unit"].gather(person), people["unit_place"].gather(person)
    actives = people["unit_actives"].gather(person)
    pick = judgements["judge"] % actives
    # Whoever would judge themselves gives way to a colleague outside the series, so that judges stay distinct.
    pick = pl.select(pl.when(pick == place).then((pick + actives - 7) % actives).otherwise(pick)).to_series()
    colleague = units["person"].gather(start.gather(unit) + pick)
    manager = people["manager"].gather(person)
    frame = judgements.with_columns(colleague.alias("colleague"), manager.alias("manager"))
    kind = pl.col("kind")
    giver = (
        pl.when(kind == "self")
        .then("person")
        .when(kind.is_in(["passed", "certificate"]))
        .then(None)
        .when((kind == "manager") & (pl.col("manager") >= 0))
        .then("manager")
        .otherwise("colleague")
    )
    named = frame.with_columns(giver.alias("giver")).drop("judge", "colleague", "manager")
    return named.sort("day", maintain_order=True)


def find_learners(plan: Plan, entries: pl.DataFrame, lessons: pl.DataFrame, rng: np.random.Generator) -> pl.DataFrame:
    """The same lessons with a learner who had taken up the micro-skill by then; null where no draw found one."""
    order = np.argsort(plan.skill, kind="stable")
    starts = np.searchsorted(plan.skill[order], np.arange(plan.skill.max(initial=0) + 2))
    teacher, day = lessons["entry"].to_numpy(), lessons["day"].to_numpy()
    skill = plan.skill[teacher]
    learner = np.full(teacher.size, -1, dtype=np.int64)
    for _ in range(6):  # about half of all draws fit
        drawn = order[starts[skill] + (rng.random(teacher.size) * (starts[skill + 1] - starts[skill])).astype(np.int64)]
        fits = (plan.row[drawn] != plan.row[teacher]) & (plan.begun[drawn] <= day) & (day <= plan.until[drawn])
        learner = np.where((learner < 0) & fits, drawn, learner)
    person = entries["person"].gather(np.maximum(learner, 0)).to_frame("learner")
    found = person.with_columns(pl.when(pl.Series(learner >= 0)).then("learner").alias("learner"))
    return attach(entries, lessons).hstack(found).sort("day", maintain_order=True)


def generate_wishes(
    people: pl.DataFrame, talent: FloatArray, until: IntArray, world: World, rng: np.random.Generator
) -> pl.DataFrame:
    """One row per wish stated in the last year: a micro-skill, mostly of a favoured capability, strength 1..3."""
    count = rng.integers(1, WISHES_MOST + 1, people.height) * (rng.random(people.height) < WISHERS_SHARE)
    row = np.repeat(np.arange(people.height), count)
    skill = (talent[row] + rng.random((row.size, world.catalog.size), dtype=np.float32) * 1.2).argmax(axis=1)
    day = until[row] - rng.integers(0, 365, row.size)
    frame = pl.DataFrame(
        {
            "person": people["person"].to_numpy()[row],
            "skill": skill,
            "day": np.maximum(day, np.maximum(people["hired_day"].to_numpy()[row], world.start)),
            "strength": rng.integers(1, 4, row.size),
        }
    )
    return frame.unique(["person", "skill"], keep="first", maintain_order=True)


def generate_demands(people: pl.DataFrame, world: World, block: int, rng: np.random.Generator) -> pl.DataFrame:
    """One row per open issue nobody has taken: drawn from the unit's roles and, more so, from rising micro-skills."""
    count = max(FEWEST_DEMANDS, round(DEMAND_A_PERSON * people.height))
    row = rng.integers(0, people.height, count)
    appeal = world.catalog.importance[people["role"].to_numpy()[row]] + 0.3 * world.curricula.trend
    skill = (appeal + rng.random(appeal.shape, dtype=np.float32)).argmax(axis=1)
    return pl.DataFrame(
        {
            "issue": block * 100_000_000 + 50_000_000 + np.arange(count),
            "unit": people["unit"].to_numpy()[row],
            "skill": skill,
            "created_day": world.end - rng.integers(0, 60, count),
        }
    )
