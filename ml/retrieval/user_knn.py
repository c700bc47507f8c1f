"""User-kNN: people who once stood where this person stands vote with what they took next.

Belongs here: the index of everybody's prefixes, idf-weighted likeness, and the vote.
Does not belong here: likeness of items.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from ml.data.interactions import Doubles, Floats, Interactions, UserStates, build_user_states
from ml.data.sparse_rows import keep_largest
from ml.retrieval.markov import next_groups

STEPS_PER_PERSON = 12  # the last prefixes of each person: a long history must not fill the neighbourhood alone
INDEX_ROWS = 20_000  # prefixes kept for comparison; past that an even sample, since a vote needs hundreds, not millions


@dataclass
class UserKNN:
    """Cosine of idf-weighted prefixes; the `neighbours` most alike vote with weight likeness^power."""

    neighbours: int = 500
    tau: float = 5.0
    power: float = 1.0
    seed: int = 0
    idf: Doubles = field(default_factory=lambda: np.zeros(0))
    # items x prefixes
    index: sparse.csr_matrix = field(default_factory=lambda: sparse.csr_matrix((0, 0), dtype=np.float32))
    votes: sparse.csr_matrix = field(default_factory=lambda: sparse.csr_matrix((0, 0), dtype=np.float32))

    def fit(self, interactions: Interactions) -> Self:
        size = interactions.n_items
        counts = np.bincount(interactions.acquisitions.item, minlength=size)
        self.idf = np.log((1.0 + interactions.n_people) / (1.0 + counts)) + 0.1
        person, cut, start, item = next_groups(interactions, STEPS_PER_PERSON)
        rows = np.arange(len(person))
        if len(rows) > INDEX_ROWS:
            rows = np.sort(np.random.default_rng(self.seed).choice(rows, INDEX_ROWS, replace=False))
        share = 1.0 / np.repeat(np.diff(start), np.diff(start))
        after = sparse.csr_matrix((share.astype(np.float32), item, start), shape=(len(person), size))
        self.votes = after[rows]
        self.index = sparse.csr_matrix(self._weighted(build_user_states(interactions, person[rows], cut[rows])).T)
        return self

    def score(self, user_states: UserStates) -> Floats:
        return np.asarray(self.score_sparse(user_states).toarray(), np.float32)

    def score_sparse(self, user_states: UserStates) -> sparse.csr_matrix:
        if not self.index.shape[1]:
            return sparse.csr_matrix((len(user_states), len(self.idf)), dtype=np.float32)
        alike = keep_largest(sparse.csr_matrix(self._weighted(user_states) @ self.index), self.neighbours)
        alike.data = alike.data**self.power
        return sparse.csr_matrix(alike @ self.votes)

    def _weighted(self, user_states: UserStates) -> sparse.csr_matrix:
        weights = user_states.matrix(len(self.idf), self.tau)
        weights.data = (weights.data * self.idf[weights.indices]).astype(np.float32)
        return normalize(weights) if weights.shape[0] else weights
