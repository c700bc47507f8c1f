"""The catalogue of micro-skills of the demo company, read from the CSV files of the package.

Belongs here: reading the catalogue (micro-skills, prerequisites, role profiles) and arranging it for the generator.
Does not belong here: people, time, evidence, or anything random.
"""

from dataclasses import dataclass
from importlib import resources

import numpy as np
import polars as pl
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]

# The pull of a role: an essential micro-skill counts twice as much as an optional one.
IMPORTANCE_SHARE = {"essential": 1.0, "optional": 0.5}
# The largest number of prerequisites of a micro-skill, the width of the table of prerequisites.
MAX_PREREQUISITES = 2


@dataclass(frozen=True)
class Catalog:
    """Micro-skills as frames to write, and as arrays indexed by the number of the micro-skill to compute with."""

    skills: pl.DataFrame  # one row per micro-skill, in the order of their numbers
    prerequisites: pl.DataFrame  # one row per (skill_id, requires_skill_id)
    role_profiles: pl.DataFrame  # one row per (role_name, skill_id), with its importance
    role_names: tuple[str, ...]
    capability_numbers: IntArray  # skill -> number of the capability
    required_skills: IntArray  # skill x 2 -> required skill; the number of skills means "none"
    role_importance: FloatArray  # role x skill -> 1 essential, 0.5 optional, 0 neither
    skill_weights: FloatArray  # skill -> weight in its capability

    @property
    def skill_count(self) -> int:
        return self.skills.height

    @property
    def labels(self) -> pl.Series:
        """The alias of each micro-skill in tracker labels."""
        return self.skills["aliases"].str.split("|").list.get(0)

    @property
    def phrases(self) -> pl.Series:
        """The alias of each micro-skill in course titles."""
        return self.skills["aliases"].str.split("|").list.get(1)


def read_package_csv(file_name: str) -> pl.DataFrame:
    """Read a CSV file of this package."""
    return pl.read_csv(resources.files("pipelines.demo").joinpath(file_name).read_bytes())


def read_catalog() -> Catalog:
    """Read the whole catalogue.

    Raises:
        ValueError: If a micro-skill has more prerequisites than the table is wide.
    """
    capabilities = read_package_csv("capabilities.csv")
    skills = (
        read_package_csv("micro_skills.csv")
        .join(capabilities, on="capability_id", how="left", maintain_order="left")
        .select("skill_id", "name", "description", "aliases", "capability_id", "capability_name", "weight")
    )
    prerequisites, role_profiles = read_package_csv("prerequisites.csv"), read_package_csv("role_profiles.csv")
    role_names = role_profiles["role_name"].unique(maintain_order=True)
    number_by_skill, number_by_capability, number_by_role = (
        {entity_id: entity_number for entity_number, entity_id in enumerate(entity_ids)}
        for entity_ids in (skills["skill_id"], capabilities["capability_id"], role_names)
    )
    requirement_slots = prerequisites.select(pl.int_range(pl.len()).over("skill_id")).to_series()
    skills_over_limit = prerequisites["skill_id"].filter(requirement_slots >= MAX_PREREQUISITES)
    if len(skills_over_limit):
        raise ValueError(
            f"{skills_over_limit[0]} needs more than {MAX_PREREQUISITES} micro-skills: drop one in prerequisites.csv"
        )
    required_skills = np.full((len(number_by_skill), MAX_PREREQUISITES), len(number_by_skill), dtype=np.int64)
    required_skills[_map_to_numbers(prerequisites["skill_id"], number_by_skill), requirement_slots] = _map_to_numbers(
        prerequisites["requires_skill_id"], number_by_skill
    )
    role_importance = np.zeros((len(role_names), len(number_by_skill)), dtype=np.float32)
    importance_shares = role_profiles["importance"].replace_strict(IMPORTANCE_SHARE)
    role_importance[
        _map_to_numbers(role_profiles["role_name"], number_by_role),
        _map_to_numbers(role_profiles["skill_id"], number_by_skill),
    ] = importance_shares
    return Catalog(
        skills=skills,
        prerequisites=prerequisites,
        role_profiles=role_profiles,
        role_names=tuple(role_names),
        capability_numbers=_map_to_numbers(skills["capability_id"], number_by_capability),
        required_skills=required_skills,
        role_importance=role_importance,
        skill_weights=skills["weight"].cast(pl.Float32).to_numpy(),
    )


def _map_to_numbers(entity_ids: pl.Series, number_by_id: dict[str, int]) -> IntArray:
    return entity_ids.replace_strict(number_by_id, return_dtype=pl.Int64).to_numpy()
