"""What is held is shown by evidence, and its badge keeps the public form and names nobody."""

import json
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_badges import problems_of

from ml.mastery.open_badges import build_badge_evidence

DAY = date(2026, 6, 30)
SKILLS = pl.DataFrame(
    {"skill_id": ["sql"], "skill_name": ['SQL "core"'], "skill_description": [None]},
    schema_overrides={"skill_description": pl.String},
)


def at(day: int) -> datetime:
    return datetime(2026, 6, day, tzinfo=UTC)


def mastery(person: str = "ann", stage: str = "journeyman", **counts: int) -> pl.DataFrame:
    given = {"observation_count": 0, "repetition_count": 2, "feedback_count": 2, "teaching_count": 0, **counts}
    return pl.DataFrame(
        [
            {
                "person_id": person,
                "skill_id": "sql",
                "stage": stage,
                **given,
                "repetition_hours": 12.5,
                "first_evidence_at": at(1),
                "last_practised_at": at(9),
            }
        ]
    )


def evidence(*rows: tuple[str, str, str | None, float, int, str], person: str = "ann") -> pl.DataFrame:
    """Rows (evidence_id, mode, feedback_kind, amount, day of June, file)."""
    return pl.DataFrame(
        [(person, "sql", one, mode, kind, amount, at(day), file) for one, mode, kind, amount, day, file in rows],
        schema={
            "person_id": pl.String,
            "skill_id": pl.String,
            "evidence_id": pl.String,
            "mode": pl.String,
            "feedback_kind": pl.String,
            "amount": pl.Float64,
            "occurred_at": pl.Datetime("us", "UTC"),
            "file_sha256": pl.String,
        },
        orient="row",
    )


ROWS = (
    ("1", "repetition", None, 8.0, 2, "f1"),
    ("2", "repetition", None, 4.5, 9, "f2"),
    ("3", "feedback", "peer", 0.9, 8, "f3"),
    ("4", "feedback", "manager", 0.7, 3, "f3"),
    ("5", "feedback", "manager", 0.8, 5, "f3"),
)


def proven(*rows: Any, **other: Any) -> dict[str, Any]:
    return build_badge_evidence(mastery(**other), evidence(*(rows or ROWS)), SKILLS, DAY).row(0, named=True)


def test_the_proof_counts_rows_and_files_and_names_the_most_trusted_judgement() -> None:
    found = proven()
    assert (found["evidence_count"], found["file_count"]) == (5, 3)
    # the manager is trusted before the peer, whose word is newer; of the manager's two the later
    assert (found["strongest_feedback_kind"], found["strongest_score_share"]) == ("manager", 0.8)
    assert found["strongest_at"] == at(5)


def test_evidence_of_after_the_day_proves_nothing() -> None:
    later = evidence(("9", "feedback", "certificate", 1.0, 30, "f9")).with_columns(
        pl.col("occurred_at").dt.offset_by("1d")
    )
    found = build_badge_evidence(mastery(), pl.concat([evidence(*ROWS), later]), SKILLS, DAY).row(0, named=True)
    assert (found["evidence_count"], found["strongest_feedback_kind"]) == (5, "manager")


def test_what_is_not_held_is_not_proven() -> None:
    assert build_badge_evidence(mastery(stage="none"), evidence(*ROWS), SKILLS, DAY).height == 0


@pytest.mark.parametrize("stage", ["apprentice", "journeyman", "master"])
def test_the_badge_keeps_the_form_of_open_badges(stage: str) -> None:
    badge = json.loads(proven(stage=stage)["badge_draft"])
    assert problems_of(badge) == []
    assert badge["validFrom"] == "2026-06-09T00:00:00Z"
    assert [one["narrative"] for one in badge["evidence"]] == ["days of work: 2; hours: 12.5", "judgements: 2"]
    assert "proof" not in badge


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_any_person_id_gives_a_whole_document(person: str) -> None:
    frame = build_badge_evidence(mastery(person), evidence(*ROWS, person=person), SKILLS, DAY)
    badge = json.loads(frame["badge_draft"][0])
    assert badge["credentialSubject"]["id"] == f"urn:footsteps:person:{person}"
    assert problems_of(badge) == []


def test_what_breaks_the_form_is_told() -> None:
    badge = json.loads(proven()["badge_draft"])
    for broken in (
        {**badge, "type": ["VerifiableCredential"]},
        {name: value for name, value in badge.items() if name != "validFrom"},
        {**badge, "credentialSubject": {**badge["credentialSubject"], "achievement": {"id": "urn:x"}}},
        {**badge, "validFrom": "yesterday"},
    ):
        assert problems_of(broken)
