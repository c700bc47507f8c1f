"""A simulated company: people begin micro-skills, reach stages after times of a known law, leave, and stop practising.

Belongs here: the law, fixed before anything was tuned, and the tables that its exports would give.
Does not belong here: the comparison (`planted_crafts`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl

from pipelines.contracts.columns import TIMESTAMP

AS_OF = date(2026, 6, 30)
# The exports begin four years before the day; two fifths of the people were hired before that.
EXPORT_DAYS, HIRING_DAYS = 1461, 2435
# Time from the beginning to journeyman: Weibull; one person in five never gets there. People stay for four years.
SHAPE, SCALE_DAYS, NEVER_SHARE, STAY_DAYS = 1.5, 500.0, 0.2, 1461.0
# Until a newcomer begins a micro-skill; until earlier work is seen again by exports that did not hold it.
BEGIN_DAYS, SEEN_AGAIN_DAYS = 200.0, 60.0
# Masters per craft (from, to), and the share who stop or leave within the last year: usually, and in a craft that is
# about to be lost.
MASTER_RANGE, USUAL_LOSS, GREAT_LOSS = (2, 11), 0.1, 0.9
LOST_EVERY = 4


@dataclass(frozen=True)
class SimulatedCompany:
    """The tables of a simulated company.

    Attributes:
        people: person_id, employment_status, hired_date, left_date.
        reached_steps: person_id, skill_id, kind, from_stage, to_stage, reached_at.
        mastery: person_id, skill_id, stage, last_practised_at.
        lost_skill_ids: The crafts that were planted to be lost.
    """

    people: pl.DataFrame
    reached_steps: pl.DataFrame
    mastery: pl.DataFrame
    lost_skill_ids: frozenset[str]


def true_quantile_days(arrived_share: float) -> float:
    """Days within which this share of everybody who begins is journeyman, those included who never are.

    The law is F(t) = (1 - c) (1 - exp(-(t / b)^a)), so that t = b (-ln(1 - q / (1 - c)))^(1 / a).

    Args:
        arrived_share: Less than the share who ever arrive.
    """
    return float(SCALE_DAYS * (-np.log(1 - arrived_share / (1 - NEVER_SHARE))) ** (1 / SHAPE))


def simulate_histories(seed: int, people_count: int = 400) -> SimulatedCompany:
    """Simulate people who take up one micro-skill each, with exports that begin in the middle of some histories.

    Args:
        seed: Seed of the random draws.
        people_count: Number of people who were ever hired.
    """
    random = np.random.default_rng(seed)
    hired = -random.uniform(0, HIRING_DAYS, people_count)
    left = hired + random.exponential(STAY_DAYS, people_count)
    began = hired + random.exponential(BEGIN_DAYS, people_count)
    arrives = random.random(people_count) >= NEVER_SHARE
    reached = np.where(arrives, began + SCALE_DAYS * random.weibull(SHAPE, people_count), np.inf)
    # before the exports nothing is seen: what was there then seems to begin, and to be reached, soon after
    seen_began = np.maximum(began, -EXPORT_DAYS + random.uniform(0, SEEN_AGAIN_DAYS, people_count))
    seen_reached = np.maximum(reached, seen_began + np.where(reached < -EXPORT_DAYS, SEEN_AGAIN_DAYS, 0))
    is_seen = (seen_began < np.minimum(left, 0)) & (left > -EXPORT_DAYS)
    people = _make_people(hired, left)
    numbers = np.flatnonzero(is_seen)
    steps = [_make_steps(numbers, ["craft"] * len(numbers), seen_began[numbers], "apprentice")]
    arrivals = np.flatnonzero(is_seen & (seen_reached < np.minimum(left, 0)))
    steps.append(_make_steps(arrivals, ["craft"] * len(arrivals), seen_reached[arrivals], "journeyman"))
    return SimulatedCompany(people, pl.concat(steps), pl.DataFrame(), frozenset())


def simulate_crafts(seed: int, craft_count: int = 100) -> SimulatedCompany:
    """Simulate crafts with a few masters each; of every fourth most masters leave or stop within the last year.

    Args:
        seed: Seed of the random draws.
        craft_count: Number of crafts.
    """
    random = np.random.default_rng(seed)
    master_counts = random.integers(*MASTER_RANGE, craft_count)
    crafts = np.repeat(np.arange(craft_count), master_counts)
    is_lost = crafts % LOST_EVERY == 0
    # each is master of one craft, for longer than a year, and goes at some day of the last year or stays
    goes = random.random(len(crafts)) < np.where(is_lost, GREAT_LOSS, USUAL_LOSS)
    last_day = np.where(goes, -random.uniform(183, 364, len(crafts)), -random.uniform(0, 60, len(crafts)))
    leaves = goes & (random.random(len(crafts)) < 0.5)
    left = np.where(leaves, last_day, 1.0)
    people = _make_people(np.full(len(crafts), -2000.0), left)
    skill_ids = [f"craft{craft}" for craft in crafts]
    mastered = -random.uniform(400, 1500, len(crafts))
    mastery = pl.DataFrame(
        {
            "person_id": people["person_id"],
            "skill_id": skill_ids,
            "stage": "master",
            "last_practised_at": _list_moments(last_day),
        }
    )
    steps = _make_steps(np.arange(len(crafts)), skill_ids, mastered, "master")
    lost_skill_ids = frozenset(f"craft{craft}" for craft in range(0, craft_count, LOST_EVERY))
    return SimulatedCompany(people, steps, mastery, lost_skill_ids)


def _make_people(hired: np.ndarray, left: np.ndarray) -> pl.DataFrame:
    """The people by their days before `AS_OF`; who leaves after it has not left."""
    left_dates = [AS_OF + timedelta(days=int(day)) if day < 0 else None for day in left]
    return pl.DataFrame(
        {
            "person_id": [f"p{number}" for number in range(len(hired))],
            "employment_status": ["active" if left_date is None else "left" for left_date in left_dates],
            "unit_name": "Unit",
            "hired_date": [AS_OF + timedelta(days=int(day)) for day in hired],
            "left_date": pl.Series(left_dates, dtype=pl.Date),
        }
    )


def _make_steps(numbers: np.ndarray, skill_ids: list[str], days: np.ndarray, to_stage: str) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person_id": [f"p{number}" for number in numbers],
            "skill_id": skill_ids,
            "kind": "new" if to_stage == "apprentice" else "deepen",
            "to_stage": to_stage,
            "reached_at": _list_moments(days),
        }
    )


def _list_moments(days: np.ndarray) -> pl.Series:
    dates = [AS_OF + timedelta(days=float(day)) for day in days]
    return pl.Series(dates, dtype=pl.Date).cast(TIMESTAMP)
