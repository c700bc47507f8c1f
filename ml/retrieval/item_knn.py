"""Item-kNN: cosine between the sets of people who hold two items.

Belongs here: the shrunk, truncated cosine matrix. Does not belong here: directed or name-based likeness.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from ml.data.interactions import Interactions
from ml.data.sparse_rows import keep_largest
from ml.retrieval.base import ItemToItem, acquisition_matrix
from ml.retrieval.ease import gram_blocks


@dataclass
class ItemKNN(ItemToItem):
    """Cosine with a shrink of that many common holders' worth, the `neighbours` most alike kept for each item."""

    neighbours: int = 200
    shrink: float = 20.0

    def fit(self, interactions: Interactions) -> Self:
        self.matrix = cosine(acquisition_matrix(interactions), self.neighbours, self.shrink)
        return self


def cosine(columns: sparse.csr_matrix, neighbours: int, shrink: float) -> sparse.csr_matrix:
    """Items x items: x.y / (|x||y| + shrink) over the columns, the largest `neighbours` of each row, diagonal zero."""
    size = columns.shape[1]
    norms = np.sqrt(np.asarray(columns.multiply(columns).sum(axis=0)).ravel()).astype(np.float32)
    parts = []
    for rows, together in gram_blocks(columns):
        together[np.arange(rows.stop - rows.start), np.arange(rows.start, rows.stop)] = 0.0
        together /= norms[rows, None] * norms[None, :] + np.float32(shrink + 1e-9)
        parts.append(keep_largest(sparse.csr_matrix(together), neighbours))
    return sparse.csr_matrix(sparse.vstack(parts)) if parts else sparse.csr_matrix((size, size), dtype=np.float32)
