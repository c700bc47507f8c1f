"""Pauses: who may end which, what they withhold, and what is remembered of them."""

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.config.pause import PauseOptions, check_reason
from pipelines.contracts.output_tables import CAPABILITY, COMPANION, NEXT_SKILL
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.core.objections import Objections
from pipelines.core.pauses import (
    describe_pause,
    find_pause_in_effect,
    fingerprint_pauses,
    list_pauses,
    record_pause,
    record_resumption,
)

NONE, TODAY = pl.DataFrame(schema=PAUSE.schema), date(2026, 7, 3)


def at(day: int) -> datetime:
    return datetime(2026, 7, day, 9, tzinfo=UTC)


def test_a_pause_holds_until_it_is_resumed_and_is_remembered(tmp_path: Path) -> None:
    assert find_pause_in_effect(list_pauses(tmp_path, None, NONE, TODAY)) is None
    before = fingerprint_pauses(tmp_path, None, TODAY)
    record_pause(tmp_path, "A review.", at(1))
    assert fingerprint_pauses(tmp_path, None, TODAY) != before
    paused = list_pauses(tmp_path, None, NONE, TODAY)
    assert paused.rows() == [("command", at(1), None, "A review.")]
    assert describe_pause(paused) == (
        "Recommendations are paused since 2026-07-01: A review. To end it: `footsteps resume`."
    )
    record_resumption(tmp_path, None, at(2))
    record_pause(tmp_path, "Once more.", at(3))
    assert list_pauses(tmp_path, None, NONE, TODAY).rows() == [
        ("command", at(1), at(2), "A review."),
        ("command", at(3), None, "Once more."),
    ]


def test_a_declared_pause_begins_on_its_day_and_ends_when_it_is_taken_out(tmp_path: Path) -> None:
    declared = PauseOptions(reason="Holidays.", since=date(2026, 7, 2))
    assert list_pauses(tmp_path, declared, NONE, date(2026, 7, 1)).is_empty()
    during = list_pauses(tmp_path, declared, NONE, TODAY)
    assert find_pause_in_effect(during) is not None
    afterwards = list_pauses(tmp_path, None, during, date(2026, 7, 5))
    assert afterwards["resumed_at"].to_list() == [datetime(2026, 7, 5, tzinfo=UTC)]
    assert list_pauses(tmp_path, None, afterwards, date(2026, 7, 9)).equals(afterwards)


@pytest.mark.parametrize("reason", ["", "  ", "x" * 201, "Ask mia@acme.example about it."])
def test_a_reason_is_one_short_line_without_an_address(reason: str) -> None:
    with pytest.raises(ValueError, match="reason"):
        check_reason(reason)


def test_a_pause_withholds_every_recommendation() -> None:
    nobody = pl.DataFrame(schema={"person_id": pl.String})
    hidden = pl.DataFrame(schema={"person_id": pl.String, "skill_id": pl.String})
    paused = Objections(hidden, nobody, is_paused=True)
    steps = pl.DataFrame(
        {
            "person_id": ["ann", "bob"],
            "rank": [1, None],
            "skill_id": ["sql", None],
            "no_recommendation_reason": [None, "x"],
        }
    )
    assert paused.withhold(NEXT_SKILL, steps)["person_id"].to_list() == ["bob"]
    companion = {
        "person_id": ["ann"],
        "step_id": ["sql|master"],
        "companion_id": ["bob"],
        "companion_skill_id": ["sql"],
    }
    assert paused.withhold(COMPANION, pl.DataFrame(companion).with_columns(skill_id=pl.lit("sql"))).is_empty()
    row = {
        "person_id": ["ann"],
        "held_skill_ids": [["go"]],
        "held_skill_names": [["Go"]],
        "missing_skill_ids": [["sql"]],
        "next_skill_id": ["sql"],
        "completes_share": [0.5],
    }
    shown = paused.withhold(CAPABILITY, pl.DataFrame(row)).row(0, named=True)
    assert (shown["held_skill_ids"], shown["next_skill_id"], shown["missing_skill_ids"]) == (["go"], None, [])
