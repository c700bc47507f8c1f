"""Encoding of events: the order of rows makes no difference, ties share a moment, nothing after a cut is seen."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.data.interactions import (
    as_tick,
    as_ticks,
    build_user_states,
    drop_unused_ids,
    encode_interactions,
    filter_before,
    reindex_people,
)

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


def test_simultaneous_acquisitions_share_a_moment() -> None:
    acquisitions = encode_interactions(EVENTS).acquisitions
    assert acquisitions.start.tolist() == [0, 3, 5]
    assert acquisitions.item.tolist() == [0, 1, 2, 1, 0]
    assert acquisitions.moment_index.tolist() == [0, 1, 1, 0, 1]


def test_a_user_state_has_first_use_latest_use_moments_back_and_use_count() -> None:
    user_states = build_user_states(encode_interactions(EVENTS), np.array([0, 0, 1]), np.array([4, 2, 1]))
    assert user_states.start.tolist() == [0, 3, 4, 4]
    assert user_states.first_used.tolist() == [1, 2, 2, 1]
    assert user_states.last_used.tolist() == [3, 2, 2, 1]
    assert user_states.moments_back.tolist() == [0, 1, 1, 0]
    assert user_states.use_count.tolist() == [2, 1, 1, 1]


def test_an_event_at_the_cut_is_not_seen() -> None:
    assert filter_before(encode_interactions(EVENTS), 2).item.tolist() == [0, 1]


@settings(deadline=None)
@given(event_lists, st.randoms(use_true_random=False))
def test_row_order_and_repeated_rows_make_no_difference(rows: list[tuple[str, str, int]], random) -> None:
    shuffled = rows + rows[: len(rows) // 2]
    random.shuffle(shuffled)
    encoded, expected = encode_interactions(frame_of(rows)), encode_interactions(frame_of(shuffled))
    assert encoded.people.tolist() == expected.people.tolist()
    assert encoded.start.tolist() == expected.start.tolist()
    assert encoded.item.tolist() == expected.item.tolist()
    assert encoded.time.tolist() == expected.time.tolist()


@settings(deadline=None)
@given(event_lists, st.integers(0, 13))
def test_a_user_state_equals_a_plain_count_of_the_events_before_the_cut(
    rows: list[tuple[str, str, int]], cut: int
) -> None:
    interactions = encode_interactions(frame_of(rows))
    all_codes = np.arange(interactions.n_people)
    user_states = build_user_states(interactions, all_codes, np.full(interactions.n_people, cut))
    for code, person in enumerate(interactions.people.tolist()):
        earlier = [(ts, item) for who, item, ts in rows if who == person and ts < cut]
        part = slice(user_states.start[code], user_states.start[code + 1])
        assert interactions.items[user_states.item[part]].tolist() == sorted({item for _, item in earlier})
        last_use = {item: max(ts for ts, expected in earlier if expected == item) for _, item in earlier}
        moments = sorted(set(last_use.values()), reverse=True)
        assert user_states.moments_back[part].tolist() == [moments.index(last_use[item]) for item in sorted(last_use)]


@settings(deadline=None)
@given(event_lists, st.integers(1, 13))
def test_cut_interactions_equal_those_without_the_later_events(rows: list[tuple[str, str, int]], cut: int) -> None:
    earlier_rows = [row for row in rows if row[2] < cut]
    if not earlier_rows:
        return
    encoded, expected = (
        drop_unused_ids(filter_before(encode_interactions(frame_of(rows)), cut)),
        encode_interactions(frame_of(earlier_rows)),
    )
    assert encoded.people.tolist() == expected.people.tolist()
    assert encoded.items.tolist() == expected.items.tolist()
    assert encoded.item.tolist() == expected.item.tolist()
    assert encoded.acquisitions.moment_index.tolist() == expected.acquisitions.moment_index.tolist()


def test_people_without_events_have_no_entries() -> None:
    reindexed = reindex_people(encode_interactions(EVENTS), np.array(["a", "nobody"]))
    assert np.diff(reindexed.start).tolist() == [4, 0]
    assert reindex_people(filter_before(reindexed, 0), np.array(["q"])).start.tolist() == [0, 0]


def test_dates_and_times_with_a_zone_share_one_scale() -> None:
    zoned = datetime(2024, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert as_tick(zoned) == as_tick(datetime(2024, 1, 1, tzinfo=UTC)) == as_tick(date(2024, 1, 1))
    events = pl.DataFrame({"person_id": ["a"], "skill_id": ["x"], "ts": [zoned]})
    assert encode_interactions(events).time.tolist() == [as_tick(date(2024, 1, 1))]


def test_unusable_events_raise_with_the_reason() -> None:
    with pytest.raises(ValueError, match="missing: ts"):
        encode_interactions(EVENTS.drop("ts"))
    with pytest.raises(ValueError, match="1 empty cells"):
        encode_interactions(EVENTS.with_columns(skill_id=pl.when(pl.col("ts") < 5).then("skill_id")))
    with pytest.raises(ValueError, match="no ISO date"):
        encode_interactions(EVENTS.with_columns(pl.col("ts").cast(pl.String)))


def test_iso_texts_are_read_with_and_without_time_and_offset() -> None:
    texts = [
        "2024-01-01",
        "2024-01-01 02:00:00",
        "2024-01-01T02:00:00.5",
        "2024-01-01T04:00:00+02:00",
        "2024-01-01T02:00:00Z",
    ]
    ticks = as_ticks(pl.Series(texts)) - as_tick(date(2024, 1, 1))
    assert (ticks / 3_600_000_000).tolist() == [0, 2, pytest.approx(2 + 0.5 / 3600), 2, 2]
