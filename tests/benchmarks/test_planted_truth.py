"""The measures of agreement with the planted truth on small examples, and the planted forgetting."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.planted_truth import (
    compute_prerequisite_f1,
    compute_stage_kappa,
    compute_weighted_kappa,
    measure_path_share,
)
from pipelines.demo.simulation.catalog import read_catalog
from pipelines.demo.simulation.forgetting import HALF_LIVES, find_last_practice, plan_half_lives


def stages(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["person_id", "skill_id", "stage"], orient="row")


def test_kappa_weights_an_error_by_its_distance_in_stages() -> None:
    left, right = np.array([0, 1, 2, 3]), np.array([0, 1, 2, 2])
    # one of four differs by one stage; by chance (0 1 2 3 against 0 1 2 2) 16 pairs differ by 18 stages
    assert compute_weighted_kappa(left, right, 4) == pytest.approx(1 - (1 / 4) / (18 / 16))
    assert compute_weighted_kappa(left, left, 4) == 1.0
    assert compute_weighted_kappa(left, left[::-1], 4) < 0


def test_a_pair_in_one_frame_has_stage_none_in_the_other_and_unplanted_people_are_ignored() -> None:
    planted = stages(("ann", "sql", "apprentice"), ("ann", "git", "master"))
    estimated = stages(("ann", "sql", "apprentice"), ("ann", "go", "apprentice"), ("zed", "sql", "master"))
    assert compute_stage_kappa(planted, estimated)[2] == 3
    assert compute_stage_kappa(planted, estimated)[0] < 0.8
    assert compute_stage_kappa(planted, planted)[0] == 1.0


def test_f1_counts_hits_and_misses() -> None:
    planted = pl.DataFrame({"skill_id": ["b", "c", "d"], "requires_skill_id": ["a", "b", "c"]})
    learnt = pl.DataFrame({"skill_id": ["b", "d"], "requires_skill_id": ["a", "a"]})
    assert compute_prerequisite_f1(planted, learnt)[0] == pytest.approx(2 * 1 / (3 + 2))


def test_the_path_ahead_is_the_curriculum_without_skills_taken_up(tmp_path: Path) -> None:
    pl.DataFrame({"person_id": ["ann"], "role_name": ["dev"]}).write_parquet(tmp_path / "roles.parquet")
    pl.DataFrame({"role_name": ["dev"] * 3, "skill_id": ["a", "b", "c"]}).write_parquet(tmp_path / "curricula.parquet")
    pl.DataFrame({"person_id": ["ann"], "skill_id": ["a"]}).write_parquet(tmp_path / "paths.parquet")
    rows = pl.DataFrame(
        {"person_id": ["ann"] * 3, "skill_id": ["b", "x", "y"], "rank": [1, 2, 3], "kind": ["new", "new", "deepen"]}
    )
    # most people reached x and one reached c: the baseline recommends x and c, of which c is on the path
    steps = pl.DataFrame(
        {"person_id": ["ann", "bob", "eve", "bob"], "skill_id": ["a", "x", "x", "c"], "kind": ["new"] * 4}
    )
    measures = measure_path_share(tmp_path, rows, steps)
    assert [measure.value for measure in measures] == [0.5, 0.5, 0.5, 0.5]
    assert [measure.target for measure in measures] == [1.0, 0.0, 1.0, 0.0]
    assert [measure.rows for measure in measures] == [2, 2, 2, 2]


def test_micro_skills_of_a_capability_have_one_half_life() -> None:
    catalog = read_catalog()
    planned = pl.DataFrame({"capability": catalog.capability_numbers, "days": plan_half_lives(catalog, seed=7)})
    assert planned.group_by("capability").agg(pl.col("days").n_unique())["days"].unique().to_list() == [1]
    assert set(planned["days"].unique()) <= set(HALF_LIVES)
    assert planned["days"].n_unique() > 1


def test_the_last_practice_before_a_day_is_from_the_same_entry() -> None:
    practised = pl.DataFrame({"entry": [0, 0, 1], "day": [5, 9, 7]})
    queried, day = np.array([0, 0, 0, 1, 2]), np.array([4, 8, 9, 20, 20])
    assert find_last_practice(queried, day, practised, np.array([1, 1, 1, 1, 1])).tolist() == [1, 5, 9, 7, 1]
