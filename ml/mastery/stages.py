"""Stages by the declared policy: which one running counts reach, how far the next one is, what is missing for it.

Belongs here: the rules of the policy as expressions over the counts of a person and micro-skill.
Does not belong here: the counting (`ml.mastery.state`), which judgements count (`ml.mastery.assessments`), levels
(`ml.mastery.knowledge_tracing`).
"""

import polars as pl

from pipelines.contracts.policy import StagePolicy


def stage_index(policy: StagePolicy) -> pl.Expr:
    """0 none, 1 apprentice, 2 journeyman, 3 master, of an accumulated row. A stage needs the stages below it."""
    apprentice = _sum_of("observation_count", "repetition_count", "positive_feedback_count") > 0
    # who judges others without having done it is no apprentice
    apprentice = apprentice | (pl.col("teaching_count") > pl.col("review_count"))
    journeyman = apprentice & _has_repetition(policy.journeyman.repetition_hours, policy.journeyman.repetition_days)
    journeyman = journeyman & (pl.col("positive_feedback_count") >= policy.journeyman.positive_feedback)
    master = journeyman & _has_repetition(policy.master.repetition_hours, policy.master.repetition_days)
    master = master & (_sustained() >= policy.master.sustained_days)
    master = master & (pl.col("judge_count") >= policy.master.judges)
    master = master & (_lessons(policy) >= policy.master.teaching)
    return apprentice.cast(pl.Int8) + journeyman.cast(pl.Int8) + master.cast(pl.Int8)


def _lessons(policy: StagePolicy) -> pl.Expr:
    """Lessons given; so many reviews given weigh as one."""
    reviews = pl.col("review_count")
    return pl.col("teaching_count") - reviews + reviews // max(policy.master.reviews, 1)


def _sum_of(*names: str) -> pl.Expr:
    return pl.sum_horizontal(names)


def _has_repetition(hours: float, days: int) -> pl.Expr:
    """Hours of work, or, where hours are not booked, days of it."""
    return (pl.col("repetition_hours") >= hours) | (pl.col("repetition_count") >= days)


def _sustained() -> pl.Expr:
    span = pl.col("last_repetition_at") - pl.col("first_repetition_at")
    return span.dt.total_days().fill_null(0)


def _reached_share(column: pl.Expr, goal: float) -> pl.Expr:
    return pl.lit(1.0) if goal <= 0 else (column / goal).clip(0, 1)


def stage_progress(policy: StagePolicy) -> pl.Expr:
    """Share of the way to the next stage: the mean of the shares of each thing the policy asks, 0 for a master."""

    def share(hours: float, days: int) -> pl.Expr:
        by_hours = _reached_share(pl.col("repetition_hours"), hours)
        return pl.max_horizontal(by_hours, _reached_share(pl.col("repetition_count"), days))

    journeyman = pl.mean_horizontal(
        share(policy.journeyman.repetition_hours, policy.journeyman.repetition_days),
        _reached_share(pl.col("positive_feedback_count"), policy.journeyman.positive_feedback),
    )
    master = pl.mean_horizontal(
        share(policy.master.repetition_hours, policy.master.repetition_days),
        _reached_share(_sustained(), policy.master.sustained_days),
        _reached_share(pl.col("judge_count"), policy.master.judges),
        _reached_share(_lessons(policy), policy.master.teaching),
    )
    index = pl.col("stage_index")
    return pl.when(index == 1).then(journeyman).when(index == 2).then(master).otherwise(0.0)


def missing_for_next(policy: StagePolicy) -> pl.Expr:
    """Codes of what the policy still asks for the next stage; empty for a master."""

    def lacks(code: str, met: pl.Expr) -> pl.Expr:
        return pl.when(~met).then(pl.lit(code))

    journeyman = pl.concat_list(
        lacks("repetition", _has_repetition(policy.journeyman.repetition_hours, policy.journeyman.repetition_days)),
        lacks("positive_feedback", pl.col("positive_feedback_count") >= policy.journeyman.positive_feedback),
    )
    master = pl.concat_list(
        lacks("repetition", _has_repetition(policy.master.repetition_hours, policy.master.repetition_days)),
        lacks("sustained_repetition", _sustained() >= policy.master.sustained_days),
        lacks("feedback_from_several", pl.col("judge_count") >= policy.master.judges),
        lacks("teaching", _lessons(policy) >= policy.master.teaching),
    )
    index = pl.col("stage_index")
    first = pl.concat_list(pl.lit("first_practice"))
    nothing = pl.lit([], dtype=pl.List(pl.String))
    chosen = pl.when(index == 0).then(first).when(index == 1).then(journeyman).when(index == 2).then(master)
    return chosen.otherwise(nothing).list.drop_nulls()
