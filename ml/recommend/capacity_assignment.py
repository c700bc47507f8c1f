"""Assignment of companions to places at least cost, with nobody over their load.

Belongs here: the sparse assignment problem, cut into pieces that a sparse solver takes in milliseconds.
Does not belong here: who may be a companion of whom, and why (`ml.recommend.companion_matching`).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from ml.data.interactions import Floats, Ints

# The solver's time grows with the square of a piece: of 500, 1,000, 2,000 and 4,000 places, a thousand cost least each.
PIECE = 1_000
# One person more to be shown to weighs more than anything else that tells two companions apart (0 to 1 in all).
LOAD_COST = 1.0


@dataclass(frozen=True, eq=False)
class Edges:
    """Who could take which place: one entry an edge, place and companion by number, cost in 0..1."""

    place: Ints
    companion: Ints
    cost: Floats


def assign(edges: Edges, load: Ints, free: Ints, places: int) -> Ints:
    """The companion of each place (0 to places - 1), -1 where it stays empty.

    load: people each companion is shown to already; free: how many more they may be. Both are brought up to date in
    place. Within a piece of `PIECE` places (in their order) the assignment is exact: as many places as can be are
    filled, at least cost, where the n-th person more costs a companion n times `LOAD_COST` more, so that load is
    spread evenly. What a piece uses up is gone for the next: no companion ever exceeds `free`, whatever the edges.

    Solver: LAPJVsp (Jonker and Volgenant 1987) as scipy.sparse.csgraph.min_weight_full_bipartite_matching.
    """
    found = np.full(places, -1, np.int64)
    # by place, the cheapest first; the same edge twice is one
    order = np.lexsort((edges.cost, edges.companion, edges.place))
    place, companion, cost = edges.place[order], edges.companion[order], edges.cost[order]
    first = np.ones(place.size, bool)
    first[1:] = (place[1:] != place[:-1]) | (companion[1:] != companion[:-1])
    place, companion, cost = place[first], companion[first], cost[first]
    # pieces of places that have an edge at all
    own, number = np.unique(place, return_inverse=True)
    cuts = np.searchsorted(number, np.arange(0, own.size + PIECE, PIECE))
    for begin, end in pairwise(cuts):
        part = slice(begin, end)
        usable = free[companion[part]] > 0
        if not usable.any():
            continue
        _solve(place[part][usable], companion[part][usable], cost[part][usable], load, free, found)
    return found


def _solve(place: Ints, companion: Ints, cost: Floats, load: Ints, free: Ints, found: Ints) -> None:
    """One piece: every companion stands once for each person more they may be shown to, every place once for nobody."""
    rows, row = np.unique(place, return_inverse=True)
    people, who, wanted = np.unique(companion, return_inverse=True, return_counts=True)
    copies = np.minimum(free[people], wanted)
    first = np.concatenate([[0], np.cumsum(copies)])
    edge = np.repeat(np.arange(place.size), copies[who])
    nth = np.arange(edge.size) - np.repeat(np.cumsum(copies[who]) - copies[who], copies[who])
    column = first[who[edge]] + nth
    weight = 1.0 + cost[edge] + LOAD_COST * (load[companion[edge]] + nth)
    empty = first[-1] + np.arange(rows.size)
    # staying empty costs more than any rearrangement of the piece could save
    alone = np.full(rows.size, (rows.size + 1) * weight.max())
    matrix = csr_array(
        (
            np.concatenate([weight, alone]),
            (np.concatenate([row[edge], np.arange(rows.size)]), np.concatenate([column, empty])),
        ),
        shape=(rows.size, int(first[-1]) + rows.size),
    )
    matched, chosen = min_weight_full_bipartite_matching(matrix)
    taken = chosen < first[-1]
    winner = people[np.searchsorted(first, chosen[taken], side="right") - 1]
    found[rows[matched[taken]]] = winner
    np.add.at(load, winner, 1)
    np.subtract.at(free, winner, 1)


def windows(block: Ints, member_block: Ints, member_order: Ints, width: int) -> tuple[Ints, Ints]:
    """Up to `width` members of its own block for each asker, each member offered to equally many askers of the block.

    block: the block of each asker; member_block, member_order: block and order of each member; the first in order are
    offered first. Gives asker and member by number, one entry an offer, no offer twice.
    """
    order = np.lexsort((member_order, member_block))
    blocks, start, size = np.unique(member_block[order], return_index=True, return_counts=True)
    at = np.searchsorted(blocks, block)
    at[at == blocks.size] = 0
    has = blocks[at] == block if blocks.size else np.zeros(block.size, bool)
    asker = np.flatnonzero(has)
    asker = asker[np.argsort(block[asker], kind="stable")]
    at = at[asker]
    turn = np.arange(asker.size) - np.searchsorted(at, at)
    nth = np.arange(width)
    taken: NDArray[np.bool_] = nth[None, :] < size[at][:, None]
    spot = start[at][:, None] + (turn[:, None] * width + nth[None, :]) % size[at][:, None]
    return np.repeat(asker, taken.sum(axis=1)), order[spot[taken]]
