"""Whom to follow, walk with and lead in a recommended step: named with consent, counted without.

Belongs here: who stands how to a step, who may be shown to whom, and the rows that come of it.
Does not belong here: whose consent is in force (`pipelines.consents`), the assignment itself (`ml.assignment`), the
sentences (`ml.companion_words`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml.assignment import Edges, assign, windows
from ml.companion_words import tell_counted, tell_named
from ml.histories import Bools, Floats, Ints
from ml.mastery import step_id
from pipelines.contracts.fields import RELATIONS, STAGES
from pipelines.contracts.policy import CompanionPolicy, Policy

# So many of one's own unit, and so many of all, are weighed for each place: more make little difference to the load.
NEAR, FAR = 3, 3
# What tells two companions apart, 0..1 in all: another unit is further away than another role, an old move than both.
OTHER_UNIT, OTHER_ROLE, LONG_AGO = 0.4, 0.2, 0.4
# A move of three years ago was made in another company, so to speak.
LONG = timedelta(days=3 * 365)
ROWS = pl.Schema(
    {
        "person_id": pl.String, "step_id": pl.String, "skill_id": pl.String, "relation": pl.String,
        "companion_id": pl.String, "companion_skill_id": pl.String, "standing_count": pl.Int64, "why": pl.String,
    }
)  # fmt: skip


@dataclass(frozen=True)
class Colleagues:
    """Everyone who can be a companion and what is known of them, each one row per what its name says.

    people: person_id, unit_name, role_name, manager_id of those who work here and take part; nobody else is ever shown
    or counted. reached: reached steps. held: person_id, skill_id, stage, level_share. skills: skill_id, skill_name,
    capability_id. consents: person_id, relation, skill_id (null: every one), is_given. hidden: person_id, skill_id that
    nobody else may hear of. shown: person_id, companion_id, since_date of the pairs of earlier nights.
    """

    people: pl.DataFrame
    reached: pl.DataFrame
    held: pl.DataFrame
    skills: pl.DataFrame
    consents: pl.DataFrame
    hidden: pl.DataFrame
    shown: pl.DataFrame


def match_companions(steps: pl.DataFrame, around: Colleagues, as_of: date, policy: Policy) -> pl.DataFrame:
    """One row per person, recommended step and relation in which somebody can be named, or enough people be counted.

    steps: person_id, rank, skill_id, kind, from_stage, to_stage of everyone's list. The same companion stands at most
    once in a list, in at most `load_cap` lists, and begins to be shown to at most `load_cap` people in any
    `exposure_days`. Whoever was shown before stays while the days last; then it is another's turn.
    """
    people = around.people.select("person_id", "unit_name", "role_name", "manager_id").sort("person_id")
    people = people.with_row_index("person").with_columns(pl.col("person").cast(pl.Int64))
    places = find_places(steps, around, people)
    standing = find_standing(places, steps, around, people, as_of)
    named = name_companions(places, standing, around, people, as_of, policy.companions)
    rows = places.join(named, on="place", how="left", maintain_order="left")
    told = [
        tell_named(rows.filter(pl.col("companion").is_not_null()), standing, people),
        tell_counted(rows.filter(pl.col("companion").is_null()), standing, policy.minimum_people),
    ]
    return pl.concat([one.select(pl.col(n).cast(t) for n, t in ROWS.items()) for one in told]).sort(
        "person_id", "step_id", "relation"
    )


def find_places(steps: pl.DataFrame, around: Colleagues, people: pl.DataFrame) -> pl.DataFrame:
    """One row per person, step and relation, the first ranks first, with the step the companion is to stand at.

    follow: who reached the step. walk_with: who has it on their list. lead: who has the step on their list that led
    the person to the stage held now; where nothing is held yet, in what the person holds best of the same capability.
    """
    mine = steps.with_columns(step_id().alias("step_id")).join(people.select("person_id", "person"), on="person_id")
    names = around.skills.select("skill_id", "skill_name", "capability_id")
    mine = mine.join(names, on="skill_id", how="left")
    best = _best_held(around, names)
    mine = mine.join(best, on=("person_id", "capability_id"), how="left")
    is_new = pl.col("from_stage") == STAGES[0]
    led_skill = pl.when(is_new).then(pl.col("best_skill_id")).otherwise(pl.col("skill_id"))
    led_stage = pl.when(is_new).then(pl.col("best_stage")).otherwise(pl.col("from_stage"))
    at: dict[str, tuple[pl.Expr, pl.Expr]] = {
        "follow": (pl.col("skill_id"), pl.col("step_id")),
        "walk_with": (pl.col("skill_id"), pl.col("step_id")),
        "lead": (led_skill, pl.concat_str(led_skill, led_stage, separator="|")),
    }
    columns = ("person", "person_id", "rank", "step_id", "skill_id", "kind", "from_stage", "to_stage")
    parts = [
        mine.select(
            *columns,
            pl.lit(relation).alias("relation"),
            skill.alias("companion_skill_id"),
            step.alias("at_step"),
        )
        for relation, (skill, step) in at.items()
    ]  # fmt: skip
    places = pl.concat(parts).drop_nulls("at_step")
    told = names.select(companion_skill_id="skill_id", companion_skill_name="skill_name")
    places = places.join(told, on="companion_skill_id", how="left")
    places = places.join(people.select("person", "unit_name"), on="person", how="left")
    order = pl.col("relation").replace_strict({r: i for i, r in enumerate(RELATIONS)}, return_dtype=pl.Int8)
    return places.sort("rank", "at_step", order, "person").with_row_index("place")


def find_standing(
    places: pl.DataFrame, steps: pl.DataFrame, around: Colleagues, people: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """One row per relation, step and person who stands there, consenting (is_given) or not: what others may hear of.

    years_ago: since the move, for who made it; months: how long it took from the stage before, where that is known.
    """
    wanted = places.select("relation", at_step="at_step", skill_id="companion_skill_id").unique()
    listed = steps.select("person_id", step_id().alias("at_step"))
    moves = around.reached.select("person_id", "skill_id", "from_stage", "reached_at", at_step="step_id")
    moves = moves.sort("reached_at").unique(("person_id", "at_step"), keep="last", maintain_order=True)
    began = moves.select("person_id", began_at="reached_at", before="at_step")
    moves = moves.with_columns(pl.concat_str("skill_id", "from_stage", separator="|").alias("before"))
    is_refresh = pl.col("at_step").str.ends_with("|refresh")
    moves = moves.join(began, on=("person_id", "before"), how="left")
    days = (pl.col("reached_at") - pl.col("began_at")).dt.total_days()
    moved = moves.select(
        "person_id", "at_step",
        (pl.lit(as_of) - pl.col("reached_at").dt.date()).dt.total_days().alias("days_ago"),
        pl.when(~is_refresh).then(days / 30.44).alias("months"),
    )  # fmt: skip
    absent = (pl.lit(None, pl.Int64).alias("days_ago"), pl.lit(None, pl.Float64).alias("months"))
    listed = listed.unique().with_columns(*absent)
    stands = pl.concat(
        wanted.filter(pl.col("relation") == relation).join(moved if relation == "follow" else listed, on="at_step")
        for relation in RELATIONS
    )
    stands = stands.join(around.hidden, on=("person_id", "skill_id"), how="anti")
    stands = stands.join(people.select("person_id", "person", "unit_name", "role_name"), on="person_id")
    return consenting(stands, around.consents).sort("relation", "at_step", "person")


def consenting(stands: pl.DataFrame, consents: pl.DataFrame) -> pl.DataFrame:
    """The rows (person_id, relation, skill_id, …) with is_given: the word about the micro-skill, else about all, else
    no."""
    single = consents.drop_nulls("skill_id").rename({"is_given": "of_skill"})
    every = consents.filter(pl.col("skill_id").is_null()).select("person_id", "relation", of_all="is_given")
    found = stands.join(single, on=("person_id", "relation", "skill_id"), how="left")
    found = found.join(every, on=("person_id", "relation"), how="left")
    is_given = pl.coalesce("of_skill", "of_all", pl.lit(False)).alias("is_given")
    return found.with_columns(is_given).drop("of_skill", "of_all")


def name_companions(
    places: pl.DataFrame, standing: pl.DataFrame, around: Colleagues, people: pl.DataFrame, as_of: date,
    policy: CompanionPolicy,
) -> pl.DataFrame:  # fmt: skip
    """One row (place, companion) per place that somebody who consented takes; numbers are those of `people`."""
    asked = _numbered(places, standing, people)
    begun = _begun(around.shown, people, as_of, policy.exposure_days)
    above = set_of_pairs(manager_chains(people), people.height) if not policy.manager_chain_may_walk else _NOBODY
    rest = _Rules(above, people.height)
    load = np.bincount(begun["companion"].to_numpy(), minlength=people.height).astype(np.int64)
    free = np.maximum(policy.load_cap - load, 0)
    taken = np.full(places.height, -1, np.int64)
    kept = _keep(asked, begun, rest, policy.load_cap)
    taken[kept["place"].to_numpy()] = kept["companion"].to_numpy()
    used = set_of_pairs(begun.select("person", "companion"), people.height)
    rng = np.random.default_rng(as_of.toordinal())  # who is weighed first changes from night to night, not in a night
    luck = rng.permutation(people.height)
    turn = rng.permutation(int(asked.block.max(initial=0)) + 1)
    for rank in np.unique(asked.rank):
        if not free.any():
            break
        mine = np.flatnonzero((asked.rank == rank) & (taken < 0))
        mine = mine[np.lexsort((luck[asked.person[mine]], turn[asked.block[mine]]))]
        edges = _offer(asked, mine, free, load, luck, rest, used)
        if not edges.place.size:
            continue
        found = assign(edges, load, free, mine.size)
        filled = found >= 0
        taken[mine[filled]] = found[filled]
        used = np.union1d(used, asked.person[mine[filled]] * people.height + found[filled])
    return pl.DataFrame({"place": np.arange(taken.size, dtype=np.uint32), "companion": taken}).filter(
        pl.col("companion") >= 0
    )


_NOBODY: Ints = np.array([], np.int64)


@dataclass(frozen=True, eq=False)
class _Rules:
    """Pairs that never walk together, as one number each (see `set_of_pairs`), and how many people there are."""

    chain: Ints
    people: int

    def allows(self, person: Ints, companion: Ints, walks: Bools) -> Bools:
        """Never oneself; never up or down one's own manager chain to walk with."""
        up, down = person * self.people + companion, companion * self.people + person
        in_chain = np.isin(up, self.chain) | np.isin(down, self.chain) if self.chain.size else np.zeros(up.size, bool)
        return np.asarray((person != companion) & ~(walks & in_chain), np.bool_)


@dataclass(frozen=True, eq=False)
class _Numbered:
    """Places and consenting people as numbers: a block is one relation and step."""

    person: Ints
    rank: Ints
    block: Ints
    walks: Bools
    member: Ints
    member_block: Ints
    distance: Floats  # of each member, by how long ago the move was
    unit: Ints  # of each person; nobody's unit is like another's
    role: Ints


def _numbered(places: pl.DataFrame, standing: pl.DataFrame, people: pl.DataFrame) -> _Numbered:
    given = standing.filter(pl.col("is_given"))
    both = pl.concat([places.select("relation", "at_step"), given.select("relation", "at_step")])
    block = both.select(pl.struct("relation", "at_step").rank("dense").cast(pl.Int64)).to_series().to_numpy()
    long_ago = (pl.col("days_ago") / LONG.days).clip(0, 1).fill_null(0.0) * LONG_AGO
    alone = -1 - pl.int_range(pl.len())
    codes = [
        people.select(pl.when(pl.col(n).is_null()).then(alone).otherwise(pl.col(n).rank("dense")).cast(pl.Int64))
        for n in ("unit_name", "role_name")
    ]
    return _Numbered(
        places["person"].to_numpy(), places["rank"].cast(pl.Int64).to_numpy(), block[: places.height],
        (places["relation"] == "walk_with").to_numpy(), given["person"].to_numpy(), block[places.height :],
        given.select(long_ago.cast(pl.Float32)).to_series().to_numpy(),
        codes[0].to_series().to_numpy(), codes[1].to_series().to_numpy(),
    )  # fmt: skip


def _offer(asked: _Numbered, mine: Ints, free: Ints, load: Ints, luck: Ints, rules: _Rules, used: Ints) -> Edges:
    """Edges of the places `mine` (by their order there) to people of their block who are free: near ones, then any."""
    able = np.flatnonzero(free[asked.member] > 0)
    member, blocks = asked.member[able], asked.member_block[able]
    order = load[member] * rules.people + luck[member]
    block, person = asked.block[mine], asked.person[mine]
    units = int(asked.unit.max(initial=0)) + rules.people + 1
    near = windows(
        block * units + asked.unit[person] + rules.people,
        blocks * units + asked.unit[member] + rules.people,
        order,
        NEAR,
    )
    far = windows(block, blocks, order, FAR)
    place, at = (np.concatenate(pair) for pair in zip(near, far, strict=True))
    who, companion = person[place], member[at]
    pair = who * rules.people + companion
    fits = rules.allows(who, companion, asked.walks[mine[place]]) & ~np.isin(pair, used)
    place, at, who, companion, pair = (part[fits] for part in (place, at, who, companion, pair))
    # the same companion stands once in a list: of several places of a person the first is theirs
    own = np.lexsort((place, pair))
    first = np.ones(own.size, bool)
    first[1:] = pair[own][1:] != pair[own][:-1]
    own = own[first]
    place, at, who, companion = place[own], at[own], who[own], companion[own]
    cost = OTHER_UNIT * (asked.unit[who] != asked.unit[companion]) + OTHER_ROLE * (
        asked.role[who] != asked.role[companion]
    )
    return Edges(place, companion, np.asarray(cost + asked.distance[able][at], np.float32))


def _keep(asked: _Numbered, begun: pl.DataFrame, rules: _Rules, cap: int) -> pl.DataFrame:
    """One row (place, companion) per pair of an earlier night that still stands: each in its best place, each place
    once, the pairs begun first, nobody in more than `cap` lists."""
    places = pl.DataFrame({"person": asked.person, "block": asked.block, "walks": asked.walks}).with_row_index("place")
    members = pl.DataFrame({"companion": asked.member, "block": asked.member_block}).unique()
    pairs = begun.join(places, on="person").join(members, on=("companion", "block"))
    allowed = rules.allows(*(pairs[n].to_numpy() for n in ("person", "companion", "walks")))
    pairs = pairs.filter(pl.Series(allowed, dtype=pl.Boolean)).sort("place", "since_date", "companion")
    pairs = pairs.unique(("person", "companion"), keep="first", maintain_order=True)
    pairs = pairs.unique("place", keep="first", maintain_order=True).sort("since_date", "place")
    return pairs.filter(pl.int_range(pl.len()).over("companion") < cap).select("place", "companion")


def _begun(shown: pl.DataFrame, people: pl.DataFrame, as_of: date, days: int) -> pl.DataFrame:
    """One row per pair that began to be shown in the last `days` before this night: person, companion, since_date.

    Whom a companion was shown to counts, whether or not they still work here.
    """
    recent = shown.filter(pl.col("since_date") < as_of, pl.col("since_date") > as_of - timedelta(days=days))
    recent = recent.group_by("person_id", "companion_id").agg(pl.col("since_date").max())
    numbers = people.select("person_id", "person")
    found = recent.join(numbers.rename({"person_id": "companion_id", "person": "companion"}), on="companion_id")
    found = found.join(numbers, on="person_id", how="left").with_columns(pl.col("person").fill_null(-1))
    return found.select("person", "companion", "since_date").sort("companion", "since_date", "person")


def manager_chains(people: pl.DataFrame) -> pl.DataFrame:
    """One row (person, companion) per person and everyone above them; where managers form a circle, all within it."""
    number = people.select(manager_id="person_id", above="person")
    direct = people.join(number, on="manager_id").select("person", companion="above")
    known = reach = direct
    while reach.height:
        further = reach.join(direct.rename({"person": "companion", "companion": "next"}), on="companion")
        further = further.select("person", companion="next").unique()
        reach = further.join(known, on=("person", "companion"), how="anti")
        known = pl.concat([known, reach])
    return known


def set_of_pairs(pairs: pl.DataFrame, people: int) -> Ints:
    """The pairs (person, companion) as one number each, sorted."""
    both = pairs.select(pl.nth(0).cast(pl.Int64) * people + pl.nth(1).cast(pl.Int64)).to_series()
    return np.asarray(both.unique().sort().to_numpy(), np.int64)


def _best_held(around: Colleagues, names: pl.DataFrame) -> pl.DataFrame:
    """One row per person and capability: the micro-skill held best there, from journeyman up."""
    held = (
        around.held.filter(pl.col("stage").is_in(list(STAGES[2:])))
        .join(names, on="skill_id")
        .drop_nulls("capability_id")
    )
    held = held.sort("level_share", "skill_id", descending=[True, False])
    best = held.unique(("person_id", "capability_id"), keep="first", maintain_order=True)
    return best.select("person_id", "capability_id", best_skill_id="skill_id", best_stage="stage")
