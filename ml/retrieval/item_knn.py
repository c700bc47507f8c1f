"""Item-kNN: cosine between the sets of people who hold two items.

Belongs here: the shrunk, truncated cosine matrix. Does not belong here: directed or name-based similarity.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import sparse

from ml.data.interactions import Interactions
from ml.data.sparse_rows import keep_largest
from ml.retrieval.base import ItemToItem, build_acquisition_matrix
from ml.retrieval.ease import iter_gram_blocks


@dataclass
class ItemKNN(ItemToItem):
    """x.y / (|x| |y| + shrink) over people, the `neighbours` most similar items of each item, diagonal zero."""

    neighbours: int = 200
    shrink: float = 20.0  # so that a few common holders alone do not make two items similar
    half_life_days: float = np.inf  # of an acquisition, see `build_acquisition_matrix`

    def fit(self, interactions: Interactions) -> Self:
        people_by_items = build_acquisition_matrix(interactions, self.half_life_days)
        item_norms = np.sqrt(np.asarray(people_by_items.multiply(people_by_items).sum(axis=0)).ravel()).astype(
            np.float32
        )
        cosine_blocks = [sparse.csr_matrix((0, len(item_norms)), dtype=np.float32)]
        for row_slice, similarities in iter_gram_blocks(people_by_items):
            np.fill_diagonal(similarities[:, row_slice], 0.0)
            similarities /= item_norms[row_slice, None] * item_norms[None, :] + np.float32(self.shrink + 1e-9)
            cosine_blocks.append(keep_largest(sparse.csr_matrix(similarities), self.neighbours))
        self.matrix = sparse.csr_matrix(sparse.vstack(cosine_blocks))
        return self
