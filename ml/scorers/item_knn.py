"""Item-kNN: cosine between the sets of people who hold two items.

Belongs here: the shrunk, truncated cosine matrix. Does not belong here: directed or name-based likeness.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from ml.histories import Histories
from ml.scorers.scorer import ItemToItem, acquisition_matrix


@dataclass
class ItemKNN(ItemToItem):
    """Cosine with a shrink of that many common holders' worth, the `neighbours` most alike kept for each item."""

    neighbours: int = 200
    shrink: float = 20.0

    def fit(self, histories: Histories) -> Self:
        held = acquisition_matrix(histories)
        self.matrix = cosine(held, self.neighbours, self.shrink)
        return self


def cosine(columns: sparse.csr_matrix, neighbours: int, shrink: float) -> sparse.csr_matrix:
    """Items x items: x.y / (|x||y| + shrink) over the columns, the largest `neighbours` of each row, diagonal zero."""
    norms = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0)).ravel())
    together = sparse.csr_matrix(columns.T @ columns)
    together.setdiag(0)
    together.eliminate_zeros()
    together.sort_indices()
    rows = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr))
    together.data = (together.data / (norms[rows] * norms[together.indices] + shrink + 1e-9)).astype(np.float32)
    return keep_largest(together, neighbours)


def keep_largest(matrix: sparse.csr_matrix, keep: int) -> sparse.csr_matrix:
    """The `keep` largest stored entries of each row; the lower column wins a tie."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((matrix.indices, -matrix.data, rows))
    place = np.arange(len(order)) - matrix.indptr[rows[order]]
    chosen = np.sort(order[place < keep])
    start = np.searchsorted(rows[chosen], np.arange(matrix.shape[0] + 1))
    return sparse.csr_matrix((matrix.data[chosen], matrix.indices[chosen], start), shape=matrix.shape)
