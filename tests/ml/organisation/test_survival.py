"""Durations with an open end, worked by hand."""

import numpy as np
import pytest

from ml.organisation.survival import DAYS_PER_MONTH, count_months, estimate_durations


def test_the_estimate_is_the_product_of_the_shares_that_stay_on_the_way() -> None:
    # five histories: arrivals on days 10, 30 and 30, ends without arrival on days 20 and 40
    # S(10) = 1 - 1/5 = 0.8; day 20 ends one of four; S(30) = 0.8 x (1 - 2/3) = 0.2667; day 40 ends the last
    estimate = estimate_durations(np.array([10.0, 20, 30, 30, 40]), np.array([True, False, True, True, False]))
    assert (estimate.quarter_days, estimate.half_days, estimate.three_quarters_days) == (30, 30, None)
    assert estimate.unreached_share == pytest.approx(0.8 / 3)
    assert estimate.followed_days == 40


def test_without_open_histories_the_quantiles_are_those_of_the_durations() -> None:
    estimate = estimate_durations(np.array([1.0, 2, 3, 4]), np.full(4, True))
    assert (estimate.quarter_days, estimate.half_days, estimate.three_quarters_days) == (1, 2, 3)
    assert estimate.unreached_share == 0


def test_open_histories_make_the_time_longer() -> None:
    finished = estimate_durations(np.array([10.0, 20, 30]), np.full(3, True))
    open_too = estimate_durations(np.array([10.0, 20, 30, 25, 25]), np.array([True, True, True, False, False]))
    assert (finished.half_days, open_too.half_days) == (20, 30)


def test_nobody_who_arrived_gives_no_time() -> None:
    estimate = estimate_durations(np.array([5.0, 9.0]), np.full(2, False))
    assert (estimate.half_days, estimate.unreached_share, estimate.followed_days) == (None, 1.0, 9)


def test_the_interval_of_the_median_holds_the_days_at_which_the_band_contains_a_half() -> None:
    # ten arrivals on days 1 to 10; with n = 10 and S = 1/2 on day 5, log-log: theta = log(-log S) +- 1.96 se,
    # se = sqrt(sum of d / (n (n - d))) / |log S|
    days = np.arange(1.0, 11)
    estimate = estimate_durations(days, np.full(10, True))
    low, high = [], []
    for day in range(1, 10):
        share = 1 - day / 10
        greenwood = sum(1 / (n * (n - 1)) for n in range(10, 10 - day, -1))
        theta, error = np.log(-np.log(share)), 1.959964 * np.sqrt(greenwood) / abs(np.log(share))
        low.append(np.exp(-np.exp(theta + error)))
        high.append(np.exp(-np.exp(theta - error)))
    assert estimate.half_low_days == next(day for day, share in enumerate(low, 1) if share <= 0.5)
    assert estimate.half_high_days == next(day for day, share in enumerate(high, 1) if share <= 0.5)


def test_months_are_counted_up() -> None:
    assert [count_months(days) for days in (None, 0.0, 1.0, DAYS_PER_MONTH, DAYS_PER_MONTH + 1)] == [None, 0, 1, 1, 2]
