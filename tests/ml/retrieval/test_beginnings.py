"""Counts of beginnings: worked out by hand, and blind to everything at or after the moment."""

from datetime import datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.data.interactions import TICKS_PER_DAY, as_tick, encode_interactions
from ml.retrieval.beginnings import COUNTS, Beginnings

START = datetime(2024, 1, 1)
HORIZON = 30 * TICKS_PER_DAY


def events(*rows: tuple[str, str, int]) -> pl.DataFrame:
    """person, skill, day."""
    return pl.DataFrame(
        [(person, skill, START + timedelta(days=day)) for person, skill, day in rows],
        schema=["person_id", "skill_id", "ts"],
        orient="row",
    )


def count(rows: pl.DataFrame, day: int) -> dict[str, dict[str, float]]:
    interactions = encode_interactions(rows)
    counts = Beginnings(interactions, HORIZON).count(as_tick(START + timedelta(days=day)))
    return {
        name: dict(zip(interactions.items.tolist(), counts[:, index].tolist(), strict=True))
        for index, name in enumerate(COUNTS)
    }


def test_what_people_took_began_with_and_used_is_counted() -> None:
    counts = count(events(("a", "u", 0), ("a", "v", 90), ("a", "u", 170), ("b", "v", 90), ("b", "w", 100)), 180)
    assert counts["taken"] == {"u": 1, "v": 2, "w": 1}
    # 180 days are two half-lives, 90 days are one
    assert counts["taken_lately"]["u"] == pytest.approx(0.25)
    assert counts["taken_lately"]["v"] == pytest.approx(1.0)
    # v is no beginning of a, who had u for longer than the horizon; w is one of b, who came ten days earlier
    assert counts["begun"] == {"u": 1, "v": 1, "w": 1}
    assert counts["begun_lately"]["v"] == pytest.approx(0.5)
    # w is not what b took at the first moment
    assert counts["first_lately"]["w"] == 0
    assert counts["first_lately"]["v"] == pytest.approx(0.5 ** (90 / 270))
    # in the last 90 days: u by a again, v by both, w by b
    assert counts["used_lately"] == {"u": 1, "v": 2, "w": 1}


def test_what_happens_at_the_moment_does_not_count() -> None:
    counts = count(events(("a", "u", 0), ("b", "v", 10)), 10)
    assert counts["taken"] == {"u": 1, "v": 0}
    assert counts["used_lately"] == {"u": 1, "v": 0}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("uvw"), st.integers(0, 60)), min_size=1, max_size=12))
def test_later_events_change_no_count(rows: list[tuple[str, str, int]]) -> None:
    first_rows = [("z", skill, 0) for skill in "uvw"]  # so that every item occurs on both sides
    before = [row for row in rows if row[2] < 30]
    assert count(events(*first_rows, *rows), 30) == count(events(*first_rows, *before), 30)
