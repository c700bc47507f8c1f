"""Integer codes of text ids, and lookups by code: values by key, links between codes, and who holds which micro-skill.

Belongs here: the one id encoder, and sorted arrays that answer millions of lookups at once.
Does not belong here: what follows from a held micro-skill for a step or a capability (`ml.recommend`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from ml.data.sparse_rows import Doubles, Ints, Strings, row_offsets, take_rows
from pipelines.contracts.columns import STAGES, stage_index


def encode_ids(ids: pl.Series | Strings, vocabulary: pl.Series | Strings) -> Ints:
    """Return the integer code of each id. `vocabulary.gather(codes)` or `vocabulary[codes]` decodes.

    Args:
        ids: Text ids; null has no code.
        vocabulary: Distinct ids in any order; the code of an id is its position here.

    Returns:
        One code per id; -1 if the id is not in the vocabulary.
    """
    codes = pl.DataFrame({"id": vocabulary, "code": np.arange(len(vocabulary))})
    encoded = pl.DataFrame({"id": ids}).join(codes, on="id", how="left", maintain_order="left")
    return encoded["code"].fill_null(-1).to_numpy()


@dataclass(frozen=True, eq=False)
class Lookup:
    """Values by a sorted key; a key that is not there has the value 0."""

    key: Ints
    value: Doubles

    def get(self, key: Ints) -> Doubles:
        """Return the value of each key."""
        place = np.searchsorted(self.key, key)
        is_found = np.append(self.key, -1)[place] == key
        return np.where(is_found, np.append(self.value, 0.0)[place], 0.0)


def sum_by_key(key: Ints, value: Doubles) -> Lookup:
    """Return the sum of the values of each key; negative keys are dropped."""
    distinct, place = np.unique(key[key >= 0], return_inverse=True)
    return Lookup(distinct, np.asarray(np.bincount(place, value[key >= 0], len(distinct)), np.float64))


def max_by_key(key: Ints, value: Doubles) -> Lookup:
    """Return the largest value of each key; negative keys are dropped."""
    order = np.lexsort((value, key))
    is_last = (np.diff(key[order], append=-1) != 0) & (key[order] >= 0)
    return Lookup(key[order][is_last], value[order][is_last])


@dataclass(frozen=True, eq=False)
class Adjacency:
    """The codes that each code is linked to: `target[start[i]:start[i + 1]]`."""

    start: Ints
    target: Ints

    def expand(self, codes: Ints) -> tuple[Ints, Ints]:
        """Return the links of many codes.

        Args:
            codes: Codes to look up; -1 has no links.

        Returns:
            The position in `codes` and the linked code, one entry per link.
        """
        lengths = np.append(np.diff(self.start), 0)[codes]
        _, entry = take_rows(self.start[codes], lengths)
        return np.repeat(np.arange(len(codes)), lengths), self.target[entry]


def build_adjacency(source: Ints, target: Ints, size: int) -> Adjacency:
    """Return the links of `size` codes.

    Args:
        source: Code that each link starts from; links from -1 are dropped.
        target: Code that each link leads to; -1 is kept.
        size: Number of codes.
    """
    is_known = source >= 0
    order = np.argsort(source[is_known], kind="stable")
    return Adjacency(row_offsets(np.bincount(source[is_known], minlength=size)), target[is_known][order])


@dataclass(frozen=True, eq=False)
class HeldSkills:
    """Who holds which micro-skill at which stage, by code; the code -1 stands for an unknown person or micro-skill."""

    people: pl.Series  # distinct person_id
    skill_ids: pl.Series  # distinct
    capability: Ints  # code per micro-skill, -1 for none
    capabilities: pl.Series  # distinct capability_id
    weight: Doubles  # of each micro-skill within its capability, 0 for none
    person: Ints  # of each pair held
    skill: Ints
    stage: Ints

    def encode_people(self, ids: pl.Series) -> Ints:
        """Return the code of each person_id."""
        return encode_ids(ids, self.people)

    def encode_skills(self, ids: pl.Series) -> Ints:
        """Return the code of each skill_id."""
        return encode_ids(ids, self.skill_ids)

    def pair_key(self, person: Ints, skill: Ints) -> Ints:
        """Return one number per (person, micro-skill), -1 if either is unknown."""
        return np.where((person < 0) | (skill < 0), -1, person * len(self.skill_ids) + skill)

    def capability_key(self, person: Ints, skill: Ints) -> Ints:
        """Return one number per person and capability of the micro-skill, -1 if there is none."""
        capability = np.where(skill < 0, -1, self.capability[skill])
        return np.where((person < 0) | (capability < 0), -1, person * max(len(self.capabilities), 1) + capability)

    @cached_property
    def stage_lookup(self) -> Lookup:
        """The stage of each held pair, by `pair_key`."""
        return sum_by_key(self.pair_key(self.person, self.skill), self.stage.astype(np.float64))

    def covered_weight(self, stage: int) -> Lookup:
        """Return the weight of the micro-skills held at this stage or above, by `capability_key`."""
        is_held = self.stage >= stage
        person, skill = self.person[is_held], self.skill[is_held]
        return sum_by_key(self.capability_key(person, skill), self.weight[skill])


def index_held_skills(mastery: pl.DataFrame, skills: pl.DataFrame) -> HeldSkills:
    """Return the pairs that are held, that is at a stage above none.

    Args:
        mastery: Rows of the table MASTERY: person_id, skill_id, stage.
        skills: Rows of the table SKILL: skill_id, capability_id, capability_weight. Weights that are null become even
            shares, and the weights of a capability are scaled to add up to 1.
    """
    held = mastery.filter(pl.col("stage") != STAGES[0]).select("person_id", "skill_id", stage_index("stage"))
    weight = pl.coalesce("capability_weight", 1.0 / pl.len().over("capability_id"))
    weighted = skills.select("skill_id", "capability_id", "capability_weight").unique("skill_id").sort("skill_id")
    weighted = weighted.with_columns((weight / weight.sum().over("capability_id")).alias("weight"))
    skill_ids, capability_ids = weighted["skill_id"], weighted["capability_id"]
    people, capabilities = held["person_id"].unique().sort(), capability_ids.drop_nulls().unique().sort()
    capability, skill = encode_ids(capability_ids, capabilities), encode_ids(held["skill_id"], skill_ids)
    return HeldSkills(
        people=people,
        skill_ids=skill_ids,
        capability=capability,
        capabilities=capabilities,
        weight=np.where(capability < 0, 0.0, weighted["weight"].fill_null(0.0).to_numpy()),
        person=encode_ids(held["person_id"], people)[skill >= 0],
        skill=skill[skill >= 0],
        stage=held["stage"].to_numpy()[skill >= 0],
    )
