"""`footsteps evaluate --outcomes`: refusals and the printed estimates."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from assets.cli.app import app
from assets.cli.feedback import outcomes
from ml.evaluation.benefits import CANNOT_PROVE
from ml.evaluation.outcomes import StepRecords

STEPS = pl.DataFrame(
    [(f"p{number}", "git", "new", "apprentice", datetime(2024, 1, 1 + number, tzinfo=UTC)) for number in range(10)],
    schema=["person_id", "skill_id", "kind", "to_stage", "reached_at"],
    orient="row",
)
EVIDENCE = STEPS.select("person_id", "skill_id", occurred_at="reached_at", mode=pl.lit("repetition"))
RECORDS = StepRecords(
    reached_steps=STEPS,
    shown_steps=STEPS.head(4).rename({"reached_at": "shown_at"}),
    evidence=EVIDENCE,
    skills=pl.DataFrame({"skill_id": ["git"], "capability_id": ["code"]}),
    as_of=date(2026, 6, 30),
    horizon_days=90,
    estimate_mastery=lambda evidence: evidence.select(
        "person_id", "skill_id", stage=pl.lit("apprentice"), is_rusty=pl.lit(False)
    ),
)


def test_too_few_people_are_counted_and_what_cannot_be_proved_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(outcomes, "read_step_records", lambda settings: RECORDS)
    result = CliRunner().invoke(app, ["evaluate", "--outcomes", "--data-root", str(tmp_path), "--json"])
    printed = json.loads(result.stdout)
    assert printed["cannot_prove"] == list(CANNOT_PROVE)
    assert [(row["outcome"], row["follow_up_days"]) for row in printed["outcomes"]] == [
        (outcome, days) for outcome in ("held", "worked", "completed") for days in (180, 365)
    ]
    assert printed["outcomes"][0]["reason"] == (
        "4 people took a recommended step at least 180 days ago and 6 another one; 30 of each are needed"
    )


def test_a_history_file_has_no_outcomes(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", "events.csv", "--outcomes", "--data-root", str(tmp_path)])
    assert result.exit_code == 1
    assert "--outcomes reads the company's own tables: leave the history file out" in result.output
