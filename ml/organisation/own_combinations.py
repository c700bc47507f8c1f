"""What is unusual in a person's combination of micro-skills, and which single step opens the most.

Belongs here: the rarest held pair, and the sets of micro-skills that one more completes.
Does not belong here: what the organisation lacks (`ml.organisation.combinations`), which step is recommended
(`ml.recommend.reranking`). No row compares people.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from ml.data.encoding import encode_ids
from pipelines.contracts.craft_tables import OWN_COMBINATION
from pipelines.contracts.table_declaration import ROW_METADATA_COLUMNS

_COLUMNS = tuple(column for column in OWN_COMBINATION.column_names if column not in ROW_METADATA_COLUMNS)
OPENED_KINDS = ("capability", "role", "work")


@dataclass(frozen=True)
class PairCounts:
    """How many people hold each two micro-skills together.

    Attributes:
        counts: One row per pair that anybody holds: first_id, second_id (the greater id) and holders.
    """

    counts: pl.DataFrame


def count_pairs(held_skills: pl.DataFrame) -> PairCounts:
    """Count the people who hold each two micro-skills.

    With H the matrix of people and micro-skills, 1 if held, the counts are the entries of the product of H transposed
    and H.

    Args:
        held_skills: One row per person and micro-skill held: person_id, skill_id.
    """
    person_ids, skill_ids = (held_skills[column].unique().sort() for column in ("person_id", "skill_id"))
    people, skills = encode_ids(held_skills["person_id"], person_ids), encode_ids(held_skills["skill_id"], skill_ids)
    holds = csr_array(
        (np.ones(held_skills.height, np.int32), (people, skills)), shape=(len(person_ids), len(skill_ids))
    )
    pairs = (holds.T @ holds).tocoo()
    first, second = pairs.coords
    is_pair = first < second
    return PairCounts(
        pl.DataFrame(
            {
                "first_id": skill_ids.gather(first[is_pair]),
                "second_id": skill_ids.gather(second[is_pair]),
                "holders": pl.Series(pairs.data[is_pair]).cast(pl.Int64),
            }
        )
    )


def list_requirements(skills: pl.DataFrame, role_profiles: pl.DataFrame, open_work: pl.DataFrame) -> pl.DataFrame:
    """List the sets of two or more micro-skills that open something to whoever holds them all.

    Args:
        skills: skill_id, capability_id.
        role_profiles: role_name, skill_id, importance; only what is essential counts.
        open_work: work_id, skill_id.

    Returns:
        One row per set and micro-skill: set_id, opened_kind (of `OPENED_KINDS`), weight (number of capabilities, roles
        or assignments that the set stands for), set_size, skill_id.
    """
    capability_sets = skills.drop_nulls("capability_id").select(set_id="capability_id", skill_id="skill_id")
    role_sets = role_profiles.filter(pl.col("importance") == "essential").select(
        set_id="role_name", skill_id="skill_id"
    )
    # many assignments ask for the same micro-skills: each distinct set once, with their number
    work_sets = (
        open_work.unique(["work_id", "skill_id"])
        .group_by("work_id")
        .agg(pl.col("skill_id").sort())
        .group_by("skill_id")
        .len("weight")
        .sort("skill_id")
        .select(pl.col("skill_id").list.join("+").alias("set_id"), "skill_id", pl.col("weight").cast(pl.Int64))
        .explode("skill_id")
    )
    rows_by_kind = {
        "capability": capability_sets.unique().with_columns(pl.lit(1, pl.Int64).alias("weight")),
        "role": role_sets.unique().with_columns(pl.lit(1, pl.Int64).alias("weight")),
        "work": work_sets,
    }
    requirement_rows = pl.concat(
        rows.select("set_id", pl.lit(opened_kind).alias("opened_kind"), "weight", "skill_id")
        for opened_kind, rows in rows_by_kind.items()
    )
    set_size = pl.len().over("opened_kind", "set_id").alias("set_size")
    return requirement_rows.with_columns(set_size).filter(pl.col("set_size") > 1)


def describe_own_combinations(
    held_skills: pl.DataFrame, pair_counts: PairCounts, requirements: pl.DataFrame, minimum_people: int
) -> pl.DataFrame:
    """Describe the combination of each person.

    Args:
        held_skills: What the people of the rows hold: person_id, skill_id.
        pair_counts: How many people of the organisation hold each pair.
        requirements: As `list_requirements` returns them.
        minimum_people: The smallest number of people that a row states.

    Returns:
        One row per person who holds a micro-skill, in the contract `out__own_combination` without the metadata of the
        run. Of several pairs or steps that are equal, the one with the smaller id is told.
    """
    people = held_skills.select("person_id").unique()
    rows = (
        people.join(_find_unusual_pairs(held_skills, pair_counts, minimum_people), on="person_id", how="left")
        .join(_find_opening_steps(held_skills, requirements), on="person_id", how="left")
        .with_columns(pl.col(f"opened_{opened_kind}_count").fill_null(0) for opened_kind in OPENED_KINDS)
    )
    return rows.select(pl.col(column).cast(OWN_COMBINATION.schema[column]) for column in _COLUMNS).sort("person_id")


def _find_unusual_pairs(held_skills: pl.DataFrame, pair_counts: PairCounts, minimum_people: int) -> pl.DataFrame:
    """Per person with two micro-skills: person_id, unusual_skill_ids, both_people_count."""
    own_pairs = (
        held_skills.rename({"skill_id": "first_id"})
        .join(held_skills.rename({"skill_id": "second_id"}), on="person_id")
        .filter(pl.col("first_id") < pl.col("second_id"))
        .join(pair_counts.counts, on=("first_id", "second_id"), how="left")
        # a micro-skill that its person hides is not counted for others, and may stand alone here
        .with_columns(pl.col("holders").fill_null(0))
    )
    return (
        own_pairs.sort("person_id", "holders", "first_id", "second_id")
        .unique("person_id", keep="first", maintain_order=True)
        .select(
            "person_id",
            pl.concat_list("first_id", "second_id").alias("unusual_skill_ids"),
            pl.when(pl.col("holders") >= minimum_people).then("holders").alias("both_people_count"),
        )
    )


def _find_opening_steps(held_skills: pl.DataFrame, requirements: pl.DataFrame) -> pl.DataFrame:
    """Per person with a set that lacks one micro-skill: person_id, opening_skill_id, and the count of each kind."""
    set_key, skill_ids = ("opened_kind", "set_id"), requirements["skill_id"].unique().sort()
    coded_requirements = requirements.with_columns(
        pl.Series("_code", encode_ids(requirements["skill_id"], skill_ids), pl.Int64)
    )
    set_sums = coded_requirements.group_by(set_key).agg(
        pl.col("weight", "set_size").first(), pl.col("_code").sum().alias("_sum")
    )
    # the code of the one that is missing is the sum of the set's codes less the sum of those that are held
    missing_ones = (
        held_skills.join(coded_requirements, on="skill_id")
        .group_by("person_id", *set_key)
        .agg(pl.len().alias("held"), pl.col("_code").sum().alias("_held_sum"))
        .join(set_sums, on=set_key)
        .filter(pl.col("held") == pl.col("set_size") - 1)
        .with_columns((pl.col("_sum") - pl.col("_held_sum")).alias("_missing"))
    )
    opened = missing_ones.group_by("person_id", "_missing").agg(
        pl.col("weight").filter(pl.col("opened_kind") == opened_kind).sum().alias(f"opened_{opened_kind}_count")
        for opened_kind in OPENED_KINDS
    )
    opened_total = pl.sum_horizontal(f"opened_{opened_kind}_count" for opened_kind in OPENED_KINDS)
    best = (
        opened.with_columns(opened_total.alias("_total"))
        .sort("person_id", -pl.col("_total").cast(pl.Int64), "_missing")
        .unique("person_id", keep="first", maintain_order=True)
    )
    return best.with_columns(pl.Series("opening_skill_id", skill_ids.gather(best["_missing"]), pl.String)).drop(
        "_missing", "_total"
    )
