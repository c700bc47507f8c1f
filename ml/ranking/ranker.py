"""The ranker: a conditional logit over each case's candidates, and boosted trees on its residual.

Belongs here: the listwise loss, its two fits, the choice of their mix on held-out people.
Does not belong here: how features and cases are built, probabilities (see calibration).
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import Bounds, minimize
from sklearn.ensemble import HistGradientBoostingRegressor

from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Doubles, Floats
from ml.data.statistics import ndcg_from_scores
from ml.ranking.boosting import fit_boosted_residual
from ml.ranking.features import Feature
from ml.ranking.training_set import TrainingRows, assign_folds, weigh_cases

INTERACTION = "interaction"
# Weights for companies with few past cases: the mean standard score of the nominating scorers, and both popularities.
SMALL_PRIOR_WEIGHT_BY_FEATURE = {"prior": 0.7, "log_popularity": 0.3, "recent_popularity_log": 0.3}
SMALL_PRIOR_CASES = 50.0  # cases that count as much as these weights
SMALL_CASE_DECAY = 0.5
CACHED_ROWS = 2_000  # every tree reads all rows of a prediction: a megabyte of them stays in the cache


@dataclass(frozen=True, eq=False)
class Ranker:
    """Utility of a candidate = standardised features . weights + residual_weight * trees(features)."""

    features: tuple[Feature, ...]
    centre: Doubles
    scale: Doubles
    weights: Doubles
    booster: HistGradientBoostingRegressor | None
    residual_weight: float
    case_decay: float

    def linear_utility(self, feature_matrix: Floats) -> Doubles:
        """The linear part of the utility, one value per row."""
        return self.utility(feature_matrix, residual_weight=0.0)

    def utility(self, feature_matrix: Floats, *, residual_weight: float | None = None) -> Doubles:
        """The utility of candidates; differences between candidates of the same person are log odds.

        Args:
            feature_matrix: Rows x features, in the order of `self.features`.
            residual_weight: Weight of the trees; the ranker's own if None.

        Returns:
            One value per row.
        """
        residual_weight = self.residual_weight if residual_weight is None else residual_weight
        feature_weights = self.weights / self.scale
        utility_blocks = []
        for first_row in range(0, max(len(feature_matrix), 1), CACHED_ROWS):
            feature_block = feature_matrix[first_row : first_row + CACHED_ROWS].astype(np.float64)
            utility_blocks.append(feature_block @ feature_weights - self.centre @ feature_weights)
            if self.booster is not None and residual_weight:
                utility_blocks[-1] = utility_blocks[-1] + residual_weight * np.asarray(
                    self.booster.predict(feature_block), np.float64
                )
        return np.concatenate(utility_blocks)

    def contributions(self, feature_matrix: Floats, utilities: Doubles) -> dict[str, Doubles]:
        """Additive parts of the utility.

        Args:
            feature_matrix: Rows x features.
            utilities: The utility of these rows.

        Returns:
            One value per row for each of `contribution_names`: the linear utility by family, and the trees as
            `interaction`. They add up to `utilities` but for a constant.
        """
        feature_terms = (feature_matrix - self.centre) / self.scale * self.weights
        contribution_by_family = {
            family: feature_terms[:, [feature.family == family for feature in self.features]].sum(axis=1)
            for family in self.contribution_names[:-1]
        }
        return {**contribution_by_family, INTERACTION: utilities - feature_terms.sum(axis=1)}

    @property
    def contribution_names(self) -> tuple[str, ...]:
        """The keys of `contributions` in their order."""
        return (*dict.fromkeys(str(feature.family) for feature in self.features), INTERACTION)


def fit_ranker(
    training_rows: TrainingRows,
    features: tuple[Feature, ...],
    config: RankerConfig,
    *,
    seed: int,
    settings_ranker: Ranker | None = None,
) -> Ranker:
    """Choose decay and residual weight on a held-out third of the people, then fit on everybody.

    Fewer than `min_boosting_cases` cases do not support such choices. The weights are then pulled to those of a fixed
    mean of simple scorers, the more so the fewer cases there are.

    Args:
        training_rows: Training rows.
        features: The columns of `training_rows.features`.
        config: The decays and weights to try, and the settings of both fits.
        seed: Seed of the held-out people and of the trees.
        settings_ranker: A ranker whose decay and residual weight are taken instead of chosen.
    """
    n_learned = int(training_rows.has_target.sum())
    if n_learned < config.min_boosting_cases:
        small_config = replace(config, logit_penalty=SMALL_PRIOR_CASES / max(n_learned, 1))
        prior_weights = np.array([SMALL_PRIOR_WEIGHT_BY_FEATURE.get(feature.name, 0.0) for feature in features])
        return fit_logit(training_rows, features, small_config, SMALL_CASE_DECAY, prior_weights=prior_weights)
    if settings_ranker is None:
        case_decay, residual_weight = _choose_settings(training_rows, features, config, seed)
    else:
        case_decay, residual_weight = settings_ranker.case_decay, settings_ranker.residual_weight
    ranker = fit_logit(training_rows, features, config, case_decay)
    return fit_residual_trees(ranker, training_rows, config, residual_weight, seed) if residual_weight else ranker


def fit_residual_trees(
    ranker: Ranker, training_rows: TrainingRows, config: RankerConfig, residual_weight: float, seed: int
) -> Ranker:
    """The ranker with trees fitted on what its linear part leaves unexplained."""
    booster = fit_boosted_residual(
        training_rows,
        ranker.linear_utility(training_rows.features),
        weigh_cases(training_rows, ranker.case_decay),
        config,
        seed,
    )
    return replace(ranker, booster=booster, residual_weight=residual_weight)


def _choose_settings(
    training_rows: TrainingRows, features: tuple[Feature, ...], config: RankerConfig, seed: int
) -> tuple[float, float]:
    """The decay and the residual weight that rank held-out people best."""
    is_held_out = assign_folds(int(training_rows.person.max(initial=0)) + 1, 3, seed + 1)[training_rows.person] == 0
    fitted_rows, held_out_rows = training_rows.select(~is_held_out), training_rows.select(is_held_out)

    def measure_held_out_ndcg(ranker: Ranker) -> float:
        return mean_ndcg(ranker.utility(held_out_rows.features), held_out_rows)

    rankers: list[Ranker] = []
    for case_decay in config.case_decays:
        rankers.append(
            fit_logit(fitted_rows, features, config, case_decay, start_weights=rankers[-1].weights if rankers else None)
        )
    best_ranker = max(rankers, key=measure_held_out_ndcg)
    if not config.boosting or int(fitted_rows.has_target.sum()) < config.min_boosting_cases:
        return best_ranker.case_decay, 0.0
    ranker_with_trees = fit_residual_trees(best_ranker, fitted_rows, config, 1.0, seed)
    candidate_rankers = [
        replace(ranker_with_trees, residual_weight=residual_weight) for residual_weight in config.residual_weights
    ]
    return best_ranker.case_decay, max(candidate_rankers, key=measure_held_out_ndcg).residual_weight


def fit_logit(
    training_rows: TrainingRows,
    features: tuple[Feature, ...],
    config: RankerConfig,
    case_decay: float,
    *,
    start_weights: Doubles | None = None,
    prior_weights: Doubles | None = None,
    penalties: Doubles | None = None,
    is_nonnegative: Bools | None = None,
) -> Ranker:
    """Fit a softmax over each case's candidates by L-BFGS; the targets of a case share its weight.

    Args:
        training_rows: Training rows.
        features: The columns of `training_rows.features`.
        config: Holds the penalty on the weights.
        case_decay: How fast the weight of a person's earlier cases falls.
        start_weights: Standardized weights to start from; the prior ones if None.
        prior_weights: Weights of the features as they are, to which the penalty pulls; zeros if None.
        penalties: One penalty per feature; that of `config` for all if None.
        is_nonnegative: Features whose weights must not be negative; none if None.
    """
    is_candidate = training_rows.is_candidate.ravel()
    feature_means = training_rows.features[is_candidate].mean(axis=0, dtype=np.float64)
    feature_deviations = training_rows.features[is_candidate].std(axis=0, dtype=np.float64)
    feature_deviations[feature_deviations < 1e-6] = 1.0
    rows_with_target = training_rows.select(training_rows.has_target)
    standardized_features = ((rows_with_target.features - feature_means) / feature_deviations).astype(np.float32)
    standardized_prior = np.zeros(len(features)) if prior_weights is None else prior_weights * feature_deviations
    weights = _minimise_cross_entropy(
        rows_with_target,
        standardized_features,
        weigh_cases(rows_with_target, case_decay),
        standardized_prior if start_weights is None else start_weights,
        standardized_prior,
        np.full(len(features), config.logit_penalty) if penalties is None else penalties,
        np.where(np.zeros(len(features), bool) if is_nonnegative is None else is_nonnegative, 0.0, -np.inf),
    )
    return Ranker(features, feature_means, feature_deviations, weights, None, 0.0, case_decay)


def _minimise_cross_entropy(
    rows_with_target: TrainingRows,
    standardized_features: Floats,
    case_weights: Doubles,
    start_weights: Doubles,
    prior_weights: Doubles,
    penalties: Doubles,
    lowest_weights: Doubles,
) -> Doubles:
    """The weights of the standardized features that minimise cross-entropy and distance to the prior weights."""
    case_weights = case_weights / case_weights.sum()
    target_shares = rows_with_target.label / rows_with_target.label.sum(axis=1, keepdims=True) * case_weights[:, None]

    def loss(feature_weights: Doubles) -> tuple[float, Doubles]:
        utility = (
            (standardized_features @ feature_weights.astype(np.float32))
            .astype(np.float64)
            .reshape(rows_with_target.label.shape)
        )
        log_odds = log_softmax(utility, rows_with_target.is_candidate)
        residuals = np.exp(log_odds) * case_weights[:, None] - target_shares
        cross_entropy = -float((target_shares * np.where(rows_with_target.is_candidate, log_odds, 0.0)).sum())
        gradient = (residuals.ravel().astype(np.float32) @ standardized_features).astype(np.float64)
        distance = feature_weights - prior_weights
        pull = penalties * distance
        return cross_entropy + 0.5 * float(distance @ pull), gradient + pull

    # An iteration that gains less than a millionth of a nat changes no order.
    optimisation_result = minimize(
        loss,
        start_weights,
        jac=True,
        method="L-BFGS-B",
        bounds=None if np.isneginf(lowest_weights).all() else Bounds(lowest_weights, np.inf),
        options={"maxiter": 150, "ftol": 1e-6},
    )
    return np.asarray(optimisation_result.x, np.float64)


def log_softmax(utility: Doubles, is_candidate: Bools) -> Doubles:
    """Log of the softmax over each row's candidates; minus infinity on padding."""
    masked_utility = np.where(is_candidate, utility, -np.inf)
    row_maxima = masked_utility.max(axis=1, keepdims=True)
    row_maxima = np.where(np.isfinite(row_maxima), row_maxima, 0.0)
    return np.asarray(
        masked_utility - row_maxima - np.log(np.exp(masked_utility - row_maxima).sum(axis=1, keepdims=True) + 1e-300),
        np.float64,
    )


def mean_ndcg(utility: Doubles, training_rows: TrainingRows) -> float:
    """Mean NDCG@10 over the cases with targets; a target that is no candidate counts as missed."""
    has_targets = training_rows.n_targets > 0
    if not has_targets.any():
        return 0.0
    return float(
        ndcg_from_scores(
            utility.reshape(training_rows.label.shape),
            training_rows.label,
            training_rows.is_candidate,
            training_rows.n_targets,
        )[has_targets].mean()
    )
