"""Features from the flow: counted by hand, and never from what lies at or after the pair's moment."""

from dataclasses import fields
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from ml.ranking.context_features import ContextTables, FeatureUnion, build_context_features
from ml.ranking.features import TimelessFeatures

DAY0 = datetime(2024, 1, 1)


def day(number: int) -> datetime:
    return DAY0 + timedelta(days=number)


def tables(limit: int = 1000) -> ContextTables:
    """A small flow; with a limit, all that lies on that day or later is cut away."""
    people = pl.DataFrame(
        {"person_id": ["a", "b"], "role_name": ["cook", "cook"], "hired_date": [date(2023, 12, 2)] * 2}
    )
    periods = pl.DataFrame(
        [("b", "waiter", day(0), day(50))],
        schema=["person_id", "role_name", "started_date", "ended_date"],
        orient="row",
    )
    profiles = pl.DataFrame(
        {"role_name": ["waiter", "cook"], "skill_id": ["serve", "fry"], "importance": ["essential"] * 2}
    )
    work = pl.DataFrame(
        [("a", "fry", day(10), day(20)), ("b", "fry", day(12), None), ("b", "bake", day(60), None)],
        schema=["person_id", "skill_id", "started_date", "done_at"],
        orient="row",
    )
    practice = pl.DataFrame(
        [("a", "fry", day(11), 3.0), ("a", "fry", day(19), 4.0), ("b", "bake", day(70), 2.0)],
        schema=["person_id", "skill_id", "occurred_at", "hours"],
        orient="row",
    )
    learning = pl.DataFrame(
        [("a", "bake", day(5), False, None), ("a", "bake", day(9), True, 0.8), ("a", "bake", day(40), True, 0.6)],
        schema=["person_id", "skill_id", "occurred_at", "is_finished", "score_share"],
        orient="row",
    )
    steps = pl.DataFrame(
        [("a", "fry", day(15)), ("a", "boil", day(30))], schema=["person_id", "skill_id", "reached_at"], orient="row"
    )
    wishes = pl.DataFrame(
        [("a", "bake", day(8), 0.5), ("a", "bake", day(33), 1.0)],
        schema=["person_id", "skill_id", "stated_at", "wish_weight"],
        orient="row",
    )
    until = day(limit)
    # the role that HR tells is today's: whose first dated one lies behind the limit, had one that nobody knows
    later = periods.filter(pl.col("started_date") >= until)["person_id"].implode()
    people = people.with_columns(role_name=pl.when(~pl.col("person_id").is_in(later)).then("role_name"))
    return ContextTables(
        people,
        periods.filter(pl.col("started_date") < until),
        profiles,
        work.filter(pl.col("started_date") < until).with_columns(
            done_at=pl.when(pl.col("done_at") < until).then("done_at").cast(pl.Datetime)
        ),
        practice.filter(pl.col("occurred_at") < until),
        learning.filter(pl.col("occurred_at") < until),
        steps.filter(pl.col("reached_at") < until),
        pl.DataFrame({"skill_id": ["bake", "bake"], "requires_skill_id": ["fry", "boil"]}),
        pl.DataFrame({"skill_id": ["fry", "boil", "bake", "serve"], "capability_id": ["stove"] * 3 + ["hall"]}),
        wishes.filter(pl.col("stated_at") < until),
    )


def value(name: str, person: str, skill: str, at: int, flow: ContextTables | None = None) -> float:
    pairs = pl.DataFrame({"person_id": [person], "skill_id": [f"{skill}|apprentice"], "at": [day(at)]})
    return float(build_context_features(flow or tables())(pairs)[name][0])


@pytest.mark.parametrize(
    ("name", "person", "skill", "at", "expected"),
    [
        ("role_needs", "a", "fry", 1, 1.0),  # no dated period: the role has always been held
        ("role_needs", "b", "serve", 1, 1.0),
        ("role_needs", "b", "serve", 51, 0.0),  # the period is over
        ("log_hired", "a", "fry", 0, np.log1p(30)),
        ("demand_open", "a", "fry", 13, np.log1p(2)),
        ("demand_open", "a", "fry", 21, np.log1p(1)),
        ("assigned_open", "a", "fry", 13, np.log1p(1)),
        ("practised_hours", "a", "fry", 19, np.log1p(3)),  # what lies at the moment itself does not count yet
        ("practised_hours", "a", "fry", 20, np.log1p(7)),
        ("practised_idle", "a", "fry", 29, np.log1p(10)),
        ("learning_started", "a", "bake", 50, np.log1p(1)),
        ("learning_finished", "a", "bake", 50, np.log1p(2)),
        ("learning_score", "a", "bake", 39, 0.8),
        ("prerequisites_asked", "b", "bake", 1, 1.0),
        ("prerequisites_asked", "b", "fry", 1, 0.0),
        ("prerequisites_met", "a", "bake", 16, 0.5),
        ("prerequisites_met", "a", "bake", 31, 1.0),
        ("capability_held", "a", "bake", 31, 2 / 3),
        ("wish_weight", "a", "bake", 20, 0.5),
        ("wish_weight", "b", "bake", 34, 0.0),
    ],
)
def test_each_feature_is_what_a_person_would_count(
    name: str, person: str, skill: str, at: int, expected: float
) -> None:
    assert value(name, person, skill, at) == pytest.approx(expected)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.sampled_from(["a", "b"]), st.sampled_from(["fry", "boil", "bake", "serve", "new"]))
@example(at=0, person="b", skill="fry")
def test_what_comes_later_is_never_felt(at: int, person: str, skill: str) -> None:
    pairs = pl.DataFrame({"person_id": [person], "skill_id": [skill], "at": [day(at)]})
    assert build_context_features(tables())(pairs).equals(build_context_features(tables(limit=at))(pairs))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.integers(0, 80))
def test_pairs_of_one_moment_are_told_the_same_as_pairs_of_many(at: int, other: int) -> None:
    pairs = (
        pl.DataFrame({"person_id": ["a", "b"], "skill_id": ["fry", "bake"]})
        .join(pl.DataFrame({"skill": ["fry", "boil", "bake", "serve", "new"]}), how="cross")
        .select("person_id", pl.col("skill").alias("skill_id"), at=day(at))
    )
    alone, both = build_context_features(tables())(pairs), pl.concat([pairs, pairs.with_columns(at=day(other))])
    assert_frame_equal(
        build_context_features(tables())(both).head(pairs.height), alone, check_exact=False, rel_tol=1e-12
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.sampled_from(["a", "b"]), st.sampled_from(["fry", "boil", "bake", "serve", "new"]))
def test_narrowed_to_some_people_it_says_of_them_what_it_says_of_all(at: int, person: str, skill: str) -> None:
    pairs = pl.DataFrame({"person_id": [person], "skill_id": [skill], "at": [day(at)]})
    whole = FeatureUnion([build_context_features(tables())])
    assert whole.for_people(pl.Series([person]))(pairs).equals(whole(pairs))


def test_rows_keep_the_order_of_the_pairs_and_unknown_ones_get_zeros() -> None:
    pairs = pl.DataFrame(
        {
            "person_id": ["z", "a", "a"],
            "skill_id": ["?", "fry|master", "bake|master"],
            "at": [day(90), day(20), day(10)],
        }
    )
    found = build_context_features(tables())(pairs)
    assert found["practised_hours"].to_list() == pytest.approx([0.0, np.log1p(7), 0.0])
    assert found["learning_finished"].to_list() == pytest.approx([0.0, 0.0, np.log1p(1)])


def test_several_sources_of_features_are_one() -> None:
    likes = TimelessFeatures(pl.DataFrame({"skill_id": ["fry"], "fit": [0.7]}), {"fit": "wishes"})
    both = FeatureUnion((build_context_features(tables()), likes))
    pairs = pl.DataFrame({"person_id": ["a"], "skill_id": ["fry"], "at": [day(20)]})
    assert both(pairs).columns == [feature.name for feature in both.features]
    with pytest.raises(ValueError, match="none of these features nominates"):
        both.score_items(np.array(["a"]), np.array([0]), np.array(["fry"]))


def test_a_flow_without_rows_gives_zeros_for_every_feature() -> None:
    full = tables()
    empty = ContextTables(*(getattr(full, spec.name).clear() for spec in fields(full)))
    pairs = pl.DataFrame({"person_id": ["a"], "skill_id": ["fry"], "at": [day(20)]})
    found = build_context_features(empty)(pairs)
    assert found.columns == build_context_features(full)(pairs).columns
    assert found.row(0) == (0.0,) * found.width
