"""A fit that starts from one of an earlier day: what it takes over, what it adds, and that nothing leaks."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from ml.data.interactions import TICKS_PER_DAY, as_tick, drop_unused_ids, encode_interactions, filter_before
from ml.data.ranker_config import choose_config
from ml.ranking.cases import build_training_cases
from ml.ranking.fitting import FittedRecommender, fit_coded_recommender
from ml.ranking.recommender import Recommender
from ml.ranking.refitting import can_refit, refit_recommender
from ml.ranking.training_set import sample_candidates

HORIZON_DAYS = 60
AS_OF = datetime(2023, 1, 1)
FREEZE = AS_OF - timedelta(days=HORIZON_DAYS)


def fit_before(events: pl.DataFrame, end: datetime) -> FittedRecommender:
    interactions = drop_unused_ids(filter_before(encode_interactions(events), as_tick(end)))
    return fit_coded_recommender(
        interactions,
        end_tick=as_tick(end),
        horizon_ticks=HORIZON_DAYS * TICKS_PER_DAY,
        config=replace(choose_config(interactions), n_trees=10, max_cases=200),
        item_names=None,
        extra_features=None,
        seed=0,
    )


def refit_before(earlier: FittedRecommender, events: pl.DataFrame, end: datetime) -> Recommender:
    assert earlier.recommender.window.end + earlier.recommender.horizon == as_tick(end)
    return refit_recommender(earlier, events)


@pytest.fixture(scope="module")
def earlier(ladders: pl.DataFrame) -> FittedRecommender:
    return fit_before(ladders, FREEZE)


def test_a_refit_ends_one_horizon_later_and_knows_what_came_since(
    earlier: FittedRecommender, ladders: pl.DataFrame
) -> None:
    news = pl.DataFrame({"person_id": ["p0000", "p0001"], "skill_id": "new/skill", "ts": AS_OF - timedelta(days=3)})
    refitted = refit_before(earlier, pl.concat([ladders, news]), AS_OF)
    assert refitted.window.end == as_tick(AS_OF)
    assert "new/skill" in refitted.ensemble.items
    assert refitted.ranker is not None
    assert refitted.calibrator is not None
    # the settings were chosen by the earlier fit, the weights are new
    assert earlier.recommender.ranker is not None
    assert refitted.ranker.case_decay == earlier.recommender.ranker.case_decay
    assert not np.array_equal(refitted.ranker.weights, earlier.recommender.ranker.weights)


def test_what_comes_after_the_end_changes_nothing(earlier: FittedRecommender, ladders: pl.DataFrame) -> None:
    past = ladders.filter(pl.col("ts") < AS_OF)
    rows, rows_of_the_past = (
        refit_before(earlier, events, AS_OF).score(past, ["p0000", "p0007", "p0014"], as_of=AS_OF, max_items=5)
        for events in (ladders, past)
    )
    assert rows.height > 0
    assert_frame_equal(rows, rows_of_the_past)


def test_a_fit_without_a_ranker_or_calendar_is_no_start(earlier: FittedRecommender, ladders: pl.DataFrame) -> None:
    assert can_refit(earlier)
    assert not can_refit(fit_before(ladders.head(20), AS_OF))
    assert not can_refit(None)
    step_config = replace(earlier.recommender.config, target="step")
    assert not can_refit(replace(earlier, recommender=replace(earlier.recommender, config=step_config)))


def test_cases_from_a_moment_on_are_sampled_like_all_cases(ladders: pl.DataFrame) -> None:
    interactions = drop_unused_ids(filter_before(encode_interactions(ladders), as_tick(AS_OF)))
    arguments = {"horizon_ticks": HORIZON_DAYS * TICKS_PER_DAY, "end_tick": as_tick(AS_OF), "seed": 0}
    config = replace(choose_config(interactions), max_cases=10**6)
    everything = build_training_cases(interactions, config, **arguments)
    latest = build_training_cases(interactions, config, first_cutoff_tick=as_tick(FREEZE), **arguments)
    assert len(latest) == (everything.cutoff_tick == as_tick(FREEZE)).sum()
    half = replace(config, max_cases=len(everything) // 2)
    sampled = build_training_cases(interactions, half, first_cutoff_tick=as_tick(FREEZE), **arguments)
    assert len(sampled) == pytest.approx(len(latest) / 2, abs=1)


def test_a_sample_of_candidates_holds_every_target_and_padding_only_if_it_must() -> None:
    is_target = np.zeros((3, 6), bool)
    is_target[0, [1, 5]] = True
    is_target[1, 0] = True
    is_candidate = np.ones((3, 6), bool)
    is_candidate[1, 2:] = False  # two candidates and four cells of padding
    positions = sample_candidates(is_target, is_candidate, 3, (0, 0))
    assert positions.shape == (3, 3)
    assert {1, 5} <= set(positions[0])
    assert {0, 1} <= set(positions[1])
    assert (np.diff(positions, axis=1) > 0).all()
    np.testing.assert_array_equal(positions, sample_candidates(is_target, is_candidate, 3, (0, 0)))


def test_more_cases_get_fewer_candidates_each(ladders: pl.DataFrame) -> None:
    config = replace(choose_config(encode_interactions(ladders)), n_candidates=100)
    assert [config.n_training_candidates(n_cases) for n_cases in (10, 2_600, 5_200, 10**6)] == [100, 100, 50, 30]
