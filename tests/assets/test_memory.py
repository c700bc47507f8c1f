"""The memory of whom was shown to whom is the same however often a night is run."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tables.companions import remember_obeyed, remember_shown
from pipelines.contracts.output_tables import OBEYED, SHOWN
from pipelines.storage.lake import obey

TODAY = date(2026, 6, 30)


def shown(*given: tuple[str, str, int]) -> pl.DataFrame:
    """Pairs with the number of days ago they began."""
    rows = [(person, companion, TODAY - timedelta(days=ago)) for person, companion, ago in given]
    return pl.DataFrame(rows, schema=SHOWN.schema, orient="row")


def tonight(*pairs: tuple[str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"person_id": pl.String, "companion_id": pl.String}, orient="row")


def test_a_pair_that_lasts_keeps_its_first_day_and_a_new_one_begins_tonight() -> None:
    found = remember_shown(shown(("a", "b", 2)), tonight(("a", "b"), ("a", "c"), ("a", None)), TODAY, 7)
    assert found.sort(pl.all()).equals(shown(("a", "b", 2), ("a", "c", 0)).sort(pl.all()))


def test_a_pair_of_an_earlier_term_begins_anew_and_older_ones_are_forgotten() -> None:
    found = remember_shown(shown(("a", "b", 7), ("a", "c", 14)), tonight(("a", "b"), ("a", "c")), TODAY, 7)
    assert found.sort(pl.all()).equals(shown(("a", "b", 7), ("a", "b", 0), ("a", "c", 0)).sort(pl.all()))


PAIRS = st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*(st.sampled_from(w) for w in ("abc", "xyz")), st.integers(-2, 9)), unique=True, max_size=10),
       st.lists(PAIRS, max_size=6), st.lists(PAIRS, max_size=6))  # fmt: skip
def test_a_night_run_again_remembers_what_it_showed_last(
    before: list[tuple[str, str, int]], first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    memory = obey(SHOWN, remember_shown(shown(*before), tonight(*first), TODAY, 4))
    again = obey(SHOWN, remember_shown(memory, tonight(*second), TODAY, 4))
    assert again.equals(obey(SHOWN, remember_shown(shown(*before), tonight(*second), TODAY, 4)))


def test_a_reply_is_remembered_for_the_night_that_first_obeyed_it() -> None:
    schema = OBEYED.schema
    before = pl.DataFrame([("r1", date(2026, 6, 29), "old"), ("r2", TODAY, "stale")], schema=schema, orient="row")
    effects = pl.DataFrame(
        [("r1", date(2026, 6, 29), "old"), ("r3", TODAY, "new"), ("r3", TODAY, "new"), ("r4", None, None)],
        schema=schema, orient="row",
    )  # fmt: skip
    found = remember_obeyed(before, effects, TODAY)
    assert obey(OBEYED, found).rows() == [("r1", date(2026, 6, 29), "old"), ("r3", TODAY, "new")]
