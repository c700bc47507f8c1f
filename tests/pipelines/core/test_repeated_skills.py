"""When repetition alone was enough, on small data worked out by hand."""

from datetime import UTC, date, datetime

import polars as pl

from pipelines.contracts.policy import MasterPolicy
from pipelines.core.repeated_skills import find_repeated_masters, records_no_feedback


def test_the_day_on_which_repetition_was_enough() -> None:
    rows = [
        ("days", 1, "repetition", 1.0, "count"),
        ("days", 1, "repetition", 1.0, "count"),  # the same day counts once
        ("days", 2, "repetition", 1.0, "count"),
        ("days", 3, "observation", 1.0, "count"),  # watching is no repetition
        ("days", 5, "repetition", 1.0, "count"),
        ("days", 6, "repetition", 1.0, "count"),
        ("hours", 1, "repetition", 6.0, "hours"),
        ("hours", 4, "repetition", 4.0, "hours"),
        ("few", 1, "repetition", 9.0, "hours"),
        ("late", 20, "repetition", 90.0, "hours"),  # after the day of the run
    ]
    evidence = pl.DataFrame(
        [(person, "a", datetime(2026, 6, day, tzinfo=UTC), *others) for person, day, *others in rows],
        schema=["person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit"],
        orient="row",
    )
    policy = MasterPolicy(repetition_hours=10.0, repetition_days=3)
    masters = find_repeated_masters(evidence, date(2026, 6, 10), policy)
    assert masters.select("person_id", pl.col("reached_at").dt.day(), "to_stage").rows() == [
        ("days", 5, "master"),
        ("hours", 4, "master"),
    ]


def test_without_a_deepened_micro_skill_no_feedback_is_recorded() -> None:
    assert records_no_feedback(pl.DataFrame({"kind": ["new", "new"]}))
    assert not records_no_feedback(pl.DataFrame({"kind": ["new", "deepen"]}))
