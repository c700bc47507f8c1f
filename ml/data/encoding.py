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
    vocabulary_codes = pl.DataFrame({"id": vocabulary, "code": np.arange(len(vocabulary))})
    id_codes = pl.DataFrame({"id": ids}).join(vocabulary_codes, on="id", how="left", maintain_order="left")
    return id_codes["code"].fill_null(-1).to_numpy()


@dataclass(frozen=True, eq=False)
class Lookup:
    """Values by a sorted key; a key that is not there has the value 0."""

    key: Ints
    value: Doubles

    def get(self, keys: Ints) -> Doubles:
        """Return the value of each key."""
        key_positions = np.searchsorted(self.key, keys)
        is_found = np.append(self.key, -1)[key_positions] == keys
        return np.where(is_found, np.append(self.value, 0.0)[key_positions], 0.0)


def sum_by_key(keys: Ints, addends: Doubles) -> Lookup:
    """Return the sum of the values of each key; negative keys are dropped."""
    distinct_keys, key_index = np.unique(keys[keys >= 0], return_inverse=True)
    return Lookup(distinct_keys, np.asarray(np.bincount(key_index, addends[keys >= 0], len(distinct_keys)), np.float64))


def max_by_key(keys: Ints, values: Doubles) -> Lookup:
    """Return the largest value of each key; negative keys are dropped."""
    entry_order = np.lexsort((values, keys))
    is_largest = (np.diff(keys[entry_order], append=-1) != 0) & (keys[entry_order] >= 0)
    return Lookup(keys[entry_order][is_largest], values[entry_order][is_largest])


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
        link_counts = np.append(np.diff(self.start), 0)[codes]
        _, link_indices = take_rows(self.start[codes], link_counts)
        return np.repeat(np.arange(len(codes)), link_counts), self.target[link_indices]


def build_adjacency(source_codes: Ints, target_codes: Ints, n_codes: int) -> Adjacency:
    """Return the links of `n_codes` codes.

    Args:
        source_codes: Code that each link starts from; links from -1 are dropped.
        target_codes: Code that each link leads to; -1 is kept.
        n_codes: Number of codes.
    """
    has_source = source_codes >= 0
    link_order = np.argsort(source_codes[has_source], kind="stable")
    return Adjacency(
        row_offsets(np.bincount(source_codes[has_source], minlength=n_codes)), target_codes[has_source][link_order]
    )


@dataclass(frozen=True, eq=False)
class HeldSkills:
    """Who holds which micro-skill at which stage, by code; the code -1 stands for an unknown person or micro-skill."""

    person_ids: pl.Series  # distinct
    skill_ids: pl.Series  # distinct
    capability: Ints  # code per micro-skill, -1 for none
    capability_ids: pl.Series  # distinct
    weight: Doubles  # of each micro-skill within its capability, 0 for none
    person: Ints  # of each pair held
    skill: Ints
    stage: Ints

    def encode_people(self, person_ids: pl.Series) -> Ints:
        """Return the code of each person_id."""
        return encode_ids(person_ids, self.person_ids)

    def encode_skills(self, skill_ids: pl.Series) -> Ints:
        """Return the code of each skill_id."""
        return encode_ids(skill_ids, self.skill_ids)

    def pair_key(self, person_codes: Ints, skill_codes: Ints) -> Ints:
        """Return one number per (person, micro-skill), -1 if either is unknown."""
        return np.where((person_codes < 0) | (skill_codes < 0), -1, person_codes * len(self.skill_ids) + skill_codes)

    def capability_key(self, person_codes: Ints, skill_codes: Ints) -> Ints:
        """Return one number per person and capability of the micro-skill, -1 if there is none."""
        capability_codes = np.where(skill_codes < 0, -1, self.capability[skill_codes])
        return np.where(
            (person_codes < 0) | (capability_codes < 0),
            -1,
            person_codes * max(len(self.capability_ids), 1) + capability_codes,
        )

    @cached_property
    def stage_lookup(self) -> Lookup:
        """The stage of each held pair, by `pair_key`."""
        return sum_by_key(self.pair_key(self.person, self.skill), self.stage.astype(np.float64))

    def covered_weight(self, min_stage: int) -> Lookup:
        """Return the weight of the micro-skills held at this stage or above, by `capability_key`."""
        reaches_stage = self.stage >= min_stage
        person_codes, skill_codes = self.person[reaches_stage], self.skill[reaches_stage]
        return sum_by_key(self.capability_key(person_codes, skill_codes), self.weight[skill_codes])


def index_held_skills(mastery: pl.DataFrame, skills: pl.DataFrame) -> HeldSkills:
    """Return the pairs that are held, that is at a stage above none.

    Args:
        mastery: Rows of the table MASTERY: person_id, skill_id, stage.
        skills: Rows of the table SKILL: skill_id, capability_id, capability_weight. Weights that are null become even
            shares, and the weights of a capability are scaled to add up to 1.
    """
    held_pairs = mastery.filter(pl.col("stage") != STAGES[0]).select("person_id", "skill_id", stage_index("stage"))
    unscaled_weight = pl.coalesce("capability_weight", 1.0 / pl.len().over("capability_id"))
    weighted_skills = (
        skills.select("skill_id", "capability_id", "capability_weight").unique("skill_id").sort("skill_id")
    )
    weighted_skills = weighted_skills.with_columns(
        (unscaled_weight / unscaled_weight.sum().over("capability_id")).alias("weight")
    )
    skill_ids, capability_ids = weighted_skills["skill_id"], weighted_skills["capability_id"]
    person_ids = held_pairs["person_id"].unique().sort()
    distinct_capability_ids = capability_ids.drop_nulls().unique().sort()
    capability_codes = encode_ids(capability_ids, distinct_capability_ids)
    skill_codes = encode_ids(held_pairs["skill_id"], skill_ids)
    return HeldSkills(
        person_ids=person_ids,
        skill_ids=skill_ids,
        capability=capability_codes,
        capability_ids=distinct_capability_ids,
        weight=np.where(capability_codes < 0, 0.0, weighted_skills["weight"].fill_null(0.0).to_numpy()),
        person=encode_ids(held_pairs["person_id"], person_ids)[skill_codes >= 0],
        skill=skill_codes[skill_codes >= 0],
        stage=held_pairs["stage"].to_numpy()[skill_codes >= 0],
    )
