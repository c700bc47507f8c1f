"""Calibration of newcomers: the probability that people without a history begin with an item.

Belongs here: the fit of this probability on past newcomers. Does not belong here: their ranker (see newcomers).
"""

import numpy as np
from scipy.special import logit

from ml.data.sparse_rows import Bools, Doubles, Floats, Ints
from ml.data.statistics import LIST_LENGTH
from ml.ranking.calibration import Calibrator, fit_logistic_regression
from ml.ranking.ranker import log_softmax
from ml.ranking.training_set import TrainingRows

SLOPE_PENALTY = 10.0  # pulls the probabilities of all items to the base rate if there are few past newcomers


def build_newcomer_inputs(utility: Doubles, is_candidate: Bools) -> Floats:
    """(rows * k) x 1 inputs of the probability: the log odds among the candidates of a row (rows x k)."""
    log_odds = np.where(is_candidate, log_softmax(utility, is_candidate), 0.0)
    return log_odds.reshape(-1, 1).astype(np.float32)


def fit_newcomer_calibrator(utility: Doubles, past_newcomers: TrainingRows, case_weights: Doubles) -> Calibrator:
    """Fit the probability that an item is among those that a newcomer takes within the horizon of the first step.

    It is learned from the first ten items of people whose first step lay in a past window. How many people begin at all
    is not known from what people did. An item that ranks higher is never less probable: if past newcomers took lower
    ranks more often, the probability is the base rate.

    Args:
        utility: One value per row and candidate of `past_newcomers`.
        past_newcomers: At least one row.
        case_weights: Weight of each case.
    """
    is_candidate, is_target = past_newcomers.is_candidate, past_newcomers.label
    case_utility = np.where(is_candidate, utility.reshape(is_candidate.shape), -np.inf)
    first_items: Ints = np.argsort(-case_utility, axis=1, kind="stable")[:, :LIST_LENGTH]
    is_listed = np.zeros_like(is_candidate)
    np.put_along_axis(is_listed, first_items, True, axis=1)
    is_listed = (is_listed & is_candidate).ravel()
    inputs = build_newcomer_inputs(case_utility, is_candidate)[is_listed]
    outcomes = is_target.ravel()[is_listed]
    sample_weight = np.repeat(case_weights, is_candidate.shape[1])[is_listed]
    n_positive = int(outcomes.sum())
    base_rate = float((sample_weight @ outcomes + 0.5) / (sample_weight.sum() + 1.0))
    weights, bias = np.zeros(1), float(logit(base_rate))
    if 0 < n_positive < len(outcomes):
        fitted_weights, fitted_bias = fit_logistic_regression(inputs, outcomes, sample_weight, SLOPE_PENALTY)
        if fitted_weights[0] > 0.0:
            weights, bias = fitted_weights, fitted_bias
    return Calibrator(weights, bias, n_positive, np.array([0.0, 1.0]), np.zeros(0), base_rate=base_rate)
