"""Assignment of companions to slots at the lowest cost, within the capacity of each companion.

Belongs here: the sparse assignment problem, cut into pieces that a sparse solver takes in milliseconds.
Does not belong here: who may be a companion of whom (`ml.recommend.companion_matching`).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from ml.data.sparse_rows import Floats, Ints

# Slots per piece. The solver's time grows with the square of a piece: of 500, 1,000, 2,000 and 4,000 slots, a piece of
# a thousand costs least per slot.
PIECE_SIZE = 1_000
# One more person to be shown to costs more than any other difference between two companions (0 to 1 in all).
LOAD_COST = 1.0


@dataclass(frozen=True, eq=False)
class Edges:
    """The possible companions of each slot: one entry per edge, slot and companion by number, cost in 0..1."""

    slot: Ints
    companion: Ints
    cost: Floats


def assign_companions(edges: Edges, load: Ints, free: Ints, n_slots: int) -> Ints:
    """Assign a companion to each slot.

    Within a piece of `PIECE_SIZE` slots (in their order) the assignment is exact: as many slots as possible are filled,
    at the lowest cost, where the n-th additional person costs a companion n times `LOAD_COST` more, so that load is
    even. No companion exceeds `free`, whatever the edges.

    Solver: LAPJVsp (Jonker and Volgenant 1987) as scipy.sparse.csgraph.min_weight_full_bipartite_matching.

    Args:
        edges: The possible companions.
        load: How many people each companion is shown to, shape (people,). Updated in place.
        free: How many more people each companion may be shown to, shape (people,). Updated in place.
        n_slots: Number of slots.

    Returns:
        The companion of each slot, -1 if the slot stays empty; shape (n_slots,).
    """
    companions = np.full(n_slots, -1, np.int64)
    # by slot, the cheapest first; a repeated edge counts once
    order = np.lexsort((edges.cost, edges.companion, edges.slot))
    slot, companion, cost = edges.slot[order], edges.companion[order], edges.cost[order]
    is_distinct_edge = np.ones(slot.size, bool)
    is_distinct_edge[1:] = (slot[1:] != slot[:-1]) | (companion[1:] != companion[:-1])
    slot, companion, cost = slot[is_distinct_edge], companion[is_distinct_edge], cost[is_distinct_edge]
    # pieces of slots that have an edge
    with_edge, slot_rank = np.unique(slot, return_inverse=True)
    for start, end in pairwise(np.searchsorted(slot_rank, np.arange(0, with_edge.size + PIECE_SIZE, PIECE_SIZE))):
        edge_indices = start + np.flatnonzero(free[companion[start:end]] > 0)
        if edge_indices.size:
            _assign_piece(slot[edge_indices], companion[edge_indices], cost[edge_indices], load, free, companions)
    return companions


def _assign_piece(slot: Ints, companion: Ints, cost: Floats, load: Ints, free: Ints, companions: Ints) -> None:
    """Assign one piece: a companion has one column per additional person, a slot one column for staying empty."""
    slots, row = np.unique(slot, return_inverse=True)
    people, who, wanted = np.unique(companion, return_inverse=True, return_counts=True)
    copies = np.minimum(free[people], wanted)
    first_column = np.concatenate([[0], np.cumsum(copies)])
    edge = np.repeat(np.arange(slot.size), copies[who])
    nth = np.arange(edge.size) - np.repeat(np.cumsum(copies[who]) - copies[who], copies[who])
    weight = 1.0 + cost[edge] + LOAD_COST * (load[companion[edge]] + nth)
    # an empty slot costs more than any rearrangement of the piece could save
    empty_weight = np.full(slots.size, (slots.size + 1) * weight.max())
    rows = np.concatenate([row[edge], np.arange(slots.size)])
    columns = np.concatenate([first_column[who[edge]] + nth, first_column[-1] + np.arange(slots.size)])
    shape = (slots.size, int(first_column[-1]) + slots.size)
    matrix = csr_array((np.concatenate([weight, empty_weight]), (rows, columns)), shape=shape)
    matched, chosen = min_weight_full_bipartite_matching(matrix)
    is_filled = chosen < first_column[-1]
    winners = people[np.searchsorted(first_column, chosen[is_filled], side="right") - 1]
    companions[slots[matched[is_filled]]] = winners
    np.add.at(load, winners, 1)
    np.subtract.at(free, winners, 1)


def offer_members(pool: Ints, member_pool: Ints, member_order: Ints, width: int) -> tuple[Ints, Ints]:
    """Offer up to `width` members of its own pool to each asker; each member is offered to equally many askers.

    Args:
        pool: The pool of each asker, shape (askers,).
        member_pool: The pool of each member, shape (members,).
        member_order: The order of each member, shape (members,); members are offered in this order.
        width: The largest number of offers per asker.

    Returns:
        Asker and member of each offer, by number; no offer occurs twice.
    """
    order = np.lexsort((member_order, member_pool))
    pools, start, size = np.unique(member_pool[order], return_index=True, return_counts=True)
    position = np.searchsorted(pools, pool)
    position[position == pools.size] = 0
    has_members = pools[position] == pool if pools.size else np.zeros(pool.size, bool)
    asker = np.flatnonzero(has_members)
    asker = asker[np.argsort(pool[asker], kind="stable")]
    position = position[asker]
    turn = np.arange(asker.size) - np.searchsorted(position, position)
    nth, width_of = np.arange(width), size[position][:, None]
    is_offered = nth[None, :] < width_of
    member = start[position][:, None] + (turn[:, None] * width + nth[None, :]) % width_of
    return np.repeat(asker, is_offered.sum(axis=1)), order[member[is_offered]]
