"""The memory of whom was shown to whom is the same however often a night is run."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tables.companions import update_applied_replies, update_shown_pairs
from pipelines.contracts.output_tables import OBEYED_REPLY, SHOWN_COMPANION
from pipelines.storage.lake import enforce_contract

TODAY = date(2026, 6, 30)


def shown(*given: tuple[str, str, int]) -> pl.DataFrame:
    """Pairs with the number of days ago they began."""
    rows = [(person, companion, TODAY - timedelta(days=ago)) for person, companion, ago in given]
    return pl.DataFrame(rows, schema=SHOWN_COMPANION.schema, orient="row")


def tonight(*pairs: tuple[str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"person_id": pl.String, "companion_id": pl.String}, orient="row")


def test_a_pair_that_lasts_keeps_its_first_day_and_a_new_one_begins_tonight() -> None:
    found = update_shown_pairs(shown(("a", "b", 2)), tonight(("a", "b"), ("a", "c"), ("a", None)), TODAY, 7)
    assert found.sort(pl.all()).equals(shown(("a", "b", 2), ("a", "c", 0)).sort(pl.all()))


def test_a_pair_of_an_earlier_term_begins_anew_and_older_ones_are_forgotten() -> None:
    found = update_shown_pairs(shown(("a", "b", 7), ("a", "c", 14)), tonight(("a", "b"), ("a", "c")), TODAY, 7)
    assert found.sort(pl.all()).equals(shown(("a", "b", 7), ("a", "b", 0), ("a", "c", 0)).sort(pl.all()))


PAIRS = st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*(st.sampled_from(w) for w in ("abc", "xyz")), st.integers(-2, 9)), unique=True, max_size=10),
    st.lists(PAIRS, max_size=6),
    st.lists(PAIRS, max_size=6),
)
def test_a_night_run_again_remembers_what_it_showed_last(
    before: list[tuple[str, str, int]], first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    memory = enforce_contract(SHOWN_COMPANION, update_shown_pairs(shown(*before), tonight(*first), TODAY, 4))
    again = enforce_contract(SHOWN_COMPANION, update_shown_pairs(memory, tonight(*second), TODAY, 4))
    assert again.equals(
        enforce_contract(SHOWN_COMPANION, update_shown_pairs(shown(*before), tonight(*second), TODAY, 4))
    )


def test_a_reply_is_remembered_for_the_night_that_first_obeyed_it() -> None:
    schema = OBEYED_REPLY.schema
    before = pl.DataFrame([("r1", date(2026, 6, 29), "old"), ("r2", TODAY, "stale")], schema=schema, orient="row")
    effects = pl.DataFrame(
        [("r1", date(2026, 6, 29), "old"), ("r3", TODAY, "new"), ("r3", TODAY, "new"), ("r4", None, None)],
        schema=schema,
        orient="row",
    )
    found = update_applied_replies(before, effects, TODAY)
    assert enforce_contract(OBEYED_REPLY, found).rows() == [("r1", date(2026, 6, 29), "old"), ("r3", TODAY, "new")]
