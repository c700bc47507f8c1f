"""Openings, matches and companions in squads: small cases worked out by hand, and rules that hold for any input."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from squad_company import AS_OF, STEP_SCHEMA, frame, make_context

from ml.recommend.squad_companions import add_squad_companions
from ml.recommend.squad_match_text import build_match_rows
from ml.recommend.squad_matching import match_openings
from ml.recommend.squad_openings import SquadContext, find_openings
from ml.recommend.squad_portfolio import build_portfolio
from pipelines.contracts.policy import SquadPolicy

SKILLS = pl.DataFrame({"skill_id": ["sql", "law"], "skill_name": ["SQL", "Law"]})


def match(
    context: SquadContext,
    steps: Sequence[Any] = (),
    wishes: Sequence[Any] = (),
    free_hours: dict[str, float | None] | None = None,
    load_cap: int = 5,
) -> pl.DataFrame:
    openings = find_openings(context)
    matches = find_matches(context, openings, steps, wishes, free_hours)
    return build_match_rows(add_squad_companions(matches, context, load_cap), openings, context.mastery, SKILLS)


def find_matches(
    context: SquadContext,
    openings: pl.DataFrame,
    steps: Sequence[Any],
    wishes: Sequence[Any],
    free_hours: dict[str, float | None] | None,
) -> pl.DataFrame:
    free = free_hours or {}
    people_hours = [(person, free.get(person, 10.0)) for person in context.people["person_id"]]
    workload = frame(
        [(person, None if hours is None else 40.0, hours) for person, hours in people_hours],
        {"person_id": pl.String, "weekly_hours": pl.Float64, "free_weekly_hours": pl.Float64},
    )
    wish_rows = frame(list(wishes), {"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64})
    step_rows = frame(list(steps), STEP_SCHEMA)
    return match_openings(openings, step_rows, wish_rows, workload, context, SquadPolicy(), AS_OF)


def test_an_opening_shows_a_holder_who_consents_or_the_minimum_of_holders() -> None:
    members = [("W", person) for person in "abc"]
    holders = [(person, "sql", "journeyman") for person in "abc"]
    assert find_openings(make_context(members=members, mastery=holders[:2]))["covered_skill_ids"].to_list() == [[]]
    assert find_openings(make_context(members=members, mastery=holders))["covered_skill_ids"].to_list() == [["sql"]]
    consent = [("a", "follow", None, True)]
    shown = find_openings(make_context(members=members, mastery=holders[:1], consents=consent))
    assert shown.select("covered_skill_ids", "lacking_skill_ids").row(0) == (["sql"], ["law"])
    withdrawn = [*consent, ("a", "follow", "sql", False)]
    hidden = find_openings(make_context(members=members, mastery=holders[:1], consents=withdrawn))
    assert hidden["covered_skill_ids"].to_list() == [[]]


def test_interest_is_counted_from_three_people_on() -> None:
    joins = [(person, "W|sql", "join") for person in "abc"]
    assert find_openings(make_context(answers=joins))["interested_count"].to_list() == [3]
    assert find_openings(make_context(answers=joins[:2]))["interested_count"].to_list() == [None]
    assert find_openings(make_context(answers=joins, people="ab"))["interested_count"].to_list() == [None]
    one_refuses = [*joins[:2], ("c", "W|sql", "not_this")]
    assert find_openings(make_context(answers=one_refuses))["interested_count"].to_list() == [None]


def test_a_match_says_the_step_what_is_brought_and_whom_to_follow() -> None:
    context = make_context(
        members=[("W", "b"), ("W", "c")],
        mastery=[
            ("a", "sql", "apprentice"),
            ("a", "law", "master"),
            ("b", "sql", "journeyman"),
            ("c", "sql", "master"),
        ],
        consents=[("b", "follow", "sql", True)],
    )
    row = (
        match(context, [("a", "sql", "deepen", "journeyman", 2)], [("a", "sql", 1.0)]).filter(person_id="a").to_dicts()
    )
    assert len(row) == 1
    assert (row[0]["to_stage"], row[0]["brings_skill_ids"], row[0]["follow_id"]) == ("journeyman", ["law"], "b")
    assert (row[0]["follow_count"], row[0]["workload"]) == (None, "fits")
    assert row[0]["score"] == pytest.approx(1.0 + 0.1 + 0.5 + 0.25)
    assert sum(reason["value"] for reason in row[0]["reasons"]) == pytest.approx(row[0]["score"])
    assert row[0]["explanation"] == (
        "“SQL” in W is open: your next step there is journeyman, you wished for it, your week has room for it."
    )


def test_a_full_week_is_said_with_the_hours_that_are_missing() -> None:
    rows = match(make_context(), [("a", "sql", "new", "apprentice", 1)], free_hours={"a": 1.5})
    assert rows.select("workload", "decisive_change").row(0) == ("full", "less_work")
    assert rows["counterfactual"][0] == "With 2.5 hours less work per week, your week would have room for it."
    unplanned = make_context(hours=None)  # a seat without planned hours needs a tenth of the week
    assert match(unplanned, [("a", "sql", "new", "apprentice", 1)], free_hours={"a": 4.0})["workload"][0] == "fits"
    assert match(unplanned, [("a", "sql", "new", "apprentice", 1)], free_hours={"a": 3.9})["workload"][0] == "full"
    assert match(unplanned, [("a", "sql", "new", "apprentice", 1)], free_hours={"a": None})["workload"][0] == "unknown"


@pytest.mark.parametrize(("change", "wish"), [("wish", []), ("no_wish", [("a", "law", 1.0)])])
def test_the_decisive_wish_changes_the_order(change: str, wish: list[Any]) -> None:
    context = make_context(seats=[("W", "sql"), ("W", "law")])
    steps = [("a", "sql", "new", "apprentice", 1), ("a", "law", "new", "apprentice", 2)]
    rows = match(context, steps, wish).filter(skill_id="law")
    assert rows["decisive_change"].to_list() == [change]
    other = match(context, steps, [] if wish else [("a", "law", 1.0)]).filter(skill_id="law")
    assert (other["rank"][0] < rows["rank"][0]) == (change == "wish")


def test_answers_decide_what_is_shown() -> None:
    steps = [("a", "sql", "new", "apprentice", 1)]
    joined = match(make_context(answers=[("a", "W|sql", "join")]))
    assert joined.select("person_id", "squad_reply_kind").rows() == [("a", "join")]
    for refusal in ("not_now", "not_this"):
        assert match(make_context(answers=[("a", "W|sql", refusal)]), steps).is_empty()
    context = make_context(answers=[("a", "W|sql", "not_now")])
    long_ago = context.answers.with_columns(pl.col("replied_at") - timedelta(days=20))
    assert match(replace(context, answers=long_ago), steps).height == 1


@pytest.mark.parametrize(("declared", "joining", "shown"), [(1, 2, None), (1, 3, 3), (5, 4, None), (5, 5, 5)])
def test_interest_needs_three_people_and_the_declared_minimum(declared: int, joining: int, shown: int | None) -> None:
    joins = [(person, "W|sql", "join") for person in "abcde"[:joining]]
    context = replace(make_context(answers=joins), minimum_people=declared)
    assert find_openings(context)["interested_count"].to_list() == [shown]


def test_answers_about_hidden_micro_skills_count_for_nobody_else() -> None:
    joins = [(person, "W|sql", "join") for person in "abc"]
    mastery = [("a", "sql", "journeyman")]
    consent = [("a", "follow", None, True)]
    shown = make_context(answers=joins, mastery=mastery, consents=consent)
    hidden = replace(shown, shown_answers=shown.answers.filter(pl.col("person_id") != "a"))
    assert find_openings(hidden)["interested_count"].to_list() == [None]
    # whoever hides the answer still sees it, and is named to nobody
    assert match(shown).filter(person_id="b")["follow_id"].to_list() == ["a"]
    assert match(hidden).filter(person_id="b")["follow_id"].to_list() == [None]
    assert match(hidden).filter(person_id="a")["squad_reply_kind"].to_list() == ["join"]


def test_an_opening_lists_the_steps_that_enough_people_could_take() -> None:
    stages = [("a", "apprentice"), ("b", "apprentice"), ("c", "apprentice"), ("d", "journeyman"), ("e", "journeyman")]
    mastery = [(person, "sql", stage) for person, stage in stages]
    assert find_openings(make_context(mastery=mastery))["step_ids"].to_list() == [["sql|journeyman"]]
    three_begin = find_openings(make_context(mastery=mastery[2:], people="abcdef"))["step_ids"].to_list()
    assert three_begin == [["sql|apprentice"]]


def test_what_a_project_works_on_is_open_unless_somebody_is_shown_to_hold_it() -> None:
    context = make_context(members=[("W", "a")], mastery=[("a", "sql", "master")])
    worked = replace(context, seats=context.seats.with_columns(opening_kind=pl.lit("not_held")))
    assert find_openings(worked)["opening_id"].to_list() == ["W|sql"]
    consents = make_context(consents=[("a", "follow", None, True)]).consents
    assert find_openings(replace(worked, consents=consents)).is_empty()


def test_wanting_to_join_holds_until_another_answer() -> None:
    context = make_context(answers=[("a", "W|sql", "join")])
    last_year = context.answers.with_columns(pl.col("replied_at") - timedelta(days=365))
    assert match(replace(context, answers=last_year, shown_answers=last_year)).height == 1


def test_people_begin_at_different_openings_of_a_micro_skill_and_see_two_of_them() -> None:
    works = [f"W{number}" for number in range(8)]
    people = "abcdefghij"
    context = make_context(
        seats=[(work, "sql") for work in works], requirements=[(work, "sql") for work in works], people=people
    )
    rows = match(context, [(person, "sql", "new", "apprentice", 1) for person in people])
    assert rows.group_by("person_id").len()["len"].unique().to_list() == [2]
    assert rows.filter(rank=1)["opening_id"].n_unique() >= 4


@pytest.mark.parametrize(
    ("own", "other", "named"),
    [
        ("apprentice", "journeyman", ("b", None)),
        ("journeyman", "journeyman", (None, None)),
        ("journeyman", "master", ("b", None)),
        ("journeyman", "apprentice", (None, "b")),
        ("master", "journeyman", (None, "b")),
        ("master", "apprentice", (None, None)),
    ],
)
def test_to_follow_is_ahead_and_to_lead_is_one_stage_behind(
    own: str, other: str, named: tuple[str | None, str | None]
) -> None:
    context = make_context(
        members=[("W", "b")],
        mastery=[("a", "sql", own), ("b", "sql", other)],
        consents=[("b", relation, None, True) for relation in ("follow", "lead")],
    )
    rows = match(context, [("a", "sql", "deepen", "master", 1)]).filter(person_id="a")
    assert rows.select("follow_id", "lead_id").row(0) == named


def test_nobody_is_named_to_more_people_than_the_load_cap() -> None:
    context = make_context(
        members=[("W", "e")], mastery=[("e", "sql", "master")], consents=[("e", "follow", None, True)]
    )
    rows = match(context, [(person, "sql", "new", "apprentice", 1) for person in "abcd"], load_cap=2)
    assert rows.filter(pl.col("person_id") != "e")["follow_id"].to_list() == ["e", "e", None, None]


def test_what_is_not_known_or_would_change_nothing_is_not_called_decisive() -> None:
    steps = [("a", "sql", "new", "apprentice", 1)]
    assert match(make_context(), steps, free_hours={"a": None})["decisive_change"].to_list() == [None]
    # of two rows with the same score a wish moves the second one up, and nothing moves the first one
    context = make_context(seats=[("W", "sql"), ("W", "law")])
    rows = match(context, [*steps, ("a", "law", "new", "apprentice", 1)])
    assert rows["decisive_change"].to_list() == [None, "wish"]


names = st.sampled_from("abcdef")
skills, works = st.sampled_from(["sql", "law"]), st.sampled_from(["V", "W"])
stages = st.sampled_from(["none", "apprentice", "journeyman", "master"])
kinds = st.sampled_from(["join", "not_now", "not_this"])


@st.composite
def companies(draw: st.DrawFn) -> tuple[SquadContext, list[Any], list[Any], dict[str, float | None]]:
    mastery = draw(st.dictionaries(st.tuples(names, skills), stages, max_size=12))
    answers = draw(st.dictionaries(st.tuples(names, works, skills), kinds, max_size=8))
    consents = draw(
        st.dictionaries(
            st.tuples(names, st.sampled_from(["follow", "walk_with", "lead"]), st.sampled_from(["sql", "law", None])),
            st.booleans(),
            max_size=8,
        )
    )
    context = make_context(
        seats=draw(st.lists(st.tuples(works, skills), unique=True, max_size=4)),
        requirements=[(work, skill) for work in "VW" for skill in ("sql", "law")],
        members=draw(st.lists(st.tuples(works, names), unique=True, max_size=8)),
        people="".join(sorted(draw(st.sets(names, min_size=1)))),
        mastery=[(*pair, stage) for pair, stage in mastery.items()],
        consents=[(*key, is_given) for key, is_given in consents.items()],
        answers=[(person, f"{work}|{skill}", kind) for (person, work, skill), kind in answers.items()],
    )
    steps = draw(st.lists(st.tuples(names, skills), unique=True, max_size=8))
    free_hours = draw(st.dictionaries(names, st.one_of(st.none(), st.floats(0, 40)), max_size=6))
    wishes = draw(st.dictionaries(st.tuples(names, skills), st.floats(0, 1), max_size=6))
    return (
        context,
        [(person, skill, "new", "apprentice", 1) for person, skill in steps],
        [(*pair, weight) for pair, weight in wishes.items()],
        free_hours,
    )


def has_consented(context: SquadContext, person: str, relation: str, skill: str) -> bool:
    decisions = {
        (row["person_id"], row["relation"], row["skill_id"]): row["is_given"] for row in context.consents.to_dicts()
    }
    return bool(decisions.get((person, relation, skill), decisions.get((person, relation, None), False)))


@settings(max_examples=25, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(companies(), st.integers(1, 2))
def test_consent_opt_outs_minimum_counts_and_workload_hold(
    company: tuple[SquadContext, list[Any], list[Any], dict[str, float | None]], load_cap: int
) -> None:
    context, steps, wishes, free_hours = company
    openings, rows = find_openings(context), match(context, steps, wishes, free_hours, load_cap=load_cap)
    people = set(context.people["person_id"])
    answers = {(row["person_id"], row["opening_id"]): row["squad_reply_kind"] for row in context.answers.to_dicts()}
    joins = {pair for pair, kind in answers.items() if kind == "join" and pair[0] in people}
    for opening in openings.to_dicts():
        interested = sum(opening_id == opening["opening_id"] for _, opening_id in joins)
        assert opening["interested_count"] == (interested if interested >= 3 else None)
        assert sorted(opening["covered_skill_ids"] + opening["lacking_skill_ids"]) == opening["required_skill_ids"]
    for row in rows.to_dicts():
        assert row["person_id"] in people
        assert answers.get((row["person_id"], row["opening_id"])) in (None, "join")
        for column, relation in (("follow_id", "follow"), ("lead_id", "lead")):
            named = row[column]
            assert named is None or (
                named in people - {row["person_id"]} and has_consented(context, named, relation, row["skill_id"])
            )
        assert all(row[count] is None or row[count] >= 3 for count in ("follow_count", "lead_count"))
        free = free_hours.get(row["person_id"], 10.0)
        expected = "unknown" if free is None else "fits" if free >= 4.0 else "full"
        assert row["workload"] == expected
    # planners see nobody who neither asked nor consented, and nobody who refused or has no time
    matches = find_matches(context, openings, steps, wishes, free_hours)
    portfolio = build_portfolio(matches, openings, context, SquadPolicy(), AS_OF)
    for pair in portfolio.pairs.to_dicts():
        relation = "walk_with" if pair["to_stage"] else "follow"
        has_joined = (pair["person_id"], pair["opening_id"]) in joins
        assert has_joined or has_consented(context, pair["person_id"], relation, pair["skill_id"])
        assert has_joined or pair["person_id"] not in {person for person, _ in joins}
        assert pair["person_id"] in people
        free = free_hours.get(pair["person_id"], 10.0)
        assert free is None or free >= 4.0
    for column in ("follow_id", "lead_id"):
        viewers = rows.drop_nulls(column).group_by(column).agg(pl.col("person_id").n_unique())
        assert all(count <= load_cap for count in viewers["person_id"])
    shown_joins = set(rows.filter(pl.col("squad_reply_kind") == "join").select("person_id", "opening_id").rows())
    assert shown_joins == {pair for pair in joins if pair[1] in set(openings["opening_id"])}
