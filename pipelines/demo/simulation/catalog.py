"""The demo company's catalogue of micro-skills, read from the package's CSV files.

Belongs here: reading and arranging the catalogue (skills, prerequisites, role profiles) for the generator.
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

# How strongly a role pulls: an essential skill counts twice an optional one.
IMPORTANCE_SHARE = {"essential": 1.0, "optional": 0.5}
# No micro-skill needs more than this many others, so prerequisites fit a fixed-width table.
MOST_PREREQUISITES = 2


@dataclass(frozen=True)
class Catalog:
    """Micro-skills as frames (to write) and as arrays indexed by skill number (to compute with)."""

    skills: pl.DataFrame  # one row per micro-skill, in skill-number order
    prerequisites: pl.DataFrame  # one row per (skill_id, requires_skill_id)
    role_profiles: pl.DataFrame  # one row per (role_name, skill_id), with its importance
    role_names: tuple[str, ...]
    capability_of: IntArray  # skill -> capability number
    requires: IntArray  # skill x 2 -> required skill; the number of skills stands for "nothing"
    importance: FloatArray  # role x skill -> 1 essential, 0.5 optional, 0 neither
    weight: FloatArray  # skill -> weight in its capability

    @property
    def size(self) -> int:
        return self.skills.height

    @property
    def labels(self) -> pl.Series:
        """The alias of each micro-skill as it stands in tracker labels."""
        return self.skills["aliases"].str.split("|").list.get(0)

    @property
    def phrases(self) -> pl.Series:
        """The alias of each micro-skill as it stands in course titles."""
        return self.skills["aliases"].str.split("|").list.get(1)


def read_package_csv(name: str) -> pl.DataFrame:
    """The rows of one CSV file that lies beside this module."""
    return pl.read_csv(resources.files("pipelines.demo").joinpath(name).read_bytes())


def read_catalog() -> Catalog:
    """The whole catalogue. ValueError if a micro-skill needs more others than the fixed table holds."""
    capabilities = read_package_csv("capabilities.csv")
    skills = read_package_csv("micro_skills.csv").join(
        capabilities, on="capability_id", how="left", maintain_order="left"
    )
    skills = skills.select("skill_id", "name", "description", "aliases", "capability_id", "capability_name", "weight")
    prerequisites = read_package_csv("prerequisites.csv")
    profiles = read_package_csv("role_profiles.csv")
    number = {skill: i for i, skill in enumerate(skills["skill_id"])}
    capability_number = {code: i for i, code in enumerate(capabilities["capability_id"])}
    requires = np.full((len(number), MOST_PREREQUISITES), len(number), dtype=np.int64)
    filled = np.zeros(len(number), dtype=np.int64)
    for skill, required in prerequisites.iter_rows():
        if filled[number[skill]] == MOST_PREREQUISITES:
            raise ValueError(
                f"{skill} needs more than {MOST_PREREQUISITES} micro-skills: drop one in prerequisites.csv"
            )
        requires[number[skill], filled[number[skill]]] = number[required]
        filled[number[skill]] += 1
    roles = tuple(profiles["role_name"].unique(maintain_order=True))
    importance = np.zeros((len(roles), len(number)), dtype=np.float32)
    for role, skill, kind in profiles.iter_rows():
        importance[roles.index(role), number[skill]] = IMPORTANCE_SHARE[kind]
    return Catalog(
        skills=skills,
        prerequisites=prerequisites,
        role_profiles=profiles,
        role_names=roles,
        capability_of=np.array([capability_number[code] for code in skills["capability_id"]], dtype=np.int64),
        requires=requires,
        importance=importance,
        weight=skills["weight"].cast(pl.Float32).to_numpy(),
    )
