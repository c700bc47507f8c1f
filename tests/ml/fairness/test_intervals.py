"""Intervals agree with published figures and other libraries."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from ml.fairness.intervals import compute_auc, compute_rate, compute_rate_ratio


def test_the_interval_of_a_rate_is_that_of_scipy() -> None:
    for cases, people in ((0, 20), (7, 20), (20, 20)):
        rate, expected = compute_rate(cases, people), binomtest(cases, people).proportion_ci(method="wilson")
        assert (rate.low, rate.high) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_the_interval_of_a_ratio_is_that_of_the_log_method() -> None:
    ratio = compute_rate_ratio(18, 30, 36, 40)
    assert ratio is not None
    error = np.sqrt(1 / 18 - 1 / 30 + 1 / 36 - 1 / 40)
    assert ratio.estimate == pytest.approx(2 / 3)
    assert (ratio.low, ratio.high) == pytest.approx(tuple(2 / 3 * np.exp(np.array([-1, 1]) * 1.959964 * error)))
    assert compute_rate_ratio(3, 30, 0, 40) is None
    none = compute_rate_ratio(0, 30, 20, 40)
    assert none is not None
    assert none.estimate == 0 < none.low < none.high < 1


def test_the_area_is_that_of_scikit_learn_and_its_interval_covers_a_half() -> None:
    rng, covered = np.random.default_rng(3), 0
    for _ in range(200):
        scores, is_member = rng.integers(0, 6, 80).astype(float), np.arange(80) < 30
        auc, error = compute_auc(scores, is_member)
        assert auc.estimate == pytest.approx(roc_auc_score(is_member, scores))
        covered += auc.low <= 0.5 <= auc.high
        assert error > 0
    assert 180 <= covered <= 199
