"""When a ranker is trained and when a challenger is promoted, each with its reason."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.evaluation.reliability import Reliability, ReliabilityBin, compute_chance_error
from ml.evaluation.results import Evaluation, ModelResult, PairedComparison, SegmentResult
from ml.registry.promotion import TrainingVersion, decide_promotion, decide_training
from pipelines.contracts.policy import TrainingPolicy

POLICY = TrainingPolicy(every_days=7, new_steps_share=0.05)
MONDAY = date(2026, 6, 1)
LATEST = TrainingVersion(MONDAY, 1000, "recipe", "first")


def version_now(days: int = 1, steps: int = 1010, recipe: str = "recipe", version: str = "other") -> TrainingVersion:
    return TrainingVersion(MONDAY + timedelta(days=days), steps, recipe, version)


def test_a_run_with_one_percent_more_evidence_does_not_train() -> None:
    decision = decide_training(LATEST, version_now(), POLICY)
    assert not decision.is_yes
    assert decision.reason == "1 days and 1.0% of steps since the training of 2026-06-01; due at 7 days or 5%"


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (version_now(days=7), "7 days"),
        (version_now(steps=1050), "5.0% of steps"),
        (version_now(recipe="newer"), "learning code changed"),
        (version_now(days=-1), "saw days after 2026-05-31"),
    ],
)
def test_age_growth_another_recipe_and_a_run_of_the_past_train(now: TrainingVersion, why: str) -> None:
    decision = decide_training(LATEST, now, POLICY)
    assert decision.is_yes
    assert why in decision.reason


def test_the_first_run_and_a_refused_champion_train() -> None:
    assert decide_training(None, version_now(), POLICY).reason == "there is no model yet"
    assert (
        decide_training(LATEST, version_now(), POLICY, refusal="a pickle").reason
        == "the champion cannot be used: a pickle"
    )


def test_drift_trains_but_not_on_the_day_of_the_training_itself() -> None:
    assert decide_training(LATEST, version_now(), POLICY, drifted_inputs=["log_held"]).is_yes
    assert not decide_training(LATEST, version_now(days=0), POLICY, drifted_inputs=["log_held"]).is_yes


@given(st.integers(0, 1000), st.integers(1, 5000))
def test_the_same_data_never_trains_twice(days: int, steps: int) -> None:
    latest = replace(LATEST, step_count=steps)
    assert not decide_training(latest, replace(latest, as_of=MONDAY + timedelta(days=days)), POLICY).is_yes


RELIABILITY = Reliability(1000, 0.2, 0.01, 0.15, 0.06, (ReliabilityBin(500, 0.1, 0.11), ReliabilityBin(500, 0.3, 0.29)))


def make_evaluation(
    ahead: float = 0.99, long_loss: float = 0.0, people: int = 100, reliability: Reliability | None = RELIABILITY
) -> Evaluation:
    comparisons = tuple(
        PairedComparison(name, 0.02, 0.0, 0.04, ahead) for name in ("popularity", "item_knn", "ease", "champion")
    )
    segments = tuple(
        SegmentResult("long", name, 80, 0.6, value, value, value)
        for name, value in (("footsteps", 0.4 - long_loss), ("champion", 0.4))
    )
    return Evaluation(
        "time", "2026-03-01", 90, 500, people, people, 50, 200, 3, (), segments, None, comparisons, reliability, None
    )


def decide(evaluation: Evaluation | None, **changes: bool) -> tuple[bool, str]:
    options = {"challenger_has_ranker": True, "has_champion": True, **changes}
    decision = decide_promotion(evaluation, POLICY, **options)  # type: ignore[arg-type]
    return decision.is_yes, decision.reason


def test_a_challenger_that_beats_all_models_and_is_calibrated_is_promoted() -> None:
    is_yes, why = decide(make_evaluation())
    assert is_yes
    assert "champion by +0.020" in why


@pytest.mark.parametrize(
    ("evaluation", "why"),
    [
        (make_evaluation(ahead=0.9), "ahead of champion in 90% of resamples (NDCG@10 +0.020), 95% needed"),
        (make_evaluation(long_loss=0.05), "long histories lose 0.050, at most 0.03 allowed"),
        (make_evaluation(reliability=replace(RELIABILITY, ece=0.2)), "calibration error 0.2000"),
        (make_evaluation(reliability=None), "no probability could be learned"),
        (make_evaluation(people=29), "29 people reached a step in the last window, 30 are needed"),
        (None, "0 people reached a step"),
    ],
)
def test_the_champion_stays_with_a_reason(evaluation: Evaluation | None, why: str) -> None:
    is_yes, reason = decide(evaluation)
    assert not is_yes
    assert why in reason


@pytest.mark.parametrize(("novelty", "is_promoted"), [(3.6, True), (3.59, False)])
def test_a_challenger_whose_lists_are_much_less_novel_is_not_promoted(novelty: float, is_promoted: bool) -> None:
    models = tuple(
        ModelResult(name, 0.5, 0.4, 0.3, 0.35, 0.45, 0.2, bits, 0.6, 0.8, 1.0, 0.5, 300.0)
        for name, bits in (("footsteps", novelty), ("champion", 4.0))
    )
    is_yes, reason = decide(replace(make_evaluation(), models=models))
    assert is_yes == is_promoted
    assert is_yes or reason == "novelty falls from 4.00 to 3.59 bits, at most 10% less allowed"


def test_a_segment_of_few_people_does_not_count() -> None:
    few = make_evaluation(long_loss=0.3)
    few = replace(few, segments=tuple(replace(row, n_cases=29) for row in few.segments))
    assert decide(few)[0]


def test_the_first_model_is_promoted_and_the_reason_lists_its_faults() -> None:
    is_yes, why = decide(make_evaluation(ahead=0.5), has_champion=False)
    assert is_yes
    assert why.startswith("the first model, there is no other; ahead of popularity in 50%")
    assert decide(None, has_champion=False) == (
        True,
        "the first model, there is no other; too little history to measure it",
    )


def test_popularity_is_never_promoted_and_always_replaced() -> None:
    assert not decide(make_evaluation(), challenger_has_ranker=False)[0]
    assert decide(None, champion_has_ranker=False)[0]


def test_the_calibration_error_of_few_people_may_be_as_large_as_by_chance() -> None:
    # 100 throws of a coin miss one half by sqrt(2 / pi * 0.25 / 100) on average.
    assert compute_chance_error(
        Reliability(100, 0.5, 0.0, 0.25, 0.0, (ReliabilityBin(100, 0.5, 0.5),))
    ) == pytest.approx(0.0399, abs=1e-4)
    few = Reliability(100, 0.5, 0.05, 0.25, 0.0, (ReliabilityBin(100, 0.5, 0.55),))
    assert decide(make_evaluation(reliability=few))[0]
