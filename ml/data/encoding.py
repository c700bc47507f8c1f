"""Holdings: who holds which micro-skill at which stage, as sorted numbers, to be asked millions of times.

Belongs here: the coding of people and micro-skills, and lookups of stages and weights by pair.
Does not belong here: what follows for a step (`ml.recommend.motives`) or a capability (`ml.recommend.capability_coverage`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.contracts.columns import STAGES

Ints = NDArray[np.int64]
Doubles = NDArray[np.float64]

STAGE_INDEX = {stage: index for index, stage in enumerate(STAGES)}


@dataclass(frozen=True, eq=False)
class Lookup:
    """Values by a sorted key; what is not there has the value 0."""

    key: Ints
    value: Doubles

    def get(self, key: Ints) -> Doubles:
        """The value of each key."""
        if not len(self.key):
            return np.zeros(len(key))
        place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where(self.key[place] == key, self.value[place], 0.0)


@dataclass(frozen=True, eq=False)
class HeldSkills:
    """People and micro-skills by code; -1 stands for one that is not known."""

    people: pl.Series  # distinct person_id
    skill_ids: pl.Series  # distinct
    capability: Ints  # of each micro-skill, -1 for none
    capabilities: pl.Series  # distinct capability_id
    weight: Doubles  # of each micro-skill within its capability, 0 for none
    person: Ints  # of each pair held
    skill: Ints
    stage: Ints

    def encode_people(self, ids: pl.Series) -> Ints:
        """The code of each person."""
        return encode_ids(ids, self.people)

    def encode_skills(self, ids: pl.Series) -> Ints:
        """The code of each micro-skill."""
        return encode_ids(ids, self.skill_ids)

    def pair_key(self, person: Ints, skill: Ints) -> Ints:
        """One number a pair; negative where either is not known."""
        return np.where((person < 0) | (skill < 0), -1, person * len(self.skill_ids) + skill)

    def capability_key(self, person: Ints, skill: Ints) -> Ints:
        """One number a person and capability of the micro-skill; negative where there is none."""
        capability = np.where(skill < 0, -1, self.capability[skill])
        return np.where((person < 0) | (capability < 0), -1, person * max(len(self.capabilities), 1) + capability)

    @cached_property
    def stage_lookup(self) -> Lookup:
        """The stage of each pair that is held."""
        return sum_by_key(self.pair_key(self.person, self.skill), self.stage.astype(np.float64))

    def covered_weight(self, goal: int) -> Lookup:
        """By person and capability: the weight of micro-skills held at this stage or above."""
        rows = self.stage >= goal
        return sum_by_key(self.capability_key(self.person[rows], self.skill[rows]), self.weight[self.skill[rows]])


def index_held_skills(mastery: pl.DataFrame, skills: pl.DataFrame) -> HeldSkills:
    """What is held (stage above none). mastery: person_id, skill_id, stage; skills: with capability_id and weight.

    A weight that is not given is an even share; weights of a capability are brought to add up to 1.
    """
    held = mastery.select("person_id", "skill_id", "stage").filter(pl.col("stage") != STAGES[0])
    known = skills.select("skill_id", "capability_id", "capability_weight").unique("skill_id").sort("skill_id")
    even = 1.0 / pl.len().over("capability_id")
    weight = pl.coalesce("capability_weight", even)
    known = known.with_columns((weight / weight.sum().over("capability_id")).alias("weight"))
    capabilities = known["capability_id"].drop_nulls().unique().sort()
    people = held["person_id"].unique().sort()
    person, skill = encode_ids(held["person_id"], people), encode_ids(held["skill_id"], known["skill_id"])
    stage = held["stage"].replace_strict(STAGE_INDEX, return_dtype=pl.Int64).to_numpy()
    capability = encode_ids(known["capability_id"], capabilities)
    share = np.where(capability < 0, 0.0, known["weight"].fill_null(0.0).to_numpy())
    rows = skill >= 0
    return HeldSkills(people, known["skill_id"], capability, capabilities, share, person[rows], skill[rows], stage[rows])


def encode_ids(ids: pl.Series, known: pl.Series) -> Ints:
    """The place of each id among the known ones, -1 for one that is not there."""
    places = pl.DataFrame({"id": known, "place": np.arange(len(known), dtype=np.int64)})
    return ids.alias("id").to_frame().join(places, on="id", how="left", maintain_order="left")["place"].fill_null(
        -1
    ).to_numpy()


def sum_by_key(key: Ints, value: Doubles) -> Lookup:
    """Values summed by key; negative keys are left out."""
    rows = key >= 0
    distinct, place = np.unique(key[rows], return_inverse=True)
    return Lookup(distinct, np.asarray(np.bincount(place, value[rows], len(distinct)), np.float64))


def max_by_key(key: Ints, value: Doubles) -> Lookup:
    """The largest value of each key; negative keys are left out."""
    rows = key >= 0
    key, value = key[rows], value[rows]
    order = np.lexsort((value, key))
    key, value = key[order], value[order]
    last = np.flatnonzero(np.diff(key, append=-1) != 0)
    return Lookup(key[last], value[last])


@dataclass(frozen=True, eq=False)
class Adjacency:
    """What each coded thing is linked to, in one array: `target[start[i]:start[i + 1]]`."""

    start: Ints
    target: Ints

    def expand(self, things: Ints) -> tuple[Ints, Ints]:
        """(row of `things`, linked thing), one entry a link; a thing of -1 has none."""
        count = np.where(things < 0, 0, self.start[things + 1] - self.start[things])
        row = np.repeat(np.arange(len(things)), count)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        return row, self.target[self.start[things[row]] + nth]


def build_adjacency(thing: Ints, target: Ints, size: int) -> Adjacency:
    """The links of `size` things, from pairs; pairs of what is not known (-1) keep an unknown target."""
    rows = thing >= 0
    order = np.argsort(thing[rows], kind="stable")
    count = np.bincount(thing[rows], minlength=size)
    return Adjacency(np.concatenate([[0], np.cumsum(count)]).astype(np.int64), target[rows][order])
