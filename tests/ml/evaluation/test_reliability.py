"""Reliability: probabilities compared with outcomes, worked out by hand."""

import numpy as np
import pytest

from ml.evaluation.reliability import compare_counts, measure_reliability


def test_exact_probabilities_have_no_error() -> None:
    probability = np.repeat([0.1, 0.5], 50)
    one_in_ten, one_in_two = np.arange(50) % 10 == 0, np.arange(50) % 2 == 0
    reliability = measure_reliability(probability, np.concatenate([one_in_ten, one_in_two]))
    assert reliability is not None
    assert reliability.base_rate == 0.3
    assert reliability.ece == pytest.approx(0.0)
    assert reliability.brier_skill == pytest.approx(1 - (0.09 + 0.25) / 2 / 0.21)


def test_the_base_rate_has_no_skill() -> None:
    reliability = measure_reliability(np.full(100, 0.2), np.arange(100) % 5 == 0)
    assert reliability is not None
    assert reliability.ece == pytest.approx(0.0)
    assert reliability.brier_skill == pytest.approx(0.0)


def test_opposite_probabilities_have_negative_skill() -> None:
    reliability = measure_reliability(np.repeat([1.0, 0.0], 50), np.repeat([False, True], 50))
    assert reliability is not None
    assert (reliability.ece, reliability.brier, reliability.brier_skill) == (1.0, 1.0, -3.0)


def test_skill_is_also_measured_against_the_base_rate_that_was_known_before() -> None:
    # a fifth came true, half was known before: 1 - 0.16 / 0.25
    reliability = measure_reliability(np.full(100, 0.2), np.arange(100) % 5 == 0, prior_base_rate=0.4)
    assert reliability is not None
    assert reliability.prior_brier_skill == pytest.approx(1 - 0.16 / (0.8 * 0.16 + 0.2 * 0.36))
    assert measure_reliability(np.zeros(0), np.zeros(0, bool)) is None


def test_promised_and_observed_counts_stand_by_segment_and_by_tenth() -> None:
    probability = np.repeat([0.1, 0.5], 100)
    outcomes = np.concatenate([np.arange(100) % 5 == 0, np.arange(100) % 2 == 0])
    reliability = measure_reliability(
        probability,
        outcomes,
        person_codes=np.arange(200),
        segment_masks={"cold": np.arange(200) < 100, "short": np.zeros(200, bool)},
    )
    assert reliability is not None
    counts = {group.group: (group.n, round(group.expected, 6), group.observed) for group in reliability.groups}
    assert list(counts) == ["all", "cold", *(f"tenth_{number}" for number in range(1, 11))]  # no empty segment
    assert counts["all"] == (200, 60.0, 70)
    assert counts["cold"] == (100, 10.0, 20)
    assert counts["tenth_10"] == (20, 10.0, 10)
    cold = reliability.groups[1]
    assert cold.ratio == pytest.approx(0.5)
    assert cold.low is not None
    assert cold.high is not None
    assert 0.3 < cold.low < 0.5 < cold.high < 1.0


def test_predictions_of_one_person_are_drawn_together() -> None:
    """Ten people with ten equal outcomes each tell as much as ten outcomes."""
    outcomes = np.repeat(np.arange(10) % 2 == 0, 10)
    alone, together = (
        compare_counts(np.full(100, 0.5), outcomes, person_codes, {"all": np.ones(100, bool)}, 0)[0]
        for person_codes in (np.arange(100), np.repeat(np.arange(10), 10))
    )
    assert alone.ratio == together.ratio == 1.0
    assert alone.low is not None
    assert together.low is not None
    assert together.low < 0.8 < alone.low


def test_the_ratio_of_a_group_in_which_nothing_came_true_is_unknown() -> None:
    (group,) = compare_counts(np.full(9, 0.1), np.zeros(9, bool), np.arange(9), {"all": np.ones(9, bool)}, 0)
    assert (group.observed, group.ratio, group.low, group.high) == (0, None, None, None)
