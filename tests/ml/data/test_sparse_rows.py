"""The largest entries of rows of different lengths are those that sorting finds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from ml.data.sparse_rows import find_largest_columns, keep_largest, pad_rows, row_maxima

ROWS = st.lists(st.lists(st.integers(-3, 9), max_size=7), min_size=1, max_size=6)


def matrix_of(rows: list[list[int]]) -> sparse.csr_matrix:
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    data = np.array([value for row in rows for value in row], np.float32)
    column = np.array([place for row in rows for place in range(len(row))], np.int64)
    return sparse.csr_matrix((data, column, start), shape=(len(rows), 7))


def test_rows_are_padded_to_the_longest() -> None:
    matrix = matrix_of([[4, 5], [], [6]])
    assert pad_rows(matrix.data, matrix.indptr, -1).tolist() == [[4, 5], [-1, -1], [6, -1]]


@given(rows=ROWS, n_largest=st.integers(1, 8))
def test_the_largest_entries_are_kept_and_the_lower_column_wins_a_tie(rows: list[list[int]], n_largest: int) -> None:
    largest = keep_largest(matrix_of(rows), n_largest)
    for number, row in enumerate(rows):
        expected = sorted(sorted(range(len(row)), key=lambda place: (-row[place], place))[:n_largest])
        assert largest.indices[largest.indptr[number] : largest.indptr[number + 1]].tolist() == expected


@given(rows=ROWS, n_largest=st.integers(1, 8))
def test_largest_columns_hold_the_largest_values(rows: list[list[int]], n_largest: int) -> None:
    for row, columns in zip(rows, find_largest_columns(matrix_of(rows), n_largest).tolist(), strict=True):
        named = [place for place in columns if place >= 0]
        assert sorted(row[place] for place in named) == sorted(row)[max(len(row) - n_largest, 0) :]


def test_entries_that_are_not_usable_are_skipped() -> None:
    usable = np.array([False, True, True])
    assert sorted(find_largest_columns(matrix_of([[9, 1, 2]]), 2, usable)[0].tolist()) == [1, 2]


def test_row_maxima_are_at_least_zero() -> None:
    matrix = matrix_of([[-2], [], [3, 1]])
    assert row_maxima(matrix.data, matrix.indptr).tolist() == [0, 0, 3]
