"""Calibration: from the ranker's utility to the probability of acquiring an item within the horizon.

Belongs here: the logistic model over utility and activity, and measures of how far probabilities hold.
Does not belong here: ranking.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from ml.histories import DAY, Bools, Doubles, Floats, Histories, Ints, Prefixes
from ml.ranker import log_softmax

ACTIVITY_DAYS = (30, 90, 365)


@dataclass(frozen=True, eq=False)
class Calibrator:
    """probability = 1 / (1 + exp(-(inputs . weights + bias)))."""

    weights: Doubles
    bias: float
    n_positive: int

    def probability(self, inputs: Floats) -> Doubles:
        return np.asarray(1.0 / (1.0 + np.exp(-(inputs @ self.weights + self.bias))), np.float64)


@dataclass(frozen=True)
class Bin:
    """One bin of a reliability diagram: so many promises, their mean, and the share that came true."""

    n: int
    said: float
    came_true: float


@dataclass(frozen=True)
class Reliability:
    """How far probabilities hold: error over ten equal-count bins, Brier score, its skill over the base rate."""

    n: int
    base_rate: float
    ece: float
    brier: float
    brier_skill: float
    bins: tuple[Bin, ...] = ()  # by rising promise


def activity(histories: Histories, person: Ints, cut: Ints) -> Floats:
    """Rows x 6: log of 1 + items first acquired, and of 1 + uses, in the last 30, 90 and 365 days before the cut."""
    got = histories.acquisitions
    rank = len(histories.moments) + 1
    acquired = got.person * rank + np.searchsorted(histories.moments, got.time)
    columns = []
    for key in (acquired, histories.search_key):
        end = np.searchsorted(key, person * rank + np.searchsorted(histories.moments, cut))
        for days in ACTIVITY_DAYS:
            begin = np.searchsorted(key, person * rank + np.searchsorted(histories.moments, cut - days * DAY))
            columns.append(np.log1p(end - begin))
    return np.stack(columns, axis=1).astype(np.float32)


def calibration_inputs(utility: Doubles, real: Bools, person_part: Floats, prefixes: Prefixes) -> Floats:
    """(rows * k) x inputs: listwise log odds and what the person's activity and idleness say about any step at all."""
    log_odds = np.where(real, log_softmax(utility, real), 0.0)[:, :, None]
    latest = np.full(len(prefixes), np.iinfo(np.int64).min)
    np.maximum.at(latest, prefixes.row, prefixes.used)
    idle = np.where(prefixes.lengths > 0, (prefixes.cut - latest) / DAY, 10_000.0)
    first = prefixes.cut.copy()
    np.minimum.at(first, prefixes.row, prefixes.acquired)
    tenure = np.log1p((prefixes.cut - first) / DAY)
    who = np.column_stack([person_part, np.log1p(idle), np.log1p(prefixes.lengths), tenure])
    spread = np.broadcast_to(who[:, None, :], (*utility.shape, who.shape[1]))
    return np.concatenate([log_odds, spread], axis=2).reshape(utility.size, -1).astype(np.float32)


def fit_calibrator(inputs: Floats, came_true: Bools, weight: Doubles | None = None) -> Calibrator | None:
    """Maximum likelihood, hardly penalised; None where fewer than twenty positives would make it a guess."""
    positive = int(came_true.sum())
    if positive < 20 or positive == len(came_true):
        return None
    centre, scale = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64) + 1e-6
    model = LogisticRegression(C=10.0, max_iter=500)
    model.fit((inputs - centre) / scale, came_true, sample_weight=weight)
    weights = model.coef_[0] / scale
    return Calibrator(weights, float(model.intercept_[0] - centre @ weights), positive)


def measure_reliability(probability: Doubles, came_true: Bools) -> Reliability | None:
    """Expected calibration error, Brier score, and its skill over always saying the base rate; None without rows."""
    n = len(probability)
    if not n:
        return None
    base = float(came_true.mean())
    brier = float(((probability - came_true) ** 2).mean())
    flat = base * (1.0 - base)
    order = np.argsort(probability, kind="stable")
    bins = tuple(
        Bin(len(part), float(probability[part].mean()), float(came_true[part].mean()))
        for part in np.array_split(order, min(10, n))
    )
    ece = sum(abs(one.said - one.came_true) * one.n for one in bins) / n
    return Reliability(n, base, ece, brier, 1.0 - brier / flat if flat else 0.0, bins)
