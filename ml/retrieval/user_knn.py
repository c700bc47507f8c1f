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
        similarities = keep_largest(sparse.csr_matrix(self._weigh_states(user_states) @ self.index), self.neighbours)
        similarities.data = similarities.data**self.power
        return sparse.csr_matrix(similarities @ self.votes)

    def _weigh_states(self, user_states: UserStates) -> sparse.csr_matrix:
        states_by_items = user_states.matrix(len(self.idf), self.decay_moments)
        states_by_items.data = (states_by_items.data * self.idf[states_by_items.indices]).astype(np.float32)
        return normalize(states_by_items) if states_by_items.shape[0] else states_by_items
