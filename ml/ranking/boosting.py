"""Boosted trees with a listwise softmax loss, through scikit-learn's histogram boosting.

Belongs here: the custom loss, and the only use of a semi-private part of scikit-learn (its loss interface), which is
why scikit-learn is pinned to one release.
Does not belong here: the choice whether trees help (see ranker).
"""

import os
from typing import Any

import numpy as np
from sklearn._loss.link import IdentityLink
from sklearn._loss.loss import BaseLoss, HalfSquaredError
from sklearn.ensemble import HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Doubles
from ml.ranking.training_set import TrainingRows


class ListwiseSoftmax(BaseLoss):  # type: ignore[misc]
    """Cross entropy of each case's softmax over its candidates, with the linear utility as a fixed offset.

    The gradient of candidate c is w (p_c - t_c), its hessian w p_c (1 - p_c).

    Args:
        linear_utility: Cases x candidates: the offset.
        is_candidate: Cases x candidates; False on padding.
        target_share: Cases x candidates, t above: 1 / (targets of the case) for a target, else 0.
        case_weight: One weight per case, w above.
    """

    def __init__(
        self, linear_utility: Doubles, is_candidate: Bools, target_share: Doubles, case_weight: Doubles
    ) -> None:
        super().__init__(closs=None, link=IdentityLink(), n_classes=1)
        self.linear_utility = linear_utility
        self.is_candidate = is_candidate
        self.target_share = target_share
        self.case_weight = case_weight

    def fit_intercept_only(self, y_true: Doubles, sample_weight: Doubles | None = None) -> Doubles:  # noqa: ARG002
        return np.zeros(1)  # a constant added to all candidates changes no softmax

    def gradient_hessian(
        self,
        y_true: Doubles,  # noqa: ARG002
        raw_prediction: Doubles,
        sample_weight: Doubles | None = None,  # noqa: ARG002
        gradient_out: Any = None,
        hessian_out: Any = None,
        n_threads: int = 1,  # noqa: ARG002
    ) -> tuple[Any, Any]:
        utility = np.where(self.is_candidate, self.linear_utility, -np.inf)
        utility[self.is_candidate] += raw_prediction.ravel()
        utility -= utility.max(axis=1, keepdims=True)
        probability = np.exp(utility)
        probability /= probability.sum(axis=1, keepdims=True)
        gradient_out[:] = ((probability - self.target_share) * self.case_weight[:, None])[self.is_candidate]
        hessian_out[:] = np.maximum(
            (probability * (1.0 - probability) * self.case_weight[:, None])[self.is_candidate], 1e-6
        )
        return gradient_out, hessian_out

    def loss(self, y_true: Doubles, raw_prediction: Doubles, *_: Any, **__: Any) -> Doubles:  # noqa: ARG002
        return np.zeros_like(raw_prediction)  # only early stopping calls it, and that is off

    def __call__(self, *_: Any, **__: Any) -> float:
        return 0.0


def fit_boosted_residual(
    training_rows: TrainingRows, linear_utility: Doubles, case_weight: Doubles, config: RankerConfig, seed: int
) -> HistGradientBoostingRegressor:
    """Fit trees on what the linear utility leaves unexplained.

    Args:
        training_rows: Training rows; those without a target among their candidates are left out.
        linear_utility: One value per row of `training_rows.features`.
        case_weight: One weight per case.
        config: Number of trees, leaves and learning rate.
        seed: Seed of the features that each split may use.

    Returns:
        Trees whose predict() gives the residual utility.
    """
    has_target = training_rows.has_target
    rows_with_target = training_rows.select(has_target)
    case_weight = case_weight[has_target] / case_weight[has_target].mean()
    booster = HistGradientBoostingRegressor(
        loss=ListwiseSoftmax(
            linear_utility.reshape(training_rows.label.shape)[has_target],
            rows_with_target.is_candidate,
            rows_with_target.label / rows_with_target.label.sum(axis=1, keepdims=True),
            case_weight,
        ),
        max_iter=config.n_trees,
        max_leaf_nodes=config.max_leaves,
        learning_rate=config.learning_rate,
        max_features=0.5,
        min_samples_leaf=50,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    )
    # Trees are built feature by feature: the number of threads changes no sum. Matrix products stay at one thread.
    with threadpool_limits(os.cpu_count(), user_api="openmp"):
        booster.fit(
            rows_with_target.features[rows_with_target.is_candidate.ravel()],
            rows_with_target.label[rows_with_target.is_candidate].astype(np.float64),
        )
    # The loss holds the training data, which must not be saved. Prediction needs only an identity link.
    booster.loss = "squared_error"
    booster._loss = HalfSquaredError()
    return booster
