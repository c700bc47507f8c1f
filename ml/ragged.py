"""Ragged rows: the largest stored entries of each row of a sparse matrix, without sorting what is not kept.

Belongs here: padding, choosing and reading entries of many short rows at once.
Does not belong here: what the entries mean.
"""

import numpy as np
from scipy import sparse

from ml.histories import Bools, Floats, Ints

CELLS = 4_000_000  # padded cells handled at a time: 16 MB


def largest_columns(matrix: sparse.csr_matrix, keep: int, usable: Bools | None = None) -> Ints:
    """Rows x keep: the columns of each row's largest entries in no order, -1 where a row has fewer."""
    # Negated, so that the padding lies beyond what is sought: the other way round partitioning takes ten times as long.
    data = -matrix.data if usable is None else np.where(usable, -matrix.data, np.float32(np.inf))
    values, columns = padded(data, matrix.indptr, np.inf), padded(matrix.indices, matrix.indptr, -1)
    if values.shape[1] > keep:
        place = np.argpartition(values, keep - 1, axis=1)[:, :keep]
        values, columns = (np.take_along_axis(part, place, axis=1) for part in (values, columns))
    found = np.full((len(values), keep), -1, np.int64)
    found[:, : values.shape[1]] = np.where(np.isfinite(values), columns, -1)
    return found


def keep_largest(matrix: sparse.csr_matrix, keep: int) -> sparse.csr_matrix:
    """The `keep` largest stored entries of each row; the lower column wins a tie where columns are sorted."""
    chosen = np.ones(matrix.nnz, bool)
    length = np.diff(matrix.indptr)
    step = max(1, CELLS // max(int(length.max(initial=1)), 1))
    for low in range(0, matrix.shape[0], step):
        start = matrix.indptr[low : low + step + 1]
        width = int(np.diff(start).max(initial=0))
        if width <= keep:
            continue
        values = padded(-matrix.data[start[0] : start[-1]], start - start[0], np.inf)
        floor = np.partition(values, keep - 1, axis=1)[:, keep - 1, None]
        above, level = values < floor, values == floor
        room = keep - above.sum(axis=1, keepdims=True)
        kept = above | (level & (np.cumsum(level, axis=1) <= room))
        chosen[start[0] : start[-1]] = kept[np.arange(width) < np.diff(start)[:, None]]
    start = np.concatenate([[0], np.cumsum(chosen)])[matrix.indptr]
    return sparse.csr_matrix((matrix.data[chosen], matrix.indices[chosen], start), shape=matrix.shape)


def padded(values: Floats, start: Ints, fill: float) -> Floats:
    """Rows x the longest row: the values of each row from the left, then `fill`."""
    length = np.diff(start)
    wide = np.full((len(length), max(int(length.max(initial=0)), 1)), fill, values.dtype)
    wide[np.arange(wide.shape[1]) < length[:, None]] = values
    return wide


def rows_of(matrix: sparse.csr_matrix) -> Ints:
    """The row of each stored entry."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def highest(data: Floats, start: Ints) -> Floats:
    """The largest value of each row, 0 where it has none above 0."""
    found = np.zeros(len(start) - 1, np.float32)
    filled = np.diff(start) > 0
    if len(data):
        found[filled] = np.maximum.reduceat(data, start[:-1][filled])
    return np.maximum(found, np.float32(0.0))
