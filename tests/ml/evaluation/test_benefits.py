"""The adjusted estimates recover a planted benefit where the naive comparison is biased."""

import numpy as np
import polars as pl
import pytest

from ml.evaluation.benefits import Benefit, Difference, estimate_benefit

PLANTED = 0.1
PEOPLE, STEPS_PER_PERSON = 150, 4


def simulate(seed: int, effect: float = PLANTED) -> pl.DataFrame:
    """Able people are recommended steps more often and succeed more often; a recommendation adds `effect`."""
    rng = np.random.default_rng(seed)
    ability = np.repeat(rng.uniform(-1, 1, PEOPLE), STEPS_PER_PERSON) + rng.normal(0, 0.2, PEOPLE * STEPS_PER_PERSON)
    is_recommended = rng.random(ability.size) < 1 / (1 + np.exp(-1.2 * ability))
    success_share = np.clip(0.45 + 0.2 * ability, 0.02, 0.88) + effect * is_recommended
    return pl.DataFrame(
        {
            "person_id": np.repeat([f"p{number:03}" for number in range(PEOPLE)], STEPS_PER_PERSON),
            "is_recommended": is_recommended,
            "held": rng.random(ability.size) < success_share,
            "ability": ability,
        }
    )


def differences(benefit: Benefit) -> tuple[Difference, Difference, Difference]:
    assert benefit.naive is not None
    assert benefit.inverse_propensity is not None
    assert benefit.doubly_robust is not None
    return benefit.naive, benefit.inverse_propensity, benefit.doubly_robust


def test_the_planted_benefit_is_recovered_and_covered_where_the_naive_comparison_is_not() -> None:
    runs = [differences(estimate_benefit(simulate(seed), "held", 180, ["ability"], 0)) for seed in range(24)]
    naive_bias, weighted_bias, robust_bias = (
        float(np.mean([run[index].difference for run in runs])) - PLANTED for index in range(3)
    )
    assert naive_bias > 0.05
    assert abs(weighted_bias) < 0.03
    assert abs(robust_bias) < 0.03
    naive_cover, weighted_cover, robust_cover = (
        float(np.mean([run[index].low <= PLANTED <= run[index].high for run in runs])) for index in range(3)
    )
    assert naive_cover < 0.75
    # of 24 intervals that cover 95 % of the time, fewer than 21 cover in about one of fifty such tests
    assert weighted_cover >= 21 / 24
    assert robust_cover >= 21 / 24


def test_every_estimate_changes_its_sign_if_the_groups_are_swapped() -> None:
    steps = simulate(5).with_columns(held=pl.col("ability").abs() > 0.5)  # a shape that no model here can fit
    swapped = steps.with_columns(~pl.col("is_recommended"))
    for estimate, swapped_estimate in zip(
        *(differences(estimate_benefit(frame, "held", 180, ["ability"], 0)) for frame in (steps, swapped)), strict=True
    ):
        assert estimate.difference == pytest.approx(-swapped_estimate.difference, abs=1e-6)
        assert (estimate.low, estimate.high) == pytest.approx((-swapped_estimate.high, -swapped_estimate.low), abs=1e-6)


def test_without_covariates_that_differ_all_estimates_agree() -> None:
    steps = simulate(3).with_columns(ability=pl.lit(1.0))
    naive, weighted, robust = differences(estimate_benefit(steps, "held", 180, ["ability"], 0))
    assert weighted.difference == pytest.approx(naive.difference, abs=0.01)
    assert robust.difference == pytest.approx(naive.difference, abs=0.01)


def test_the_naive_difference_by_hand_and_the_counts() -> None:
    steps = pl.DataFrame(
        {
            "person_id": [f"p{number}" for number in range(80)],
            "is_recommended": [True] * 40 + [False] * 40,
            "held": [True] * 30 + [False] * 10 + [True] * 10 + [False] * 29 + [None],
            "ability": [0.0, 1.0] * 40,
        }
    )
    benefit = estimate_benefit(steps, "held", 180, ["ability"], 0)
    assert (benefit.recommended_count, benefit.other_count) == (40, 39)
    assert differences(benefit)[0].difference == pytest.approx(30 / 40 - 10 / 39)
    assert benefit.clipped_share == 0.0


def test_too_few_people_give_a_reason_and_no_estimate() -> None:
    steps = simulate(0).filter((pl.col("person_id") < "p020") | ~pl.col("is_recommended"))
    benefit = estimate_benefit(steps, "held", 365, ["ability"], 0)
    people = benefit.recommended_people
    assert people < 30
    assert benefit.doubly_robust is None
    assert benefit.reason == (
        f"{people} people took a recommended step at least 365 days ago and {benefit.other_people} another one; "
        "30 of each are needed"
    )


def test_the_reason_counts_only_people_whose_outcome_is_defined() -> None:
    steps = simulate(0).with_columns(completed=pl.when(pl.col("person_id") < "p020").then("held"))
    benefit = estimate_benefit(steps, "completed", 180, ["ability"], 0)
    assert benefit.reason == (
        f"{benefit.recommended_people} people took a recommended step for which `completed` is defined at least "
        f"180 days ago and {benefit.other_people} another one; 30 of each are needed"
    )
