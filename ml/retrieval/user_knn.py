"""User-kNN: people who were once in a similar state vote with what they acquired next.

Belongs here: the index of everybody's past states, idf-weighted similarity, and the vote.
Does not belong here: similarity of items.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from scipy import sparse
from sklearn.preprocessing import normalize

from ml.data.interactions import Interactions, UserStates, build_user_states
from ml.data.sparse_rows import Doubles, Floats, keep_largest
from ml.retrieval.markov import sample_next_items

MOMENTS_PER_PERSON = 12  # the latest states of each person: a long history does not fill the neighbourhood alone
COMPARED_ROWS = 256  # at a time: their cosines with all states need 40 MB
MAX_DENSE_CELLS = 40_000_000  # of a dense index: 160 MB per thread
MIN_DENSITY = 0.03  # share of the items that a state holds, from which on the cosines are computed densely
INDEX_ROWS = 20_000  # states compared with; a larger number is sampled evenly, since a vote needs hundreds


@dataclass
class UserKNN:
    """Cosine of idf-weighted states; the `neighbours` most similar ones vote with the weight similarity^power."""

    neighbours: int = 500
    decay_moments: float = 5.0
    power: float = 1.0
    seed: int = 0
    idf: Doubles = field(default_factory=lambda: np.zeros(0))
    # items x states, and states x items
    index: sparse.csr_matrix = field(default_factory=lambda: sparse.csr_matrix((0, 0), dtype=np.float32))
    votes: sparse.csr_matrix = field(default_factory=lambda: sparse.csr_matrix((0, 0), dtype=np.float32))

    def fit(self, interactions: Interactions) -> Self:
        holder_counts = np.bincount(interactions.acquisitions.item, minlength=interactions.n_items)
        self.idf = np.log((1.0 + interactions.n_people) / (1.0 + holder_counts)) + 0.1
        person_codes, cutoff_ticks, self.votes = sample_next_items(
            interactions, MOMENTS_PER_PERSON, INDEX_ROWS, self.seed
        )
        self.index = sparse.csr_matrix(
            self._weigh_states(build_user_states(interactions, person_codes, cutoff_ticks)).T
        )
        return self

    def score(self, user_states: UserStates) -> Floats:
        return np.asarray(self.score_sparse(user_states).toarray(), np.float32)

    def score_sparse(self, user_states: UserStates) -> sparse.csr_matrix:
        if not self.index.shape[1]:
            return sparse.csr_matrix((len(user_states), len(self.idf)), dtype=np.float32)
        weighed_states = self._weigh_states(user_states)
        # If states share many items, nearly every cosine is positive, and a product with a dense matrix is twice as
        # fast as one of two sparse matrices. Both give the same cosines.
        n_cells = self.index.shape[0] * self.index.shape[1]
        is_dense = MIN_DENSITY * n_cells <= self.index.nnz and n_cells <= MAX_DENSE_CELLS
        index = self.index.toarray() if is_dense else self.index
        similarities = sparse.vstack(
            [
                keep_largest(_compare(weighed_states[first_row : first_row + COMPARED_ROWS], index), self.neighbours)
                for first_row in range(0, max(len(user_states), 1), COMPARED_ROWS)
            ],
            format="csr",
        )
        similarities.data = similarities.data**self.power
        return sparse.csr_matrix(similarities @ self.votes)

    def _weigh_states(self, user_states: UserStates) -> sparse.csr_matrix:
        states_by_items = user_states.matrix(len(self.idf), self.decay_moments)
        states_by_items.data = (states_by_items.data * self.idf[states_by_items.indices]).astype(np.float32)
        return normalize(states_by_items) if states_by_items.shape[0] else states_by_items


def _compare(weighed_states: sparse.csr_matrix, index: sparse.csr_matrix | Floats) -> sparse.csr_matrix:
    """Rows x indexed states: the cosines; with a dense index those of 0 are stored, too."""
    cosines = weighed_states @ index
    if sparse.issparse(cosines):
        return sparse.csr_matrix(cosines)
    n_rows, n_states = cosines.shape
    column_indices = np.tile(np.arange(n_states, dtype=np.int32), n_rows)
    return sparse.csr_matrix(
        (np.asarray(cosines, np.float32).ravel(), column_indices, np.arange(n_rows + 1) * n_states), shape=cosines.shape
    )
