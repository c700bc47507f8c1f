"""Support: recommended steps for which the organisation gives no hours, no project or no person.

Belongs here: what each unit lacks for the micro-skills recommended in it, as numbers and a sentence.
Does not belong here: anything about one person: a row stands for enough people, or is not there.
"""

import polars as pl

_GROUP = ["unit_name", "skill_id"]
_LACKS = {
    "hours": "nobody there was given an hour of work on it in the last quarter",
    "project": "no open work there names it",
    "person": "nobody there has come as far as journeyman",
}


def find_support_gaps(
    listed: pl.DataFrame, people: pl.DataFrame, given: pl.DataFrame, skills: pl.DataFrame, minimum_people: int
) -> pl.DataFrame:
    """One row per unit and micro-skill recommended to at least `minimum_people` of its people, where something lacks.

    listed: person_id, skill_id. people: person_id, unit_name. given: unit_name, skill_id, given_hours, project_count,
    holder_count; a pair that is not there was given nothing.
    """
    wanted = listed.select("person_id", "skill_id").unique().join(people.drop_nulls("unit_name"), on="person_id")
    groups = wanted.group_by(_GROUP).agg(pl.col("person_id").n_unique().cast(pl.Int64).alias("recommended_count"))
    groups = groups.filter(pl.col("recommended_count") >= minimum_people)
    found = groups.join(given, on=_GROUP, how="left").with_columns(
        pl.col("given_hours").fill_null(0.0), pl.col("project_count", "holder_count").fill_null(0)
    )
    none = {
        "hours": pl.col("given_hours") <= 0,
        "project": pl.col("project_count") == 0,
        "person": pl.col("holder_count") == 0,
    }
    lacks = pl.concat_list(pl.when(is_none).then(pl.lit(code)) for code, is_none in none.items()).list.drop_nulls()
    said = pl.concat_list(pl.when(is_none).then(pl.lit(_LACKS[code])) for code, is_none in none.items())
    found = found.with_columns(lacks.alias("lacks"), said.list.drop_nulls().list.join("; ").alias("said"))
    found = found.filter(pl.col("lacks").list.len() > 0)
    found = found.join(skills.select("skill_id", "skill_name"), on="skill_id", how="left")
    finding = pl.concat_str(
        pl.lit("“"),
        "skill_name",
        pl.lit("” is a next step for "),
        pl.col("recommended_count").cast(pl.String),
        pl.lit(" people in "),
        "unit_name",
        pl.lit(", but "),
        "said",
        pl.lit("."),
    )
    return found.with_columns(finding.alias("finding")).drop("said", "skill_name").sort(_GROUP)
