"""Exposures and outcomes: labels, acceptance by rank, and position bias as opposed to merit."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from ml.evaluation.offpolicy import (
    count_unmatched_outcomes,
    estimate_acceptance,
    label_exposures,
    measure_acceptance_by_rank,
    measure_position_bias,
)

AT = datetime(2025, 6, 30, 9, tzinfo=UTC)
STEP = {"snapshot_id": "s0", "person_id": "ann", "skill_id": "sql", "to_stage": "apprentice"}


def exposures(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame([{**STEP, "shown_rank": 1, "shown_at": AT, **row} for row in rows])


def outcomes(*rows: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(
        [{**STEP, "outcome_kind": "accepted", "outcome_at": AT + timedelta(hours=1), **row} for row in rows]
    )


def test_an_outcome_belongs_to_the_exposure_of_its_snapshot_person_and_step() -> None:
    shown = exposures({}, {"person_id": "bob"}, {"snapshot_id": "s1"}, {"skill_id": "go"}, {"to_stage": "master"})
    labels = label_exposures(shown, outcomes({}))
    assert labels.filter("is_accepted").select("snapshot_id", "person_id", "skill_id", "to_stage").to_dicts() == [STEP]
    assert labels.height == 5


def test_a_dismissal_and_an_outcome_before_the_exposure_are_no_acceptance() -> None:
    early = {"outcome_at": AT - timedelta(hours=1)}
    assert not label_exposures(exposures({}), outcomes({"outcome_kind": "dismissed"}))["is_accepted"].any()
    assert not label_exposures(exposures({}), outcomes(early))["is_accepted"].any()
    assert label_exposures(exposures({}), outcomes(early, {"outcome_kind": "done"}))["is_accepted"].all()


def test_a_step_shown_twice_counts_once_at_its_first_rank() -> None:
    shown = exposures({"shown_rank": 3, "shown_at": AT + timedelta(minutes=1)}, {"shown_rank": 2})
    labels = label_exposures(shown, outcomes({}, {"outcome_kind": "done"}))
    assert labels.select("shown_rank", "is_accepted").rows() == [(2, True)]


def test_outcomes_without_an_exposure_are_counted() -> None:
    assert count_unmatched_outcomes(exposures({}), outcomes({}, {"skill_id": "go"}, {"person_id": "bob"})) == 2


def test_acceptance_by_rank_with_its_wilson_interval() -> None:
    labels = pl.DataFrame({"shown_rank": [1] * 10 + [2] * 4, "is_accepted": [True] * 5 + [False] * 9})
    first, second = measure_acceptance_by_rank(labels).to_dicts()
    assert (first["shown_count"], first["accepted_count"], first["acceptance_share"]) == (10, 5, 0.5)
    assert first["acceptance_low"] == pytest.approx(0.2366, abs=1e-4)
    assert first["acceptance_high"] == pytest.approx(0.7634, abs=1e-4)
    assert (second["acceptance_share"], second["acceptance_low"]) == (0.0, 0.0)
    assert second["acceptance_high"] == pytest.approx(0.4899, abs=1e-4)


EXAMINED = {1: 1.0, 2: 0.6, 3: 0.3}


def shuffled(people: int, seed: int = 3) -> pl.DataFrame:
    """Each person is shown three of eight steps in random order. The probability of acceptance is the merit of the step
    times EXAMINED of its rank."""
    rng = np.random.default_rng(seed)
    rows = []
    for person in range(people):
        for rank, skill in enumerate(rng.permutation(8)[:3], start=1):
            accepted = rng.random() < EXAMINED[rank] * (0.2 + 0.08 * skill)
            rows.append(
                {
                    **STEP,
                    "person_id": f"p{person:05d}",
                    "skill_id": f"s{skill}",
                    "shown_rank": rank,
                    "is_accepted": bool(accepted),
                }
            )
    return pl.DataFrame(rows)


def test_position_bias_is_measured_if_steps_were_shown_at_several_ranks() -> None:
    bias = measure_position_bias(shuffled(20_000))
    for row in bias.to_dicts():
        assert row["examined_share"] == pytest.approx(EXAMINED[row["shown_rank"]], abs=0.04)
        assert row["step_count"] == 8


def test_position_bias_is_null_if_the_order_never_varied() -> None:
    fixed = pl.DataFrame(
        [
            {**STEP, "person_id": f"p{n}", "skill_id": f"s{rank}", "shown_rank": rank, "is_accepted": rank == 1}
            for n in range(50)
            for rank in (1, 2, 3)
        ]
    )
    assert measure_position_bias(fixed)["examined_share"].to_list() == [1.0, None, None]


def test_the_estimate_for_another_order_covers_its_true_acceptance() -> None:
    labels = shuffled(20_000)
    best_first = labels.with_columns(
        pl.col("skill_id").rank("ordinal", descending=True).over("person_id").cast(pl.Int64).alias("rank")
    )
    ranks = best_first.select("snapshot_id", "person_id", "skill_id", "to_stage", "rank")
    estimate = estimate_acceptance(labels, measure_position_bias(labels), ranks)
    assert estimate is not None
    merit = best_first["skill_id"].str.slice(1).cast(pl.Float64) * 0.08 + 0.2
    truth = (merit * best_first["rank"].replace_strict(EXAMINED, return_dtype=pl.Float64)).mean()
    assert estimate.low <= truth <= estimate.high
    assert estimate.share > labels["is_accepted"].mean()
    assert (estimate.people_count, estimate.row_count) == (20_000, 60_000)


def test_the_estimate_for_the_shown_order_is_the_observed_share() -> None:
    labels = shuffled(500)
    ranks = labels.select("snapshot_id", "person_id", "skill_id", "to_stage", rank="shown_rank")
    estimate = estimate_acceptance(labels, measure_position_bias(labels), ranks)
    assert estimate is not None
    assert estimate.share == pytest.approx(labels["is_accepted"].mean())
    assert estimate.low < estimate.share < estimate.high


def test_without_known_bias_there_is_no_estimate() -> None:
    labels = shuffled(10).filter(pl.col("shown_rank") == 3)
    ranks = labels.select("snapshot_id", "person_id", "skill_id", "to_stage", rank=pl.lit(1, pl.Int64))
    assert estimate_acceptance(labels, measure_position_bias(labels), ranks) is None
