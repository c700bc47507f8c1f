"""EASE: ridge regression of every item on all others, in closed form.

Belongs here: the Gram matrix, its regularised inverse and the weights that follow (Steck, 2019).
Does not belong here: other item x item matrices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import linalg, sparse

from ml.data.interactions import Floats, Interactions
from ml.retrieval.base import ROWS, ItemToItem, acquisition_matrix, truncated_rows


@dataclass
class Ease(ItemToItem):
    """B = I - P / diag(P), P = (X'X + ridge I)^-1; only the largest `entries` of each row kept where items are many."""

    ridge: float = 100.0
    entries: int = 1000

    def fit(self, interactions: Interactions) -> Self:
        return self.fit_matrix(acquisition_matrix(interactions))

    def fit_matrix(self, held: sparse.csr_matrix) -> Self:
        """`fit` on people x items. Two items x items matrices of float32 are the most that is in memory at once."""
        size = held.shape[1]
        if not size:
            return self
        gram = np.empty((size, size), np.float32)
        for rows, block in gram_blocks(held):
            gram[rows] = block
        gram[np.diag_indices_from(gram)] += np.float32(self.ridge)
        inverse = _inverse(gram)
        inverse /= -np.diag(inverse).copy()[None, :]
        np.fill_diagonal(inverse, 0.0)
        self.matrix = truncated_rows(inverse, self.entries)
        return self


def gram_blocks(held: sparse.csr_matrix) -> Iterator[tuple[slice, Floats]]:
    """X'X by blocks of rows, dense within the block: the whole would be items x items of sparse overhead."""
    size = held.shape[1]
    transposed = sparse.csr_matrix(held.T)
    for low in range(0, size, ROWS):
        rows = slice(low, min(low + ROWS, size))
        yield rows, np.asarray((transposed[rows] @ held).toarray(), np.float32)


def _inverse(gram: Floats) -> Floats:
    """The inverse of a symmetric positive matrix, in its own memory."""
    # LAPACK counts columns first: the transposed view of a symmetric matrix is that matrix, so nothing is copied.
    factorise, invert = linalg.lapack.get_lapack_funcs(("potrf", "potri"), (gram,))
    factor, failed = factorise(gram.T, lower=True, overwrite_a=True, clean=False)
    if not failed:
        inverse, failed = invert(factor, lower=True, overwrite_c=True)
    if failed:
        raise ArithmeticError(f"the item Gram matrix could not be inverted (LAPACK says {failed}): raise the ridge")
    full = inverse.T  # its upper triangle is the result; the rest is mirrored block by block
    size = len(full)
    for low in range(0, size, ROWS):
        high = min(low + ROWS, size)
        full[high:, low:high] = full[low:high, high:].T
        corner = full[low:high, low:high]
        full[low:high, low:high] = np.triu(corner) + np.triu(corner, 1).T
    return np.asarray(full, np.float32)
