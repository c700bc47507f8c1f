"""Evidence to stage and level as of a date, by one frozen policy; and the steps people reached, with their dates.

Belongs here: the stage policy applied to evidence, rustiness, what is missing for the next stage.
Does not belong here: what evidence is (`pipelines.evidence`), what to do next (`ml.recommend`).
"""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from pipelines.contracts.fields import STAGES
from pipelines.contracts.learnt import MASTERY, REACHED_STEP
from pipelines.contracts.policy import StagePolicy

_PAIR = ["person_id", "skill_id"]


def estimate_mastery(evidence: pl.DataFrame, as_of: date, policy: StagePolicy) -> pl.DataFrame:
    """One row per person and micro-skill with evidence up to the end of `as_of`, in the contract of its table."""
    moment = end_of(as_of)
    running = accumulate(evidence.filter(pl.col("occurred_at") <= moment), policy)
    last = running.group_by(_PAIR, maintain_order=True).last()
    practised = pl.coalesce("practised_at", "occurred_at")
    stage = stage_index(policy)
    state = last.with_columns(
        stage.alias("stage_index"),
        practised.alias("last_practised_at"),
    )
    fading = moment - timedelta(days=policy.rusty_after_days)
    state = state.with_columns(
        pl.col("stage_index").replace_strict(dict(enumerate(STAGES)), return_dtype=pl.String).alias("stage"),
        ((pl.col("stage_index") + _progress(policy)) / 3).clip(0, 1).alias("level_share"),
        ((pl.col("stage_index") > 0) & (pl.col("last_practised_at") < fading)).alias("is_rusty"),
        _missing(policy).alias("missing_for_next"),
    )
    return state.select(pl.col(name).cast(MASTERY.schema[name]) for name in MASTERY.column_names).sort(_PAIR)


def reach_steps(evidence: pl.DataFrame, as_of: date, policy: StagePolicy) -> pl.DataFrame:
    """One row each time a person reached a step up to `as_of`: `new` and `deepen` once a stage, `refresh` each time
    a practice follows a gap longer than the policy allows."""
    moment = end_of(as_of)
    running = accumulate(evidence.filter(pl.col("occurred_at") <= moment), policy)
    running = running.with_columns(stage_index(policy).alias("stage_index"))
    rises = [
        running.filter(pl.col("stage_index") >= index)
        .group_by(_PAIR)
        .agg(pl.col("occurred_at").min().alias("reached_at"))
        .with_columns(
            pl.lit("new" if index == 1 else "deepen").alias("kind"),
            pl.lit(STAGES[index - 1]).alias("from_stage"),
            pl.lit(STAGES[index]).alias("to_stage"),
        )
        for index in (1, 2, 3)
    ]
    is_practice = pl.col("practised_at") == pl.col("occurred_at")
    gap = timedelta(days=policy.rusty_after_days)
    renewed = running.filter(is_practice & (pl.col("occurred_at") - pl.col("before_at") > gap))
    renewed = renewed.filter(pl.col("stage_index") > 0)
    held = pl.col("stage_index").replace_strict(dict(enumerate(STAGES)), return_dtype=pl.String)
    refreshed = renewed.select(
        *_PAIR,
        pl.col("occurred_at").alias("reached_at"),
        pl.lit("refresh").alias("kind"),
        held.alias("from_stage"),
        held.alias("to_stage"),
    )
    steps = pl.concat([*rises, refreshed]).with_columns(step_id().alias("step_id"))
    return steps.select(REACHED_STEP.column_names).unique().sort("person_id", "reached_at", "step_id")


def step_id() -> pl.Expr:
    """The id of a step: the micro-skill, and the stage it reaches or `refresh`."""
    goal = pl.when(pl.col("kind") == "refresh").then(pl.lit("refresh")).otherwise("to_stage")
    return pl.concat_str("skill_id", goal, separator="|")


def accumulate(evidence: pl.DataFrame, policy: StagePolicy) -> pl.DataFrame:
    """One row per person, micro-skill and instant of evidence, in order of time: the counts up to and with it.

    `before_at`: the practice before this instant, or the last evidence where there was no practice yet.
    """
    # One number a pair instead of two texts: every window below costs a third of what it would.
    rows = evidence.sort(*_PAIR, "occurred_at").with_columns(pl.struct(_PAIR).rle_id().alias("_pair"))
    mode = pl.col("mode")
    is_repetition = mode == "repetition"
    positive = (mode == "feedback") & (pl.col("amount") >= policy.positive_share)
    hours = pl.when(is_repetition & (pl.col("amount_unit") == "hours")).then("amount").otherwise(0.0)
    # an unnamed judge counts once for each kind of judgement: three anonymous certificates are not three people
    judge = pl.coalesce("given_by_id", "feedback_kind", pl.lit("unnamed"))
    day = pl.col("occurred_at").dt.date()
    at_repetition = pl.when(is_repetition).then("occurred_at")
    practice = mode.is_in(["repetition", "teaching"])
    counted = {
        "observation_count": mode == "observation",
        "repetition_count": _first_of(day, is_repetition),
        "feedback_count": mode == "feedback",
        "positive_feedback_count": positive,
        "judge_count": _first_of(judge, positive),
        "teaching_count": mode == "teaching",
    }
    # a running count is that over all rows less what it was before the pair: far cheaper than a window for each
    rows = rows.with_columns(flag.cast(pl.Int64).alias(name) for name, flag in counted.items())
    rows = rows.with_columns((pl.col(name).cum_sum() - pl.col(name)).alias(f"_{name}") for name in counted)
    rows = rows.with_columns(
        *(pl.col(name) + pl.col(f"_{name}") - pl.col(f"_{name}").first().over("_pair") for name in counted),
        hours.cum_sum().over("_pair").alias("repetition_hours"),
        pl.col("occurred_at").first().over("_pair").alias("first_evidence_at"),
        pl.when(practice).then("occurred_at").forward_fill().over("_pair").alias("practised_at"),
        at_repetition.min().over("_pair").alias("first_repetition_at"),
        at_repetition.forward_fill().over("_pair").alias("last_repetition_at"),
    )
    # what happened in one instant has no order: its last row counts all of it
    is_last = pl.struct("_pair", "occurred_at").rle_id().diff(-1).fill_null(1) != 0
    moments = rows.filter(is_last)
    before = pl.coalesce("practised_at", "occurred_at").shift(1).over("_pair").alias("before_at")
    return moments.with_columns(before).drop("_pair", *(f"_{name}" for name in counted))


def _first_of(value: pl.Expr, counts: pl.Expr) -> pl.Expr:
    """True where a pair has this value for the first time among the rows that count."""
    # rows that do not count are told apart by their own id, so that they are never the first of anything
    own = pl.when(counts).then(value.cast(pl.String)).otherwise("evidence_id")
    return pl.struct("_pair", own.alias("value")).is_first_distinct() & counts


def stage_index(policy: StagePolicy) -> pl.Expr:
    """0 none, 1 apprentice, 2 journeyman, 3 master, of an accumulated row. A stage needs the stages below it."""
    apprentice = _sum_of("observation_count", "repetition_count", "positive_feedback_count", "teaching_count") > 0
    journeyman = apprentice & _has_repetition(policy.journeyman.repetition_hours, policy.journeyman.repetition_days)
    journeyman = journeyman & (pl.col("positive_feedback_count") >= policy.journeyman.positive_feedback)
    master = journeyman & _has_repetition(policy.master.repetition_hours, policy.master.repetition_days)
    master = master & (_sustained() >= policy.master.sustained_days)
    master = master & (pl.col("judge_count") >= policy.master.judges)
    master = master & (pl.col("teaching_count") >= policy.master.teaching)
    return apprentice.cast(pl.Int8) + journeyman.cast(pl.Int8) + master.cast(pl.Int8)


def end_of(day: date) -> datetime:
    """The last microsecond of a day, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)


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


def _progress(policy: StagePolicy) -> pl.Expr:
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
        _reached_share(pl.col("teaching_count"), policy.master.teaching),
    )
    index = pl.col("stage_index")
    return pl.when(index == 1).then(journeyman).when(index == 2).then(master).otherwise(0.0)


def _missing(policy: StagePolicy) -> pl.Expr:
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
        lacks("teaching", pl.col("teaching_count") >= policy.master.teaching),
    )
    index = pl.col("stage_index")
    first = pl.concat_list(pl.lit("first_practice"))
    nothing = pl.lit([], dtype=pl.List(pl.String))
    chosen = pl.when(index == 0).then(first).when(index == 1).then(journeyman).when(index == 2).then(master)
    return chosen.otherwise(nothing).list.drop_nulls()
