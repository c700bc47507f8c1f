"""Formulas of weekly series, worked out by hand."""

import numpy as np
import pytest

from ml.organisation.practice_adjustment import (
    adjust_rates,
    common_shocks,
    count_harmonics,
    design_steps,
    fit_season,
    relative_change,
    remove_shocks,
    scan_steps,
    season_columns,
    stabilise,
)

HOURS, COUNTS = np.array([True]), np.array([False])


def test_counts_are_on_the_scale_of_roots_and_hours_on_that_of_logarithms() -> None:
    # mean 5: 1/5 and 9/5 of it
    rates = np.array([[1.0, 9.0]])
    assert stabilise(rates, COUNTS)[0] == pytest.approx([2 * np.sqrt(0.2), 2 * np.sqrt(1.8)])
    assert stabilise(rates, HOURS)[0] == pytest.approx([np.log(0.3), np.log(1.9)])
    assert stabilise(np.zeros((1, 3)), HOURS)[0] == pytest.approx(np.log(0.1))


def test_a_holiday_of_all_units_is_a_shock_and_a_lasting_fall_is_none() -> None:
    rates = np.full((8, 104), 4.0)
    rates[:, 50] = 1.0  # a quarter: half of the root
    assert common_shocks(rates)[49:52] == pytest.approx([1, 0.5, 1])
    assert remove_shocks(rates, np.tile(common_shocks(rates), (8, 1))) == pytest.approx(4.0)
    rates[:, -5:] = 1.0
    assert common_shocks(rates)[-5:] == pytest.approx(1.0)
    rates[:, -5] = 4.0  # four weeks are not yet more than half of nine
    assert common_shocks(rates)[-4:] == pytest.approx(0.5)


def test_a_week_without_almost_all_work_counts_as_usual() -> None:
    assert remove_shocks(np.array([[4.0, 0.0, 6.0]]), np.array([[1.0, 0.1, 1.0]]))[0] == pytest.approx([4, 5, 6])


def test_a_short_history_is_freed_from_all_that_units_share() -> None:
    rates = np.full((8, 52), 4.0)
    rates[:, 20:] = 16.0
    assert common_shocks(rates) == pytest.approx([0.5] * 20 + [1.0] * 32)


def test_a_season_needs_a_history() -> None:
    assert [count_harmonics(weeks) for weeks in (77, 78, 103, 104)] == [0, 1, 1, 2]
    columns = season_columns(104)
    assert columns.shape == (104, 5)
    # week 13.045 is a quarter of a year: cosine about 0, sine about 1
    assert columns[13] == pytest.approx([1, np.cos(2 * np.pi * 13 * 7 / 365.25), 1, -1, 0], abs=0.02)


def test_the_statistic_of_a_step_is_a_t_statistic() -> None:
    # 52 weeks have no season: a step of 1 in the last 4 weeks, and noise of +-0.5 in turn
    levels = np.tile([0.5, -0.5], 26)[None, :] + np.r_[np.zeros(48), np.ones(4)]
    scan = scan_steps(levels, design_steps(52))
    # the noise is balanced on both sides: the difference is 1, the unexplained squares 52 x 0.25 = 13, and their
    # correlation with the next week negative. t = 1 x sqrt(48 x 4 / 52) / sqrt(13 / 50)
    assert scan.weeks_after[0] == 4
    assert scan.statistic[0] == pytest.approx(np.sqrt(48 * 4 / 52) / np.sqrt(13 / 50))


def test_weeks_that_resemble_their_neighbours_make_a_step_less_certain() -> None:
    step = np.r_[np.zeros(48), np.ones(4)]
    in_pairs = np.tile([0.5, 0.5, -0.5, -0.5], 13)[None, :] + step
    # neighbours: 26 pairs of equal weeks, 25 of opposite ones: a = (26 - 25) x 0.25 / 13
    memory = 0.25 / 13
    expected = np.sqrt(48 * 4 / 52) / np.sqrt(13 / 50) * np.sqrt((1 - memory) / (1 + memory))
    assert scan_steps(in_pairs, design_steps(52)).statistic[0] == pytest.approx(expected)


def test_a_series_without_spread_has_no_change() -> None:
    assert scan_steps(np.ones((1, 52)), design_steps(52)).statistic[0] == 0


def test_season_and_step_are_fitted_together() -> None:
    weeks = np.arange(156)
    season = 0.3 * np.cos(2 * np.pi * weeks * 7 / 365.25)
    levels = (2 + season - 0.5 * (weeks >= 148))[None, :]
    fitted, unexplained = fit_season(levels, np.array([8]))
    assert fitted[0] == pytest.approx(season)
    assert unexplained == pytest.approx(0, abs=1e-9)


def test_a_season_is_taken_out_of_amounts() -> None:
    # a season of log 2 doubles hours; one of 1 on the scale of counts multiplies by (1 + 1/2)^2
    assert adjust_rates(np.array([[4.0, 2.0]]), np.log([[2.0, 1.0]]), HOURS)[0] == pytest.approx([2, 2])
    assert adjust_rates(np.array([[9.0, 4.0]]), np.array([[1.0, 0.0]]), COUNTS)[0] == pytest.approx([4, 4])


def test_a_change_is_the_ratio_of_two_means() -> None:
    adjusted = np.array([[8.0, 2.0, 4.0, 6.0, 2.0, 2.0]])
    assert relative_change(adjusted, 2, 2) == pytest.approx([2 / 5 - 1])
    assert relative_change(adjusted, 2, 2, most_before=2) == pytest.approx([2 / 5 - 1])
    assert relative_change(adjusted, 2, 2, most_before=3) == pytest.approx([2 / 4 - 1])
    assert np.isnan(relative_change(adjusted, 2, 5)).all()
    assert np.isnan(relative_change(np.array([[0.0, 0.0, 1.0]]), 1, 2)).all()
