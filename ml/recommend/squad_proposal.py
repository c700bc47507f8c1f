"""Proposals for planners: squads for a portfolio, by a mixed-integer program.

Belongs here: the program, its solution per part of the portfolio, and what the solver says about it.
Does not belong here: who may be proposed (`squad_portfolio`), the fallback (`simple_squad_proposals`).

A proposal assigns nobody. It says which squads would work if the people in it agree.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, csr_array

from ml.data.sparse_rows import Bools, Ints
from ml.recommend.simple_squad_proposals import propose_greedily
from ml.recommend.squad_portfolio import SEAT_PEOPLE, SQUAD_VALUE, Portfolio, split_portfolio

# The accepted distance to the bound: a proposal is talked about before anybody acts on it.
RELATIVE_GAP = 0.001


@dataclass(frozen=True)
class PartSolution:
    """How one part of a portfolio was solved.

    Attributes:
        work_count: Pieces of work.
        people_count: People who may be proposed.
        method: `milp`, or `greedy` if the solver found no solution within the time limit.
        value: The value of the proposal.
        bound: A value that no proposal exceeds; infinite if the solver has none.
        is_time_limited: Whether the time limit ended the search.
    """

    work_count: int
    people_count: int
    method: str
    value: float
    bound: float
    is_time_limited: bool

    @property
    def gap(self) -> float:
        """The distance of the value to the bound, as a share of the bound."""
        return 0.0 if self.bound <= self.value else (self.bound - self.value) / self.bound


@dataclass(frozen=True)
class Proposal:
    """Squads for a portfolio.

    Attributes:
        members: One row per proposed person: work_code, opening_id, skill_id, person_id, to_stage, brings, workload.
        parts: How each part was solved, the largest first.
        is_chosen: Whether each pair of the portfolio is chosen.
    """

    members: pl.DataFrame
    parts: list[PartSolution]
    is_chosen: Bools

    @property
    def value(self) -> float:
        """The value of all squads."""
        return sum(part.value for part in self.parts)

    @property
    def bound(self) -> float:
        """A value that no proposal exceeds."""
        return sum(part.bound for part in self.parts)


def propose_squads(portfolio: Portfolio, time_limit_seconds: float) -> Proposal:
    """Propose squads of the largest value.

    Each person is in at most one squad. A squad has somebody who is journeyman or master for each lacking micro-skill,
    at most `SEAT_PEOPLE` people per seat and at most the declared number in all.

    Args:
        portfolio: Open work, and who may be proposed for it.
        time_limit_seconds: Limit of the search over all parts; each part gets its share by its number of pairs.

    Returns:
        The squads; greedy ones in a part without a solution within the limit, as `method` says.
    """
    is_chosen, parts = np.zeros(portfolio.pairs.height, bool), []
    for pair_rows, part in split_portfolio(portfolio):
        share = len(pair_rows) / portfolio.pairs.height
        is_chosen_in_part, part_solution = _solve_part(part, time_limit_seconds * share)
        is_chosen[pair_rows] = is_chosen_in_part
        parts.append(part_solution)
    member_columns = ("work_code", "opening_id", "skill_id", "person_id", "to_stage", "brings", "workload")
    members = portfolio.pairs.filter(pl.Series(is_chosen)).select(member_columns)
    return Proposal(
        members.sort("work_code", "opening_id", "person_id"),
        sorted(parts, key=lambda part: -part.people_count),
        is_chosen,
    )


def _solve_part(part: Portfolio, time_limit_seconds: float) -> tuple[Bools, PartSolution]:
    pair_count, work_count = part.pairs.height, len(part.work_codes)
    solution = milp(
        -np.concatenate([part.values, np.full(work_count, SQUAD_VALUE)]),
        integrality=np.ones(pair_count + work_count),
        bounds=Bounds(0, 1),
        constraints=_build_constraints(part),
        options={"time_limit": time_limit_seconds, "mip_rel_gap": RELATIVE_GAP},
    )
    is_time_limited = solution.status == 1
    dual_bound = getattr(solution, "mip_dual_bound", None)
    bound = np.inf if dual_bound is None or not np.isfinite(dual_bound) else -float(dual_bound)
    method = "greedy" if solution.x is None else "milp"
    is_chosen = propose_greedily(part) if solution.x is None else solution.x[:pair_count] > 0.5
    people_count = part.pairs["person_id"].n_unique()
    return is_chosen, PartSolution(work_count, people_count, method, part.value_of(is_chosen), bound, is_time_limited)


def _build_constraints(part: Portfolio) -> list[LinearConstraint]:
    """The constraints over one variable per pair (whether it is chosen) and one per work (whether it has a squad)."""
    pair_count, work_count = part.pairs.height, len(part.work_codes)
    pair_numbers, work_columns = np.arange(pair_count), pair_count + np.arange(work_count)
    demand_numbers = np.arange(len(part.demand_work))
    shape_width = pair_count + work_count

    def rows_of(rows: Ints, columns: Ints, weights: NDArray[np.float64]) -> csr_array:
        row_count = int(rows.max(initial=-1)) + 1
        return coo_array((weights, (rows, columns)), shape=(row_count, shape_width)).tocsr()

    ones = np.ones(pair_count)
    at_most_once = rows_of(part.person, pair_numbers, ones)
    seats = rows_of(part.seat, pair_numbers, ones)
    in_squad = rows_of(
        np.concatenate([pair_numbers, pair_numbers]),
        np.concatenate([pair_numbers, pair_count + part.work]),
        np.concatenate([ones, -ones]),
    )
    sizes = rows_of(
        np.concatenate([part.work, np.arange(work_count)]),
        np.concatenate([pair_numbers, work_columns]),
        np.concatenate([ones, np.full(work_count, -float(part.squad_people))]),
    )
    # a squad has people: otherwise work without anything lacking would be a squad of nobody
    not_empty = rows_of(
        np.concatenate([part.work, np.arange(work_count)]),
        np.concatenate([pair_numbers, work_columns]),
        np.concatenate([ones, -np.ones(work_count)]),
    )
    constraints = [
        LinearConstraint(at_most_once, ub=1),
        LinearConstraint(seats, ub=SEAT_PEOPLE),
        LinearConstraint(in_squad, ub=0),
        LinearConstraint(sizes, ub=0),
        LinearConstraint(not_empty, lb=0),
    ]
    if len(demand_numbers):
        covered = rows_of(
            np.concatenate([part.cover_demand, demand_numbers]),
            np.concatenate([part.cover_pair, pair_count + part.demand_work]),
            np.concatenate([np.ones(len(part.cover_pair)), -np.ones(len(demand_numbers))]),
        )
        constraints.append(LinearConstraint(covered, lb=0))
    return constraints
