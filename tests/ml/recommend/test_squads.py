"""Openings, matches and companions in squads: small cases worked out by hand, and rules that hold for any input."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ml.recommend.squad_companions import add_squad_companions
from ml.recommend.squad_match_text import build_match_rows
from ml.recommend.squad_matching import match_openings
from ml.recommend.squad_openings import SquadContext, find_openings
from pipelines.contracts.policy import SquadPolicy

AS_OF = date(2026, 6, 30)
EARLIER = datetime(2026, 6, 20, tzinfo=UTC)
SEAT_SCHEMA = {
    "work_code": pl.String,
    "project_code": pl.String,
    "skill_id": pl.String,
    "opening_kind": pl.String,
    "open_count": pl.Int64,
    "planned_weekly_hours": pl.Float64,
    "planned_end_date": pl.Date,
}
ANSWER_SCHEMA = {
    "person_id": pl.String,
    "opening_id": pl.String,
    "squad_reply_kind": pl.String,
    "replied_at": pl.Datetime("us", "UTC"),
}
STEP_SCHEMA = dict.fromkeys(("person_id", "skill_id", "kind", "to_stage"), pl.String) | {"rank": pl.Int64}
SKILLS = pl.DataFrame({"skill_id": ["sql", "law"], "skill_name": ["SQL", "Law"]})


def frame(rows: list[Any], schema: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema, orient="row")


def make_context(
    *,
    seats: Sequence[Any] = (("W", "sql"),),
    requirements: Sequence[Any] = (("W", "sql"), ("W", "law")),
    members: Sequence[Any] = (),
    people: str = "abcde",
    mastery: Sequence[Any] = (),
    consents: Sequence[Any] = (),
    answers: Sequence[Any] = (),
    hours: float | None = 4.0,
) -> SquadContext:
    text = pl.String
    answer_rows = frame([(*answer, EARLIER) for answer in answers], ANSWER_SCHEMA)
    return SquadContext(
        frame([(work, work, skill, "unstaffed", 1, hours, None) for work, skill in seats], SEAT_SCHEMA),
        frame(list(requirements), {"work_code": text, "skill_id": text}),
        frame(list(members), {"work_code": text, "person_id": text}),
        pl.DataFrame({"person_id": list(people)}, {"person_id": text}),
        frame(list(mastery), {"person_id": text, "skill_id": text, "stage": text}),
        frame(list(consents), {"person_id": text, "relation": text, "skill_id": text, "is_given": pl.Boolean}),
        answer_rows,
        answer_rows,
        3,
    )


def match(
    context: SquadContext,
    steps: Sequence[Any] = (),
    wishes: Sequence[Any] = (),
    free_hours: dict[str, float | None] | None = None,
    load_cap: int = 5,
) -> pl.DataFrame:
    openings = find_openings(context)
    free = free_hours or {}
    people_hours = [(person, free.get(person, 10.0)) for person in context.people["person_id"]]
    workload = frame(
        [(person, None if hours is None else 40.0, hours) for person, hours in people_hours],
        {"person_id": pl.String, "weekly_hours": pl.Float64, "free_weekly_hours": pl.Float64},
    )
    wish_rows = frame(list(wishes), {"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64})
    matches = match_openings(
        openings, frame(list(steps), STEP_SCHEMA), wish_rows, workload, context, SquadPolicy(), AS_OF
    )
    matches = add_squad_companions(matches, context, load_cap)
    return build_match_rows(matches, openings, context.mastery, SKILLS)


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
    for column in ("follow_id", "lead_id"):
        viewers = rows.drop_nulls(column).group_by(column).agg(pl.col("person_id").n_unique())
        assert all(count <= load_cap for count in viewers["person_id"])
    shown_joins = set(rows.filter(pl.col("squad_reply_kind") == "join").select("person_id", "opening_id").rows())
    assert shown_joins == {pair for pair in joins if pair[1] in set(openings["opening_id"])}
