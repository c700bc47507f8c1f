"""Difference-in-differences of units, worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.practice.tool_effects import measure_tool
from ml.organisation.practice_events import compare_periods, estimate_event

# two weeks before, two after
RATES = np.array([[2.0, 2.0, 1.0, 1.0], [4.0, 4.0, 2.0, 2.0], [1.0, 1.0, 1.0, 1.0], [2.0, 2.0, 4.0, 4.0]])
HAS_EVENT = np.array([True, True, False, False])


def test_the_difference_of_logarithms_and_its_interval() -> None:
    comparison = compare_periods(RATES, HAS_EVENT, 2)
    assert comparison is not None
    # d: log 1/2 twice, 0 and log 2. Difference: log 1/2 - log(2) / 2. Squares within: 0 and log(2)^2 / 2; freedom 2
    assert comparison.difference == pytest.approx(-1.5 * np.log(2))
    spread = np.sqrt(np.log(2) ** 2 / 2 / 2 * (1 / 2 + 1 / 2))
    assert comparison.half_width == pytest.approx(stats.t.ppf(0.975, 2) * spread)


def test_a_unit_without_amounts_has_no_ratio() -> None:
    rates = np.vstack([RATES, [[0.0, 0.0, 3.0, 3.0]]])
    comparison = compare_periods(rates, np.append(HAS_EVENT, False), 2)
    assert comparison is not None
    assert (comparison.event_count, comparison.compared_count) == (2, 2)


def test_one_unit_to_compare_with_is_too_few() -> None:
    assert compare_periods(RATES[:3], HAS_EVENT[:3], 2) is None


def test_placebo_days_lie_before_the_event() -> None:
    rng = np.random.default_rng(2)
    rates = rng.gamma(20, size=(12, 104))
    has_event = np.arange(12) < 6
    rates[has_event, -10:] *= 0.5
    effect = estimate_event(rates, has_event, 10, "edge", "hours")
    assert effect is not None
    assert effect.weeks == 10
    # ends 94, 90, … down to 20: each needs ten weeks before and ten after
    assert effect.placebo_count == len(range(94, 19, -4))
    assert effect.low_share < -0.5 + 0.05
    assert effect.high_share < -0.3
    assert effect.placebo_chance == pytest.approx(1 / (1 + effect.placebo_count))


def test_intervals_hold_the_effect_of_a_planted_tool() -> None:
    """`footsteps bench practice` measures the same with 100 companies of 8 and of 24 units."""
    coverage = measure_tool(unit_count=12, week_count=70, seed_count=12)
    assert all(held >= 10 for held in coverage.held_counts.values())
    assert coverage.mean_shares == pytest.approx({"edge": -0.25, "finished": 0.2}, abs=0.06)
