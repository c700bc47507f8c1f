"""The level of the probability: by segment, by recent activity, and shrunk to the base rate."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy.special import logit

from ml.data.interactions import TICKS_PER_DAY, encode_interactions
from ml.ranking.cases import build_window_cases
from ml.ranking.probability_level import (
    ProbabilityLevel,
    anchor_level,
    count_activity,
    find_segments,
    fit_level,
    measure_activity_shift,
)

N = 30_000


def fit_drawn_level(
    true_probability: np.ndarray, log_odds: np.ndarray | None, segments: np.ndarray
) -> ProbabilityLevel:
    outcomes = np.random.default_rng(0).random(N) < true_probability
    return fit_level(log_odds, log_odds, outcomes, np.ones(N), segments, np.arange(N), np.arange(N) % 4, np.ones(3))


def test_segments_are_people_with_0_to_1_with_2_to_5_and_with_6_items_or_more() -> None:
    assert find_segments(np.array([0, 1, 2, 5, 6, 99])).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_segment_that_is_promised_too_much_is_corrected() -> None:
    segments = np.arange(N) % 3
    promised = np.random.default_rng(1).uniform(0.05, 0.35, N)
    true_probability = np.where(segments == 1, promised / 2, promised)
    level = fit_drawn_level(true_probability, logit(promised), segments)
    assert level.model_weight > 0.8
    probability = level.adjust(logit(promised), segments, None)
    for segment in range(3):
        assert probability[segments == segment].mean() == pytest.approx(
            true_probability[segments == segment].mean(), rel=0.06
        )


def test_a_model_that_predicts_noise_gives_way_to_the_base_rates() -> None:
    segments = np.zeros(N, np.int64)
    noise = np.random.default_rng(2).uniform(0.05, 0.35, N)
    level = fit_drawn_level(np.full(N, 0.2), logit(noise), segments)
    assert level.model_weight < 0.05
    assert level.adjust(logit(noise), segments, None) == pytest.approx(np.full(N, 0.2), abs=0.02)


def test_without_a_model_the_probability_is_the_base_rate_of_the_segment() -> None:
    segments = np.repeat([0, 2], N // 2)
    level = fit_drawn_level(np.where(segments == 0, 0.1, 0.3), None, segments)
    assert level.base_rates[[0, 2]] == pytest.approx([0.1, 0.3], abs=0.01)
    assert level.base_rates[1] == pytest.approx(0.2, abs=0.01)  # nobody is in it: the base rate of all
    assert level.adjust(np.zeros(2), np.array([0, 2]), None) == pytest.approx(level.base_rates[[0, 2]])


def test_no_outcome_gives_a_small_base_rate_and_not_zero() -> None:
    level = fit_level(
        None,
        None,
        np.zeros(99, bool),
        np.ones(99),
        np.zeros(99, np.int64),
        np.arange(99),
        np.zeros(99, np.int64),
        np.ones(3),
    )
    assert 0.0 < level.base_rates.min() <= level.base_rates.max() < 0.02


def test_an_activity_like_the_usual_one_moves_nothing_and_a_quieter_one_lowers_all() -> None:
    """Forty people acquire one item a week in the last ten weeks."""
    start = datetime(2024, 1, 1)
    events = pl.DataFrame(
        [
            (f"p{person:02d}", f"s{week}", start + timedelta(days=7 * week))
            for person in range(40)
            for week in range(20)
        ],
        schema=["person_id", "skill_id", "ts"],
        orient="row",
    )
    interactions = encode_interactions(events)
    horizon_ticks = 70 * TICKS_PER_DAY
    usual = ProbabilityLevel(np.zeros(3), np.full(3, 0.1), np.full(3, 10.0), 1.0, 0.0)
    assert measure_activity_shift(usual, interactions, horizon_ticks) == pytest.approx(np.zeros(3), abs=0.01)
    busier_past = replace(usual, acquired_per_person=np.full(3, 20.0))
    shift = measure_activity_shift(busier_past, interactions, horizon_ticks)
    assert shift == pytest.approx(np.full(3, 0.5 * np.log(0.5)), abs=0.02)
    assert busier_past.adjust(np.zeros(1), np.zeros(1, np.int64), shift)[0] < 0.5


def test_a_model_in_use_that_promises_more_than_usual_is_anchored_to_the_usual_level() -> None:
    level = ProbabilityLevel(np.zeros(3), np.full(3, 0.1), np.ones(3), 1.0, 1.0)
    log_odds, segments = np.full(N, logit(0.2)), np.zeros(N, np.int64)
    for anchor_weight, probability in ((0.0, 0.2), (0.5, 0.02**0.5), (1.0, 0.1)):
        anchored = anchor_level(replace(level, anchor_weight=anchor_weight), log_odds, np.ones(N), segments)
        assert anchored.adjust(log_odds[:1], segments[:1], None)[0] == pytest.approx(probability, abs=1e-3)


def test_a_steady_base_rate_anchors_more_than_an_unsteady_one() -> None:
    """A fifth comes true in each window, while the model promises once half and once twice as much; and the reverse."""
    windows, outcomes = np.repeat([0, 1], 1000), np.arange(2000) % 5 == 0
    wavering = logit(np.where(windows == 0, 0.1, 0.4))
    arguments = np.ones(2000), np.zeros(2000, np.int64), np.arange(2000), windows, np.ones(3)
    steady = fit_level(wavering, wavering, outcomes, *arguments)
    drawn = np.arange(2000) % np.where(windows == 0, 10, 3) == 0
    knowing = logit(np.where(windows == 0, 0.1, 1 / 3))
    unsteady = fit_level(knowing, knowing, drawn, *arguments)
    assert steady.anchor_weight > 0.9
    assert unsteady.anchor_weight < 0.1


def test_activity_is_counted_by_the_items_held_at_the_cutoff() -> None:
    start = datetime(2023, 1, 1)
    uses = [
        *(("ann", "a", 0), ("ann", "a", 5), ("ann", "b", 12)),  # holds one item, whose second use is none
        *(("ann", item, 25) for item in "cdef"),  # after the window
        *(("bob", "a", 1), ("bob", "b", 9), ("bob", "c", 10), ("bob", "d", 11)),  # c is taken at the cutoff, not held
        ("cem", "a", 15),  # holds nothing yet: has no history
    ]
    events = pl.DataFrame(
        [(person, item, start + timedelta(days=day)) for person, item, day in uses],
        schema=["person_id", "skill_id", "ts"],
        orient="row",
    )
    interactions = encode_interactions(events)
    cutoff_ticks = interactions.time[:1] + 10 * TICKS_PER_DAY
    cases = build_window_cases(interactions, cutoff_ticks, 10 * TICKS_PER_DAY, include_idle=True)
    activity = count_activity(interactions, cases)
    assert activity.people.tolist() == [1.0, 1.0, 0.0]
    assert activity.acquired.tolist() == [1.0, 2.0, 0.0]
