"""The record of shown companions and applied replies stays the same if a run is repeated."""

from datetime import date, timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.tables.companions import update_applied_replies, update_shown_pairs
from pipelines.contracts.output_tables import OBEYED_REPLY, SHOWN_COMPANION
from pipelines.validation.rule_evaluation import enforce_contract

TODAY = date(2026, 6, 30)


def shown(*given: tuple[str, str, int]) -> pl.DataFrame:
    """Pairs with the number of days ago they began."""
    rows = [(person, companion, TODAY - timedelta(days=ago)) for person, companion, ago in given]
    return pl.DataFrame(rows, schema=SHOWN_COMPANION.schema, orient="row")


def companions(*pairs: tuple[str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema={"person_id": pl.String, "companion_id": pl.String}, orient="row")


def test_a_pair_that_is_still_shown_keeps_its_first_day_and_a_new_pair_begins_today() -> None:
    rows = update_shown_pairs(shown(("a", "b", 2)), companions(("a", "b"), ("a", "c"), ("a", None)), TODAY, 7)
    assert rows.sort(pl.all()).equals(shown(("a", "b", 2), ("a", "c", 0)).sort(pl.all()))


def test_a_pair_of_an_earlier_term_begins_again_and_older_pairs_are_dropped() -> None:
    rows = update_shown_pairs(shown(("a", "b", 7), ("a", "c", 14)), companions(("a", "b"), ("a", "c")), TODAY, 7)
    assert rows.sort(pl.all()).equals(shown(("a", "b", 7), ("a", "b", 0), ("a", "c", 0)).sort(pl.all()))


PAIRS = st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*(st.sampled_from(w) for w in ("abc", "xyz")), st.integers(-2, 9)), unique=True, max_size=10),
    st.lists(PAIRS, max_size=6),
    st.lists(PAIRS, max_size=6),
)
def test_a_repeated_run_records_what_it_showed_last(
    before: list[tuple[str, str, int]], first: list[tuple[str, str]], second: list[tuple[str, str]]
) -> None:
    record = enforce_contract(SHOWN_COMPANION, update_shown_pairs(shown(*before), companions(*first), TODAY, 4))
    again = enforce_contract(SHOWN_COMPANION, update_shown_pairs(record, companions(*second), TODAY, 4))
    assert again.equals(
        enforce_contract(SHOWN_COMPANION, update_shown_pairs(shown(*before), companions(*second), TODAY, 4))
    )


def test_a_reply_is_recorded_with_the_run_in_which_it_first_took_effect() -> None:
    schema = OBEYED_REPLY.schema
    before = pl.DataFrame([("r1", date(2026, 6, 29), "old"), ("r2", TODAY, "stale")], schema=schema, orient="row")
    effects = pl.DataFrame(
        [("r1", date(2026, 6, 29), "old"), ("r3", TODAY, "new"), ("r3", TODAY, "new"), ("r4", None, None)],
        schema=schema,
        orient="row",
    )
    rows = update_applied_replies(before, effects, TODAY)
    assert enforce_contract(OBEYED_REPLY, rows).rows() == [("r1", date(2026, 6, 29), "old"), ("r3", TODAY, "new")]
