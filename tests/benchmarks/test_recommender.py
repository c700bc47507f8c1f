"""The events of the benchmark are seeded, and its row describes what was measured."""

from polars.testing import assert_frame_equal

from benchmarks.recommender import EVENTS_PER_PERSON, benchmark_recommender, synthetic_events


def test_the_same_seed_gives_the_same_events() -> None:
    assert_frame_equal(synthetic_events(50), synthetic_events(50))
    assert not synthetic_events(50).equals(synthetic_events(50, seed=1))


def test_each_number_of_people_gets_a_row() -> None:
    messages: list[str] = []
    (row,) = benchmark_recommender((120,), progress=lambda what, _: messages.append(what))
    assert messages[:2] == ["120 people", "fitting"]
    assert messages[-1] == "scoring 120 people"
    assert (row.n_people, row.n_events) == (120, 120 * EVENTS_PER_PERSON)
    assert row.fit_seconds > 0
    assert row.score_seconds > 0
