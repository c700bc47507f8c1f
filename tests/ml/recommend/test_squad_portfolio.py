"""Portfolios: who may be proposed to planners, worked out by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest
from squad_company import AS_OF, STEP_SCHEMA, frame, make_context

from ml.recommend import squad_proposal
from ml.recommend.simple_squad_proposals import propose_greedily
from ml.recommend.squad_matching import match_openings
from ml.recommend.squad_openings import SquadContext, find_openings
from ml.recommend.squad_portfolio import Portfolio, build_portfolio
from ml.recommend.squad_proposal import propose_squads
from pipelines.contracts.policy import SquadPolicy

WALK_WITH, FOLLOW = [(person, relation, None, True) for person, relation in (("a", "walk_with"), ("b", "follow"))]


def build(
    context: SquadContext,
    steps: Sequence[tuple[str, str]] = (("a", "sql"),),
    free_hours: dict[str, float | None] | None = None,
) -> Portfolio:
    """The portfolio of a company in which `a` begins with SQL, and each person has ten free hours."""
    openings = find_openings(context)
    hours = [(person, 40.0, (free_hours or {}).get(person, 10.0)) for person in context.people["person_id"]]
    workload = frame(hours, {"person_id": pl.String, "weekly_hours": pl.Float64, "free_weekly_hours": pl.Float64})
    no_wishes = pl.DataFrame(schema={"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64})
    step_rows = frame([(*step, "new", "apprentice", 1) for step in steps], STEP_SCHEMA)
    matches = match_openings(openings, step_rows, no_wishes, workload, context, SquadPolicy(), AS_OF)
    return build_portfolio(matches, openings, context, SquadPolicy(), AS_OF)


def make_company(**details: Any) -> SquadContext:
    """`a` has a step, and `b` holds what the work lacks."""
    given = {"mastery": [("b", "sql", "journeyman")], "consents": [WALK_WITH, FOLLOW], "people": "ab", **details}
    return make_context(**given)


def list_people(portfolio: Portfolio) -> str:
    return "".join(sorted(portfolio.pairs["person_id"]))


def test_people_are_proposed_by_the_consent_to_what_they_would_do_there() -> None:
    assert list_people(build(make_company())) == "ab"
    assert list_people(build(make_company(consents=[FOLLOW, ("a", "follow", None, True)]))) == "b"
    assert list_people(build(make_company(consents=[WALK_WITH, ("b", "walk_with", None, True)]))) == ""
    asked = make_company(consents=[FOLLOW], answers=[("a", "W|sql", "join")])
    assert list_people(build(asked)) == "ab"


def test_work_that_nobody_can_cover_has_no_squad() -> None:
    assert list_people(build(make_company(mastery=[]))) == ""
    # somebody on the work is shown to hold it: nobody else has to
    covered = make_company(
        mastery=[("c", "sql", "master")],
        members=[("W", "c")],
        people="abc",
        consents=[WALK_WITH, ("c", "follow", None, True)],
    )
    assert "a" in list_people(build(covered))


@pytest.mark.parametrize(("free_hours", "proposed"), [(4.0, "ab"), (3.9, "b"), (None, "ab")])
def test_nobody_is_proposed_whose_week_is_full(free_hours: float | None, proposed: str) -> None:
    assert list_people(build(make_company(), free_hours={"a": free_hours})) == proposed


def test_who_asked_to_join_openings_is_proposed_for_these_alone() -> None:
    context = make_company(
        seats=[("V", "sql"), ("W", "sql")],
        requirements=[("V", "sql"), ("W", "sql")],
        answers=[("a", "W|sql", "join")],
    )
    pairs = build(context).pairs.select("person_id", "opening_id").rows()
    assert pairs == [("a", "W|sql"), ("b", "V|sql"), ("b", "W|sql")]


def test_greedy_stands_in_where_the_solver_finds_nothing_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        status, x, mip_dual_bound = 1, None, None

    portfolio = build(make_company())
    monkeypatch.setattr(squad_proposal, "milp", lambda *_, **__: Nothing())
    proposal = propose_squads(portfolio, 1.0)
    assert np.array_equal(proposal.is_chosen, propose_greedily(portfolio))
    assert proposal.members.height == 2
    (part,) = proposal.parts
    assert (part.method, part.bound, part.is_time_limited) == ("greedy", np.inf, True)
