"""The variety of lists, worked out by hand."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from ml.data.interactions import encode_interactions
from ml.evaluation.splits import split_leave_last
from ml.evaluation.variety import (
    KnownItems,
    describe_known_items,
    measure_coverage,
    measure_exposure_gini,
    measure_list_distance,
    measure_novelty,
    measure_variety,
)

# Four people: all hold item 0, two of these hold item 1, another one holds item 2, nobody holds item 3.
HOLDERS = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 0]], np.float32)
KNOWN = KnownItems(HOLDERS.sum(axis=0).astype(np.int64), sparse.csr_matrix(HOLDERS.T @ HOLDERS), 4)


def test_coverage_is_the_share_of_items_on_any_list() -> None:
    assert measure_coverage(np.array([[0, 1], [0, -1]]), 4) == 0.5


def test_novelty_is_the_mean_self_information_of_listed_items() -> None:
    assert measure_novelty(np.array([[0]]), np.array([3.0]), 15) == pytest.approx(2.0)
    # 0 bits for the item that everybody holds, log2(5) for the one that nobody holds
    assert measure_novelty(np.array([[0, 3], [0, -1]]), KNOWN.holder_counts, 4) == pytest.approx(np.log2(5) / 3)
    assert measure_novelty(np.array([[-1]]), KNOWN.holder_counts, 4) == 0.0


def test_the_gini_coefficient_of_exposure() -> None:
    assert measure_exposure_gini(np.array([[0, 1], [2, 3]]), 4) == pytest.approx(0.0)
    # counts 0, 0, 1, 3: (-3 x 0 - 1 x 0 + 1 x 1 + 3 x 3) / (4 x 4)
    assert measure_exposure_gini(np.array([[0, 1], [0, -1], [0, -1]]), 4) == pytest.approx(10 / 16)
    assert measure_exposure_gini(np.array([[-1]]), 4) == 0.0


def test_the_distance_within_lists_is_one_minus_the_cosine_of_holders() -> None:
    # 0 and 1: 2 of 4 and 2 holders in common; 1 and 2: nobody in common; 3: nobody at all
    near, apart = 1 - 2 / np.sqrt(4 * 2), 1.0
    assert measure_list_distance(np.array([[0, 1]]), KNOWN) == pytest.approx(near)
    assert measure_list_distance(np.array([[1, 2], [3, 0]]), KNOWN) == apart
    # a list of three: pairs (0, 1), (0, 2), (1, 2); one of two; one that is too short to count
    three = (near + (1 - 1 / np.sqrt(4 * 1)) + apart) / 3
    top_items = np.array([[0, 1, 2], [0, 1, -1], [2, -1, -1]])
    assert measure_list_distance(top_items, KNOWN) == pytest.approx((three + near) / 2)
    assert measure_list_distance(np.array([[2, -1, -1]]), KNOWN) == 0.0


@given(st.lists(st.lists(st.integers(-1, 3), min_size=2, max_size=2), min_size=1, max_size=6))
def test_all_measures_keep_their_range(lists: list[list[int]]) -> None:
    variety = measure_variety(np.array(lists), KNOWN)
    assert 0.0 <= variety.coverage <= 1.0
    assert 0.0 <= variety.novelty <= np.log2(5) + 1e-9
    assert -1e-9 <= variety.exposure_gini <= 1.0
    assert -1e-6 <= variety.list_distance <= 1.0


def test_only_what_was_held_before_the_freeze_is_known() -> None:
    # each person's last item is held out: ann and bob hold a and b before, eve holds a; c is new after the freeze
    events = pl.DataFrame(
        {
            "person_id": ["ann", "ann", "ann", "bob", "bob", "bob", "eve", "eve"],
            "skill_id": ["a", "b", "c", "a", "b", "c", "a", "c"],
            "ts": [1, 2, 3, 1, 2, 3, 1, 2],
        }
    )
    known_items = describe_known_items(split_leave_last(encode_interactions(events)))
    assert known_items.holder_counts.tolist() == [3, 2, 0]
    assert known_items.common_holder_counts.toarray().tolist() == [[3, 2, 0], [2, 2, 0], [0, 0, 0]]
    assert known_items.n_people == 3
