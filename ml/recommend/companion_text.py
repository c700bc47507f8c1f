"""The sentence of a companion row: why a companion is named, or how many people are counted.

Belongs here: the words, and the number of people that a counted sentence needs.
Does not belong here: the candidates (`ml.recommend.companion_candidates`), the choice of the companion
(`ml.recommend.companion_matching`).
"""

import polars as pl

from ml.recommend.companion_candidates import FOLLOW, GOAL_COUNT, REFRESH, WALK_WITH, IdIndex
from pipelines.contracts.columns import STAGES

_NUMBER_WORDS = "two three four five six seven eight nine ten eleven twelve"
_NUMBERS = dict(enumerate(_NUMBER_WORDS.split(), start=2))
_CAPITALISED = {number: word.capitalize() for number, word in _NUMBERS.items()}
_LEAD = "are one stage behind you in {}, and it is next on their list."
_COLUMNS = ("person", "rank", "step", "relation", "companion_skill", "companion", "standing_count", "why")
# With two people in a sentence each recognises the other, whatever a policy allows.
MIN_COUNTED = 3


def describe_named(slots: pl.DataFrame, candidates: pl.DataFrame, index: IdIndex) -> pl.DataFrame:
    """Write the sentences of slots with a companion.

    Args:
        slots: Slots as `find_slots` returns them, with companion.
        candidates: Candidates as `find_candidates` returns them.
        index: The codes.

    Returns:
        One row per slot with `why`; standing_count is null.
    """
    moves = candidates.select("pool", "months", companion="person")
    units = index.people["unit_name"]
    is_same_unit = (units.gather(slots["person"]) == units.gather(slots["companion"])).fill_null(False)
    unit_text = pl.when(is_same_unit).then(pl.lit(" They work in your unit.")).otherwise(pl.lit(""))
    name, goal, follows = _companion_skill_name(slots, index), pl.col("step") % GOAL_COUNT, pl.col("relation") == FOLLOW
    stage_from, stage_to = (
        goal.replace_strict(dict(enumerate(names)), default="", return_dtype=pl.String)
        for names in (("", *STAGES[:-1]), STAGES)
    )
    why = (
        pl.when(follows & (goal == REFRESH))
        .then(pl.format("They refreshed {} themselves.", name))
        .when(follows & (goal == 1))
        .then(pl.format("They took up {} before you.", name))
        .when(follows)
        .then(pl.format("They went from {} to {} in {}{}.", stage_from, stage_to, name, _duration("months", "")))
        .when(pl.col("relation") == WALK_WITH)
        .then(pl.format("They have the same step in {} on their list.", name))
        .otherwise(pl.format(f"They {_LEAD}", name))
    )
    return (
        slots.join(moves, on=("pool", "companion"), how="left", maintain_order="left")
        .with_columns(pl.concat_str(why, unit_text).alias("why"), pl.lit(None, pl.Int64).alias("standing_count"))
        .select(_COLUMNS)
    )


def describe_counted(
    slots: pl.DataFrame, candidates: pl.DataFrame, index: IdIndex, minimum_people: int
) -> pl.DataFrame:
    """Write the sentences of slots without a companion that have enough candidates.

    The count covers the candidates of the person's own unit if they are at least `minimum_people` (never fewer than
    three), else all candidates; never the person. The mean duration of the move is stated if it is known of as many.

    Args:
        slots: Slots as `find_slots` returns them, with a null companion.
        candidates: Candidates as `find_candidates` returns them, consenting or not.
        index: The codes.
        minimum_people: The smallest number of people that a sentence may state.

    Returns:
        One row per slot with enough candidates, with `standing_count` and `why`.
    """
    minimum, units = max(minimum_people, MIN_COUNTED), index.people["unit_name"]
    candidates = candidates.select("pool", "person", "months", units.gather(candidates["person"]).alias("unit_name"))
    own = candidates.select("pool", "person", pl.lit(1).alias("self"), own_months="months")
    counted = slots.with_columns(units.gather(slots["person"]).alias("unit_name")).join(
        own, on=("pool", "person"), how="left", maintain_order="left"
    )
    timed = pl.col("timed").fill_null(0) - pl.col("own_months").is_not_null().cast(pl.Int64)
    mean_months = (pl.col("sum") - pl.col("own_months").fill_null(0.0)) / timed
    for group, by in (("unit", ["pool", "unit_name"]), ("all", ["pool"])):
        sums = (
            candidates.drop_nulls(by)
            .group_by(by)
            .agg(
                pl.len().cast(pl.Int64).alias("count"),
                pl.col("months").count().cast(pl.Int64).alias("timed"),
                pl.col("months").sum().alias("sum"),
            )
        )
        counted = (
            counted.join(sums, on=by, how="left", maintain_order="left")
            .with_columns(
                (pl.col("count").fill_null(0) - pl.col("self").fill_null(0)).alias(f"{group}_count"),
                pl.when(timed >= minimum).then(mean_months).alias(f"{group}_months"),
            )
            .drop("count", "timed", "sum")
        )
    is_near = pl.col("unit_count") >= minimum
    counted = counted.filter(is_near | (pl.col("all_count") >= minimum)).with_columns(
        pl.when(is_near).then("unit_count").otherwise("all_count").alias("standing_count"),
        pl.when(is_near).then("unit_months").otherwise("all_months").alias("months"),
        pl.when(is_near).then(pl.format(" in {}", "unit_name")).otherwise(pl.lit("")).alias("where"),
    )
    return counted.with_columns(_counted_sentence(_companion_skill_name(counted, index)).alias("why")).select(_COLUMNS)


def _counted_sentence(name: pl.Expr) -> pl.Expr:
    """The sentence of a slot by its standing_count, where, months and relation."""
    count, relation = pl.col("standing_count"), pl.col("relation")
    number = count.replace_strict(_CAPITALISED, default=count.cast(pl.String), return_dtype=pl.String)
    return (
        pl.when(relation == FOLLOW)
        .then(pl.format("{} people{} made this move{}.", number, "where", _duration("months", " on average")))
        .when(relation == WALK_WITH)
        .then(pl.format("{} people{} have this step on their list too.", number, "where"))
        .otherwise(pl.format(f"{{}} people{{}} {_LEAD}", number, "where", name))
    )


def _companion_skill_name(slots: pl.DataFrame, index: IdIndex) -> pl.Expr:
    """The quoted name of the micro-skill that the companion is a companion in, one per slot."""
    names = index.skills.select(pl.format("“{}”", pl.coalesce("skill_name", "skill_id"))).to_series()
    return pl.lit(names.gather(slots["companion_skill"]))


def _duration(column: str, suffix: str) -> pl.Expr:
    """The duration of a move in whole months, as words; empty if it is unknown."""
    months = pl.col(column).round(0).cast(pl.Int64)
    number = months.replace_strict(_NUMBERS, default=months.cast(pl.String), return_dtype=pl.String)
    return (
        pl.when(months <= 1)
        .then(pl.lit(f", in about a month{suffix}"))
        .otherwise(pl.format(f", in {{}} months{suffix}", number))
        .fill_null("")
    )
