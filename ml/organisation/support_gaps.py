"""Support gaps: recommended micro-skills for which a unit has no hours or no project.

Belongs here: what each unit lacks for the micro-skills recommended in it, as codes and a sentence.
Does not belong here: any row about one person; a row describes enough people or is left out.
"""

import polars as pl

_UNIT_SKILL_COLUMNS = ["unit_name", "skill_id"]
# By code of what a unit lacks: the column that is 0, and the words.
_COLUMN_AND_WORDS_BY_LACK = {
    "hours": ("given_hours", "no hours of work there went into it in the last quarter"),
    "project": ("project_count", "no open work there names it"),
}


def find_support_gaps(
    listed_steps: pl.DataFrame,
    people: pl.DataFrame,
    unit_support: pl.DataFrame,
    skills: pl.DataFrame,
    minimum_people: int,
) -> pl.DataFrame:
    """Find the units that lack support for a micro-skill that is recommended in them.

    Args:
        listed_steps: The listed steps: person_id, skill_id.
        people: person_id, unit_name.
        unit_support: One row per unit and micro-skill with any support: unit_name, skill_id, given_hours,
            project_count, holder_count. A pair without a row has no support.
        skills: skill_id, skill_name.
        minimum_people: The smallest number of people of a unit that a row describes. A smaller holder_count, 0
            included, is null: that nobody holds a micro-skill says something of every person of the unit.

    Returns:
        One row per unit and micro-skill that lacks something, in the contract `out__support_gap` without the metadata
        of the run.
    """
    when_lacking_by_code = {
        lack_code: pl.when(pl.col(column) <= 0) for lack_code, (column, _) in _COLUMN_AND_WORDS_BY_LACK.items()
    }
    lack_codes = pl.concat_list(
        when_lacking.then(pl.lit(lack_code)) for lack_code, when_lacking in when_lacking_by_code.items()
    ).list.drop_nulls()
    lack_texts = pl.concat_list(
        when_lacking.then(pl.lit(_COLUMN_AND_WORDS_BY_LACK[lack_code][1]))
        for lack_code, when_lacking in when_lacking_by_code.items()
    )
    finding_text = pl.format(
        "“{}” is a next step for {} people in {}, but {}.",
        "skill_name",
        "recommended_count",
        "unit_name",
        lack_texts.list.drop_nulls().list.join("; "),
    )
    return (
        listed_steps.select("person_id", "skill_id")
        .unique()
        .join(people.drop_nulls("unit_name"), on="person_id")
        .group_by(_UNIT_SKILL_COLUMNS)
        .agg(pl.col("person_id").n_unique().cast(pl.Int64).alias("recommended_count"))
        .filter(pl.col("recommended_count") >= minimum_people)
        .join(unit_support, on=_UNIT_SKILL_COLUMNS, how="left")
        .with_columns(pl.col("given_hours").fill_null(0.0), pl.col("project_count").fill_null(0))
        .with_columns(pl.when(pl.col("holder_count") >= minimum_people).then("holder_count").alias("holder_count"))
        .with_columns(lack_codes.alias("lacks"))
        .filter(pl.col("lacks").list.len() > 0)
        .join(skills.select("skill_id", "skill_name"), on="skill_id", how="left")
        .with_columns(finding_text.alias("finding"))
        .drop("skill_name")
        .sort(_UNIT_SKILL_COLUMNS)
    )
