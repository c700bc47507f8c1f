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


def take_rows(first_entries: Ints, lengths: Ints) -> tuple[Ints, Ints]:
    """Return how to gather rows from a flat array.

    Args:
        first_entries: First entry of each row in the source array.
        lengths: Number of entries of each row.

    Returns:
        The offsets of the gathered rows, and the place of each gathered entry in the source array.
    """
    offsets = row_offsets(lengths)
    return offsets, np.arange(offsets[-1]) + np.repeat(first_entries - offsets[:-1], lengths)


def starts_run(*keys: Ints) -> Bools:
    """Return True for each entry that differs from the entry before it in any key, and for the first entry."""
    is_run_start = np.ones(len(keys[0]), bool)
    is_run_start[1:] = np.any([key_array[1:] != key_array[:-1] for key_array in keys], axis=0)
    return is_run_start


def run_index(ascending_groups: Ints, keys: Ints) -> Ints:
    """Return the index of each entry's run of equal keys within its group, from 0.

    Args:
        ascending_groups: Ascending groups, one per entry.
        keys: Keys, equal ones adjacent within their group.
    """
    starts_group = starts_run(ascending_groups)
    run_numbers = np.cumsum(starts_group | starts_run(keys))
    return run_numbers - np.maximum.accumulate(np.where(starts_group, run_numbers, 0))


def find_largest_columns(matrix: sparse.csr_matrix, n_largest: int, is_usable: Bools | None = None) -> Ints:
    """Return the columns of the largest stored entries of each row.

    Args:
        matrix: Rows x columns.
        n_largest: Number of columns per row.
        is_usable: One flag per stored entry; entries without it are skipped.

    Returns:
        Rows x n_largest, the columns of a row in no order; -1 if a row has fewer entries.
    """
    # The values are negated so that the padding sorts last: partitioning takes ten times as long the other way round.
    negated_entries = -matrix.data if is_usable is None else np.where(is_usable, -matrix.data, np.float32(np.inf))
    padded_entries = pad_rows(negated_entries, matrix.indptr, np.inf)
    padded_columns = pad_rows(matrix.indices, matrix.indptr, -1)
    if padded_entries.shape[1] > n_largest:
        largest_positions = np.argpartition(padded_entries, n_largest - 1, axis=1)[:, :n_largest]
        padded_entries, padded_columns = (
            np.take_along_axis(padded_matrix, largest_positions, axis=1)
            for padded_matrix in (padded_entries, padded_columns)
        )
    largest_columns = np.full((len(padded_entries), n_largest), -1, np.int64)
    largest_columns[:, : padded_entries.shape[1]] = np.where(np.isfinite(padded_entries), padded_columns, -1)
    return largest_columns


def keep_largest(matrix: sparse.csr_matrix, n_largest: int) -> sparse.csr_matrix:
    """Return the matrix with the `n_largest` largest stored entries of each row.

    Args:
        matrix: Rows x columns. If the columns of a row are sorted, the lower column wins a tie.
        n_largest: Number of entries per row.
    """
    kept_index_blocks = [np.zeros(0, np.int64)]
    # Row by row: a row of twenty thousand entries stays in the cache, a block of many rows does not.
    for first_entry, end_entry in pairwise(matrix.indptr.tolist()):
        kept_positions = np.arange(end_entry - first_entry)
        if end_entry - first_entry > n_largest:
            negated_entries = -matrix.data[first_entry:end_entry]
            negated_threshold = np.partition(negated_entries, n_largest - 1)[n_largest - 1]
            kept_positions = np.flatnonzero(negated_entries <= negated_threshold)
            tied_positions = np.flatnonzero(negated_entries[kept_positions] == negated_threshold)
            kept_positions = np.delete(
                kept_positions, tied_positions[len(tied_positions) - (len(kept_positions) - n_largest) :]
            )
        kept_index_blocks.append(kept_positions + first_entry)
    entry_indices = np.concatenate(kept_index_blocks)
    offsets = row_offsets(np.minimum(np.diff(matrix.indptr), n_largest))
    return sparse.csr_matrix((matrix.data[entry_indices], matrix.indices[entry_indices], offsets), shape=matrix.shape)


def pad_rows(entries: Floats, offsets: Ints, fill_value: float) -> Floats:
    """Return rows x the longest row: the values of each row from the left, then `fill_value`."""
    row_lengths = np.diff(offsets)
    padded_rows = np.full((len(row_lengths), max(int(row_lengths.max(initial=0)), 1)), fill_value, entries.dtype)
    padded_rows[np.arange(padded_rows.shape[1]) < row_lengths[:, None]] = entries
    return padded_rows


def row_maxima(entries: Floats, offsets: Ints) -> Floats:
    """Return the largest value of each row, and 0 for rows without a value above 0."""
    maxima = np.zeros(len(offsets) - 1, np.float32)
    has_entries = np.diff(offsets) > 0
    if len(entries):
        maxima[has_entries] = np.maximum.reduceat(entries, offsets[:-1][has_entries])
    return np.maximum(maxima, np.float32(0.0))
