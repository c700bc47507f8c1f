"""Companions are assigned at least cost, evenly, and never beyond what they are free for."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.recommend import capacity_assignment as assignment
from ml.recommend.capacity_assignment import Edges, assign_companions, offer_members

ANY = settings(max_examples=60, deadline=None)


def edges(*given: tuple[int, int, float]) -> Edges:
    place, companion, cost = zip(*given, strict=True) if given else ((), (), ())
    return Edges(np.array(place, np.int64), np.array(companion, np.int64), np.array(cost, np.float32))


def numbers(*given: int) -> np.ndarray:
    return np.array(given, np.int64)


def test_the_cheaper_companion_is_taken_and_load_is_told() -> None:
    load, free = numbers(0, 0), numbers(1, 1)
    assert assign_companions(edges((0, 0, 0.5), (0, 1, 0.1)), load, free, 1).tolist() == [1]
    assert (load.tolist(), free.tolist()) == ([0, 1], [1, 0])


def test_a_place_gives_way_where_another_can_take_nobody_else() -> None:
    # greedily place 0 would take companion 0, and place 1 stay empty
    found = assign_companions(edges((0, 0, 0.0), (0, 1, 0.9), (1, 0, 0.5)), numbers(0, 0), numbers(1, 1), 2)
    assert found.tolist() == [1, 0]


def test_load_is_spread_before_anything_else_tells_two_companions_apart() -> None:
    all_edges = [(place, who, 0.0 if who == 0 else 1.0 - 0.1 * who) for place, who in product(range(6), range(3))]
    found = assign_companions(edges(*all_edges), numbers(0, 0, 0), numbers(9, 9, 9), 6)
    assert np.bincount(found).tolist() == [2, 2, 2]


def test_whoever_was_shown_to_many_before_comes_after_whoever_was_not() -> None:
    found = assign_companions(edges((0, 0, 0.0), (0, 1, 0.9)), numbers(3, 0), numbers(2, 5), 1)
    assert found.tolist() == [1]


def test_nobody_is_assigned_where_nobody_is_free_or_asked() -> None:
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
def test_whatever_the_edges_nobody_exceeds_what_they_are_free_for(
    case: tuple[list[tuple[int, int, float]], list[int], int],
) -> None:
    given_edges, free, piece = case
    load, left = np.zeros(len(free), np.int64), np.array(free, np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assignment, "PIECE_SIZE", piece)
        found = assign_companions(edges(*given_edges), load, left, 6)
    taken = np.bincount(found[found >= 0], minlength=len(free))
    assert (taken <= free).all()
    assert taken.tolist() == load.tolist()
    assert (np.array(free) - taken).tolist() == left.tolist()
    asked = {(place, who) for place, who, _ in given_edges}
    assert all((place, int(who)) in asked for place, who in enumerate(found) if who >= 0)


@ANY
@given(CASES)
def test_within_a_piece_as_many_places_are_filled_as_can_be(
    case: tuple[list[tuple[int, int, float]], list[int], int],
) -> None:
    given_edges, free, _ = case
    found = assign_companions(edges(*given_edges), np.zeros(len(free), np.int64), np.array(free, np.int64), 6)
    options = [[-1, *{who for place, who, _ in given_edges if place == slot}] for slot in range(6)]
    fits = (
        sum(who >= 0 for who in choice)
        for choice in product(*options)
        if all(choice.count(who) <= free[who] for who in range(len(free)))
    )
    assert int((found >= 0).sum()) == max(fits)


def test_every_member_of_a_block_is_offered_to_equally_many() -> None:
    asker, member = offer_members(np.zeros(6, np.int64), np.zeros(4, np.int64), np.arange(4), 2)
    assert np.bincount(asker).tolist() == [2] * 6
    assert np.bincount(member).tolist() == [3] * 4


def test_offers_stay_within_the_block_and_none_is_made_twice() -> None:
    asker, member = offer_members(numbers(7, 5, 7), numbers(5, 7, 9), numbers(0, 0, 0), 3)
    assert sorted(zip(asker.tolist(), member.tolist(), strict=True)) == [(0, 1), (1, 0), (2, 1)]
