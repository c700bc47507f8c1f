"""Assessments: which feedback rows count for a stage, and which feedback overrules other feedback.

Belongs here: the order of trust certificate > assessment > manager > peer > self, as the policy declares it.
Does not belong here: the weight of feedback in a level (`ml.mastery.half_life`), the stages (`ml.mastery.stages`).
"""

from datetime import timedelta

import polars as pl

from ml.mastery.half_life import build_feedback_trust
from pipelines.contracts.columns import FEEDBACK_KINDS
from pipelines.contracts.policy import StagePolicy


def build_trust_rank() -> pl.Expr:
    """Return the rank of a row's feedback kind: 0 for the most trusted; other rows rank after all feedback.

    Feedback without a kind ranks as feedback of a peer.
    """
    rank_by_kind = {feedback_kind: feedback_rank for feedback_rank, feedback_kind in enumerate(FEEDBACK_KINDS)}
    feedback_rank = (
        pl.col("feedback_kind")
        .fill_null("peer")
        .replace_strict(rank_by_kind, return_dtype=pl.Int8, default=rank_by_kind["peer"])
    )
    return pl.when(pl.col("mode") == "feedback").then(feedback_rank).otherwise(len(rank_by_kind)).cast(pl.Int8)


def mark_counted_feedback(feedback: pl.DataFrame, policy: StagePolicy) -> pl.Series:
    """Return whether each feedback counts for a stage: positive, of a counted kind, and not overruled.

    Feedback is overruled if, when it was given, the most trusted of the more trusted feedback in force was negative.
    Feedback is in force for `standing_days`, and the latest of a kind replaces earlier feedback of that kind. Within
    one instant the more trusted comes first, and within one kind the negative comes last. Later feedback overrules no
    earlier feedback.

    Args:
        feedback: Rows of EVIDENCE with the mode feedback, and the columns `_pair` and `_trust_rank`, sorted by pair,
            instant, trust rank and falling amount.
        policy: The company's policy of stages.
    """
    is_positive, standing_period = pl.col("amount") >= policy.positive_share, timedelta(days=policy.trust.standing_days)
    is_overruling_positive = pl.lit(None, pl.Boolean)
    # the least trusted kind first, so that the most trusted kind in force decides
    for trust_rank in reversed(range(len(FEEDBACK_KINDS) - 1)):
        is_of_kind = pl.col("_trust_rank") == trust_rank
        last_given_at = pl.when(is_of_kind).then("occurred_at").forward_fill().over("_pair")
        is_last_positive = pl.when(is_of_kind).then(is_positive).forward_fill().over("_pair")
        is_in_force = (pl.col("_trust_rank") > trust_rank) & (pl.col("occurred_at") - last_given_at <= standing_period)
        is_overruling_positive = pl.when(is_in_force).then(is_last_positive).otherwise(is_overruling_positive)
    is_counted = (
        is_positive
        & (build_feedback_trust(policy) >= policy.trust.counted_share)
        & is_overruling_positive.fill_null(True)
    )
    return feedback.select(is_counted.fill_null(False)).to_series()
