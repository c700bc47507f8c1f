"""Practice of people and of units: kinds, weeks and staffing by hand, and what is never told for any input."""

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.catalog import ASSIGNMENT, EVIDENCE, PERSON, REVIEW_TABLE, ROLE_PERIOD, WORKLOG
from pipelines.contracts.policy import MasterPolicy
from pipelines.core.objections import Objections
from pipelines.core.practice_weeks import PRACTICE_INPUTS, count_person_weeks, sum_own_practice
from pipelines.core.unit_practice import (
    MOST_BY_ONE_SHARE,
    UnitPractice,
    add_unit_practice,
    build_memberships,
    count_staff_weeks,
    mark_tellable,
    sum_unit_practice,
)

AS_OF = date(2026, 6, 30)
POLICY = MasterPolicy(repetition_hours=10, repetition_days=4)
NO_STEPS = pl.DataFrame(schema={"person_id": pl.String, "skill_id": pl.String, "reached_at": pl.Datetime("us", "UTC")})
SKILLS = pl.DataFrame({"skill_id": ["sql", "viz", "git"], "capability_id": ["data", "data", None]})


def moment(days_ago: int) -> datetime:
    return datetime.combine(AS_OF - timedelta(days=days_ago), datetime.min.time(), UTC) + timedelta(hours=9)


def evidence(*rows: dict[str, object]) -> pl.DataFrame:
    complete_rows = [
        {
            "person_id": "a",
            "skill_id": "sql",
            "mode": "repetition",
            "amount": 1.0,
            "amount_unit": "hours",
            "table_name": WORKLOG.name,
            "source_name": "s",
            "record_code": str(number),
            "feedback_kind": None,
            "given_by_id": None,
            **row,
        }
        for number, row in enumerate(rows)
    ]
    return pl.DataFrame(complete_rows, {name: EVIDENCE.schema[name] for name in PRACTICE_INPUTS})


def person_weeks(*rows: dict[str, object], steps: pl.DataFrame = NO_STEPS) -> pl.DataFrame:
    return count_person_weeks(evidence(*rows), steps, AS_OF, POLICY)


def amounts(weeks: pl.DataFrame) -> dict[tuple[str, str, int], float]:
    rows = weeks.select("practice_kind", "practice_unit", "weeks_ago", "practice_amount").iter_rows()
    return {(kind, unit, week): amount for kind, unit, week, amount in rows}


def test_work_is_at_the_edge_until_it_was_repeated_as_a_master_has() -> None:
    weeks = person_weeks(
        {"occurred_at": moment(20), "amount": 6.0},  # week 2
        {"occurred_at": moment(13), "amount": 4.0},  # week 1: six hours before it
        {"occurred_at": moment(6), "amount": 5.0},  # week 0: ten hours before it
    )
    assert amounts(weeks) == {("edge", "hours", 2): 6, ("edge", "hours", 1): 4, ("routine", "hours", 0): 5}


def test_days_count_where_no_hours_are_booked() -> None:
    counted = {"amount_unit": "count"}
    days = (41, 34, 27, 20, 13)
    weeks = amounts(person_weeks(*({"occurred_at": moment(day), **counted} for day in days)))
    assert [weeks.get(("routine", "count", week)) for week in (5, 4, 3, 2, 1)] == [None, None, None, None, 1]


def test_work_is_routine_from_the_week_after_the_stage_master() -> None:
    steps = pl.DataFrame([("a", "sql", moment(13))], NO_STEPS.schema, orient="row")
    weeks = person_weeks({"occurred_at": moment(12)}, {"occurred_at": moment(2)}, steps=steps)
    assert amounts(weeks) == {("edge", "hours", 1): 1, ("routine", "hours", 0): 1}


def test_reviews_learning_and_finished_work_are_told_apart() -> None:
    review = {"table_name": REVIEW_TABLE, "amount_unit": "share", "occurred_at": moment(1), "feedback_kind": "peer"}
    weeks = person_weeks(
        {**review, "mode": "feedback", "given_by_id": "b"},
        {**review, "mode": "feedback", "given_by_id": "a", "feedback_kind": "self"},
        {**review, "mode": "teaching", "amount_unit": "count", "given_by_id": None},
        {"mode": "observation", "amount": 2.0, "occurred_at": moment(1)},
        {"table_name": ASSIGNMENT.name, "amount_unit": "count", "occurred_at": moment(1)},
        {"mode": "feedback", "amount_unit": "share", "table_name": "other", "occurred_at": moment(1)},
        {"occurred_at": moment(-1)},  # after the day
    )
    assert amounts(weeks) == {
        ("review_received", "count", 0): 1,
        ("review_given", "count", 0): 1,
        ("learning", "hours", 0): 2,
        ("edge", "count", 0): 1,
        ("finished", "count", 0): 1,
    }


def test_a_piece_of_work_with_two_micro_skills_counts_once() -> None:
    finished = {"table_name": ASSIGNMENT.name, "amount_unit": "count", "occurred_at": moment(1), "record_code": "T-1"}
    weeks = person_weeks(finished, {**finished, "skill_id": "viz"})
    assert weeks.filter(practice_kind="finished")["practice_amount"].to_list() == [0.5, 0.5]


def test_own_practice_is_in_hours_where_the_person_books_any() -> None:
    own = sum_own_practice(
        person_weeks(
            {"occurred_at": moment(1), "amount": 3.0},
            {"occurred_at": moment(40), "amount": 2.0},
            {"occurred_at": moment(300), "amount": 1.0, "skill_id": "viz"},
            {"occurred_at": moment(1), "amount_unit": "count", "table_name": ASSIGNMENT.name},
        )
    )
    assert own.rows() == [("a", "edge", "hours", 3.0, 5.0, 6.0)]


def test_memberships_follow_roles_and_staffing_counts_them() -> None:
    people = pl.DataFrame(
        [
            ("a", "north", "active", date(2020, 1, 1), None),  # no history: north since 2020
            ("b", "north", "left", date(2020, 1, 1), AS_OF - timedelta(days=21)),
            ("c", "south", "active", date(2020, 1, 1), None),  # north until two weeks ago
        ],
        {
            column: PERSON.schema[column]
            for column in ("person_id", "unit_name", "employment_status", "hired_date", "left_date")
        },
        orient="row",
    )
    moved = AS_OF - timedelta(days=14)
    role_periods = pl.DataFrame(
        [("c", "north", date(2020, 1, 1), moved), ("c", "east", moved, None)],
        {column: ROLE_PERIOD.schema[column] for column in ("person_id", "unit_name", "started_date", "ended_date")},
        orient="row",
    )
    memberships = build_memberships(people, role_periods, AS_OF)
    # the unit of the HR export holds for the present
    assert memberships.filter(person_id="c").select("unit_name", "from_date", "to_date").rows() == [
        ("north", date(2020, 1, 1), moved),
        ("south", moved, None),
    ]
    staff = count_staff_weeks(memberships, AS_OF)
    counts = {(unit, week): count for unit, week, count in staff.iter_rows()}
    assert [counts["north", week] for week in range(5)] == [1, 1, 1, 2, 3]
    assert [counts["south", week] for week in range(4)] == [1, 1, 1, 0]


def test_of_two_periods_that_begin_on_a_day_the_one_that_lasts_holds() -> None:
    people = pl.DataFrame(
        [("a", None, "active", None, None)],
        {
            column: PERSON.schema[column]
            for column in ("person_id", "unit_name", "employment_status", "hired_date", "left_date")
        },
        orient="row",
    )
    day = date(2026, 1, 5)
    role_periods = pl.DataFrame(
        [("a", "west", day, day), ("a", "north", day, None)],  # west ended on the day on which it began
        {column: ROLE_PERIOD.schema[column] for column in ("person_id", "unit_name", "started_date", "ended_date")},
        orient="row",
    )
    assert build_memberships(people, role_periods, AS_OF).rows() == [("a", "north", day, None)]


def practice_of(*rows: tuple[str, str, int, float]) -> UnitPractice:
    """Practice of unit north from rows of person, micro-skill, days ago and hours."""
    weeks = person_weeks(
        *(
            {"person_id": person, "skill_id": skill, "occurred_at": moment(days_ago), "amount": hours}
            for person, skill, days_ago, hours in rows
        )
    ).with_columns(practice_kind=pl.lit("edge"))
    memberships = pl.DataFrame(
        [(person, "north", date(2020, 1, 1), None) for person in sorted({row[0] for row in rows})],
        {"person_id": pl.String, "unit_name": pl.String, "from_date": pl.Date, "to_date": pl.Date},
        orient="row",
    )
    return add_unit_practice([sum_unit_practice(weeks, memberships, SKILLS, AS_OF)], 3)


def told(practice: UnitPractice) -> dict[str, tuple[bool, bool, bool]]:
    marked = mark_tellable(practice.contributions, 3)
    return {
        part: flags
        for part, *flags in marked.select("practice_of", "is_told_4", "is_told_13", "is_told_52").iter_rows()
    }  # type: ignore[misc]


def test_a_trailing_period_is_told_if_the_rest_of_the_longer_one_may_be_told_too() -> None:
    recent = [(person, "sql", 3, 2.0) for person in "abc"]
    earlier = [(person, "sql", 60, 2.0) for person in "abc"]
    assert told(practice_of(*recent, *earlier))["data"] == [True, False, True]  # nobody in weeks 14 to 52
    last_year = [(person, "sql", 200, 2.0) for person in "abc"]
    assert told(practice_of(*recent, *earlier, *last_year))["data"] == [True, True, True]
    assert told(practice_of(*recent, *earlier[:2], *last_year))["data"] == [False, True, True]


def test_nobody_is_behind_most_of_a_number() -> None:
    assert told(practice_of(("a", "sql", 3, 9.0), ("b", "sql", 3, 1.0), ("c", "sql", 3, 1.0)))["data"] == [False] * 3


def test_what_is_withheld_cannot_be_subtracted() -> None:
    data = [(person, "sql", 3, 2.0) for person in "abc"]
    practice = practice_of(*data, ("a", "git", 3, 2.0))
    # git has one person: with data and the whole, its hours would be told
    assert told(practice) == {"data": [False] * 3, "git": [False] * 3, "north": [False, False, True]}


WORK = st.lists(
    st.tuples(
        st.sampled_from("abcdefg"), st.sampled_from(["sql", "viz", "git"]), st.integers(0, 700), st.floats(0.5, 40)
    ),
    min_size=1,
    max_size=60,
)


@given(WORK)
@settings(max_examples=25)
def test_a_told_number_has_enough_people_and_so_has_every_difference(rows: list[tuple[str, str, int, float]]) -> None:
    marked = mark_tellable(practice_of(*rows).contributions, 3)
    for part in marked.iter_rows(named=True):
        skills = {"data": ("sql", "viz"), "git": ("git",), "north": ("sql", "viz", "git")}[part["practice_of"]]
        bounds = [
            days
            for days, is_told in ((28, part["is_told_4"]), (91, part["is_told_13"]), (364, part["is_told_52"]))
            if is_told
        ]
        for first_day, end_day in zip([0, *bounds], bounds, strict=False):
            hours_by_person: dict[str, float] = {}
            for person, skill, days_ago, hours in rows:
                if skill in skills and first_day <= days_ago < end_day:
                    hours_by_person[person] = hours_by_person.get(person, 0) + hours
            assert len(hours_by_person) >= 3
            assert max(hours_by_person.values()) <= MOST_BY_ONE_SHARE * sum(hours_by_person.values()) + 1e-6


@given(
    WORK,
    st.sets(st.sampled_from("abcdefg")),
    st.sets(st.tuples(st.sampled_from("abcdefg"), st.sampled_from(["sql", "git"]))),
)
@settings(max_examples=15)
def test_what_people_object_to_counts_for_no_unit(
    rows: list[tuple[str, str, int, float]], opted_out: set[str], hidden: set[tuple[str, str]]
) -> None:
    objections = Objections(
        pl.DataFrame(sorted(hidden), {"person_id": pl.String, "skill_id": pl.String}, orient="row"),
        pl.DataFrame({"person_id": sorted(opted_out)}, {"person_id": pl.String}),
    )
    weeks = person_weeks(
        *(
            {"person_id": person, "skill_id": skill, "occurred_at": moment(days_ago), "amount": hours}
            for person, skill, days_ago, hours in rows
        )
    )
    shown = objections.drop_objected_rows(weeks)
    assert not set(shown["person_id"]) & opted_out
    assert not set(shown.select("person_id", "skill_id").iter_rows()) & hidden
    # their own page keeps it
    assert set(sum_own_practice(weeks)["person_id"]) == {row[0] for row in rows if row[2] < 364}


def test_ranges_of_people_give_the_same_as_all_together() -> None:
    rows = [(person, skill, days, 2.0) for person in "abcdef" for skill in ("sql", "git") for days in (3, 60, 200)]
    weeks = person_weeks(
        *(
            {"person_id": person, "skill_id": skill, "occurred_at": moment(days), "amount": hours}
            for person, skill, days, hours in rows
        )
    )
    memberships = pl.DataFrame(
        [(person, "north", date(2020, 1, 1), None) for person in "abcdef"],
        {"person_id": pl.String, "unit_name": pl.String, "from_date": pl.Date, "to_date": pl.Date},
        orient="row",
    )
    together = add_unit_practice([sum_unit_practice(weeks, memberships, SKILLS, AS_OF)], 3)
    is_first = pl.col("person_id") < "d"
    in_ranges = add_unit_practice(
        [sum_unit_practice(weeks.filter(part), memberships, SKILLS, AS_OF) for part in (is_first, ~is_first)], 3
    )
    assert together.contributions.equals(in_ranges.contributions)
    assert together.weeks.equals(in_ranges.weeks)


@pytest.mark.parametrize("table_name", ["out__practice"])
def test_the_table_about_units_names_nobody(table_name: str) -> None:
    from pipelines.contracts.catalog import TABLES
    from pipelines.contracts.personal_columns import has_personal_data, names_people

    assert not names_people(TABLES[table_name])
    assert not has_personal_data(TABLES[table_name])
    assert has_personal_data(TABLES["out__own_practice"])
