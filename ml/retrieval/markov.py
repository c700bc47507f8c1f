"""Markov: which items follow which, as directed transitions between the moments of a person's interactions.

Belongs here: decayed counts of what was held shortly before and what was acquired next, shrunk to popularity.
Does not belong here: undirected similarity.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from ml.data.interactions import Interactions, build_user_states
from ml.data.sparse_rows import Floats, Ints, starts_run
from ml.retrieval.base import BLOCK_ROWS, ItemToItem, truncate_to_largest

MOMENTS_PER_PERSON = 40  # the latest moments of each person: enough to count, and no long history dominates
MAX_MOMENTS = 2_000_000  # a larger number is sampled evenly: a hundred moments for each of 20,000 items
STATE_ROWS = 20_000  # user states built at a time


@dataclass
class Markov(ItemToItem):
    """Row i: share of each item among what came next after holding i, plus `shrink` next items shared by popularity."""

    memory: float = 1.0  # an item used b moments before counts exp(-b / memory)
    shrink: float = 10.0
    entries_per_row: int = 1000

    seed: int = 0

    def fit(self, interactions: Interactions) -> Self:
        person_codes, cutoff_ticks, moments_by_items = sample_next_items(
            interactions, MOMENTS_PER_PERSON, MAX_MOMENTS, self.seed
        )
        n_items = interactions.n_items
        next_item_counts = np.bincount(moments_by_items.indices, minlength=n_items).astype(np.float32)
        popularity = next_item_counts / max(next_item_counts.sum(), 1.0)
        transitions = self._count_transitions(interactions, person_codes, cutoff_ticks, moments_by_items)
        if n_items <= 4 * self.entries_per_row:
            self.matrix = self._smooth_shares(transitions, popularity)
        else:
            truncated_blocks = [
                truncate_to_largest(
                    self._smooth_shares(transitions[first_row : first_row + BLOCK_ROWS], popularity),
                    self.entries_per_row,
                )
                for first_row in range(0, n_items, BLOCK_ROWS)
            ]
            self.matrix = sparse.csr_matrix(sparse.vstack(truncated_blocks), dtype=np.float32)
        return self

    def _count_transitions(
        self, interactions: Interactions, person_codes: Ints, cutoff_ticks: Ints, moments_by_items: sparse.csr_matrix
    ) -> sparse.csr_matrix:
        partial_transition_counts = [sparse.csr_matrix((interactions.n_items, interactions.n_items), dtype=np.float32)]
        for first_row in range(0, len(person_codes), STATE_ROWS):
            row_slice = slice(first_row, first_row + STATE_ROWS)
            user_states = build_user_states(interactions, person_codes[row_slice], cutoff_ticks[row_slice])
            moments_by_held_items = user_states.matrix(interactions.n_items, self.memory)
            moments_by_held_items.data[moments_by_held_items.data < 0.01] = 0.0  # these cost time and change nothing
            moments_by_held_items.eliminate_zeros()
            partial_transition_counts.append(sparse.csr_matrix(moments_by_held_items.T @ moments_by_items[row_slice]))
            # an addition takes time in proportion to the size of the sum
            if (
                sum(transition_counts.nnz for transition_counts in partial_transition_counts[1:])
                >= partial_transition_counts[0].nnz / 2
            ):
                partial_transition_counts = [_sum_pairwise(partial_transition_counts)]
        return _sum_pairwise(partial_transition_counts)

    def _smooth_shares(self, transition_counts: sparse.csr_matrix, popularity: Floats) -> Floats:
        next_item_shares = np.asarray(transition_counts.toarray(), np.float32)
        next_item_shares += self.shrink * popularity[None, :]
        next_item_shares /= np.maximum(next_item_shares.sum(axis=1, keepdims=True), 1e-9)
        return next_item_shares


def _sum_pairwise(matrices: list[sparse.csr_matrix]) -> sparse.csr_matrix:
    """The sum, added in pairs so that no partial sum is added up again and again."""
    while len(matrices) > 1:
        matrix_pairs = [
            matrices[pair_start_index : pair_start_index + 2] for pair_start_index in range(0, len(matrices), 2)
        ]
        matrices = [
            sparse.csr_matrix(matrix_pair[0] + matrix_pair[1]) if len(matrix_pair) == 2 else matrix_pair[0]
            for matrix_pair in matrix_pairs
        ]
    return matrices[0]


def sample_next_items(
    interactions: Interactions, moments_per_person: int, max_moments: int, seed: int
) -> tuple[Ints, Ints, sparse.csr_matrix]:
    """Return the moments at which somebody acquired items, and those items.

    Args:
        interactions: Interactions of everybody. The first moment of a person is left out: nothing was held before it.
        moments_per_person: Latest moments of a person that count.
        max_moments: Number of moments in an even sample of a larger number.
        seed: Seed of that sample.

    Returns:
        The person and the tick of each moment, and moments x items: each moment's items share a weight of 1.
    """
    target_events = interactions.target_events
    last_moment_index = np.zeros(interactions.n_people, np.int64)
    np.maximum.at(last_moment_index, target_events.person, target_events.moment_index)
    is_counted_event = target_events.moment_index > np.maximum(
        last_moment_index[target_events.person] - moments_per_person, 0
    )
    entry_person_codes = target_events.person[is_counted_event]
    entry_ticks = target_events.time[is_counted_event]
    entry_item_codes = target_events.item[is_counted_event]
    moment_starts = np.flatnonzero(starts_run(entry_person_codes, entry_ticks))
    moment_offsets = np.append(moment_starts, len(entry_person_codes))
    entry_weights = (1.0 / np.repeat(np.diff(moment_offsets), np.diff(moment_offsets))).astype(np.float32)
    moments_by_items = sparse.csr_matrix(
        (entry_weights, entry_item_codes, moment_offsets), shape=(len(moment_starts), interactions.n_items)
    )
    if len(moment_starts) <= max_moments:
        return entry_person_codes[moment_starts], entry_ticks[moment_starts], moments_by_items
    sampled_moments = np.sort(np.random.default_rng(seed).choice(len(moment_starts), max_moments, replace=False))
    return (
        entry_person_codes[moment_starts[sampled_moments]],
        entry_ticks[moment_starts[sampled_moments]],
        moments_by_items[sampled_moments],
    )
