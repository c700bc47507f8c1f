"""Benchmark of proposals: the solver, greedy and random on companies with planted squads.

Belongs here: the proposals on each seed and their measures.
Does not belong here: the planted truth (`pipelines.demo.planted_squads`), the proposals (`ml.recommend`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from time import perf_counter

import numpy as np
import polars as pl

from ml.recommend.simple_squad_proposals import propose_greedily, propose_randomly
from ml.recommend.squad_matching import match_openings
from ml.recommend.squad_openings import SquadContext, find_openings
from ml.recommend.squad_portfolio import Portfolio, build_portfolio
from ml.recommend.squad_proposal import propose_squads
from pipelines.contracts.catalog import WORKLOG
from pipelines.contracts.policy import SquadPolicy
from pipelines.core.squad_work import find_open_work, measure_workload, read_recent_hours
from pipelines.demo.planted_squads import PlantedSquads, plant_squads

AS_OF = date(2026, 6, 30)
RANDOM_DRAWS = 20
# A planner compares more openings per person than a page shows.
PLANNING_LENGTH, PLANNED_OPENINGS_PER_SKILL = 50, 8


@dataclass(frozen=True)
class PlantedSquadsRow:
    """One row per seed: value of each proposal, and what of the people's answers it respects.

    `share_of_best` is the value as a share of the larger of planted value and bound.
    """

    seed: int
    planted: float
    bound: float
    proposed: float
    greedy: float
    random: float
    share_of_best: float
    gap: float
    squads: int
    steps: int
    joins_respected: float
    refusals_broken: int
    seconds: float


def benchmark_planted_squads(
    seed_count: int,
    people_count: int,
    squad_count: int,
    time_limit_seconds: float,
    progress: Callable[[str, float], None] | None = None,
) -> list[PlantedSquadsRow]:
    """Propose squads on companies of several seeds.

    Args:
        seed_count: Number of seeds, from 0 on.
        people_count: People of each company.
        squad_count: Planted squads of each company.
        time_limit_seconds: Limit of each search.
        progress: Called with what is measured and the share done.

    Returns:
        One row per seed.
    """
    rows = []
    for seed in range(seed_count):
        if progress is not None:
            progress(f"seed {seed}", seed / seed_count)
        truth = plant_squads(people_count, squad_count, seed=seed, as_of=AS_OF)
        rows.append(measure(truth, seed, time_limit_seconds))
    return rows


def measure(truth: PlantedSquads, seed: int, time_limit_seconds: float) -> PlantedSquadsRow:
    """Propose squads on one company by each method.

    Args:
        truth: The company.
        seed: The seed of the random proposals.
        time_limit_seconds: Limit of the search.
    """
    portfolio = read_portfolio(truth)
    began = perf_counter()
    proposal = propose_squads(portfolio, time_limit_seconds)
    seconds, rng = perf_counter() - began, np.random.default_rng(seed)
    random_values = [portfolio.value_of(propose_randomly(portfolio, rng)) for _ in range(RANDOM_DRAWS)]
    best = max(truth.planted_value, proposal.bound)
    joins, refusals = (
        truth.answers.filter(pl.col("squad_reply_kind") == reply_kind) for reply_kind in ("join", "not_this")
    )
    pair = ["person_id", "opening_id"]
    asked_members = proposal.members.join(joins.select("person_id").unique(), on="person_id", how="semi")
    is_respected = asked_members.join(joins, on=pair, how="semi").height == asked_members.height
    return PlantedSquadsRow(
        seed,
        truth.planted_value,
        proposal.bound,
        proposal.value,
        portfolio.value_of(propose_greedily(portfolio)),
        float(np.mean(random_values)),
        proposal.value / best,
        max((part.gap for part in proposal.parts), default=0.0),
        proposal.members["work_code"].n_unique(),
        proposal.members["to_stage"].count(),
        float(is_respected),
        proposal.members.join(refusals, on=pair, how="semi").height,
        seconds,
    )


def read_portfolio(truth: PlantedSquads) -> Portfolio:
    """The portfolio of a company with planted squads, by the code of a run.

    Args:
        truth: The company.
    """
    policy = SquadPolicy(list_length=PLANNING_LENGTH)
    no_hours = read_recent_hours(pl.LazyFrame(schema=WORKLOG.schema), AS_OF)
    open_work = find_open_work(truth.assignments, no_hours, truth.text_matches, AS_OF)
    context = SquadContext(
        open_work.seats,
        open_work.requirements,
        open_work.members,
        truth.people.select("person_id"),
        truth.mastery.join(truth.people, on="person_id", how="semi"),
        truth.consents,
        truth.answers,
        truth.answers,
        minimum_people=3,
    )
    openings = find_openings(context)
    workload = measure_workload(truth.assignments, no_hours, truth.people, AS_OF)
    matches = match_openings(
        openings, truth.steps, truth.wishes, workload, context, policy, AS_OF, PLANNED_OPENINGS_PER_SKILL
    )
    return build_portfolio(matches, openings, context, policy, AS_OF)
