"""EASE: ridge regression of every item on all others, in closed form (Steck, 2019).

Belongs here: the Gram matrix, its regularised inverse and the weights that follow from it.
Does not belong here: other item x item matrices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import linalg, sparse

from ml.data.interactions import Interactions
from ml.data.sparse_rows import Floats
from ml.retrieval.base import BLOCK_ROWS, ItemToItem, acquisition_matrix, truncate_rows


@dataclass
class Ease(ItemToItem):
    """B = I - P / diag(P), P = (X'X + ridge I)^-1; only the largest `entries_per_row` of each row of a large matrix."""

    ridge: float = 100.0
    entries_per_row: int = 1000

    def fit(self, interactions: Interactions) -> Self:
        """Fit; at most two items x items matrices of float32 are in memory at once."""
        acquisitions, n_items = acquisition_matrix(interactions), interactions.n_items
        if not n_items:
            return self
        gram = np.empty((n_items, n_items), np.float32)
        for row_slice, gram_block in iter_gram_blocks(acquisitions):
            gram[row_slice] = gram_block
        gram[np.diag_indices_from(gram)] += np.float32(self.ridge)
        inverse = _invert_in_place(gram)
        inverse /= -np.diag(inverse).copy()[None, :]
        np.fill_diagonal(inverse, 0.0)
        self.matrix = truncate_rows(inverse, self.entries_per_row)
        return self


def iter_gram_blocks(acquisitions: sparse.csr_matrix) -> Iterator[tuple[slice, Floats]]:
    """Yield X'X by blocks of rows, dense within the block, since most entries of a sparse product would be stored."""
    n_items, transposed = acquisitions.shape[1], sparse.csr_matrix(acquisitions.T)
    for first_row in range(0, n_items, BLOCK_ROWS):
        row_slice = slice(first_row, min(first_row + BLOCK_ROWS, n_items))
        yield row_slice, np.asarray((transposed[row_slice] @ acquisitions).toarray(), np.float32)


def _invert_in_place(gram: Floats) -> Floats:
    """The inverse of a symmetric positive matrix, in the memory of that matrix."""
    # LAPACK stores columns first. The transposed view of a symmetric matrix is that matrix, so nothing is copied.
    factorise, invert = linalg.lapack.get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, error_code = factorise(gram.T, lower=True, overwrite_a=True, clean=False)
    if not error_code:
        inverse, error_code = invert(factor, lower=True, overwrite_c=True)
    if error_code:
        raise ArithmeticError(f"the item Gram matrix cannot be inverted (LAPACK error {error_code}): raise the ridge")
    inverse_rows = inverse.T  # its upper triangle is the result, which is mirrored block by block
    for first_row in range(0, len(inverse_rows), BLOCK_ROWS):
        row_slice, below_slice = slice(first_row, first_row + BLOCK_ROWS), slice(first_row + BLOCK_ROWS, None)
        inverse_rows[below_slice, row_slice] = inverse_rows[row_slice, below_slice].T
        inverse_rows[row_slice, row_slice] = (
            np.triu(inverse_rows[row_slice, row_slice]) + np.triu(inverse_rows[row_slice, row_slice], 1).T
        )
    return np.asarray(inverse_rows, np.float32)
