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
from ml.retrieval.base import BLOCK_ROWS, ItemToItem, build_acquisition_matrix, truncate_to_largest


@dataclass
class Ease(ItemToItem):
    """B = I - P / diag(P), P = (X'X + ridge I)^-1; only the largest `entries_per_row` of each row of a large matrix."""

    ridge: float = 100.0
    entries_per_row: int = 1000
    half_life_days: float = np.inf  # of an acquisition, see `build_acquisition_matrix`

    def fit(self, interactions: Interactions) -> Self:
        """Fit; at most two items x items matrices of float32 are in memory at once."""
        people_by_items = build_acquisition_matrix(interactions, self.half_life_days)
        n_items = interactions.n_items
        if not n_items:
            return self
        gram_matrix = np.empty((n_items, n_items), np.float32)
        for row_slice, gram_block in iter_gram_blocks(people_by_items):
            gram_matrix[row_slice] = gram_block
        gram_matrix[np.diag_indices_from(gram_matrix)] += np.float32(self.ridge)
        inverse_gram_matrix = _invert_in_place(gram_matrix)
        inverse_gram_matrix /= -np.diag(inverse_gram_matrix).copy()[None, :]
        np.fill_diagonal(inverse_gram_matrix, 0.0)
        self.matrix = truncate_to_largest(inverse_gram_matrix, self.entries_per_row)
        return self


def iter_gram_blocks(people_by_items: sparse.csr_matrix) -> Iterator[tuple[slice, Floats]]:
    """Yield X'X by blocks of rows, dense within the block, since most entries of a sparse product would be stored."""
    n_items, items_by_people = people_by_items.shape[1], sparse.csr_matrix(people_by_items.T)
    for first_row in range(0, n_items, BLOCK_ROWS):
        row_slice = slice(first_row, min(first_row + BLOCK_ROWS, n_items))
        yield row_slice, np.asarray((items_by_people[row_slice] @ people_by_items).toarray(), np.float32)


def _invert_in_place(gram_matrix: Floats) -> Floats:
    """The inverse of a symmetric positive matrix, in the memory of that matrix."""
    # LAPACK stores columns first. The transposed view of a symmetric matrix is that matrix, so nothing is copied.
    factorise, invert = linalg.lapack.get_lapack_funcs(("potrf", "potri"), (gram_matrix,))
    cholesky_factor, error_code = factorise(gram_matrix.T, lower=True, overwrite_a=True, clean=False)
    if not error_code:
        inverse, error_code = invert(cholesky_factor, lower=True, overwrite_c=True)
    if error_code:
        raise ArithmeticError(f"the item Gram matrix cannot be inverted (LAPACK error {error_code}): raise the ridge")
    symmetric_inverse = inverse.T  # its upper triangle is the result, which is mirrored block by block
    for first_row in range(0, len(symmetric_inverse), BLOCK_ROWS):
        row_slice, rows_below_slice = slice(first_row, first_row + BLOCK_ROWS), slice(first_row + BLOCK_ROWS, None)
        symmetric_inverse[rows_below_slice, row_slice] = symmetric_inverse[row_slice, rows_below_slice].T
        symmetric_inverse[row_slice, row_slice] = (
            np.triu(symmetric_inverse[row_slice, row_slice]) + np.triu(symmetric_inverse[row_slice, row_slice], 1).T
        )
    return np.asarray(symmetric_inverse, np.float32)
