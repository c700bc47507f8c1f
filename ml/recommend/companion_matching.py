"""Whom to follow, walk with and lead in a recommended step: named with consent, counted without.

Belongs here: who may be shown to whom, for how long, and the rows that come of it.
Does not belong here: who stands how to a step (`ml.recommend.companion_candidates`), the assignment itself
(`ml.recommend.capacity_assignment`), the sentences
(`ml.recommend.companion_text`), whose consent is in force (`pipelines.core.consents`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml.data.interactions import Bools, Floats, Ints
from ml.mastery.state import build_step_id
from ml.recommend.capacity_assignment import Edges, assign, windows
from ml.recommend.companion_candidates import (
    FOLLOW,
    GOALS,
    LEAD,
    WALK_WITH,
    CompanionContext,
    Numbered,
    consenting,
    find_places,
    find_standing,
    number,
    number_steps,
)
from ml.recommend.companion_text import tell_counted, tell_named
from pipelines.contracts.columns import RELATIONS, STAGES
from pipelines.contracts.policy import CompanionPolicy, RecommendationPolicy

# So many of one's own unit, and so many of all, are weighed for each place: more make little difference to the load.
NEAR, FAR = 3, 3
# What tells two companions apart, 0..1 in all: another unit is further away than another role, an old move than both.
OTHER_UNIT, OTHER_ROLE, LONG_AGO = 0.4, 0.2, 0.4
# A move of three years ago was made in another company, so to speak.
LONG_DAYS = 3 * 365
# Whoever was shown in the term before this one comes after whoever was not.
EXPOSURE_TERMS = 2
ROWS = pl.Schema(
    {
        "person_id": pl.String,
        "step_id": pl.String,
        "skill_id": pl.String,
        "relation": pl.String,
        "companion_id": pl.String,
        "companion_skill_id": pl.String,
        "standing_count": pl.Int64,
        "why": pl.String,
    }
)


def match_companions(
    steps: pl.DataFrame, context: CompanionContext, as_of: date, policy: RecommendationPolicy
) -> pl.DataFrame:
    """One row per person, recommended step and relation in which somebody can be named, or enough people be counted.

    steps: person_id, rank, skill_id, kind, from_stage, to_stage of everyone's list. The same companion stands at most
    once in a list, in at most `load_cap` lists, and begins to be shown to at most `load_cap` people in any
    `exposure_days`. Whoever was shown before stays while the days last; then it is another's turn.
    """
    numbers = number(steps, context)
    listed = number_steps(steps, numbers)
    places = find_places(listed, context, numbers)
    standing = find_standing(places, listed, context, numbers, as_of)
    named = name_companions(places, standing, context.shown_pairs, numbers.people, as_of, policy.companions)
    rows = places.with_columns(named)
    told = pl.concat(
        [
            tell_named(rows.filter(pl.col("companion").is_not_null()), standing, numbers),
            tell_counted(rows.filter(pl.col("companion").is_null()), standing, numbers, policy.minimum_people),
        ]
    ).sort("person", "rank", "step", "relation")
    return _with_ids(told, numbers)


def name_companions(
    places: pl.DataFrame,
    standing: pl.DataFrame,
    shown_pairs: pl.DataFrame,
    people: pl.DataFrame,
    as_of: date,
    policy: CompanionPolicy,
) -> pl.Series:
    """The number of the companion of each place, null where nobody who consented takes it."""
    asked = _asked(places, standing.filter(pl.col("is_given")), people)
    earlier = _begun(shown_pairs, people, as_of, EXPOSURE_TERMS * policy.exposure_days)
    begun = earlier.filter(pl.col("since_date") > as_of - timedelta(days=policy.exposure_days))
    chains = manager_chains(people) if not policy.manager_chain_may_walk else None
    rules = _Rules(_pairs(chains, people.height) if chains is not None else _NOBODY, people.height)
    load, now = (
        np.bincount(pairs["companion"].to_numpy(), minlength=people.height).astype(np.int64)
        for pairs in (earlier, begun)
    )
    free = np.maximum(policy.load_cap - now, 0)
    taken = np.full(places.height, -1, np.int64)
    kept = _keep(asked, begun, rules, policy.load_cap)
    taken[kept["place"].to_numpy()] = kept["companion"].to_numpy()
    used = _pairs(begun, people.height)
    rng = np.random.default_rng(as_of.toordinal())  # whose turn is first changes from night to night, not in a night
    luck, turn = rng.permutation(people.height), rng.permutation(int(asked.block.max(initial=0)) + 1)
    for rank in np.unique(asked.rank):
        if not free.any():
            break
        mine = np.flatnonzero((asked.rank == rank) & (taken < 0))
        mine = mine[np.lexsort((luck[asked.person[mine]], turn[asked.block[mine]]))]
        found = assign(_offer(asked, mine, free, load, luck, rules, used), load, free, mine.size)
        filled = found >= 0
        taken[mine[filled]] = found[filled]
        used = np.sort(np.concatenate([used, asked.person[mine[filled]] * people.height + found[filled]]))
    return pl.Series("companion", taken).replace(-1, None)


def filter_valid_companions(rows: pl.DataFrame, steps: pl.DataFrame, context: CompanionContext) -> pl.DataFrame:
    """The companion rows of an earlier night that may still be shown, between two nights that match anew.

    Gone are rows of steps that left the list, and named rows whose companion left, hides the micro-skill, has no
    consent in force any more, or no longer means to take the step to walk with, or what they would be led in. Nobody is
    added.
    """
    listed = steps.select("person_id", "skill_id", build_step_id().alias("step_id"))
    kept = rows.join(listed, on=("person_id", "step_id"), how="semi", maintain_order="left")
    # from the companion's side: it is their word, their micro-skill and their list that count
    turned = {
        "person_id": "viewer_id",
        "skill_id": "viewer_skill_id",
        "companion_id": "person_id",
        "companion_skill_id": "skill_id",
    }
    seen = kept.rename(turned).join(context.people, on="person_id", how="semi")
    seen = seen.join(context.hidden_pairs, on=("person_id", "skill_id"), how="anti")
    seen = consenting(seen, context.consents, "person_id", "skill_id").filter("is_given")
    # to follow is who took the step; the others are on their way to it
    at_it = {WALK_WITH: ("person_id", "step_id"), LEAD: ("person_id", "skill_id")}
    of_relation = {one: seen.filter(pl.col("relation") == RELATIONS[one]) for one in (FOLLOW, *at_it)}
    fit = [of_relation[FOLLOW], *(of_relation[one].join(listed, on=on, how="semi") for one, on in at_it.items())]
    named = pl.concat(fit).rename({after: before for before, after in turned.items()}).select(rows.columns)
    counted = kept.filter(pl.col("companion_id").is_null())
    return pl.concat([named, counted]).sort("person_id", "step_id", "relation")


def manager_chains(people: pl.DataFrame) -> pl.DataFrame:
    """One row (person, companion) per person and everyone above them; where managers form a circle, all within it."""
    above = people.select(manager_id="person_id", above="person")
    direct = people.join(above, on="manager_id").select("person", companion="above")
    known = reach = direct
    while reach.height:
        further = reach.join(direct.rename({"person": "companion", "companion": "next"}), on="companion")
        further = further.select("person", companion="next").unique()
        reach = further.join(known, on=("person", "companion"), how="anti")
        known = pl.concat([known, reach])
    return known


_NOBODY: Ints = np.array([], np.int64)


@dataclass(frozen=True, eq=False)
class _Rules:
    """Pairs that never walk together, as one sorted number each, and how many people there are."""

    chain: Ints
    people: int

    def allows(self, person: Ints, companion: Ints, walks: Bools) -> Bools:
        """Never oneself; never up or down one's own manager chain to walk with."""
        fits: Bools = person != companion
        who, whom = person[walks], companion[walks]
        fits[walks] &= ~(
            _is_among(self.chain, who * self.people + whom) | _is_among(self.chain, whom * self.people + who)
        )
        return fits


@dataclass(frozen=True, eq=False)
class _Asked:
    """Places, and the people who stand in their blocks with consent, as numbers."""

    person: Ints
    rank: Ints
    block: Ints
    walks: Bools
    member: Ints
    member_block: Ints
    distance: Floats  # of each member, by how long ago the move was
    unit: Ints  # of each person, none below 0; nobody's missing unit is like another's
    role: Ints


def _asked(places: pl.DataFrame, given: pl.DataFrame, people: pl.DataFrame) -> _Asked:
    # blocks that are asked for, counted without gaps
    both = pl.concat([places["block"], given["block"]]).rank("dense").cast(pl.Int64).to_numpy()
    alone = people.height + pl.int_range(pl.len())
    codes = [
        people.select(pl.when(pl.col(n).is_null()).then(alone).otherwise(pl.col(n).rank("dense")).cast(pl.Int64))
        for n in ("unit_name", "role_name")
    ]
    long_ago = (pl.col("days_ago") / LONG_DAYS).clip(0, 1).fill_null(0.0) * LONG_AGO
    return _Asked(
        places["person"].to_numpy(),
        places["rank"].cast(pl.Int64).to_numpy(),
        both[: places.height],
        (places["relation"] == WALK_WITH).to_numpy(),
        given["person"].to_numpy(),
        both[places.height :],
        given.select(long_ago.cast(pl.Float32)).to_series().to_numpy(),
        codes[0].to_series().to_numpy(),
        codes[1].to_series().to_numpy(),
    )


def _offer(asked: _Asked, mine: Ints, free: Ints, load: Ints, luck: Ints, rules: _Rules, used: Ints) -> Edges:
    """Edges of the places `mine` (by their order there) to people of their block who are free: near ones, then any."""
    able = np.flatnonzero(free[asked.member] > 0)
    member, blocks = asked.member[able], asked.member_block[able]
    order = load[member] * rules.people + luck[member]
    block, person = asked.block[mine], asked.person[mine]
    units = 2 * rules.people + 1
    near = windows(block * units + asked.unit[person], blocks * units + asked.unit[member], order, NEAR)
    far = windows(block, blocks, order, FAR)
    place, at = (np.concatenate(pair) for pair in zip(near, far, strict=True))
    pair = person[place] * rules.people + member[at]
    fits = rules.allows(person[place], member[at], asked.walks[mine[place]]) & ~_is_among(used, pair)
    place, at, pair = place[fits], at[fits], pair[fits]
    # the same companion stands once in a list: of several places of a person the first is theirs
    own = np.lexsort((place, pair))
    first = np.ones(own.size, bool)
    first[1:] = pair[own][1:] != pair[own][:-1]
    place, at = place[own[first]], at[own[first]]
    who, companion = person[place], member[at]
    far_away = OTHER_UNIT * (asked.unit[who] != asked.unit[companion])
    unlike = OTHER_ROLE * (asked.role[who] != asked.role[companion])
    return Edges(place, companion, np.asarray(far_away + unlike + asked.distance[able][at], np.float32))


def _keep(asked: _Asked, begun: pl.DataFrame, rules: _Rules, cap: int) -> pl.DataFrame:
    """One row (place, companion) per pair of an earlier night that still stands: each in its best place, each place
    once, the pairs begun first, nobody in more than `cap` lists."""
    places = pl.DataFrame({"person": asked.person, "block": asked.block, "walks": asked.walks}).with_row_index("place")
    places = places.join(begun.select("person").unique(), on="person", how="semi")
    members = pl.DataFrame({"companion": asked.member, "block": asked.member_block})
    members = members.join(begun.select("companion").unique(), on="companion", how="semi")
    pairs = begun.join(places, on="person").join(members, on=("companion", "block"))
    allowed = rules.allows(*(pairs[n].to_numpy() for n in ("person", "companion", "walks")))
    pairs = pairs.filter(pl.Series(allowed, dtype=pl.Boolean)).sort("place", "since_date", "companion")
    pairs = pairs.unique(("person", "companion"), keep="first", maintain_order=True)
    pairs = pairs.unique("place", keep="first", maintain_order=True).sort("since_date", "place")
    return pairs.filter(pl.int_range(pl.len()).over("companion") < cap).select("place", "companion")


def _begun(shown_pairs: pl.DataFrame, people: pl.DataFrame, as_of: date, days: int) -> pl.DataFrame:
    """One row per pair that began to be shown in the last `days` before this night, the last time it did: person,
    companion, since_date.

    Whom a companion was shown to counts, whether or not they still work here (person is -1).
    """
    recent = shown_pairs.filter(pl.col("since_date") < as_of, pl.col("since_date") > as_of - timedelta(days=days))
    recent = recent.group_by("person_id", "companion_id").agg(pl.col("since_date").max())
    numbers = people.select("person_id", "person")
    found = recent.join(numbers.rename({"person_id": "companion_id", "person": "companion"}), on="companion_id")
    found = found.join(numbers, on="person_id", how="left").with_columns(pl.col("person").fill_null(-1))
    return found.select("person", "companion", "since_date").sort("companion", "since_date", "person")


def _pairs(pairs: pl.DataFrame, people: int) -> Ints:
    """The pairs (person, companion) as one number each, sorted."""
    both = pairs.select(pl.col("person") * people + pl.col("companion")).to_series()
    return np.asarray(both.unique().sort().to_numpy(), np.int64)


def _is_among(known: Ints, asked: Ints) -> Bools:
    """Which of the numbers asked for are among the known ones, which are sorted."""
    if not known.size:
        return np.zeros(asked.size, bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, asked), known.size - 1)] == asked, np.bool_)


def _with_ids(told: pl.DataFrame, numbers: Numbered) -> pl.DataFrame:
    """The rows under the ids that their numbers stand for, in the order and types of ROWS."""
    people, skills = numbers.people["person_id"], numbers.skills["skill_id"]
    goals = pl.Series(("refresh", *STAGES[1:]))
    skill = skills.gather(told["step"] // GOALS)
    named = told.select(
        people.gather(told["person"]).alias("person_id"),
        pl.concat_str(skill, goals.gather(told["step"] % GOALS), separator="|").alias("step_id"),
        skill.alias("skill_id"),
        pl.Series(RELATIONS).gather(told["relation"]).alias("relation"),
        people.gather(told["companion"]).alias("companion_id"),
        skills.gather(told["led"]).alias("companion_skill_id"),
        "standing_count",
        "why",
    )
    return named.cast(ROWS)
