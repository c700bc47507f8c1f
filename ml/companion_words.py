"""The one plain sentence that says why a companion is shown, and the counted one where nobody is named.

Belongs here: the words, and how many people have to stand behind a counted sentence.
Does not belong here: who stands where, and who is named (`ml.companions`).
"""

import polars as pl

_NUMBERS = ("three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_WORDS = dict(enumerate(_NUMBERS, start=3))
_AT = ["relation", "at_step"]
_BEHIND = "are one stage behind you in {}, and it is next on their list."


def tell_named(rows: pl.DataFrame, standing: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """The rows (place of a person, with the number of its companion) with companion_id and why; standing_count null."""
    who = people.select(companion="person", companion_id="person_id", companion_unit="unit_name")
    found = rows.join(who, on="companion", how="left", maintain_order="left")
    moves = standing.select(*_AT, companion="person", months="months")
    found = found.join(moves, on=[*_AT, "companion"], how="left", maintain_order="left")
    same = pl.col("unit_name") == pl.col("companion_unit")
    beside = pl.when(same).then(pl.lit(" They work in your unit.")).otherwise(pl.lit(""))
    name = pl.concat_str(pl.lit("“"), pl.coalesce("companion_skill_name", "companion_skill_id"), pl.lit("”"))
    took = pl.when(pl.col("months").is_not_null()).then(_in_months(pl.col("months"), "")).otherwise(pl.lit(""))
    relation, kind = pl.col("relation"), pl.col("kind")
    follows = relation == "follow"
    why = (
        pl.when(follows & (kind == "refresh")).then(pl.format("They refreshed {} themselves.", name))
        .when(follows & (kind == "new")).then(pl.format("They took up {} before you.", name))
        .when(follows)
        .then(pl.format("They went from {} to {} in {}{}.", "from_stage", "to_stage", name, took))
        .when(relation == "walk_with").then(pl.format("They have the same step in {} on their list.", name))
        .otherwise(pl.format(f"They {_BEHIND}", name))
    )  # fmt: skip
    return found.with_columns(pl.concat_str(why, beside).alias("why"), pl.lit(None, pl.Int64).alias("standing_count"))


def tell_counted(rows: pl.DataFrame, standing: pl.DataFrame, minimum: int) -> pl.DataFrame:
    """The rows that enough others stand behind, with standing_count and why; companion_id null.

    Counted are those of the person's own unit where they are at least `minimum` (never fewer than three), else all;
    never the person. How long a move took is said where that is known of as many.
    """
    least = max(minimum, 3)
    own = standing.select(*_AT, "person", pl.lit(1).alias("self"), own_months=pl.col("months"))
    found = rows.join(own, on=[*_AT, "person"], how="left", maintain_order="left")
    for place, by in (("unit", [*_AT, "unit_name"]), ("all", _AT)):
        sums = (
            standing.drop_nulls(by)
            .group_by(by)
            .agg(
                pl.len().cast(pl.Int64).alias(f"{place}_count"),
                pl.col("months").count().cast(pl.Int64).alias(f"{place}_timed"),
                pl.col("months").sum().alias(f"{place}_months"),
            )
        )
        found = found.join(sums, on=by, how="left", maintain_order="left")
        is_timed = pl.col("own_months").is_not_null().cast(pl.Int64)
        timed = pl.col(f"{place}_timed").fill_null(0) - is_timed
        months = (pl.col(f"{place}_months") - pl.col("own_months").fill_null(0.0)) / timed
        found = found.with_columns(
            (pl.col(f"{place}_count").fill_null(0) - pl.col("self").fill_null(0)).alias(f"{place}_count"),
            pl.when(timed >= least).then(months).alias(f"{place}_months"),
        )
    near = pl.col("unit_count") >= least
    found = found.filter(near | (pl.col("all_count") >= least)).with_columns(
        pl.when(near).then("unit_count").otherwise("all_count").alias("standing_count"),
        pl.when(near).then("unit_months").otherwise("all_months").alias("mean_months"),
        pl.when(near).then(pl.format(" in {}", "unit_name")).otherwise(pl.lit("")).alias("where"),
    )
    return found.with_columns(_counted().alias("why"), pl.lit(None, pl.String).alias("companion_id"))


def _counted() -> pl.Expr:
    count = pl.col("standing_count")
    number = count.replace_strict(_WORDS, default=None, return_dtype=pl.String).fill_null(count.cast(pl.String))
    number = number.str.slice(0, 1).str.to_uppercase() + number.str.slice(1)
    name = pl.concat_str(pl.lit("“"), pl.coalesce("companion_skill_name", "companion_skill_id"), pl.lit("”"))
    months = pl.col("mean_months")
    took = pl.when(months.is_not_null()).then(_in_months(months, " on average")).otherwise(pl.lit(""))
    relation = pl.col("relation")
    return (
        pl.when(relation == "follow").then(pl.format("{} people{} made this move{}.", number, "where", took))
        .when(relation == "walk_with").then(pl.format("{} people{} have this step on their list too.", number, "where"))
        .otherwise(
            pl.format(f"{{}} people{{}} {_BEHIND}", number, "where", name)
        )
    )  # fmt: skip


def _in_months(months: pl.Expr, suffix: str) -> pl.Expr:
    whole = months.round(0).cast(pl.Int64)
    word = whole.replace_strict({2: "two", **_WORDS}, default=None, return_dtype=pl.String)
    word = word.fill_null(whole.cast(pl.String))
    return (
        pl.when(whole <= 1)
        .then(pl.lit(f", in about a month{suffix}"))
        .otherwise(pl.format(f", in {{}} months{suffix}", word))
    )
