"""Mastery state: stage and level of each person and micro-skill as of a date, and the dated steps that people reached.

Belongs here: the counting of evidence, mastery as of a date, the history of steps.
Does not belong here: what evidence is (`pipelines.core.evidence`), the rules of stages (`ml.mastery.stages`), levels
(`ml.mastery.knowledge_tracing`), recommendations (`ml.recommend.reranking`).
"""

from datetime import date, datetime, timedelta

import polars as pl

from ml.mastery.assessments import build_trust_rank, mark_counted_feedback
from ml.mastery.half_life import PAIR_COLUMNS, is_practice, is_review
from ml.mastery.knowledge_tracing import (
    KnowledgeTracing,
    declare_knowledge_tracing,
    declare_levels,
    estimate_levels,
    fit_knowledge_tracing,
    match_skill_ids,
)
from ml.mastery.stages import compute_reached_stage, compute_stage_progress, list_missing_requirements
from pipelines.contracts.catalog import REVIEW_TABLE
from pipelines.contracts.columns import FEEDBACK_KINDS, MODES, STAGES
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.feature_tables import HALF_LIFE, MASTERY, REACHED_STEP
from pipelines.contracts.policy import StagePolicy

_COUNT_COLUMNS = (
    "observation_count",
    "repetition_count",
    "feedback_count",
    "positive_feedback_count",
    "judge_count",
    "teaching_count",
    "review_count",
)
_MODE_BY_HOURS_COLUMN = {
    "observation_hours": "observation",
    "repetition_hours": "repetition",
    "teaching_hours": "teaching",
}
# The columns of EVIDENCE that stages, steps and levels are computed from.
MASTERY_INPUTS = (
    *PAIR_COLUMNS,
    "occurred_at",
    "mode",
    "amount",
    "amount_unit",
    "feedback_kind",
    "given_by_id",
    "table_name",
)
# Values that expressions compare with, whether they occur or not.
_COMPARED_TEXTS = {
    "mode": MODES,
    "amount_unit": ("hours",),
    "feedback_kind": FEEDBACK_KINDS,
    "table_name": (REVIEW_TABLE,),
}
_STAGE_NAME = pl.col("stage_index").replace_strict(dict(enumerate(STAGES)), return_dtype=pl.String)


def last_instant(day: date) -> datetime:
    """Return the last microsecond of a day, UTC."""
    return end_of_day(day) - timedelta(microseconds=1)


def learn_knowledge_tracing(evidence: pl.DataFrame, as_of: date, policy: StagePolicy) -> KnowledgeTracing:
    """Return the model of levels and half-lives, from the rows of EVIDENCE up to the end of `as_of`."""
    return fit_knowledge_tracing(evidence, last_instant(as_of), policy)


def build_half_lives(evidence: pl.DataFrame, as_of: date, tracing_model: KnowledgeTracing) -> pl.DataFrame:
    """Return the half-lives that the model uses.

    Args:
        evidence: Rows of EVIDENCE.
        as_of: Last day of evidence that counts.
        tracing_model: The model.

    Returns:
        Rows of HALF_LIFE, one per micro-skill with evidence.
    """
    skills_with_evidence = evidence.filter(pl.col("occurred_at") <= last_instant(as_of)).select("skill_id").unique()
    half_lives = skills_with_evidence.join(tracing_model.parameters_by_skill, on="skill_id", how="left").with_columns(
        pl.col("half_life").fill_null(tracing_model.default_half_life).alias("half_life_days"),
        pl.col("half_life").is_not_null().alias("is_learnt"),
        pl.col("judged_count").fill_null(0),
    )
    return half_lives.select(pl.col(column).cast(dtype) for column, dtype in HALF_LIFE.schema.items()).sort("skill_id")


def estimate_mastery(
    evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing_model: KnowledgeTracing | None = None
) -> pl.DataFrame:
    """Return stages and levels.

    Args:
        evidence: Rows of EVIDENCE, at least the columns MASTERY_INPUTS.
        as_of: Last day of evidence that counts.
        policy: The company's policy of stages.
        tracing_model: The model that `learn_knowledge_tracing` returns; the policy's formula by default.

    Returns:
        Rows of MASTERY, one per person and micro-skill with evidence. A person who only gave feedback to others in a
        micro-skill has no row.
    """
    return _build_mastery(
        _order_evidence(evidence, as_of, policy), as_of, policy, tracing_model or declare_knowledge_tracing(policy)
    )


def find_reached_steps(
    evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing_model: KnowledgeTracing | None = None
) -> pl.DataFrame:
    """Return the steps that people reached, with their dates.

    Args:
        evidence: Rows of EVIDENCE, at least the columns MASTERY_INPUTS.
        as_of: Last day of evidence that counts.
        policy: The company's policy of stages.
        tracing_model: The model that `learn_knowledge_tracing` returns; the policy's formula by default.

    Returns:
        Rows of REACHED_STEP: `new` and `deepen` once per stage, `refresh` each time that practice follows a gap longer
        than the micro-skill's half-life.
    """
    return _find_steps(
        _order_evidence(evidence, as_of, policy), policy, tracing_model or declare_knowledge_tracing(policy)
    )


def estimate_mastery_and_steps(
    evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing_model: KnowledgeTracing
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return what `estimate_mastery` and `find_reached_steps` return; the evidence is ordered once for both."""
    ordered_evidence = _order_evidence(evidence, as_of, policy)
    return _build_mastery(ordered_evidence, as_of, policy, tracing_model), _find_steps(
        ordered_evidence, policy, tracing_model
    )


def build_step_id() -> pl.Expr:
    """Return the id of a step: the micro-skill, and the stage it reaches or `refresh`.

    The expression reads skill_id, kind and to_stage.
    """
    goal = pl.when(pl.col("kind") == "refresh").then(pl.lit("refresh")).otherwise("to_stage")
    return pl.concat_str("skill_id", goal, separator="|")


def _build_mastery(
    ordered_evidence: pl.DataFrame, as_of: date, policy: StagePolicy, tracing_model: KnowledgeTracing
) -> pl.DataFrame:
    end_moment = last_instant(as_of)
    levels = estimate_levels(ordered_evidence, end_moment, policy, tracing_model)
    is_rusty = pl.col("last_practised_at") < pl.lit(end_moment) - pl.duration(days=pl.col("half_life"))
    # a review is counted twice, as teaching and as a review: reviews alone make no row
    pair_states = _summarise_pairs(ordered_evidence).filter(
        (pl.sum_horizontal(_COUNT_COLUMNS) - 2 * pl.col("review_count")) > 0
    )
    pair_states = pair_states.join(levels, on="_pair", how="left", maintain_order="left").with_columns(
        compute_reached_stage(policy).alias("stage_index"),
        pl.coalesce("practised_at", "occurred_at").alias("last_practised_at"),
    )
    if not tracing_model.is_fitted:
        pair_states = pair_states.with_columns(
            declare_levels((pl.col("stage_index") + compute_stage_progress(policy)) / 3)
        )
    pair_states = pair_states.with_columns(
        _STAGE_NAME.alias("stage"),
        pl.col("level").clip(0, 1).alias("level_share"),
        pl.col("low").alias("level_low_share"),
        pl.col("high").alias("level_high_share"),
        ((pl.col("stage_index") > 0) & is_rusty).alias("is_rusty"),
        list_missing_requirements(policy).alias("missing_for_next"),
    )
    # the order of pairs is that of people and micro-skills
    return pair_states.select(pl.col(column).cast(MASTERY.schema[column]) for column in MASTERY.column_names)


def _find_steps(ordered_evidence: pl.DataFrame, policy: StagePolicy, tracing_model: KnowledgeTracing) -> pl.DataFrame:
    counts_per_instant = _count_per_instant(ordered_evidence).with_columns(
        compute_reached_stage(policy).alias("stage_index")
    )
    pair_id = pl.col("_pair")
    reached_columns = (*PAIR_COLUMNS, pl.col("occurred_at").alias("reached_at"))
    stage_rises = [
        # the rows are in order of pair and time: the first of each pair that reaches the stage
        counts_per_instant.filter(pl.col("stage_index") >= stage_number)
        .filter((pair_id != pair_id.shift()).fill_null(True))
        .select(
            *reached_columns,
            pl.lit("new" if stage_number == 1 else "deepen").alias("kind"),
            pl.lit(STAGES[stage_number - 1]).alias("from_stage"),
            pl.lit(STAGES[stage_number]).alias("to_stage"),
        )
        for stage_number in (1, 2, 3)
    ]
    practised_rows = counts_per_instant.filter(
        (pl.col("practised_at") == pl.col("occurred_at")) & (pl.col("stage_index") > 0)
    )
    half_lives = match_skill_ids(practised_rows, tracing_model.parameters_by_skill.select("skill_id", "half_life"))
    longest_fresh_gap = pl.duration(days=pl.col("half_life").fill_null(tracing_model.default_half_life))
    refresh_rows = (
        practised_rows.join(half_lives, on="skill_id", how="left", maintain_order="left")
        .filter(pl.col("occurred_at") - pl.col("before_at") > longest_fresh_gap)
        .select(*reached_columns, pl.lit("refresh").alias("kind"), from_stage=_STAGE_NAME, to_stage=_STAGE_NAME)
    )
    reached_steps = pl.concat([*stage_rises, refresh_rows]).with_columns(pl.col(PAIR_COLUMNS).cast(pl.String))
    return (
        reached_steps.with_columns(build_step_id().alias("step_id"))
        .select(REACHED_STEP.column_names)
        .unique()
        .sort("person_id", "reached_at", "step_id")
    )


def _order_evidence(evidence: pl.DataFrame, as_of: date, policy: StagePolicy) -> pl.DataFrame:
    """The evidence up to the end of the day by pair and instant, with `_pair` (a number) and what each row counts for:
    0 or 1, or hours.

    Texts become Enums, which are numbers in the order of their texts: sorting and moving texts costs many times more.
    """
    evidence_until_as_of = evidence.select(MASTERY_INPUTS).filter(pl.col("occurred_at") <= last_instant(as_of))
    evidence_rows = pl.DataFrame([_as_enum(column) for column in evidence_until_as_of]).with_columns(
        build_trust_rank().alias("_trust_rank")
    )
    evidence_rows = evidence_rows[_find_row_order(evidence_rows)].with_columns(
        pl.struct(PAIR_COLUMNS).rle_id().alias("_pair")
    )
    evidence_mode, pair_id, evidence_day = pl.col("mode"), pl.col("_pair"), pl.col("occurred_at").dt.date()
    is_feedback, is_repetition = evidence_mode == "feedback", evidence_mode == "repetition"
    is_counted = mark_counted_feedback(evidence_rows.filter(is_feedback), policy)
    evidence_rows = evidence_rows.with_columns(
        _scatter_flags(evidence_rows, is_feedback, is_counted).alias("_is_positive")
    )
    is_new_day = ((pair_id != pair_id.shift()) | (evidence_day != evidence_day.shift())).fill_null(True)
    repetition_on_new_day = evidence_rows.filter(is_repetition).select(is_new_day).to_series()
    # unnamed givers count once per kind of feedback: three anonymous certificates are not three people
    feedback_giver = pl.coalesce(pl.col("given_by_id", "feedback_kind").cast(pl.String), pl.lit("unnamed")).alias(
        "judge"
    )
    is_new_giver = (
        evidence_rows.filter("_is_positive").select(pl.struct("_pair", feedback_giver).is_first_distinct()).to_series()
    )
    condition_by_count_column = {
        "observation_count": evidence_mode == "observation",
        "repetition_count": pl.lit(_scatter_flags(evidence_rows, is_repetition, repetition_on_new_day)),
        "feedback_count": is_feedback,
        "positive_feedback_count": pl.col("_is_positive"),
        "judge_count": pl.lit(_scatter_flags(evidence_rows, pl.col("_is_positive"), is_new_giver)),
        "teaching_count": evidence_mode == "teaching",
        "review_count": is_review(),
    }
    is_in_hours = pl.col("amount_unit") == "hours"
    return evidence_rows.with_columns(
        *(is_met.cast(pl.Int64).alias(count_column) for count_column, is_met in condition_by_count_column.items()),
        *(
            pl.when((evidence_mode == mode_of_hours) & is_in_hours).then("amount").otherwise(0.0).alias(hours_column)
            for hours_column, mode_of_hours in _MODE_BY_HOURS_COLUMN.items()
        ),
    ).drop("_is_positive")


def _as_enum(column: pl.Series) -> pl.Series:
    """A column of texts as an Enum of those that occur and those that are compared with, in their order."""
    if column.dtype != pl.String:
        return column
    compared_texts = pl.Series(_COMPARED_TEXTS.get(column.name, ()), dtype=pl.String)
    return column.cast(pl.Enum(pl.concat([column.unique().drop_nulls(), compared_texts]).unique().sort()))


def _find_row_order(evidence_rows: pl.DataFrame) -> pl.Series:
    """The numbers of the rows in the order of pair, instant, trust rank and descending amount."""
    person_codes, skill_codes = (evidence_rows[column].to_physical().cast(pl.Int64) for column in PAIR_COLUMNS)
    pair_numbers = person_codes * (int(skill_codes.to_numpy().max(initial=0)) + 1) + skill_codes
    distinct_instants, n_trust_ranks = evidence_rows["occurred_at"].unique().sort(), len(FEEDBACK_KINDS) + 1
    if (int(pair_numbers.to_numpy().max(initial=0)) + 1) * len(distinct_instants) * n_trust_ranks >= 2**63:
        pair_numbers = pair_numbers.rank("dense").cast(pl.Int64)  # there are no more pairs than rows
    # one number per row: sorting it is far cheaper than sorting by several columns
    instant_codes = distinct_instants.search_sorted(evidence_rows["occurred_at"]).cast(pl.Int64)
    trust_ranks = evidence_rows["_trust_rank"].cast(pl.Int64)
    sort_keys = (pair_numbers * len(distinct_instants) + instant_codes) * n_trust_ranks + trust_ranks
    row_order = sort_keys.arg_sort()
    sorted_keys = sort_keys.gather(row_order)
    is_repeated = (sorted_keys == sorted_keys.shift()).fill_null(False)
    tied_positions = (is_repeated | is_repeated.shift(-1, fill_value=False)).arg_true()
    # few rows tie; rows that are equal in all of this, too, may stand in any order: every sum over them is the same
    tied_rows = evidence_rows[row_order.gather(tied_positions)].select(
        sorted_keys.gather(tied_positions).alias("key"),
        "amount",
        pl.col("mode").to_physical(),
        pl.col("amount_unit") == "hours",
        is_review().alias("is_review"),
        row_order.gather(tied_positions).alias("place"),
    )
    tied_rows = tied_rows.sort(tied_rows.columns[:-1], descending=[False, True, False, False, False])
    row_order.scatter(tied_positions, tied_rows["place"])
    return row_order


def _scatter_flags(evidence_rows: pl.DataFrame, is_selected: pl.Expr, selected_flags: pl.Series) -> pl.Series:
    """One flag per row: the next of `selected_flags` for each selected row, False for each other row."""
    flag_per_row = pl.Series([False]).new_from_index(0, evidence_rows.height)
    flag_per_row.scatter(evidence_rows.select(is_selected.arg_true()).to_series(), selected_flags)
    return flag_per_row


def _count_per_instant(ordered_evidence: pl.DataFrame) -> pl.DataFrame:
    """One row per pair and instant: the counts up to and including it, and when the person practised.

    `before_at` is the practice before this instant, or the last evidence if there was no practice yet.
    """
    pair_id, occurred_at, row_number = pl.col("_pair"), pl.col("occurred_at"), pl.int_range(pl.len(), dtype=pl.UInt32)
    starts_pair = (pair_id != pair_id.shift()).fill_null(True)
    repetition_row_number = pl.when(pl.col("mode") == "repetition").then(row_number)
    # the running count over all rows minus the count before the pair: far cheaper than a window for each count
    running_counts = (
        pl.col(column).cum_sum()
        - pl.when(starts_pair).then(pl.col(column).cum_sum() - pl.col(column)).forward_fill().alias(column)
        for column in _COUNT_COLUMNS
    )
    row_number_by_time_column = {
        "practised_at": pl.when(is_practice()).then(row_number).forward_fill(),
        "first_repetition_at": pl.when(starts_pair).then(repetition_row_number.backward_fill()).forward_fill(),
        "last_repetition_at": repetition_row_number.forward_fill(),
    }
    # rows of one instant have no order: the last row counts all of them
    is_last_of_instant = (
        ((pair_id != pair_id.shift(-1)) | (occurred_at != occurred_at.shift(-1))).fill_null(True).alias("_is_last")
    )
    running_hours = pl.col("repetition_hours").cum_sum().over("_pair")
    instant_counts = ordered_evidence.select(
        *PAIR_COLUMNS,
        "_pair",
        occurred_at,
        *running_counts,
        running_hours,
        is_last_of_instant,
        **row_number_by_time_column,
    ).filter("_is_last")
    # from the place of a row to its time, if that row is of the same pair
    instant_counts = instant_counts.with_columns(
        pl.when(ordered_evidence["_pair"].gather(instant_counts[column]) == instant_counts["_pair"])
        .then(ordered_evidence["occurred_at"].gather(instant_counts[column]))
        .alias(column)
        for column in row_number_by_time_column
    )
    previous_practice_at = pl.when(pair_id == pair_id.shift()).then(pl.coalesce("practised_at", "occurred_at").shift())
    return instant_counts.with_columns(previous_practice_at.alias("before_at"))


def _summarise_pairs(ordered_evidence: pl.DataFrame) -> pl.DataFrame:
    """One row per pair: the counts of all its rows, and when the person practised."""
    occurred_at, is_repetition = pl.col("occurred_at"), pl.col("mode") == "repetition"
    rows_by_pair = ordered_evidence.lazy().group_by("_pair", maintain_order=True)
    return rows_by_pair.agg(
        pl.col(*PAIR_COLUMNS).first(),
        pl.col(*_COUNT_COLUMNS, *_MODE_BY_HOURS_COLUMN).sum(),
        occurred_at.first().alias("first_evidence_at"),
        occurred_at.last(),
        occurred_at.filter(is_practice()).last().alias("practised_at"),
        occurred_at.filter(is_repetition).first().alias("first_repetition_at"),
        occurred_at.filter(is_repetition).last().alias("last_repetition_at"),
    ).collect()
