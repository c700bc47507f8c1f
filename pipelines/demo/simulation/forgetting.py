"""Forgetting: a planted half-life per micro-skill, and the judgements after a pause that show it.

Belongs here: half-lives, and judgements whose outcome depends on the days since the last practice.
Does not belong here: the practice itself (`pipelines.demo.simulation.practice`), or the estimate of half-lives.
"""

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import Catalog, FloatArray, IntArray
from pipelines.demo.simulation.practice import JOURNEYMAN, Plan, build_judgements

# Per capability, in days: some things last, some are forgotten within the year.
HALF_LIVES = (240.0, 480.0, 960.0)
CHECKS_PER_PAIR = 0.6  # later judgements per person and micro-skill held at journeyman or above
FRESH_SHARE = 0.97  # judged well right after practice
# Judges of checks are drawn apart from those of `generate_judgements`, so that they seldom coincide.
FIRST_JUDGE = 2_000_000


def plan_half_lives(catalog: Catalog, *, seed: int) -> FloatArray:
    """Draw the half-life of each micro-skill in days; micro-skills of one capability have the same."""
    capability_half_lives = np.random.default_rng([seed, 4]).choice(
        HALF_LIVES, int(catalog.capability_numbers.max()) + 1
    )
    return capability_half_lives[catalog.capability_numbers].astype(np.float32)


def generate_checks(
    plan: Plan, practice_days: pl.DataFrame, half_lives: FloatArray, rng: np.random.Generator
) -> pl.DataFrame:
    """Draw judgements at random days after a micro-skill was reached.

    A judgement is good with probability FRESH_SHARE x 2^(-days since the last practice / half-life).

    Args:
        plan: The plan of the block.
        practice_days: One row per day of practice: entry, day.
        half_lives: Half-life of each micro-skill in days.
        rng: The generator of the block.

    Returns:
        One row per judgement: entry, day, kind, score, judge.
    """
    is_reached = (plan.goal_stages >= JOURNEYMAN) & (plan.journeyman_days + 1 < plan.last_days)
    check_counts = rng.poisson(CHECKS_PER_PAIR, plan.person_indices.size) * is_reached
    check_entries = np.repeat(np.arange(check_counts.size), check_counts)
    first_days = plan.journeyman_days[check_entries] + 1
    check_days = first_days + (rng.random(check_entries.size) * (plan.last_days[check_entries] - first_days)).astype(
        np.int64
    )
    days_since_practice = check_days - find_last_practice(
        check_entries, check_days, practice_days, plan.journeyman_days[check_entries]
    )
    is_good = rng.random(check_entries.size) < FRESH_SHARE * 2.0 ** (
        -days_since_practice / half_lives[plan.skill_numbers[check_entries]]
    )
    scores = np.where(is_good, rng.integers(4, 6, check_entries.size), rng.integers(1, 3, check_entries.size))
    return build_judgements(check_entries, check_days, rng.integers(0, 2, check_entries.size), scores).with_columns(
        pl.Series("judge", FIRST_JUDGE + rng.integers(0, 1_000_000, check_entries.size))
    )


def find_last_practice(
    plan_entries: IntArray, days: IntArray, practice_days: pl.DataFrame, default_days: IntArray
) -> IntArray:
    """Return the last practised day of each entry up to the day, or the default if there is none."""
    # entry and day as one number: entry x key_stride + day; no history has that many days
    key_stride = 1_000_000
    sorted_practice_keys = np.sort(practice_days["entry"].to_numpy() * key_stride + practice_days["day"].to_numpy())
    if not sorted_practice_keys.size:
        return default_days
    key_positions = np.searchsorted(sorted_practice_keys, plan_entries * key_stride + days, side="right") - 1
    last_keys = sorted_practice_keys[np.maximum(key_positions, 0)]
    return np.where(
        (key_positions >= 0) & (last_keys // key_stride == plan_entries), last_keys % key_stride, default_days
    )
