"""Proof of knowledge tracing: how well it foretells judgements that came after it was fitted, beside simple rules.

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

# No rule is punished without end for one surprise.
_SUREST = 0.01
# The smoothed fraction begins as if two judgements of the average kind were there.
_PRIOR = 2.0


@dataclass(frozen=True)
class TracingScore:
    """One row a model: judgements foretold, how many were positive, area under the ROC curve, log loss, Brier score."""

    model: str
    judgements: int
    positive_share: float
    auc: float
    log_loss: float
    brier: float


def choose_split_moment(evidence: pl.DataFrame, later_share: float = 0.25) -> datetime:
    """The moment after which that share of the judgements lies. Raises ValueError where there is no judgement."""
    moments = evidence.filter(pl.col("mode") == "feedback")["occurred_at"].sort()
    if moments.is_empty():
        raise ValueError("no judgement stands in the evidence: there is nothing to foretell")
    found = moments[int(len(moments) * (1 - later_share))]
    assert isinstance(found, datetime)
    return found - timedelta(microseconds=1)


def evaluate_knowledge_tracing(evidence: pl.DataFrame, split: datetime, policy: StagePolicy) -> list[TracingScore]:
    """Fitted on what came up to the split, asked about every judgement after it, each from the evidence before it.

    fraction correct so far: of the pair's own earlier judgements, the mean of all where there is none. Raises
    ValueError where too little was judged before the split, or nothing of both kinds after it.
    """
    tracing = fit_knowledge_tracing(evidence, split, policy)
    outcomes = gather_outcomes(evidence, policy, since=split)
    if not tracing.is_fitted or len(np.unique(outcomes.positive)) < 2:
        raise ValueError("too few judgements: nothing can be fitted before the split, or told apart after it")
    earlier = evidence.filter(pl.col("mode") == "feedback", pl.col("occurred_at") <= split)
    mean = float(earlier.select((pl.col("amount") >= policy.positive_share).mean()).item())
    good, count = outcomes.counts[:, 0], outcomes.counts.sum(axis=1)
    guesses: dict[str, Doubles] = {
        "mean of all": np.full(len(good), mean),
        "fraction correct so far": np.where(count > 0, good / np.maximum(count, 1), mean),
        "fraction correct, smoothed": (good + _PRIOR * mean) / (count + _PRIOR),
        "footsteps tracing": predict_outcomes(outcomes, tracing),
    }
    truth = outcomes.positive
    return [
        TracingScore(
            model,
            len(truth),
            float(truth.mean()),
            float(roc_auc_score(truth, sure)),
            float(log_loss(truth, sure)),
            float(brier_score_loss(truth, sure)),
        )
        for model, sure in ((name, np.clip(guess, _SUREST, 1 - _SUREST)) for name, guess in guesses.items())
    ]
