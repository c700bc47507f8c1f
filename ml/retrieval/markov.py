"""Markov: which items follow which, as directed transitions between the moments of a history.

Belongs here: decayed counts of what was held shortly before and what was acquired next, shrunk to popularity.
Does not belong here: undirected likeness.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from ml.data.interactions import Floats, Interactions, Ints, UserStates, build_user_states
from ml.retrieval.base import ROWS, ItemToItem, truncated_rows

STEPS_PER_PERSON = 40  # the last moments of each person: enough to count, and no one long history rules the counts
MOST_STEPS = 2_000_000  # past that an even sample: a hundred moments for each of 20,000 items
BLOCK = 20_000  # rows of prefixes built at a time


@dataclass
class Markov(ItemToItem):
    """Row i: share of what came next after holding i, the shrink adding that many next items spread by popularity."""

    memory: float = 1.0  # an item used b moments before counts exp(-b / memory)
    shrink: float = 10.0
    entries: int = 1000

    seed: int = 0

    def fit(self, interactions: Interactions) -> Self:
        person, cut, start, item = sampled_groups(next_groups(interactions, STEPS_PER_PERSON), MOST_STEPS, self.seed)
        size = interactions.n_items
        popular = np.bincount(item, minlength=size).astype(np.float32)
        popular = popular / max(popular.sum(), 1.0)
        counts = self._count(interactions, person, cut, start, item)
        if size <= 4 * self.entries:
            self.matrix = self._shares(counts, popular)
            return self
        parts = [
            truncated_rows(self._shares(counts[low : low + ROWS], popular), self.entries)
            for low in range(0, size, ROWS)
        ]
        self.matrix = sparse.csr_matrix(sparse.vstack(parts), dtype=np.float32)
        return self

    def _count(self, interactions: Interactions, person: Ints, cut: Ints, start: Ints, item: Ints) -> sparse.csr_matrix:
        size = interactions.n_items
        totals = [sparse.csr_matrix((size, size), dtype=np.float32)]
        for low in range(0, len(person), BLOCK):
            high = min(low + BLOCK, len(person))
            before = build_user_states(interactions, person[low:high], cut[low:high])
            part = slice(start[low], start[high])
            share = 1.0 / np.repeat(np.diff(start[low : high + 1]), np.diff(start[low : high + 1]))
            after = sparse.csr_matrix(
                (share.astype(np.float32), item[part], start[low : high + 1] - start[low]), shape=(high - low, size)
            )
            totals.append(sparse.csr_matrix(recent_part(before, size, self.memory).T @ after))
            if sum(total.nnz for total in totals[1:]) >= totals[0].nnz / 2:  # adding costs the size of the sum
                totals = [_summed(totals)]
        return _summed(totals)

    def _shares(self, counts: sparse.csr_matrix, popular: Floats) -> Floats:
        dense = np.asarray(counts.toarray(), np.float32)
        dense += self.shrink * popular[None, :]
        dense /= np.maximum(dense.sum(axis=1, keepdims=True), 1e-9)
        return dense


def _summed(totals: list[sparse.csr_matrix]) -> sparse.csr_matrix:
    while len(totals) > 1:  # pairwise, so that no partial sum is added up again and again
        pairs = [totals[place : place + 2] for place in range(0, len(totals), 2)]
        totals = [sparse.csr_matrix(pair[0] + pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return totals[0]


def sampled_groups(groups: tuple[Ints, Ints, Ints, Ints], most: int, seed: int) -> tuple[Ints, Ints, Ints, Ints]:
    """At most so many rows of `next_groups`, drawn evenly."""
    person, moment, start, item = groups
    if len(person) <= most:
        return groups
    rows = np.sort(np.random.default_rng(seed).choice(len(person), most, replace=False))
    length = np.diff(start)[rows]
    begin = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    entry = np.arange(begin[-1]) + np.repeat(start[rows] - begin[:-1], length)
    return person[rows], moment[rows], begin, item[entry]


def recent_part(user_states: UserStates, n_items: int, memory: float) -> sparse.csr_matrix:
    """The decayed prefix matrix without entries under one per cent, which cost time and change nothing."""
    weights = user_states.matrix(n_items, memory)
    weights.data[weights.data < 0.01] = 0.0
    weights.eliminate_zeros()
    return weights


def next_groups(interactions: Interactions, last: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Every moment of acquisition but a person's first, at most `last` a person: person, moment, items by row (CSR)."""
    got = interactions.target_events
    per_person = np.zeros(interactions.n_people, np.int64)
    np.maximum.at(per_person, got.person, got.moment_index)
    chosen = (got.moment_index > 0) & (got.moment_index > per_person[got.person] - last)
    person, moment, item = got.person[chosen], got.time[chosen], got.item[chosen]
    first = np.ones(len(person), bool)
    first[1:] = (person[1:] != person[:-1]) | (moment[1:] != moment[:-1])
    row = np.flatnonzero(first)
    return person[row], moment[row], np.append(row, len(person)).astype(np.int64), item
