"""Markov: which items follow which, as directed transitions between the moments of a history.

Belongs here: decayed counts of what was held shortly before and what was acquired next, shrunk to popularity.
Does not belong here: undirected likeness.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from ml.histories import Histories, Ints, Prefixes, build_prefixes
from ml.scorers.scorer import ItemToItem, truncated_rows

STEPS_PER_PERSON = 40  # the last moments of each person: enough to count, and no one long history rules the counts
BLOCK = 20_000  # rows of prefixes built at a time


@dataclass
class Markov(ItemToItem):
    """Row i: share of what came next after holding i, the shrink adding that many next items spread by popularity."""

    memory: float = 1.0  # an item used b moments before counts exp(-b / memory)
    shrink: float = 10.0
    entries: int = 1000

    def fit(self, histories: Histories) -> Self:
        person, cut, start, item = next_groups(histories, STEPS_PER_PERSON)
        size = histories.n_items
        counts = sparse.csr_matrix((size, size), dtype=np.float32)
        for low in range(0, len(person), BLOCK):
            high = min(low + BLOCK, len(person))
            before = build_prefixes(histories, person[low:high], cut[low:high])
            part = slice(start[low], start[high])
            share = 1.0 / np.repeat(np.diff(start[low : high + 1]), np.diff(start[low : high + 1]))
            after = sparse.csr_matrix(
                (share.astype(np.float32), item[part], start[low : high + 1] - start[low]), shape=(high - low, size)
            )
            counts = counts + recent_part(before, size, self.memory).T @ after
        popular = np.bincount(item, minlength=size).astype(np.float32)
        popular = popular / max(popular.sum(), 1.0)
        dense = np.asarray(counts.todense(), np.float32)
        dense += self.shrink * popular[None, :]
        dense /= np.maximum(dense.sum(axis=1, keepdims=True), 1e-9)
        self.matrix = truncated_rows(dense, self.entries)
        return self


def recent_part(prefixes: Prefixes, n_items: int, memory: float) -> sparse.csr_matrix:
    """The decayed prefix matrix without entries under one per cent, which cost time and change nothing."""
    weights = prefixes.matrix(n_items, memory)
    weights.data[weights.data < 0.01] = 0.0
    weights.eliminate_zeros()
    return weights


def next_groups(histories: Histories, last: int) -> tuple[Ints, Ints, Ints, Ints]:
    """Every moment of acquisition but a person's first, at most `last` a person: person, moment, items by row (CSR)."""
    got = histories.reaches
    per_person = np.zeros(histories.n_people, np.int64)
    np.maximum.at(per_person, got.person, got.group)
    chosen = (got.group > 0) & (got.group > per_person[got.person] - last)
    person, moment, item = got.person[chosen], got.time[chosen], got.item[chosen]
    first = np.ones(len(person), bool)
    first[1:] = (person[1:] != person[:-1]) | (moment[1:] != moment[:-1])
    row = np.flatnonzero(first)
    return person[row], moment[row], np.append(row, len(person)).astype(np.int64), item
