"""People without a history: their own ranker, what it learns, and that it costs others nothing."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from joined_features import JoinedFeatures
from polars.testing import assert_frame_equal

from ml.data.eligibility import NO_RULES
from ml.data.interactions import TICKS_PER_DAY, as_tick, encode_interactions
from ml.data.ranker_config import choose_config
from ml.ranking.fitting import fit_recommender
from ml.ranking.newcomers import (
    NEWCOMER_FEATURES,
    PRIOR_WEIGHT_BY_FEATURE,
    build_newcomer_features,
    build_past_newcomers,
    fit_newcomer_ranker,
)
from ml.ranking.recommender import Recommender
from ml.retrieval.beginnings import Beginnings

AS_OF = datetime(2023, 1, 1)
START = datetime(2022, 1, 1)


def company(newcomers_begin_with: str) -> pl.DataFrame:
    """Sixty people join, one each week, and take `newcomers_begin_with` first; later all of them take many others."""
    rows = []
    for number in range(60):
        joined = START + timedelta(days=7 * number)
        rows.append((f"p{number:02d}", newcomers_begin_with, joined))
        rows += [(f"p{number:02d}", f"later-{step}", joined + timedelta(days=100 + 10 * step)) for step in range(5)]
    rows += [(f"old{number:02d}", f"later-{number % 5}", START - timedelta(days=9)) for number in range(100)]
    return pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")


@pytest.fixture(scope="module")
def fitted(ladders: pl.DataFrame) -> Recommender:
    return fit_recommender(
        ladders, as_of=AS_OF, config=replace(choose_config(encode_interactions(ladders)), n_trees=10)
    )


def test_a_past_newcomer_is_one_case_at_the_start_of_the_window_of_the_first_use() -> None:
    day = TICKS_PER_DAY
    events = pl.DataFrame(
        {
            "person_id": ["a", "a", "b", "c"],
            "skill_id": ["u", "v", "u", "w"],
            "ts": [START + timedelta(days=days) for days in (5, 12, 25, 29)],
        }
    )
    interactions = encode_interactions(events)
    cases = build_past_newcomers(
        interactions,
        choose_config(interactions),
        horizon_ticks=10 * day,
        end_tick=as_tick(START) + 30 * day,
        rules=NO_RULES,
        seed=0,
    )
    assert interactions.people[cases.person].tolist() == ["b", "c"]  # a came before the first whole window
    assert cases.cutoff_tick.tolist() == [as_tick(START) + 20 * day] * 2
    assert interactions.items[cases.item].tolist() == ["u", "w"]
    assert cases.from_end.tolist() == [0, 0]


def test_a_newcomer_is_offered_what_newcomers_begin_with_and_not_what_everybody_holds() -> None:
    events = company("begin-here")
    last_joined = START + timedelta(days=7 * 59)
    recommender = fit_recommender(events, as_of=last_joined, horizon_days=30)
    rows = recommender.score(events, ["nobody-knows-me"], as_of=last_joined, max_items=3)
    assert rows["skill_id"][0] == "begin-here"
    holders = events.group_by("skill_id").agg(pl.col("person_id").n_unique()).sort("person_id", descending=True)
    assert holders["skill_id"][0] != "begin-here"


def test_without_past_newcomers_the_prior_weights_order_the_items() -> None:
    interactions = encode_interactions(company("begin-here"))
    end_tick = int(interactions.time.min()) + 1
    ranker = fit_newcomer_ranker(
        interactions,
        choose_config(interactions),
        horizon_ticks=TICKS_PER_DAY,
        end_tick=end_tick,
        extra=None,
        rules=NO_RULES,
        seed=0,
    )
    assert ranker is not None
    weights = dict(zip([feature.name for feature in ranker.features], ranker.weights.tolist(), strict=True))
    assert {name: weight for name, weight in weights.items() if weight} == PRIOR_WEIGHT_BY_FEATURE


def test_an_order_of_events_supports_no_ranker_of_newcomers() -> None:
    events = pl.DataFrame({"person_id": list("aabb"), "skill_id": list("uvuv"), "ts": [1, 2, 1, 2]})
    interactions = encode_interactions(events)
    config = choose_config(interactions)
    assert (
        fit_newcomer_ranker(interactions, config, horizon_ticks=1, end_tick=3, extra=None, rules=NO_RULES, seed=0)
        is None
    )


def test_newcomers_change_nothing_for_people_with_a_history(fitted: Recommender, ladders: pl.DataFrame) -> None:
    people = ladders.filter(pl.col("ts") <= AS_OF)["person_id"].unique().sort().head(40).to_list()
    alone = fitted.score(ladders, people, as_of=AS_OF)
    together = fitted.score(ladders, [*people, "aaa-new", "zzz-new"], as_of=AS_OF)
    assert together["person_id"].is_sorted()
    assert_frame_equal(together.filter(pl.col("person_id").is_in(people)), alone, check_exact=True)
    assert_frame_equal(
        alone,
        replace(fitted, newcomer_ranker=None).score(ladders, people, as_of=AS_OF),
        check_exact=True,
    )


def test_contributions_of_a_newcomer_add_up_to_the_utility(fitted: Recommender, ladders: pl.DataFrame) -> None:
    rows = fitted.score(ladders, ["nobody"], as_of=AS_OF)
    parts = rows.select(pl.sum_horizontal(pl.col("^contribution_.*$"))).to_series()
    assert (parts - rows["utility"]).abs().max() < 1e-6
    assert rows["contribution_curriculum"].n_unique() > 1
    assert rows["contribution_history"].unique().to_list() == [0.0]
    assert rows.select(pl.col("probability").is_between(0, 1).all()).item()


def test_only_a_rising_share_counts_as_a_trend() -> None:
    """`steady` is taken as often as ever, and far more often than `rising`, which nobody took before."""
    rows = [(f"s{number:03d}", "steady", START + timedelta(days=number)) for number in range(400)]
    rows += [(f"r{number:03d}", "rising", START + timedelta(days=385 + number)) for number in range(10)]
    events = pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")
    interactions = encode_interactions(events)
    features = build_newcomer_features(Beginnings(interactions, 30 * TICKS_PER_DAY), int(interactions.time.max()) + 1)
    column_names = [feature.name for feature in NEWCOMER_FEATURES]
    rising, steady = features[:, column_names.index("taken_rise")]
    assert rising > 0 > steady
    rising, steady = features[:, column_names.index("taken")]
    assert steady > rising
    assert {feature.name for feature in NEWCOMER_FEATURES if feature.family == "trend"} == {"taken_rise"}


def test_the_future_changes_nothing_for_newcomers(fitted: Recommender, ladders: pl.DataFrame) -> None:
    past = ladders.filter(pl.col("ts") <= AS_OF)
    refitted = fit_recommender(past, as_of=AS_OF, config=fitted.config)
    assert_frame_equal(
        refitted.score(past, ["nobody"], as_of=AS_OF),
        fitted.score(ladders, ["nobody"], as_of=AS_OF),
        check_exact=True,
    )


def test_attributes_decide_between_newcomers() -> None:
    # half of the people begin with u and half with v, as their unit does
    rows = [(f"p{number:03d}", "u" if number % 2 else "v", START + timedelta(days=3 * number)) for number in range(200)]
    rows += [(f"q{number:03d}", f"w{number % 3}", START - timedelta(days=5)) for number in range(30)]
    events = pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")
    units = pl.DataFrame(
        [
            (f"p{number:03d}", skill, float((skill == "u") == bool(number % 2)))
            for number in range(202)
            for skill in ("u", "v")
        ],
        schema=["person_id", "skill_id", "fit"],
        orient="row",
    )
    extra = JoinedFeatures(units, {"fit": "hr"})
    recommender = fit_recommender(events, as_of=events["ts"].max(), horizon_days=30, extra_features=extra)
    rows_of_two = recommender.score(events, ["p200", "p201"], as_of=events["ts"].max(), max_items=1)
    assert rows_of_two["skill_id"].to_list() == ["v", "u"]


def test_the_same_data_and_seed_give_the_same_weights(ladders: pl.DataFrame) -> None:
    interactions = encode_interactions(ladders)
    arguments = {
        "horizon_ticks": 30 * TICKS_PER_DAY,
        "end_tick": as_tick(AS_OF),
        "extra": None,
        "rules": NO_RULES,
        "seed": 3,
    }
    first, second = (fit_newcomer_ranker(interactions, choose_config(interactions), **arguments) for _ in range(2))
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.weights, second.weights)
