"""Features from the flow: compared with counts by hand, never from rows at or after the pair's moment."""

from dataclasses import fields
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joined_features import JoinedFeatures
from polars.testing import assert_frame_equal

from ml.ranking.context_features import ContextTables, build_context_features
from ml.ranking.feature_union import FeatureUnion

DAY0 = datetime(2024, 1, 1)


def day(number: int) -> datetime:
    return DAY0 + timedelta(days=number)


def tables(limit: int = 1000) -> ContextTables:
    """A small flow; with a limit, rows of that day or later are left out."""
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
    # HR states the role of today: a person whose first dated role is after the limit has no known role before it
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
def test_each_feature_equals_a_count_by_hand(name: str, person: str, skill: str, at: int, expected: float) -> None:
    assert value(name, person, skill, at) == pytest.approx(expected)


@pytest.mark.parametrize("at", range(81))
def test_later_rows_change_nothing(at: int) -> None:
    """Every pair of the flow on every day of the flow: a leak of a single day would be seen."""
    pairs = pl.DataFrame({"person_id": ["a", "b"]}).join(
        pl.DataFrame({"skill_id": ["fry", "boil", "bake", "serve", "new"]}), how="cross"
    )
    pairs = pairs.with_columns(at=pl.lit(day(at)))
    assert build_context_features(tables())(pairs).equals(build_context_features(tables(limit=at))(pairs))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 80), st.integers(0, 80))
def test_pairs_of_one_moment_get_the_same_values_as_pairs_of_many(at: int, other: int) -> None:
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
def test_features_of_some_people_equal_those_of_everybody(at: int, person: str, skill: str) -> None:
    pairs = pl.DataFrame({"person_id": [person], "skill_id": [skill], "at": [day(at)]})
    union = FeatureUnion([build_context_features(tables())])
    assert union.for_people(pl.Series([person]))(pairs).equals(union(pairs))


def test_rows_keep_the_order_of_the_pairs_and_unknown_pairs_get_zeros() -> None:
    pairs = pl.DataFrame(
        {
            "person_id": ["z", "a", "a"],
            "skill_id": ["?", "fry|master", "bake|master"],
            "at": [day(90), day(20), day(10)],
        }
    )
    values = build_context_features(tables())(pairs)
    assert values["practised_hours"].to_list() == pytest.approx([0.0, np.log1p(7), 0.0])
    assert values["learning_finished"].to_list() == pytest.approx([0.0, 0.0, np.log1p(1)])


def test_a_union_has_the_features_of_its_parts() -> None:
    likes = JoinedFeatures(pl.DataFrame({"skill_id": ["fry"], "fit": [0.7]}), {"fit": "wishes"})
    both = FeatureUnion((build_context_features(tables()), likes))
    pairs = pl.DataFrame({"person_id": ["a"], "skill_id": ["fry"], "at": [day(20)]})
    assert both(pairs).columns == [feature.name for feature in both.features]
    with pytest.raises(ValueError, match="none of these features nominates"):
        both.score_items(np.array(["a"]), np.array([0]), np.array(["fry"]))


def test_a_flow_without_rows_gives_zeros_for_every_feature() -> None:
    full = tables()
    empty = ContextTables(*(getattr(full, spec.name).clear() for spec in fields(full)))
    pairs = pl.DataFrame({"person_id": ["a"], "skill_id": ["fry"], "at": [day(20)]})
    values = build_context_features(empty)(pairs)
    assert values.columns == build_context_features(full)(pairs).columns
    assert values.row(0) == (0.0,) * values.width
