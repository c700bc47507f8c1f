"""Whom a person could follow and lead in a squad: people on the work, or who want to join it.

Belongs here: who is named to whom, by consent and within the load cap, and counts without names.
Does not belong here: which openings a person is shown (`ml.recommend.squad_matching`).
"""

import polars as pl

from ml.recommend.squad_openings import JOURNEYMAN, SquadContext, add_consent, build_opening_id
from pipelines.contracts.columns import STAGES, stage_index

_WORK_SKILL = ["work_code", "skill_id"]
# By relation: the columns of the named person and of the count.
_COLUMNS_BY_RELATION = {"follow": ("follow_id", "follow_count"), "lead": ("lead_id", "lead_count")}


def add_squad_companions(matches: pl.DataFrame, context: SquadContext, load_cap: int) -> pl.DataFrame:
    """Add whom each person could follow and lead in the micro-skill of the seat.

    Somebody to follow is ahead of the person and journeyman or master; somebody to lead is one stage behind a person
    who is journeyman or master. They are named only with their consent to that relation in that micro-skill, each to at
    most `load_cap` people.

    Args:
        matches: As `match_openings` returns them.
        context: People on the work, what they hold, their consents and answers.
        load_cap: People to whom one person is named.

    Returns:
        The rows with follow_id, follow_count, lead_id and lead_count. A count leaves out the reader, and is null below
        the declared minimum.
    """
    stages = context.mastery.select("person_id", "skill_id", stage_index("stage").alias("stage_code"))
    squad_stages = (
        _list_squad_people(context)
        .join(matches.select(_WORK_SKILL).unique(), on="work_code")
        .join(stages, on=("person_id", "skill_id"), how="left")
        .with_columns(pl.col("stage_code").fill_null(0))
    )
    rows = (
        matches.with_row_index("row")
        .join(
            stages.rename({"stage_code": "own_code"}), on=("person_id", "skill_id"), how="left", maintain_order="left"
        )
        .with_columns(pl.col("own_code").fill_null(0))
    )
    for relation in _COLUMNS_BY_RELATION:
        rows = _add_relation(rows, squad_stages, context, relation, load_cap)
    return rows.sort("row").drop("row", "own_code")


def _list_squad_people(context: SquadContext) -> pl.DataFrame:
    """Members of the work, and people who want to join one of its openings: work_code, person_id."""
    seats = context.seats.select("work_code", build_opening_id())
    joining_people = (
        context.shown_answers.filter(pl.col("squad_reply_kind") == "join")
        .join(seats, on="opening_id")
        .select("work_code", "person_id")
    )
    return (
        pl.concat([context.members.select("work_code", "person_id"), joining_people])
        .unique()
        .join(context.people, on="person_id", how="semi")
    )


def _add_relation(
    rows: pl.DataFrame, squad_stages: pl.DataFrame, context: SquadContext, relation: str, load_cap: int
) -> pl.DataFrame:
    """Add the named person and the count of one relation.

    The place of a companion is work, micro-skill and stage: whoever reads from a stage is shown people of one place.
    """
    id_column, count_column = _COLUMNS_BY_RELATION[relation]
    if relation == "follow":
        # to somebody below journeyman both journeymen and masters are ahead, to a journeyman only masters
        reader_codes = pl.DataFrame({"own_code": [0, 1, 2, 2], "stage_code": [2, 2, 3, 3]}).unique()
        reader_codes = pl.concat([reader_codes, pl.DataFrame({"own_code": [0, 1], "stage_code": [3, 3]})])
    else:
        ahead_codes = range(JOURNEYMAN, len(STAGES))
        reader_codes = pl.DataFrame({"own_code": ahead_codes, "stage_code": [code - 1 for code in ahead_codes]})
    places = squad_stages.join(reader_codes, on="stage_code").sort("work_code", "skill_id", "own_code", "person_id")
    place_key = [*_WORK_SKILL, "own_code"]
    # nobody is ahead of or behind themselves, so that no reader is counted
    counts = places.group_by(place_key).agg(pl.len().cast(pl.Int64).alias(count_column))
    named = (
        add_consent(places, context.consents, relation)
        .filter("is_given")
        .select(*place_key, companion="person_id")
        .with_columns(pl.int_range(pl.len(), dtype=pl.Int64).over(place_key).alias("companion_number"))
    )
    named_counts = named.group_by(place_key).agg(pl.len().cast(pl.Int64).alias("named_count"))
    # everybody at a place has a turn: the companions of a place are dealt to its readers in the order of the rows
    dealt_number = pl.int_range(pl.len(), dtype=pl.Int64).over(place_key) % pl.col("named_count")
    dealt_rows = (
        rows.join(named_counts, on=place_key, how="left", maintain_order="left")
        .with_columns(dealt_number.alias("companion_number"))
        .join(named, on=[*place_key, "companion_number"], how="left", maintain_order="left")
        .join(counts, on=place_key, how="left", maintain_order="left")
    )
    capped_people = _cap_load(dealt_rows, load_cap)
    is_enough = pl.col(count_column) >= context.minimum_people
    return (
        dealt_rows.join(capped_people, on=("person_id", "companion"), how="left", maintain_order="left")
        .with_columns(
            pl.when("is_within_cap").then("companion").alias(id_column),
            pl.when(is_enough).then(count_column).alias(count_column),
        )
        .drop("named_count", "companion_number", "companion", "is_within_cap")
    )


def _cap_load(dealt_rows: pl.DataFrame, load_cap: int) -> pl.DataFrame:
    """The pairs of reader and companion within the load cap of the companion: person_id, companion, is_within_cap."""
    first_ranks = dealt_rows.drop_nulls("companion").group_by("person_id", "companion").agg(pl.col("rank").min())
    return (
        first_ranks.sort("companion", "rank", "person_id")
        .with_columns((pl.int_range(pl.len(), dtype=pl.Int64).over("companion") < load_cap).alias("is_within_cap"))
        .drop("rank")
    )
