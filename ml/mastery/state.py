"""Evidence to stage and level as of a date, by one frozen policy; and the steps people reached, with their dates.

Belongs here: the counting of evidence, mastery as of a date, the history of steps.
Does not belong here: what evidence is (`pipelines.core.evidence`), the rules of stages (`ml.mastery.stages`), levels
(`ml.mastery.knowledge_tracing`),
what to do next (`ml.recommend.reranking`).
"""

from datetime import UTC, date, datetime, timedelta

import polars as pl

from ml.mastery.assessments import count_judgements, trust_order
from ml.mastery.half_life import is_practice, is_review
from ml.mastery.knowledge_tracing import (
    KnowledgeTracing,
    declare_knowledge_tracing,
    declare_levels,
    fit_knowledge_tracing,
    told_of,
    trace_levels,
)
from ml.mastery.stages import missing_for_next, stage_index, stage_progress
from pipelines.contracts.catalog import REVIEW_TABLE
from pipelines.contracts.columns import FEEDBACK_KINDS, MODES, STAGES
from pipelines.contracts.feature_tables import HALF_LIFE, MASTERY, REACHED_STEP
from pipelines.contracts.policy import StagePolicy

_PAIR = ["person_id", "skill_id"]
_COUNTS = (
    "observation_count",
    "repetition_count",
    "feedback_count",
    "positive_feedback_count",
    "judge_count",
    "teaching_count",
    "review_count",
)
# The columns of evidence that stages, steps and levels are reckoned from.
MASTERY_INPUTS = (
    *_PAIR,
    "occurred_at",
    "mode",
    "amount",
    "amount_unit",
    "feedback_kind",
    "given_by_id",
    "table_name",
)
# Values that are asked for by name, whether they occur or not.
_ASKED = {"mode": MODES, "amount_unit": ("hours",), "feedback_kind": FEEDBACK_KINDS, "table_name": (REVIEW_TABLE,)}
_HOURS = {"observation_hours": "observation", "repetition_hours": "repetition", "teaching_hours": "teaching"}


def learn_knowledge_tracing(evidence: pl.DataFrame, as_of: date, policy: StagePolicy) -> KnowledgeTracing:
    """What levels and half-lives are reckoned with, from the judgements up to the end of `as_of`."""
    return fit_knowledge_tracing(evidence, last_instant(as_of), policy)


def build_half_lives(evidence: pl.DataFrame, as_of: date, tracing: KnowledgeTracing) -> pl.DataFrame:
    """One row per micro-skill with evidence, in the contract of its table."""
    skills = evidence.filter(pl.col("occurred_at") <= last_instant(as_of)).select("skill_id").unique()
    found = skills.join(tracing.by_skill, on="skill_id", how="left").with_columns(
        pl.col("half_life").fill_null(tracing.default_half_life).alias("half_life_days"),
        pl.col("half_life").is_not_null().alias("is_learnt"),
        pl.col("judged_count").fill_null(0),
    )
    return found.select(pl.col(name).cast(dtype) for name, dtype in HALF_LIFE.schema.items()).sort("skill_id")


def estimate_mastery(
    evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing: KnowledgeTracing | None = None
) -> pl.DataFrame:
    """One row per person and micro-skill with evidence up to the end of `as_of`, in the contract of its table.

    `tracing` as `learn_tracing` gives it; the declared formula where there is none. Who only judged others gets no row.
    """
    return _estimate(
        _ordered(_known(evidence, as_of), policy), as_of, policy, tracing or declare_knowledge_tracing(policy)
    )


def find_reached_steps(
    evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing: KnowledgeTracing | None = None
) -> pl.DataFrame:
    """One row each time a person reached a step up to `as_of`: `new` and `deepen` once a stage, `refresh` each time
    a practice follows a gap longer than the micro-skill's half-life."""
    return _reach(_ordered(_known(evidence, as_of), policy), policy, tracing or declare_knowledge_tracing(policy))


def estimate_mastery_and_steps(
    evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing: KnowledgeTracing
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of `estimate_mastery` and those of `reach_steps`, of evidence that is ordered once for both."""
    rows = _ordered(_known(evidence, as_of), policy)
    return _estimate(rows, as_of, policy, tracing), _reach(rows, policy, tracing)


def build_step_id() -> pl.Expr:
    """The id of a step: the micro-skill, and the stage it reaches or `refresh`."""
    goal = pl.when(pl.col("kind") == "refresh").then(pl.lit("refresh")).otherwise("to_stage")
    return pl.concat_str("skill_id", goal, separator="|")


def accumulate(evidence: pl.DataFrame, policy: StagePolicy) -> pl.DataFrame:
    """One row per person, micro-skill and instant of evidence, in order of time: the counts up to and with it.

    `before_at`: the practice before this instant, or the last evidence where there was no practice yet.
    """
    return _running(_ordered(evidence, policy)).drop("_pair").with_columns(pl.col(_PAIR).cast(pl.String))


def last_instant(day: date) -> datetime:
    """The last microsecond of a day, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1, microseconds=-1)


def _estimate(rows: pl.DataFrame, as_of: date, policy: StagePolicy, tracing: KnowledgeTracing) -> pl.DataFrame:
    moment = last_instant(as_of)
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
    # in the order of pairs, which is that of people and micro-skills
    return state.select(pl.col(name).cast(MASTERY.schema[name]) for name in MASTERY.column_names)


def _reach(rows: pl.DataFrame, policy: StagePolicy, tracing: KnowledgeTracing) -> pl.DataFrame:
    running = _running(rows).with_columns(stage_index(policy).alias("stage_index"))
    reached, pair = pl.col("occurred_at").alias("reached_at"), pl.col("_pair")
    rises = [
        # rows are in order of pair and time: the first of each pair that is so far
        running.filter(pl.col("stage_index") >= index)
        .filter((pair != pair.shift()).fill_null(True))
        .select(
            *_PAIR,
            reached,
            pl.lit("new" if index == 1 else "deepen").alias("kind"),
            pl.lit(STAGES[index - 1]).alias("from_stage"),
            pl.lit(STAGES[index]).alias("to_stage"),
        )
        for index in (1, 2, 3)
    ]
    renewed = running.filter((pl.col("practised_at") == pl.col("occurred_at")) & (pl.col("stage_index") > 0))
    lives = told_of(renewed, tracing.by_skill.select("skill_id", "half_life"))
    renewed = renewed.join(lives, on="skill_id", how="left", maintain_order="left")
    gap = pl.duration(days=pl.col("half_life").fill_null(tracing.default_half_life))
    renewed = renewed.filter(pl.col("occurred_at") - pl.col("before_at") > gap)
    held = pl.col("stage_index").replace_strict(dict(enumerate(STAGES)), return_dtype=pl.String)
    refreshed = renewed.select(
        *_PAIR, reached, pl.lit("refresh").alias("kind"), held.alias("from_stage"), held.alias("to_stage")
    )
    steps = pl.concat([*rises, refreshed]).with_columns(pl.col(_PAIR).cast(pl.String))
    steps = steps.with_columns(build_step_id().alias("step_id"))
    return steps.select(REACHED_STEP.column_names).unique().sort("person_id", "reached_at", "step_id")


def _known(evidence: pl.DataFrame, as_of: date) -> pl.DataFrame:
    return evidence.select(MASTERY_INPUTS).filter(pl.col("occurred_at") <= last_instant(as_of))


def _ordered(evidence: pl.DataFrame, policy: StagePolicy) -> pl.DataFrame:
    """The evidence by pair and moment, with `_pair` (a number) and what each row counts for: 0 or 1, or hours.

    Its texts are Enums, numbers in the order of their texts: to sort and to move texts costs many times as much.
    """
    rows = pl.DataFrame([_as_enum(evidence[name]) for name in MASTERY_INPUTS]).with_columns(
        trust_order().alias("_order")
    )
    rows = rows[_order_of(rows)].with_columns(pl.struct(_PAIR).rle_id().alias("_pair"))
    mode, pair, day = pl.col("mode"), pl.col("_pair"), pl.col("occurred_at").dt.date()
    judgement, is_repetition = mode == "feedback", mode == "repetition"
    judged = rows.filter(judgement).select("_pair", "_order", "amount", "occurred_at", "feedback_kind")
    rows = rows.with_columns(_flags(rows, judgement, count_judgements(judged, policy)).alias("_positive"))
    is_new = (pair != pair.shift()) | (day != day.shift())
    days = rows.filter(is_repetition).select(is_new.fill_null(True)).to_series()
    # an unnamed judge counts once for each kind of judgement: three anonymous certificates are not three people
    judge = pl.coalesce(pl.col("given_by_id", "feedback_kind").cast(pl.String), pl.lit("unnamed"))
    judges = rows.filter("_positive").select(pl.struct("_pair", judge.alias("judge")).is_first_distinct()).to_series()
    counted = {
        "observation_count": mode == "observation",
        "repetition_count": pl.lit(_flags(rows, is_repetition, days)),
        "feedback_count": judgement,
        "positive_feedback_count": pl.col("_positive"),
        "judge_count": pl.lit(_flags(rows, pl.col("_positive"), judges)),
        "teaching_count": mode == "teaching",
        "review_count": is_review(),
    }
    told = pl.col("amount_unit") == "hours"
    return rows.with_columns(
        *(flag.cast(pl.Int64).alias(name) for name, flag in counted.items()),
        *(pl.when((mode == of) & told).then("amount").otherwise(0.0).alias(name) for name, of in _HOURS.items()),
    ).drop("_positive")


def _as_enum(column: pl.Series) -> pl.Series:
    """A column of texts as an Enum of those that occur, in their order, and of those that are asked for by name."""
    if column.dtype != pl.String:
        return column
    words = pl.concat([column.unique().drop_nulls(), pl.Series(_ASKED.get(column.name, ()), dtype=pl.String)])
    return column.cast(pl.Enum(words.unique().sort()))


def _order_of(rows: pl.DataFrame) -> pl.Series:
    """The places of the rows by pair, moment, trust and falling amount."""
    who, what = (rows[name].to_physical().cast(pl.Int64) for name in _PAIR)
    instants = rows["occurred_at"].unique().sort()
    moment = instants.search_sorted(rows["occurred_at"]).cast(pl.Int64)
    # one number a row
    skills = int(rows.select(pl.col("skill_id").to_physical().max().fill_null(0)).item()) + 1
    pair = who * skills + what
    if rows.height and (pair.max() + 1) * len(instants) * (len(FEEDBACK_KINDS) + 1) >= 2**63:  # type: ignore[operator]
        pair = pair.rank("dense").cast(pl.Int64)  # there are no more pairs than rows
    order_of_trust = rows["_order"].cast(pl.Int64)
    key: pl.Series = ((pair * len(instants) + moment) * (len(FEEDBACK_KINDS) + 1) + order_of_trust).alias("key")
    order = key.arg_sort()
    found = key.gather(order)
    again = (found == found.shift()).fill_null(False)
    tied = (again | again.shift(-1, fill_value=False)).arg_true()
    # few rows tie, and what ties in all of this too may stand in any order: every sum over it is rounded alike
    like = (pl.col("mode").to_physical(), pl.col("amount_unit") == "hours", is_review())
    ties = rows.select("amount", *(one.alias(f"_{i}") for i, one in enumerate(like)))[order.gather(tied)]
    ties = ties.with_columns(found.gather(tied), order.gather(tied).alias("place"))
    ties = ties.sort("key", "amount", "_0", "_1", "_2", descending=[False, True, False, False, False])
    order.scatter(tied, ties["place"])
    return order


def _flags(rows: pl.DataFrame, among: pl.Expr, told: pl.Series) -> pl.Series:
    """True where a row is among those that are spoken of, and `told` is true of it."""
    none = pl.Series([False]).new_from_index(0, rows.height)
    none.scatter(rows.select(among.arg_true()).to_series(), told)
    return none


def _running(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per pair and instant: the counts up to and with it, and what was practised when."""
    pair, moment, place = pl.col("_pair"), pl.col("occurred_at"), pl.int_range(pl.len(), dtype=pl.UInt32)
    begins = (pair != pair.shift()).fill_null(True)
    repeated = pl.when(pl.col("mode") == "repetition").then(place)
    # a running count is that over all rows less what it was before the pair: far cheaper than a window for each
    counts = (
        pl.col(name).cum_sum() - pl.when(begins).then(pl.col(name).cum_sum() - pl.col(name)).forward_fill().alias(name)
        for name in _COUNTS
    )
    running = (
        rows.select(
            *_PAIR,
            "_pair",
            moment,
            *counts,
            pl.col("repetition_hours").cum_sum().over("_pair"),
            pl.when(is_practice()).then(place).forward_fill().alias("practised_at"),
            pl.when(begins).then(repeated.backward_fill()).forward_fill().alias("first_repetition_at"),
            repeated.forward_fill().alias("last_repetition_at"),
            # what happened in one instant has no order: its last row counts all of it
            ((pair != pair.shift(-1)) | (moment != moment.shift(-1))).fill_null(True).alias("_is_last"),
        )
        .filter("_is_last")
        .drop("_is_last")
    )
    # from the place of a row to its moment, where that row is of the same pair
    names = ("practised_at", "first_repetition_at", "last_repetition_at")
    running = running.with_columns(
        pl.when(rows["_pair"].gather(running[name]) == running["_pair"])
        .then(rows["occurred_at"].gather(running[name]))
        .alias(name)
        for name in names
    )
    before = pl.coalesce("practised_at", "occurred_at").shift()
    return running.with_columns(pl.when(pair == pair.shift()).then(before).alias("before_at"))


def _summarise(rows: pl.DataFrame) -> pl.DataFrame:
    """One row per pair: the counts of all its rows, as the last row of `accumulate` has them."""
    at_repetition = pl.col("occurred_at").filter(pl.col("mode") == "repetition")
    found = (
        rows.lazy()
        .group_by("_pair", maintain_order=True)
        .agg(
            pl.col(*_PAIR).first(),
            pl.col(*_COUNTS, *_HOURS).sum(),
            pl.col("occurred_at").first().alias("first_evidence_at"),
            pl.col("occurred_at").last(),
            pl.col("occurred_at").filter(is_practice()).last().alias("practised_at"),
            at_repetition.first().alias("first_repetition_at"),
            at_repetition.last().alias("last_repetition_at"),
        )
    )
    return found.collect()
