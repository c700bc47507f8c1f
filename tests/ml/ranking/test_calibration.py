"""Calibration: fitted to drawn outcomes."""

import numpy as np
import pytest

from ml.ranking.calibration import fit_calibrator


def test_the_calibrator_learns_the_probabilities_that_outcomes_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(20_000, 2)).astype(np.float32)
    chance = 1 / (1 + np.exp(2.0 - inputs[:, 0]))
    calibrator, _ = fit_calibrator(inputs, rng.random(20_000) < chance)
    assert calibrator is not None
    assert np.abs(calibrator.probability(inputs) - chance).mean() < 0.01


def test_probabilities_that_fail_in_other_windows_are_bent_down() -> None:
    """In every window another half of the people is active, so that a fit on one window fails in the next."""
    rng = np.random.default_rng(0)
    window = np.repeat(np.arange(4), 10_000)
    inputs = rng.normal(size=(40_000, 4)).astype(np.float32)
    drift = np.take_along_axis(inputs, window[:, None], axis=1)[:, 0]  # each window has a weight of its own
    outcomes = rng.random(40_000) < 1 / (1 + np.exp(3.0 - 2.0 * drift))
    bent, _ = fit_calibrator(inputs, outcomes, None, window)
    straight, _ = fit_calibrator(inputs, outcomes)
    assert bent is not None
    assert straight is not None
    assert len(bent.knots) == 2
    new_inputs = rng.normal(size=(20_000, 4)).astype(np.float32) * 2.0
    assert bent.probability(new_inputs).max() < 0.5 * straight.probability(new_inputs).max()


def test_a_bent_probability_never_falls() -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(4_000, 1)).astype(np.float32)
    chance = np.where(inputs[:, 0] > 1.0, 0.05, 0.3)  # the highest log odds fail
    calibrator, _ = fit_calibrator(inputs, rng.random(4_000) < chance, None, np.repeat([0, 1], 2_000))
    assert calibrator is not None
    rising = np.sort(inputs[:, 0] * np.sign(calibrator.weights[0]))[:, None] * np.sign(calibrator.weights[0])
    assert (np.diff(calibrator.probability(rising.astype(np.float32))) >= -1e-9).all()


def test_few_positive_outcomes_give_no_calibrator() -> None:
    assert fit_calibrator(np.zeros((100, 1), np.float32), np.arange(100) < 19) == (None, None)


def test_held_out_log_odds_come_from_the_other_windows() -> None:
    """The input predicts the outcome in the first window and its opposite in the second."""
    inputs = np.tile(np.repeat([1.0, -1.0], 50), 2)[:, None].astype(np.float32)
    windows = np.repeat([0, 1], 100)
    outcomes = (inputs[:, 0] > 0) == (windows == 0)
    outcomes[[0, 60, 110, 160]] ^= True
    _, held_out_log_odds = fit_calibrator(inputs, outcomes, None, windows)
    assert held_out_log_odds is not None
    # what each window teaches is false in the other: the bent line learns that nothing transfers
    assert np.ptp(held_out_log_odds) == pytest.approx(0.0, abs=1e-6)
