"""The small interface all scorers share, and the item x item scoring most of them rest on.

Belongs here: the protocol and the base of scorers that sum rows of an item x item matrix over a history.
Does not belong here: how such a matrix is estimated.
"""

from dataclasses import dataclass, field, replace
from typing import Protocol, Self, runtime_checkable

import numpy as np
from scipy import sparse

from ml.data.interactions import Floats, Interactions, UserStates

ROWS = 1_000  # of a dense item x item matrix handled at a time


class Scorer(Protocol):
    """Learns from whole histories, scores prefixes of other people or later times."""

    def fit(self, interactions: Interactions) -> Self: ...

    def score(self, user_states: UserStates) -> Floats:
        """Rows x items, any scale, higher is likelier; held items are NOT masked. Pass a block of people, not all."""
        ...


@runtime_checkable
class SparseScorer(Protocol):
    """A scorer that can also say its scores other than zero alone: what keeps large catalogues affordable."""

    def score_sparse(self, user_states: UserStates) -> sparse.csr_matrix:
        """Rows x items; what is not stored scores 0. Columns of a row come in no order."""
        ...


@dataclass
class ItemToItem:
    """Scores an item by the sum of its weights from the items held, later use weighing more where tau is finite."""

    tau: float = np.inf
    days: float = np.inf
    uses: bool = False
    matrix: Floats | sparse.csr_matrix = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def decayed(self, tau: float = np.inf, days: float = np.inf, uses: bool = False) -> Self:
        """The same fitted matrix (shared, not copied) with another decay of the history."""
        return replace(self, tau=tau, days=days, uses=uses)

    def score(self, user_states: UserStates) -> Floats:
        scores = user_states.matrix(self.matrix.shape[0], self.tau, self.days, self.uses) @ self.matrix
        return np.asarray(scores.toarray() if sparse.issparse(scores) else scores, np.float32)

    def score_sparse(self, user_states: UserStates) -> sparse.csr_matrix:
        scores = user_states.matrix(self.matrix.shape[0], self.tau, self.days, self.uses) @ self.matrix
        return sparse.csr_matrix(scores)


def truncated_rows(matrix: Floats, keep: int) -> Floats | sparse.csr_matrix:
    """Only the `keep` entries of each row that are largest in size; dense and unchanged where that saves no memory."""
    if matrix.shape[1] <= 4 * keep:
        return matrix
    size = matrix.shape[0]
    columns, values = np.empty((size, keep), np.int32), np.empty((size, keep), np.float32)
    for low in range(0, size, ROWS):
        part = matrix[low : low + ROWS]
        top = np.sort(np.argpartition(-np.abs(part), keep - 1, axis=1)[:, :keep], axis=1)
        columns[low : low + ROWS], values[low : low + ROWS] = top, np.take_along_axis(part, top, axis=1)
    start = np.arange(0, keep * size + 1, keep)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), start), shape=matrix.shape)


def acquisition_matrix(interactions: Interactions) -> sparse.csr_matrix:
    """People x items, 1 where ever acquired."""
    got = interactions.acquisitions
    ones = np.ones(len(got.item), np.float32)
    return sparse.csr_matrix((ones, got.item, got.start), shape=(interactions.n_people, interactions.n_items))
