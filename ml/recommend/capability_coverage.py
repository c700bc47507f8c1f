"""Capabilities: how much of each a person covers, what is missing, and what one more micro-skill would complete.

Belongs here: coverage by person and capability, the best next micro-skill, and the names a step combines with.
Does not belong here: the motive made of it (`ml.recommend.motives`).
"""

import numpy as np
import polars as pl

from ml.data.encoding import STAGE_INDEX, HeldSkills, build_adjacency, index_held_skills
from ml.recommend.motives import readiness_of
from pipelines.contracts.output_tables import CAPABILITY

# People worked on at a time: a few million pairs.
BLOCK_PEOPLE = 50_000
# The columns that the table has before it is stamped.
COLUMNS = (
    "person_id",
    "capability_id",
    "capability_name",
    "coverage_share",
    "held_skill_ids",
    "held_skill_names",
    "missing_skill_ids",
    "next_skill_id",
    "completes_share",
)


def compute_capability_coverage(
    mastery: pl.DataFrame, skills: pl.DataFrame, prerequisites: pl.DataFrame
) -> pl.DataFrame:
    """One row per person and capability of which something is held (a stage above none).

    coverage_share: weight of the micro-skills held. next_skill_id: of the missing ones that whose prerequisites are
    held, then the heaviest, then the first by id; completes_share is the coverage with it, null where none is missing.
    """
    people = mastery["person_id"].unique().sort()
    blocks = (people.slice(begin, BLOCK_PEOPLE) for begin in range(0, max(len(people), 1), BLOCK_PEOPLE))
    found = [
        _map(mastery.filter(pl.col("person_id").is_in(block.implode())), skills, prerequisites) for block in blocks
    ]
    return pl.concat(found).sort("person_id", "capability_id")


def name_combinations(steps: pl.DataFrame, mastery: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    """The steps (person_id, skill_id, to_stage, …) with `combines_with`: names of the held micro-skills of the same
    capability, at the step's stage or above, that it combines with; empty where there are none."""
    index = pl.Series("index", list(STAGE_INDEX.values()), dtype=pl.Int8)
    stages = pl.DataFrame({"stage": list(STAGE_INDEX), "index": index})
    named = skills.select("skill_id", "skill_name", "capability_id").drop_nulls("capability_id")
    held = mastery.select("person_id", "skill_id", "stage").join(named, on="skill_id").join(stages, on="stage")
    asked = steps.select("person_id", "skill_id", "to_stage").unique().join(named.drop("skill_name"), on="skill_id")
    asked = asked.join(stages.rename({"stage": "to_stage", "index": "goal"}), on="to_stage")
    both = asked.join(held, on=("person_id", "capability_id"), suffix="_held")
    both = both.filter((pl.col("index") >= pl.col("goal")) & (pl.col("skill_id") != pl.col("skill_id_held")))
    key = ["person_id", "skill_id", "to_stage"]
    names = both.sort("skill_name").group_by(key, maintain_order=True).agg(pl.col("skill_name").alias("combines_with"))
    found = steps.join(names, on=key, how="left", maintain_order="left")
    return found.with_columns(pl.col("combines_with").fill_null(pl.lit([], dtype=pl.List(pl.String))))


def _map(mastery: pl.DataFrame, skills: pl.DataFrame, prerequisites: pl.DataFrame) -> pl.DataFrame:
    held = index_held_skills(mastery, skills)
    size = len(held.capabilities)
    if not size or not len(held.person):
        return pl.DataFrame(schema={name: CAPABILITY.schema[name] for name in COLUMNS})
    area = held.capability_key(held.person, held.skill)
    areas = np.unique(area[area >= 0])
    # every micro-skill of each capability that a person holds some of
    members = build_adjacency(held.capability, np.arange(len(held.skill_ids)), size)
    row, skill = members.expand(areas % size)
    person = areas[row] // size
    is_held = held.stage_lookup.get(held.pair_key(person, skill)) > 0
    rows = _rank_missing(held, prerequisites, person, skill, row, is_held)
    codes = pl.DataFrame({"row": row, "skill": skill, "weight": held.weight[skill], "is_held": is_held})
    codes = codes.join(rows, on=["row", "skill"], how="left", maintain_order="left")
    names = skills.unique("skill_id").sort("skill_id")["skill_name"]
    codes = codes.with_columns(
        pl.Series("skill_id", held.skill_ids.gather(skill)), pl.Series("skill_name", names.gather(skill))
    )
    missing = ~pl.col("is_held")
    found = codes.group_by("row", maintain_order=True).agg(
        pl.col("weight").filter("is_held").sum().clip(0, 1).alias("coverage_share"),
        pl.col("skill_id").filter("is_held").alias("held_skill_ids"),
        pl.col("skill_name").filter("is_held").alias("held_skill_names"),
        pl.col("skill_id").filter(missing).alias("missing_skill_ids"),
        pl.col("skill_id").filter(pl.col("is_next")).first().alias("next_skill_id"),
        (pl.col("weight").filter(pl.col("is_held") | pl.col("is_next")).sum()).clip(0, 1).alias("completes_share"),
    )
    titles = skills.select("capability_id", "capability_name").drop_nulls().unique("capability_id")
    capability = held.capabilities.gather(areas % size).alias("capability_id")
    whole = found.with_columns(held.people.gather(areas // size).alias("person_id"), capability)
    whole = whole.join(titles, on="capability_id", how="left", maintain_order="left")
    completes = pl.when(pl.col("next_skill_id").is_not_null()).then("completes_share").alias("completes_share")
    return whole.with_columns(completes).select(COLUMNS)


def _rank_missing(
    held: HeldSkills,
    prerequisites: pl.DataFrame,
    person: np.ndarray,
    skill: np.ndarray,
    row: np.ndarray,
    is_held: np.ndarray,
) -> pl.DataFrame:
    """The missing micro-skill of each row that comes first: (row, skill, is_next)."""
    missing = np.flatnonzero(~is_held)
    ready = readiness_of(held, prerequisites, person[missing], skill[missing]) >= 1
    order = np.lexsort((skill[missing], -held.weight[skill[missing]], ~ready, row[missing]))
    first = missing[order][np.diff(row[missing][order], prepend=-1) != 0]
    return pl.DataFrame({"row": row[first], "skill": skill[first], "is_next": np.ones(len(first), bool)})
