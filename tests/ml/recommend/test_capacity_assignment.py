"""Companions are assigned at the lowest cost, with even load, within their capacity."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.recommend import capacity_assignment as assignment
from ml.recommend.capacity_assignment import Edges, assign_companions, offer_members

ANY = settings(max_examples=60, deadline=None)


def edges(*given: tuple[int, int, float]) -> Edges:
    slot, companion, cost = zip(*given, strict=True) if given else ((), (), ())
    return Edges(np.array(slot, np.int64), np.array(companion, np.int64), np.array(cost, np.float32))


def numbers(*given: int) -> np.ndarray:
    return np.array(given, np.int64)


def test_the_cheaper_companion_is_assigned_and_load_is_updated() -> None:
    load, free = numbers(0, 0), numbers(1, 1)
    assert assign_companions(edges((0, 0, 0.5), (0, 1, 0.1)), load, free, 1).tolist() == [1]
    assert (load.tolist(), free.tolist()) == ([0, 1], [1, 0])


def test_a_slot_leaves_its_best_companion_to_a_slot_with_no_other() -> None:
    # greedily place 0 would take companion 0, and place 1 stay empty
    companions = assign_companions(edges((0, 0, 0.0), (0, 1, 0.9), (1, 0, 0.5)), numbers(0, 0), numbers(1, 1), 2)
    assert companions.tolist() == [1, 0]


def test_even_load_outweighs_every_other_cost() -> None:
    all_edges = [(slot, who, 0.0 if who == 0 else 1.0 - 0.1 * who) for slot, who in product(range(6), range(3))]
    companions = assign_companions(edges(*all_edges), numbers(0, 0, 0), numbers(9, 9, 9), 6)
    assert np.bincount(companions).tolist() == [2, 2, 2]


def test_a_companion_with_higher_load_comes_last() -> None:
    companions = assign_companions(edges((0, 0, 0.0), (0, 1, 0.9)), numbers(3, 0), numbers(2, 5), 1)
    assert companions.tolist() == [1]


def test_slots_without_edges_or_free_companions_stay_empty() -> None:
    assert assign_companions(edges((0, 0, 0.1)), numbers(5), numbers(0), 2).tolist() == [-1, -1]
    assert assign_companions(edges(), numbers(0), numbers(1), 1).tolist() == [-1]


CASES = st.integers(1, 5).flatmap(
    lambda people: st.tuples(
        st.lists(st.tuples(st.integers(0, 5), st.integers(0, people - 1), st.floats(0, 1, width=32)), max_size=20),
        st.lists(st.integers(0, 3), min_size=people, max_size=people),
        st.integers(1, 4),
    )
)


@ANY
@given(CASES)
def test_no_companion_exceeds_capacity_for_any_edges(
    case: tuple[list[tuple[int, int, float]], list[int], int],
) -> None:
    given_edges, free, piece = case
    load, left = np.zeros(len(free), np.int64), np.array(free, np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "PIECE_SIZE", piece)
        companions = assign_companions(edges(*given_edges), load, left, 6)
    taken = np.bincount(companions[companions >= 0], minlength=len(free))
    assert (taken <= free).all()
    assert taken.tolist() == load.tolist()
    assert (np.array(free) - taken).tolist() == left.tolist()
    possible = {(slot, who) for slot, who, _ in given_edges}
    assert all((slot, int(who)) in possible for slot, who in enumerate(companions) if who >= 0)


@ANY
@given(CASES)
def test_a_piece_fills_as_many_slots_as_possible(
    case: tuple[list[tuple[int, int, float]], list[int], int],
) -> None:
    given_edges, free, _ = case
    companions = assign_companions(edges(*given_edges), np.zeros(len(free), np.int64), np.array(free, np.int64), 6)
    options = [[-1, *{who for slot, who, _ in given_edges if slot == number}] for number in range(6)]
    fits = (
        sum(who >= 0 for who in choice)
        for choice in product(*options)
        if all(choice.count(who) <= free[who] for who in range(len(free)))
    )
    assert int((companions >= 0).sum()) == max(fits)


def test_each_member_of_a_pool_is_offered_equally_often() -> None:
    asker, member = offer_members(np.zeros(6, np.int64), np.zeros(4, np.int64), np.arange(4), 2)
    assert np.bincount(asker).tolist() == [2] * 6
    assert np.bincount(member).tolist() == [3] * 4


def test_offers_stay_within_the_pool_without_repeats() -> None:
    asker, member = offer_members(numbers(7, 5, 7), numbers(5, 7, 9), numbers(0, 0, 0), 3)
    assert sorted(zip(asker.tolist(), member.tolist(), strict=True)) == [(0, 1), (1, 0), (2, 1)]
