"""Proposals: small portfolios whose best squads are known, the planted truth, and limits that always hold."""

from datetime import date
from itertools import combinations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.squads.planted import AS_OF, measure, read_portfolio
from ml.recommend.simple_squad_proposals import propose_greedily, propose_randomly
from ml.recommend.squad_portfolio import SEAT_PEOPLE, Portfolio, split_portfolio
from ml.recommend.squad_proposal import propose_squads
from pipelines.demo.planted_squads import plant_squads


def make_portfolio(
    pairs: list[tuple[str, str, str, float]], covers: list[tuple[int, int]], demand_work: list[str], squad_people: int
) -> Portfolio:
    """A portfolio of pairs (person, work, skill, value); `covers` names pair and demand."""
    frame = pl.DataFrame(
        [
            (person, f"{work}|{skill}", work, skill, "journeyman", False, "fits", value)
            for person, work, skill, value in pairs
        ],
        ["person_id", "opening_id", "work_code", "skill_id", "to_stage", "brings", "workload", "pair_value"],
        orient="row",
    )
    works = sorted({work for _, work, _, _ in pairs} | set(demand_work))

    def number(names: list[str]) -> np.ndarray:
        ordered = sorted(set(names))
        return np.array([ordered.index(name) for name in names], np.int64)

    return Portfolio(
        frame,
        number(frame["person_id"].to_list()),
        number(frame["opening_id"].to_list()),
        np.array([works.index(work) for work in frame["work_code"]], np.int64),
        np.array([works.index(work) for work in demand_work], np.int64),
        np.array([pair for pair, _ in covers], np.int64),
        np.array([demand for _, demand in covers], np.int64),
        works,
        squad_people,
    )


def is_allowed(portfolio: Portfolio, rows: list[int]) -> bool:
    people, seats, works = portfolio.person[rows], portfolio.seat[rows], portfolio.work[rows]
    covered = set(portfolio.cover_demand[np.isin(portfolio.cover_pair, rows)].tolist())
    needed = set(np.flatnonzero(np.isin(portfolio.demand_work, works)).tolist())
    return (
        len(set(people.tolist())) == len(rows)
        and all(np.count_nonzero(seats == seat) <= SEAT_PEOPLE for seat in seats)
        and all(np.count_nonzero(works == work) <= portfolio.squad_people for work in works)
        and needed <= covered
    )


def test_the_only_holder_stays_where_nobody_else_can_cover() -> None:
    # greedy puts h into the more valuable work B, and A loses its only holder
    portfolio = make_portfolio(
        [("h", "A", "sql", 0.0), ("h", "B", "law", 2.0), ("i", "B", "law", 0.5), ("k", "A", "sql", 1.5)],
        [(0, 0), (2, 1), (1, 1)],
        ["A", "B"],
        7,
    )
    proposal = propose_squads(portfolio, 10.0)
    assert proposal.members.select("person_id", "work_code").rows() == [("h", "A"), ("k", "A"), ("i", "B")]
    assert (proposal.value, proposal.bound) == (pytest.approx(4.0), pytest.approx(4.0))
    assert portfolio.value_of(propose_greedily(portfolio)) == pytest.approx(3.5)


def test_work_that_shares_nobody_is_solved_apart() -> None:
    portfolio = make_portfolio(
        [("a", "A", "sql", 1.0), ("b", "B", "sql", 1.0), ("c", "B", "sql", 1.0), ("c", "C", "sql", 1.0)], [], [], 7
    )
    assert [part.work_codes for _, part in split_portfolio(portfolio)] == [["A"], ["B", "C"]]
    assert [part.work_count for part in propose_squads(portfolio, 10.0).parts] == [2, 1]


def test_a_seat_has_two_people() -> None:
    portfolio = make_portfolio([(person, "A", "sql", 1.0) for person in "abc"], [], [], 7)
    assert propose_squads(portfolio, 10.0).members.height == 2
    assert np.count_nonzero(propose_greedily(portfolio)) == 2


def test_a_squad_of_nobody_counts_for_nothing() -> None:
    portfolio = make_portfolio([("a", "A", "sql", 1.0), ("a", "B", "sql", 1.0)], [], [], 7)
    proposal = propose_squads(portfolio, 10.0)
    assert (proposal.value, proposal.bound) == pytest.approx((2.0, 2.0))


def test_a_portfolio_of_nobody_has_no_squads() -> None:
    portfolio = make_portfolio([("a", "A", "sql", 1.0)], [], ["A"], 7)
    assert propose_squads(portfolio, 10.0).members.is_empty()


values = st.sampled_from([0.0, 0.5, 1.0, 1.5])


@settings(max_examples=25)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcd"), st.sampled_from("VW"), st.sampled_from(["sql", "law"])),
        values,
        min_size=1,
        max_size=8,
    ),
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 1)), max_size=8),
    st.integers(1, 3),
)
def test_a_proposal_is_the_best_of_all_that_are_allowed(
    values_by_pair: dict[tuple[str, str, str], float], covers: set[tuple[int, int]], squad_people: int
) -> None:
    pairs = [(*pair, value) for pair, value in values_by_pair.items()]
    demand_work = ["V", "W"]
    known = sorted(
        (pair, demand) for pair, demand in covers if pair < len(pairs) and pairs[pair][1] == demand_work[demand]
    )
    portfolio = make_portfolio(pairs, known, demand_work, squad_people)
    proposal = propose_squads(portfolio, 10.0)
    rng = np.random.default_rng(0)
    for is_chosen in (proposal.is_chosen, propose_greedily(portfolio), propose_randomly(portfolio, rng)):
        assert is_allowed(portfolio, np.flatnonzero(is_chosen).tolist())
    best = max(
        portfolio.value_of(np.isin(np.arange(len(pairs)), rows))
        for size in range(len(pairs) + 1)
        for rows in combinations(range(len(pairs)), size)
        if is_allowed(portfolio, list(rows))
    )
    assert proposal.value >= best * 0.999 - 1e-9


def test_planted_squads_are_reached_and_answers_respected() -> None:
    truth = plant_squads(180, 6, seed=3, as_of=AS_OF)
    row = measure(truth, 3, 20.0)
    assert row.share_of_best >= 0.95
    assert row.proposed >= row.planted
    assert row.proposed > row.greedy > row.random
    assert (row.joins_respected, row.refusals_broken) == (1.0, 0)
    proposed_people = set(read_portfolio(truth).pairs["person_id"])
    assert not proposed_people & set(truth.opted_out_people["person_id"])
    with pytest.raises(ValueError, match="plant fewer squads"):
        plant_squads(60, 12, seed=3, as_of=date(2026, 6, 30))
