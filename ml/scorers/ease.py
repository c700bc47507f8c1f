"""EASE: ridge regression of every item on all others, in closed form.

Belongs here: the Gram matrix, its regularised inverse and the weights that follow (Steck, 2019).
Does not belong here: other item x item matrices.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy import linalg

from ml.histories import Histories
from ml.scorers.scorer import ItemToItem, acquisition_matrix, truncated_rows


@dataclass
class Ease(ItemToItem):
    """B = I - P / diag(P), P = (X'X + ridge I)^-1; only the largest `entries` of each row kept where items are many."""

    ridge: float = 100.0
    entries: int = 1000

    def fit(self, histories: Histories) -> Self:
        if not histories.n_items:
            return self
        held = acquisition_matrix(histories)
        gram = np.asarray((held.T @ held).todense(), np.float32)
        gram[np.diag_indices_from(gram)] += np.float32(self.ridge)
        factor = linalg.cholesky(gram, lower=False, overwrite_a=True, check_finite=False)
        inverse, failed = linalg.lapack.get_lapack_funcs(("potri",), (factor,))[0](factor, overwrite_c=True)
        if failed:
            raise ArithmeticError(f"the item Gram matrix could not be inverted (LAPACK says {failed}): raise the ridge")
        weights = np.triu(inverse) + np.triu(inverse, 1).T
        weights /= -np.diag(weights)[None, :]
        np.fill_diagonal(weights, 0.0)
        self.matrix = truncated_rows(weights, self.entries)
        return self
