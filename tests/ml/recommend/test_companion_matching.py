"""Companions have the stated relation to the step, consent to be shown, and stay within their load."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.recommend.companion_candidates import CompanionContext
from ml.recommend.companion_matching import filter_valid_companions, find_manager_chains, match_companions
from pipelines.contracts.columns import RELATIONS, STAGES
from pipelines.contracts.feature_tables import REACHED_STEP
from pipelines.contracts.output_tables import SHOWN_COMPANION
from pipelines.contracts.policy import CompanionPolicy, RecommendationPolicy

TODAY = date(2026, 6, 30)
ANY = settings(max_examples=60, deadline=None)
SKILLS = pl.DataFrame(
    {
        "skill_id": ["git", "sql", "tea"],
        "skill_name": ["Git", "SQL", "Tea"],
        "capability_id": ["code", "code", "kitchen"],
    }
)
Step = tuple[str, str, str]  # person, micro-skill, goal


def steps(*given: Step) -> pl.DataFrame:
    """Lists in the order given; a goal is a stage or `refresh` of an apprentice."""
    rows = []
    for i, (person, skill, goal) in enumerate(given):
        rank = 1 + sum(step[0] == person for step in given[:i])
        mastery = "apprentice" if goal == "refresh" else STAGES[STAGES.index(goal) - 1]
        kind = {"refresh": "refresh", "apprentice": "new"}.get(goal, "deepen")
        rows.append((person, rank, skill, kind, mastery, mastery if goal == "refresh" else goal))
    columns = ("person_id", "rank", "skill_id", "kind", "from_stage", "to_stage")
    schema = {name: pl.Int64 if name == "rank" else pl.String for name in columns}
    return pl.DataFrame(rows, schema=schema, orient="row")


def reached_steps(*given: tuple[str, str, str, date]) -> pl.DataFrame:
    """One row per (person, micro-skill, goal, day)."""
    rows = [
        (
            who,
            f"{skill}|{goal}",
            skill,
            {"refresh": "refresh", "apprentice": "new"}.get(goal, "deepen"),
            "apprentice" if goal == "refresh" else STAGES[STAGES.index(goal) - 1],
            "apprentice" if goal == "refresh" else goal,
            datetime(day.year, day.month, day.day, tzinfo=UTC),
        )
        for who, skill, goal, day in given
    ]
    return pl.DataFrame(rows, schema=REACHED_STEP.schema, orient="row")


def consents(*given: tuple[str, str | None]) -> pl.DataFrame:
    """Consent for a micro-skill, or all (None), in every relation."""
    rows = [(who, relation, skill, True) for who, skill in given for relation in RELATIONS]
    schema = {"person_id": pl.String, "relation": pl.String, "skill_id": pl.String, "is_given": pl.Boolean}
    return pl.DataFrame(rows, schema=schema, orient="row")


def company(people: str, **tables: pl.DataFrame) -> CompanionContext:
    """People as `name:unit:manager`, separated by blanks; unit and manager may be left out."""
    rows = [(*text.split(":"), "", "")[:3] for text in people.split()]
    frame = pl.DataFrame(
        [(name, unit or None, None, manager or None) for name, unit, manager in rows],
        schema={"person_id": pl.String, "unit_name": pl.String, "role_name": pl.String, "manager_id": pl.String},
        orient="row",
    )
    nothing = CompanionContext(
        people=frame,
        reached_steps=pl.DataFrame(schema=REACHED_STEP.schema),
        mastery=pl.DataFrame(
            schema={"person_id": pl.String, "skill_id": pl.String, "stage": pl.String, "level_share": pl.Float64}
        ),
        skills=SKILLS,
        consents=consents(),
        hidden_pairs=pl.DataFrame(schema={"person_id": pl.String, "skill_id": pl.String}),
        shown_pairs=pl.DataFrame(schema=SHOWN_COMPANION.schema),
    )
    return replace(nothing, **tables)


def match(lists: pl.DataFrame, context: CompanionContext, as_of: date = TODAY, **policy: Any) -> pl.DataFrame:
    return match_companions(lists, context, as_of, RecommendationPolicy(companions=CompanionPolicy(**policy)))


def named(rows: pl.DataFrame) -> list[tuple[str, str, str, str]]:
    return rows.drop_nulls("companion_id").select("person_id", "step_id", "relation", "companion_id").rows()


LONG_AGO, LATELY = date(2025, 1, 1), date(2025, 10, 1)


def test_follow_names_a_person_who_made_the_move_and_its_duration() -> None:
    moves = reached_steps(("bob", "sql", "apprentice", LONG_AGO), ("bob", "sql", "journeyman", LATELY))
    rows = match(
        steps(("ann", "sql", "journeyman")), company("ann bob", reached_steps=moves, consents=consents(("bob", None)))
    )
    assert named(rows) == [("ann", "sql|journeyman", "follow", "bob")]
    assert rows["why"].to_list() == ["They went from apprentice to journeyman in “SQL”, in nine months."]


def test_walk_with_names_a_person_with_the_same_step_on_their_list() -> None:
    lists = steps(("ann", "sql", "apprentice"), ("bob", "sql", "apprentice"), ("eve", "sql", "journeyman"))
    rows = match(lists, company("ann bob eve", consents=consents(("bob", "sql"), ("eve", "sql"))))
    assert ("ann", "sql|apprentice", "walk_with", "bob") in named(rows)
    assert {row[3] for row in named(rows) if row[0] == "ann"} == {"bob"}


def test_lead_names_a_person_one_stage_behind_with_the_step_on_their_list() -> None:
    lists = steps(("ann", "sql", "master"), ("bob", "sql", "journeyman"), ("eve", "sql", "apprentice"))
    rows = match(lists, company("ann bob eve", consents=consents(("bob", None), ("eve", None))))
    assert named(rows) == [("ann", "sql|master", "lead", "bob"), ("bob", "sql|journeyman", "lead", "eve")]


def test_a_beginner_leads_in_the_best_held_skill_of_the_capability() -> None:
    mastery = pl.DataFrame(
        {
            "person_id": ["ann", "ann"],
            "skill_id": ["sql", "tea"],
            "stage": ["journeyman", "master"],
            "level_share": [0.7, 1.0],
        }
    )
    lists = steps(("ann", "git", "apprentice"), ("bob", "sql", "journeyman"))
    rows = match(lists, company("ann bob", mastery=mastery, consents=consents(("bob", "sql"))))
    assert rows.select("person_id", "step_id", "relation", "companion_id", "companion_skill_id").rows() == [
        ("ann", "git|apprentice", "lead", "bob", "sql")
    ]


def test_nobody_is_named_without_consent_for_skill_and_relation() -> None:
    lists = steps(("ann", "sql", "apprentice"), ("bob", "sql", "apprentice"))
    context = company("ann bob", consents=consents(("bob", "git"), ("ann", "git")))
    assert named(match(lists, context)) == []
    for_leading = context.consents.with_columns(pl.lit("sql").alias("skill_id")).filter(pl.col("relation") == "lead")
    assert named(match(lists, replace(context, consents=for_leading))) == []


def test_a_refusal_for_one_skill_overrides_general_consent() -> None:
    no = consents(("bob", "sql")).with_columns(pl.lit(False).alias("is_given"))
    context = company("ann bob", consents=pl.concat([consents(("bob", None)), no]))
    lists = steps(
        ("ann", "sql", "apprentice"),
        ("bob", "sql", "apprentice"),
        ("ann", "git", "apprentice"),
        ("bob", "git", "apprentice"),
    )
    assert named(match(lists, context)) == [("ann", "git|apprentice", "walk_with", "bob")]


def test_the_manager_chain_never_walks_together_unless_the_policy_allows_it() -> None:
    people = "ann::bob bob::eve eve"
    lists = steps(*((who, "sql", "apprentice") for who in ("ann", "bob", "eve")))
    context = company(people, consents=consents(("ann", None), ("bob", None), ("eve", None)))
    assert named(match(lists, context)) == []
    assert len(named(match(lists, context, manager_chain_may_walk=True))) == 3


def test_a_manager_can_be_followed() -> None:
    moves = reached_steps(("bob", "sql", "apprentice", LONG_AGO))
    context = company("ann::bob bob", reached_steps=moves, consents=consents(("bob", None)))
    assert named(match(steps(("ann", "sql", "apprentice")), context)) == [("ann", "sql|apprentice", "follow", "bob")]


def test_manager_chains_end_if_managers_form_a_circle() -> None:
    people = pl.DataFrame({"person": [0, 1, 2], "person_id": ["a", "b", "c"], "manager_id": ["b", "a", "b"]})
    assert set(find_manager_chains(people).rows()) == {(0, 1), (0, 0), (1, 0), (1, 1), (2, 1), (2, 0)}


def walkers(count: int, unit: str = "Advisory") -> tuple[str, pl.DataFrame]:
    names = [f"p{i}" for i in range(count)]
    return " ".join(f"{name}:{unit}" for name in names), steps(*((name, "sql", "apprentice") for name in names))


@pytest.mark.parametrize(
    ("count", "sentences"),
    [
        (3, []),
        (4, ["Three people in Advisory have this step on their list too."]),
    ],
)
def test_people_without_consent_are_counted_from_three_up_without_the_person(count: int, sentences: list[str]) -> None:
    people, lists = walkers(count)
    rows = match(lists, company(people))
    assert rows.filter(pl.col("person_id") == "p0")["why"].to_list() == sentences
    assert rows["companion_id"].null_count() == rows.height


def test_everyone_is_counted_if_the_unit_has_too_few() -> None:
    people, lists = walkers(3)
    lists = pl.concat([lists, steps(("x", "sql", "apprentice"))])
    rows = match(lists, company(f"{people} x:Audit"))
    assert rows.filter(pl.col("person_id") == "p0")["why"].to_list() == [
        "Three people have this step on their list too."
    ]


def test_the_mean_duration_is_stated_only_if_three_are_known() -> None:
    names = ("b", "c", "d")
    began = [(name, "sql", "apprentice", LONG_AGO) for name in names]
    moved = [(name, "sql", "journeyman", LATELY) for name in names]
    lists, people = steps(("a", "sql", "journeyman")), "a b c d"
    whole = match(lists, company(people, reached_steps=reached_steps(*began, *moved)))
    assert whole["why"].to_list() == ["Three people made this move, in nine months on average."]
    part = match(lists, company(people, reached_steps=reached_steps(*began[1:], *moved)))
    assert part["why"].to_list() == ["Three people made this move."]


def test_the_policy_can_raise_the_minimum_count_but_not_below_three() -> None:
    people, lists = walkers(4)
    assert match_companions(lists, company(people), TODAY, RecommendationPolicy(minimum_people=4)).height == 0
    people, lists = walkers(3)
    assert match_companions(lists, company(people), TODAY, RecommendationPolicy(minimum_people=1)).height == 0


def test_hidden_skills_are_neither_shown_nor_counted() -> None:
    people, lists = walkers(4)
    hidden_pairs = pl.DataFrame({"person_id": ["p3"], "skill_id": ["sql"]})
    rows = match(lists, company(people, hidden_pairs=hidden_pairs, consents=consents(("p3", None))))
    assert rows.filter(pl.col("person_id") != "p3").height == 0
    assert rows["why"].to_list() == ["Three people in Advisory have this step on their list too."]  # p3's own page


def test_people_who_left_or_opted_out_are_neither_shown_nor_counted() -> None:
    moves = reached_steps(*((name, "sql", "apprentice", LONG_AGO) for name in ("b", "c", "d")))
    tables = {"reached_steps": moves, "consents": consents(("d", None))}
    lists = steps(("a", "sql", "apprentice"))
    assert named(match(lists, company("a b c d", **tables))) == [("a", "sql|apprentice", "follow", "d")]
    assert match(lists, company("a b c", **tables)).height == 0


def test_load_is_even_over_all_consenting_people() -> None:
    askers = [f"a{i}" for i in range(8)]
    leaders = [f"l{i}" for i in range(4)]
    context = company(
        " ".join(askers + leaders),
        consents=consents(*((name, None) for name in leaders)),
        reached_steps=reached_steps(*((name, "sql", "apprentice", LATELY) for name in leaders)),
    )
    rows = match(steps(*((name, "sql", "apprentice") for name in askers)), context)
    assert rows.drop_nulls("companion_id").group_by("companion_id").len()["len"].to_list() == [2, 2, 2, 2]


def test_a_companion_stays_for_the_exposure_days_and_then_changes() -> None:
    moves = reached_steps(*((name, "sql", "apprentice", LATELY) for name in ("b", "c")))
    context = company("a b c", reached_steps=moves, consents=consents(("b", None), ("c", None)))
    lists, shown_pairs = steps(("a", "sql", "apprentice")), pl.DataFrame(schema=SHOWN_COMPANION.schema)
    seen = []
    for days in range(6):
        as_of = TODAY + timedelta(days=days)
        ((_, _, _, companion),) = named(
            match(lists, replace(context, shown_pairs=shown_pairs), as_of, exposure_days=3, load_cap=1)
        )
        seen.append(companion)
        new = pl.DataFrame({"person_id": ["a"], "companion_id": [companion], "since_date": [as_of]})
        shown_pairs = (
            shown_pairs if (shown_pairs["companion_id"].tail(1) == companion).any() else pl.concat([shown_pairs, new])
        )
    assert seen[0] == seen[1] == seen[2]
    assert seen[3] == seen[4] == seen[5] != seen[0]


def test_earlier_runs_count_towards_the_load() -> None:
    moves = reached_steps(("b", "sql", "apprentice", LATELY), ("c", "sql", "apprentice", LATELY))
    shown_pairs = pl.DataFrame(
        [(f"x{i}", "b", TODAY - timedelta(days=5)) for i in range(3)], schema=SHOWN_COMPANION.schema, orient="row"
    )
    context = company(
        "a b c", reached_steps=moves, consents=consents(("b", None), ("c", None)), shown_pairs=shown_pairs
    )
    lists = steps(("a", "sql", "apprentice"))
    assert named(match(lists, context, load_cap=4))[0][3] == "c"
    alone = replace(context, consents=consents(("b", None)))
    assert named(match(lists, alone, load_cap=3)) == []
    assert named(match(lists, alone, load_cap=3, exposure_days=5))[0][3] == "b"


NAMES = ("ann", "ben", "cleo", "dan", "eve")  # no article: the text about a companion may say "a month"
GOALS = ("apprentice", "journeyman", "master", "refresh")
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["git", "sql", "tea"]), st.sampled_from(GOALS)),
    max_size=14,
    unique_by=lambda row: row[:2],
)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(NAMES),
        st.sampled_from(["git", "sql", "tea"]),
        st.sampled_from(GOALS),
        st.dates(date(2024, 1, 1), TODAY),
    ),
    max_size=14,
    unique_by=lambda row: row[:3],
)
CONSENTS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from([None, "git", "sql", "tea"])), max_size=8, unique=True
)
SHOWNS = st.lists(
    st.tuples(
        st.sampled_from([*NAMES, "gone"]),
        st.sampled_from(NAMES),
        st.dates(TODAY - timedelta(days=9), TODAY + timedelta(days=2)),
    ),
    max_size=12,
    unique=True,
)
MANAGERS = st.lists(st.sampled_from([*NAMES, "nobody"]), min_size=5, max_size=5)
WORLD = st.tuples(STEPS, MOVES, CONSENTS, SHOWNS, MANAGERS)


def build(world: tuple[Any, ...]) -> tuple[pl.DataFrame, CompanionContext]:
    given_steps, moves, given_consents, shown_pairs, managers = world
    people = " ".join(
        f"{name}:{'u' if name < 'd' else ''}:{above}" for name, above in zip(NAMES, managers, strict=True)
    )
    return steps(*given_steps), company(
        people,
        reached_steps=reached_steps(*moves),
        consents=consents(*given_consents),
        shown_pairs=pl.DataFrame(shown_pairs, schema=SHOWN_COMPANION.schema, orient="row"),
    )


@ANY
@given(WORLD, st.integers(0, 3), st.integers(1, 6))
def test_caps_hold_for_any_input(world: tuple[Any, ...], cap: int, days: int) -> None:
    lists, context = build(world)
    rows = match(lists, context, load_cap=cap, exposure_days=days).drop_nulls("companion_id")
    recent = context.shown_pairs.filter(
        pl.col("since_date") < TODAY, pl.col("since_date") > TODAY - timedelta(days=days)
    )
    for companion in NAMES:
        lists_of = rows.filter(pl.col("companion_id") == companion)["person_id"].to_list()
        before = set(recent.filter(pl.col("companion_id") == companion)["person_id"])
        assert len(lists_of) <= cap
        assert len(set(lists_of) - before) <= max(cap - len(before), 0)


@ANY
@given(WORLD)
def test_no_self_no_repeats_and_no_walking_with_the_manager_chain(world: tuple[Any, ...]) -> None:
    lists, context = build(world)
    rows = match(lists, context).drop_nulls("companion_id")
    assert (rows["person_id"] != rows["companion_id"]).all()
    assert not rows.select("person_id", "companion_id").is_duplicated().any()
    above = dict(context.people.select("person_id", "manager_id").rows())
    for person, companion in rows.filter(pl.col("relation") == "walk_with").select("person_id", "companion_id").rows():
        for low, high in ((person, companion), (companion, person)):
            seen: list[str] = []
            while (low := above.get(low, "nobody")) not in ("nobody", None, *seen):
                seen.append(low)
            assert high not in seen


@ANY
@given(WORLD, st.sampled_from(NAMES))
def test_nobody_is_named_without_consent_whatever_was_shown_before(world: tuple[Any, ...], person: str) -> None:
    lists, context = build(world)
    without = replace(context, consents=context.consents.filter(pl.col("person_id") != person))
    rows = match(lists, without)
    assert person not in rows["companion_id"].to_list()
    others = rows.filter(pl.col("person_id") != person)
    assert not any(f"“{person}”" in why or f" {person} " in why for why in others["why"])


@ANY
@given(WORLD)
def test_every_named_companion_has_the_relation_of_the_row(world: tuple[Any, ...]) -> None:
    lists, context = build(world)
    on_list = {
        (p, s, "refresh" if k == "refresh" else g)
        for p, s, k, g in lists.select("person_id", "skill_id", "kind", "to_stage").rows()
    }
    made = set(context.reached_steps.select("person_id", "step_id").rows())
    agreed = set(context.consents.select("person_id", "relation", "skill_id").rows())
    for row in match(lists, context).drop_nulls("companion_id").rows(named=True):
        companion, skill = row["companion_id"], row["companion_skill_id"]
        assert {(companion, row["relation"], skill), (companion, row["relation"], None)} & agreed
        if row["relation"] == "follow":
            assert (companion, row["step_id"]) in made
        elif row["relation"] == "walk_with":
            assert (companion, skill, row["step_id"].split("|")[1]) in on_list
        else:
            assert any(who == companion and what == skill for who, what, _ in on_list)


@ANY
@given(WORLD)
def test_a_counted_sentence_covers_at_least_three_others(world: tuple[Any, ...]) -> None:
    lists, context = build(world)
    rows = match(lists, replace(context, consents=consents()))
    assert (rows["standing_count"] >= 3).all()
    for row in rows.filter(pl.col("relation") == "follow").rows(named=True):
        behind = set(context.reached_steps.filter(pl.col("step_id") == row["step_id"])["person_id"]) - {
            row["person_id"]
        }
        assert row["standing_count"] <= len(behind)


@ANY
@given(WORLD)
def test_matching_does_not_depend_on_the_order_of_rows(world: tuple[Any, ...]) -> None:
    lists, context = build(world)
    turned = replace(
        context,
        people=context.people.reverse(),
        reached_steps=context.reached_steps.reverse(),
        consents=context.consents.reverse(),
        shown_pairs=context.shown_pairs.reverse(),
    )
    assert match(lists, context).equals(match(lists.reverse(), turned))


@ANY
@given(WORLD, st.sampled_from(NAMES))
def test_between_runs_only_rows_without_consent_are_removed(world: tuple[Any, ...], person: str) -> None:
    lists, context = build(world)
    rows = match(lists, context).sort("person_id", "step_id", "relation")
    assert filter_valid_companions(rows, lists, context).equals(rows)
    without = replace(context, consents=context.consents.filter(pl.col("person_id") != person))
    others = rows.filter(pl.col("companion_id").ne_missing(person))
    assert filter_valid_companions(rows, lists, without).equals(others)


def test_between_runs_rows_without_the_step_on_either_list_are_removed() -> None:
    lists = steps(("ann", "sql", "apprentice"), ("bob", "sql", "apprentice"))
    context = company("ann bob", consents=consents(("ann", None), ("bob", None)))
    rows = match(lists, context)
    assert named(rows) == [("ann", "sql|apprentice", "walk_with", "bob"), ("bob", "sql|apprentice", "walk_with", "ann")]
    assert filter_valid_companions(rows, lists.filter(pl.col("person_id") == "ann"), context).is_empty()
    # ann walks there no more
    of_bob = pl.col("person_id") == "bob"
    assert filter_valid_companions(rows.filter(of_bob), lists.filter(of_bob), context).is_empty()
    gone = replace(context, people=context.people.filter(pl.col("person_id") != "bob"))
    assert named(filter_valid_companions(rows, lists, gone)) == [("bob", "sql|apprentice", "walk_with", "ann")]


def test_between_runs_nobody_is_led_in_a_skill_that_left_their_list() -> None:
    lists = steps(("ann", "sql", "master"), ("bob", "sql", "journeyman"))
    context = company("ann bob", consents=consents(("bob", None)))
    rows = match(lists, context)
    assert named(rows) == [("ann", "sql|master", "lead", "bob")]
    assert filter_valid_companions(rows, lists.filter(pl.col("person_id") == "ann"), context).is_empty()
