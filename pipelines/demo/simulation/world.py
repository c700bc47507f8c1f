"""The simulated world: a seeded company and, per block of people, everything that happened in it.

Belongs here: the company (people, catalogue, curricula) and the history of one block of its people.
Does not belong here: columns, formats and errors of an export (`pipelines.demo.exports`), or files
(`pipelines.demo.build`).
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
# 20,000 people have about four million worklogs: 2 GiB at the peak, whatever the size of the company.
BLOCK_PEOPLE = 20_000
# Issues are numbered from block x this number, so that no two blocks share one.
ISSUES_PER_BLOCK = 100_000_000
WORKLOGS_PER_ISSUE = 4
WISHERS_SHARE, MAX_WISHES = 0.4, 3
DEMAND_PER_PERSON = 0.15  # open issues without an assignee
MIN_DEMANDS = 40


@dataclass(frozen=True)
class World:
    """A planted company. Days are days since 1970-01-01; nothing happens after `last_day`, the last full day."""

    seed: int
    first_day: int
    last_day: int
    catalog: Catalog
    curricula: Curricula
    people: pl.DataFrame  # one row per person, see people.generate_people
    half_life_days: FloatArray  # of each micro-skill

    @property
    def block_count(self) -> int:
        return -(-self.people.height // BLOCK_PEOPLE)


@dataclass(frozen=True)
class History:
    """The events of one block of people. `person` is numbered over the whole company, `skill` over the catalogue."""

    block_number: int
    steps: pl.DataFrame  # person, skill, step, planned_step, begun_day, stage, reached_day: one row per step taken up
    issues: pl.DataFrame  # issue, person, skill, created_day, last_day, hours, is_done: one row per issue
    worklogs: pl.DataFrame  # worklog, issue, person, skill, day, hours
    courses: pl.DataFrame  # person, skill, opened_day, day, minutes
    judgements: pl.DataFrame  # person, skill, day, kind, score, giver
    lessons: pl.DataFrame  # person, skill, day, hours, learner (null for a group)
    wishes: pl.DataFrame  # person, skill, day, strength
    demands: pl.DataFrame  # issue, unit, skill, created_day: open issues without an assignee
    talents: pl.DataFrame  # person, capability: the capabilities that each person favours


def generate_world(people_count: int, *, seed: int, export_day: date) -> World:
    """Generate a company whose history starts three years before `export_day` and ends the day before it.

    Args:
        people_count: Number of people.
        seed: Seed of the company.
        export_day: The day of the exports.

    Raises:
        ValueError: If the company's units need more people.
    """
    catalog = read_catalog()
    last_day_number = (export_day - date(1970, 1, 1)).days - 1
    first_day_number = last_day_number - HISTORY_DAYS
    return World(
        seed=seed,
        first_day=first_day_number,
        last_day=last_day_number,
        catalog=catalog,
        curricula=plan_curricula(catalog, seed=seed),
        people=generate_people(
            people_count, catalog, seed=seed, history_start=first_day_number, history_end=last_day_number
        ),
        half_life_days=plan_half_lives(catalog, seed=seed),
    )


def generate_histories(world: World) -> Iterator[History]:
    """Yield the history of each block of people; a block depends only on the seed, the company and its number."""
    for block_number in range(world.block_count):
        yield generate_history(world, block_number)


def generate_history(world: World, block_number: int) -> History:
    """Generate all events of the people of one block."""
    rng = np.random.default_rng([world.seed, 3, block_number])
    people = world.people.slice(block_number * BLOCK_PEOPLE, BLOCK_PEOPLE)
    role_numbers = people["role"].to_numpy()
    is_favoured = choose_talents(world.catalog, role_numbers, rng)
    learning_paths = generate_paths(
        people,
        is_favoured,
        world.catalog,
        world.curricula,
        rng,
        history_start=world.first_day,
        history_end=world.last_day,
    )
    first_days = np.maximum(people["hired_day"].to_numpy(), world.first_day)
    person_indices, skill_numbers = learning_paths.person_indices, learning_paths.skill_numbers
    last_days = np.minimum(people["left_day"].to_numpy() - 1, world.last_day)
    plan = plan_practice(
        person_indices,
        skill_numbers,
        learning_paths.day_numbers,
        first_days=first_days[person_indices],
        last_days=last_days[person_indices],
        importance=world.catalog.role_importance[role_numbers[person_indices], skill_numbers],
        is_favoured=is_favoured[person_indices, skill_numbers],
        rng=rng,
    )
    plan_entries = pl.DataFrame({"person": people["person"].to_numpy()[person_indices], "skill": skill_numbers})
    steps = plan_entries.with_columns(
        pl.Series("step", learning_paths.step_numbers),
        pl.Series("planned_step", world.curricula.path_positions[role_numbers[person_indices], skill_numbers]),
        pl.Series("begun_day", plan.begun_days),
        pl.Series(STAGE_NAMES).gather(plan.reached_stages).alias("stage"),
        pl.Series("reached_day", plan.reached_days),
    )
    entry_worklogs = generate_worklogs(plan, rng)
    issues, worklogs = open_issues(plan_entries, entry_worklogs, world, block_number, rng)
    entry_judgements = generate_judgements(plan, rng)
    courses, lessons = generate_courses(plan, rng), generate_lessons(plan, rng)
    practice_days = pl.concat([entry_worklogs.select("entry", "day"), lessons.select("entry", "day")])
    later_judgements = generate_checks(
        plan, practice_days, world.half_life_days, np.random.default_rng([world.seed, 5, block_number])
    )
    judgements = replace_entry_numbers(
        plan_entries, pl.concat([entry_judgements, later_judgements.select(entry_judgements.columns)])
    )
    return History(
        block_number=block_number,
        steps=steps.sort("person", "step"),
        issues=issues,
        worklogs=worklogs,
        courses=replace_entry_numbers(plan_entries, courses),
        judgements=choose_judges(judgements, world.people),
        lessons=choose_learners(plan, plan_entries, lessons, rng),
        wishes=generate_wishes(people, is_favoured, last_days, world, rng),
        demands=generate_demands(people, world, block_number, rng),
        talents=list_talents(people["person"], is_favoured, world.catalog),
    )


def list_talents(person_numbers: pl.Series, is_favoured: FloatArray, catalog: Catalog) -> pl.DataFrame:
    """List the capabilities that people favour: person, capability.

    Args:
        person_numbers: Number of each person.
        is_favoured: As `choose_talents` returns it.
        catalog: The catalogue.
    """
    first_skills = np.unique(catalog.capability_numbers, return_index=True)[1]
    person_rows, capability_numbers = np.nonzero(is_favoured[:, first_skills])
    return pl.DataFrame({"person": person_numbers.gather(person_rows), "capability": capability_numbers})


def replace_entry_numbers(plan_entries: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Replace the plan's entry number of each event by person and skill."""
    return plan_entries[events["entry"].to_numpy()].hstack(events.drop("entry"))


def open_issues(
    plan_entries: pl.DataFrame, worklogs: pl.DataFrame, world: World, block_number: int, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Open an issue for up to four consecutive worklogs on one micro-skill.

    Returns:
        One row per issue, and the worklogs with the number of their issue.
    """
    first_issue_number = block_number * ISSUES_PER_BLOCK
    issue_chunk = (pl.int_range(pl.len()).over("entry") // WORKLOGS_PER_ISSUE).alias("chunk")
    issue_numbers = (
        first_issue_number + worklogs.select(pl.struct("entry", issue_chunk).rle_id().cast(pl.Int64) + 1).to_series()
    )
    numbered_worklogs = replace_entry_numbers(plan_entries, worklogs).with_columns(
        issue_numbers.alias("issue"), (first_issue_number + pl.int_range(1, pl.len() + 1)).alias("worklog")
    )
    issues = numbered_worklogs.group_by("issue", maintain_order=True).agg(
        pl.col("person").first(),
        pl.col("skill").first(),
        pl.col("day").min().alias("created_day"),
        pl.col("day").max().alias("last_day"),
        pl.col("hours").sum(),
    )
    return issues.with_columns(
        pl.col("created_day") - pl.Series(rng.integers(0, 12, issues.height)),
        is_done=pl.Series(rng.random(issues.height) < 0.95) & (pl.col("last_day") <= world.last_day - 5),
    ), numbered_worklogs


def choose_judges(judgements: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Replace `judge` by `giver`: the person, the manager, a colleague of the unit, or null for a test."""
    people_by_unit = people.sort("unit", "unit_place").select("person", "unit")
    unit_starts = people_by_unit["unit"].search_sorted(pl.Series(range(len(UNITS))))
    judged_people = people[judgements["person"].to_numpy()]
    judged_places, unit_active_counts = judged_people["unit_place"], judged_people["unit_actives"]
    colleague_places = judgements["judge"] % unit_active_counts
    # nobody judges themselves: a colleague outside the series does, so that judges stay distinct
    colleague_places = pl.select(
        pl.when(colleague_places == judged_places)
        .then((colleague_places + unit_active_counts - 7) % unit_active_counts)
        .otherwise(colleague_places)
    ).to_series()
    colleague_numbers = people_by_unit["person"].gather(unit_starts.gather(judged_people["unit"]) + colleague_places)
    judgement_kind, manager_numbers = pl.col("kind"), pl.lit(judged_people["manager"])
    giver = (
        pl.when(judgement_kind == "self")
        .then("person")
        .when(judgement_kind.is_in(["passed", "certificate"]))
        .then(None)
        .when((judgement_kind == "manager") & (manager_numbers >= 0))
        .then(manager_numbers)
        .otherwise(pl.lit(colleague_numbers))
    )
    return judgements.with_columns(giver.alias("giver")).drop("judge").sort("day", maintain_order=True)


def choose_learners(
    plan: Plan, plan_entries: pl.DataFrame, lessons: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    """Add a learner who had taken up the micro-skill by the day of the lesson; null if no draw finds one."""
    entries_by_skill = np.argsort(plan.skill_numbers, kind="stable")
    skill_starts = np.searchsorted(
        plan.skill_numbers[entries_by_skill], np.arange(plan.skill_numbers.max(initial=0) + 2)
    )
    teacher_entries, lesson_days = lessons["entry"].to_numpy(), lessons["day"].to_numpy()
    lesson_skills = plan.skill_numbers[teacher_entries]
    learner_entries = np.full(teacher_entries.size, -1, dtype=np.int64)
    for _ in range(6):  # about half of all draws fit
        drawn_entries = entries_by_skill[
            skill_starts[lesson_skills]
            + (
                rng.random(teacher_entries.size) * (skill_starts[lesson_skills + 1] - skill_starts[lesson_skills])
            ).astype(np.int64)
        ]
        is_possible_learner = (
            (plan.person_indices[drawn_entries] != plan.person_indices[teacher_entries])
            & (plan.begun_days[drawn_entries] <= lesson_days)
            & (lesson_days <= plan.last_days[drawn_entries])
        )
        learner_entries = np.where((learner_entries < 0) & is_possible_learner, drawn_entries, learner_entries)
    learner_numbers = (
        plan_entries["person"].gather(np.maximum(learner_entries, 0)).set(pl.Series(learner_entries < 0), None)
    )
    return (
        replace_entry_numbers(plan_entries, lessons)
        .with_columns(learner=learner_numbers)
        .sort("day", maintain_order=True)
    )


def generate_wishes(
    people: pl.DataFrame, is_favoured: FloatArray, last_days: IntArray, world: World, rng: np.random.Generator
) -> pl.DataFrame:
    """Draw one row per wish of the last year: a micro-skill, mostly of a favoured capability, strength 1 to 3."""
    wish_counts = rng.integers(1, MAX_WISHES + 1, people.height) * (rng.random(people.height) < WISHERS_SHARE)
    wisher_rows = np.repeat(np.arange(people.height), wish_counts)
    wished_skills = (
        is_favoured[wisher_rows] + rng.random((wisher_rows.size, world.catalog.skill_count), dtype=np.float32) * 1.2
    ).argmax(axis=1)
    first_days = np.maximum(people["hired_day"].to_numpy()[wisher_rows], world.first_day)
    return pl.DataFrame(
        {
            "person": people["person"].to_numpy()[wisher_rows],
            "skill": wished_skills,
            "day": np.maximum(last_days[wisher_rows] - rng.integers(0, 365, wisher_rows.size), first_days),
            "strength": rng.integers(1, 4, wisher_rows.size),
        }
    ).unique(["person", "skill"], keep="first", maintain_order=True)


def generate_demands(people: pl.DataFrame, world: World, block_number: int, rng: np.random.Generator) -> pl.DataFrame:
    """Draw open issues without an assignee, one row per issue.

    An issue belongs to the unit of a random person. Its micro-skill is important in that person's role, or rising.

    Args:
        people: The people of the block.
        world: The company.
        block_number: Number of the block, from 0; it sets the range of the issue numbers.
        rng: The random generator.
    """
    demand_count = max(MIN_DEMANDS, round(DEMAND_PER_PERSON * people.height))
    person_indices = rng.integers(0, people.height, demand_count)
    skill_appeal = (
        world.catalog.role_importance[people["role"].to_numpy()[person_indices]] + 0.3 * world.curricula.skill_trends
    )
    return pl.DataFrame(
        {
            "issue": block_number * ISSUES_PER_BLOCK + ISSUES_PER_BLOCK // 2 + np.arange(demand_count),
            "unit": people["unit"].to_numpy()[person_indices],
            "skill": (skill_appeal + rng.random(skill_appeal.shape, dtype=np.float32)).argmax(axis=1),
            "created_day": world.last_day - rng.integers(0, 60, demand_count),
        }
    )
