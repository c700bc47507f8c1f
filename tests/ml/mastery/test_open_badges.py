"""Evidence shows each held micro-skill, and its badge draft follows Open Badges and names nobody."""

import json
import uuid
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
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
        [
            (person, "sql", evidence_id, mode, kind, amount, at(day), file)
            for evidence_id, mode, kind, amount, day, file in rows
        ],
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


def build_row(*rows: Any, **other: Any) -> dict[str, Any]:
    return build_badge_evidence(mastery(**other), evidence(*(rows or ROWS)), SKILLS, DAY).row(0, named=True)


def test_rows_and_files_are_counted_and_the_most_trusted_feedback_is_given() -> None:
    row = build_row()
    assert (row["evidence_count"], row["file_count"]) == (5, 3)
    # the manager is trusted more than the peer, whose feedback is newer; of the manager's two the later counts
    assert (row["strongest_feedback_kind"], row["strongest_score_share"]) == ("manager", 0.8)
    assert row["strongest_at"] == at(5)


def test_evidence_after_the_day_does_not_count() -> None:
    later = evidence(("9", "feedback", "certificate", 1.0, 30, "f9")).with_columns(
        pl.col("occurred_at").dt.offset_by("1d")
    )
    row = build_badge_evidence(mastery(), pl.concat([evidence(*ROWS), later]), SKILLS, DAY).row(0, named=True)
    assert (row["evidence_count"], row["strongest_feedback_kind"]) == (5, "manager")


def test_a_micro_skill_that_is_not_held_has_no_row() -> None:
    assert build_badge_evidence(mastery(stage="none"), evidence(*ROWS), SKILLS, DAY).height == 0


@pytest.mark.parametrize("stage", ["apprentice", "journeyman", "master"])
def test_the_badge_draft_follows_open_badges(stage: str) -> None:
    badge = json.loads(build_row(stage=stage)["badge_draft"])
    assert problems_of(badge) == []
    assert badge["validFrom"] == "2026-06-09T00:00:00Z"
    assert [entry["narrative"] for entry in badge["evidence"]] == [
        "days of work: 2; hours: 12.5",
        "judgements: 2",
    ]
    assert "proof" not in badge


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12))
def test_any_person_id_gives_a_valid_document(person: str) -> None:
    frame = build_badge_evidence(mastery(person), evidence(*ROWS, person=person), SKILLS, DAY)
    badge = json.loads(frame["badge_draft"][0])
    assert badge["credentialSubject"]["id"] == f"urn:footsteps:person:{person}"
    row = frame.row(0, named=True)
    badge_uuid = uuid.uuid5(uuid.NAMESPACE_URL, f"{person}|{row['skill_id']}|{row['stage']}")
    assert badge["id"] == f"urn:uuid:{badge_uuid}"
    assert problems_of(badge) == []


def test_a_document_that_breaks_the_form_is_reported() -> None:
    badge = json.loads(build_row()["badge_draft"])
    for broken in (
        {**badge, "type": ["VerifiableCredential"]},
        {name: value for name, value in badge.items() if name != "validFrom"},
        {**badge, "credentialSubject": {**badge["credentialSubject"], "achievement": {"id": "urn:x"}}},
        {**badge, "validFrom": "yesterday"},
    ):
        assert problems_of(broken)
