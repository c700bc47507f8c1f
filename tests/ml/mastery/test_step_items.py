"""Steps as items of the recommender: what each requires, which can be repeated, which must not be recommended."""

from datetime import date

import polars as pl

from ml.mastery.step_items import (
    list_blocked_steps,
    list_memberships,
    list_repeatable_steps,
    list_required_steps,
    list_steps,
)

STEPS = pl.Series(["a|b|apprentice", "a|b|journeyman", "a|b|master", "a|b|refresh", "a|b|journeyman"])


def test_a_stage_requires_the_one_below_and_a_refresh_the_first() -> None:
    assert list_required_steps(STEPS).rows() == [
        ("a|b|journeyman", "a|b|apprentice"),
        ("a|b|master", "a|b|journeyman"),
        ("a|b|refresh", "a|b|apprentice"),
    ]


def test_a_micro_skill_has_a_step_per_stage_and_a_refresh() -> None:
    steps = list_steps(pl.Series(["sql", "a|b"]))
    assert sorted(steps) == sorted(
        f"{skill}|{goal}" for skill in ("sql", "a|b") for goal in ("apprentice", "journeyman", "master", "refresh")
    )


def test_only_refreshes_are_repeatable() -> None:
    assert list_repeatable_steps(STEPS).to_list() == ["a|b|refresh"]


def test_the_refresh_of_a_micro_skill_that_is_not_rusty_is_blocked() -> None:
    mastery = pl.DataFrame({"person_id": ["p", "p", "q"], "skill_id": list("xyx"), "is_rusty": [True, False, None]})
    assert list_blocked_steps(mastery).rows() == [("p", "y|refresh"), ("q", "x|refresh")]


def test_periods_replace_the_present_role_of_a_person() -> None:
    people = pl.DataFrame({"person_id": ["p", "q"], "role_name": ["Now", "Cook"], "unit_name": [None, "Kitchen"]})
    periods = pl.DataFrame(
        {
            "person_id": ["p"],
            "role_name": ["Then"],
            "unit_name": ["Bar"],
            "started_date": [date(2020, 1, 1)],
            "ended_date": [None],
        },
        schema_overrides={"ended_date": pl.Date},
    )
    assert sorted(list_memberships(people, periods).rows()) == [
        ("p", "role_name Then", date(2020, 1, 1), None),
        ("p", "unit_name Bar", date(2020, 1, 1), None),
        ("q", "role_name Cook", None, None),
        ("q", "unit_name Kitchen", None, None),
    ]
