"""The interface that all scorers share, and the scoring by an item x item matrix that most of them use.

Belongs here: the protocols, and the base of scorers that sum rows of an item x item matrix over the items held.
Does not belong here: how such a matrix is estimated.
"""

from dataclasses import dataclass, field
from typing import Protocol, Self, runtime_checkable

import numpy as np
from scipy import sparse

from ml.data.interactions import TICKS_PER_DAY, Interactions, UserStates
from ml.data.sparse_rows import Floats

BLOCK_ROWS = 1_000  # rows of a dense item x item matrix handled at a time


class Scorer(Protocol):
    """An estimator that learns from interactions and scores user states, also of other people or later times."""

    def fit(self, interactions: Interactions) -> Self: ...

    def score(self, user_states: UserStates) -> Floats:
        """Return rows x items on any scale, higher is likelier; held items are NOT masked.

        Args:
            user_states: A block of people, so that the dense result fits in memory.
        """
        ...


@runtime_checkable
class SparseScorer(Protocol):
    """A scorer that can also return only its scores other than zero, which makes large catalogues affordable."""

    def score_sparse(self, user_states: UserStates) -> sparse.csr_matrix:
        """Return rows x items; what is not stored scores 0. The columns of a row come in no order."""
        ...


@dataclass
class ItemToItem:
    """Scores an item by the sum of its weights from the items held; `UserStates.matrix` weighs the items held.

    `dataclasses.replace` gives the same fitted matrix (shared, not copied) other weights of the items held.
    """

    decay_moments: float = np.inf
    decay_days: float = np.inf
    weigh_uses: bool = False
    matrix: Floats | sparse.csr_matrix = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def _sum_rows(self, user_states: UserStates) -> Floats | sparse.csr_matrix:
        n_items = self.matrix.shape[0]
        return user_states.matrix(n_items, self.decay_moments, self.decay_days, self.weigh_uses) @ self.matrix

    def score(self, user_states: UserStates) -> Floats:
        scores = self._sum_rows(user_states)
        return np.asarray(scores if isinstance(scores, np.ndarray) else scores.toarray(), np.float32)

    def score_sparse(self, user_states: UserStates) -> sparse.csr_matrix:
        return sparse.csr_matrix(self._sum_rows(user_states))


def truncate_to_largest(matrix: Floats, entries_per_row: int) -> Floats | sparse.csr_matrix:
    """Return only the `entries_per_row` entries of each row that are largest in size.

    A matrix with at most four times as many columns is returned dense and unchanged: it would gain little.
    """
    if matrix.shape[1] <= 4 * entries_per_row:
        return matrix
    largest_column_blocks = [
        np.argpartition(-np.abs(matrix[first_row : first_row + BLOCK_ROWS]), entries_per_row - 1, axis=1)[
            :, :entries_per_row
        ].astype(np.int32)
        for first_row in range(0, len(matrix), BLOCK_ROWS)
    ]
    largest_columns = np.sort(np.concatenate(largest_column_blocks), axis=1)
    largest_entries = np.take_along_axis(matrix, largest_columns, axis=1).ravel()
    return sparse.csr_matrix(
        (largest_entries, largest_columns.ravel(), np.arange(0, largest_columns.size + 1, entries_per_row)),
        shape=matrix.shape,
    )


def build_acquisition_matrix(interactions: Interactions, half_life_days: float = np.inf) -> sparse.csr_matrix:
    """Return people x items: how much each acquisition counts; 0 if the person never acquired the item.

    Args:
        interactions: Interactions of everybody.
        half_life_days: The share of an acquisition in X'X halves each time its latest use is this much older than the
            newest event. Weights are scaled to a mean square of 1, so that a ridge means the same with every half-life.
            Infinite: every acquisition counts 1.
    """
    acquisitions, n_items = interactions.acquisitions, interactions.n_items
    shape = (interactions.n_people, n_items)
    if np.isinf(half_life_days) or not interactions.is_calendar or not len(acquisitions.item):
        ones = np.ones(len(acquisitions.item), np.float32)
        return sparse.csr_matrix((ones, acquisitions.item, acquisitions.start), shape=shape)
    pair_keys = interactions.person * n_items + interactions.item
    # entries ascend in time, so that the first one from the end is the latest use
    distinct_pairs, indices_from_end = np.unique(pair_keys[::-1], return_index=True)
    latest_uses = interactions.time[::-1][indices_from_end]
    age_days = (interactions.time.max() - latest_uses) / TICKS_PER_DAY
    weights = 0.5 ** (age_days / (2.0 * half_life_days))
    weights /= np.sqrt(np.mean(weights**2))
    return sparse.csr_matrix((weights.astype(np.float32), np.divmod(distinct_pairs, n_items)), shape=shape)
