"""Levels are fitted if there is enough feedback of both kinds, and predict better than simple rules."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from benchmarks.knowledge_tracing import choose_split_moment, evaluate_knowledge_tracing
from ml.mastery.half_life import (
    FADING_COLUMNS,
    SUM_COLUMNS,
    gather_outcomes,
    list_candidate_half_lives,
    shrink_half_lives,
)
from ml.mastery.knowledge_tracing import fit_knowledge_tracing, predict_outcomes
from pipelines.contracts.catalog import EVIDENCE, REVIEW_TABLE
from pipelines.contracts.policy import StagePolicy

POLICY = StagePolicy()
START = datetime(2022, 1, 1, tzinfo=UTC)
END = START + timedelta(days=1500)


def rows(*cells: tuple[str, str, float, str, float, str | None]) -> pl.DataFrame:
    """Rows of EVIDENCE from (person, micro-skill, day, mode, amount, feedback kind); work is in hours."""
    units = {"repetition": "hours", "feedback": "share"}
    full = [
        (f"e{i}", person, skill, START + timedelta(days=day), mode, amount, units.get(mode, "count"), kind)
        for i, (person, skill, day, mode, amount, kind) in enumerate(cells)
    ]
    names = ("evidence_id", "person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit", "feedback_kind")
    frame = pl.DataFrame(full, schema={name: EVIDENCE.schema[name] for name in names}, orient="row")
    rest = (pl.lit(None, dtype).alias(name) for name, dtype in EVIDENCE.schema.items() if name not in names)
    return frame.with_columns(rest).with_columns(pl.lit("t").alias("table_name")).select(EVIDENCE.column_names)


def fading_world(people: int, half_lives: dict[str, float], seed: int = 0) -> pl.DataFrame:
    """Everyone works twenty hours on each micro-skill and gets feedback after a random pause: positive if retained."""
    rng = np.random.default_rng(seed)
    cells = []
    for person in range(people):
        for skill, half_life in half_lives.items():
            begin = float(rng.integers(0, 300))
            cells += [(f"p{person}", skill, begin + day, "repetition", 4.0, None) for day in range(5)]
            pause = float(rng.integers(1, 900))
            good = rng.random() < 0.95 * 2 ** (-pause / half_life)
            cells.append((f"p{person}", skill, begin + 4 + pause, "feedback", 0.9 if good else 0.2, "assessment"))
    return rows(*cells)


def test_only_evidence_before_the_instant_of_the_feedback_is_summed() -> None:
    outcomes = gather_outcomes(
        rows(
            ("ann", "sql", 0, "repetition", 3.0, None),
            ("ann", "sql", 2, "observation", 1.0, None),
            ("ann", "sql", 10, "feedback", 0.9, "certificate"),
            ("ann", "sql", 10, "repetition", 5.0, None),
            ("ann", "sql", 550, "feedback", 0.1, "peer"),
            ("bob", "sql", 1, "feedback", 1.0, "self"),
        ),
        POLICY,
    )
    assert outcomes.is_positive.tolist() == [True, False, True]
    assert outcomes.trust.tolist() == [1.0, 0.5, 0.2]
    assert outcomes.gap_days.tolist() == [10.0, 540.0, np.inf]
    by_name = dict(zip(SUM_COLUMNS, outcomes.evidence_sums.T.tolist(), strict=True))
    assert by_name["practice"] == [3.0, 8.0, 0.0]
    assert by_name["observed"] == [1.0, 1.0, 0.0]
    # the certificate of 540 days ago, the declared half-life, weighs half
    assert by_name["succeeded"] == pytest.approx([0.0, 0.5, 0.0])
    assert outcomes.feedback_counts.tolist() == [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]]
    assert set(FADING_COLUMNS) < set(SUM_COLUMNS)


def test_freshness_halves_per_half_life_and_is_zero_without_practice() -> None:
    outcomes = gather_outcomes(
        rows(
            ("a", "sql", 0, "repetition", 1.0, None),
            ("a", "sql", 200, "feedback", 1.0, "peer"),
            ("b", "sql", 9, "feedback", 1.0, "peer"),
        ),
        POLICY,
    )
    assert outcomes.freshness(np.array([100.0])).tolist() == [0.25, 0.0]


def test_a_review_is_a_third_of_a_lesson_and_no_practice() -> None:
    taught = rows(("a", "sql", 0, "teaching", 1.0, None), ("a", "sql", 5, "feedback", 1.0, "peer"))
    review = taught.with_columns(
        pl.when(pl.col("mode") == "teaching").then(pl.lit(REVIEW_TABLE)).otherwise("table_name").alias("table_name")
    )
    for frame, lessons, gap in ((taught, 1.0, 5.0), (review, 1 / 3, np.inf)):
        outcomes = gather_outcomes(frame, POLICY)
        assert (outcomes.evidence_sums[0, SUM_COLUMNS.index("taught")], outcomes.gap_days[0]) == (
            pytest.approx(lessons),
            gap,
        )


def test_too_little_feedback_or_feedback_of_one_kind_fits_nothing() -> None:
    good = [("p" + str(i), "sql", float(i), "feedback", 1.0, "peer") for i in range(600)]
    assert not fit_knowledge_tracing(rows(*good), END, POLICY).is_fitted
    assert not fit_knowledge_tracing(fading_world(100, {"sql": 300.0}), END, POLICY).is_fitted
    assert not fit_knowledge_tracing(rows(), END, POLICY).is_fitted


@pytest.fixture(scope="module")
def world() -> pl.DataFrame:
    return fading_world(900, {"fast": 180.0, "slow": 1440.0})


def test_fast_and_slow_forgetting_get_half_lives_in_that_order_within_the_policy(world: pl.DataFrame) -> None:
    half_lives = dict(
        fit_knowledge_tracing(world, END, POLICY).parameters_by_skill.select("skill_id", "half_life").rows()
    )
    assert 180 <= half_lives["fast"] < 400 < 600 < half_lives["slow"] <= 1440
    bounded = StagePolicy(half_life_least_days=300, half_life_most_days=600)
    assert set(fit_knowledge_tracing(world, END, bounded).half_lives) <= set(range(300, 601))


def test_little_feedback_leaves_the_half_life_at_that_of_the_policy() -> None:
    candidates = list_candidate_half_lives(POLICY)
    assert shrink_half_lives(np.zeros((3, len(candidates))), candidates, POLICY).tolist() == [540] * 3


def test_no_coefficient_lets_more_evidence_lower_a_level(world: pl.DataFrame) -> None:
    coefficients = dict(zip(SUM_COLUMNS, fit_knowledge_tracing(world, END, POLICY).coefficients, strict=True))
    assert coefficients.pop("failed") <= 0
    assert min(coefficients.values()) >= 0
    assert coefficients["practice"] > 0.3


def test_a_fit_as_of_a_day_ignores_later_evidence(world: pl.DataFrame) -> None:
    moment = START + timedelta(days=600)
    past = world.filter(pl.col("occurred_at") <= moment)
    assert fit_knowledge_tracing(world, moment, POLICY) == fit_knowledge_tracing(past, moment, POLICY)


def test_the_order_of_rows_does_not_change_the_fit(world: pl.DataFrame) -> None:
    assert fit_knowledge_tracing(world.reverse(), END, POLICY) == fit_knowledge_tracing(world, END, POLICY)


def test_levels_predict_better_than_the_fraction_correct_so_far(world: pl.DataFrame) -> None:
    scores = {score.model: score for score in evaluate_knowledge_tracing(world, choose_split_moment(world), POLICY)}
    ours = scores["footsteps tracing"]
    for name in ("fraction correct so far", "fraction correct, smoothed", "mean of all"):
        assert ours.auc > scores[name].auc + 0.1
        assert ours.log_loss < scores[name].log_loss - 0.05
    assert ours.feedback_count == 450


def test_too_little_feedback_cannot_be_evaluated() -> None:
    with pytest.raises(ValueError, match="no feedback"):
        choose_split_moment(rows())
    few = fading_world(20, {"sql": 300.0})
    with pytest.raises(ValueError, match="too little"):
        evaluate_knowledge_tracing(few, choose_split_moment(few), POLICY)


def test_an_unknown_micro_skill_is_predicted_by_the_common_intercept(world: pl.DataFrame) -> None:
    tracing = fit_knowledge_tracing(world, END, POLICY)
    probability = predict_outcomes(gather_outcomes(rows(("z", "new", 3, "feedback", 1.0, "peer")), POLICY), tracing)
    assert probability[0] == pytest.approx(1 / (1 + np.exp(-tracing.intercept)))


def test_predictions_are_calibrated_after_short_and_long_pauses(world: pl.DataFrame) -> None:
    tracing = fit_knowledge_tracing(world, END, POLICY)
    outcomes = gather_outcomes(world, POLICY)
    by_third = np.digitize(outcomes.gap_days, [300, 600])
    predicted = predict_outcomes(outcomes, tracing)
    for part in range(3):
        assert predicted[by_third == part].mean() == pytest.approx(
            outcomes.is_positive[by_third == part].mean(), abs=0.08
        )
