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
OWN_UNIT_OFFERS, ANY_UNIT_OFFERS = 3, 3
# The cost of a companion, 0..1 in all: another unit costs more than another role, and an old move as much.
OTHER_UNIT_COST, OTHER_ROLE_COST, OLD_MOVE_COST = 0.4, 0.2, 0.4
# A move of this many days ago has the full cost of an old move.
OLD_MOVE_DAYS = 3 * 365
# A companion who was shown in the previous exposure term comes after one who was not.
EXPOSURE_TERMS = 2
_NO_COMPANION_PAIRS = pl.DataFrame(schema={"person": pl.Int64, "companion": pl.Int64})


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
    id_index = index_ids(steps, context)
    listed_steps = encode_listed_steps(steps, id_index)
    slots = find_slots(listed_steps, context, id_index)
    candidates = find_candidates(slots, listed_steps, context, id_index, as_of)
    matched_slots = slots.with_columns(
        _choose_companions(slots, candidates, context.shown_pairs, id_index.people, as_of, policy.companions)
    )
    is_named = pl.col("companion").is_not_null()
    companion_rows = pl.concat(
        [
            describe_named(matched_slots.filter(is_named), candidates, id_index),
            describe_counted(matched_slots.filter(~is_named), candidates, id_index, policy.minimum_people),
        ]
    )
    return _decode_ids(companion_rows.sort("person", "rank", "step", "relation"), id_index)


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
    manager_chains = _NO_COMPANION_PAIRS if policy.manager_chain_may_walk else find_manager_chains(people)
    matching_problem = _build_problem(
        slots, candidates.filter(pl.col("is_given")), people, _encode_pairs(manager_chains, n_people)
    )
    pairs_of_both_terms = _find_begun_pairs(shown_pairs, people, as_of, EXPOSURE_TERMS * policy.exposure_days)
    pairs_of_this_term = pairs_of_both_terms.filter(pl.col("since_date") > as_of - timedelta(days=policy.exposure_days))
    companion_load, load_of_this_term = (
        np.bincount(begun_pairs["companion"].to_numpy(), minlength=n_people).astype(np.int64)
        for begun_pairs in (pairs_of_both_terms, pairs_of_this_term)
    )
    free_capacity = np.maximum(policy.load_cap - load_of_this_term, 0)
    companion_of_slot = np.full(slots.height, -1, np.int64)
    lasting_pairs = _find_lasting_pairs(matching_problem, pairs_of_this_term, policy.load_cap)
    companion_of_slot[lasting_pairs["slot"].to_numpy()] = lasting_pairs["companion"].to_numpy()
    used_pair_keys = _encode_pairs(pairs_of_this_term, n_people)
    rng = np.random.default_rng(as_of.toordinal())  # the ranks of people and pools change from day to day
    person_ranks, pool_ranks = rng.permutation(n_people), rng.permutation(int(matching_problem.pool.max(initial=0)) + 1)
    for list_rank in np.unique(matching_problem.rank):
        if not free_capacity.any():
            break
        empty_slots = np.flatnonzero((matching_problem.rank == list_rank) & (companion_of_slot < 0))
        empty_slots = empty_slots[
            np.lexsort(
                (person_ranks[matching_problem.person[empty_slots]], pool_ranks[matching_problem.pool[empty_slots]])
            )
        ]
        edges = _build_edges(matching_problem, empty_slots, free_capacity, companion_load, person_ranks, used_pair_keys)
        companion_of_slot[empty_slots] = assign_companions(edges, companion_load, free_capacity, empty_slots.size)
        filled_slots = empty_slots[companion_of_slot[empty_slots] >= 0]
        used_pair_keys = np.sort(
            np.concatenate(
                [used_pair_keys, matching_problem.person[filled_slots] * n_people + companion_of_slot[filled_slots]]
            )
        )
    return pl.Series("companion", companion_of_slot).replace(-1, None)


def filter_valid_companions(
    companion_rows: pl.DataFrame, steps: pl.DataFrame, context: CompanionContext
) -> pl.DataFrame:
    """Keep the companion rows of an earlier run that may still be shown; nobody is added.

    A row goes if its step left the list. A named row also goes if the companion left, hides the micro-skill, has no
    consent in force, or no longer has the step (to walk with) or the micro-skill (to be led in) on their own list.

    Args:
        companion_rows: Rows in the contract `out__companion`.
        steps: The steps of the current lists: person_id, skill_id, kind, to_stage.
        context: The current people and tables.
    """
    listed_steps = steps.select("person_id", "skill_id", build_step_id().alias("step_id"))
    rows_of_listed_steps = companion_rows.join(
        listed_steps, on=("person_id", "step_id"), how="semi", maintain_order="left"
    )
    # consent, hidden micro-skills and list are the companion's: the companion becomes person_id
    swapped_column_names = {
        "person_id": "viewer_id",
        "skill_id": "viewer_skill_id",
        "companion_id": "person_id",
        "companion_skill_id": "skill_id",
    }
    valid_rows = (
        rows_of_listed_steps.rename(swapped_column_names)
        .join(context.people, on="person_id", how="semi")
        .join(context.hidden_pairs, on=("person_id", "skill_id"), how="anti")
    )
    valid_rows = add_consent(valid_rows, context.consents, "person_id", "skill_id").filter("is_given")
    follow_rows, walk_with_rows, lead_rows = (
        valid_rows.filter(pl.col("relation") == RELATIONS[relation_code]) for relation_code in (FOLLOW, WALK_WITH, LEAD)
    )
    named_rows = pl.concat(
        [
            follow_rows,
            walk_with_rows.join(listed_steps, on=("person_id", "step_id"), how="semi"),
            lead_rows.join(listed_steps, on=("person_id", "skill_id"), how="semi"),
        ]
    ).rename({new_name: old_name for old_name, new_name in swapped_column_names.items()})
    counted_rows = rows_of_listed_steps.filter(pl.col("companion_id").is_null())
    return pl.concat([named_rows.select(companion_rows.columns), counted_rows]).sort("person_id", "step_id", "relation")


def find_manager_chains(people: pl.DataFrame) -> pl.DataFrame:
    """Find everyone above each person.

    Args:
        people: One row per person: person (code), person_id, manager_id.

    Returns:
        One row per person and manager at any level: person, companion. If managers form a circle, everyone in it is
        above everyone in it.
    """
    manager_codes = people.select(manager_id="person_id", companion="person")
    direct_managers = people.join(manager_codes, on="manager_id").select("person", "companion")
    chain_pairs = newest_chain_pairs = direct_managers
    while newest_chain_pairs.height:
        newest_chain_pairs = (
            newest_chain_pairs.join(
                direct_managers.rename({"person": "companion", "companion": "next"}), on="companion"
            )
            .select("person", companion="next")
            .unique()
            .join(chain_pairs, on=("person", "companion"), how="anti")
        )
        chain_pairs = pl.concat([chain_pairs, newest_chain_pairs])
    return chain_pairs


@dataclass(frozen=True, eq=False)
class _MatchingProblem:
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
    chain_keys: Ints  # sorted keys of pairs of a person and someone above

    @property
    def n_people(self) -> int:
        return self.unit.size

    def is_allowed(self, person_codes: Ints, companion_codes: Ints, is_walk_pair: Bools) -> Bools:
        """Whether each pair may be shown: never oneself, never one's own manager chain to walk with."""
        is_allowed: Bools = person_codes != companion_codes
        walker_codes, partner_codes = person_codes[is_walk_pair], companion_codes[is_walk_pair]
        is_allowed[is_walk_pair] &= ~(
            _is_in_sorted(self.chain_keys, walker_codes * self.n_people + partner_codes)
            | _is_in_sorted(self.chain_keys, partner_codes * self.n_people + walker_codes)
        )
        return is_allowed


def _build_problem(
    slots: pl.DataFrame, consenting_candidates: pl.DataFrame, people: pl.DataFrame, chain_keys: Ints
) -> _MatchingProblem:
    # pools numbered without gaps
    pool_numbers = pl.concat([slots["pool"], consenting_candidates["pool"]]).rank("dense").cast(pl.Int64).to_numpy()
    unshared_code = people.height + pl.int_range(pl.len())
    unit_codes, role_codes = (
        people.select(
            pl.when(pl.col(group_name_column).is_null())
            .then(unshared_code)
            .otherwise(pl.col(group_name_column).rank("dense"))
            .cast(pl.Int64)
        )
        for group_name_column in ("unit_name", "role_name")
    )
    move_cost = (pl.col("days_ago") / OLD_MOVE_DAYS).clip(0, 1).fill_null(0.0) * OLD_MOVE_COST
    return _MatchingProblem(
        person=slots["person"].to_numpy(),
        rank=slots["rank"].cast(pl.Int64).to_numpy(),
        pool=pool_numbers[: slots.height],
        is_walk=(slots["relation"] == WALK_WITH).to_numpy(),
        member=consenting_candidates["person"].to_numpy(),
        member_pool=pool_numbers[slots.height :],
        move_cost=consenting_candidates.select(move_cost.cast(pl.Float32)).to_series().to_numpy(),
        unit=unit_codes.to_series().to_numpy(),
        role=role_codes.to_series().to_numpy(),
        chain_keys=chain_keys,
    )


def _build_edges(
    matching_problem: _MatchingProblem,
    empty_slots: Ints,
    free_capacity: Ints,
    companion_load: Ints,
    person_ranks: Ints,
    used_pair_keys: Ints,
) -> Edges:
    """Edges from the slots to free members of their pools: members of the own unit first, then any."""
    n_people = matching_problem.n_people
    free_members = np.flatnonzero(free_capacity[matching_problem.member] > 0)
    member_people, member_pools = matching_problem.member[free_members], matching_problem.member_pool[free_members]
    member_ranks = companion_load[member_people] * n_people + person_ranks[member_people]
    slot_pools, slot_people = matching_problem.pool[empty_slots], matching_problem.person[empty_slots]
    unit_code_bound = 2 * n_people + 1
    own_unit_offers = offer_members(
        slot_pools * unit_code_bound + matching_problem.unit[slot_people],
        member_pools * unit_code_bound + matching_problem.unit[member_people],
        member_ranks,
        OWN_UNIT_OFFERS,
    )
    any_unit_offers = offer_members(slot_pools, member_pools, member_ranks, ANY_UNIT_OFFERS)
    offer_slots, offered_members = (
        np.concatenate(offer_arrays) for offer_arrays in zip(own_unit_offers, any_unit_offers, strict=True)
    )
    pair_keys = slot_people[offer_slots] * n_people + member_people[offered_members]
    is_allowed = matching_problem.is_allowed(
        slot_people[offer_slots], member_people[offered_members], matching_problem.is_walk[empty_slots[offer_slots]]
    )
    is_allowed &= ~_is_in_sorted(used_pair_keys, pair_keys)
    offer_slots = offer_slots[is_allowed]
    offered_members = offered_members[is_allowed]
    pair_keys = pair_keys[is_allowed]
    # a companion occurs once in a list: the first of several slots of a person gets the edge
    offer_order = np.lexsort((offer_slots, pair_keys))
    offer_order = offer_order[np.diff(pair_keys[offer_order], prepend=-1) != 0]
    offer_slots, offered_members = offer_slots[offer_order], offered_members[offer_order]
    edge_people, edge_companions = slot_people[offer_slots], member_people[offered_members]
    unit_cost = OTHER_UNIT_COST * (matching_problem.unit[edge_people] != matching_problem.unit[edge_companions])
    role_cost = OTHER_ROLE_COST * (matching_problem.role[edge_people] != matching_problem.role[edge_companions])
    return Edges(
        offer_slots,
        edge_companions,
        np.asarray(unit_cost + role_cost + matching_problem.move_cost[free_members][offered_members], np.float32),
    )


def _find_lasting_pairs(matching_problem: _MatchingProblem, begun_pairs: pl.DataFrame, load_cap: int) -> pl.DataFrame:
    """One row (slot, companion) per pair of an earlier run that stays valid.

    Each pair keeps its best slot, each slot one pair, the earliest pairs come first, and nobody is in more than
    `load_cap` lists.
    """
    slots_of_shown_people = pl.DataFrame(
        {"person": matching_problem.person, "pool": matching_problem.pool, "is_walk": matching_problem.is_walk}
    )
    slots_of_shown_people = slots_of_shown_people.with_row_index("slot").join(
        begun_pairs.select("person").unique(), on="person", how="semi"
    )
    members_of_shown_companions = pl.DataFrame(
        {"companion": matching_problem.member, "pool": matching_problem.member_pool}
    )
    members_of_shown_companions = members_of_shown_companions.join(
        begun_pairs.select("companion").unique(), on="companion", how="semi"
    )
    possible_pairs = begun_pairs.join(slots_of_shown_people, on="person").join(
        members_of_shown_companions, on=("companion", "pool")
    )
    is_allowed = matching_problem.is_allowed(
        *(possible_pairs[pair_column].to_numpy() for pair_column in ("person", "companion", "is_walk"))
    )
    return (
        possible_pairs.filter(pl.Series(is_allowed, dtype=pl.Boolean))
        .sort("slot", "since_date", "companion")
        .unique(("person", "companion"), keep="first", maintain_order=True)
        .unique("slot", keep="first", maintain_order=True)
        .sort("since_date", "slot")
        .filter(pl.int_range(pl.len()).over("companion") < load_cap)
        .select("slot", "companion")
    )


def _find_begun_pairs(shown_pairs: pl.DataFrame, people: pl.DataFrame, as_of: date, window_days: int) -> pl.DataFrame:
    """One row per pair that began to be shown in the `window_days` before this run: person, companion, since_date.

    A pair counts for the companion's load also if the person has left; the person is then -1.
    """
    companion_codes = people.select(companion_id="person_id", companion="person")
    return (
        shown_pairs.filter(pl.col("since_date") < as_of, pl.col("since_date") > as_of - timedelta(days=window_days))
        .group_by("person_id", "companion_id")
        .agg(pl.col("since_date").max())
        .join(companion_codes, on="companion_id")
        .join(people.select("person_id", "person"), on="person_id", how="left")
        .select(pl.col("person").fill_null(-1), "companion", "since_date")
        .sort("companion", "since_date", "person")
    )


def _encode_pairs(pairs: pl.DataFrame, n_people: int) -> Ints:
    """The pairs (person, companion) as one sorted integer each."""
    pair_keys = pairs.select(pl.col("person") * n_people + pl.col("companion")).to_series()
    return np.asarray(pair_keys.unique().sort().to_numpy(), np.int64)


def _is_in_sorted(sorted_keys: Ints, searched_keys: Ints) -> Bools:
    """Whether each searched key is among the sorted keys."""
    if not sorted_keys.size:
        return np.zeros(searched_keys.size, bool)
    return np.asarray(
        sorted_keys[np.minimum(np.searchsorted(sorted_keys, searched_keys), sorted_keys.size - 1)] == searched_keys,
        np.bool_,
    )


def _decode_ids(companion_rows: pl.DataFrame, id_index: IdIndex) -> pl.DataFrame:
    """Replace codes by ids, in the columns of `out__companion` that this module fills."""
    person_ids, skill_ids = id_index.people["person_id"], id_index.skills["skill_id"]
    goal_names = pl.Series(("refresh", *STAGES[1:]))
    step_skill_ids = skill_ids.gather(companion_rows["step"] // GOAL_COUNT)
    expression_by_column: dict[str, pl.Expr | pl.Series] = {
        "person_id": person_ids.gather(companion_rows["person"]),
        "step_id": pl.concat_str(step_skill_ids, goal_names.gather(companion_rows["step"] % GOAL_COUNT), separator="|"),
        "skill_id": step_skill_ids,
        "relation": pl.Series(RELATIONS).gather(companion_rows["relation"]),
        "companion_id": person_ids.gather(companion_rows["companion"]),
        "companion_skill_id": skill_ids.gather(companion_rows["companion_skill"]),
        "standing_count": pl.col("standing_count"),
        "why": pl.col("why"),
    }
    return companion_rows.select(
        column_expression.cast(COMPANION.schema[column]).alias(column)
        for column, column_expression in expression_by_column.items()
    )
