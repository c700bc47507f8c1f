"""A demo company in memory: what its recommender reads, and the planted benefit of every step.

Belongs here: the tables of one seeded company as the recommender and the motives take them.
Does not belong here: the company itself (`pipelines.demo`), what people do with their lists (`following`).
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from ml.ranking.fitting import fit_recommender
from ml.ranking.group_features import GroupFeatures
from ml.ranking.recommender import Recommender
from ml.recommend.motives import RecommendationContext
from pipelines.contracts.columns import STAGES
from pipelines.demo.simulation.practice import compute_goal_shares
from pipelines.demo.simulation.world import History, World, generate_history, generate_world

EXPORT_DAY = date(2026, 7, 1)
HORIZON_DAYS = 90
CANDIDATES_PER_PERSON = 40
RECENT_DEMAND_DAYS = 90
NEW_STAGE = STAGES[1]


@dataclass(frozen=True)
class DemoCompany:
    """One company.

    Attributes:
        world: The planted company.
        events: One row per micro-skill taken up: person_id, skill_id (the step), ts.
        people: The people employed on the last day: person, person_id, role.
        context: The tables that the motives read, on the last day.
        recommender: Fitted on the events and roles.
        benefits: Planted share that reaches journeyman or beyond, person x micro-skill.
        memberships: The role of each person as a group: person_id, group.
    """

    world: World
    events: pl.DataFrame
    people: pl.DataFrame
    context: RecommendationContext
    recommender: Recommender
    benefits: np.ndarray
    memberships: pl.DataFrame


def build_demo_company(people_count: int, seed: int) -> DemoCompany:
    """Generate a company of one block of people, and fit its recommender on everything up to its last day.

    Args:
        people_count: Number of people.
        seed: Seed of the company and of the fit.
    """
    world = generate_world(people_count, seed=seed, export_day=EXPORT_DAY)
    history = generate_history(world, 0)
    skill_ids, person_ids = world.catalog.skills["skill_id"], world.people["employee_number"]
    events = history.steps.select(
        person_ids.gather(history.steps["person"]).alias("person_id"),
        (skill_ids.gather(history.steps["skill"]) + f"|{NEW_STAGE}").alias("skill_id"),
        to_time(pl.col("begun_day")).alias("ts"),
    )
    people = world.people.filter(pl.col("left_day") > world.last_day).select(
        "person", pl.col("employee_number").alias("person_id"), "role", "role_name"
    )
    memberships = world.people.select(
        pl.col("employee_number").alias("person_id"), pl.format("role {}", "role_name").alias("group")
    )
    last_time = pl.select(to_time(pl.lit(world.last_day))).item()
    step_names = world.catalog.skills.select(pl.col("skill_id") + f"|{NEW_STAGE}", "name")
    return DemoCompany(
        world,
        events,
        people,
        _build_context(world, history, people),
        fit_recommender(
            events,
            as_of=last_time,
            horizon_days=HORIZON_DAYS,
            item_names=step_names,
            extra_features=GroupFeatures(events, memberships),
            seed=seed,
        ),
        _plant_benefits(world, history),
        memberships,
    )


def to_time(day: pl.Expr) -> pl.Expr:
    """The start of a day that is given in days since 1970-01-01, UTC."""
    return (day.cast(pl.Int64) * 86_400_000_000).cast(pl.Datetime("us", "UTC"))


def _plant_benefits(world: World, history: History) -> np.ndarray:
    is_favoured_capability = np.zeros(
        (world.people.height, int(world.catalog.capability_numbers.max()) + 1), np.float32
    )
    is_favoured_capability[history.talents["person"].to_numpy(), history.talents["capability"].to_numpy()] = 1.0
    return np.add(
        *compute_goal_shares(
            world.catalog.role_importance[world.people["role"].to_numpy()],
            is_favoured_capability[:, world.catalog.capability_numbers],
        )
    )


def _build_context(world: World, history: History, people: pl.DataFrame) -> RecommendationContext:
    skills, person_ids = world.catalog.skills, world.people["employee_number"]
    recent_skills = history.worklogs.filter(pl.col("day") > world.last_day - RECENT_DEMAND_DAYS)["skill"]
    demand = pl.concat([recent_skills.cast(pl.Int64), history.demands["skill"].cast(pl.Int64)]).value_counts()
    return RecommendationContext(
        mastery=history.steps.select(
            person_ids.gather(history.steps["person"]).alias("person_id"),
            skills["skill_id"].gather(history.steps["skill"]).alias("skill_id"),
            "stage",
        ),
        skills=skills.select(
            "skill_id",
            "capability_id",
            "capability_name",
            pl.col("name").alias("skill_name"),
            pl.col("weight").cast(pl.Float64).alias("capability_weight"),
        ),
        prerequisites=world.catalog.prerequisites.select("skill_id", "requires_skill_id"),
        wishes=history.wishes.select(
            person_ids.gather(history.wishes["person"]).alias("person_id"),
            skills["skill_id"].gather(history.wishes["skill"]).alias("skill_id"),
            (pl.col("strength") / 3).alias("wish_weight"),
        ),
        roles=people.select("person_id", "role_name"),
        role_profiles=world.catalog.role_profiles.select("role_name", "skill_id", "importance"),
        demand=demand.select(
            skills["skill_id"].gather(demand["skill"]).alias("skill_id"), pl.col("count").alias("demand_count")
        ),
    )
