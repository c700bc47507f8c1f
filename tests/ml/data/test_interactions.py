"""Coding of events: order of rows never matters, ties form groups, nothing after a cut is seen."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.data.interactions import as_tick, filter_before, build_user_states, drop_unused_ids, encode_interactions, reindex_people

EVENTS = pl.DataFrame(
    {
        "person_id": ["b", "a", "a", "a", "a", "b"],
        "skill_id": ["y", "x", "y", "z", "x", "x"],
        "ts": [1, 1, 2, 2, 3, 5],
    }
)

event_lists = st.lists(
    st.tuples(st.sampled_from("abcd"), st.sampled_from("uvwxyz"), st.integers(0, 12)), min_size=1, max_size=40
)


def frame_of(rows: list[tuple[str, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")


def test_simultaneous_acquisitions_form_one_group() -> None:
    got = encode_interactions(EVENTS).acquisitions
    assert got.start.tolist() == [0, 3, 5]
    assert got.item.tolist() == [0, 1, 2, 1, 0]
    assert got.moment_index.tolist() == [0, 1, 1, 0, 1]


def test_a_prefix_knows_first_acquisition_most_recent_use_and_moments_back() -> None:
    user_states = build_user_states(encode_interactions(EVENTS), np.array([0, 0, 1]), np.array([4, 2, 1]))
    assert user_states.start.tolist() == [0, 3, 4, 4]
    assert user_states.first_used.tolist() == [1, 2, 2, 1]
    assert user_states.last_used.tolist() == [3, 2, 2, 1]
    assert user_states.moments_back.tolist() == [0, 1, 1, 0]
    assert user_states.use_count.tolist() == [2, 1, 1, 1]


def test_an_event_at_the_cut_is_not_seen() -> None:
    assert filter_before(encode_interactions(EVENTS), 2).item.tolist() == [0, 1]


@given(event_lists, st.randoms(use_true_random=False))
def test_row_order_and_repeated_rows_make_no_difference(rows: list[tuple[str, str, int]], random) -> None:
    shuffled = rows + rows[: len(rows) // 2]
    random.shuffle(shuffled)
    one, other = encode_interactions(frame_of(rows)), encode_interactions(frame_of(shuffled))
    assert one.people.tolist() == other.people.tolist()
    assert one.start.tolist() == other.start.tolist()
    assert one.item.tolist() == other.item.tolist()
    assert one.time.tolist() == other.time.tolist()


@given(event_lists, st.integers(0, 13))
def test_a_prefix_equals_the_plain_count_of_what_came_before(rows: list[tuple[str, str, int]], cut: int) -> None:
    interactions = encode_interactions(frame_of(rows))
    everyone = np.arange(interactions.n_people)
    user_states = build_user_states(interactions, everyone, np.full(interactions.n_people, cut))
    for code, person in enumerate(interactions.people.tolist()):
        seen = [(ts, item) for who, item, ts in rows if who == person and ts < cut]
        part = slice(user_states.start[code], user_states.start[code + 1])
        assert interactions.items[user_states.item[part]].tolist() == sorted({item for _, item in seen})
        last_use = {item: max(ts for ts, other in seen if other == item) for _, item in seen}
        moments = sorted(set(last_use.values()), reverse=True)
        assert user_states.moments_back[part].tolist() == [moments.index(last_use[item]) for item in sorted(last_use)]


@given(event_lists, st.integers(1, 13))
def test_cutting_a_history_and_never_having_had_the_rest_are_the_same(
    rows: list[tuple[str, str, int]], cut: int
) -> None:
    kept = [row for row in rows if row[2] < cut]
    if not kept:
        return
    one, other = drop_unused_ids(filter_before(encode_interactions(frame_of(rows)), cut)), encode_interactions(frame_of(kept))
    assert one.people.tolist() == other.people.tolist()
    assert one.items.tolist() == other.items.tolist()
    assert one.item.tolist() == other.item.tolist()
    assert one.acquisitions.moment_index.tolist() == other.acquisitions.moment_index.tolist()


def test_people_asked_for_without_events_have_empty_histories() -> None:
    some = reindex_people(encode_interactions(EVENTS), np.array(["a", "nobody"]))
    assert np.diff(some.start).tolist() == [4, 0]
    assert reindex_people(filter_before(some, 0), np.array(["q"])).start.tolist() == [0, 0]


def test_dates_and_zoned_times_share_one_scale() -> None:
    zoned = datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert as_tick(zoned) == as_tick(datetime(2024, 1, 1, tzinfo=UTC)) == as_tick(date(2024, 1, 1))
    events = pl.DataFrame({"person_id": ["a"], "skill_id": ["x"], "ts": [zoned]})
    assert encode_interactions(events).time.tolist() == [as_tick(date(2024, 1, 1))]


def test_unusable_events_are_refused_with_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="missing: ts"):
        encode_interactions(EVENTS.drop("ts"))
    with pytest.raises(ValueError, match="1 empty cells"):
        encode_interactions(EVENTS.with_columns(skill_id=pl.when(pl.col("ts") < 5).then("skill_id")))
    with pytest.raises(ValueError, match="no ISO date"):
        encode_interactions(EVENTS.with_columns(pl.col("ts").cast(pl.String)))
