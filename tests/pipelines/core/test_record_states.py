"""Of the records of one state, the one with which the last state began counts."""

from datetime import UTC, datetime

import polars as pl
import pytest

from pipelines.core.record_states import keep_last_states


def kept_codes(*records: tuple[str, str | None, str, int]) -> list[str]:
    """Keep the last states of records, each a code, a state, a verb and a day of March, in the order of the file."""
    frame = pl.DataFrame(
        [
            {
                "record_code": code,
                "source_name": "lms",
                "state_code": state,
                "learning_verb": verb,
                "occurred_at": datetime(2026, 3, day, tzinfo=UTC),
                "changed_at": None,
                "delivery_number": 1,
                "row_number": number,
            }
            for number, (code, state, verb, day) in enumerate(records)
        ],
        schema_overrides={"state_code": pl.String, "changed_at": pl.Datetime(time_zone="UTC")},
    )
    last_states = keep_last_states(frame.lazy()).collect()
    assert last_states.columns == frame.columns
    return sorted(last_states["record_code"])


def test_a_pass_that_is_confirmed_counts_once_on_the_day_of_the_first_of_the_last_passes() -> None:
    records = [("a", "g", "started", 1), ("b", "g", "passed", 2), ("c", "g", "passed", 3), ("d", "g", "passed", 4)]
    assert kept_codes(*records) == ["b"]
    assert kept_codes(*reversed(records)) == ["b"]


def test_a_pass_that_is_taken_back_is_none_and_one_that_is_given_again_counts_from_then_on() -> None:
    taken_back = [("a", "g", "passed", 1), ("b", "g", "started", 2)]
    assert kept_codes(*taken_back) == ["b"]
    assert kept_codes(*taken_back, ("c", "g", "passed", 3)) == ["c"]


def test_records_of_one_moment_follow_the_order_of_the_file() -> None:
    assert kept_codes(("a", "g", "started", 1), ("b", "g", "passed", 1)) == ["b"]
    assert kept_codes(("a", "g", "passed", 1), ("b", "g", "started", 1)) == ["b"]


@pytest.mark.parametrize("other", [None, "h"])
def test_other_states_and_records_without_a_state_stay(other: str | None) -> None:
    assert kept_codes(("a", "g", "passed", 1), ("b", other, "passed", 1), ("c", None, "passed", 2)) == ["a", "b", "c"]


def test_states_of_two_sources_with_the_same_code_stay_apart() -> None:
    record = {
        "record_code": "a",
        "source_name": "lms",
        "state_code": "g",
        "learning_verb": "passed",
        "occurred_at": datetime(2026, 3, 1, tzinfo=UTC),
        "changed_at": datetime(2026, 3, 1, tzinfo=UTC),
        "delivery_number": 1,
        "row_number": 1,
    }
    frame = pl.DataFrame([record, {**record, "record_code": "b", "source_name": "other"}])
    assert sorted(keep_last_states(frame.lazy()).collect()["record_code"]) == ["a", "b"]
