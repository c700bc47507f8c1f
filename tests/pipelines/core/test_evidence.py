"""Core rows become evidence of one mode, hours add up to the hours worked, and each row refers to its file."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matched_texts import match_texts_of

from pipelines.contracts.catalog import (
    ASPIRATION,
    ASSIGNMENT,
    EVIDENCE,
    FEEDBACK,
    LEARNING_RECORD,
    PERSON,
    ROLE_PERIOD,
    SKILL_MENTION,
    UNKNOWN_MENTION,
    WORKLOG,
)
from pipelines.contracts.table import Table
from pipelines.core.evidence import collect_evidence, count_unknown_mentions, order_first_rows
from pipelines.core.evidence_inputs import EvidenceInputs
from pipelines.core.skill_demand import (
    count_skill_demand,
    find_practice_options,
    list_current_roles,
    list_motive_weights,
    list_skill_wishes,
)
from pipelines.core.taxonomy import build_observed_taxonomy, match_skills
from pipelines.validation.rule_evaluation import enforce_contract

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
TODAY = date(2025, 3, 31)
TAXONOMY = build_observed_taxonomy(pl.Series(["sql", "git", "go"]), 1)


def frame(table: Table, *rows: dict[str, Any]) -> pl.DataFrame:
    defaults = {
        "person_id": "ann",
        "source_name": "s",
        "file_sha256": "0" * 64,
        "skill_text": "sql",
        "worked_at": NOON,
        "occurred_at": NOON,
    }
    full = [{**defaults, "record_code": f"r{i}", "row_number": i + 1, **row} for i, row in enumerate(rows)]
    return pl.DataFrame([{k: v for k, v in row.items() if k in table.schema} for row in full], schema=table.schema)


def core(**given_rows: pl.DataFrame) -> EvidenceInputs:
    tables = {
        "assignment": ASSIGNMENT,
        "worklog": WORKLOG,
        "learning_record": LEARNING_RECORD,
        "feedback": FEEDBACK,
        "skill_mention": SKILL_MENTION,
        "aspiration": ASPIRATION,
    }
    return EvidenceInputs(**{name: given_rows.get(name, pl.DataFrame(schema=t.schema)) for name, t in tables.items()})


def evidence(rows: EvidenceInputs) -> pl.DataFrame:
    rows_of_evidence = collect_evidence(rows, match_skills(rows.list_skill_texts(), TAXONOMY))
    return enforce_contract(EVIDENCE, rows_of_evidence).sort("record_code", "skill_id")


def test_no_rows_give_no_evidence() -> None:
    assert evidence(core()).is_empty()


def test_hours_on_work_that_names_several_micro_skills_are_divided() -> None:
    rows = evidence(core(worklog=frame(WORKLOG, {"skill_text": "sql|git", "worked_hours": 6.0})))
    assert rows.select("skill_id", "mode", "amount", "amount_unit").rows() == [
        ("git", "repetition", 3.0, "hours"),
        ("sql", "repetition", 3.0, "hours"),
    ]


def test_work_without_hours_counts_once_per_micro_skill() -> None:
    rows = evidence(core(worklog=frame(WORKLOG, {"skill_text": "sql|git"})))
    assert rows.select("amount", "amount_unit").rows() == [(1.0, "count")] * 2


def test_work_without_a_skill_text_takes_the_text_of_its_assignment() -> None:
    issue = frame(ASSIGNMENT, {"assignment_code": "P-1", "skill_text": "go", "is_done": False})
    logs = frame(
        WORKLOG,
        {"assignment_code": "P-1", "skill_text": None},
        {"assignment_code": "P-1"},
        {"assignment_code": "P-2", "skill_text": None},
    )
    assert evidence(core(assignment=issue, worklog=logs))["skill_id"].to_list() == ["go", "sql"]


def test_work_may_name_its_assignment_by_record_code() -> None:
    named = (("10001", "P-1", "go"), ("10002", "10001", "sql"), ("10003", "P-3", "go"))
    issues = [{"record_code": r, "assignment_code": a, "skill_text": s, "is_done": False} for r, a, s in named]
    logs = [{"assignment_code": code, "skill_text": None} for code in ("10003", "10001", "9")]
    rows = core(assignment=frame(ASSIGNMENT, *issues), worklog=frame(WORKLOG, *logs))
    # what is called 10001 comes before what is recorded as 10001
    assert sorted(evidence(rows)["skill_id"]) == ["go", "sql"]


def test_only_finished_assignments_with_a_person_and_a_date_are_repetition() -> None:
    issues = frame(
        ASSIGNMENT,
        {"is_done": True, "done_at": NOON},
        {"is_done": True, "done_at": None},
        {"is_done": False},
        {"is_done": True, "done_at": NOON, "person_id": None},
    )
    assert evidence(core(assignment=issues)).select("record_code", "mode", "amount_unit").rows() == [
        ("r0", "repetition", "count")
    ]


@pytest.mark.parametrize(
    ("verb", "score", "expected"),
    [
        ("attended", None, ("observation", 1.0, "count", None)),
        ("completed", None, ("observation", 1.0, "count", None)),
        ("passed", 0.8, ("feedback", 0.8, "share", "assessment")),
        ("passed", None, ("feedback", 1.0, "share", "assessment")),
        ("waived", None, ("feedback", 1.0, "share", "assessment")),
        ("failed", 0.9, ("feedback", 0.5, "share", "assessment")),
        ("failed", None, ("feedback", 0.0, "share", "assessment")),
        ("taught", None, ("teaching", 1.0, "count", None)),
        ("enrolled", None, None),
        ("started", None, None),
    ],
)
def test_each_learning_verb_has_one_mode_or_none(verb: str, score: float | None, expected: tuple[Any, ...]) -> None:
    records = frame(LEARNING_RECORD, {"learning_verb": verb, "score_share": score})
    rows = evidence(core(learning_record=records)).select("mode", "amount", "amount_unit", "feedback_kind").rows()
    assert rows == ([expected] if expected else [])


@pytest.mark.parametrize("verb", ["attended", "completed"])
def test_an_attended_record_with_a_score_is_feedback_too(verb: str) -> None:
    rows = evidence(core(learning_record=frame(LEARNING_RECORD, {"learning_verb": verb, "score_share": 0.9})))
    assert rows.sort("mode").select("mode", "amount", "amount_unit", "feedback_kind", "source_column").rows() == [
        ("feedback", 0.9, "share", "assessment", "score_share"),
        ("observation", 1.0, "count", None, "learning_verb"),
    ]


@pytest.mark.parametrize(("verb", "mode"), [("completed", "observation"), ("taught", "teaching")])
def test_learning_and_teaching_have_hours_if_the_record_has_them(verb: str, mode: str) -> None:
    rows = evidence(core(learning_record=frame(LEARNING_RECORD, {"learning_verb": verb, "learning_hours": 1.5})))
    assert rows.select("mode", "amount", "amount_unit", "source_column").rows() == [
        (mode, 1.5, "hours", "learning_hours")
    ]


def test_feedback_to_another_person_is_teaching_and_feedback_to_oneself_is_not() -> None:
    marks = frame(
        FEEDBACK,
        {"feedback_kind": "peer", "given_by_id": "bob"},
        {"feedback_kind": "self", "given_by_id": "ann"},
        {"feedback_kind": "manager", "given_by_id": "ann"},
        {"feedback_kind": "certificate"},
    )
    teaching = evidence(core(feedback=marks)).filter(pl.col("mode") == "teaching")
    assert teaching.select("person_id", "record_code", "amount", "amount_unit", "source_column").rows() == [
        ("bob", "r0", 1.0, "count", "given_by_code")
    ]


def test_a_date_of_completion_marks_an_assignment_without_a_flag_as_done() -> None:
    issues = frame(ASSIGNMENT, {"is_done": None, "done_at": NOON}, {"is_done": False, "done_at": NOON})
    assert evidence(core(assignment=issues)).select("record_code", "source_column").rows() == [("r0", "done_at")]


def test_evidence_names_the_column_its_amount_was_read_from() -> None:
    logs = frame(WORKLOG, {"worked_hours": 2.0}, {"worked_hours": None})
    marks = frame(FEEDBACK, {"feedback_kind": "peer", "score_share": 0.5, "record_code": "r7"})
    rows = evidence(core(worklog=logs, feedback=marks))
    assert rows["source_column"].to_list() == ["worked_hours", "worked_at", "score_share"]


def test_the_title_of_a_course_without_a_skill_text_names_the_micro_skill() -> None:
    records = frame(LEARNING_RECORD, {"learning_verb": "completed", "skill_text": None, "course_name": "Git for all"})
    assert evidence(core(learning_record=records))["skill_id"].to_list() == ["git"]


def test_feedback_keeps_its_kind_assessor_and_score_and_counts_fully_without_a_score() -> None:
    marks = frame(
        FEEDBACK, {"feedback_kind": "peer", "given_by_id": "bob", "score_share": 0.25}, {"feedback_kind": "certificate"}
    )
    feedback_rows = evidence(core(feedback=marks)).filter(pl.col("mode") == "feedback")
    assert feedback_rows.select("feedback_kind", "given_by_id", "amount").rows() == [
        ("peer", "bob", 0.25),
        ("certificate", None, 1.0),
    ]


def test_a_mention_has_its_stated_mode_or_else_observation() -> None:
    mentions = frame(
        SKILL_MENTION,
        {"mode": None},
        {"mode": "teaching"},
        {"mode": "repetition", "worked_hours": 3.0},
        {"mode": "feedback", "score_share": 0.4},
    )
    assert evidence(core(skill_mention=mentions)).select("mode", "amount", "amount_unit", "feedback_kind").rows() == [
        ("observation", 1.0, "count", None),
        ("teaching", 1.0, "count", None),
        ("repetition", 3.0, "hours", None),
        ("feedback", 0.4, "share", "peer"),
    ]


def test_evidence_refers_to_the_row_of_the_file() -> None:
    marks = frame(FEEDBACK, {"feedback_kind": "peer", "row_number": 17, "file_sha256": "a" * 64})
    rows = evidence(core(feedback=marks))
    origin = rows.select("table_name", "record_code", "source_name", "file_sha256", "row_number").row(0)
    assert origin == ("core_feedback__event_feedback", "r0", "s", "a" * 64, 17)


def test_the_id_of_evidence_does_not_change_with_the_rows_around_it() -> None:
    logs = frame(WORKLOG, {"worked_hours": 2.0}, {"skill_text": "go"})
    assert set(evidence(core(worklog=logs.head(1)))["evidence_id"]) < set(evidence(core(worklog=logs))["evidence_id"])


LOG = st.fixed_dictionaries(
    {
        "person_id": st.sampled_from(["ann", "bob"]),
        "worked_hours": st.floats(0, 24),
        "skill_text": st.lists(st.sampled_from(["sql", "git", "go", "dance"]), min_size=1, max_size=4).map("|".join),
    }
)


@settings(max_examples=50, deadline=None)
@given(st.lists(LOG, max_size=8))
def test_hours_of_evidence_add_up_to_the_hours_worked_on_known_micro_skills(logs: list[dict[str, Any]]) -> None:
    rows = evidence(core(worklog=frame(WORKLOG, *logs)))
    for person in ("ann", "bob"):
        worked = sum(
            log["worked_hours"]
            for log in logs
            if log["person_id"] == person and {*log["skill_text"].split("|")} - {"dance"}
        )
        assert rows.filter(pl.col("person_id") == person)["amount"].sum() == pytest.approx(worked)


def test_unknown_texts_are_counted_with_the_nearest_micro_skills() -> None:
    logs = frame(WORKLOG, {"skill_text": "gitt"}, {"skill_text": "Gitt|sql"}, {"skill_text": "sql"})
    rows = core(worklog=logs)
    unknown = count_unknown_mentions(rows, match_skills(rows.list_skill_texts(), TAXONOMY), TAXONOMY.aliases)
    assert enforce_contract(UNKNOWN_MENTION, unknown).rows() == [("gitt", 2, ["git"])]


def test_demand_counts_recent_repetition_and_open_assignments() -> None:
    done = evidence(
        core(
            worklog=frame(
                WORKLOG, {}, {"worked_at": NOON - timedelta(days=70)}, {"worked_at": NOON + timedelta(days=60)}
            )
        )
    )
    issues = frame(
        ASSIGNMENT,
        {"skill_text": "git"},
        {"skill_text": "git", "is_done": True},
        {"skill_text": "git", "is_done": True, "done_at": NOON + timedelta(days=40)},
        {"skill_text": "git", "started_date": date(2025, 4, 1)},
    )
    assert count_skill_demand(issues, done, match_texts_of(TAXONOMY, issues), TODAY).rows() == [("git", 2), ("sql", 1)]


def test_practice_options_are_the_most_frequent_project_and_course_and_recent_practice() -> None:
    issues = frame(ASSIGNMENT, *({"project_code": code} for code in ("P2", "P1", "P2", None)))
    records = frame(
        LEARNING_RECORD,
        *(
            {"learning_verb": verb, "course_name": name}
            for verb, name in (("completed", "B"), ("passed", "A"), ("enrolled", "C"), ("enrolled", "C"))
        ),
    )
    done = evidence(core(worklog=frame(WORKLOG, {}, {}, {"person_id": "bob"})))
    matches = match_texts_of(TAXONOMY, issues, records=records)
    options = find_practice_options(issues, records, done, TAXONOMY.skills, matches, TODAY)
    assert options.rows_by_key("skill_id")["sql"] == [("P2", "A", 2)]
    assert options.rows_by_key("skill_id")["go"] == [(None, None, None)]


def test_roles_are_those_held_on_the_day() -> None:
    people = frame(PERSON, {"role_name": "Dev"}, {"person_id": "bob"})
    periods = frame(
        ROLE_PERIOD,
        {"role_name": "Lead", "started_date": date(2025, 1, 1), "ended_date": None},
        {"role_name": "Old", "started_date": date(2024, 1, 1), "ended_date": TODAY},
        {"role_name": "Next", "started_date": TODAY + timedelta(days=1)},
    )
    assert list_current_roles(people, periods, TODAY).rows() == [("ann", "Dev"), ("ann", "Lead")]


def test_the_last_wish_for_a_micro_skill_up_to_the_day_counts() -> None:
    wishes = frame(
        ASPIRATION,
        {"wish_weight": 1.0, "stated_at": NOON},
        {"wish_weight": 0.2, "stated_at": NOON + timedelta(days=1)},
        {"wish_weight": 0.9, "stated_at": NOON + timedelta(days=31)},
    )
    assert list_skill_wishes(wishes, match_texts_of(TAXONOMY, wishes), TODAY).rows() == [("ann", "sql", 0.2)]


def test_the_last_weight_of_each_motive_up_to_the_day_counts() -> None:
    weights = frame(
        ASPIRATION,
        {"autonomy_weight": 0.9, "purpose_weight": 0.4, "stated_at": NOON},
        {"autonomy_weight": 0.2, "stated_at": NOON + timedelta(days=1)},
        {"autonomy_weight": 1.0, "stated_at": NOON + timedelta(days=31)},
        {"person_id": "bob", "stated_at": NOON},
    )
    assert list_motive_weights(weights, TODAY).rows() == [("ann", None, 0.2, 0.4)]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 2)), max_size=9))
def test_the_first_row_of_each_id_is_kept_sorted_by_month_and_id(keys: list[tuple[int, int, int]]) -> None:
    digests = [high.to_bytes(8, "big") + low.to_bytes(8, "big") for high, low, _ in keys]
    months = pl.Series([month for *_, month in keys], dtype=pl.Int32)
    first = [place for place, digest in enumerate(digests) if digest not in digests[:place]]
    wanted = sorted(first, key=lambda place: (months[place], digests[place]))
    assert order_first_rows(digests, months).to_list() == wanted
