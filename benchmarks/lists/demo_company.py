"""A demo company in memory: what its recommender reads, and the planted benefit of every step.

Belongs here: the tables of one seeded company as the recommender and the motives take them.
Does not belong here: the company itself (`pipelines.demo`), what people do with their lists (`following`).
"""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from ml.ranking.fitting import fit_recommender
from ml.ranking.group_features import GroupFeatures
from ml.ranking.recommender import Recommender
from ml.recommend.common_steps import count_held_steps
from ml.recommend.motives import RecommendationContext
from pipelines.contracts.columns import STAGES
from pipelines.contracts.policy import RecommendationPolicy
from pipelines.demo.simulation.practice import compute_goal_shares
from pipelines.demo.simulation.world import History, World, generate_history, generate_world

EXPORT_DAY = date(2026, 7, 1)
HORIZON_DAYS = 90
CANDIDATES_PER_PERSON = 40
RECENT_DEMAND_DAYS = 90
NEW_STAGE = STAGES[1]
MINIMUM_PEOPLE = RecommendationPolicy().minimum_people


@dataclass(frozen=True)
class DemoCompany:
    """One company.

    Attributes:
        world: The planted company.
        events: One row per micro-skill taken up: person_id, skill_id (the step), ts.
        last_day: The last known day, in days since 1970-01-01.
        people: The people employed on the last day: person, person_id, role, role_name.
        context: The tables that the motives read, on the last day.
        recommender: Fitted on the events and roles.
        benefits: Planted share that reaches journeyman or beyond, person x micro-skill.
        memberships: The role of each person as a group: person_id, group.
        later_steps: Micro-skills that these people took up after the last known day: person_id, skill_id.
    """

    world: World
    last_day: int
    events: pl.DataFrame
    people: pl.DataFrame
    context: RecommendationContext
    recommender: Recommender
    benefits: np.ndarray
    memberships: pl.DataFrame
    later_steps: pl.DataFrame


def build_demo_company(people_count: int, seed: int, held_out_days: int = 0) -> DemoCompany:
    """Generate a company of one block of people, and fit its recommender on everything up to its last day.

    Args:
        people_count: Number of people.
        seed: Seed of the company and of the fit.
        held_out_days: Days at the end of the history that the recommender and the context do not know.
    """
    world = generate_world(people_count, seed=seed, export_day=EXPORT_DAY)
    last_day, history = world.last_day - held_out_days, generate_history(world, 0)
    skill_ids, person_ids = world.catalog.skills["skill_id"], world.people["employee_number"]
    steps = history.steps.select(
        person_ids.gather(history.steps["person"]).alias("person_id"),
        skill_ids.gather(history.steps["skill"]).alias("skill_id"),
        "begun_day",
        "stage",
    )
    known_steps = steps.filter(pl.col("begun_day") <= last_day)
    events = known_steps.select(
        "person_id", pl.col("skill_id") + f"|{NEW_STAGE}", to_time(pl.col("begun_day")).alias("ts")
    )
    is_employed_then = (pl.col("left_day") > last_day) & (pl.col("hired_day") <= last_day)
    people = world.people.filter(is_employed_then).select(
        "person",
        pl.col("employee_number").alias("person_id"),
        "role",
        "role_name",
        pl.format("unit {}", "unit").alias("unit_name"),
    )
    memberships = world.people.select(
        pl.col("employee_number").alias("person_id"), pl.format("role {}", "role_name").alias("group")
    )
    last_time = pl.select(to_time(pl.lit(last_day))).item()
    step_names = world.catalog.skills.select(pl.col("skill_id") + f"|{NEW_STAGE}", "name")
    return DemoCompany(
        world,
        last_day,
        events,
        people,
        _build_context(world, history, known_steps, people, last_day),
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
        steps.filter(pl.col("begun_day") > last_day)
        .select("person_id", "skill_id")
        .join(people, on="person_id", how="semi"),
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


def _build_context(
    world: World, history: History, known_steps: pl.DataFrame, people: pl.DataFrame, last_day: int
) -> RecommendationContext:
    skills, person_ids = world.catalog.skills, world.people["employee_number"]
    is_recent = pl.col("day").is_between(last_day - RECENT_DEMAND_DAYS, last_day, closed="right")
    recent_skills = history.worklogs.filter(is_recent)["skill"]
    known_wishes = history.wishes.filter(pl.col("day") <= last_day)
    mastery = known_steps.select("person_id", "skill_id", "stage")
    known_demands = history.demands.filter(pl.col("created_day") <= last_day)
    demand = pl.concat([recent_skills.cast(pl.Int64), known_demands["skill"].cast(pl.Int64)]).value_counts()
    return RecommendationContext(
        mastery=mastery,
        skills=skills.select(
            "skill_id",
            "capability_id",
            "capability_name",
            pl.col("name").alias("skill_name"),
            pl.col("weight").cast(pl.Float64).alias("capability_weight"),
        ),
        prerequisites=world.catalog.prerequisites.select("skill_id", "requires_skill_id"),
        wishes=known_wishes.select(
            person_ids.gather(known_wishes["person"]).alias("person_id"),
            skills["skill_id"].gather(known_wishes["skill"]).alias("skill_id"),
            (pl.col("strength") / 3).alias("wish_weight"),
        ),
        roles=people.select("person_id", "role_name"),
        role_profiles=world.catalog.role_profiles.select("role_name", "skill_id", "importance"),
        demand=demand.select(
            skills["skill_id"].gather(demand["skill"]).alias("skill_id"), pl.col("count").alias("demand_count")
        ),
        **vars(count_held_steps(mastery, people.select("person_id", "unit_name"), skills, MINIMUM_PEOPLE)),
    )


def rank_new_steps(company: DemoCompany, events: pl.DataFrame, day: int) -> pl.DataFrame:
    """Rank new steps for everybody, as candidates of `rerank_candidates`.

    Args:
        company: The company.
        events: What people took up: person_id, skill_id (the step), ts.
        day: The day, in days since 1970-01-01.
    """
    recommender = replace(company.recommender, extra=GroupFeatures(events, company.memberships))
    scored_steps = recommender.score(
        events,
        company.people["person_id"],
        as_of=pl.select(to_time(pl.lit(day))).item(),
        max_items=CANDIDATES_PER_PERSON,
    )
    return scored_steps.select(
        "person_id",
        "probability",
        "utility",
        pl.col("skill_id").alias("step_id"),
        pl.col("skill_id").str.strip_suffix(f"|{NEW_STAGE}"),
        kind=pl.lit("new"),
        from_stage=pl.lit("none"),
        to_stage=pl.lit(NEW_STAGE),
        is_accepted=pl.lit(False),
    )
