"""A person is shown only with a consent that covers the micro-skill and the relation and has not ended."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matched_texts import match_texts_of

from pipelines.contracts.catalog import CONSENT, PREFERENCE
from pipelines.contracts.columns import RELATIONS
from pipelines.core.consents import (
    find_active_consents,
    find_expiring_consents,
    find_opted_out_people,
    resolve_consent_skills,
)
from pipelines.core.taxonomy import Taxonomy, build_taxonomy

SKILLS = pl.DataFrame({"skill_id": ["sql", "git"], "name": ["SQL", "Git"], "aliases": ["queries", None]})
TAXONOMY: Taxonomy = build_taxonomy(SKILLS)
TODAY = date(2026, 6, 30)
ANY = settings(max_examples=100, deadline=None)


def day(number: int) -> datetime:
    """The moment this many days after the first of January 2026."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=number)


def consents(*statements: dict[str, Any]) -> pl.DataFrame:
    defaults = {
        "source_name": "s",
        "person_id": "ann",
        "skill_text": "all",
        "consent_relation": "all",
        "consent_status": "granted",
        "expires_date": date(2027, 1, 1),
        "stated_at": day(0),
    }
    rows = [{**defaults, "record_code": f"r{i}", **cells} for i, cells in enumerate(statements)]
    return pl.DataFrame(rows, schema=CONSENT.schema)


def resolve(rows: pl.DataFrame) -> pl.DataFrame:
    return resolve_consent_skills(rows, match_texts_of(TAXONOMY, rows))


def may_be_shown(rows: pl.DataFrame, skill: str, relation: str = "follow", as_of: date = TODAY) -> bool:
    """Whether ann may be shown: the row of the micro-skill decides, or else the row for every micro-skill."""
    active = find_active_consents(resolve(rows), as_of, as_of).filter(pl.col("relation") == relation)
    about_skill = active.filter(pl.col("skill_id") == skill)
    general = active.filter(pl.col("skill_id").is_null())
    return bool((about_skill if about_skill.height else general)["is_given"].to_list() == [True])


def test_a_person_without_a_statement_may_not_be_shown() -> None:
    assert not may_be_shown(consents(), "sql")


def test_consent_for_all_covers_every_micro_skill_and_relation() -> None:
    assert all(may_be_shown(consents({}), skill, relation) for skill in ("sql", "git") for relation in RELATIONS)


def test_consent_for_one_micro_skill_and_relation_covers_no_other() -> None:
    rows = consents({"skill_text": "Queries", "consent_relation": "lead"})
    assert may_be_shown(rows, "sql", "lead")
    assert not may_be_shown(rows, "sql", "follow")
    assert not may_be_shown(rows, "git", "lead")


@pytest.mark.parametrize(("last_day", "holds"), [(date(2026, 6, 29), False), (TODAY, True)])
def test_consent_holds_through_its_last_day(last_day: date, holds: bool) -> None:
    assert may_be_shown(consents({"expires_date": last_day}), "sql") is holds


def test_a_consent_that_ends_before_the_snapshot_is_not_active() -> None:
    resolved = resolve(consents({"expires_date": date(2026, 7, 1)}))
    assert find_active_consents(resolved, TODAY, date(2026, 7, 1))["is_given"].all()
    assert not find_active_consents(resolved, TODAY, date(2026, 7, 2))["is_given"].any()


def test_the_last_statement_counts_and_of_two_at_the_same_time_the_refusal() -> None:
    no = {"consent_status": "withdrawn", "expires_date": None}
    assert not may_be_shown(consents({}, {**no, "stated_at": day(1)}), "sql")
    assert may_be_shown(consents({**no}, {"stated_at": day(1)}), "sql")
    assert not may_be_shown(consents({}, no), "sql")
    assert not may_be_shown(consents({"skill_text": "sql"}, no), "sql")


def test_a_micro_skill_can_be_withdrawn_from_a_consent_for_all() -> None:
    rows = consents({}, {"skill_text": "sql", "consent_status": "withdrawn", "expires_date": None, "stated_at": day(1)})
    assert not may_be_shown(rows, "sql")
    assert may_be_shown(rows, "git")


def test_a_later_consent_for_all_includes_micro_skills_withdrawn_before() -> None:
    rows = consents({"skill_text": "sql", "consent_status": "withdrawn", "expires_date": None}, {"stated_at": day(1)})
    assert may_be_shown(rows, "sql")


def test_a_grant_of_an_unknown_micro_skill_grants_nothing_and_its_withdrawal_withdraws_all() -> None:
    assert not may_be_shown(consents({"skill_text": "juggling"}), "sql")
    rows = consents(
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
def test_a_withdrawal_of_all_ends_every_earlier_consent(
    statements: list[dict[str, Any]], skill: str, relation: str
) -> None:
    withdrawn = {"consent_status": "withdrawn", "expires_date": None, "stated_at": day(251)}
    assert not may_be_shown(consents(*statements, withdrawn), skill, relation, date(2026, 12, 1))


@ANY
@given(STATEMENTS, st.sampled_from(["sql", "git"]), st.sampled_from(RELATIONS))
def test_later_statements_do_not_change_an_earlier_day(
    statements: list[dict[str, Any]], skill: str, relation: str
) -> None:
    earlier = [statement for statement in statements if statement["stated_at"].date() <= TODAY]
    assert may_be_shown(consents(*statements), skill, relation) == may_be_shown(consents(*earlier), skill, relation)


@ANY
@given(STATEMENTS)
def test_there_is_one_row_per_person_relation_and_micro_skill(statements: list[dict[str, Any]]) -> None:
    active = find_active_consents(resolve(consents(*statements)), TODAY, TODAY)
    assert not active.select("person_id", "relation", "skill_id").is_duplicated().any()


def test_the_last_preference_up_to_the_day_decides() -> None:
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
def test_consents_that_end_before_an_extended_validity_are_found(last_day: date, status: str, ends: bool) -> None:
    rows = consents({"expires_date": last_day, "consent_status": status})
    assert find_expiring_consents(rows, TODAY, date(2026, 7, 3)).height == ends
