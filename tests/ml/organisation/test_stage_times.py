"""Histories from stage to stage: which count, until when, and what is told."""

from datetime import date, datetime
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.craft.planted_crafts import measure_stage_times
from ml.organisation.stage_times import (
    LEAST_BEGINNERS,
    estimate_stage_times,
    find_nearest_times,
    list_durations,
    say_share,
    write_time_texts,
)
from pipelines.contracts.columns import TIMESTAMP

AS_OF = date(2026, 6, 30)
SKILLS = pl.DataFrame(
    {"skill_id": ["sql", "dbt"], "skill_name": ["SQL", "dbt"], "capability_id": "data", "capability_name": "Data"}
)


def make_steps(*rows: tuple[str, str, date]) -> pl.DataFrame:
    """Reached steps in sql: person_id, to_stage, day."""
    return pl.DataFrame(
        [
            (person, "sql", "new" if stage == "apprentice" else "deepen", stage, datetime(day.year, day.month, day.day))
            for person, stage, day in rows
        ],
        schema={
            "person_id": pl.String,
            "skill_id": pl.String,
            "kind": pl.String,
            "to_stage": pl.String,
            "reached_at": pl.Datetime("us"),
        },
        orient="row",
    ).with_columns(pl.col("reached_at").cast(TIMESTAMP))


def make_people(*rows: tuple[str, date | None, date | None]) -> pl.DataFrame:
    return pl.DataFrame(
        list(rows), schema={"person_id": pl.String, "hired_date": pl.Date, "left_date": pl.Date}, orient="row"
    )


def test_a_history_ends_with_the_stage_the_run_or_the_day_its_person_left() -> None:
    steps = make_steps(
        ("old", "apprentice", date(2020, 1, 1)),  # when the exports begin: the beginning is not known
        ("arrives", "apprentice", date(2025, 1, 1)),
        ("arrives", "journeyman", date(2025, 1, 31)),
        ("open", "apprentice", date(2026, 6, 20)),
        ("gone", "apprentice", date(2025, 1, 1)),
        ("new", "apprentice", date(2020, 2, 1)),  # soon after the exports begin, but hired after that
        ("new", "journeyman", date(2020, 2, 11)),
    )
    people = make_people(
        ("old", date(2010, 1, 1), None),
        ("arrives", date(2010, 1, 1), None),
        ("open", None, None),
        ("gone", date(2010, 1, 1), date(2025, 1, 6)),
        ("new", date(2020, 1, 15), None),
    )
    durations = list_durations(steps, people, AS_OF).filter(from_stage="apprentice", to_stage="journeyman")
    told = durations.select("person_id", "duration_days", "is_reached").sort("person_id").rows()
    assert told == [("arrives", 30, True), ("gone", 5, False), ("new", 10, True), ("open", 10, False)]


def make_durations(days: list[float], is_reached: list[bool], people: list[int] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person_id": [f"p{number}" for number in people or range(len(days))],
            "skill_id": "sql",
            "from_stage": "apprentice",
            "to_stage": "journeyman",
            "duration_days": days,
            "is_reached": is_reached,
        },
        schema={
            **dict.fromkeys(("person_id", "skill_id", "from_stage", "to_stage"), pl.String),
            "duration_days": pl.Float64,
            "is_reached": pl.Boolean,
        },
    )


def tell(durations: pl.DataFrame, scope_kind: str = "skill", minimum_people: int = 3) -> dict[str, Any]:
    return estimate_stage_times(durations, SKILLS, minimum_people).filter(scope_kind=scope_kind).row(0, named=True)


def test_the_range_is_told_in_months_and_as_a_sentence() -> None:
    # ten people: eight arrive after 1 to 8 months, two are on the way for 30 months: S falls by a tenth each time
    days = [30.0 * month for month in range(1, 9)] + [910.0, 910.0]
    row = tell(make_durations(days, [True] * 8 + [False] * 2), minimum_people=2)
    assert (row["quarter_months"], row["half_months"], row["three_quarters_months"]) == (3, 5, 8)
    assert (row["began_people_count"], row["reached_people_count"], row["unreached_share"]) == (10, 8, 0.2)
    assert row["finding"] == (
        "Of 10 people who began “SQL”, a quarter reached journeyman within 3 months; half reached journeyman within 5 "
        "months; a fifth has not within 30 months."
    )


def test_a_sentence_without_quantiles_names_its_stage() -> None:
    # three of fifteen arrive: less than a quarter
    row = tell(make_durations([30.0] * 3 + [910.0] * 12, [True] * 3 + [False] * 12))
    assert (row["quarter_months"], row["unreached_share"]) == (None, 0.8)
    assert row["finding"] == "Of 15 people who began “SQL”, four fifths have not reached journeyman within 30 months."


def test_two_people_who_have_not_arrived_are_not_told() -> None:
    row = tell(make_durations([30.0] * 8 + [910.0] * 2, [True] * 8 + [False] * 2))
    assert (row["reached_people_count"], row["unreached_share"]) == (None, None)
    assert "has not" not in row["finding"]


def test_several_micro_skills_of_few_people_are_no_crowd() -> None:
    durations = make_durations([30.0] * 20, [True] * 20, people=[number % 2 for number in range(20)])
    assert estimate_stage_times(durations, SKILLS, 3).is_empty()


def test_the_time_of_how_is_that_of_the_micro_skill() -> None:
    stage_times = estimate_stage_times(make_durations([400.0] * 6 + [910.0] * 4, [True] * 6 + [False] * 4), SKILLS, 3)
    assert write_time_texts(stage_times).rows() == [
        (
            "sql",
            "journeyman",
            "Half of those who began it reached journeyman within 14 months; two fifths have not within 30 months.",
        )
    ]


def test_without_its_own_histories_a_micro_skill_takes_the_time_of_its_capability() -> None:
    durations = make_durations([300.0] * 12, [True] * 12)
    durations = durations.with_columns(from_stage=pl.lit("journeyman"), to_stage=pl.lit("master"))
    stage_times = estimate_stage_times(durations, SKILLS, 3)
    nearest = find_nearest_times(stage_times, SKILLS, "journeyman").select("skill_id", "scope_kind", "half_months")
    assert sorted(nearest.rows()) == [("dbt", "capability", 10), ("sql", "skill", 10)]


def test_shares_are_said_as_the_nearest_fraction() -> None:
    assert [say_share(share) for share in (0.21, 0.34, 0.49)] == ["a fifth has", "a third has", "half have"]


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 25), st.integers(0, 2000), st.booleans()), max_size=60),
    st.integers(1, 6),
)
def test_nothing_is_told_of_fewer_people_than_the_minimum(
    histories: list[tuple[int, int, bool]], minimum_people: int
) -> None:
    people, days, is_reached = (list(column) for column in zip(*histories, strict=True)) if histories else ([], [], [])
    durations = make_durations([float(day) for day in days], is_reached, people)
    for row in estimate_stage_times(durations, SKILLS, minimum_people).iter_rows(named=True):
        reached = {person for person, reached in zip(people, is_reached, strict=True) if reached}
        unreached = {person for person, reached in zip(people, is_reached, strict=True) if not reached}
        assert row["began_people_count"] == len(set(people)) >= max(LEAST_BEGINNERS, minimum_people)
        if min(len(reached), len(unreached)) < minimum_people:
            assert row["reached_people_count"] is None
            assert row["unreached_share"] is None
        if len(reached) < minimum_people:
            assert row["half_months"] is None


def test_the_estimate_is_unbiased_though_histories_are_cut_off() -> None:
    quarter, half, interval, finished = measure_stage_times(seeds=6, people=1500)
    assert abs(quarter.mean - quarter.truth) < 0.08 * quarter.truth
    assert abs(half.mean - half.truth) < 0.08 * half.truth
    assert finished.mean < 0.7 * finished.truth  # what an average of finished histories would tell
    assert interval.mean > 0.5
