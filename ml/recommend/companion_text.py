"""The sentence of a companion row: why a companion is named, or how many people are counted.

Belongs here: the words, and the number of people that a counted sentence needs.
Does not belong here: the candidates (`ml.recommend.companion_candidates`), the choice of the companion
(`ml.recommend.companion_matching`).
"""

import polars as pl

from ml.recommend.companion_candidates import FOLLOW, GOAL_COUNT, REFRESH_GOAL, WALK_WITH, IdIndex
from pipelines.contracts.columns import STAGES

_NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve"
_WORD_BY_NUMBER = dict(enumerate(_NUMBER_WORDS.split(), start=2))
_CAPITALISED_WORD_BY_NUMBER = {number: word.capitalize() for number, word in _WORD_BY_NUMBER.items()}
_LEAD_CLAUSE = "are one stage behind you in {}, and it is next on their list."
_COMPANION_ROW_COLUMNS = ("person", "rank", "step", "relation", "companion_skill", "companion", "standing_count", "why")
# With two people in a sentence each recognises the other, whatever a policy allows.
MIN_COUNTED_PEOPLE = 3


def describe_named(slots: pl.DataFrame, candidates: pl.DataFrame, id_index: IdIndex) -> pl.DataFrame:
    """Write the sentences of slots with a companion.

    Args:
        slots: Slots as `find_slots` returns them, with companion.
        candidates: Candidates as `find_candidates` returns them.
        id_index: The codes.

    Returns:
        One row per slot with `why`; standing_count is null.
    """
    move_months = candidates.select("pool", "months", companion="person")
    unit_names = id_index.people["unit_name"]
    is_same_unit = (unit_names.gather(slots["person"]) == unit_names.gather(slots["companion"])).fill_null(False)
    unit_text = pl.when(is_same_unit).then(pl.lit(" They work in your unit.")).otherwise(pl.lit(""))
    skill_name = _quote_companion_skill(slots, id_index)
    goal_code = pl.col("step") % GOAL_COUNT
    is_follow = pl.col("relation") == FOLLOW
    from_stage_name, to_stage_name = (
        goal_code.replace_strict(dict(enumerate(stage_names)), default="", return_dtype=pl.String)
        for stage_names in (("", *STAGES[:-1]), STAGES)
    )
    companion_sentence = (
        pl.when(is_follow & (goal_code == REFRESH_GOAL))
        .then(pl.format("They refreshed {} themselves.", skill_name))
        .when(is_follow & (goal_code == 1))
        .then(pl.format("They took up {} before you.", skill_name))
        .when(is_follow)
        .then(
            pl.format(
                "They went from {} to {} in {}{}.",
                from_stage_name,
                to_stage_name,
                skill_name,
                _write_duration("months", ""),
            )
        )
        .when(pl.col("relation") == WALK_WITH)
        .then(pl.format("They have the same step in {} on their list.", skill_name))
        .otherwise(pl.format(f"They {_LEAD_CLAUSE}", skill_name))
    )
    return (
        slots.join(move_months, on=("pool", "companion"), how="left", maintain_order="left")
        .with_columns(
            pl.concat_str(companion_sentence, unit_text).alias("why"), pl.lit(None, pl.Int64).alias("standing_count")
        )
        .select(_COMPANION_ROW_COLUMNS)
    )


def describe_counted(
    slots: pl.DataFrame, candidates: pl.DataFrame, id_index: IdIndex, minimum_people: int
) -> pl.DataFrame:
    """Write the sentences of slots without a companion that have enough candidates.

    The count covers the candidates of the person's own unit if they are at least `minimum_people` (never fewer than
    three), else all candidates; never the person. The mean duration of the move is stated if it is known of as many.

    Args:
        slots: Slots as `find_slots` returns them, with a null companion.
        candidates: Candidates as `find_candidates` returns them, consenting or not.
        id_index: The codes.
        minimum_people: The smallest number of people that a sentence may state.

    Returns:
        One row per slot with enough candidates, with `standing_count` and `why`.
    """
    min_counted_people, unit_names = max(minimum_people, MIN_COUNTED_PEOPLE), id_index.people["unit_name"]
    candidates = candidates.select(
        "pool", "person", "months", unit_names.gather(candidates["person"]).alias("unit_name")
    )
    viewer_candidate_rows = candidates.select("pool", "person", pl.lit(1).alias("self"), own_months="months")
    counted_slots = slots.with_columns(unit_names.gather(slots["person"]).alias("unit_name")).join(
        viewer_candidate_rows, on=("pool", "person"), how="left", maintain_order="left"
    )
    timed_move_count = pl.col("timed").fill_null(0) - pl.col("own_months").is_not_null().cast(pl.Int64)
    mean_months = (pl.col("sum") - pl.col("own_months").fill_null(0.0)) / timed_move_count
    for scope_name, group_columns in (("unit", ["pool", "unit_name"]), ("all", ["pool"])):
        scope_sums = (
            candidates.drop_nulls(group_columns)
            .group_by(group_columns)
            .agg(
                pl.len().cast(pl.Int64).alias("count"),
                pl.col("months").count().cast(pl.Int64).alias("timed"),
                pl.col("months").sum().alias("sum"),
            )
        )
        counted_slots = (
            counted_slots.join(scope_sums, on=group_columns, how="left", maintain_order="left")
            .with_columns(
                (pl.col("count").fill_null(0) - pl.col("self").fill_null(0)).alias(f"{scope_name}_count"),
                pl.when(timed_move_count >= min_counted_people).then(mean_months).alias(f"{scope_name}_months"),
            )
            .drop("count", "timed", "sum")
        )
    is_unit_enough = pl.col("unit_count") >= min_counted_people
    counted_slots = counted_slots.filter(is_unit_enough | (pl.col("all_count") >= min_counted_people)).with_columns(
        pl.when(is_unit_enough).then("unit_count").otherwise("all_count").alias("standing_count"),
        pl.when(is_unit_enough).then("unit_months").otherwise("all_months").alias("months"),
        pl.when(is_unit_enough).then(pl.format(" in {}", "unit_name")).otherwise(pl.lit("")).alias("where"),
    )
    return counted_slots.with_columns(
        _write_counted_sentence(_quote_companion_skill(counted_slots, id_index)).alias("why")
    ).select(_COMPANION_ROW_COLUMNS)


def _write_counted_sentence(skill_name: pl.Expr) -> pl.Expr:
    """The sentence of a slot by its standing_count, where, months and relation."""
    standing_count, relation = pl.col("standing_count"), pl.col("relation")
    count_text = standing_count.replace_strict(
        _CAPITALISED_WORD_BY_NUMBER, default=standing_count.cast(pl.String), return_dtype=pl.String
    )
    return (
        pl.when(relation == FOLLOW)
        .then(pl.format("{} people{} made this move{}.", count_text, "where", _write_duration("months", " on average")))
        .when(relation == WALK_WITH)
        .then(pl.format("{} people{} have this step on their list too.", count_text, "where"))
        .otherwise(pl.format(f"{{}} people{{}} {_LEAD_CLAUSE}", count_text, "where", skill_name))
    )


def _quote_companion_skill(slots: pl.DataFrame, id_index: IdIndex) -> pl.Expr:
    """The quoted name of the micro-skill that the companion is a companion in, one per slot."""
    quoted_names = id_index.skills.select(pl.format("“{}”", pl.coalesce("skill_name", "skill_id"))).to_series()
    return pl.lit(quoted_names.gather(slots["companion_skill"]))


def _write_duration(months_column: str, text_suffix: str) -> pl.Expr:
    """The duration of a move in whole months, as words; empty if it is unknown."""
    whole_months = pl.col(months_column).round(0).cast(pl.Int64)
    month_text = whole_months.replace_strict(
        _WORD_BY_NUMBER, default=whole_months.cast(pl.String), return_dtype=pl.String
    )
    return (
        pl.when(whole_months <= 1)
        .then(pl.lit(f", in about a month{text_suffix}"))
        .otherwise(pl.format(f", in {{}} months{text_suffix}", month_text))
        .fill_null("")
    )
