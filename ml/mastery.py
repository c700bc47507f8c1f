"""Evidence to stage and level as of a date, by one frozen policy; and the steps people reached, with their dates.

Belongs here: the counting of evidence, mastery as of a date, the history of steps.
Does not belong here: what evidence is (`pipelines.evidence`), the rules of stages (`ml.stages`), levels (`ml.tracing`),
what to do next (`ml.recommend`).
"""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from ml.decay import is_practice, is_review
from ml.holdings import code
from ml.judgements import count_judgements, trust_order
from ml.stages import missing_for_next, stage_index, stage_progress
from ml.tracing import Tracing, declare_levels, declared_tracing, fit_tracing, trace_levels
from pipelines.contracts.fields import MODES, STAGES
from pipelines.contracts.learnt import HALF_LIFE, MASTERY, REACHED_STEP
from pipelines.contracts.policy import StagePolicy

_PAIR = ["person_id", "skill_id"]
_COUNTS = (
    "observation_count", "repetition_count", "feedback_count", "positive_feedback_count", "judge_count",
    "teaching_count", "review_count",
)  # fmt: skip
_NEEDED = (
    *_PAIR, "occurred_at", "mode", "amount", "amount_unit", "feedback_kind", "given_by_id", "table_name",
)  # fmt: skip
_HOURS = {"observation_hours": "observation", "repetition_hours": "repetition", "teaching_hours": "teaching"}


def learn_tracing(evidence: pl.DataFrame, as_of: date, policy: StagePolicy) -> Tracing:
    """What levels and half-lives are reckoned with, from the judgements up to the end of `as_of`."""
    return fit_tracing(evidence, end_of(as_of), policy)


def tell_half_lives(evidence: pl.DataFrame, as_of: date, tracing: Tracing) -> pl.DataFrame:
    """One row per micro-skill with evidence, in the contract of its table."""
    skills = evidence.filter(pl.col("occurred_at") <= end_of(as_of)).select("skill_id").unique()
    found = skills.join(tracing.by_skill, on="skill_id", how="left").with_columns(
        pl.col("half_life").fill_null(tracing.default_half_life).alias("half_life_days"),
        pl.col("half_life").is_not_null().alias("is_learnt"),
        pl.col("judged_count").fill_null(0),
    )
    return found.select(pl.col(name).cast(dtype) for name, dtype in HALF_LIFE.schema.items()).sort("skill_id")


def estimate_mastery(
    evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing: Tracing | None = None
) -> pl.DataFrame:
    """One row per person and micro-skill with evidence up to the end of `as_of`, in the contract of its table.

    `tracing` as `learn_tracing` gives it; the declared formula where there is none. Who only judged others gets no row.
    """
    tracing = tracing or declared_tracing(policy)
    moment = end_of(as_of)
    rows = _ordered(evidence.filter(pl.col("occurred_at") <= moment), policy)
    levels = trace_levels(rows, moment, policy, tracing)
    state = _summarise(rows).join(levels, on="_pair", how="left", maintain_order="left")
    state = state.filter((pl.sum_horizontal(_COUNTS) - 2 * pl.col("review_count")) > 0)
    state = state.with_columns(
        stage_index(policy).alias("stage_index"),
        pl.coalesce("practised_at", "occurred_at").alias("last_practised_at"),
    )
    if not tracing.is_fitted:
        state = state.with_columns(declare_levels((pl.col("stage_index") + stage_progress(policy)) / 3))
    fading = pl.lit(moment) - pl.duration(days=pl.col("half_life"))
    state = state.with_columns(
        pl.col("stage_index").replace_strict(dict(enumerate(STAGES)), return_dtype=pl.String).alias("stage"),
        pl.col("level").clip(0, 1).alias("level_share"),
        pl.col("low").alias("level_low_share"),
        pl.col("high").alias("level_high_share"),
        ((pl.col("stage_index") > 0) & (pl.col("last_practised_at") < fading)).alias("is_rusty"),
        missing_for_next(policy).alias("missing_for_next"),
    )
    return state.select(pl.col(name).cast(MASTERY.schema[name]) for name in MASTERY.column_names).sort(_PAIR)


def reach_steps(
    evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing: Tracing | None = None
) -> pl.DataFrame:
    """One row each time a person reached a step up to `as_of`: `new` and `deepen` once a stage, `refresh` each time
    a practice follows a gap longer than the micro-skill's half-life."""
    tracing = tracing or declared_tracing(policy)
    running = accumulate(evidence.filter(pl.col("occurred_at") <= end_of(as_of)), policy)
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
    renewed = running.filter((pl.col("practised_at") == pl.col("occurred_at")) & (pl.col("stage_index") > 0))
    renewed = renewed.join(tracing.by_skill.select("skill_id", "half_life"), on="skill_id", how="left")
    gap = pl.duration(days=pl.col("half_life").fill_null(tracing.default_half_life))
    renewed = renewed.filter(pl.col("occurred_at") - pl.col("before_at") > gap)
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
    rows = _ordered(evidence, policy)
    # a running count is that over all rows less what it was before the pair: far cheaper than a window for each
    rows = rows.with_columns((pl.col(name).cum_sum() - pl.col(name)).alias(f"_{name}") for name in _COUNTS)
    at_repetition = pl.when(pl.col("mode") == "repetition").then("occurred_at")
    rows = rows.with_columns(
        *(pl.col(name) + pl.col(f"_{name}") - pl.col(f"_{name}").first().over("_pair") for name in _COUNTS),
        pl.col("repetition_hours").cum_sum().over("_pair"),
        pl.when(is_practice()).then("occurred_at").forward_fill().over("_pair").alias("practised_at"),
        at_repetition.min().over("_pair").alias("first_repetition_at"),
        at_repetition.forward_fill().over("_pair").alias("last_repetition_at"),
    )
    # what happened in one instant has no order: its last row counts all of it
    is_last = pl.struct("_pair", "occurred_at").rle_id().diff(-1).fill_null(1) != 0
    moments = rows.filter(is_last)
    before = pl.coalesce("practised_at", "occurred_at").shift(1).over("_pair").alias("before_at")
    others = [name for name in _HOURS if name != "repetition_hours"]
    return moments.with_columns(before).drop("_pair", "_order", *others, *(f"_{name}" for name in _COUNTS))


def end_of(day: date) -> datetime:
    """The last microsecond of a day, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)


def _ordered(evidence: pl.DataFrame, policy: StagePolicy) -> pl.DataFrame:
    """The evidence by pair and moment, with `_pair` (a number) and what each row counts for: 0 or 1, or hours."""
    # what a count needs and no more, by one number a pair instead of two texts: a third of the cost, half the memory
    who, what = (evidence[name].unique().sort() for name in _PAIR)
    key = code(evidence["person_id"], who) * max(len(what), 1) + code(evidence["skill_id"], what)
    modes = pl.col("mode").replace_strict({mode: i for i, mode in enumerate(MODES)}, return_dtype=pl.Int8)
    like = (modes * 4 + (pl.col("amount_unit") == "hours").cast(pl.Int8) * 2 + is_review().cast(pl.Int8)).alias("_like")
    rows = evidence.select(*_NEEDED, pl.Series("_pair", key), trust_order().alias("_order"), like)
    # what ties in all of these may stand in any order: every sum over it is rounded alike
    falling = [False, False, False, True, False]
    rows = rows.sort("_pair", "occurred_at", "_order", "amount", "_like", descending=falling).drop("_like")
    rows = rows.with_columns(pl.col("_pair").rle_id())
    mode = pl.col("mode")
    judgement = mode == "feedback"
    judged = rows.filter(judgement)
    verdicts = judged.select("_pair", "_order", "amount", "occurred_at", "feedback_kind")
    none = pl.Series("_positive", [False]).new_from_index(0, rows.height)
    positive = none.scatter(rows.select(judgement.arg_true()).to_series(), count_judgements(verdicts, policy))
    rows = rows.with_columns(positive)
    is_repetition = mode == "repetition"
    # an unnamed judge counts once for each kind of judgement: three anonymous certificates are not three people
    judge = pl.coalesce("given_by_id", "feedback_kind", pl.lit("unnamed"))
    counted = {
        "observation_count": mode == "observation",
        "repetition_count": _first_of(rows, pl.col("occurred_at").dt.date(), is_repetition),
        "feedback_count": judgement,
        "positive_feedback_count": pl.col("_positive"),
        "judge_count": _first_of(rows, judge, pl.col("_positive")),
        "teaching_count": mode == "teaching",
        "review_count": is_review(),
    }
    told = pl.col("amount_unit") == "hours"
    return rows.with_columns(
        *(flag.cast(pl.Int64).alias(name) for name, flag in counted.items()),
        *(pl.when((mode == of) & told).then("amount").otherwise(0.0).alias(name) for name, of in _HOURS.items()),
    ).drop("_positive")  # fmt: skip


def _summarise(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per pair: the counts of all its rows, as the last row of `accumulate` has them."""
    at_repetition = pl.col("occurred_at").filter(pl.col("mode") == "repetition")
    found = rows.lazy().group_by("_pair", maintain_order=True).agg(
        pl.col(*_PAIR).first(),
        pl.col(*_COUNTS, *_HOURS).sum(),
        pl.col("occurred_at").first().alias("first_evidence_at"),
        pl.col("occurred_at").last(),
        pl.col("occurred_at").filter(is_practice()).last().alias("practised_at"),
        at_repetition.first().alias("first_repetition_at"),
        at_repetition.last().alias("last_repetition_at"),
    )  # fmt: skip
    return found.collect()


def _first_of(rows: pl.DataFrame, value: pl.Expr, counts: pl.Expr) -> pl.Expr:
    """True where a pair has this value for the first time among the rows that count."""
    counted = rows.select("_pair", value.alias("value"), counts.alias("counts"), pl.int_range(pl.len()).alias("row"))
    first = counted.filter("counts").filter(pl.struct("_pair", "value").is_first_distinct())["row"]
    flags = pl.Series("first", [False]).new_from_index(0, rows.height).scatter(first, True)
    return pl.lit(flags)
