"""Simpler ways to propose squads: greedy, which is the declared fallback, and random, to compare with.

Belongs here: proposals that need no solver.
Does not belong here: the problem (`ml.recommend.squad_portfolio`), the solver (`ml.recommend.squad_proposal`).
"""

import numpy as np
from numpy.typing import NDArray

from ml.data.sparse_rows import Bools, Ints
from ml.recommend.squad_portfolio import SEAT_PEOPLE, Portfolio


def propose_greedily(portfolio: Portfolio) -> Bools:
    """Propose squads one after the other, the most valuable work first, and in each the best people first.

    Args:
        portfolio: Open work, and who may be proposed for it.

    Returns:
        Whether each pair is chosen.
    """
    potential = np.bincount(portfolio.work, portfolio.values, minlength=len(portfolio.work_codes))
    return _fill_squads(portfolio, np.argsort(-potential, kind="stable"), portfolio.values)


def propose_randomly(portfolio: Portfolio, rng: np.random.Generator) -> Bools:
    """Propose squads in random order with random people, within all limits.

    Args:
        portfolio: Open work, and who may be proposed for it.
        rng: The source of randomness.

    Returns:
        Whether each pair is chosen.
    """
    work_order = rng.permutation(len(portfolio.work_codes))
    return _fill_squads(portfolio, work_order, rng.random(len(portfolio.person)))


def _fill_squads(portfolio: Portfolio, work_order: Ints, preference: NDArray[np.float64]) -> Bools:
    is_chosen = np.zeros(len(portfolio.person), bool)
    is_taken = np.zeros(int(portfolio.person.max(initial=-1)) + 1, bool)
    for work in work_order:
        pair_rows = np.flatnonzero(portfolio.work == work)
        pair_rows = pair_rows[np.argsort(-preference[pair_rows], kind="stable")]
        squad = _fill_squad(portfolio, pair_rows, np.flatnonzero(portfolio.demand_work == work), is_taken)
        is_chosen[squad] = True
        is_taken[portfolio.person[squad]] = True
    return is_chosen


def _fill_squad(portfolio: Portfolio, pair_rows: Ints, demands: Ints, is_taken: Bools) -> list[int]:
    """The chosen pairs of one squad: first those that cover what is lacking, then the others; none if that fails."""
    squad: list[int] = []

    def can_join(pair: int) -> bool:
        members = portfolio.person[squad]
        has_seat = np.count_nonzero(portfolio.seat[squad] == portfolio.seat[pair]) < SEAT_PEOPLE
        is_free = not is_taken[portfolio.person[pair]] and portfolio.person[pair] not in members
        return bool(is_free and has_seat and len(squad) < portfolio.squad_people)

    covered: set[int] = set()
    for demand in demands:
        if demand in covered:
            continue
        covering_pairs = set(portfolio.cover_pair[portfolio.cover_demand == demand].tolist())
        joining_pair = next((int(pair) for pair in pair_rows if pair in covering_pairs and can_join(int(pair))), None)
        if joining_pair is None:
            return []
        squad.append(joining_pair)
        covered |= set(portfolio.cover_demand[portfolio.cover_pair == joining_pair].tolist())
    for pair in pair_rows:
        if portfolio.values[pair] > 0 and can_join(int(pair)):
            squad.append(int(pair))  # noqa: PERF401 - who can join depends on who is in the squad
    return squad
