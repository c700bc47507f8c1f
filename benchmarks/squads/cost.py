"""Benchmark of openings and matches: their cost at growing numbers of people, on a synthetic company.

Belongs here: seeded synthetic work on top of the company of the companions' benchmark, and the measured rows.
Does not belong here: openings and matches (`ml.recommend`), proposals (`planted`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from benchmarks.companions import AS_OF, synthetic_company
from ml.evaluation.profiling import ResourceMeter
from ml.recommend.squad_companions import add_squad_companions
from ml.recommend.squad_match_text import build_match_rows
from ml.recommend.squad_matching import match_openings
from ml.recommend.squad_openings import SquadContext, find_openings
from pipelines.contracts.catalog import ASSIGNMENT, SKILL_TEXT, SQUAD_REPLY, WORKLOG
from pipelines.contracts.policy import RecommendationPolicy
from pipelines.core.free_choice import measure_free_choice
from pipelines.core.squad_work import (
    find_last_answers,
    find_open_work,
    list_assigned_work,
    measure_workload,
    read_recent_hours,
)

# As in the demo company: open issues per person with and without an assignee, and worklogs of a quarter.
UNASSIGNED_PER_PERSON, ASSIGNED_PER_PERSON, WORKLOGS_PER_PERSON, PEOPLE_PER_PROJECT = 0.15, 3, 40, 8


@dataclass(frozen=True)
class OpeningsRow:
    """One row per number of people: openings, matches, and the cost of both and of free choice."""

    n_people: int
    n_openings: int
    n_matches: int
    seconds: float
    peak_mb: float


def benchmark_openings(people: Sequence[int]) -> list[OpeningsRow]:
    """Find openings, match everybody and measure free choice, at each number of people.

    Args:
        people: Numbers of people, in the order to measure.

    Returns:
        One row per number of people.
    """
    return [measure(count) for count in people]


def measure(people_count: int, *, seed: int = 0) -> OpeningsRow:
    """Compute what one run computes.

    Args:
        people_count: Number of people.
        seed: Seed of the company.
    """
    steps, company = synthetic_company(people_count, seed=seed)
    rng, policy = np.random.default_rng(seed), RecommendationPolicy()
    assignments, worklogs = _draw_work(company.people["person_id"], company.skills["skill_id"], rng)
    people = company.people.with_columns(weekly_hours=pl.lit(40.0))
    text_matches = _match_texts(company.skills["skill_id"])
    no_wishes = pl.DataFrame(schema={"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64})
    meter = ResourceMeter()
    with meter:
        recent_hours = read_recent_hours(worklogs.lazy(), AS_OF)
        open_work = find_open_work(assignments, recent_hours, text_matches, AS_OF)
        answers = find_last_answers(pl.DataFrame(schema=SQUAD_REPLY.schema), AS_OF)
        context = SquadContext(
            open_work.seats,
            open_work.requirements,
            open_work.members,
            people.select("person_id"),
            company.mastery.join(company.hidden_pairs, on=("person_id", "skill_id"), how="anti"),
            company.consents,
            answers,
            answers,
            policy.minimum_people,
        )
        openings = find_openings(context)
        workload = measure_workload(assignments, recent_hours, people, AS_OF)
        matches = match_openings(openings, steps, no_wishes, workload, context, policy.squads, AS_OF)
        matches = add_squad_companions(matches, context, policy.companions.load_cap)
        rows = build_match_rows(matches, openings, context.mastery, company.skills)
        measure_free_choice(
            recent_hours,
            worklogs.select("source_name", "record_code", "person_id", "skill_id", occurred_at="worked_at"),
            no_wishes.with_columns(stated_at=pl.lit(None, pl.Datetime("us", "UTC"))),
            answers,
            people.select("person_id", "unit_name"),
            list_assigned_work(assignments, AS_OF),
            policy.squads.free_choice_share,
            policy.team_people,
            policy.minimum_people,
        )
    return OpeningsRow(people_count, openings.height, rows.height, meter.seconds, meter.peak_mb)


def _draw_work(
    person_ids: pl.Series, skill_ids: pl.Series, rng: np.random.Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Assignments and worklogs of a quarter, in projects of about eight people."""
    count = person_ids.len()
    unassigned, assigned, logged = (
        int(count * per_person) for per_person in (UNASSIGNED_PER_PERSON, ASSIGNED_PER_PERSON, WORKLOGS_PER_PERSON)
    )
    person_numbers = np.concatenate([np.full(unassigned, -1), np.repeat(np.arange(count), ASSIGNED_PER_PERSON)])
    projects = rng.integers(0, max(count // PEOPLE_PER_PROJECT, 1), unassigned + assigned)
    assignments = pl.DataFrame(
        {
            "record_code": pl.Series(np.arange(unassigned + assigned)).cast(pl.String),
            "person_id": person_ids.gather(pl.Series(person_numbers).set(pl.Series(person_numbers < 0), 0)),
            "is_open": pl.Series(person_numbers < 0),
            "project_code": "P" + pl.Series(projects).cast(pl.String),
            "skill_text": skill_ids.gather(rng.integers(0, skill_ids.len(), unassigned + assigned)),
            "planned_hours": pl.Series(rng.integers(4, 80, unassigned + assigned)).cast(pl.Float64),
        }
    ).with_columns(
        pl.when(~pl.col("is_open")).then("person_id").alias("person_id"),
        pl.lit("synthetic").alias("source_name"),
        pl.lit(False).alias("is_done"),
    )
    logged_people = np.repeat(np.arange(count), WORKLOGS_PER_PERSON)
    first_moment = datetime(AS_OF.year, AS_OF.month, AS_OF.day, tzinfo=UTC) - timedelta(days=89)
    worklogs = pl.DataFrame(
        {
            "record_code": pl.Series(np.arange(logged)).cast(pl.String),
            "person_id": person_ids.gather(logged_people),
            "project_code": "P" + pl.Series(logged_people // PEOPLE_PER_PROJECT).cast(pl.String),
            "skill_id": skill_ids.gather(rng.integers(0, skill_ids.len(), logged)),
            "day": pl.Series(rng.integers(0, 89, logged)),
        }
    ).with_columns(
        pl.lit("synthetic").alias("source_name"),
        (pl.lit(first_moment) + pl.duration(days="day")).alias("worked_at"),
        pl.lit(6.0).alias("worked_hours"),
    )
    complete_worklogs = _fill(worklogs, WORKLOG.schema).with_columns(worklogs["skill_id"])
    return _fill(assignments, ASSIGNMENT.schema), complete_worklogs


def _match_texts(skill_ids: pl.Series) -> pl.DataFrame:
    texts = skill_ids.unique().alias("skill_id").to_frame()
    return _fill(
        texts.with_columns(skill_text="skill_id", mention_text="skill_id", is_matched_whole=pl.lit(False)),
        SKILL_TEXT.schema,
    )


def _fill(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The rows with the columns of a contract, null if they have no value."""
    return rows.select(
        (pl.col(column) if column in rows.columns else pl.lit(None)).cast(dtype).alias(column)
        for column, dtype in schema.items()
    )
