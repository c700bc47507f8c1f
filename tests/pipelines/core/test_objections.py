"""No published row recommends to people who opted out, and none shows to others what its person hides."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.catalog import PREFERENCE
from pipelines.contracts.output_tables import CAPABILITY, COMPANION, NEXT_SKILL, PUBLISHED_TABLES
from pipelines.contracts.personal_columns import person_columns
from pipelines.contracts.table import Table
from pipelines.core.consents import find_opted_out_people
from pipelines.core.objections import Objections
from pipelines.core.replies import find_hidden_skills

TODAY = date(2026, 6, 30)
PEOPLE, SKILLS = ("ann", "bob", "eve"), ("git", "sql", "tea")
PERSON_TABLES = [table for table in PUBLISHED_TABLES if person_columns(table)]
REPLY_SCHEMA = {
    **dict.fromkeys(("reply_id", "person_id", "skill_id", "reply_kind", "step_goal"), pl.String),
    "replied_at": pl.Datetime("us", "UTC"),
    "until_date": pl.Date,
    "stated_stage": pl.String,
}
people, skills = st.sampled_from(PEOPLE), st.sampled_from(SKILLS)
days = st.integers(-3, 3)
replies_of = st.lists(st.tuples(people, skills, st.sampled_from(("hide", "retract", "accept")), days), max_size=8)
preferences_of = st.lists(st.tuples(people, st.booleans(), days), max_size=5)


def moment(day: int, number: int) -> datetime:
    return datetime(2026, 6, 30, 8, tzinfo=UTC) + timedelta(days=day, minutes=number)


def objections_of(replies: list[Any], preferences: list[Any]) -> Objections:
    reply_rows = [
        (f"{number:03d}", person, skill, kind, None, moment(day, number), None, None)
        for number, (person, skill, kind, day) in enumerate(replies)
    ]
    preference_rows = [
        {"person_id": person, "is_opted_out": is_opted_out, "stated_at": moment(day, number)}
        for number, (person, is_opted_out, day) in enumerate(preferences)
    ]
    schema = {name: PREFERENCE.schema[name] for name in ("person_id", "is_opted_out", "stated_at")}
    return Objections(
        find_hidden_skills(pl.DataFrame(reply_rows, schema=REPLY_SCHEMA, orient="row"), TODAY),
        find_opted_out_people(pl.DataFrame(preference_rows, schema=schema), TODAY),
    )


def last_words(replies: list[Any], preferences: list[Any]) -> tuple[set[tuple[str, str]], set[str]]:
    """Hidden pairs and people who opted out, found by walking through the statements in their order."""
    hidden, opted_out = set(), set()
    for _, (person, skill, kind, day) in sorted(enumerate(replies), key=lambda entry: moment(entry[1][3], entry[0])):
        if day <= 0 and kind == "hide":
            hidden.add((person, skill))
        elif day <= 0 and kind == "retract":
            hidden.discard((person, skill))
    for _, (person, is_opted_out, day) in sorted(
        enumerate(preferences), key=lambda entry: moment(entry[1][2], entry[0])
    ):
        if day <= 0:
            (opted_out.add if is_opted_out else opted_out.discard)(person)
    return hidden, opted_out


def make_rows(table: Table, draw: st.DataObject) -> pl.DataFrame:
    """Rows that an upstream function may make: any person, any micro-skill, in every column that holds one."""
    rows = []
    for _ in range(draw.draw(st.integers(1, 6))):
        row: dict[str, Any] = {}
        for name, dtype in table.schema.items():
            if name in {column.name for column in person_columns(table)}:
                row[name] = draw.draw(people)
            elif name.endswith("skill_id"):
                row[name] = draw.draw(skills)
            elif name == "held_skill_names":
                row[name] = [skill.upper() for skill in row["held_skill_ids"]]
            elif name.endswith("skill_ids"):
                row[name] = draw.draw(st.lists(skills, unique=True))
            elif name in ("rank", "step_id"):
                row[name] = draw.draw(st.sampled_from([None, 1])) if dtype == pl.Int64 else "step"
            elif name == "completes_share":
                row[name] = 0.5
        rows.append(row)
    return pl.DataFrame(rows, schema_overrides=table.schema).with_columns(
        pl.lit(None, dtype).alias(name) for name, dtype in table.schema.items() if name not in rows[0]
    )


@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("table", PERSON_TABLES, ids=lambda table: table.name)
@given(replies=replies_of, preferences=preferences_of, draw=st.data())
def test_no_objection_is_broken_in_any_published_table(
    table: Table, replies: list[Any], preferences: list[Any], draw: st.DataObject
) -> None:
    hidden, opted_out = last_words(replies, preferences)
    rows = make_rows(table, draw)
    published = objections_of(replies, preferences).withhold(table, rows)
    for row in published.iter_rows(named=True):
        person = row["person_id"]
        skills_of_row = {row[name] for name in ("skill_id", "changed_skill_id", "companion_skill_id") if name in row}
        skills_of_row |= set(row.get("brings_skill_ids") or ())
        if "is_hidden" in row:
            assert row["is_hidden"] == any((person, skill) in hidden for skill in skills_of_row)
        elif "opening_skill_id" in row:
            assert person not in opted_out
            assert (
                not {(person, skill) for skill in [row["opening_skill_id"], *(row["unusual_skill_ids"] or ())]} & hidden
            )
        else:
            assert not {(person, skill) for skill in row["held_skill_ids"] + row["missing_skill_ids"]} & hidden
            assert row["held_skill_names"] == [skill.upper() for skill in row["held_skill_ids"]]
            assert (person, row["next_skill_id"]) not in hidden
        if person in opted_out:
            assert [row.get(name) for name in ("rank", "step_id", "next_skill_id", "completes_share")] == [None] * 4
            assert not row.get("missing_skill_ids")
        if other := row.get("companion_id"):
            assert other not in opted_out
            assert (other, row["companion_skill_id"]) not in hidden
    if not hidden and not opted_out:
        assert published.drop("is_hidden", strict=False).equals(rows.drop("is_hidden", strict=False))


def test_the_next_skill_of_a_person_who_opted_out_is_not_in_the_capability() -> None:
    row = {"person_id": "ann", "held_skill_ids": ["git"], "held_skill_names": ["Git"], "missing_skill_ids": ["sql"]}
    coverage = pl.DataFrame([{**row, "next_skill_id": "sql", "completes_share": 1.0, "coverage_share": 0.5}])
    published = objections_of([], [("ann", True, 0)]).withhold(CAPABILITY, coverage)
    assert published.select("held_skill_ids", "missing_skill_ids", "next_skill_id", "completes_share").row(0) == (
        *(["git"], []),
        *(None, None),
    )


def test_other_peoples_rows_lose_a_companion_who_hides_the_skill_and_the_reason_row_stays() -> None:
    companions = pl.DataFrame(
        {"person_id": ["bob"], "companion_id": ["ann"], "companion_skill_id": ["sql"], "skill_id": ["sql"]}
    )
    assert objections_of([("ann", "sql", "hide", 0)], []).withhold(COMPANION, companions).is_empty()
    reasons = pl.DataFrame(
        {"person_id": ["ann"], "rank": [None], "skill_id": [None], "no_recommendation_reason": ["opted_out"]},
        schema_overrides=NEXT_SKILL.schema,
    )
    assert objections_of([], [("ann", True, 0)]).withhold(NEXT_SKILL, reasons)["is_hidden"].to_list() == [False]


def test_statements_about_several_people_count_nobody_who_objects() -> None:
    rows = pl.DataFrame({"person_id": ["ann", "bob", "eve"], "skill_id": ["sql"] * 3})
    countable = objections_of([("ann", "sql", "hide", 0)], [("bob", True, -1)]).drop_objected_rows(rows)
    assert countable["person_id"].to_list() == ["eve"]
