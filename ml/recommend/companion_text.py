"""The one plain sentence that says why a companion is shown, and the counted one where nobody is named.

Belongs here: the words, and how many people have to stand behind a counted sentence.
Does not belong here: who stands where (`ml.recommend.companion_candidates`), and who is named
(`ml.recommend.companion_matching`).
"""

import polars as pl

from ml.recommend.companion_candidates import FOLLOW, GOALS, REFRESH, WALK_WITH, Numbered
from pipelines.contracts.columns import STAGES

_NUMBERS = ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WORDS = dict(enumerate(_NUMBERS, start=3))
_BEHIND = "are one stage behind you in {}, and it is next on their list."
_TOLD = ("person", "rank", "step", "relation", "led", "companion", "standing_count", "why")
# Two people in a sentence are each recognised by the other, whatever a policy says.
FEWEST = 3


def tell_named(rows: pl.DataFrame, standing: pl.DataFrame, numbers: Numbered) -> pl.DataFrame:
    """The rows of places with a companion, with why; standing_count is null."""
    moves = standing.select("block", companion="person", months="months")
    found = rows.join(moves, on=("block", "companion"), how="left", maintain_order="left")
    units = numbers.people["unit_name"]
    same = (units.gather(found["person"]) == units.gather(found["companion"])).fill_null(False)
    beside = pl.when(same).then(pl.lit(" They work in your unit.")).otherwise(pl.lit(""))
    name, goal = _name(found, numbers), pl.col("step") % GOALS
    stage_from, stage_to = (
        goal.replace_strict(dict(enumerate(names)), default="", return_dtype=pl.String)
        for names in (("", *STAGES[:-1]), STAGES)
    )
    took = pl.when(pl.col("months").is_not_null()).then(_in_months(pl.col("months"), "")).otherwise(pl.lit(""))
    relation = pl.col("relation")
    follows = relation == FOLLOW
    why = (
        pl.when(follows & (goal == REFRESH))
        .then(pl.format("They refreshed {} themselves.", name))
        .when(follows & (goal == 1))
        .then(pl.format("They took up {} before you.", name))
        .when(follows)
        .then(pl.format("They went from {} to {} in {}{}.", stage_from, stage_to, name, took))
        .when(relation == WALK_WITH)
        .then(pl.format("They have the same step in {} on their list.", name))
        .otherwise(pl.format(f"They {_BEHIND}", name))
    )
    told = found.with_columns(pl.concat_str(why, beside).alias("why"), pl.lit(None, pl.Int64).alias("standing_count"))
    return told.select(_TOLD)


def tell_counted(rows: pl.DataFrame, standing: pl.DataFrame, numbers: Numbered, minimum: int) -> pl.DataFrame:
    """The rows of places that enough others stand behind, with standing_count and why; companion is null.

    Counted are those of the person's own unit where they are at least `minimum` (never fewer than three), else all;
    never the person. How long a move took is said where that is known of as many.
    """
    least, units = max(minimum, FEWEST), numbers.people["unit_name"]
    standing = standing.select("block", "person", "months", units.gather(standing["person"]).alias("unit_name"))
    own = standing.select("block", "person", pl.lit(1).alias("self"), own_months="months")
    found = rows.with_columns(units.gather(rows["person"]).alias("unit_name"))
    found = found.join(own, on=("block", "person"), how="left", maintain_order="left")
    is_timed = pl.col("own_months").is_not_null().cast(pl.Int64)
    for place, by in (("unit", ["block", "unit_name"]), ("all", ["block"])):
        sums = (
            standing.drop_nulls(by)
            .group_by(by)
            .agg(
                pl.len().cast(pl.Int64).alias("count"),
                pl.col("months").count().cast(pl.Int64).alias("timed"),
                pl.col("months").sum().alias("sum"),
            )
        )
        found = found.join(sums, on=by, how="left", maintain_order="left")
        timed = pl.col("timed").fill_null(0) - is_timed
        mean = (pl.col("sum") - pl.col("own_months").fill_null(0.0)) / timed
        found = found.with_columns(
            (pl.col("count").fill_null(0) - pl.col("self").fill_null(0)).alias(f"{place}_count"),
            pl.when(timed >= least).then(mean).alias(f"{place}_months"),
        ).drop("count", "timed", "sum")
    near = pl.col("unit_count") >= least
    found = found.filter(near | (pl.col("all_count") >= least)).with_columns(
        pl.when(near).then("unit_count").otherwise("all_count").alias("standing_count"),
        pl.when(near).then("unit_months").otherwise("all_months").alias("months"),
        pl.when(near).then(pl.format(" in {}", "unit_name")).otherwise(pl.lit("")).alias("where"),
    )
    return found.with_columns(_counted(_name(found, numbers)).alias("why")).select(_TOLD)


def _counted(name: pl.Expr) -> pl.Expr:
    count, months, relation = pl.col("standing_count"), pl.col("months"), pl.col("relation")
    words = {i: word.capitalize() for i, word in _WORDS.items()}
    number = count.replace_strict(words, default=None, return_dtype=pl.String).fill_null(count.cast(pl.String))
    took = pl.when(months.is_not_null()).then(_in_months(months, " on average")).otherwise(pl.lit(""))
    return (
        pl.when(relation == FOLLOW)
        .then(pl.format("{} people{} made this move{}.", number, "where", took))
        .when(relation == WALK_WITH)
        .then(pl.format("{} people{} have this step on their list too.", number, "where"))
        .otherwise(pl.format(f"{{}} people{{}} {_BEHIND}", number, "where", name))
    )


def _name(rows: pl.DataFrame, numbers: Numbered) -> pl.Expr:
    """The name of the micro-skill that the companion is one in, in quotes."""
    names = numbers.skills.select(pl.format("“{}”", pl.coalesce("skill_name", "skill_id"))).to_series()
    return pl.lit(names.gather(rows["led"]))


def _in_months(months: pl.Expr, suffix: str) -> pl.Expr:
    whole = months.round(0).cast(pl.Int64)
    word = whole.replace_strict({2: "two", **_WORDS}, default=None, return_dtype=pl.String)
    word = word.fill_null(whole.cast(pl.String))
    return (
        pl.when(whole <= 1)
        .then(pl.lit(f", in about a month{suffix}"))
        .otherwise(pl.format(f", in {{}} months{suffix}", word))
    )
