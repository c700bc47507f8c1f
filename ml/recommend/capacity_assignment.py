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


def assign_companions(edges: Edges, companion_load: Ints, free_capacity: Ints, n_slots: int) -> Ints:
    """Assign a companion to each slot.

    Within a piece of `PIECE_SIZE` slots (in their order) the assignment is exact: as many slots as possible are filled,
    at the lowest cost, where the n-th additional person costs a companion n times `LOAD_COST` more, so that load is
    even. No companion exceeds `free_capacity`, whatever the edges.

    Solver: LAPJVsp (Jonker and Volgenant 1987) as scipy.sparse.csgraph.min_weight_full_bipartite_matching.

    Args:
        edges: The possible companions.
        companion_load: How many people each companion is shown to, shape (people,). Updated in place.
        free_capacity: How many more people each companion may be shown to, shape (people,). Updated in place.
        n_slots: Number of slots.

    Returns:
        The companion of each slot, -1 if the slot stays empty; shape (n_slots,).
    """
    companion_of_slot = np.full(n_slots, -1, np.int64)
    # by slot, the cheapest first; a repeated edge counts once
    edge_order = np.lexsort((edges.cost, edges.companion, edges.slot))
    edge_slots, edge_companions, edge_costs = (
        edges.slot[edge_order],
        edges.companion[edge_order],
        edges.cost[edge_order],
    )
    is_distinct_edge = np.ones(edge_slots.size, bool)
    is_distinct_edge[1:] = (edge_slots[1:] != edge_slots[:-1]) | (edge_companions[1:] != edge_companions[:-1])
    edge_slots = edge_slots[is_distinct_edge]
    edge_companions = edge_companions[is_distinct_edge]
    edge_costs = edge_costs[is_distinct_edge]
    # pieces of slots that have an edge
    slots_with_edge, edge_slot_ranks = np.unique(edge_slots, return_inverse=True)
    for first_edge_index, end_edge_index in pairwise(
        np.searchsorted(edge_slot_ranks, np.arange(0, slots_with_edge.size + PIECE_SIZE, PIECE_SIZE))
    ):
        edge_indices = first_edge_index + np.flatnonzero(
            free_capacity[edge_companions[first_edge_index:end_edge_index]] > 0
        )
        if edge_indices.size:
            _assign_piece(
                edge_slots[edge_indices],
                edge_companions[edge_indices],
                edge_costs[edge_indices],
                companion_load,
                free_capacity,
                companion_of_slot,
            )
    return companion_of_slot


def _assign_piece(
    edge_slots: Ints,
    edge_companions: Ints,
    edge_costs: Floats,
    companion_load: Ints,
    free_capacity: Ints,
    companion_of_slot: Ints,
) -> None:
    """Fill the slots of one piece. In the cost matrix each slot is a row. A companion has one column per person that it
    can still take, and each slot has one column for staying empty.
    """
    distinct_slots, edge_slot_ranks = np.unique(edge_slots, return_inverse=True)
    distinct_companions, edge_companion_ranks, edge_counts = np.unique(
        edge_companions, return_inverse=True, return_counts=True
    )
    matrix_column_counts = np.minimum(free_capacity[distinct_companions], edge_counts)
    first_matrix_columns = np.concatenate([[0], np.cumsum(matrix_column_counts)])
    copied_edge_indices = np.repeat(np.arange(edge_slots.size), matrix_column_counts[edge_companion_ranks])
    copy_numbers = np.arange(copied_edge_indices.size) - np.repeat(
        np.cumsum(matrix_column_counts[edge_companion_ranks]) - matrix_column_counts[edge_companion_ranks],
        matrix_column_counts[edge_companion_ranks],
    )
    edge_weights = (
        1.0
        + edge_costs[copied_edge_indices]
        + LOAD_COST * (companion_load[edge_companions[copied_edge_indices]] + copy_numbers)
    )
    # an empty slot costs more than any rearrangement of the piece could save
    empty_slot_weights = np.full(distinct_slots.size, (distinct_slots.size + 1) * edge_weights.max())
    matrix_row_indices = np.concatenate([edge_slot_ranks[copied_edge_indices], np.arange(distinct_slots.size)])
    matrix_column_indices = np.concatenate(
        [
            first_matrix_columns[edge_companion_ranks[copied_edge_indices]] + copy_numbers,
            first_matrix_columns[-1] + np.arange(distinct_slots.size),
        ]
    )
    matrix_shape = (distinct_slots.size, int(first_matrix_columns[-1]) + distinct_slots.size)
    cost_matrix = csr_array(
        (np.concatenate([edge_weights, empty_slot_weights]), (matrix_row_indices, matrix_column_indices)),
        shape=matrix_shape,
    )
    matched_rows, matched_columns = min_weight_full_bipartite_matching(cost_matrix)
    is_filled = matched_columns < first_matrix_columns[-1]
    chosen_companions = distinct_companions[
        np.searchsorted(first_matrix_columns, matched_columns[is_filled], side="right") - 1
    ]
    companion_of_slot[distinct_slots[matched_rows[is_filled]]] = chosen_companions
    np.add.at(companion_load, chosen_companions, 1)
    np.subtract.at(free_capacity, chosen_companions, 1)


def offer_members(asker_pools: Ints, member_pools: Ints, member_ranks: Ints, max_offers: int) -> tuple[Ints, Ints]:
    """Offer up to `max_offers` members of its own pool to each asker; each member is offered to equally many askers.

    Args:
        asker_pools: The pool of each asker, shape (askers,).
        member_pools: The pool of each member, shape (members,).
        member_ranks: The rank of each member, shape (members,); members are offered in this order.
        max_offers: The largest number of offers per asker.

    Returns:
        Asker and member of each offer, by number; no offer occurs twice.
    """
    member_order = np.lexsort((member_ranks, member_pools))
    distinct_pools, pool_starts, pool_sizes = np.unique(
        member_pools[member_order], return_index=True, return_counts=True
    )
    asker_pool_ranks = np.searchsorted(distinct_pools, asker_pools)
    asker_pool_ranks[asker_pool_ranks == distinct_pools.size] = 0
    has_pool_members = (
        distinct_pools[asker_pool_ranks] == asker_pools if distinct_pools.size else np.zeros(asker_pools.size, bool)
    )
    asker_indices = np.flatnonzero(has_pool_members)
    asker_indices = asker_indices[np.argsort(asker_pools[asker_indices], kind="stable")]
    asker_pool_ranks = asker_pool_ranks[asker_indices]
    turns_in_pool = np.arange(asker_indices.size) - np.searchsorted(asker_pool_ranks, asker_pool_ranks)
    offer_positions, asker_pool_sizes = np.arange(max_offers), pool_sizes[asker_pool_ranks][:, None]
    is_offered = offer_positions[None, :] < asker_pool_sizes
    offered_positions = (
        pool_starts[asker_pool_ranks][:, None]
        + (turns_in_pool[:, None] * max_offers + offer_positions[None, :]) % asker_pool_sizes
    )
    return np.repeat(asker_indices, is_offered.sum(axis=1)), member_order[offered_positions[is_offered]]
