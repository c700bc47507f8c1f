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
from ml.retrieval.base import BLOCK_ROWS, ItemToItem, truncate_rows

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
        person_codes, cutoff_ticks, next_items = sample_next_items(
            interactions, MOMENTS_PER_PERSON, MAX_MOMENTS, self.seed
        )
        n_items = interactions.n_items
        next_counts = np.bincount(next_items.indices, minlength=n_items).astype(np.float32)
        popularity = next_counts / max(next_counts.sum(), 1.0)
        transitions = self._count_transitions(interactions, person_codes, cutoff_ticks, next_items)
        if n_items <= 4 * self.entries_per_row:
            self.matrix = self._smooth_shares(transitions, popularity)
        else:
            truncated_blocks = [
                truncate_rows(
                    self._smooth_shares(transitions[first_row : first_row + BLOCK_ROWS], popularity),
                    self.entries_per_row,
                )
                for first_row in range(0, n_items, BLOCK_ROWS)
            ]
            self.matrix = sparse.csr_matrix(sparse.vstack(truncated_blocks), dtype=np.float32)
        return self

    def _count_transitions(
        self, interactions: Interactions, person_codes: Ints, cutoff_ticks: Ints, next_items: sparse.csr_matrix
    ) -> sparse.csr_matrix:
        partial_counts = [sparse.csr_matrix((interactions.n_items, interactions.n_items), dtype=np.float32)]
        for first_row in range(0, len(person_codes), STATE_ROWS):
            row_slice = slice(first_row, first_row + STATE_ROWS)
            user_states = build_user_states(interactions, person_codes[row_slice], cutoff_ticks[row_slice])
            recency_weights = user_states.matrix(interactions.n_items, self.memory)
            recency_weights.data[recency_weights.data < 0.01] = 0.0  # these cost time and change nothing
            recency_weights.eliminate_zeros()
            partial_counts.append(sparse.csr_matrix(recency_weights.T @ next_items[row_slice]))
            # an addition takes time in proportion to the size of the sum
            if sum(count_matrix.nnz for count_matrix in partial_counts[1:]) >= partial_counts[0].nnz / 2:
                partial_counts = [_sum_pairwise(partial_counts)]
        return _sum_pairwise(partial_counts)

    def _smooth_shares(self, transitions: sparse.csr_matrix, popularity: Floats) -> Floats:
        next_item_shares = np.asarray(transitions.toarray(), np.float32)
        next_item_shares += self.shrink * popularity[None, :]
        next_item_shares /= np.maximum(next_item_shares.sum(axis=1, keepdims=True), 1e-9)
        return next_item_shares


def _sum_pairwise(matrices: list[sparse.csr_matrix]) -> sparse.csr_matrix:
    """The sum, added in pairs so that no partial sum is added up again and again."""
    while len(matrices) > 1:
        matrix_pairs = [matrices[pair_start : pair_start + 2] for pair_start in range(0, len(matrices), 2)]
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
    is_listed = target_events.moment_index > np.maximum(last_moment_index[target_events.person] - moments_per_person, 0)
    person_codes = target_events.person[is_listed]
    moment_ticks = target_events.time[is_listed]
    item_codes = target_events.item[is_listed]
    moment_starts = np.flatnonzero(starts_run(person_codes, moment_ticks))
    moment_offsets = np.append(moment_starts, len(person_codes))
    item_weights = (1.0 / np.repeat(np.diff(moment_offsets), np.diff(moment_offsets))).astype(np.float32)
    next_items = sparse.csr_matrix(
        (item_weights, item_codes, moment_offsets), shape=(len(moment_starts), interactions.n_items)
    )
    if len(moment_starts) <= max_moments:
        return person_codes[moment_starts], moment_ticks[moment_starts], next_items
    sampled_moments = np.sort(np.random.default_rng(seed).choice(len(moment_starts), max_moments, replace=False))
    return (
        person_codes[moment_starts[sampled_moments]],
        moment_ticks[moment_starts[sampled_moments]],
        next_items[sampled_moments],
    )
