"""The published texts about acting on a step."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from ml.recommend.action_text import add_how_text, write_counterfactuals

SKILLS = pl.DataFrame({"skill_id": ["sql", "git"], "skill_name": ["SQL", "Git"]})
CHANGE = {
    "person_id": "ann",
    "skill_id": "sql",
    "rank": 3,
    "from_stage": "apprentice",
    "change": "add",
    "change_of": "wish",
    "changed_skill_id": "sql",
    "mode": None,
    "occurred_at": None,
    "to_rank": None,
    "stage_after": None,
}
SCHEMA = {"mode": pl.String, "occurred_at": pl.Datetime("us", "UTC"), "to_rank": pl.Int64, "stage_after": pl.String}


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
    return str(add_how_text(pl.DataFrame({"skill_id": ["sql"], "kind": [kind]}), ways, 3)["how"][0])


def test_a_new_step_begins_with_a_course_and_is_repeated_on_real_work() -> None:
    assert how("new", "P1", "Basics", 9) == "Begin with “Basics”. Then repeat it on P1, which has open work for it."
    assert how("new", None, "Basics", 9) == "Begin with “Basics”."
    assert how("new", "P1", None, 9) == "Repeat it on P1, which has open work that names it."


def test_a_deeper_step_is_repeated_and_then_gets_feedback() -> None:
    judged = " Then ask someone who saw it for feedback."
    assert how("deepen", "P1", "Basics", 9) == f"Repeat it on P1, which has open work that names it.{judged}"
    assert how("deepen", None, "Basics", 9) == f"Ask to watch: 9 colleagues practised it lately.{judged}"
    assert how("refresh", "P1", None, 9) == "Repeat it on P1, which has open work that names it."


def test_a_text_states_no_count_below_the_minimum() -> None:
    assert how("new", None, None, 3).startswith("Ask to watch: 3 colleagues")
    assert how("new", None, None, 2) == how("new", None, None, None)
    assert "No project, course or colleague is known" in how("deepen", None, None, 2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"to_rank": 1}, "Had you said you want it, this step would stand at place 1 instead of 3."),
        (
            {"to_rank": 4, "changed_skill_id": "git"},
            "Had you said you want “Git”, this step would stand at place 4 instead of 3.",
        ),
        ({"change": "remove"}, "Had you not said you want it, this step would not be on this list."),
        (
            {"change_of": "evidence", "mode": "feedback", "stage_after": "journeyman"},
            "One good judgement of your work on it, by someone who has not judged it yet, and you would "
            "be a journeyman "
            "in it: this step would be behind you.",
        ),
        (
            {"change_of": "evidence", "mode": "repetition", "stage_after": "apprentice"},
            "One more day of work on it, and it would be fresh again: this step would be behind you.",
        ),
        (
            {
                "change": "remove",
                "change_of": "evidence",
                "mode": "observation",
                "stage_after": "none",
                "occurred_at": datetime(2026, 3, 4, tzinfo=UTC),
            },
            "Without what you attended or completed on 4 March 2026, you would still be before its first stage: "
            "this step "
            "would not be here.",
        ),
    ],
)
def test_a_counterfactual_is_one_sentence(change: dict[str, Any], sentence: str) -> None:
    written = write_counterfactuals(pl.DataFrame([{**CHANGE, **change}], schema_overrides=SCHEMA), SKILLS)
    assert written.rows() == [("ann", "sql", sentence)]
