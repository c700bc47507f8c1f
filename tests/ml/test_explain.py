"""Reasons are codes with values, and the sentence says the same in plain words, of the step and of nobody."""

from typing import Any

import polars as pl
import pytest

from ml.explain import FAMILY_WORDS, explain_steps, tell_how

STEP = {
    "person_id": "ann", "skill_id": "sql", "skill_name": "SQL", "capability_name": "Data", "kind": "new",
    "to_stage": "apprentice", "readiness": 1.0, "coverage": 0.2, "mastery": 0.6, "autonomy": None, "role_need": 0.0,
    "demand": 0.0, "contribution_history": -1.0, "contribution_trend": -1.0, "contribution_age": 9.0,
}  # fmt: skip
FAMILIES = ["age", "history", "trend"]


def explained(**other: Any) -> dict[str, Any]:
    frame = pl.DataFrame([{**STEP, **other}], schema_overrides={"autonomy": pl.Float64})
    return explain_steps(frame, FAMILIES).row(0, named=True)


def test_a_step_that_nothing_speaks_for_is_said_to_be_open_and_no_reason_is_made_up() -> None:
    found = explained()
    assert found["reasons"] == []
    assert found["explanation"] == "Take up “SQL”: it is open to you and nothing stands before it."


def test_motives_come_before_the_model_and_the_model_strongest_first() -> None:
    found = explained(autonomy=1.0, coverage=0.75, contribution_history=0.1, contribution_trend=0.4)
    assert [(one["code"], one["value"]) for one in found["reasons"]] == [
        ("wish", 1.0), ("coverage", 0.75), ("trend", 0.4), ("history", 0.1),
    ]  # fmt: skip
    assert found["explanation"] == (
        "Take up “SQL”: it is what you said you want; with it you cover 75 % of “Data”; "
        f"{FAMILY_WORDS['trend']}; {FAMILY_WORDS['history']}."
    )


def test_a_wish_for_a_neighbour_is_worth_saying_and_a_lesser_one_is_not() -> None:
    assert [one["code"] for one in explained(autonomy=0.5)["reasons"]] == ["wish"]
    assert explained(autonomy=0.4)["reasons"] == []


@pytest.mark.parametrize(
    ("kind", "stage", "headline"),
    [("new", "apprentice", "Take up “SQL”"), ("deepen", "master", "Go on to master in “SQL”"),
     ("refresh", "journeyman", "Refresh “SQL”")],
)  # fmt: skip
def test_the_sentence_begins_with_the_step(kind: str, stage: str, headline: str) -> None:
    assert explained(kind=kind, to_stage=stage)["explanation"].startswith(f"{headline}: ")


def test_without_a_model_the_motives_alone_are_told() -> None:
    frame = pl.DataFrame([{**STEP, "demand": 1.0}], schema_overrides={"autonomy": pl.Float64})
    found = explain_steps(frame, []).row(0, named=True)
    assert found["explanation"] == "Take up “SQL”: current projects ask for it."


def how(kind: str, project: str | None, course: str | None, count: int | None) -> str:
    ways = pl.DataFrame(
        {"skill_id": ["sql"], "project_code": [project], "course_name": [course], "practising_count": [count]},
        schema={
            "skill_id": pl.String,
            "project_code": pl.String,
            "course_name": pl.String,
            "practising_count": pl.Int64,
        },
    )
    return str(tell_how(pl.DataFrame({"skill_id": ["sql"], "kind": [kind]}), ways, 3)["how"][0])


def test_a_new_step_begins_with_a_course_and_a_deeper_one_with_real_work() -> None:
    assert how("new", "P1", "Basics", 9) == "Begin with “Basics”."
    assert how("new", "P1", None, 9) == "Repeat it on P1, which has open work that names it."
    assert how("deepen", "P1", "Basics", 9) == "Repeat it on P1, which has open work that names it."
    assert how("deepen", None, "Basics", 9) == "Ask to watch: 9 colleagues practised it lately."


def test_fewer_people_than_the_minimum_are_not_counted_out_loud() -> None:
    assert how("new", None, None, 3).startswith("Ask to watch: 3 colleagues")
    assert how("new", None, None, 2) == how("new", None, None, None)
    assert "No project, course or colleague is known" in how("new", None, None, 2)
