"""The ranker: a conditional logit over each case's candidates, and boosted trees on what it leaves unexplained.

Belongs here: the listwise loss, its two fits, the choice of their mix on held-out people.
Does not belong here: how features and cases come about, probabilities (see calibration).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from sklearn.ensemble import HistGradientBoostingRegressor

from ml.data.interactions import Bools, Doubles, Floats
from ml.data.ranker_config import RankerConfig
from ml.ranking.boosting import fit_boosted_residual
from ml.ranking.features import Feature
from ml.ranking.training_set import TrainingRows, assign_folds, weigh_cases

INTERACTION = "interaction"
CACHED_ROWS = 2_000  # every tree reads all rows it is asked about: a megabyte of them stays in the cache


@dataclass(frozen=True, eq=False)
class Ranker:
    """Utility of a candidate = standardised features . weights + step * trees(features)."""

    features: tuple[Feature, ...]
    centre: Doubles
    scale: Doubles
    weights: Doubles
    booster: HistGradientBoostingRegressor | None
    residual_weight: float
    case_decay: float

    def linear_utility(self, features: Floats) -> Doubles:
        """The linear part alone, one value a row."""
        return np.concatenate([self._linear(part.astype(np.float64)) for part in _parts(features)])

    def utility(self, features: Floats) -> Doubles:
        """One value a row; differences between candidates of the same person are log odds."""
        if self.booster is None or not self.residual_weight:
            return self.linear_utility(features)
        parts = (part.astype(np.float64) for part in _parts(features))
        return np.concatenate(
            [
                self._linear(part) + self.residual_weight * np.asarray(self.booster.predict(part), np.float64)
                for part in parts
            ]
        )

    def _linear(self, features: Doubles) -> Doubles:
        weights = self.weights / self.scale
        return np.asarray(features @ weights - self.centre @ weights, np.float64)

    def contributions(self, features: Floats, utility: Doubles) -> dict[str, Doubles]:
        """Additive parts of the linear utility by family, and of the trees as `interaction`; they sum to `utility`,
        which is that of these features, but for a constant."""
        parts = (features - self.centre) / self.scale * self.weights
        sums = {}
        for family in self.contribution_names[:-1]:
            columns = [place for place, feature in enumerate(self.features) if feature.family == family]
            sums[family] = parts[:, columns].sum(axis=1)
        sums[INTERACTION] = utility - parts.sum(axis=1)
        return sums

    @property
    def contribution_names(self) -> tuple[str, ...]:
        """The names of `contributions`, in their order."""
        return (*dict.fromkeys(str(feature.family) for feature in self.features), INTERACTION)


def fit_ranker(
    rows: TrainingRows,
    features: tuple[Feature, ...],
    config: RankerConfig,
    *,
    seed: int,
    settings_from: Ranker | None = None,
) -> Ranker:
    """Choose decay and step on a held-out third of the people (or take them from `like`), then fit on everybody."""
    case_decay, residual_weight = (
        (settings_from.case_decay, settings_from.residual_weight)
        if settings_from is not None
        else _choose_mix(rows, features, config, seed)
    )
    final = fit_logit(rows, features, config, case_decay)
    if not residual_weight:
        return final
    booster = fit_boosted_residual(
        rows, final.linear_utility(rows.features), weigh_cases(rows, case_decay), config, seed
    )
    return replace(final, booster=booster, residual_weight=residual_weight)


def _choose_mix(
    rows: TrainingRows, features: tuple[Feature, ...], config: RankerConfig, seed: int
) -> tuple[float, float]:
    """The decay and the step whose ranking of held-out people is best."""
    held_out = assign_folds(int(rows.person.max(initial=0)) + 1, 3, seed + 1)[rows.person] == 0
    train, check = rows.where(~held_out), rows.where(held_out)
    trials: list[Ranker] = []
    for case_decay in config.case_decays:
        trials.append(fit_logit(train, features, config, case_decay, start=trials[-1].weights if trials else None))
    best = max(trials, key=lambda ranker: mean_ndcg(ranker.utility(check.features), check))
    if not config.boosting or int(train.has_target.sum()) < config.min_boosting_cases:
        return best.case_decay, 0.0
    booster = fit_boosted_residual(
        train, best.linear_utility(train.features), weigh_cases(train, best.case_decay), config, seed
    )
    mixes = [
        replace(best, booster=booster, residual_weight=residual_weight) for residual_weight in config.residual_weights
    ]
    return best.case_decay, max(
        mixes, key=lambda ranker: mean_ndcg(ranker.utility(check.features), check)
    ).residual_weight


def fit_logit(
    rows: TrainingRows,
    features: tuple[Feature, ...],
    config: RankerConfig,
    case_decay: float,
    *,
    start: Doubles | None = None,
) -> Ranker:
    """Softmax over each case's candidates by L-BFGS, from `start`; targets of a case share its weight."""
    real = rows.real.ravel()
    centre = rows.features[real].mean(axis=0, dtype=np.float64)
    scale = rows.features[real].std(axis=0, dtype=np.float64)
    scale[scale < 1e-6] = 1.0
    used = rows.has_target
    part = rows.where(used)
    matrix = ((part.features - centre) / scale).astype(np.float32)
    weight = weigh_cases(part, case_decay)
    weight /= weight.sum()
    share = part.label / part.label.sum(axis=1, keepdims=True) * weight[:, None]

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        utility = (matrix @ weights.astype(np.float32)).astype(np.float64).reshape(part.label.shape)
        log_odds = log_softmax(utility, part.real)
        miss = np.exp(log_odds) * weight[:, None] - share
        value = -float((share * np.where(part.real, log_odds, 0.0)).sum())
        slope = (miss.ravel().astype(np.float32) @ matrix).astype(np.float64)
        penalty = config.logit_penalty
        return value + 0.5 * penalty * float(weights @ weights), slope + penalty * weights

    origin = np.zeros(matrix.shape[1]) if start is None else start
    # Gains under a millionth of a nat per iteration reorder nothing.
    found = minimize(loss, origin, jac=True, method="L-BFGS-B", options={"maxiter": 150, "ftol": 1e-6})
    return Ranker(features, centre, scale, np.asarray(found.x, np.float64), None, 0.0, case_decay)


def _parts(features: Floats) -> list[Floats]:
    return [features[low : low + CACHED_ROWS] for low in range(0, max(len(features), 1), CACHED_ROWS)]


def log_softmax(utility: Doubles, real: Bools) -> Doubles:
    """Log of the softmax over each row's real entries; minus infinity on padding."""
    shown = np.where(real, utility, -np.inf)
    top = shown.max(axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    total = np.log(np.exp(shown - top).sum(axis=1, keepdims=True) + 1e-300)
    return np.asarray(shown - top - total, np.float64)


def mean_ndcg(utility: Doubles, rows: TrainingRows, k: int = 10) -> float:
    """Mean NDCG@k over the cases; targets that are no candidates count as missed."""
    shown = np.where(rows.real, utility.reshape(rows.label.shape), -np.inf)
    order = np.argsort(-shown, axis=1, kind="stable")[:, :k]
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    gain = (np.take_along_axis(rows.label, order, axis=1) * discount[: order.shape[1]]).sum(axis=1)
    ideal = np.cumsum(discount)[np.minimum(rows.n_targets, k) - 1]
    counted = rows.n_targets > 0
    return float((gain[counted] / ideal[counted]).mean()) if counted.any() else 0.0
