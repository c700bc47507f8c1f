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
        person, cut, next_items = sample_next_items(interactions, MOMENTS_PER_PERSON, MAX_MOMENTS, self.seed)
        size = interactions.n_items
        next_counts = np.bincount(next_items.indices, minlength=size).astype(np.float32)
        popularity = next_counts / max(next_counts.sum(), 1.0)
        transitions = self._count_transitions(interactions, person, cut, next_items)
        if size <= 4 * self.entries_per_row:
            self.matrix = self._shares(transitions, popularity)
        else:
            truncated = [
                truncate_rows(self._shares(transitions[low : low + BLOCK_ROWS], popularity), self.entries_per_row)
                for low in range(0, size, BLOCK_ROWS)
            ]
            self.matrix = sparse.csr_matrix(sparse.vstack(truncated), dtype=np.float32)
        return self

    def _count_transitions(
        self, interactions: Interactions, person: Ints, cut: Ints, next_items: sparse.csr_matrix
    ) -> sparse.csr_matrix:
        totals = [sparse.csr_matrix((interactions.n_items, interactions.n_items), dtype=np.float32)]
        for low in range(0, len(person), STATE_ROWS):
            rows = slice(low, low + STATE_ROWS)
            recent = build_user_states(interactions, person[rows], cut[rows]).matrix(interactions.n_items, self.memory)
            recent.data[recent.data < 0.01] = 0.0  # these cost time and change nothing
            recent.eliminate_zeros()
            totals.append(sparse.csr_matrix(recent.T @ next_items[rows]))
            if sum(total.nnz for total in totals[1:]) >= totals[0].nnz / 2:  # adding costs the size of the sum
                totals = [_sum_pairwise(totals)]
        return _sum_pairwise(totals)

    def _shares(self, transitions: sparse.csr_matrix, popularity: Floats) -> Floats:
        shares = np.asarray(transitions.toarray(), np.float32)
        shares += self.shrink * popularity[None, :]
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-9)
        return shares


def _sum_pairwise(totals: list[sparse.csr_matrix]) -> sparse.csr_matrix:
    """The sum, added in pairs so that no partial sum is added up again and again."""
    while len(totals) > 1:
        pairs = [totals[place : place + 2] for place in range(0, len(totals), 2)]
        totals = [sparse.csr_matrix(pair[0] + pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return totals[0]


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
    acquired = interactions.target_events
    last_index = np.zeros(interactions.n_people, np.int64)
    np.maximum.at(last_index, acquired.person, acquired.moment_index)
    is_listed = acquired.moment_index > np.maximum(last_index[acquired.person] - moments_per_person, 0)
    person, time, item = acquired.person[is_listed], acquired.time[is_listed], acquired.item[is_listed]
    first = np.flatnonzero(starts_run(person, time))
    start = np.append(first, len(person))
    weights = (1.0 / np.repeat(np.diff(start), np.diff(start))).astype(np.float32)
    next_items = sparse.csr_matrix((weights, item, start), shape=(len(first), interactions.n_items))
    if len(first) <= max_moments:
        return person[first], time[first], next_items
    rows = np.sort(np.random.default_rng(seed).choice(len(first), max_moments, replace=False))
    return person[first[rows]], time[first[rows]], next_items[rows]
