"""Free choice per unit: which hours are chosen, and which numbers would tell of too few people."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from pipelines.core.free_choice import measure_free_choice

MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
MOMENT = pl.Datetime("us", "UTC")
HOUR_SCHEMA = {
    **dict.fromkeys(("source_name", "record_code", "person_id", "work_code"), pl.String),
    "worked_at": MOMENT,
    "worked_hours": pl.Float64,
}
EVIDENCE_SCHEMA = {
    **dict.fromkeys(("source_name", "record_code", "person_id", "skill_id"), pl.String),
    "occurred_at": MOMENT,
}
WISH_SCHEMA = {"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64, "stated_at": MOMENT}
ANSWER_SCHEMA = {
    **dict.fromkeys(("person_id", "opening_id", "squad_reply_kind"), pl.String),
    "replied_at": MOMENT,
}


def frame(rows: list[Any], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema, orient="row")


def measure(
    hours: list[Any],
    *,
    evidence: list[Any] | None = None,
    wishes: list[Any] | None = None,
    answers: list[Any] | None = None,
    people: str = "abcde",
    assigned: list[tuple[str, str]] | None = None,
    least_people: int = 1,
) -> pl.DataFrame:
    return measure_free_choice(
        frame(hours, HOUR_SCHEMA),
        frame(evidence or [], EVIDENCE_SCHEMA),
        frame(wishes or [], WISH_SCHEMA),
        frame(answers or [], ANSWER_SCHEMA),
        frame([(person, "Data") for person in people], {"person_id": pl.String, "unit_name": pl.String}),
        frame(assigned or [], {"person_id": pl.String, "work_code": pl.String}),
        0.1,
        least_people,
        3,
    )


def test_hours_are_chosen_after_the_answer_or_the_wish() -> None:
    hours = [
        ("tempo", "1", "a", "W", MARCH, 10.0),  # before the answer
        ("tempo", "2", "a", "W", MAY, 4.0),
        ("tempo", "3", "b", "V", MAY, 2.0),  # on a micro-skill that b wished for
        ("tempo", "4", "c", "V", MAY, 24.0),
    ]
    unit = measure(
        hours,
        answers=[("a", "W|sql", "join", APRIL), ("c", "V|sql", "not_this", APRIL)],
        evidence=[("tempo", "3", "b", "sql", MAY), ("tempo", "4", "c", "law", MAY)],
        wishes=[("b", "sql", 0.5, APRIL), ("c", "law", 0.0, APRIL)],
    )
    assert unit.select("unit_hours", "chosen_hours", "is_free_choice_given").row(0) == (40.0, 6.0, True)
    assert unit["chosen_share"][0] == pytest.approx(0.15)
    late_wish = measure(hours, evidence=[("tempo", "3", "b", "sql", APRIL)], wishes=[("b", "sql", 0.5, MAY)])
    assert late_wish.select("chosen_hours", "is_free_choice_given").row(0) == (0.0, False)


def test_units_of_fewer_than_five_people_are_left_out_whatever_is_declared() -> None:
    hours = [("tempo", "1", "a", "W", MAY, 10.0)]
    assert measure(hours, people="abcd").is_empty()
    assert measure(hours).height == 1
    assert measure(hours, least_people=6).is_empty()


@pytest.mark.parametrize(
    ("wanting", "staffed", "shown"),
    [
        ("ab", "ab", (None, None)),
        ("abc", "", (3, None)),  # of nobody nothing is said either
        ("abc", "abc", (3, 3)),
        ("abcd", "abc", (4, None)),  # the difference would tell of one person
        ("abcdef", "abc", (6, 3)),
    ],
)
def test_counts_and_their_difference_tell_of_nobody_or_of_enough_people(
    wanting: str, staffed: str, shown: tuple[int | None, int | None]
) -> None:
    unit = measure(
        [],
        people="abcdefgh",
        answers=[(person, "W|sql", "join", APRIL) for person in wanting],
        assigned=[(person, "W") for person in staffed],
    )
    assert unit.select("wanting_count", "staffed_count").row(0) == shown
