"""Support gaps describe groups of people, never one person."""

import polars as pl

from ml.organisation.support_gaps import find_support_gaps

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


def test_a_group_without_support_lacks_hours_and_a_project() -> None:
    row = gaps({"sql": "abc"}).row(0, named=True)
    assert (row["recommended_count"], row["lacks"], row["holder_count"]) == (3, ["hours", "project"], None)
    assert row["finding"] == (
        "“SQL” is a next step for 3 people in north, but no hours of work there went into it in the last quarter; "
        "no open work there names it."
    )


def test_a_row_lists_only_what_is_missing() -> None:
    assert gaps({"sql": "abc"}, ("north", "sql", 2.0, 0, None))["lacks"].to_list() == [["project"]]
    assert gaps({"sql": "abc"}, ("north", "sql", 2.0, 1, 1)).height == 0
    assert gaps({"sql": "abc"}, ("south", "sql", 2.0, 1, 1))["lacks"].to_list() == [["hours", "project"]]


def test_few_or_no_holders_are_not_counted() -> None:
    counts = [gaps({"sql": "abc"}, ("north", "sql", 0.0, 0, holders))["holder_count"][0] for holders in (0, 2, 3)]
    assert counts == [None, None, 3]


def test_small_groups_and_people_without_a_unit_are_left_out() -> None:
    assert gaps({"sql": "abde"}).height == 0
