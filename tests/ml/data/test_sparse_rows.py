"""The largest entries of ragged rows are those that sorting would find."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from ml.data.sparse_rows import keep_largest, largest_columns, pad_rows, row_maxima

ROWS = st.lists(st.lists(st.integers(-3, 9), max_size=7), min_size=1, max_size=6)


def ragged(rows: list[list[int]]) -> sparse.csr_matrix:
    start = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    data = np.array([value for row in rows for value in row], np.float32)
    column = np.array([place for row in rows for place in range(len(row))], np.int64)
    return sparse.csr_matrix((data, column, start), shape=(len(rows), 7))


def test_rows_are_padded_to_the_longest() -> None:
    matrix = ragged([[4, 5], [], [6]])
    assert pad_rows(matrix.data, matrix.indptr, -1).tolist() == [[4, 5], [-1, -1], [6, -1]]


@given(rows=ROWS, keep=st.integers(1, 8))
def test_the_kept_are_the_largest_and_the_lower_column_wins_a_tie(rows: list[list[int]], keep: int) -> None:
    kept = keep_largest(ragged(rows), keep)
    for number, row in enumerate(rows):
        wanted = sorted(sorted(range(len(row)), key=lambda place: (-row[place], place))[:keep])
        assert kept.indices[kept.indptr[number] : kept.indptr[number + 1]].tolist() == wanted


@given(rows=ROWS, keep=st.integers(1, 8))
def test_the_columns_found_hold_the_largest_values(rows: list[list[int]], keep: int) -> None:
    for row, found in zip(rows, largest_columns(ragged(rows), keep).tolist(), strict=True):
        named = [place for place in found if place >= 0]
        assert sorted(row[place] for place in named) == sorted(row)[max(len(row) - keep, 0) :]


def test_what_is_not_usable_is_no_candidate() -> None:
    usable = np.array([False, True, True])
    assert sorted(largest_columns(ragged([[9, 1, 2]]), 2, usable)[0].tolist()) == [1, 2]


def test_the_highest_is_at_least_nothing() -> None:
    matrix = ragged([[-2], [], [3, 1]])
    assert row_maxima(matrix.data, matrix.indptr).tolist() == [0, 0, 3]
