"""Combinations of micro-skills: capabilities within reach, pairs that open work asks for, and each person's own.

Belongs here: who holds which of several micro-skills, and who lacks one or two of them.
Does not belong here: how much of one capability a person covers (`ml.recommend.capability_coverage`).
"""

import polars as pl

from pipelines.contracts.craft_tables import COMBINATION
from pipelines.contracts.table_declaration import ROW_METADATA_COLUMNS

# Steps after which a capability is there.
MOST_STEPS = 2
# Ways into one capability that are told, those of the most people first.
MOST_WAYS = 3
# A combination that more than this share of the people hold is not rare.
RARE_SHARE = 0.05
_PAIR_COLUMNS = ("first_id", "second_id")
_COLUMNS = tuple(column for column in COMBINATION.column_names if column not in ROW_METADATA_COLUMNS)


def select_held_skills(mastery: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Select what employed people hold.

    Args:
        mastery: person_id, skill_id, stage.
        people: The employed people: person_id.

    Returns:
        One row per person and micro-skill at any stage, as `out__capability` counts what is held: person_id, skill_id.
    """
    held_skills = mastery.filter(pl.col("stage") != "none").select("person_id", "skill_id")
    return held_skills.join(people, on="person_id", how="semi")


def find_capabilities_within_reach(
    held_skills: pl.DataFrame, skills: pl.DataFrame, minimum_people: int
) -> pl.DataFrame:
    """Find the capabilities that too few people hold whole, but enough could hold after the same one or two steps.

    Args:
        held_skills: person_id, skill_id, as `select_held_skills` returns them.
        skills: skill_id, skill_name, capability_id, capability_name.
        minimum_people: The smallest number of people that a row tells of, and that hold a capability.

    Returns:
        One row per capability and set of missing micro-skills, in the contract `out__combination` without the metadata
        of the run.
    """
    capability_skills = skills.drop_nulls("capability_id")
    sizes = capability_skills.group_by("capability_id").agg(
        pl.len().alias("size"), pl.col("skill_id").sort().alias("combined_skill_ids"), pl.col("capability_name").first()
    )
    person_key = ("person_id", "capability_id")
    progress = (
        held_skills.join(capability_skills.select("skill_id", "capability_id"), on="skill_id")
        .group_by(person_key)
        .len("held")
        .join(sizes.select("capability_id", "size"), on="capability_id")
    )
    is_whole = pl.col("held") == pl.col("size")
    whole_counts = progress.group_by("capability_id").agg(is_whole.sum().alias("whole_count"))
    lacking = whole_counts.filter(pl.col("whole_count") < minimum_people)
    near = progress.filter((pl.col("size") - pl.col("held")).is_between(1, MOST_STEPS)).join(
        lacking, on="capability_id", how="semi"
    )
    step_sets = (
        near.select(person_key)
        .join(capability_skills.select("capability_id", "skill_id"), on="capability_id")
        .join(held_skills, on=("person_id", "skill_id"), how="anti")
        .group_by(person_key)
        .agg(pl.col("skill_id").sort().alias("step_skill_ids"))
        .with_columns(pl.col("step_skill_ids").list.join("+").alias("_steps"))
        .group_by("capability_id", "_steps")
        .agg(pl.len().alias("near_people_count"), pl.col("step_skill_ids").first())
        .filter(pl.col("near_people_count") >= minimum_people)
        .sort("capability_id", -pl.col("near_people_count").cast(pl.Int64), "_steps")
        .group_by("capability_id", maintain_order=True)
        .head(MOST_WAYS)
    )
    return _complete(
        step_sets.join(sizes, on="capability_id").with_columns(
            pl.format("within_reach|{}|{}", "capability_id", "_steps").alias("combination_id"),
            pl.lit("within_reach").alias("combination_kind"),
            pl.lit(None).alias("both_people_count"),
            pl.lit(None).alias("open_work_count"),
            _describe_reach(skills).alias("finding"),
        )
    )


def find_rare_pairs(
    held_skills: pl.DataFrame, open_work: pl.DataFrame, skills: pl.DataFrame, people_count: int, minimum_people: int
) -> pl.DataFrame:
    """Find the pairs of micro-skills that open work asks for together and few people hold together.

    Args:
        held_skills: person_id, skill_id, as `select_held_skills` returns them.
        open_work: One row per piece of open work and micro-skill that it names: work_id, skill_id.
        skills: skill_id, skill_name.
        people_count: Number of employed people.
        minimum_people: The smallest number of people that a row tells.

    Returns:
        One row per pair that at most `RARE_SHARE` of the people, or fewer than the minimum, hold, in the contract
        `out__combination` without the metadata of the run. The step is the one that more people lack alone. Their
        number is the smallest possible one if the number of those who hold both is withheld.
    """
    pairs = _count_asked_pairs(held_skills, open_work)
    both, first, second = (pl.col(column).fill_null(0).cast(pl.Int64) for column in ("both", "first", "second"))
    rare_pairs = pairs.with_columns(both.alias("both"), (first - both).alias("lack_second"), lack_first=second - both)
    is_rare = (pl.col("both") < minimum_people) | (pl.col("both") <= RARE_SHARE * people_count)
    is_second_missing = pl.col("lack_second") >= pl.col("lack_first")
    # the map tells how many people hold the one: less the exact number of those who lack the other, it would tell how
    # many hold both
    near = pl.max_horizontal("lack_first", "lack_second")
    least_near = pl.max_horizontal("first", "second").cast(pl.Int64) - (minimum_people - 1)
    told_near = pl.when(pl.col("both") >= minimum_people).then(near).otherwise(least_near)
    return _complete(
        rare_pairs.filter(is_rare)
        .with_columns(
            pl.format("rare_but_asked_for|{}+{}", *_PAIR_COLUMNS).alias("combination_id"),
            pl.lit("rare_but_asked_for").alias("combination_kind"),
            pl.lit(None, pl.String).alias("capability_id"),
            pl.concat_list(_PAIR_COLUMNS).alias("combined_skill_ids"),
            pl.concat_list(pl.when(is_second_missing).then("second_id").otherwise("first_id")).alias("step_skill_ids"),
            pl.when(told_near >= minimum_people).then(told_near).alias("near_people_count"),
            pl.when(pl.col("both") >= minimum_people).then("both").alias("both_people_count"),
        )
        .with_columns(
            pl.when(pl.col("near_people_count").is_not_null())
            .then("step_skill_ids")
            .otherwise(pl.lit([], pl.List(pl.String)))
            .alias("step_skill_ids")
        )
        .with_columns(_describe_rare_pair(skills).alias("finding"))
    )


def _count_asked_pairs(held_skills: pl.DataFrame, open_work: pl.DataFrame) -> pl.DataFrame:
    """One row per pair that open work asks for: first_id, second_id, open_work_count, holders of both and of each."""
    asked_pairs = (
        open_work.rename({"skill_id": "first_id"})
        .join(open_work.rename({"skill_id": "second_id"}), on="work_id")
        .filter(pl.col("first_id") < pl.col("second_id"))
        .group_by(_PAIR_COLUMNS)
        .agg(pl.col("work_id").n_unique().alias("open_work_count"))
    )
    first_holders = asked_pairs.join(held_skills, left_on="first_id", right_on="skill_id")
    both_counts = (
        first_holders.join(held_skills, left_on=("second_id", "person_id"), right_on=("skill_id", "person_id"))
        .group_by(_PAIR_COLUMNS)
        .len("both")
    )
    holder_counts = held_skills.group_by("skill_id").len("holders")
    pairs = asked_pairs.join(both_counts, on=_PAIR_COLUMNS, how="left")
    for pair_column, count_column in (("first_id", "first"), ("second_id", "second")):
        counts = holder_counts.rename({"skill_id": pair_column, "holders": count_column})
        pairs = pairs.join(counts, on=pair_column, how="left")
    return pairs


def _describe_reach(skills: pl.DataFrame) -> pl.Expr:
    return pl.format(
        "Few people, or none, hold all of “{}”; {} people would after {}: {}.",
        "capability_name",
        "near_people_count",
        pl.when(pl.col("step_skill_ids").list.len() == 1).then(pl.lit("one step")).otherwise(pl.lit("two steps")),
        _name_skills("step_skill_ids", skills),
    )


def _describe_rare_pair(skills: pl.DataFrame) -> pl.Expr:
    return pl.format(
        "Open work asks for {} together (in {} {}); {} both.{}",
        _name_skills("combined_skill_ids", skills),
        "open_work_count",
        pl.when(pl.col("open_work_count") == 1).then(pl.lit("assignment")).otherwise(pl.lit("assignments")),
        pl.coalesce(pl.format("{} people hold", "both_people_count"), pl.lit("few people, or none, hold")),
        pl.format(
            " {}{} more would after one step: {}.",
            pl.when(pl.col("both_people_count").is_null()).then(pl.lit("At least ")).otherwise(pl.lit("")),
            "near_people_count",
            _name_skills("step_skill_ids", skills),
        ).fill_null(""),
    )


def _name_skills(list_column: str, skills: pl.DataFrame) -> pl.Expr:
    """The names of the micro-skills of a list, in quotation marks."""
    name_by_id = dict(skills.select("skill_id", pl.format("“{}”", "skill_name")).iter_rows())
    return pl.col(list_column).list.eval(pl.element().replace(name_by_id)).list.join(" and ")


def _complete(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.col(column).cast(COMBINATION.schema[column]) for column in _COLUMNS).sort("combination_id")
