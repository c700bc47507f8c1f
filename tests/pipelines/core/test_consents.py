"""Consent is no unless it was given, is for what it was given for, and ends."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.catalog import CONSENT, PREFERENCE
from pipelines.contracts.columns import RELATIONS
from pipelines.core.consents import (
    find_active_consents,
    find_expiring_consents,
    find_opted_out_people,
    resolve_consent_skills,
)
from pipelines.core.taxonomy import Taxonomy, build_taxonomy, empty_prerequisites, empty_role_profiles

SKILLS = pl.DataFrame({"skill_id": ["sql", "git"], "name": ["SQL", "Git"], "aliases": ["queries", None]})
TAXONOMY: Taxonomy = build_taxonomy(SKILLS, empty_prerequisites(), empty_role_profiles())
TODAY = date(2026, 6, 30)
ANY = settings(max_examples=100, deadline=None)


def day(number: int) -> datetime:
    """So many days after the first of 2026."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


def said(*given: dict[str, Any]) -> pl.DataFrame:
    defaults = {
        "source_name": "s",
        "person_id": "ann",
        "skill_text": "all",
        "consent_relation": "all",
        "consent_status": "granted",
        "expires_date": date(2027, 1, 1),
        "stated_at": day(0),
    }
    rows = [{**defaults, "record_code": f"r{i}", **one} for i, one in enumerate(given)]
    return pl.DataFrame(rows, schema=CONSENT.schema)


def may_be_shown(rows: pl.DataFrame, skill: str, relation: str = "follow", as_of: date = TODAY) -> bool:
    """Whether ann may, by the rule that readers of consents follow: the micro-skill's own row, else that for all."""
    found = find_active_consents(resolve_consent_skills(rows, TAXONOMY), as_of, as_of).filter(
        pl.col("relation") == relation
    )
    own = found.filter(pl.col("skill_id") == skill)
    every = found.filter(pl.col("skill_id").is_null())
    return bool((own if own.height else every)["is_given"].to_list() == [True])


def test_who_said_nothing_may_not_be_shown() -> None:
    assert not may_be_shown(said(), "sql")


def test_consent_for_all_covers_every_micro_skill_and_relation() -> None:
    assert all(may_be_shown(said({}), skill, relation) for skill in ("sql", "git") for relation in RELATIONS)


def test_consent_for_one_micro_skill_and_relation_covers_no_other() -> None:
    rows = said({"skill_text": "Queries", "consent_relation": "lead"})
    assert may_be_shown(rows, "sql", "lead")
    assert not may_be_shown(rows, "sql", "follow")
    assert not may_be_shown(rows, "git", "lead")


@pytest.mark.parametrize(("last_day", "holds"), [(date(2026, 6, 29), False), (TODAY, True)])
def test_consent_holds_through_its_last_day(last_day: date, holds: bool) -> None:
    assert may_be_shown(said({"expires_date": last_day}), "sql") is holds


def test_consent_that_ends_before_the_snapshot_does_is_none() -> None:
    named = resolve_consent_skills(said({"expires_date": date(2026, 7, 1)}), TAXONOMY)
    assert find_active_consents(named, TODAY, date(2026, 7, 1))["is_given"].all()
    assert not find_active_consents(named, TODAY, date(2026, 7, 2))["is_given"].any()


def test_the_last_word_counts_and_of_two_at_once_the_no() -> None:
    no = {"consent_status": "withdrawn", "expires_date": None}
    assert not may_be_shown(said({}, {**no, "stated_at": day(1)}), "sql")
    assert may_be_shown(said({**no}, {"stated_at": day(1)}), "sql")
    assert not may_be_shown(said({}, no), "sql")
    assert not may_be_shown(said({"skill_text": "sql"}, no), "sql")


def test_a_micro_skill_can_be_taken_out_of_what_was_given_for_all() -> None:
    rows = said({}, {"skill_text": "sql", "consent_status": "withdrawn", "expires_date": None, "stated_at": day(1)})
    assert not may_be_shown(rows, "sql")
    assert may_be_shown(rows, "git")


def test_a_newer_yes_to_all_takes_in_what_was_taken_out_before() -> None:
    rows = said({"skill_text": "sql", "consent_status": "withdrawn", "expires_date": None}, {"stated_at": day(1)})
    assert may_be_shown(rows, "sql")


def test_a_grant_of_an_unknown_micro_skill_grants_nothing_and_its_withdrawal_withdraws_all() -> None:
    assert not may_be_shown(said({"skill_text": "juggling"}), "sql")
    rows = said(
        {}, {"skill_text": "juggling", "consent_status": "withdrawn", "expires_date": None, "stated_at": day(1)}
    )
    assert not may_be_shown(rows, "sql")


STATEMENTS = st.lists(
    st.fixed_dictionaries(
        {
            "skill_text": st.sampled_from(["all", "sql", "git", "juggling"]),
            "consent_relation": st.sampled_from(["all", *RELATIONS]),
            "consent_status": st.sampled_from(["granted", "withdrawn"]),
            "expires_date": st.sampled_from([None, date(2026, 3, 1), date(2027, 1, 1)]),
            "stated_at": st.integers(0, 250).map(day),
        }
    ),
    max_size=6,
)


@ANY
@given(STATEMENTS, st.sampled_from(["sql", "git"]), st.sampled_from(RELATIONS))
def test_whatever_was_said_before_a_withdrawal_of_all_ends_it(
    statements: list[dict[str, Any]], skill: str, relation: str
) -> None:
    withdrawn = {"consent_status": "withdrawn", "expires_date": None, "stated_at": day(251)}
    assert not may_be_shown(said(*statements, withdrawn), skill, relation, date(2026, 12, 1))


@ANY
@given(STATEMENTS, st.sampled_from(["sql", "git"]), st.sampled_from(RELATIONS))
def test_what_is_said_after_a_day_changes_nothing_on_it(
    statements: list[dict[str, Any]], skill: str, relation: str
) -> None:
    known = [one for one in statements if one["stated_at"].date() <= TODAY]
    assert may_be_shown(said(*statements), skill, relation) == may_be_shown(said(*known), skill, relation)


@ANY
@given(STATEMENTS)
def test_there_is_one_word_a_person_relation_and_micro_skill(statements: list[dict[str, Any]]) -> None:
    found = find_active_consents(resolve_consent_skills(said(*statements), TAXONOMY), TODAY, TODAY)
    assert not found.select("person_id", "relation", "skill_id").is_duplicated().any()


def test_the_last_preference_decides_and_a_later_one_is_not_known_yet() -> None:
    rows = [
        ("a", True, day(1)),
        ("b", True, day(1)),
        ("b", False, day(2)),
        ("c", True, day(300)),
        ("d", True, day(3)),
        ("d", False, day(3)),
    ]
    schema = {"person_id": pl.String, "is_opted_out": pl.Boolean, "stated_at": PREFERENCE.schema["stated_at"]}
    assert find_opted_out_people(pl.DataFrame(rows, schema=schema, orient="row"), TODAY)["person_id"].to_list() == [
        "a",
        "d",
    ]


@pytest.mark.parametrize(
    ("last_day", "status", "ends"),
    [
        (date(2026, 6, 29), "granted", False),
        (TODAY, "granted", True),
        (date(2026, 7, 2), "granted", True),
        (date(2026, 7, 3), "granted", False),
        (TODAY, "withdrawn", False),
    ],
)
def test_prolonging_to_a_later_day_ends_the_grants_that_do_not_last_till_then(
    last_day: date, status: str, ends: bool
) -> None:
    rows = said({"expires_date": last_day, "consent_status": status})
    assert find_expiring_consents(rows, TODAY, date(2026, 7, 3)).height == ends
