"""What became of taken steps, worked out by hand."""

from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest

from ml.evaluation.outcomes import StepRecords, label_taken_steps
from ml.mastery.state import estimate_mastery
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.policy import StagePolicy

AS_OF = date(2026, 6, 30)
START = datetime(2025, 1, 1, tzinfo=UTC)
SKILLS = pl.DataFrame({"skill_id": ["git", "sql", "tea"], "capability_id": ["code", "code", None]})


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def reached(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [(person, skill, "new", "apprentice", day(number)) for person, skill, number in rows],
        schema=["person_id", "skill_id", "kind", "to_stage", "reached_at"],
        orient="row",
    )


def shown(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [(person, skill, "apprentice", day(number)) for person, skill, number in rows],
        schema=["person_id", "skill_id", "to_stage", "shown_at"],
        orient="row",
    )


def evidence(*rows: tuple[str, str, int]) -> pl.DataFrame:
    records: list[dict[str, Any]] = [
        {
            "evidence_id": f"e{index}",
            "person_id": person,
            "skill_id": skill,
            "occurred_at": day(number),
            "mode": "repetition",
            "amount": 2.0,
            "amount_unit": "hours",
        }
        for index, (person, skill, number) in enumerate(rows)
    ]
    return pl.DataFrame(
        [{column: record.get(column) for column in EVIDENCE.column_names} for record in records],
        schema=EVIDENCE.schema,
    )


def label(policy: StagePolicy | None = None, days: int = 180, **changes: pl.DataFrame) -> pl.DataFrame:
    frames = {
        "reached_steps": reached(("ann", "git", 10), ("ann", "sql", 40), ("bob", "tea", 20), ("bob", "git", 150)),
        "shown_steps": shown(("ann", "git", 5), ("ann", "sql", 60), ("bob", "tea", 5), ("bob", "git", 6)),
        "evidence": evidence(("ann", "git", 10), ("ann", "sql", 40), ("ann", "sql", 100), ("bob", "tea", 20)),
        **changes,
    }
    estimate = partial(estimate_mastery, as_of=AS_OF, policy=policy or StagePolicy())
    return label_taken_steps(
        StepRecords(**frames, skills=SKILLS, as_of=AS_OF, horizon_days=90, estimate_mastery=estimate), days
    )


def values(labels: pl.DataFrame, column: str) -> dict[tuple[str, str], Any]:
    return {(row["person_id"], row["skill_id"]): row[column] for row in labels.iter_rows(named=True)}


def test_a_step_is_recommended_if_it_was_shown_within_the_horizon_before() -> None:
    assert values(label(), "is_recommended") == {
        ("ann", "git"): True,
        ("ann", "sql"): False,  # shown afterwards
        ("bob", "tea"): True,
        ("bob", "git"): False,  # shown 144 days before
    }


def test_only_steps_since_the_first_showing_that_could_be_followed_up_count() -> None:
    assert ("ann", "git") not in values(label(shown_steps=shown(("ann", "sql", 12))), "held")
    # 545 days are recorded: steps up to day 180 have 365 days of follow-up
    steps = reached(("ann", "git", 180), ("ann", "sql", 181))
    assert set(values(label(days=365, reached_steps=steps), "held")) == {("ann", "git")}


def test_work_counts_after_the_step_and_within_the_days() -> None:
    assert values(label(), "worked") == {
        ("ann", "git"): False,
        ("ann", "sql"): True,
        ("bob", "tea"): False,
        ("bob", "git"): False,
    }


def test_a_stage_is_held_until_it_is_rusty_by_the_estimate_of_the_run() -> None:
    assert values(label(), "held") == {
        ("ann", "git"): True,
        ("ann", "sql"): True,
        ("bob", "tea"): True,
        ("bob", "git"): False,  # no evidence of it is left
    }
    # rusty after 100 days: git rests on day 10 alone and is read on day 190; sql was practised on day 100, read on 220
    short = StagePolicy(rusty_after_days=130, half_life_least_days=1)
    assert values(label(short), "held") == {
        ("ann", "git"): False,
        ("ann", "sql"): True,
        ("bob", "tea"): False,
        ("bob", "git"): False,
    }


def test_a_capability_is_completed_by_its_last_micro_skill() -> None:
    assert values(label(), "completed") == {
        ("ann", "git"): True,
        ("ann", "sql"): True,
        ("bob", "tea"): None,  # belongs to no capability
        ("bob", "git"): False,
    }


def test_covariates_are_what_was_known_before_the_step() -> None:
    labels = label()
    assert values(labels, "held_count")["ann", "sql"] == pytest.approx(np.log1p(1))
    assert values(labels, "recent_count")["bob", "git"] == 0.0
    assert values(labels, "holder_count")["bob", "git"] == pytest.approx(np.log1p(1))
    assert values(labels, "capability_share") == {
        ("ann", "git"): 0.0,
        ("ann", "sql"): 0.5,
        ("bob", "tea"): 0.0,
        ("bob", "git"): 0.0,
    }


def test_holders_are_those_strictly_before_the_step() -> None:
    steps = reached(("ann", "git", 10), ("cem", "git", 10), ("dua", "git", 20), ("bob", "git", 150), ("eve", "sql", 15))
    assert values(label(reached_steps=steps), "holder_count") == pytest.approx(
        {
            ("ann", "git"): 0.0,
            ("cem", "git"): 0.0,
            ("dua", "git"): np.log1p(2),
            ("bob", "git"): np.log1p(3),
            ("eve", "sql"): 0.0,
        }
    )
