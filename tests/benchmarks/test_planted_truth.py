"""The measures that hold estimates against the planted truth, by hand; and forgetting as it is planted."""

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
from pipelines.demo.simulation.forgetting import HALF_LIVES, last_practice, plan_half_lives


def staged(*rows: tuple[str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["person_id", "skill_id", "stage"], orient="row")


def test_kappa_weighs_a_miss_by_the_stages_it_spans() -> None:
    left, right = np.array([0, 1, 2, 3]), np.array([0, 1, 2, 2])
    # a quarter of all is one stage apart; by chance (0 1 2 3 against 0 1 2 2) 18 stages over 16 pairs
    assert compute_weighted_kappa(left, right, 4) == pytest.approx(1 - (1 / 4) / (18 / 16))
    assert compute_weighted_kappa(left, left, 4) == 1.0
    assert compute_weighted_kappa(left, left[::-1], 4) < 0


def test_a_pair_that_only_one_side_knows_is_none_on_the_other_and_strangers_are_left_out() -> None:
    planted = staged(("ann", "sql", "apprentice"), ("ann", "git", "master"))
    found = staged(("ann", "sql", "apprentice"), ("ann", "go", "apprentice"), ("zed", "sql", "master"))
    assert compute_stage_kappa(planted, found)[2] == 3
    assert compute_stage_kappa(planted, found)[0] < 0.8
    assert compute_stage_kappa(planted, planted)[0] == 1.0


def test_f1_counts_what_is_found_and_what_is_missed() -> None:
    planted = pl.DataFrame({"skill_id": ["b", "c", "d"], "requires_skill_id": ["a", "b", "c"]})
    learnt = pl.DataFrame({"skill_id": ["b", "d"], "requires_skill_id": ["a", "a"]})
    assert compute_prerequisite_f1(planted, learnt)[0] == pytest.approx(2 * 1 / (3 + 2))


def test_what_lies_ahead_is_the_roles_path_without_what_was_taken_up(tmp_path: Path) -> None:
    pl.DataFrame({"person_id": ["ann"], "role_name": ["dev"]}).write_parquet(tmp_path / "roles.parquet")
    pl.DataFrame({"role_name": ["dev"] * 3, "skill_id": ["a", "b", "c"]}).write_parquet(tmp_path / "curricula.parquet")
    pl.DataFrame({"person_id": ["ann"], "skill_id": ["a"]}).write_parquet(tmp_path / "paths.parquet")
    rows = pl.DataFrame(
        {"person_id": ["ann"] * 3, "skill_id": ["b", "x", "y"], "rank": [1, 2, 3], "kind": ["new", "new", "deepen"]}
    )
    # x is what most others hold, c is held by one: popularity names x and c, of which only c lies on the path
    steps = pl.DataFrame(
        {"person_id": ["ann", "bob", "eve", "bob"], "skill_id": ["a", "x", "x", "c"], "kind": ["new"] * 4}
    )
    found = measure_path_share(tmp_path, rows, steps)
    assert [one.value for one in found] == [0.5, 0.5, 0.5, 0.5]
    assert [one.target for one in found] == [1.0, 0.0, 1.0, 0.0]
    assert [one.rows for one in found] == [2, 2, 2, 2]


def test_micro_skills_of_a_capability_fade_alike() -> None:
    catalog = read_catalog()
    found = pl.DataFrame({"capability": catalog.capability_of, "days": plan_half_lives(catalog, seed=7)})
    assert found.group_by("capability").agg(pl.col("days").n_unique())["days"].unique().to_list() == [1]
    assert set(found["days"].unique()) <= set(HALF_LIVES)
    assert found["days"].n_unique() > 1


def test_the_last_practice_before_a_day_is_that_of_the_same_entry() -> None:
    practised = pl.DataFrame({"entry": [0, 0, 1], "day": [5, 9, 7]})
    asked, day = np.array([0, 0, 0, 1, 2]), np.array([4, 8, 9, 20, 20])
    assert last_practice(asked, day, practised, np.array([1, 1, 1, 1, 1])).tolist() == [1, 5, 9, 7, 1]
