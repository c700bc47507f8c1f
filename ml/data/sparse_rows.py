"""Ragged rows: the largest stored entries of each row of a sparse matrix, without sorting what is not kept.

Belongs here: padding, choosing and reading entries of many short rows at once.
Does not belong here: what the entries mean.
"""

from itertools import pairwise

import numpy as np
from scipy import sparse

from ml.data.interactions import Bools, Floats, Ints


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
    begin = matrix.indptr.tolist()
    chosen = []
    # Row by row: a row of twenty thousand entries stays in the cache, a block of many rows does not.
    for low, high in pairwise(begin):
        if high - low <= keep:
            chosen.append(np.arange(low, high))
            continue
        values = -matrix.data[low:high]
        last = np.partition(values, keep - 1)[keep - 1]
        place = np.flatnonzero(values <= last)
        if len(place) > keep:
            level = np.flatnonzero(values[place] == last)
            place = np.delete(place, level[keep - len(place) :])
        chosen.append(place + low)
    kept = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    start = np.concatenate([[0], np.cumsum(np.minimum(np.diff(matrix.indptr), keep))])
    return sparse.csr_matrix((matrix.data[kept], matrix.indices[kept], start), shape=matrix.shape)


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
