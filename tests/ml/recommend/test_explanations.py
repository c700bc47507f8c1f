"""Reasons are codes with values, and the explanation states them in plain words without names of people."""

from typing import Any, get_args

import polars as pl
import pytest

from ml.ranking.ranker import INTERACTION
from ml.recommend.explanation_facts import add_explanation_facts
from ml.recommend.explanations import FAMILY_WORDS, explain_steps
from ml.recommend.motives import RecommendationContext
from ml.retrieval.scorer_ensemble import FeatureFamily
from pipelines.contracts.columns import FEATURE_FAMILIES

STEP = {
    "person_id": "ann",
    "skill_id": "sql",
    "skill_name": "SQL",
    "capability_name": "Data",
    "kind": "new",
    "to_stage": "apprentice",
    "readiness": 1.0,
    "coverage": 0.2,
    "mastery": 0.6,
    "autonomy": None,
    "role_need": 0.0,
    "demand": 0.0,
    "contribution_history": -1.0,
    "contribution_trend": -1.0,
    "contribution_age": 9.0,
    "combines_with": [],
    "builds_on": [],
    "wished_name": None,
    "is_own_wish": None,
    "needed_by": None,
    "is_essential": None,
    "demand_count": None,
    "part_probability": 0.5,
    "part_mastery": 0.1,
}
SCHEMA = {
    "autonomy": pl.Float64,
    "combines_with": pl.List(pl.String),
    "builds_on": pl.List(pl.String),
    "wished_name": pl.String,
    "is_own_wish": pl.Boolean,
    "needed_by": pl.String,
    "is_essential": pl.Boolean,
    "demand_count": pl.UInt32,
}


def explained(**other: Any) -> dict[str, Any]:
    return explain_steps(pl.DataFrame([{**STEP, **other}], schema_overrides=SCHEMA)).row(0, named=True)


def codes(row: dict[str, Any]) -> dict[str, float]:
    return {reason["code"]: reason["value"] for reason in row["reasons"]}


def test_a_step_without_reasons_gets_the_default_sentence_and_no_codes() -> None:
    row = explained(coverage=0.0)
    assert row["explanation"] == "Take up “SQL”: it is open to you now, and nothing stands before it."
    assert not {"wish", "coverage", "builds_on", "role_need", "demand"} & set(codes(row))


def test_each_motive_has_a_clause_with_names() -> None:
    wish = explained(autonomy=1.0, wished_name="SQL", is_own_wish=True)
    assert wish["explanation"] == "Take up “SQL”: you said you want to learn it."
    near = explained(autonomy=0.5, wished_name="Joins", is_own_wish=False)
    assert near["explanation"] == "Take up “SQL”: it goes with your wish to learn “Joins”."
    combines = explained(coverage=0.75, combines_with=["Joins", "Plans"])["explanation"]
    assert combines == ("Take up “SQL”: with “Joins” and “Plans”, which you hold, it carries you to 75 % of “Data”.")
    builds = explained(builds_on=["Joins"])["explanation"]
    assert builds == "Take up “SQL”: it builds on “Joins”, which you hold."
    role = explained(role_need=1.0, needed_by="analyst", is_essential=True)["explanation"]
    assert role == "Take up “SQL”: your role as analyst counts on it."
    optional = explained(role_need=0.5, needed_by="analyst", is_essential=False)["explanation"]
    assert optional == "Take up “SQL”: it helps you as analyst."
    demand = explained(demand=0.9, demand_count=34)["explanation"]
    assert demand == "Take up “SQL”: 34 pieces of open and recent work call for it."


def test_the_sentence_has_three_clauses_motives_first() -> None:
    row = explained(autonomy=1.0, wished_name="SQL", is_own_wish=True, contribution_history=0.4, contribution_trend=0.9)
    assert row["explanation"] == (
        f"Take up “SQL”: you said you want to learn it; {FAMILY_WORDS['trend']}; and {FAMILY_WORDS['history']}."
    )


def test_a_family_without_words_is_a_code_only() -> None:
    row = explained(contribution_age=9.0)
    assert codes(row)["model_age"] == 9.0
    assert "age" not in row["explanation"].split()


def test_a_small_wish_or_contribution_is_a_code_only() -> None:
    row = explained(autonomy=0.4, wished_name="SQL", is_own_wish=True, contribution_history=0.05)
    assert row["explanation"].endswith("nothing stands before it.")
    assert codes(row)["wish"] == 0.4
    assert codes(row)["model_history"] == 0.05


def test_the_contract_has_a_column_per_family_of_the_ranker() -> None:
    assert {*get_args(FeatureFamily), INTERACTION} == set(FEATURE_FAMILIES)
    assert set(FAMILY_WORDS) < set(FEATURE_FAMILIES)


@pytest.mark.parametrize(
    ("kind", "stage", "headline"),
    [
        ("new", "apprentice", "Take up “SQL”"),
        ("deepen", "master", "Go on to master in “SQL”"),
        ("refresh", "journeyman", "Refresh “SQL”"),
    ],
)
def test_the_sentence_starts_with_the_step(kind: str, stage: str, headline: str) -> None:
    assert explained(kind=kind, to_stage=stage)["explanation"].startswith(f"{headline}: ")


def test_the_sentence_works_without_a_model() -> None:
    bare = {name: value for name, value in STEP.items() if not name.startswith("contribution_")}
    frame = pl.DataFrame([{**bare, "demand": 1.0, "demand_count": 2}], schema_overrides=SCHEMA)
    row = explain_steps(frame).row(0, named=True)
    assert row["explanation"] == "Take up “SQL”: 2 pieces of open and recent work call for it."


def test_facts_name_held_skills_wishes_and_roles() -> None:
    names = pl.DataFrame(
        {
            "skill_id": ["sql", "joins", "plans", "git"],
            "skill_name": ["SQL", "Joins", "Plans", "Git"],
            "capability_id": ["data", "data", "data", "code"],
            "capability_name": ["Data", "Data", "Data", "Code"],
            "capability_weight": [0.5, 0.3, 0.2, 1.0],
        }
    )
    held = [
        ("ann", "joins", "master"),
        ("ann", "plans", "apprentice"),
        ("ann", "git", "journeyman"),
        ("bob", "plans", "master"),
    ]
    context = RecommendationContext(
        mastery=pl.DataFrame(held, schema=["person_id", "skill_id", "stage"], orient="row"),
        skills=names,
        prerequisites=pl.DataFrame({"skill_id": ["sql", "sql"], "requires_skill_id": ["git", "plans"]}),
        wishes=pl.DataFrame({"person_id": ["ann"], "skill_id": ["joins"], "wish_weight": [1.0]}),
        roles=pl.DataFrame({"person_id": ["ann", "ann"], "role_name": ["clerk", "analyst"]}),
        role_profiles=pl.DataFrame(
            {"role_name": ["clerk", "analyst"], "skill_id": ["sql", "sql"], "importance": ["optional", "essential"]}
        ),
        demand=pl.DataFrame({"skill_id": ["sql"], "demand_count": [7]}),
    )
    step = pl.DataFrame(
        {"person_id": ["ann"], "skill_id": ["sql"], "to_stage": ["journeyman"], "wish_skill_id": ["joins"]}
    )
    row = add_explanation_facts(step, context).row(0, named=True)
    assert row["combines_with"] == ["Joins"]  # plans is held below the step's stage, git belongs elsewhere
    assert row["builds_on"] == ["Git", "Plans"]  # the best held first
    assert (row["wished_name"], row["is_own_wish"]) == ("Joins", False)
    assert (row["needed_by"], row["is_essential"], row["demand_count"]) == ("analyst", True, 7)
