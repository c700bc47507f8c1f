"""Benchmarks of lists: the gain of a list and the planted benefit of what people take, worked out by hand."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import polars as pl
import pytest

from benchmarks.lists.demo_company import EXPORT_DAY, DemoCompany
from benchmarks.lists.following import LISTS, list_steps, measure_progress
from benchmarks.lists.variety_tradeoff import ListCases, score_lists
from pipelines.demo.simulation.world import World, generate_world


@pytest.fixture(scope="module")
def world() -> World:
    return generate_world(60, seed=1, export_day=EXPORT_DAY)


def make_company(world: World, benefits: np.ndarray) -> DemoCompany:
    """Two people of role 0 who hold nothing; nothing was fitted."""
    people = pl.DataFrame({"person": [0, 1], "person_id": ["ann", "bob"], "role": [0, 0]})
    context = SimpleNamespace(mastery=pl.DataFrame(schema={"person_id": pl.String, "skill_id": pl.String}))
    parts = {"world": world, "people": people, "context": context, "benefits": benefits}
    return cast(DemoCompany, SimpleNamespace(**parts))


def test_progress_is_the_planted_benefit_of_the_taken_steps(world: World) -> None:
    benefits = np.zeros((2, world.catalog.skill_count))
    benefits[0, 3], benefits[1, 4] = 0.4, 0.2
    taken_steps = pl.DataFrame({"person_id": ["ann", "bob"], "skill_id": world.catalog.skills["skill_id"][[3, 4]]})
    journeymen, fresh_180, fresh_365, essential, capabilities = measure_progress(
        make_company(world, benefits), taken_steps
    )
    assert journeymen == pytest.approx((0.4 + 0.2) / 2)
    lives = world.half_life_days[[3, 4]]
    assert fresh_180 == pytest.approx((0.4 * 2 ** (-180 / lives[0]) + 0.2 * 2 ** (-180 / lives[1])) / 2)
    assert fresh_365 < fresh_180
    assert essential == (world.catalog.role_importance[0, [3, 4]] == 1).sum() / 2
    assert capabilities == 0.0


def test_a_capability_is_completed_by_all_its_micro_skills(world: World) -> None:
    skills = world.catalog.skills
    own = skills.filter(pl.col("capability_id") == skills["capability_id"][0])["skill_id"]
    company = make_company(world, np.zeros((2, skills.height)))
    taken_steps = pl.DataFrame({"person_id": ["ann"] * len(own), "skill_id": own})
    assert measure_progress(company, taken_steps)[-1] == 0.5
    assert measure_progress(company, taken_steps[1:])[-1] == 0.0
    held_before = replace_mastery(company, taken_steps)
    assert measure_progress(held_before, taken_steps[:1])[-1] == 0.0


def replace_mastery(company: DemoCompany, mastery: pl.DataFrame) -> DemoCompany:
    return cast(DemoCompany, SimpleNamespace(**{**vars(company), "context": SimpleNamespace(mastery=mastery)}))


def test_the_planted_benefit_orders_the_last_kind_of_lists(world: World) -> None:
    benefits = np.zeros((2, world.catalog.skill_count))
    benefits[0, [1, 2]], benefits[1, [1, 2]] = (0.1, 0.3), (0.3, 0.1)
    skills = world.catalog.skills["skill_id"][[1, 2]].to_list()
    candidates = pl.DataFrame({"person_id": ["ann", "ann", "bob", "bob"], "skill_id": skills * 2})
    company = make_company(world, benefits)
    assert list_steps(company, LISTS[-1], candidates, company.context)["rank"].to_list() == [2, 1, 1, 2]


def test_the_gain_of_lists_counts_later_steps_that_no_list_has() -> None:
    later_steps = pl.DataFrame({"person_id": ["ann", "ann", "bob"], "skill_id": ["git", "sql", "tea"]})
    listed = pl.DataFrame({"person_id": ["ann", "bob"], "skill_id": ["sql", "sql"], "rank": [2, 1]})
    case = ListCases(scored_steps=listed, later_steps=later_steps, held_skills=later_steps.clear())
    # ann: one of two targets, at rank 2; bob: none
    assert score_lists(listed, case).tolist() == pytest.approx([(1 / np.log2(3)) / (1 + 1 / np.log2(3)), 0.0])
    assert score_lists(listed, replace(case, later_steps=later_steps[2:])).tolist() == [0.0]
