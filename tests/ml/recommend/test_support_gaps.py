"""What a unit lacks for the steps recommended in it is told of groups, never of a person."""

import polars as pl

from ml.recommend.support_gaps import find_support_gaps

SKILLS = pl.DataFrame({"skill_id": ["sql", "git"], "skill_name": ["SQL", "Git"]})
PEOPLE = pl.DataFrame({"person_id": ["a", "b", "c", "d", "e"], "unit_name": ["north", "north", "north", "south", None]})
GIVEN = {
    "unit_name": pl.String,
    "skill_id": pl.String,
    "given_hours": pl.Float64,
    "project_count": pl.Int64,
    "holder_count": pl.Int64,
}


def gaps(listed: dict[str, str], *given: tuple[str, str, float | None, int | None, int | None]) -> pl.DataFrame:
    steps = pl.DataFrame(
        [(p, s) for s, people in listed.items() for p in people], schema=["person_id", "skill_id"], orient="row"
    )
    return find_support_gaps(steps, PEOPLE, pl.DataFrame(given, schema=GIVEN, orient="row"), SKILLS, 3)


def test_a_group_for_which_nothing_is_given_lacks_all_three_and_says_so() -> None:
    found = gaps({"sql": "abc"}).row(0, named=True)
    assert (found["recommended_count"], found["lacks"]) == (3, ["hours", "project", "person"])
    assert found["finding"] == (
        "“SQL” is a next step for 3 people in north, but nobody there was given an hour of work on it in the last "
        "quarter; no open work there names it; nobody there has come as far as journeyman."
    )


def test_only_what_is_missing_is_told_and_nothing_where_nothing_is() -> None:
    assert gaps({"sql": "abc"}, ("north", "sql", 2.0, 0, None))["lacks"].to_list() == [["project", "person"]]
    assert gaps({"sql": "abc"}, ("north", "sql", 2.0, 1, 1)).height == 0
    assert gaps({"sql": "abc"}, ("south", "sql", 2.0, 1, 1))["lacks"].to_list() == [["hours", "project", "person"]]


def test_fewer_people_than_the_minimum_are_no_group_and_nobody_without_a_unit_is_counted() -> None:
    assert gaps({"sql": "abde"}).height == 0
