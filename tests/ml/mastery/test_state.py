"""Stages follow from evidence by the policy, in any order of rows, and never from later evidence."""

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.mastery.knowledge_tracing import KnowledgeTracing, declare_knowledge_tracing, read_knowledge_tracing
from ml.mastery.state import (
    build_half_lives,
    estimate_mastery,
    estimate_mastery_and_steps,
    find_reached_steps,
    last_instant,
)
from pipelines.contracts.catalog import EVIDENCE, REVIEW_TABLE
from pipelines.contracts.columns import FEEDBACK_KINDS, MODES, STAGES
from pipelines.contracts.feature_tables import MASTERY, REACHED_STEP
from pipelines.contracts.policy import JourneymanPolicy, MasterPolicy, StagePolicy

POLICY = StagePolicy()
TODAY = date(2025, 6, 30)
START = datetime(2024, 1, 1, 9, tzinfo=UTC)
# A policy small enough that random evidence reaches every stage.
SMALL = StagePolicy(
    JourneymanPolicy(repetition_hours=6, repetition_days=2, positive_feedback=1),
    MasterPolicy(repetition_hours=12, repetition_days=4, sustained_days=5, judges=2, teaching=1),
    rusty_after_days=10,
)
ANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def evidence(*rows: dict[str, Any]) -> pl.DataFrame:
    defaults = {
        "person_id": "ann",
        "skill_id": "sql",
        "occurred_at": START,
        "mode": "repetition",
        "amount": 1.0,
        "amount_unit": "count",
        "feedback_kind": None,
        "given_by_id": None,
        "table_name": "t",
        "source_name": "s",
        "file_sha256": "0" * 64,
        "row_number": 1,
    }
    full = [{**defaults, "evidence_id": f"e{i}", "record_code": f"r{i}", **row} for i, row in enumerate(rows)]
    return pl.DataFrame(full, schema=EVIDENCE.schema)


def on(day: int) -> datetime:
    return START + timedelta(days=day)


def worked(day: int, hours: float | None = None) -> dict[str, Any]:
    if hours is None:
        return {"occurred_at": on(day)}
    return {"occurred_at": on(day), "amount": hours, "amount_unit": "hours"}


def judged(day: int, score: float = 1.0, by: str | None = None, kind: str = "peer") -> dict[str, Any]:
    return {
        "occurred_at": on(day),
        "mode": "feedback",
        "amount": score,
        "amount_unit": "share",
        "feedback_kind": kind,
        "given_by_id": by,
    }


def course(day: int) -> dict[str, Any]:
    return {"occurred_at": on(day), "mode": "observation"}


def taught(day: int) -> dict[str, Any]:
    return {"occurred_at": on(day), "mode": "teaching"}


def state(*rows: dict[str, Any], policy: StagePolicy = POLICY, as_of: date = TODAY) -> dict[str, Any]:
    return estimate_mastery(evidence(*rows), as_of, policy).row(0, named=True)


MASTER_EVIDENCE = [
    *(worked(day * 10, 5.0) for day in range(41)),
    *(judged(400, by=name) for name in "bcd"),
    taught(1),
    taught(2),
]


def test_without_evidence_there_are_no_rows_but_the_schema_of_the_contract() -> None:
    assert estimate_mastery(evidence(), TODAY, POLICY).schema == MASTERY.schema
    assert find_reached_steps(evidence(), TODAY, POLICY).schema == REACHED_STEP.schema


@pytest.mark.parametrize("first", [course(0), worked(0), judged(0), taught(0)])
def test_one_row_of_any_evidence_makes_an_apprentice(first: dict[str, Any]) -> None:
    assert state(first)["stage"] == "apprentice"


def test_feedback_below_the_positive_share_makes_nobody_an_apprentice() -> None:
    row = state(judged(0, score=0.59))
    assert (row["stage"], row["level_share"], row["missing_for_next"]) == ("none", 0.0, ["first_practice"])
    assert (row["feedback_count"], row["positive_feedback_count"], row["judge_count"]) == (1, 0, 0)


def test_forty_hours_and_one_positive_feedback_make_a_journeyman() -> None:
    assert state(worked(0, 20), worked(1, 20), judged(2, 0.6))["stage"] == "journeyman"
    assert state(worked(0, 20), worked(1, 19.5), judged(2, 0.6))["missing_for_next"] == ["repetition"]


def test_eight_days_without_hours_and_one_positive_feedback_make_a_journeyman() -> None:
    assert state(*(worked(day) for day in range(8)), judged(9))["stage"] == "journeyman"
    same_day = state(*(worked(day) for day in range(7)), worked(6), judged(9))
    assert (same_day["repetition_count"], same_day["stage"]) == (7, "apprentice")


def test_work_without_positive_feedback_stays_apprentice_and_lists_it_as_missing() -> None:
    row = state(worked(0, 400), judged(3, 0.2))
    assert (row["stage"], row["missing_for_next"]) == ("apprentice", ["positive_feedback"])
    days = (last_instant(TODAY) - on(0)).total_seconds() / 86_400
    assert row["level_share"] == pytest.approx((1 + 0.5) / 3 * 2 ** -(int(days * 86_400) / 86_400 / 540))


def test_a_master_has_sustained_work_several_judges_and_teaching() -> None:
    row = state(*MASTER_EVIDENCE)
    assert (row["stage"], row["missing_for_next"]) == ("master", [])
    since = int((last_instant(TODAY) - on(400)).total_seconds()) / 86_400
    assert row["level_share"] == pytest.approx(2 ** -(since / 540))
    assert (row["repetition_hours"], row["repetition_count"], row["judge_count"]) == (205.0, 41, 3)


@pytest.mark.parametrize(
    ("without", "missing"),
    [
        ([row for row in MASTER_EVIDENCE if row.get("mode") != "teaching"], "teaching"),
        ([row for row in MASTER_EVIDENCE if row.get("given_by_id") != "b"], "feedback_from_several"),
        (
            [row for row in MASTER_EVIDENCE if row.get("mode") or row["occurred_at"] < on(360)] + [worked(364, 60)],
            "sustained_repetition",
        ),
        (
            [row for row in MASTER_EVIDENCE if row.get("mode") or row["occurred_at"] > on(300)] + [worked(0, 60)],
            "repetition",
        ),
    ],
)
def test_one_unmet_requirement_makes_a_journeyman_and_is_listed_as_missing(without: list[Any], missing: str) -> None:
    row = state(*without)
    assert (row["stage"], row["missing_for_next"]) == ("journeyman", [missing])


def test_unnamed_judges_count_once_per_kind() -> None:
    rows = [judged(i, kind="certificate") for i in range(3)] + [judged(4, kind="peer"), judged(5, by="bob")]
    assert state(*rows, judged(6, by="bob"))["judge_count"] == 3


def test_rust_depends_on_the_last_practice_and_not_on_a_later_course() -> None:
    long_ago = on((TODAY - START.date()).days - 541)
    assert state({"occurred_at": long_ago}, course(500))["is_rusty"]
    assert not state({"occurred_at": long_ago + timedelta(days=2)})["is_rusty"]
    assert not state(course(500))["is_rusty"]


def test_a_micro_skill_that_is_not_held_is_not_rusty() -> None:
    assert not state({**judged(0, 0.1), "occurred_at": on(-2000)})["is_rusty"]


def test_the_last_moment_of_the_day_counts_and_the_next_day_does_not() -> None:
    last = last_instant(TODAY)
    assert estimate_mastery(evidence({"occurred_at": last}), TODAY, POLICY).height == 1
    assert estimate_mastery(evidence({"occurred_at": last + timedelta(microseconds=1)}), TODAY, POLICY).height == 0


def test_a_step_has_the_date_of_the_evidence_that_completed_it() -> None:
    steps = find_reached_steps(evidence(course(0), worked(1, 20), worked(2, 20), judged(3)), TODAY, POLICY)
    assert steps.select("kind", "from_stage", "to_stage", "step_id", "reached_at").rows() == [
        ("new", "none", "apprentice", "sql|apprentice", on(0)),
        ("deepen", "apprentice", "journeyman", "sql|journeyman", on(3)),
    ]


def test_practice_after_a_long_gap_is_a_refresh_even_after_only_a_course() -> None:
    for first in (worked(0), course(0)):
        steps = find_reached_steps(evidence(first, worked(541), worked(542)), TODAY, POLICY)
        assert steps.select("kind", "reached_at").rows() == [("new", on(0)), ("refresh", on(541))]


def test_a_course_in_the_same_instant_does_not_prevent_a_refresh() -> None:
    steps = find_reached_steps(evidence(worked(0), course(541), worked(541)), TODAY, POLICY)
    assert "sql|refresh" in steps["step_id"].to_list()


def test_counts_of_one_pair_complete_no_step_of_another() -> None:
    rows = evidence(worked(0, 30), {**worked(1, 30), "skill_id": "git"}, {**judged(2), "skill_id": "git"})
    assert "deepen" not in find_reached_steps(rows, TODAY, POLICY)["kind"].to_list()


def test_counts_of_one_pair_do_not_leak_into_the_next() -> None:
    every = [course(0), worked(1, 2.0), judged(2), taught(3)]
    people = [{**row, "person_id": person} for person in ("ann", "bob", "eve") for row in every]
    mastery = estimate_mastery(evidence(*people), TODAY, POLICY)
    counts = [name for name in mastery.columns if name.endswith("_count") and name != "review_count"]
    assert mastery.select(counts).rows() == [(1,) * len(counts)] * 3
    assert mastery["repetition_hours"].to_list() == [2.0] * 3


def reviewed(day: int) -> dict[str, Any]:
    return {**taught(day), "table_name": REVIEW_TABLE}


def test_hours_are_summed_per_mode() -> None:
    rows = (
        worked(0, 3),
        worked(1, 2),
        {**course(2), "amount": 1.5, "amount_unit": "hours"},
        course(3),
        {**taught(4), "amount": 0.5, "amount_unit": "hours"},
    )
    row = state(*rows)
    assert (row["observation_hours"], row["repetition_hours"], row["teaching_hours"]) == (1.5, 5.0, 0.5)
    assert (row["observation_count"], row["teaching_count"]) == (2, 1)


def test_a_person_who_only_reviewed_others_has_no_row_and_no_step() -> None:
    assert estimate_mastery(evidence(reviewed(0), reviewed(1)), TODAY, POLICY).is_empty()
    assert find_reached_steps(evidence(reviewed(0)), TODAY, POLICY).is_empty()


def test_three_reviews_count_as_one_lesson() -> None:
    without_one_lesson = [row for row in MASTER_EVIDENCE if row.get("mode") != "teaching"] + [taught(1)]
    assert state(*without_one_lesson, reviewed(2), reviewed(3))["missing_for_next"] == ["teaching"]
    assert state(*without_one_lesson, reviewed(2), reviewed(3), reviewed(4))["stage"] == "master"


def test_a_review_is_no_practice() -> None:
    long_ago = on((TODAY - START.date()).days - 600)
    assert state({"occurred_at": long_ago}, reviewed(500))["is_rusty"]


def test_feedback_about_oneself_is_counted_but_changes_no_stage() -> None:
    row = state(worked(0, 50), judged(1, kind="self", by="ann"))
    assert (row["stage"], row["feedback_count"], row["positive_feedback_count"]) == ("apprentice", 1, 0)


@pytest.mark.parametrize(
    ("kind", "days", "counts"),
    [
        ("assessment", 0, False),
        ("assessment", 30, False),
        ("assessment", 31, True),
        ("certificate", 5, False),
        ("peer", 5, True),
        ("self", 5, True),
    ],
)
def test_more_trusted_negative_feedback_overrules_a_manager_for_thirty_days(kind: str, days: int, counts: bool) -> None:
    row = state(worked(0, 50), judged(100, 0.1, kind=kind), judged(100 + days, kind="manager", by="bob"))
    assert (row["stage"], row["feedback_count"]) == ("journeyman" if counts else "apprentice", 2)


def test_the_most_trusted_feedback_in_force_decides() -> None:
    rows = (worked(0, 50), judged(1, kind="certificate"), judged(2, 0.1, kind="assessment"), judged(3, kind="peer"))
    assert state(*rows)["positive_feedback_count"] == 2
    assert state(*rows, judged(2, 0.1, kind="certificate"))["positive_feedback_count"] == 1


def test_later_negative_feedback_does_not_overrule_earlier_positive_feedback() -> None:
    row = state(worked(0, 50), judged(1, kind="peer"), judged(2, 0.1, kind="certificate"))
    assert (row["stage"], row["positive_feedback_count"]) == ("journeyman", 1)


def test_a_course_keeps_a_micro_skill_half_as_fresh_as_practice() -> None:
    today = datetime(2025, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)
    assert state({**course(0), "occurred_at": today})["level_share"] == pytest.approx(1 / 3 / 2)
    assert state({**worked(0), "occurred_at": today})["level_share"] == pytest.approx((1 + (1 / 8) / 2) / 3)


def test_the_interval_of_the_formula_is_wilsons_for_the_evidence_left() -> None:
    today = datetime(2025, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)
    row = state(*({**course(0), "occurred_at": today} for _ in range(3)))
    level, count, z = 1 / 6, 4.0, 1.6449
    middle = (level + z * z / 8) / (1 + z * z / 4)
    half = z / (1 + z * z / 4) * (level * (1 - level) / count + z * z / 64) ** 0.5
    assert row["level_low_share"] == pytest.approx(middle - half)
    assert row["level_high_share"] == pytest.approx(middle + half)


def test_rust_depends_on_the_half_life_of_the_micro_skill() -> None:
    fast = KnowledgeTracing(False, 540, ("sql",), (180,), (9,), 0.0, (0.0,), (1.0,))
    rows = evidence(worked(330), {**worked(330), "skill_id": "git"})
    mastery = estimate_mastery(rows, TODAY, POLICY, fast)
    assert dict(mastery.select("skill_id", "is_rusty").rows()) == {"sql": True, "git": False}
    steps = find_reached_steps(evidence(worked(0), worked(200)), TODAY, POLICY, fast)
    assert steps["kind"].to_list() == ["new", "refresh"]
    half_lives = build_half_lives(rows, TODAY, fast)
    assert half_lives.rows() == [("git", 540, False, 0), ("sql", 180, True, 9)]


FITTED = KnowledgeTracing(
    True,
    540,
    ("sql", "git"),
    (180, 720),
    (50, 50),
    -1.0,
    (0.3, -0.2),
    (0.1, 0.1),
    (0.8, 0.2, 0.3, 0.5, -0.7),
    ((0.01, *[0.0] * 5), *((0.0,) * i + (0.02,) + (0.0,) * (5 - i) for i in range(1, 6))),
    0.4,
)


def test_a_fitted_level_is_the_probability_of_the_model() -> None:
    today = datetime(2025, 6, 30, 23, 59, 59, 999999, tzinfo=UTC)
    now = {"occurred_at": today}
    row = estimate_mastery(
        evidence({**worked(0, 7.0), **now}, {**judged(0, kind="certificate"), **now}), TODAY, POLICY, FITTED
    ).row(0, named=True)
    # sql: -1 + 0.3 + 0.8 log(1 + 7 hours) + 0.5 log(1 + trust 1)
    logit = -0.7 + 0.8 * math.log(8) + 0.5 * math.log(2)
    level = 1 / (1 + math.exp(-logit))
    assert row["level_share"] == pytest.approx(level)
    of_model = 0.01 + 0.02 * (math.log(8) ** 2 + math.log(2) ** 2)
    wide = 1.6449 * math.sqrt(of_model + 0.1 + 0.4 / (1 + 0.4 * level * (1 - level)))
    assert row["level_low_share"] == pytest.approx(1 / (1 + math.exp(wide - logit)))
    assert row["level_high_share"] == pytest.approx(1 / (1 + math.exp(-wide - logit)))


def test_a_fitted_level_fades_with_the_half_life_of_its_micro_skill() -> None:
    late = last_instant(TODAY) - timedelta(days=180)
    rows = evidence({**worked(0, 7.0), "occurred_at": late})
    assert estimate_mastery(rows, TODAY, POLICY, FITTED)["level_share"][0] == pytest.approx(
        1 / (1 + math.exp(0.7 - 0.8 * math.log(8) / 2))
    )


def test_a_stored_model_reads_back_equal() -> None:
    assert read_knowledge_tracing(FITTED.to_json()) == FITTED


@st.composite
def random_evidence(draw: st.DrawFn) -> pl.DataFrame:
    rows = []
    for i in range(draw(st.integers(1, 25))):
        mode = draw(st.sampled_from(MODES))
        unit = "share" if mode == "feedback" else draw(st.sampled_from(["hours", "count"]))
        rows.append(
            {
                "person_id": draw(st.sampled_from(["ann", "bob"])),
                "skill_id": draw(st.sampled_from(["sql", "git"])),
                "occurred_at": START + timedelta(hours=12 * draw(st.integers(0, 60))),
                "mode": mode,
                "amount_unit": unit,
                "amount": draw(st.sampled_from([0.2, 0.6, 1.0] if unit == "share" else [1.0, 3.5, 8.0])),
                "feedback_kind": draw(st.sampled_from([*FEEDBACK_KINDS, None])) if mode == "feedback" else None,
                "table_name": draw(st.sampled_from(["t", REVIEW_TABLE])),
                "given_by_id": draw(st.sampled_from([None, "x", "y"])),
                "evidence_id": f"e{i:02d}",
            }
        )
    return evidence(*rows)


@ANY
@given(random_evidence(), st.integers(0, 30))
def test_later_evidence_changes_nothing_as_of_a_day(rows: pl.DataFrame, days: int) -> None:
    as_of = START.date() + timedelta(days=days)
    past = rows.filter(pl.col("occurred_at") <= last_instant(as_of))
    for compute in (estimate_mastery, find_reached_steps):
        assert compute(rows, as_of, SMALL).equals(compute(past, as_of, SMALL))


@ANY
@given(random_evidence(), st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(rows: pl.DataFrame, random: Any) -> None:
    order = list(range(rows.height))
    random.shuffle(order)
    for compute in (estimate_mastery, find_reached_steps):
        assert compute(rows, TODAY, SMALL).equals(compute(rows[order], TODAY, SMALL))


@ANY
@given(random_evidence())
def test_courses_and_feedback_alone_never_reach_beyond_apprentice(rows: pl.DataFrame) -> None:
    courses = rows.filter(pl.col("mode").is_in(["observation", "feedback"]))
    assert set(estimate_mastery(courses, TODAY, SMALL)["stage"]) <= {"none", "apprentice"}


@ANY
@given(random_evidence(), st.data(), st.sampled_from([None, FITTED]))
def test_more_evidence_never_lowers_stage_or_level_unless_it_is_negative_feedback(
    rows: pl.DataFrame, data: st.DataObject, tracing: KnowledgeTracing | None
) -> None:
    negative = (pl.col("mode") == "feedback") & (pl.col("amount") < SMALL.positive_share)
    more = data.draw(st.lists(st.booleans(), min_size=rows.height, max_size=rows.height))
    fewer = rows.filter(negative | ~pl.Series(more))
    index = pl.col("stage").replace_strict({s: i for i, s in enumerate(STAGES)}, return_dtype=pl.Int8)
    before, after = (
        estimate_mastery(frame, TODAY, SMALL, tracing).select("person_id", "skill_id", index, "level_share")
        for frame in (fewer, rows)
    )
    both = before.join(after, on=("person_id", "skill_id"), how="left")
    assert both.filter(pl.col("stage_right").is_null() | (pl.col("stage_right") < pl.col("stage"))).is_empty()
    assert both.filter(pl.col("level_share_right") < pl.col("level_share") - 1e-12).is_empty()


@ANY
@given(random_evidence(), st.sampled_from([None, FITTED]))
def test_a_level_lies_within_its_interval(rows: pl.DataFrame, tracing: KnowledgeTracing | None) -> None:
    mastery = estimate_mastery(rows, TODAY, SMALL, tracing)
    low, level, high = (mastery[name] for name in ("level_low_share", "level_share", "level_high_share"))
    assert ((low >= 0) & (low <= level) & (level <= high) & (high <= 1)).all()


@ANY
@given(random_evidence())
def test_the_reached_steps_lead_to_the_stage(rows: pl.DataFrame) -> None:
    reached = find_reached_steps(rows, TODAY, SMALL)
    assert not reached.select(REACHED_STEP.key).is_duplicated().any()
    for person, skill, stage in estimate_mastery(rows, TODAY, SMALL).select("person_id", "skill_id", "stage").rows():
        own = reached.filter(pl.col("person_id") == person, pl.col("skill_id") == skill, pl.col("kind") != "refresh")
        assert own.sort("reached_at", "to_stage")["to_stage"].to_list().count(stage) == (stage != "none")
        assert own.height == STAGES.index(stage)


def test_mastery_and_steps_computed_together_equal_those_computed_alone() -> None:
    rows = evidence(course(0), worked(0, 20), judged(0), {"person_id": "bob", "skill_id": "git"}, worked(541, 5))
    held, reached = estimate_mastery_and_steps(rows, TODAY, POLICY, declare_knowledge_tracing(POLICY))
    assert held.equals(estimate_mastery(rows, TODAY, POLICY))
    assert reached.equals(find_reached_steps(rows, TODAY, POLICY))
    assert held.height == 2
    assert "sql|refresh" in reached["step_id"].to_list()
