"""Practice on pages: one's own on one's own page, that of a unit without anybody's name."""

from dataclasses import fields
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.publish.site.language import ENGLISH, LANGUAGE_CODES, PageLanguage
from pipelines.publish.site.page_data import PersonRows
from pipelines.publish.site.practice_picture import (
    describe_own_practice,
    describe_unit_changes,
    describe_unit_practice,
)

PAGE_DATA: Any = SimpleNamespace(smallest_team=5)
AMOUNTS = {"practice_4_weeks": 12.0, "practice_13_weeks": 40.4, "practice_52_weeks": None}
UNIT_ROW: dict[str, Any] = {
    **AMOUNTS,
    "practice_scope": "unit",
    "practice_name": "North",
    "practice_kind": "edge",
    "practice_unit": "hours",
    "team_people_count": 6,
    "change_13_weeks": -0.204,
    "changed_date": date(2026, 3, 2),
    "change_certainty": 0.9991,
    "change_since": -0.4,
}


def test_own_practice_is_told_per_kind_in_the_order_of_kinds() -> None:
    amounts = {**AMOUNTS, "practice_52_weeks": 100.0}
    rows = [
        {**amounts, "practice_kind": "review_given", "practice_unit": "count"},
        {**amounts, "practice_kind": "edge", "practice_unit": "hours"},
    ]
    assert describe_own_practice(rows, ENGLISH) == [
        ("work on steps being taken", ["12 hours", "40 hours", "100 hours"]),
        ("reviews given", ["12 times", "40 times", "100 times"]),
    ]


def test_the_practice_of_a_unit_has_a_dash_for_what_is_not_told() -> None:
    part = {**UNIT_ROW, "practice_scope": "capability", "practice_name": "Data"}
    assert describe_unit_practice(PAGE_DATA, [part, UNIT_ROW], ENGLISH) == [
        ("work on steps being taken", ["12 hours", "40 hours", "–"], "20% less")
    ]
    assert describe_unit_practice(PAGE_DATA, [{**UNIT_ROW, "change_13_weeks": None}], ENGLISH)[0][2] == "–"
    assert describe_unit_practice(PAGE_DATA, [{**UNIT_ROW, "change_13_weeks": 0.001}], ENGLISH)[0][2] == "as before"


def test_changes_are_told_with_date_and_certainty_and_those_of_the_whole_unit_first() -> None:
    part = {**UNIT_ROW, "practice_scope": "capability", "practice_name": "Data", "change_since": 0.5}
    assert describe_unit_changes(PAGE_DATA, [part, UNIT_ROW], ENGLISH) == [
        "Work on steps being taken fell by 40% in the week of 2 March 2026 (certainty 99%).",
        "Work on steps being taken in “Data” rose by 50% in the week of 2 March 2026 (certainty 99%).",
    ]
    assert describe_unit_changes(PAGE_DATA, [{**UNIT_ROW, "changed_date": None}], ENGLISH) == []


def test_a_unit_below_the_smallest_team_of_pages_is_left_out() -> None:
    small = {**UNIT_ROW, "team_people_count": 4}
    assert describe_unit_practice(PAGE_DATA, [small], ENGLISH) == []
    assert describe_unit_changes(PAGE_DATA, [small], ENGLISH) == []


@pytest.mark.parametrize("code", LANGUAGE_CODES)
def test_every_kind_is_told_in_every_language(code: str) -> None:
    (sentence,) = describe_unit_changes(PAGE_DATA, [UNIT_ROW], PageLanguage(code))
    assert "2026" in sentence
    assert "%(" not in sentence


def test_only_rows_about_the_person_reach_their_page() -> None:
    """Rows are read by person_id for all fields alike: `practice` is one of them."""
    assert "practice" in {field.name for field in fields(PersonRows)}
