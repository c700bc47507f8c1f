"""Group features: shrunk shares as of each moment, and recommendations for people without a history."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.data.interactions import encode_interactions
from ml.data.ranker_config import choose_config
from ml.ranking.fitting import fit_recommender
from ml.ranking.group_features import SHRINKAGE_PEOPLE, GroupFeatures

EVENTS = pl.DataFrame(
    {"person_id": ["a", "b", "c", "c", "a"], "skill_id": ["x", "x", "y", "z", "y"], "ts": [1, 2, 3, 4, 9]}
)
ROLES = pl.DataFrame({"person_id": ["a", "b", "c", "new"], "group": ["red", "red", "blue", "red"]})


def features(groups: GroupFeatures, person: str, skill: str, at: int) -> tuple[float, ...]:
    pairs = pl.DataFrame({"person_id": [person], "skill_id": [skill], "at": [at]})
    return groups(pairs).row(0)


def test_lift_is_the_shrunk_share_of_the_group_over_that_of_everybody() -> None:
    # Before 5: x x of red, y z of blue. Smoothed shares: x 2.5, y 1.5, z 1.5 of 5.5; people took 4/3 on average.
    share, pull = 2.5 / 5.5, SHRINKAGE_PEOPLE * 4 / 3
    lift = np.log((2 + pull * share) / (2 + pull) / share)
    assert features(GroupFeatures(EVENTS, ROLES), "new", "x", 5) == pytest.approx((np.log(share) + lift, lift, lift))


def test_later_events_and_later_memberships_change_nothing() -> None:
    dated = ROLES.with_columns(since=pl.Series([0, 0, 0, 6]), until=pl.Series([None, None, None, 8]))
    groups = GroupFeatures(EVENTS, dated)
    early = GroupFeatures(EVENTS.filter(pl.col("ts") < 5), dated)
    assert features(groups, "a", "y", 5) == features(early, "a", "y", 5)
    assert features(groups, "new", "x", 5)[1] == 0.0
    assert features(groups, "new", "x", 6)[1] > 0.0
    assert features(groups, "new", "x", 8)[1] == 0.0


def test_several_groups_give_a_mean_and_a_best_lift() -> None:
    both = pl.concat([ROLES, pl.DataFrame({"person_id": ["new"], "group": ["blue"]})])
    red = features(GroupFeatures(EVENTS, ROLES), "new", "x", 5)[1]
    _, mean, best = features(GroupFeatures(EVENTS, both), "new", "x", 5)
    assert best == pytest.approx(red)
    assert mean < best


def test_the_order_of_rows_changes_nothing_and_unknown_skills_get_zeros() -> None:
    shuffled = GroupFeatures(EVENTS[::-1], ROLES[::-1])
    assert features(shuffled, "new", "x", 5) == features(GroupFeatures(EVENTS, ROLES), "new", "x", 5)
    assert features(shuffled, "new", "unknown", 5) == (0.0, 0.0, 0.0)


def test_many_moments_use_the_latest_grid_moment_before_them() -> None:
    groups = GroupFeatures(EVENTS, ROLES)
    at = np.arange(10_000)
    grid = groups._round_to_grid(at)
    assert len(np.unique(grid)) <= 200
    assert (grid <= at).all()


def test_a_person_without_history_gets_what_the_role_took(ladders: pl.DataFrame) -> None:
    as_of = datetime(2023, 1, 1)
    ladder = ladders.group_by("person_id").agg(pl.col("skill_id").str.slice(0, 7).mode().sort().first().alias("group"))
    strangers = pl.DataFrame({"person_id": ["new a", "new b"], "group": ["laddera", "ladderb"]})
    memberships = pl.concat([ladder, strangers]).with_columns(since=pl.lit(date(2020, 1, 1)))
    config = replace(choose_config(encode_interactions(ladders)), n_trees=10)
    groups = GroupFeatures(ladders, memberships)
    recommender = fit_recommender(ladders, as_of=as_of, config=config, extra_features=groups)
    rows = recommender.score(ladders, ["new a", "new b"], as_of=as_of + timedelta(days=1), max_items=5)
    of_role = rows.filter(pl.col("skill_id").str.slice(6, 1) == pl.col("person_id").str.slice(4, 1))
    assert of_role.height >= 9
    assert "contribution_hr" in rows.columns
