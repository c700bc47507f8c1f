"""Calibration: from the ranker's utility to the probability of acquiring an item within the horizon.

Belongs here: the logistic model over utility and activity, and measures of how far probabilities hold.
Does not belong here: ranking.
"""

from dataclasses import dataclass
from math import pi, sqrt

import numpy as np
from sklearn.linear_model import LogisticRegression

from ml.data.interactions import TICKS_PER_DAY, Bools, Doubles, Floats, Interactions, Ints, UserStates
from ml.ranking.features import FEATURES
from ml.ranking.ranker import log_softmax

ACTIVITY_DAYS = (30, 90, 365)
# Of the ranker's features, those that say how likely anybody takes the item now, or this person its kind.
ITEM_INPUTS = (
    "trend_2",
    "trend_20",
    "is_new",
    "log_age",
    "first_part_idle",
    "first_part_recent",
    "first_two_parts_recent",
    "first_two_parts_idle",
    "stage_z",
    "log_popularity",
    "recent_popularity_log",
    "ease_last_log",
    "markov_last_log",
)
_ITEM_PLACES = [place for name in ITEM_INPUTS for place, one in enumerate(FEATURES) if one.name == name]
CALIBRATION_CANDIDATES = (
    20  # candidates of a person that promises are learned from: two lists' worth; below, next to nothing comes true
)
PENALTY = 100.0  # a few hundred outcomes stand behind two dozen weights
KNOTS = (1 / 3, 2 / 3)  # the bends split what came true into thirds


@dataclass(frozen=True, eq=False)
class Calibrator:
    """probability = 1 / (1 + exp(-bent(inputs . weights + bias))), bent being linear between the knots.

    bent(z) = tilt[0] + tilt[1] z + tilt[2] max(z - knot, 0) + ..., and never falls.
    """

    weights: Doubles
    bias: float
    n_positive: int
    tilt: Doubles
    knots: Doubles

    def probability(self, inputs: Floats) -> Doubles:
        plain = np.asarray(inputs @ self.weights + self.bias, np.float64)
        return np.asarray(
            1.0 / (1.0 + np.exp(-(_hinges(plain, self.knots) @ self.tilt[1:] + self.tilt[0]))), np.float64
        )


@dataclass(frozen=True)
class ReliabilityBin:
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
    bins: tuple[ReliabilityBin, ...] = ()  # by rising promise


def count_activity(interactions: Interactions, person: Ints, cut: Ints) -> Floats:
    """Rows x 6: log of 1 + items first acquired, and of 1 + uses, in the last 30, 90 and 365 days before the cut."""
    got = interactions.acquisitions
    rank = len(interactions.moments) + 1
    acquired = got.person * rank + np.searchsorted(interactions.moments, got.time)
    columns = []
    for key in (acquired, interactions.search_key):
        end = np.searchsorted(key, person * rank + np.searchsorted(interactions.moments, cut))
        for days in ACTIVITY_DAYS:
            begin = np.searchsorted(
                key, person * rank + np.searchsorted(interactions.moments, cut - days * TICKS_PER_DAY)
            )
            columns.append(np.log1p(end - begin))
    return np.stack(columns, axis=1).astype(np.float32)


def calibration_inputs(
    utility: Doubles, real: Bools, person_part: Floats, user_states: UserStates, features: Floats
) -> Floats:
    """(rows * k) x inputs: listwise log odds, what the person's activity and idleness say about any step at all, and
    what is known of the item (ITEM_INPUTS out of `features`, (rows * k) x features)."""
    log_odds = np.where(real, log_softmax(utility, real), 0.0)[:, :, None]
    latest = np.full(len(user_states), np.iinfo(np.int64).min)
    np.maximum.at(latest, user_states.row, user_states.last_used)
    idle = np.where(user_states.item_counts > 0, (user_states.cut - latest) / TICKS_PER_DAY, 10_000.0)
    first = user_states.cut.copy()
    np.minimum.at(first, user_states.row, user_states.first_used)
    tenure = np.log1p((user_states.cut - first) / TICKS_PER_DAY)
    who = np.column_stack([person_part, np.log1p(idle), np.log1p(user_states.item_counts), tenure])
    spread = np.broadcast_to(who[:, None, :], (*utility.shape, who.shape[1]))
    item = features[:, _ITEM_PLACES].reshape(*utility.shape, -1)
    return np.concatenate([log_odds, spread, item], axis=2).reshape(utility.size, -1).astype(np.float32)


def fit_calibrator(
    inputs: Floats, came_true: Bools, weight: Doubles | None = None, window: Ints | None = None
) -> Calibrator | None:
    """Penalised logistic regression, bent by what each window made of the promises learned from the others.

    People and habits move between windows, and the highest promises suffer most: each `window` (one code a row) is
    promised from the others, and a line with KNOTS bends is fitted from those promises to what came true. None where
    fewer than twenty positives would make it a guess; unbent where there is one window, or one without a positive.
    """
    positive = int(came_true.sum())
    if positive < 20 or positive == len(came_true):
        return None
    heavy = np.ones(len(came_true)) if weight is None else weight
    weights, bias = _fit_line(inputs, came_true, heavy, PENALTY)
    codes = np.zeros(0, np.int64) if window is None else np.unique(window)
    enough = len(codes) > 1 and all(came_true[window == code].any() for code in codes)
    straight = Calibrator(weights, bias, positive, np.array([0.0, 1.0]), np.zeros(0))
    if window is None or not enough:
        return straight
    promised = np.empty(len(came_true))
    for code in codes:
        there = window == code
        line, shift = _fit_line(inputs[~there], came_true[~there], heavy[~there], PENALTY)
        promised[there] = inputs[there] @ line + shift
    knots = np.quantile(promised[came_true], KNOTS)
    slopes, start = _fit_line(_hinges(promised, knots), came_true, heavy, 1e-1)
    rising = np.maximum(np.cumsum(slopes), 0.0)  # a higher promise must never say less
    tilt = np.concatenate([[start], np.diff(rising, prepend=0.0)])
    return Calibrator(weights, bias, positive, tilt, knots)


def _hinges(plain: Doubles, knots: Doubles) -> Doubles:
    return np.stack([plain, *(np.maximum(plain - knot, 0.0) for knot in knots)], axis=1)


def _fit_line(inputs: Floats | Doubles, came_true: Bools, weight: Doubles, penalty: float) -> tuple[Doubles, float]:
    """Weights and bias on the inputs' own scale; the penalty is on standardised weights."""
    centre, scale = inputs.mean(axis=0, dtype=np.float64), inputs.std(axis=0, dtype=np.float64) + 1e-6
    # Few inputs and many rows: Newton's method needs a dozen passes where others stop short.
    model = LogisticRegression(C=1.0 / penalty, max_iter=100, solver="newton-cholesky")
    model.fit((inputs - centre) / scale, came_true, sample_weight=weight)
    weights = model.coef_[0] / scale
    return weights, float(model.intercept_[0] - centre @ weights)


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
        ReliabilityBin(len(part), float(probability[part].mean()), float(came_true[part].mean()))
        for part in np.array_split(order, min(10, n))
    )
    ece = sum(abs(one.said - one.came_true) * one.n for one in bins) / n
    return Reliability(n, base, ece, brier, 1.0 - brier / flat if flat else 0.0, bins)


def chance_error(reliability: Reliability) -> float:
    """The calibration error that chance alone makes of promises that hold: the mean size of a binomial share's miss."""
    misses = [one.n * sqrt(2.0 / pi * one.said * (1.0 - one.said) / one.n) for one in reliability.bins]
    return sum(misses) / max(reliability.n, 1)
