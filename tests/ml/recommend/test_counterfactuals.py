"""A counterfactual is one change of the person's own data, and it has the stated effect."""

from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.mastery.state import estimate_mastery
from ml.recommend.counterfactuals import (
    CounterfactualInputs,
    build_added_evidence,
    find_counterfactuals,
    propose_overtaking,
    propose_wishes,
    verify_wishes,
)
from ml.recommend.motives import RecommendationContext
from ml.recommend.reranking import filter_eligible_steps, rerank_candidates
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.policy import RecommendationPolicy, ScoreWeights

DAY = date(2026, 6, 30)
POLICY = RecommendationPolicy(weights=ScoreWeights(probability=0.6, mastery=0.0, autonomy=0.3, purpose=0.1))
SKILLS = pl.DataFrame(
    {
        "skill_id": ["css", "git", "sql"],
        "skill_name": ["CSS", "Git", "SQL"],
        "capability_id": ["web", "code", "data"],
        "capability_name": ["Web", "Code", "Data"],
        "capability_weight": [1.0, 1.0, 1.0],
    }
)
ESTIMATE = partial(estimate_mastery, as_of=DAY, policy=POLICY.stages)


def shown(evidence_id: str, skill: str, mode: str, amount: float = 1.0, day: int = 1, **other: Any) -> dict[str, Any]:
    unit = {"repetition": "hours", "feedback": "share"}.get(mode, "count")
    return {
        "evidence_id": evidence_id,
        "person_id": "ann",
        "skill_id": skill,
        "mode": mode,
        "amount": amount,
        "amount_unit": unit,
        "occurred_at": datetime(2026, 5, day, tzinfo=UTC),
        **other,
    }


def ledger(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame([{name: row.get(name) for name in EVIDENCE.schema} for row in rows], schema=EVIDENCE.schema)


def candidate(skill: str, probability: float, to_stage: str = "apprentice", kind: str = "new") -> dict[str, Any]:
    below = {"apprentice": "none", "journeyman": "apprentice", "master": "journeyman"}[to_stage]
    return {
        "person_id": "ann",
        "step_id": f"{skill}|{to_stage}",
        "skill_id": skill,
        "kind": kind,
        "from_stage": below,
        "to_stage": to_stage,
        "probability": probability,
        "is_accepted": False,
        "utility": 0.0,
    }


def build_inputs(
    evidence: pl.DataFrame, *steps: dict[str, Any], wishes: dict[str, float] | None = None
) -> CounterfactualInputs:
    wished = [("ann", skill, weight) for skill, weight in (wishes or {}).items()]
    context = RecommendationContext(
        mastery=ESTIMATE(evidence),
        skills=SKILLS,
        prerequisites=pl.DataFrame(schema={"skill_id": pl.String, "requires_skill_id": pl.String}),
        wishes=pl.DataFrame(
            wished, schema={"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64}, orient="row"
        ),
        roles=pl.DataFrame(schema={"person_id": pl.String, "role_name": pl.String}),
        role_profiles=pl.DataFrame(schema={"role_name": pl.String, "skill_id": pl.String, "importance": pl.String}),
        demand=pl.DataFrame(schema={"skill_id": pl.String, "demand_count": pl.UInt32}),
    )
    return CounterfactualInputs(evidence, pl.DataFrame(list(steps)), context, DAY, POLICY, ESTIMATE)


def find_changes(inputs: CounterfactualInputs) -> dict[str, dict[str, Any]]:
    listed = rerank_candidates(inputs.candidates, inputs.context, inputs.policy)
    return {row["skill_id"]: row for row in find_counterfactuals(listed, inputs).iter_rows(named=True)}


def test_one_course_takes_a_new_step_off_the_list() -> None:
    only = find_changes(build_inputs(ledger(shown("1", "git", "observation")), candidate("sql", 0.2)))["sql"]
    assert (only["change"], only["change_of"], only["mode"]) == ("add", "evidence", "observation")
    assert (only["row_effect"], only["to_rank"], only["stage_after"]) == ("leaves", None, "apprentice")


def test_removing_the_only_evidence_of_a_stage_is_found() -> None:
    step = candidate("sql", 0.2, "journeyman", "deepen")
    only = find_changes(build_inputs(ledger(shown("7", "sql", "observation")), step))["sql"]
    assert (only["change"], only["evidence_id"], only["row_effect"]) == ("remove", "7", "leaves")
    assert only["stage_after"] == "none"


def test_a_stage_with_several_rows_of_evidence_has_no_removal() -> None:
    step = candidate("sql", 0.2, "journeyman", "deepen")
    rows = ledger(shown("7", "sql", "observation"), shown("8", "sql", "observation", day=2))
    assert find_changes(build_inputs(rows, step)) == {}


def test_removing_the_only_positive_judgement_is_found() -> None:
    rows = ledger(
        shown("1", "sql", "repetition", 50.0),
        shown("2", "sql", "feedback", 0.9, given_by_id="bob"),
        shown("3", "sql", "feedback", 0.2, given_by_id="eve"),
    )
    only = find_changes(build_inputs(rows, candidate("sql", 0.2, "master", "deepen")))["sql"]
    assert (only["change"], only["evidence_id"], only["stage_after"]) == ("remove", "2", "apprentice")


def test_the_only_missing_evidence_is_added() -> None:
    rows = ledger(shown("1", "sql", "repetition", 50.0), shown("2", "sql", "observation"))
    only = find_changes(build_inputs(rows, candidate("sql", 0.2, "journeyman", "deepen")))["sql"]
    assert (only["change"], only["mode"], only["stage_after"]) == ("add", "feedback", "journeyman")


def test_removing_a_wish_lowers_the_rank() -> None:
    rows = ledger(shown("1", "css", "observation"))
    both = find_changes(build_inputs(rows, candidate("sql", 0.2), candidate("git", 0.18), wishes={"git": 1.0}))
    # with the wish git scores .84 and sql .6; without any wish .6 x .9 / .7 and .6 / .7
    assert (both["git"]["change"], both["git"]["change_of"]) == ("remove", "wish")
    assert (both["git"]["rank"], both["git"]["to_rank"]) == (1, 2)


def test_stating_a_wish_raises_the_rank() -> None:
    rows = ledger(shown("1", "css", "observation"))
    both = find_changes(build_inputs(rows, candidate("sql", 0.2), candidate("git", 0.18)))
    assert (both["git"]["change"], both["git"]["change_of"], both["git"]["changed_skill_id"]) == ("add", "wish", "git")
    assert (both["git"]["rank"], both["git"]["to_rank"]) == (2, 1)


def test_a_wish_for_a_following_step_is_tried_last() -> None:
    rows = ledger(shown("7", "sql", "observation"), shown("8", "sql", "observation", day=2))
    both = find_changes(build_inputs(rows, candidate("sql", 0.2, "journeyman", "deepen"), candidate("git", 0.18)))
    assert (both["sql"]["change_of"], both["sql"]["changed_skill_id"], both["sql"]["to_rank"]) == ("wish", "git", 2)


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["css", "git", "sql"]),
        st.sampled_from(["observation", "repetition", "feedback", "teaching"]),
        st.sampled_from([0.3, 1.0, 8.0, 50.0]),
        st.integers(1, 28),
        st.sampled_from([None, "bob"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(EVENTS, st.permutations([0.3, 0.2, 0.1]), st.dictionaries(st.sampled_from(["css", "git", "sql"]), st.just(1.0)))
def test_every_counterfactual_has_the_stated_effect(
    events: list[tuple[str, str, float, int, str | None]], chances: list[float], wishes: dict[str, float]
) -> None:
    rows = ledger(
        *(
            shown(str(place), skill, mode, min(amount, 1.0) if mode == "feedback" else amount, day, given_by_id=judge)
            for place, (skill, mode, amount, day, judge) in enumerate(events)
        )
    )
    above = {"none": "apprentice", "apprentice": "journeyman", "journeyman": "master"}
    held = dict(ESTIMATE(rows).select("skill_id", "stage").iter_rows())
    steps = [
        candidate(
            skill, chance, above[held.get(skill, "none")], "new" if held.get(skill, "none") == "none" else "deepen"
        )
        for skill, chance in zip(["css", "git", "sql"], chances, strict=True)
        if held.get(skill) != "master"
    ]
    if not steps:
        return
    inputs = build_inputs(rows, *steps, wishes=wishes)
    for skill, row in find_changes(inputs).items():
        if row["change_of"] == "wish":
            other = {**wishes, row["changed_skill_id"]: 1.0}
            if row["change"] == "remove":
                del other[row["changed_skill_id"]]
            again = build_inputs(rows, *steps, wishes=other)
            ranks = dict(
                rerank_candidates(again.candidates, again.context, POLICY).select("skill_id", "rank").iter_rows()
            )
            assert ranks.get(skill) == row["to_rank"] != row["rank"]
        else:
            evidence = rows.filter(pl.col("evidence_id") != (row["evidence_id"] or ""))
            if row["change"] == "add":
                added = pl.DataFrame([{**row, "version_id": "ann"}])
                evidence = pl.concat([evidence, build_added_evidence(added, rows.schema)])
            mastery = ESTIMATE(evidence)
            stage = dict(mastery.select("skill_id", "stage").iter_rows()).get(skill, "none")
            step = inputs.candidates.filter(pl.col("skill_id") == skill).with_columns(pl.lit(stage).alias("from_stage"))
            assert filter_eligible_steps(step, mastery).height == 0
            assert stage == row["stage_after"]


SHELF = pl.DataFrame(
    {
        "skill_id": [f"s{i}" for i in range(7)],
        "skill_name": [f"S {i}" for i in range(7)],
        "capability_id": ["a", "a", "a", "a", "b", "b", None],
        "capability_name": ["A", "A", "A", "A", "B", "B", None],
        "capability_weight": [None] * 7,
    },
    schema_overrides={"capability_weight": pl.Float64},
)
OFFERED = st.lists(
    st.tuples(
        st.sampled_from(["ann", "bob"]),
        st.sampled_from(SHELF["skill_id"].to_list()),
        st.sampled_from(["apprentice", "journeyman"]),
        st.sampled_from([0.0, 0.1, 0.2, 0.3]),
        st.booleans(),
    ),
    min_size=1,
    max_size=16,
    unique_by=lambda row: row[:3],
)
WISHED = st.dictionaries(
    st.tuples(st.sampled_from(["ann", "bob"]), st.sampled_from(SHELF["skill_id"].to_list())),
    st.sampled_from([0.5, 1.0]),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(OFFERED, WISHED, st.integers(1, 5), st.integers(0, 3), st.sampled_from([0.0, 0.1, 0.6]), st.integers(1, 3))
def test_a_version_gives_the_same_rank_as_the_complete_list(
    offered: list[tuple[str, str, str, float, bool]],
    wishes: dict[tuple[str, str], float],
    length: int,
    share: int,
    autonomy: float,
    common_limit: int,
) -> None:
    policy = RecommendationPolicy(
        weights=ScoreWeights(autonomy=autonomy), list_length=length, per_capability=share, common_steps=common_limit
    )
    candidates = pl.DataFrame(
        [
            {**candidate(skill, chance, stage), "person_id": person, "is_accepted": accepted}
            for person, skill, stage, chance, accepted in offered
        ]
    )
    plain = build_inputs(ledger(shown("1", "s0", "observation")))
    common_skills = SHELF["skill_id"][[0, 1, 4]]
    context = replace(
        plain.context,
        skills=SHELF,
        wishes=stated(wishes),
        unit_members=pl.DataFrame({"person_id": ["ann"], "unit_name": ["lab"]}),
        common_steps=pl.DataFrame({"skill_id": common_skills}).select(
            pl.lit("lab").alias("unit_name"), "skill_id", pl.lit("apprentice").alias("to_stage")
        ),
    )
    inputs = replace(plain, candidates=candidates, context=context, policy=policy)
    listed = rerank_candidates(candidates, context, policy)
    rows = listed.select("person_id", "rank", "skill_id", "step_id", "kind", "from_stage", "to_stage")
    wished = propose_wishes(rows, inputs)
    overtaking = propose_overtaking(rows, inputs, rows)
    for proposals in (wished, overtaking):
        keys = ("person_id", "step_id", "changed_skill_id")
        moved = verify_wishes(proposals, inputs).select(*keys, "to_rank").rows()
        ranks_after = {row[:3]: row[3] for row in moved}
        expected = {}
        for row in proposals.iter_rows(named=True):
            other = {**wishes, (row["person_id"], row["changed_skill_id"]): 1.0}
            if row["change"] == "remove":
                del other[row["person_id"], row["changed_skill_id"]]
            whole = rerank_candidates(candidates, replace(context, wishes=stated(other)), policy)
            ranks = {
                (person, step): rank for person, step, rank in whole.select("person_id", "step_id", "rank").iter_rows()
            }
            rank = ranks.get((row["person_id"], row["step_id"]))
            if rank != row["rank"]:
                expected[row["person_id"], row["step_id"], row["changed_skill_id"]] = rank
        assert ranks_after == expected


def stated(wishes: dict[tuple[str, str], float]) -> pl.DataFrame:
    schema = {"person_id": pl.String, "skill_id": pl.String, "wish_weight": pl.Float64}
    return pl.DataFrame([(*who, weight) for who, weight in wishes.items()], schema=schema, orient="row")
