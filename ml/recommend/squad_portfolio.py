"""A portfolio of open work as a problem of assignment: who may be proposed for what, and what it is worth.

Belongs here: the pairs of person and opening, what covers which lacking micro-skill, and the parts of a portfolio that
share nobody.
Does not belong here: solving it (`ml.recommend.squad_proposal`, `ml.recommend.simple_squad_proposals`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ml.data.sparse_rows import Bools, Ints
from ml.recommend.squad_matching import select_standing_answers
from ml.recommend.squad_openings import SquadContext, add_consent, select_holders
from pipelines.contracts.policy import SquadPolicy

# What a proposal maximises: a whole squad and a step count most, a wish and a person's own request half as much.
SQUAD_VALUE, STEP_VALUE, WISH_VALUE, JOIN_VALUE = 1.0, 1.0, 0.5, 0.5
# People of one seat: somebody to follow, and somebody who takes the step.
SEAT_PEOPLE = 2
_PAIR_COLUMNS = ("person_id", "opening_id", "work_code", "skill_id", "to_stage", "brings", "workload", "pair_value")


@dataclass(frozen=True)
class Portfolio:
    """Open work, and who may be proposed for it.

    Attributes:
        pairs: One row per person and opening for which the person may be proposed: person_id, opening_id, work_code,
            skill_id, to_stage, brings, workload, pair_value.
        person, seat, work: The number of the person, the opening and the piece of work of each pair.
        demand_work: The number of the work of each lacking micro-skill that the squad must cover.
        cover_pair, cover_demand: One entry per pair and demand that the pair's person covers.
        work_codes: The piece of work of each number.
        squad_people: The largest number of people in a squad.
    """

    pairs: pl.DataFrame
    person: Ints
    seat: Ints
    work: Ints
    demand_work: Ints
    cover_pair: Ints
    cover_demand: Ints
    work_codes: list[str]
    squad_people: int

    def value_of(self, is_chosen: Bools) -> float:
        """The value of the pairs that are chosen, with that of their squads."""
        return float(self.values[is_chosen].sum()) + SQUAD_VALUE * len(np.unique(self.work[is_chosen]))

    @property
    def values(self) -> NDArray[np.float64]:
        """The value of each pair."""
        return self.pairs["pair_value"].to_numpy()


def build_portfolio(
    matches: pl.DataFrame, openings: pl.DataFrame, context: SquadContext, policy: SquadPolicy, as_of: date
) -> Portfolio:
    """Build the portfolio of all openings that somebody may be proposed for.

    A person may be proposed for an opening if they asked to join it, or if their week has room for it and they consent
    to be shown: as somebody with the same step if they take one there, otherwise as somebody to follow. Whoever asked
    to join openings is proposed for these alone, and whoever refused one never for it. Workload binds everybody.

    Args:
        matches: As `match_openings` returns them.
        openings: As `find_openings` returns them.
        context: People, what they hold, their consents and answers.
        policy: The largest squad.
        as_of: The day of the run.
    """
    answers = select_standing_answers(context.answers, policy, as_of)
    pairs = _select_pairs(matches, context, answers)
    seats = openings.select("opening_id", "work_code", "skill_id", "covered_skill_ids")
    demands = seats.filter(~pl.col("covered_skill_ids").list.contains(pl.col("skill_id"))).select(
        "work_code", "skill_id"
    )
    pairs = _drop_uncoverable(pairs, demands, context.mastery)
    work_codes = pairs["work_code"].unique().sort().to_list()
    demands = (
        demands.filter(pl.col("work_code").is_in(work_codes)).sort("work_code", "skill_id").with_row_index("demand")
    )
    covers = _list_covers(pairs, demands, context.mastery)
    return Portfolio(
        pairs,
        _number(pairs["person_id"]),
        _number(pairs["opening_id"]),
        _number(pairs["work_code"], work_codes),
        _number(demands["work_code"], work_codes),
        covers["pair"].to_numpy().astype(np.int64),
        covers["demand"].to_numpy().astype(np.int64),
        work_codes,
        policy.squad_people,
    )


def split_portfolio(portfolio: Portfolio) -> Iterator[tuple[Ints, Portfolio]]:
    """Split a portfolio into the parts that no person connects.

    Yields:
        The rows of `pairs` of a part, and the part.
    """
    if portfolio.pairs.is_empty():
        return
    person_count = int(portfolio.person.max()) + 1
    node_count = person_count + len(portfolio.work_codes)
    edges = coo_array(
        (np.ones(len(portfolio.person), np.int8), (portfolio.person, person_count + portfolio.work)),
        shape=(node_count, node_count),
    )
    _, component_of_node = connected_components(edges, directed=False)
    component_of_pair = component_of_node[portfolio.person]
    component_of_demand = component_of_node[person_count + portfolio.demand_work]
    for component in np.unique(component_of_pair):
        pair_rows, demand_rows = (
            np.flatnonzero(components == component) for components in (component_of_pair, component_of_demand)
        )
        is_cover = np.isin(portfolio.cover_pair, pair_rows)
        pairs, work_numbers = portfolio.pairs[pair_rows], np.unique(portfolio.work[pair_rows])
        yield (
            pair_rows,
            Portfolio(
                pairs,
                _number(pairs["person_id"]),
                _number(pairs["opening_id"]),
                np.searchsorted(work_numbers, portfolio.work[pair_rows]),
                np.searchsorted(work_numbers, portfolio.demand_work[demand_rows]),
                np.searchsorted(pair_rows, portfolio.cover_pair[is_cover]),
                np.searchsorted(demand_rows, portfolio.cover_demand[is_cover]),
                [portfolio.work_codes[number] for number in work_numbers],
                portfolio.squad_people,
            ),
        )


def _select_pairs(matches: pl.DataFrame, context: SquadContext, answers: pl.DataFrame) -> pl.DataFrame:
    takes_step = pl.col("to_stage").is_not_null()
    has_joined = (pl.col("squad_reply_kind") == "join").fill_null(False)
    consented = pl.concat(
        [
            add_consent(matches.filter(takes_step), context.consents, "walk_with"),
            add_consent(matches.filter(~takes_step), context.consents, "follow"),
        ]
    )
    joining_people = answers.filter(pl.col("squad_reply_kind") == "join").select("person_id").unique()
    is_joining = pl.col("person_id").is_in(joining_people["person_id"].implode())
    pair_value = takes_step * STEP_VALUE + pl.col("wish_weight").fill_null(0.0) * WISH_VALUE + has_joined * JOIN_VALUE
    return (
        consented.filter(pl.col("is_given") | has_joined, pl.col("workload") != "full", has_joined | ~is_joining)
        .with_columns(pair_value.alias("pair_value"))
        .select(_PAIR_COLUMNS)
        .sort("person_id", "opening_id")
    )


def _drop_uncoverable(pairs: pl.DataFrame, demands: pl.DataFrame, mastery: pl.DataFrame) -> pl.DataFrame:
    """The pairs of work of which somebody covers every lacking micro-skill."""
    covers = _list_covers(pairs, demands.with_row_index("demand"), mastery)
    uncovered_work = demands.with_row_index("demand").join(covers, on="demand", how="anti").select("work_code").unique()
    return pairs.join(uncovered_work, on="work_code", how="anti", maintain_order="left")


def _list_covers(pairs: pl.DataFrame, demands: pl.DataFrame, mastery: pl.DataFrame) -> pl.DataFrame:
    """One row per pair and demand of its work that the person covers: pair, demand."""
    return (
        pairs.with_row_index("pair")
        .select("pair", "person_id", "work_code")
        .join(demands, on="work_code")
        .join(select_holders(mastery), on=("person_id", "skill_id"), how="semi")
        .select("pair", "demand")
        .sort("pair", "demand")
    )


def _number(names: pl.Series, ordered_names: list[str] | None = None) -> Ints:
    """The number of each name among the sorted names."""
    ordered = names.unique().sort() if ordered_names is None else pl.Series(ordered_names, dtype=pl.String)
    return ordered.search_sorted(names).to_numpy().astype(np.int64)
