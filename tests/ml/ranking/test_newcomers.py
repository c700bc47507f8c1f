"""People without a history: their own ranker, what it learns, and that it costs others nothing."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

import numpy as np
import polars as pl
import pytest
from joined_features import JoinedFeatures
from polars.testing import assert_frame_equal

from ml.data.eligibility import NO_RULES
from ml.data.interactions import TICKS_PER_DAY, as_tick, encode_interactions, filter_before
from ml.data.ranker_config import choose_config
from ml.ranking.fitting import fit_recommender
from ml.ranking.newcomer_calibration import build_newcomer_inputs, fit_newcomer_calibrator
from ml.ranking.newcomers import (
    NEWCOMER_FEATURES,
    PRIOR_WEIGHT_BY_FEATURE,
    _build_newcomer_rows,
    build_newcomer_features,
    build_past_newcomers,
    fit_newcomer_ranker,
)
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import TrainingRows
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
    ranker, _ = fit_newcomer_ranker(
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
    fitted_parts = fit_newcomer_ranker(
        interactions, config, horizon_ticks=1, end_tick=3, extra=None, rules=NO_RULES, seed=0
    )
    assert fitted_parts == (None, None)


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
    assert rising > 0 == steady
    rising, steady = features[:, column_names.index("taken")]
    assert steady > rising
    assert {feature.name for feature in NEWCOMER_FEATURES if feature.family == "trend"} == {"taken_rise"}


def test_a_sentence_of_a_newcomer_speaks_of_a_trend_only_where_a_share_rises() -> None:
    # People with a history hurry to `hot`, newcomers begin with `core`, whose share falls: a weight of the rise below 0
    # would call the fall a trend.
    rows = [(f"old{number:03d}", f"x{number % 5}", START + timedelta(days=number)) for number in range(300)]
    rows += [(f"old{number:03d}", "hot", START + timedelta(days=300 + number / 10)) for number in range(300)]
    rows += [(f"new{number:03d}", "core", START + timedelta(days=2 * number)) for number in range(165)]
    events = pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")
    as_of = START + timedelta(days=331)
    recommender = fit_recommender(events, as_of=as_of, horizon_days=30)
    ranker = recommender.newcomer_ranker
    assert ranker is not None
    families = np.array([feature.family for feature in ranker.features])
    assert (ranker.weights[np.isin(families, ["trend", "curriculum"])] >= 0).all()
    listed = recommender.score(events, ["nobody"], as_of=as_of)
    centred = pl.col("contribution_trend") - pl.col("contribution_trend").mean()
    beginnings = Beginnings(encode_interactions(events), 30 * TICKS_PER_DAY)
    features = build_newcomer_features(beginnings, as_tick(as_of) + 1)
    rise = features[:, [feature.name for feature in NEWCOMER_FEATURES].index("taken_rise")]
    rising_items = set(beginnings.interactions.items[rise > 0].tolist())
    assert set(listed.filter(centred > 0.0)["skill_id"].to_list()) <= rising_items


class MomentRecorder(JoinedFeatures):
    """Extra features that remember the moments they are asked for."""

    moments: ClassVar[set[datetime]] = set()

    def __call__(self, pairs: pl.DataFrame) -> pl.DataFrame:
        self.moments.update(pairs["at"].unique().to_list())
        return super().__call__(pairs)


def test_the_rows_of_past_newcomers_show_nothing_from_their_window_on(ladders: pl.DataFrame) -> None:
    late_items = ladders.head(50).with_columns(
        pl.concat_str(pl.lit("late-"), "skill_id").alias("skill_id"), pl.lit(AS_OF).cast(pl.Datetime("us")).alias("ts")
    )
    interactions = encode_interactions(pl.concat([ladders, late_items]))
    config, horizon_ticks = choose_config(interactions), 60 * TICKS_PER_DAY
    cases = build_past_newcomers(
        interactions, config, horizon_ticks=horizon_ticks, end_tick=as_tick(AS_OF), rules=NO_RULES, seed=0
    )
    extra = MomentRecorder(pl.DataFrame({"person_id": ["p0000"], "one": [1.0]}), {"one": "hr"})
    cutoff_ticks = np.unique(cases.cutoff_tick).tolist()
    assert len(cutoff_ticks) > 2
    for cutoff_tick in cutoff_ticks:
        cases_of_window = cases.take(np.flatnonzero(cases.cutoff_tick == cutoff_tick))
        MomentRecorder.moments.clear()
        rows, blind_rows = (
            _build_newcomer_rows(visible, cases_of_window, config, horizon_ticks, extra, NO_RULES)
            for visible in (interactions, filter_before(interactions, cutoff_tick))
        )
        np.testing.assert_array_equal(rows.features, blind_rows.features)
        np.testing.assert_array_equal(rows.is_candidate, blind_rows.is_candidate)
        # what nobody has yet is no candidate
        assert rows.is_candidate.sum(axis=1).max() <= (interactions.first_use < cutoff_tick).sum()
        assert [as_tick(moment) for moment in MomentRecorder.moments] == [cutoff_tick]


def test_items_that_appear_later_change_no_feature() -> None:
    events = company("begin-here")
    cutoff_tick = as_tick(START + timedelta(days=200))
    later = events.with_columns(pl.concat_str(pl.lit("late-"), "skill_id").alias("skill_id")).filter(
        pl.col("ts") > START + timedelta(days=200)
    )
    small, large = (encode_interactions(rows) for rows in (events, pl.concat([events, later])))
    assert large.n_items > small.n_items
    small_features, large_features = (
        build_newcomer_features(Beginnings(interactions, 30 * TICKS_PER_DAY), cutoff_tick)
        for interactions in (small, large)
    )
    np.testing.assert_array_equal(large_features[np.isin(large.items, small.items)], small_features)


def test_the_more_past_newcomers_there_were_the_further_the_weights_leave_the_prior_ones() -> None:
    distances = []
    for n_people in (4, 60):
        events = company("begin-here").filter(
            # the first one makes `begin-here` known to the others
            ~pl.col("person_id").str.starts_with("p")
            | ~pl.col("person_id").is_between(pl.lit("p01"), pl.lit(f"p{60 - n_people:02d}"))
        )
        ranker = fit_recommender(events, as_of=START + timedelta(days=420), horizon_days=30).newcomer_ranker
        assert ranker is not None
        prior = [PRIOR_WEIGHT_BY_FEATURE.get(feature.name, 0.0) for feature in ranker.features]
        distances.append(float(np.abs((ranker.weights / ranker.scale - prior) * ranker.scale).max()))
    assert 0 < distances[0] < distances[1]
    assert distances[1] > 0.2


def test_trees_are_used_where_attributes_interact() -> None:
    rng = np.random.default_rng(0)
    n_people = 900
    sides = rng.integers(0, 2, (n_people, 2))
    # who begins with u and who with v follows from both attributes together, and from none of them alone
    begins = np.where(sides[:, 0] == sides[:, 1], "u", "v")
    people = [f"p{number:03d}" for number in range(n_people)]
    events = pl.DataFrame(
        {"person_id": people, "skill_id": begins, "ts": [START + timedelta(hours=9 * day) for day in range(n_people)]}
    )
    attributes = pl.DataFrame(
        {
            "person_id": np.repeat(people, 2),
            "skill_id": np.tile(["u", "v"], n_people),
            "is_u": np.tile([1.0, 0.0], n_people),
            "left": np.repeat(sides[:, 0], 2).astype(float),
            "right": np.repeat(sides[:, 1], 2).astype(float),
        }
    )
    interactions = encode_interactions(events)
    extra = JoinedFeatures(attributes, {"is_u": "hr", "left": "hr", "right": "hr"})
    config = replace(choose_config(interactions), min_boosting_cases=100, n_trees=20)
    ranker, _ = fit_newcomer_ranker(
        interactions,
        config,
        horizon_ticks=15 * TICKS_PER_DAY,
        end_tick=int(interactions.time.max()) + 1,
        extra=extra,
        rules=NO_RULES,
        seed=0,
    )
    assert ranker is not None
    assert ranker.booster is not None
    assert ranker.residual_weight > 0


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
    first, second = (fit_newcomer_ranker(interactions, choose_config(interactions), **arguments)[0] for _ in range(2))
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.weights, second.weights)


def test_the_probability_of_newcomers_never_falls_with_the_rank() -> None:
    # twelve newcomers all took the eighth of thirty items: a slope of the log odds would be below 0
    case_utility = np.tile(np.linspace(3.0, 0.0, 30), (12, 1))
    is_target = np.zeros((12, 30), bool)
    is_target[:, 7] = True
    is_candidate = np.ones((12, 30), bool)
    past_newcomers = TrainingRows(
        np.zeros((360, 1), np.float32),
        is_target,
        is_candidate,
        np.ones(12, np.int64),
        np.arange(12),
        np.zeros(12, np.int64),
    )
    calibrator = fit_newcomer_calibrator(case_utility.ravel(), past_newcomers, np.ones(12))
    probability = calibrator.probability(build_newcomer_inputs(case_utility[:1], is_candidate[:1]))
    assert probability == pytest.approx((12 + 0.5) / (120 + 1))
