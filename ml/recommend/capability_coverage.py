"""Coverage of capabilities: how much of each a person holds, what is missing, and which micro-skill comes next.

Belongs here: coverage per person and capability, and the held micro-skills that a step combines with.
Does not belong here: the motive that uses coverage (`ml.recommend.motives`).
"""

import numpy as np
import polars as pl

from ml.data.encoding import HeldSkills, build_adjacency, index_held_skills
from ml.data.sparse_rows import Bools, Ints
from ml.recommend.motives import compute_readiness
from pipelines.contracts.columns import stage_index
from pipelines.contracts.output_tables import CAPABILITY, ROW_METADATA_COLUMNS

# People per block: a few million pairs of person and micro-skill.
PEOPLE_PER_BLOCK = 50_000
# The columns of the table before the metadata of the run are added.
COVERAGE_COLUMNS = tuple(column for column in CAPABILITY.column_names if column not in ROW_METADATA_COLUMNS)


def compute_capability_coverage(
    mastery: pl.DataFrame, skills: pl.DataFrame, prerequisites: pl.DataFrame
) -> pl.DataFrame:
    """Compute how much of each capability every person covers.

    Args:
        mastery: One row per person and micro-skill: person_id, skill_id, stage.
        skills: One row per micro-skill: skill_id, skill_name, capability_id, capability_name, capability_weight.
        prerequisites: skill_id, requires_skill_id.

    Returns:
        One row per person and capability of which the person holds something, in the contract `out__capability`
        without the metadata of the run. next_skill_id is a missing micro-skill: those whose prerequisites are held come
        first, then those of greater weight, then those with the smaller id. completes_share is the coverage of the
        capability once the person holds it too. Both are null if nothing is missing.
    """
    person_ids = mastery["person_id"].unique().sort()
    return pl.concat(
        _compute_block_coverage(
            mastery.filter(pl.col("person_id").is_in(person_ids.slice(first_person_index, PEOPLE_PER_BLOCK).implode())),
            skills,
            prerequisites,
        )
        for first_person_index in range(0, max(len(person_ids), 1), PEOPLE_PER_BLOCK)
    ).sort("person_id", "capability_id")


def add_combinations(steps: pl.DataFrame, mastery: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    """Add `combines_with`: the names of held micro-skills of the same capability, at the step's stage or above.

    Args:
        steps: One row per person and step: person_id, skill_id, to_stage and any other column.
        mastery: person_id, skill_id, stage.
        skills: skill_id, skill_name, capability_id.

    Returns:
        The same rows in the same order; the list is sorted by name, and empty if nothing combines.
    """
    step_key_columns = ["person_id", "skill_id", "to_stage"]
    capability_skills = skills.select("skill_id", "skill_name", "capability_id").drop_nulls("capability_id")
    held_steps = mastery.select("person_id", "skill_id", stage_index("stage").alias("held_stage")).join(
        capability_skills, on="skill_id"
    )
    combined_skill_names = (
        steps.select(step_key_columns)
        .unique()
        .join(capability_skills.drop("skill_name"), on="skill_id")
        .join(held_steps, on=("person_id", "capability_id"), suffix="_held")
        .filter(pl.col("held_stage") >= stage_index("to_stage"), pl.col("skill_id") != pl.col("skill_id_held"))
        .sort("skill_name")
        .group_by(step_key_columns, maintain_order=True)
        .agg(pl.col("skill_name").alias("combines_with"))
    )
    return steps.join(combined_skill_names, on=step_key_columns, how="left", maintain_order="left").with_columns(
        pl.col("combines_with").fill_null(pl.lit([], dtype=pl.List(pl.String)))
    )


def _compute_block_coverage(mastery: pl.DataFrame, skills: pl.DataFrame, prerequisites: pl.DataFrame) -> pl.DataFrame:
    """The coverage rows of one block of people."""
    held_skills = index_held_skills(mastery, skills)
    n_capabilities = len(held_skills.capability_ids)
    if not n_capabilities or not len(held_skills.person):
        return pl.DataFrame(schema={column: CAPABILITY.schema[column] for column in COVERAGE_COLUMNS})
    person_capability_keys = held_skills.capability_key(held_skills.person, held_skills.skill)
    # person and capability of which something is held
    held_capability_keys = np.unique(person_capability_keys[person_capability_keys >= 0])
    skills_by_capability = build_adjacency(
        held_skills.capability, np.arange(len(held_skills.skill_ids)), n_capabilities
    )
    person_capability_index, skill_codes = skills_by_capability.expand(held_capability_keys % n_capabilities)
    person_codes = held_capability_keys[person_capability_index] // n_capabilities
    is_held = held_skills.stage_lookup.get(held_skills.pair_key(person_codes, skill_codes)) > 0
    skill_names = skills.unique("skill_id").sort("skill_id")["skill_name"]
    capability_names = skills.select("capability_id", "capability_name").drop_nulls().unique("capability_id")
    capability_skill_rows = pl.DataFrame(
        {
            "row": person_capability_index,
            "skill_id": held_skills.skill_ids.gather(skill_codes),
            "skill_name": skill_names.gather(skill_codes),
            "weight": held_skills.weight[skill_codes],
            "is_held": is_held,
            "is_next": _mark_next_skills(
                held_skills, prerequisites, person_codes, skill_codes, person_capability_index, is_held
            ),
        }
    )
    coverage_rows = capability_skill_rows.group_by("row", maintain_order=True).agg(
        pl.col("weight").filter("is_held").sum().clip(0, 1).alias("coverage_share"),
        pl.col("skill_id").filter("is_held").alias("held_skill_ids"),
        pl.col("skill_name").filter("is_held").alias("held_skill_names"),
        pl.col("skill_id").filter(~pl.col("is_held")).alias("missing_skill_ids"),
        pl.col("skill_id").filter("is_next").first().alias("next_skill_id"),
        pl.col("weight").filter(pl.col("is_held") | pl.col("is_next")).sum().clip(0, 1).alias("completes_share"),
    )
    return (
        coverage_rows.with_columns(
            held_skills.person_ids.gather(held_capability_keys // n_capabilities).alias("person_id"),
            held_skills.capability_ids.gather(held_capability_keys % n_capabilities).alias("capability_id"),
            pl.when(pl.col("next_skill_id").is_not_null()).then("completes_share").alias("completes_share"),
        )
        .join(capability_names, on="capability_id", how="left", maintain_order="left")
        .select(COVERAGE_COLUMNS)
    )


def _mark_next_skills(
    held_skills: HeldSkills,
    prerequisites: pl.DataFrame,
    person_codes: Ints,
    skill_codes: Ints,
    person_capability_index: Ints,
    is_held: Bools,
) -> Bools:
    """Mark the missing micro-skill of each row that comes next."""
    missing_entry_indices = np.flatnonzero(~is_held)
    is_ready = (
        compute_readiness(
            held_skills, prerequisites, person_codes[missing_entry_indices], skill_codes[missing_entry_indices]
        )
        >= 1
    )
    ranked_entry_indices = missing_entry_indices[
        np.lexsort(
            (
                skill_codes[missing_entry_indices],
                -held_skills.weight[skill_codes[missing_entry_indices]],
                ~is_ready,
                person_capability_index[missing_entry_indices],
            )
        )
    ]
    is_next = np.zeros(len(person_capability_index), bool)
    is_next[ranked_entry_indices[np.diff(person_capability_index[ranked_entry_indices], prepend=-1) != 0]] = True
    return is_next
