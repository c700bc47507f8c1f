"""Item-kNN: cosine between the sets of people who hold two items.

Belongs here: the shrunk, truncated cosine matrix. Does not belong here: directed or name-based similarity.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from ml.data.interactions import Interactions
from ml.data.sparse_rows import keep_largest
from ml.retrieval.base import ItemToItem, acquisition_matrix
from ml.retrieval.ease import iter_gram_blocks


@dataclass
class ItemKNN(ItemToItem):
    """x.y / (|x| |y| + shrink) over people, the `neighbours` most similar items of each item, diagonal zero."""

    neighbours: int = 200
    shrink: float = 20.0  # so that a few common holders alone do not make two items similar

    def fit(self, interactions: Interactions) -> Self:
        held = acquisition_matrix(interactions)
        norms = np.sqrt(np.asarray(held.multiply(held).sum(axis=0)).ravel()).astype(np.float32)
        blocks = [sparse.csr_matrix((0, len(norms)), dtype=np.float32)]
        for rows, cosine in iter_gram_blocks(held):
            np.fill_diagonal(cosine[:, rows], 0.0)
            cosine /= norms[rows, None] * norms[None, :] + np.float32(self.shrink + 1e-9)
            blocks.append(keep_largest(sparse.csr_matrix(cosine), self.neighbours))
        self.matrix = sparse.csr_matrix(sparse.vstack(blocks))
        return self
