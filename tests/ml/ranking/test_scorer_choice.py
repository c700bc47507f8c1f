"""The company's own past decides whether scorers forget, and whether order counts."""

import numpy as np
import polars as pl
import pytest
from changing_histories import follow_curricula, take_living_items

import ml.ranking.scorer_choice
from ml.data.interactions import TICKS_PER_DAY, encode_interactions
from ml.data.ranker_config import RankerConfig, choose_config
from ml.ranking.scorer_choice import choose_scorers, choose_variant


def choose(events: pl.DataFrame, **settings: str) -> RankerConfig:
    interactions = encode_interactions(events)
    return choose_scorers(
        interactions,
        choose_config(interactions, **settings),  # type: ignore[arg-type]
        horizon_ticks=60 * TICKS_PER_DAY,
        end_tick=int(interactions.time.max()) + 1,
        seed=0,
    )


def test_items_that_come_and_go_are_forgotten() -> None:
    assert choose(take_living_items()).half_life_days < np.inf


@pytest.mark.parametrize("target", ["window", "step"])
def test_a_fixed_order_of_shared_items_gets_second_order_transitions(target: str) -> None:
    assert choose(follow_curricula(), target=target).transition_order == 2


def test_a_sample_of_the_people_chooses_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    events = take_living_items(n_people=300)
    interactions = encode_interactions(events)
    monkeypatch.setattr(ml.ranking.scorer_choice, "MAX_PEOPLE", 200)
    config = choose(events)
    assert config.half_life_days < np.inf
    assert config.ease_ridge == choose_config(interactions).ease_ridge


def test_items_that_stay_are_not_forgotten() -> None:
    assert choose(take_living_items(life_days=1e9)).half_life_days == np.inf


def test_an_order_without_a_calendar_has_no_half_life() -> None:
    events = take_living_items().with_columns(pl.col("ts").rank("dense").cast(pl.Int64))
    assert choose(events, target="step").half_life_days == np.inf


def test_few_cases_choose_the_simplest(ladders: pl.DataFrame) -> None:
    interactions = encode_interactions(ladders.filter(pl.col("person_id") < "p0020"))
    config = choose_config(interactions)
    end_tick = int(interactions.time.max()) + 1
    assert choose_scorers(interactions, config, horizon_ticks=TICKS_PER_DAY, end_tick=end_tick, seed=0) == config


def test_a_variant_must_be_ahead_by_more_than_chance() -> None:
    simplest = np.array([0.1, 0.5, 0.3, 0.4] * 25)
    steady, unsteady = simplest + 0.01, simplest + np.array([0.5, -0.5, 0.06, 0.0] * 25)
    # gains of .015 on average, with a standard error of .035
    assert choose_variant(np.stack([simplest, unsteady], axis=1)) == 0
    assert choose_variant(np.stack([simplest, steady], axis=1)) == 1
    assert choose_variant(np.stack([simplest, simplest - 0.01], axis=1)) == 0
