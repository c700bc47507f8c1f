"""Judgements: which of them count for a stage, and who is believed where two disagree.

Belongs here: the precedence certificate > assessment > manager > peer > self, as the policy declares it.
Does not belong here: what a judgement weighs in a level (`ml.mastery.half_life`), the stages (`ml.mastery.stages`).
"""

from datetime import timedelta

import polars as pl

from ml.mastery.half_life import trust_of
from pipelines.contracts.columns import FEEDBACK_KINDS
from pipelines.contracts.policy import StagePolicy


def trust_order() -> pl.Expr:
    """0 for the most trusted kind of judgement; one whose kind is not told is a peer's; other rows come last."""
    order = {kind: place for place, kind in enumerate(FEEDBACK_KINDS)}
    place = pl.col("feedback_kind").fill_null("peer").replace_strict(order, return_dtype=pl.Int8, default=order["peer"])
    return pl.when(pl.col("mode") == "feedback").then(place).otherwise(len(order)).cast(pl.Int8)


def count_judgements(judgements: pl.DataFrame, policy: StagePolicy) -> pl.Series:
    """For each judgement whether it counts for a stage: positive, of a counted kind, and not overruled.

    Overruled: when it was given, the most trusted among the judgements of more trusted kinds that still stood was
    negative. One stands for `standing_days`, and the last one of its kind speaks for the kind. Of one instant, the
    more trusted come first, and of one kind the negative last. A later judgement overrules no earlier one.

    judgements: feedback rows with `_pair` and `_order` (trust_order), sorted by pair, moment, order and falling amount.
    """
    positive = pl.col("amount") >= policy.positive_share
    standing = timedelta(days=policy.trust.standing_days)
    moment = pl.col("occurred_at")
    frame = judgements.with_columns(positive.alias("_positive"))
    said = pl.lit(None, pl.Boolean)
    # the least trusted first, so that the most trusted has the last word
    for place in reversed(range(len(FEEDBACK_KINDS) - 1)):
        of_kind = pl.col("_order") == place
        last_at = pl.when(of_kind).then(moment).forward_fill().over("_pair")
        last = pl.when(of_kind).then("_positive").forward_fill().over("_pair")
        stands = (pl.col("_order") > place) & (moment - last_at <= standing)
        said = pl.when(stands).then(last).otherwise(said)
    counted = pl.col("_positive") & (trust_of(policy) >= policy.trust.counted_share) & said.fill_null(True)
    return frame.select(counted.fill_null(False).alias("counted")).to_series()
