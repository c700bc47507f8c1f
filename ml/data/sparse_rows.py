"""Array types, and operations on rows of different lengths that are stored in flat arrays (the CSR layout).

Belongs here: the types of arrays, offsets, runs, padding, and the largest entries of each row.
Does not belong here: what the rows and entries mean.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]


def row_offsets(lengths: Ints | Bools) -> Ints:
    """Return the offsets of rows of these lengths: row r owns the entries `offsets[r]:offsets[r + 1]`.

    Args:
        lengths: One length per row, or one flag per entry. Offsets of flags count the marked entries before each
            entry, so `row_offsets(is_kept)[offsets]` are the offsets after dropping the others.
    """
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def entry_rows(offsets: Ints) -> Ints:
    """Return the row of each entry.

    Args:
        offsets: Row r owns the entries `offsets[r]:offsets[r + 1]`.
    """
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def take_rows(begin: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Return how to gather rows from a flat array.

    Args:
        begin: First entry of each row in the source array.
        lengths: Number of entries of each row.

    Returns:
        The offsets of the gathered rows, and the place of each gathered entry in the source array.
    """
    offsets = row_offsets(lengths)
    return offsets, np.arange(offsets[-1]) + np.repeat(begin - offsets[:-1], lengths)


def starts_run(*keys: Ints) -> Bools:
    """Return True for each entry that differs from the entry before it in any key, and for the first entry."""
    is_first = np.ones(len(keys[0]), bool)
    is_first[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return is_first


def run_index(group: Ints, key: Ints) -> Ints:
    """Return the index of each entry's run of equal keys within its group, from 0.

    Args:
        group: Ascending groups, one per entry.
        key: Keys, equal ones adjacent within their group.
    """
    new_group = starts_run(group)
    run = np.cumsum(new_group | starts_run(key))
    return run - np.maximum.accumulate(np.where(new_group, run, 0))


def largest_columns(matrix: sparse.csr_matrix, n_largest: int, usable: Bools | None = None) -> Ints:
    """Return the columns of the largest stored entries of each row.

    Args:
        matrix: Rows x columns.
        n_largest: Number of columns per row.
        usable: One flag per stored entry; entries without it are skipped.

    Returns:
        Rows x n_largest, the columns of a row in no order; -1 if a row has fewer entries.
    """
    # The values are negated so that the padding sorts last: partitioning takes ten times as long the other way round.
    data = -matrix.data if usable is None else np.where(usable, -matrix.data, np.float32(np.inf))
    values, columns = pad_rows(data, matrix.indptr, np.inf), pad_rows(matrix.indices, matrix.indptr, -1)
    if values.shape[1] > n_largest:
        places = np.argpartition(values, n_largest - 1, axis=1)[:, :n_largest]
        values, columns = (np.take_along_axis(array, places, axis=1) for array in (values, columns))
    largest = np.full((len(values), n_largest), -1, np.int64)
    largest[:, : values.shape[1]] = np.where(np.isfinite(values), columns, -1)
    return largest


def keep_largest(matrix: sparse.csr_matrix, n_largest: int) -> sparse.csr_matrix:
    """Return the matrix with the `n_largest` largest stored entries of each row.

    Args:
        matrix: Rows x columns. If the columns of a row are sorted, the lower column wins a tie.
        n_largest: Number of entries per row.
    """
    chosen = [np.zeros(0, np.int64)]
    # Row by row: a row of twenty thousand entries stays in the cache, a block of many rows does not.
    for low, high in pairwise(matrix.indptr.tolist()):
        places = np.arange(high - low)
        if high - low > n_largest:
            values = -matrix.data[low:high]
            last = np.partition(values, n_largest - 1)[n_largest - 1]
            places = np.flatnonzero(values <= last)
            tied = np.flatnonzero(values[places] == last)
            places = np.delete(places, tied[len(tied) - (len(places) - n_largest) :])
        chosen.append(places + low)
    entries = np.concatenate(chosen)
    offsets = row_offsets(np.minimum(np.diff(matrix.indptr), n_largest))
    return sparse.csr_matrix((matrix.data[entries], matrix.indices[entries], offsets), shape=matrix.shape)


def pad_rows(values: Floats, offsets: Ints, fill: float) -> Floats:
    """Return rows x the longest row: the values of each row from the left, then `fill`."""
    lengths = np.diff(offsets)
    padded = np.full((len(lengths), max(int(lengths.max(initial=0)), 1)), fill, values.dtype)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = values
    return padded


def row_maxima(values: Floats, offsets: Ints) -> Floats:
    """Return the largest value of each row, and 0 for rows without a value above 0."""
    maxima = np.zeros(len(offsets) - 1, np.float32)
    has_entries = np.diff(offsets) > 0
    if len(values):
        maxima[has_entries] = np.maximum.reduceat(values, offsets[:-1][has_entries])
    return np.maximum(maxima, np.float32(0.0))
