"""Matching of companions: whom to follow, walk with and lead in each recommended step.

Belongs here: who may be shown to whom, for how long, and the rows of `out__companion`.
Does not belong here: the candidates (`ml.recommend.companion_candidates`), the assignment problem
(`ml.recommend.capacity_assignment`), the sentences (`ml.recommend.companion_text`), consents in force
(`pipelines.core.consents`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml.data.sparse_rows import Bools, Floats, Ints
from ml.mastery.state import build_step_id
from ml.recommend.capacity_assignment import Edges, assign_companions, offer_members
from ml.recommend.companion_candidates import (
    FOLLOW,
    GOAL_COUNT,
    LEAD,
    WALK_WITH,
    CompanionContext,
    IdIndex,
    add_consent,
    encode_listed_steps,
    find_candidates,
    find_slots,
    index_ids,
)
from ml.recommend.companion_text import describe_counted, describe_named
from pipelines.contracts.columns import RELATIONS, STAGES
from pipelines.contracts.output_tables import COMPANION
from pipelines.contracts.policy import CompanionPolicy, RecommendationPolicy

# Candidates per slot: of the person's own unit, and of all people. More hardly change the load.
NEAR, FAR = 3, 3
# The cost of a companion, 0..1 in all: another unit costs more than another role, and an old move as much.
OTHER_UNIT, OTHER_ROLE, OLD_MOVE = 0.4, 0.2, 0.4
# A move of this many days ago has the full cost of an old move.
OLD_MOVE_DAYS = 3 * 365
# A companion who was shown in the previous exposure term comes after one who was not.
EXPOSURE_TERMS = 2
_NO_PAIRS = pl.DataFrame(schema={"person": pl.Int64, "companion": pl.Int64})


def match_companions(
    steps: pl.DataFrame, context: CompanionContext, as_of: date, policy: RecommendationPolicy
) -> pl.DataFrame:
    """Match companions to the steps of all lists.

    The same companion occurs at most once in a list, in at most `load_cap` lists, and begins to be shown to at most
    `load_cap` people in any `exposure_days`. A pair of an earlier run stays until its days are over.

    Args:
        steps: One row per person and listed step: person_id, rank, skill_id, kind, from_stage, to_stage.
        context: The people who can be companions, and the tables about them.
        as_of: The day of the run.
        policy: The company's policy.

    Returns:
        One row per person, step and relation with a named companion or with enough people to count, in the contract
        `out__companion` without the metadata of the run.
    """
    index = index_ids(steps, context)
    listed = encode_listed_steps(steps, index)
    slots = find_slots(listed, context, index)
    candidates = find_candidates(slots, listed, context, index, as_of)
    matched = slots.with_columns(
        _choose_companions(slots, candidates, context.shown_pairs, index.people, as_of, policy.companions)
    )
    is_named = pl.col("companion").is_not_null()
    rows = pl.concat(
        [
            describe_named(matched.filter(is_named), candidates, index),
            describe_counted(matched.filter(~is_named), candidates, index, policy.minimum_people),
        ]
    )
    return _decode(rows.sort("person", "rank", "step", "relation"), index)


def _choose_companions(
    slots: pl.DataFrame,
    candidates: pl.DataFrame,
    shown_pairs: pl.DataFrame,
    people: pl.DataFrame,
    as_of: date,
    policy: CompanionPolicy,
) -> pl.Series:
    """The code of the companion of each slot, null if no consenting candidate is free."""
    n_people = people.height
    chains = _NO_PAIRS if policy.manager_chain_may_walk else find_manager_chains(people)
    problem = _build_problem(slots, candidates.filter(pl.col("is_given")), people, _pair_keys(chains, n_people))
    earlier = _begun_pairs(shown_pairs, people, as_of, EXPOSURE_TERMS * policy.exposure_days)
    current = earlier.filter(pl.col("since_date") > as_of - timedelta(days=policy.exposure_days))
    load, current_load = (
        np.bincount(pairs["companion"].to_numpy(), minlength=n_people).astype(np.int64) for pairs in (earlier, current)
    )
    free = np.maximum(policy.load_cap - current_load, 0)
    companions = np.full(slots.height, -1, np.int64)
    lasting = _lasting_pairs(problem, current, policy.load_cap)
    companions[lasting["slot"].to_numpy()] = lasting["companion"].to_numpy()
    used = _pair_keys(current, n_people)
    rng = np.random.default_rng(as_of.toordinal())  # the order of people and pools changes from day to day
    luck, turn = rng.permutation(n_people), rng.permutation(int(problem.pool.max(initial=0)) + 1)
    for rank in np.unique(problem.rank):
        if not free.any():
            break
        empty = np.flatnonzero((problem.rank == rank) & (companions < 0))
        empty = empty[np.lexsort((luck[problem.person[empty]], turn[problem.pool[empty]]))]
        edges = _build_edges(problem, empty, free, load, luck, used)
        companions[empty] = assign_companions(edges, load, free, empty.size)
        filled = empty[companions[empty] >= 0]
        used = np.sort(np.concatenate([used, problem.person[filled] * n_people + companions[filled]]))
    return pl.Series("companion", companions).replace(-1, None)


def filter_valid_companions(rows: pl.DataFrame, steps: pl.DataFrame, context: CompanionContext) -> pl.DataFrame:
    """Keep the companion rows of an earlier run that may still be shown; nobody is added.

    A row goes if its step left the list. A named row also goes if the companion left, hides the micro-skill, has no
    consent in force, or no longer has the step (to walk with) or the micro-skill (to be led in) on their own list.

    Args:
        rows: Rows in the contract `out__companion`.
        steps: The steps of the current lists: person_id, skill_id, kind, to_stage.
        context: The current people and tables.
    """
    listed = steps.select("person_id", "skill_id", build_step_id().alias("step_id"))
    current = rows.join(listed, on=("person_id", "step_id"), how="semi", maintain_order="left")
    # consent, hidden micro-skills and list are the companion's: the companion becomes person_id
    swapped = {
        "person_id": "viewer_id",
        "skill_id": "viewer_skill_id",
        "companion_id": "person_id",
        "companion_skill_id": "skill_id",
    }
    valid = (
        current.rename(swapped)
        .join(context.people, on="person_id", how="semi")
        .join(context.hidden_pairs, on=("person_id", "skill_id"), how="anti")
    )
    valid = add_consent(valid, context.consents, "person_id", "skill_id").filter("is_given")
    follow, walk_with, lead = (
        valid.filter(pl.col("relation") == RELATIONS[relation]) for relation in (FOLLOW, WALK_WITH, LEAD)
    )
    named = pl.concat(
        [
            follow,
            walk_with.join(listed, on=("person_id", "step_id"), how="semi"),
            lead.join(listed, on=("person_id", "skill_id"), how="semi"),
        ]
    ).rename({new: old for old, new in swapped.items()})
    counted = current.filter(pl.col("companion_id").is_null())
    return pl.concat([named.select(rows.columns), counted]).sort("person_id", "step_id", "relation")


def find_manager_chains(people: pl.DataFrame) -> pl.DataFrame:
    """Find everyone above each person.

    Args:
        people: One row per person: person (code), person_id, manager_id.

    Returns:
        One row per person and manager at any level: person, companion. If managers form a circle, everyone in it is
        above everyone in it.
    """
    managers = people.select(manager_id="person_id", companion="person")
    direct = people.join(managers, on="manager_id").select("person", "companion")
    chains = newest = direct
    while newest.height:
        newest = (
            newest.join(direct.rename({"person": "companion", "companion": "next"}), on="companion")
            .select("person", companion="next")
            .unique()
            .join(chains, on=("person", "companion"), how="anti")
        )
        chains = pl.concat([chains, newest])
    return chains


@dataclass(frozen=True, eq=False)
class _Problem:
    """Slots, the consenting members of their pools, and the pairs that never walk together, as arrays."""

    # per slot
    person: Ints
    rank: Ints
    pool: Ints
    is_walk: Bools
    # per member of a pool
    member: Ints
    member_pool: Ints
    move_cost: Floats
    # per person; a missing unit or role differs from every other
    unit: Ints
    role: Ints
    chain: Ints  # sorted keys of pairs of a person and someone above

    @property
    def n_people(self) -> int:
        return self.unit.size

    def is_allowed(self, person: Ints, companion: Ints, is_walk: Bools) -> Bools:
        """Whether each pair may be shown: never oneself, never one's own manager chain to walk with."""
        is_allowed: Bools = person != companion
        who, whom = person[is_walk], companion[is_walk]
        is_allowed[is_walk] &= ~(
            _is_in_sorted(self.chain, who * self.n_people + whom)
            | _is_in_sorted(self.chain, whom * self.n_people + who)
        )
        return is_allowed


def _build_problem(slots: pl.DataFrame, consenting: pl.DataFrame, people: pl.DataFrame, chain: Ints) -> _Problem:
    # pools numbered without gaps
    pools = pl.concat([slots["pool"], consenting["pool"]]).rank("dense").cast(pl.Int64).to_numpy()
    alone = people.height + pl.int_range(pl.len())
    unit, role = (
        people.select(pl.when(pl.col(n).is_null()).then(alone).otherwise(pl.col(n).rank("dense")).cast(pl.Int64))
        for n in ("unit_name", "role_name")
    )
    move_cost = (pl.col("days_ago") / OLD_MOVE_DAYS).clip(0, 1).fill_null(0.0) * OLD_MOVE
    return _Problem(
        person=slots["person"].to_numpy(),
        rank=slots["rank"].cast(pl.Int64).to_numpy(),
        pool=pools[: slots.height],
        is_walk=(slots["relation"] == WALK_WITH).to_numpy(),
        member=consenting["person"].to_numpy(),
        member_pool=pools[slots.height :],
        move_cost=consenting.select(move_cost.cast(pl.Float32)).to_series().to_numpy(),
        unit=unit.to_series().to_numpy(),
        role=role.to_series().to_numpy(),
        chain=chain,
    )


def _build_edges(problem: _Problem, slots: Ints, free: Ints, load: Ints, luck: Ints, used: Ints) -> Edges:
    """Edges from the slots to free members of their pools: members of the own unit first, then any."""
    n_people = problem.n_people
    is_free = np.flatnonzero(free[problem.member] > 0)
    member, member_pool = problem.member[is_free], problem.member_pool[is_free]
    order = load[member] * n_people + luck[member]
    pool, person = problem.pool[slots], problem.person[slots]
    n_units = 2 * n_people + 1
    near = offer_members(
        pool * n_units + problem.unit[person], member_pool * n_units + problem.unit[member], order, NEAR
    )
    far = offer_members(pool, member_pool, order, FAR)
    slot, offer = (np.concatenate(pair) for pair in zip(near, far, strict=True))
    pair_key = person[slot] * n_people + member[offer]
    is_open = problem.is_allowed(person[slot], member[offer], problem.is_walk[slots[slot]])
    is_open &= ~_is_in_sorted(used, pair_key)
    slot, offer, pair_key = slot[is_open], offer[is_open], pair_key[is_open]
    # a companion occurs once in a list: the first of several slots of a person gets the edge
    order = np.lexsort((slot, pair_key))
    order = order[np.diff(pair_key[order], prepend=-1) != 0]
    slot, offer = slot[order], offer[order]
    who, companion = person[slot], member[offer]
    unit_cost = OTHER_UNIT * (problem.unit[who] != problem.unit[companion])
    role_cost = OTHER_ROLE * (problem.role[who] != problem.role[companion])
    return Edges(slot, companion, np.asarray(unit_cost + role_cost + problem.move_cost[is_free][offer], np.float32))


def _lasting_pairs(problem: _Problem, current: pl.DataFrame, load_cap: int) -> pl.DataFrame:
    """One row (slot, companion) per pair of an earlier run that stays valid.

    Each pair keeps its best slot, each slot one pair, the earliest pairs come first, and nobody is in more than
    `load_cap` lists.
    """
    slots = pl.DataFrame({"person": problem.person, "pool": problem.pool, "is_walk": problem.is_walk})
    slots = slots.with_row_index("slot").join(current.select("person").unique(), on="person", how="semi")
    members = pl.DataFrame({"companion": problem.member, "pool": problem.member_pool})
    members = members.join(current.select("companion").unique(), on="companion", how="semi")
    pairs = current.join(slots, on="person").join(members, on=("companion", "pool"))
    is_allowed = problem.is_allowed(*(pairs[name].to_numpy() for name in ("person", "companion", "is_walk")))
    return (
        pairs.filter(pl.Series(is_allowed, dtype=pl.Boolean))
        .sort("slot", "since_date", "companion")
        .unique(("person", "companion"), keep="first", maintain_order=True)
        .unique("slot", keep="first", maintain_order=True)
        .sort("since_date", "slot")
        .filter(pl.int_range(pl.len()).over("companion") < load_cap)
        .select("slot", "companion")
    )


def _begun_pairs(shown_pairs: pl.DataFrame, people: pl.DataFrame, as_of: date, days: int) -> pl.DataFrame:
    """One row per pair that began to be shown in the `days` before this run: person, companion, since_date.

    A pair counts for the companion's load also if the person has left; the person is then -1.
    """
    companions = people.select(companion_id="person_id", companion="person")
    return (
        shown_pairs.filter(pl.col("since_date") < as_of, pl.col("since_date") > as_of - timedelta(days=days))
        .group_by("person_id", "companion_id")
        .agg(pl.col("since_date").max())
        .join(companions, on="companion_id")
        .join(people.select("person_id", "person"), on="person_id", how="left")
        .select(pl.col("person").fill_null(-1), "companion", "since_date")
        .sort("companion", "since_date", "person")
    )


def _pair_keys(pairs: pl.DataFrame, n_people: int) -> Ints:
    """The pairs (person, companion) as one sorted integer each."""
    keys = pairs.select(pl.col("person") * n_people + pl.col("companion")).to_series()
    return np.asarray(keys.unique().sort().to_numpy(), np.int64)


def _is_in_sorted(keys: Ints, queries: Ints) -> Bools:
    """Whether each query is among the sorted keys."""
    if not keys.size:
        return np.zeros(queries.size, bool)
    return np.asarray(keys[np.minimum(np.searchsorted(keys, queries), keys.size - 1)] == queries, np.bool_)


def _decode(rows: pl.DataFrame, index: IdIndex) -> pl.DataFrame:
    """Replace codes by ids, in the columns of `out__companion` that this module fills."""
    people, skills = index.people["person_id"], index.skills["skill_id"]
    goals = pl.Series(("refresh", *STAGES[1:]))
    skill = skills.gather(rows["step"] // GOAL_COUNT)
    columns: dict[str, pl.Expr | pl.Series] = {
        "person_id": people.gather(rows["person"]),
        "step_id": pl.concat_str(skill, goals.gather(rows["step"] % GOAL_COUNT), separator="|"),
        "skill_id": skill,
        "relation": pl.Series(RELATIONS).gather(rows["relation"]),
        "companion_id": people.gather(rows["companion"]),
        "companion_skill_id": skills.gather(rows["companion_skill"]),
        "standing_count": pl.col("standing_count"),
        "why": pl.col("why"),
    }
    return rows.select(values.cast(COMPANION.schema[name]).alias(name) for name, values in columns.items())
