"""Evaluation of knowledge tracing: how well it predicts feedback given after it was fitted, compared with simple rules.

Belongs here: the comparison over a time split.
Does not belong here: the model (`ml.mastery.knowledge_tracing`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from ml.data.sparse_rows import Doubles
from ml.mastery.half_life import gather_outcomes
from ml.mastery.knowledge_tracing import fit_knowledge_tracing, predict_outcomes
from pipelines.contracts.policy import StagePolicy

# Predictions are clipped, so that no rule is punished without limit for one surprise.
_MIN_PROBABILITY = 0.01
# The smoothed fraction starts as if there were two feedback rows of the average kind.
_PRIOR_COUNT = 2.0


class TooLittleFeedback(ValueError):
    """There is too little feedback to fit the model, or to compare it with other rules."""


@dataclass(frozen=True)
class TracingScore:
    """One row per model: number and positive share of predicted feedback rows, area under the ROC curve, and losses."""

    model: str
    feedback_count: int
    positive_share: float
    auc: float
    log_loss: float
    brier: float


def choose_split_moment(evidence: pl.DataFrame, later_share: float = 0.25) -> datetime:
    """Return the moment after which that share of the feedback lies.

    Args:
        evidence: Rows of EVIDENCE.
        later_share: Share of the feedback rows that is predicted.

    Raises:
        TooLittleFeedback: The evidence has no feedback.
    """
    moments = evidence.filter(pl.col("mode") == "feedback")["occurred_at"].sort()
    if moments.is_empty():
        raise TooLittleFeedback("the evidence has no feedback: there is nothing to predict")
    split = moments[int(len(moments) * (1 - later_share))]
    assert isinstance(split, datetime)
    return split - timedelta(microseconds=1)


def evaluate_knowledge_tracing(evidence: pl.DataFrame, split: datetime, policy: StagePolicy) -> list[TracingScore]:
    """Fit on the evidence up to the split, and predict every feedback after it from the evidence before that feedback.

    Args:
        evidence: Rows of EVIDENCE.
        split: The last moment that the model may see.
        policy: The company's policy of stages.

    Returns:
        One row per model. `fraction correct so far` is that of the pair's own earlier feedback, or the mean of all
        feedback if there is none.

    Raises:
        TooLittleFeedback: There is too little feedback before the split, or only one kind of outcome after it.
    """
    tracing = fit_knowledge_tracing(evidence, split, policy)
    outcomes = gather_outcomes(evidence, policy, after_moment=split)
    if not tracing.is_fitted or len(np.unique(outcomes.is_positive)) < 2:
        raise TooLittleFeedback("too little feedback: no model can be fitted before the split, or compared after it")
    earlier = evidence.filter(pl.col("mode") == "feedback", pl.col("occurred_at") <= split)
    mean = float(earlier.select((pl.col("amount") >= policy.positive_share).mean()).item())
    positive, count = outcomes.feedback_counts[:, 0], outcomes.feedback_counts.sum(axis=1)
    predictions: dict[str, Doubles] = {
        "mean of all": np.full(len(positive), mean),
        "fraction correct so far": np.where(count > 0, positive / np.maximum(count, 1), mean),
        "fraction correct, smoothed": (positive + _PRIOR_COUNT * mean) / (count + _PRIOR_COUNT),
        "footsteps tracing": predict_outcomes(outcomes, tracing),
    }
    truth, scores = outcomes.is_positive, []
    for model, prediction in predictions.items():
        probability = np.clip(prediction, _MIN_PROBABILITY, 1 - _MIN_PROBABILITY)
        auc, loss, brier = (measure(truth, probability) for measure in (roc_auc_score, log_loss, brier_score_loss))
        scores.append(TracingScore(model, len(truth), float(truth.mean()), float(auc), float(loss), float(brier)))
    return scores
