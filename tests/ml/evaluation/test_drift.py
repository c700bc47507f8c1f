"""Drift, computed by hand: moved columns are reported, random differences between few people are not."""

import numpy as np
import polars as pl
import pytest

from ml.evaluation.drift import (
    ColumnProfile,
    compute_stability_index,
    measure_drift,
    parse_profiles,
    profile_column,
    serialize_profiles,
)


def test_the_index_is_the_sum_of_gaps_times_log_ratios() -> None:
    # (0.5 - 0.2) ln(0.5 / 0.2) + (0.5 - 0.8) ln(0.5 / 0.8)
    assert compute_stability_index(np.array([0.5, 0.5]), np.array([0.2, 0.8])) == pytest.approx(0.3 * np.log(4.0))
    assert compute_stability_index(np.array([0.3, 0.7]), np.array([0.3, 0.7])) == 0.0


def test_equal_values_have_not_drifted_and_shifted_values_have() -> None:
    before = pl.Series("days", np.arange(1000.0))
    profiles = {"days": profile_column(before)}
    (same,) = measure_drift(profiles, {"days": before}, {"days": "input"}, 0.25)
    assert same.index == pytest.approx(0.0, abs=1e-9)
    assert not same.is_drifted
    (moved,) = measure_drift(profiles, {"days": before + 400}, {"days": "input"}, 0.25)
    assert moved.is_drifted


def test_a_cohort_of_one_week_has_not_drifted_after_two_days() -> None:
    # a third joined over the years, two thirds within one week three years ago
    before = pl.Series("days", [*np.linspace(10.0, 900.0, 300), *np.linspace(1080.0, 1087.0, 600)])
    profiles = {"days": profile_column(before)}
    (later,) = measure_drift(profiles, {"days": before + 2}, {"days": "input"}, 0.25)
    assert not later.is_drifted
    (much_later,) = measure_drift(profiles, {"days": before + 300}, {"days": "input"}, 0.25)
    assert much_later.is_drifted


def test_names_are_compared_by_their_shares_and_new_names_count_as_others() -> None:
    profiles = {"kind": profile_column(pl.Series("kind", ["new"] * 80 + ["deepen"] * 20))}
    now = pl.Series("kind", ["new"] * 50 + ["refresh"] * 50)
    (drift,) = measure_drift(profiles, {"kind": now}, {"kind": "score"}, 0.25)
    assert profiles["kind"].names == ("new", "deepen")
    assert drift.is_drifted
    assert drift.kind == "score"


def test_samples_of_few_people_do_not_drift_by_chance() -> None:
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(50):
        profiles = {"days": profile_column(pl.Series("days", rng.normal(size=40)))}
        (drift,) = measure_drift(profiles, {"days": pl.Series(rng.normal(size=40))}, {"days": "input"}, 0.25)
        alarms += drift.is_drifted
    assert alarms < 15
    crowd = {"days": profile_column(pl.Series("days", rng.normal(size=4000)))}
    (drift,) = measure_drift(crowd, {"days": pl.Series(rng.normal(0.7, size=4000))}, {"days": "input"}, 0.25)
    assert drift.is_drifted


def test_constant_and_empty_columns_do_not_drift() -> None:
    profiles = {
        "flat": profile_column(pl.Series("flat", [1.0] * 30)),
        "none": profile_column(pl.Series("none", [], dtype=pl.Float64)),
    }
    now = {"flat": pl.Series([1.0] * 20), "none": pl.Series([1.0])}
    drifts = measure_drift(profiles, now, {"flat": "input", "none": "input"}, 0.25)
    assert [drift.name for drift in drifts] == ["flat"]
    assert drifts[0].index < 0.01


def test_profiles_are_read_back_and_other_json_is_refused() -> None:
    profiles = {
        "days": profile_column(pl.Series("days", [1.0, 2.0, 3.0])),
        "kind": ColumnProfile(2, (), ("a",), (0.5, 0.5)),
    }
    assert parse_profiles(serialize_profiles(profiles)) == profiles
    with pytest.raises(ValueError, match="no profiles"):
        parse_profiles('{"days": 3}')
