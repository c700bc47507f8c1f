"""Each reply has its effect for its period, and the days until the effect are listed."""

from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matched_texts import match_texts_of

from pipelines.contracts.catalog import EVIDENCE, REPLY
from pipelines.contracts.columns import REPLY_EFFECTS, REPLY_KINDS, STAGES, STEP_GOALS
from pipelines.contracts.output_tables import OBEYED_REPLY
from pipelines.contracts.policy import ReplyPolicy
from pipelines.core.replies import (
    add_replies_to_mastery,
    build_done_evidence,
    find_accepted_steps,
    find_disputes,
    find_hidden_skills,
    find_suppressed_steps,
    list_reply_effects,
    resolve_reply_skills,
)
from pipelines.core.taxonomy import build_taxonomy
from pipelines.validation.rule_evaluation import enforce_contract

TAXONOMY = build_taxonomy(pl.DataFrame({"skill_id": ["sql", "git"], "name": ["SQL", "Git"]}))
POLICY = ReplyPolicy(dismissed_days=30, done_days=10)
TODAY = date(2026, 6, 30)
NOTHING_OBEYED = pl.DataFrame(schema=OBEYED_REPLY.schema)


def at(month: int, day: int, hour: int = 0) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


def replies(*cells: dict[str, Any]) -> pl.DataFrame:
    defaults = {
        "source_name": "s",
        "person_id": "ann",
        "skill_text": "sql",
        "step_goal": None,
        "until_date": None,
        "stated_stage": None,
        "replied_at": at(6, 20),
        "file_sha256": "f",
        "row_number": 1,
    }
    rows = [{**defaults, "record_code": f"r{i}", **reply} for i, reply in enumerate(cells)]
    frame = pl.DataFrame(rows, schema=REPLY.schema)
    return resolve_reply_skills(frame, match_texts_of(TAXONOMY, frame))


def away(rows: pl.DataFrame, as_of: date = TODAY) -> list[tuple[str, str, date | None]]:
    return find_suppressed_steps(rows, as_of, POLICY).select("step_id", "reason", "until").rows()


def test_a_dismissed_step_is_suppressed_for_its_period() -> None:
    rows = replies({"reply_kind": "dismiss", "step_goal": "journeyman"})
    assert away(rows) == [("sql|journeyman", "dismiss", date(2026, 7, 20))]
    assert away(rows, date(2026, 7, 19)) != []
    assert away(rows, date(2026, 7, 20)) == []


def test_a_snoozed_step_is_suppressed_until_its_day() -> None:
    rows = replies({"reply_kind": "snooze", "step_goal": "refresh", "until_date": date(2026, 7, 3)})
    assert away(rows, date(2026, 7, 2)) == [("sql|refresh", "snooze", date(2026, 7, 3))]
    assert away(rows, date(2026, 7, 3)) == []


def test_a_reply_without_a_goal_is_about_every_step_of_the_micro_skill() -> None:
    rows = replies({"reply_kind": "dismiss"})
    assert {step for step, *_ in away(rows)} == {f"sql|{goal}" for goal in STEP_GOALS}


def test_the_last_of_several_replies_about_a_step_counts() -> None:
    rows = replies(
        {"reply_kind": "dismiss"}, {"reply_kind": "accept", "step_goal": "journeyman", "replied_at": at(6, 20, 1)}
    )
    assert "sql|journeyman" not in {step for step, *_ in away(rows)}
    assert find_accepted_steps(rows, TODAY).rows() == [("ann", "sql|journeyman")]
    changed = replies({"reply_kind": "accept"}, {"reply_kind": "dismiss", "replied_at": at(6, 21)})
    assert find_accepted_steps(changed, TODAY).height == 0


def test_a_done_step_is_suppressed_for_its_period() -> None:
    rows = replies({"reply_kind": "done", "step_goal": "apprentice", "replied_at": at(6, 25)})
    assert away(rows) == [("sql|apprentice", "done", date(2026, 7, 5))]


def test_retract_removes_the_effect_of_a_reply() -> None:
    later = {"reply_kind": "retract", "replied_at": at(6, 22)}
    for kind in ("dismiss", "hide", "accept"):
        rows = replies({"reply_kind": kind}, later)
        assert (away(rows), find_hidden_skills(rows, TODAY).height, find_accepted_steps(rows, TODAY).height) == (
            [],
            0,
            0,
        )
    disputed = replies({"reply_kind": "dispute", "stated_stage": "master"}, later)
    assert (away(disputed), find_disputes(disputed, TODAY).height) == ([], 0)


def test_steps_up_to_the_stated_stage_are_suppressed() -> None:
    rows = replies({"reply_kind": "dispute", "stated_stage": "journeyman"})
    assert away(rows) == [("sql|apprentice", "dispute", None), ("sql|journeyman", "dispute", None)]


def mastery(*rows: tuple[str, str, str]) -> pl.DataFrame:
    schema = {"person_id": pl.String, "skill_id": pl.String, "stage": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        level_low_share=pl.lit(0.4), level_high_share=pl.lit(0.6), is_rusty=pl.lit(True)
    )


def test_a_dispute_adds_the_stated_stage_and_widens_the_interval_towards_it() -> None:
    held = mastery(("ann", "sql", "journeyman"), ("bob", "sql", "journeyman"), ("eve", "sql", "journeyman"))
    rows = replies(
        {"reply_kind": "dispute", "stated_stage": "master"},
        {"reply_kind": "dispute", "stated_stage": "none", "person_id": "bob"},
    )
    replied = add_replies_to_mastery(held, rows, TODAY).select(
        "person_id", "stage", "stated_stage", "level_low_share", "level_high_share"
    )
    assert replied.rows() == [
        ("ann", "journeyman", "master", 0.4, 0.8),
        ("bob", "journeyman", "none", 0.2, 0.6),
        ("eve", "journeyman", None, 0.4, 0.6),
    ]


def test_a_stated_stage_without_evidence_adds_a_row() -> None:
    replied = add_replies_to_mastery(mastery(), replies({"reply_kind": "dispute", "stated_stage": "master"}), TODAY)
    assert replied.select("person_id", "skill_id", "stage", "stated_stage", "is_rusty").rows() == [
        ("ann", "sql", "none", "master", False)
    ]


def test_a_hidden_micro_skill_is_marked_and_the_others_are_not() -> None:
    replied = add_replies_to_mastery(
        mastery(("ann", "sql", "master"), ("ann", "git", "master")), replies({"reply_kind": "hide"}), TODAY
    )
    assert replied.select("skill_id", "is_hidden").rows() == [("sql", True), ("git", False)]


def test_done_gives_evidence_of_feedback_to_oneself() -> None:
    rows = enforce_contract(
        EVIDENCE, build_done_evidence(replies({"reply_kind": "done"}, {"reply_kind": "done", "skill_text": "juggling"}))
    )
    assert rows.select("person_id", "skill_id", "mode", "feedback_kind", "given_by_id", "amount").rows() == [
        ("ann", "sql", "feedback", "self", "ann", 1.0)
    ]
    assert rows.select("table_name", "record_code", "row_number").rows() == [(REPLY.name, "r0", 1)]


@pytest.mark.parametrize(
    ("kind", "effect"),
    [
        ("accept", "kept_on_list"),
        ("dismiss", "kept_away"),
        ("snooze", "kept_away"),
        ("hide", "shown_to_nobody_else"),
        ("dispute", "word_beside_estimate"),
        ("done", "counted_as_evidence"),
        ("retract", "taken_back"),
    ],
)
def test_the_effect_of_each_reply_and_the_days_until_it_are_listed(kind: str, effect: str) -> None:
    rows = replies({"reply_kind": kind, "stated_stage": "master", "until_date": date(2026, 9, 1)})
    effects = list_reply_effects(rows, NOTHING_OBEYED, TODAY)
    assert effects.select("effect", "obeyed_date", "time_to_effect_days").rows() == [(effect, TODAY, 10)]


def test_a_reply_keeps_the_first_day_of_its_effect() -> None:
    rows = replies({"reply_kind": "hide"})
    before = pl.DataFrame(
        {"reply_id": rows["reply_id"], "obeyed_date": [date(2026, 6, 21)], "first_snapshot_id": ["x"]}
    )
    effects = list_reply_effects(rows, before, TODAY)
    assert effects.select("obeyed_date", "first_snapshot_id", "time_to_effect_days").rows() == [
        (date(2026, 6, 21), "x", 1)
    ]
    # the records of this day and of later ones are ignored, so that a repeated run gives the same rows
    again = list_reply_effects(rows, before.with_columns(obeyed_date=pl.lit(TODAY)), TODAY)
    assert again.select("obeyed_date", "first_snapshot_id").rows() == [(TODAY, None)]


def test_a_reply_about_an_unknown_micro_skill_is_not_understood() -> None:
    effects = list_reply_effects(replies({"reply_kind": "hide", "skill_text": "juggling"}), NOTHING_OBEYED, TODAY)
    assert effects.select("effect", "skill_id", "obeyed_date", "time_to_effect_days").rows() == [
        ("not_understood", None, None, None)
    ]


def test_a_reply_replaced_by_a_later_one_is_superseded() -> None:
    rows = replies(
        {"reply_kind": "dismiss"},
        {"reply_kind": "hide"},
        {"reply_kind": "accept", "replied_at": at(6, 21)},
        {"reply_kind": "retract", "step_goal": "master", "replied_at": at(6, 22)},
    )
    effects = list_reply_effects(rows, NOTHING_OBEYED, TODAY).sort("replied_at", "reply_kind")
    assert effects["effect"].to_list() == ["superseded", "shown_to_nobody_else", "kept_on_list", "taken_back"]


REPLIES = st.lists(
    st.fixed_dictionaries(
        {
            "reply_kind": st.sampled_from(REPLY_KINDS),
            "skill_text": st.sampled_from(["sql", "git", "juggling"]),
            "step_goal": st.sampled_from([None, *STEP_GOALS]),
            "until_date": st.sampled_from([date(2026, 6, 1), date(2026, 9, 1)]),
            "stated_stage": st.sampled_from(STAGES),
            "replied_at": st.integers(1, 28).flatmap(lambda d: st.sampled_from([at(5, d), at(6, d), at(7, d)])),
        }
    ),
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(REPLIES)
def test_later_replies_do_not_change_an_earlier_day(given_replies: list[dict[str, Any]]) -> None:
    # reply ids follow from record codes: the same record keeps its own in both
    codes = [{**reply, "record_code": f"c{i}"} for i, reply in enumerate(given_replies)]
    earlier = [reply for reply in codes if reply["replied_at"].date() <= TODAY]
    all_replies, earlier_replies = replies(*codes), replies(*earlier)
    for function in (
        lambda rows: find_suppressed_steps(rows, TODAY, POLICY),
        lambda rows: find_accepted_steps(rows, TODAY),
        lambda rows: find_hidden_skills(rows, TODAY),
        lambda rows: find_disputes(rows, TODAY),
        lambda rows: list_reply_effects(rows, NOTHING_OBEYED, TODAY),
    ):
        assert function(all_replies).equals(function(earlier_replies))


@settings(max_examples=100, deadline=None)
@given(REPLIES)
def test_no_step_is_both_suppressed_and_accepted_unless_it_is_disputed(given_replies: list[dict[str, Any]]) -> None:
    rows = replies(*given_replies)
    suppressed = find_suppressed_steps(rows, TODAY, POLICY).filter(pl.col("reason") != "dispute")
    assert suppressed.join(find_accepted_steps(rows, TODAY), on=("person_id", "step_id"), how="semi").height == 0
    effects = list_reply_effects(rows, NOTHING_OBEYED, TODAY)
    assert set(effects["effect"]) <= set(REPLY_EFFECTS)
    assert effects.height == len([reply for reply in given_replies if reply["replied_at"].date() <= TODAY])
