"""Changes are dated, and false alarms are bounded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.practice.power import measure_changes
from ml.organisation.practice_adjustment import design_steps, fit_season, scan_steps
from ml.organisation.practice_changes import (
    control_discoveries,
    count_shuffles,
    date_last_change,
    estimate_chances,
    shuffle_blocks,
    shuffle_statistics,
)


def test_the_false_discovery_rate_is_worked_out_by_hand() -> None:
    # four tests of equal weight: 0.01 x 4 / 1, 0.02 x 4 / 2, 0.5 x 4 / 3, 0.9 x 4 / 4
    shares = control_discoveries(np.array([0.5, 0.01, 0.9, 0.02]), np.ones(4))
    assert shares == pytest.approx([2 / 3, 0.04, 0.9, 0.04])


def test_a_weight_divides_the_chance() -> None:
    # weights 2 and 1 have the mean 1.5: chances 0.03 x 1.5 / 2 and 0.02 x 1.5
    shares = control_discoveries(np.array([0.03, 0.02]), np.array([2.0, 1.0]))
    assert shares == pytest.approx([0.03, 0.03])


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=20))
@settings(max_examples=30)
def test_more_tests_never_make_a_chance_smaller(chances: list[float]) -> None:
    shares = control_discoveries(np.array(chances), np.ones(len(chances)))
    assert (shares >= np.array(chances) - 1e-12).all()
    assert (shares <= 1).all()


def test_a_shuffle_keeps_every_week_once() -> None:
    positions = shuffle_blocks(143, np.random.default_rng(1))
    assert sorted(positions) == list(range(143))
    assert (np.diff(positions) == 1).mean() > 0.5


def test_chances_of_quiet_series_are_even_and_that_of_a_step_is_small() -> None:
    rng = np.random.default_rng(3)
    levels = rng.normal(size=(60, 130))
    levels[0, -10:] -= 4
    design = design_steps(130)
    scan = scan_steps(levels, design)
    unexplained = fit_season(levels, scan.weeks_after)[1]
    chances = estimate_chances(scan.statistic, shuffle_statistics(unexplained, design, 50, 1))
    assert scan.weeks_after[0] == 10
    assert chances[0] < 0.001
    assert 0.4 < chances[1:].mean() < 0.6
    assert shuffle_statistics(np.empty((0, 130)), design, 50, 1).size == 0


def test_a_chance_is_a_share_of_shuffled_statistics() -> None:
    # of 1, 2, 3, 4 two are at least 3; the series itself counts as one more
    assert estimate_chances(np.array([3.0, 9.0]), np.array([4.0, 1.0, 3.0, 2.0])) == pytest.approx([3 / 5, 1 / 5])


def test_every_series_is_shuffled_often_enough_for_its_share_of_the_false_alarms() -> None:
    assert [count_shuffles(series) for series in (0, 4, 100, 1_000)] == [500, 500, 40, 20]


def test_the_last_of_several_changes_is_dated() -> None:
    rng = np.random.default_rng(5)
    levels = np.r_[np.zeros(60), np.full(30, 3.0), np.full(14, 1.0)] + rng.normal(0, 0.3, 104)
    assert date_last_change(levels, 4.5) == (14, 30)
    assert date_last_change(rng.normal(0, 0.3, 104), 4.5) is None


def test_planted_cuts_are_found_and_quiet_units_stay_quiet() -> None:
    """`footsteps bench practice` measures the same with 240 units and 14 runs."""
    power = measure_changes(quiet_count=24, cut_count=8, week_count=130, run_weeks=2, seed=2, cut_share=0.4)
    assert power.found_share >= 0.75
    assert power.median_date_error_weeks <= 1
    assert power.alarm_share_per_run <= 0.05
