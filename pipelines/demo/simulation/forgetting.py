"""What is forgotten: a planted half-life per micro-skill, and the judgements after a pause that show it.

Belongs here: half-lives, and judgements whose outcome depends on how long ago the last practice was.
Does not belong here: the practice itself (`practice`), or how it is estimated.
"""

import numpy as np
import polars as pl

from pipelines.demo.simulation.catalog import Catalog, FloatArray, IntArray
from pipelines.demo.simulation.practice import JOURNEYMAN, Plan, judgement_frame

# By capability, in days: some things stay, some are gone within the year.
HALF_LIVES = (240.0, 480.0, 960.0)
CHECKS_A_PAIR = 0.6  # judgements later on, of each micro-skill in which somebody became a journeyman
FRESH_SHARE = 0.97  # judged well right after practice
# Judges of checks are drawn apart from those of `generate_judgements`, so that they seldom coincide.
FIRST_JUDGE = 2_000_000


def plan_half_lives(catalog: Catalog, *, seed: int) -> FloatArray:
    """The half-life of each micro-skill in days; those of one capability fade alike."""
    rng = np.random.default_rng([seed, 4])
    drawn = rng.choice(HALF_LIVES, int(catalog.capability_of.max()) + 1)
    return drawn[catalog.capability_of].astype(np.float32)


def generate_checks(
    plan: Plan, practised: pl.DataFrame, half_life: FloatArray, rng: np.random.Generator
) -> pl.DataFrame:
    """One row per judgement at a random day after the micro-skill was reached: entry, day, kind, score, judge.

    It is good with probability FRESH_SHARE x 2^(-days since the last practice / half-life). practised: entry, day.
    """
    reached = (plan.goal >= JOURNEYMAN) & (plan.journeyman + 1 < plan.until)
    count = rng.poisson(CHECKS_A_PAIR, plan.row.size) * reached
    entry = np.repeat(np.arange(count.size), count)
    first = plan.journeyman[entry] + 1
    day = first + (rng.random(entry.size) * (plan.until[entry] - first)).astype(np.int64)
    gap = day - last_before(entry, day, practised, plan.journeyman[entry])
    good = rng.random(entry.size) < FRESH_SHARE * 2.0 ** (-gap / half_life[plan.skill[entry]])
    score = np.where(good, rng.integers(4, 6, entry.size), rng.integers(1, 3, entry.size))
    frame = judgement_frame(entry, day, rng.integers(0, 2, entry.size), score)
    return frame.with_columns(pl.Series("judge", FIRST_JUDGE + rng.integers(0, 1_000_000, entry.size)))


def last_before(entry: IntArray, day: IntArray, practised: pl.DataFrame, otherwise: IntArray) -> IntArray:
    """The last practised day of each entry up to the day; `otherwise` where there is none."""
    stride = 1_000_000  # more days than any history has
    known = np.sort(practised["entry"].to_numpy() * stride + practised["day"].to_numpy())
    if not known.size:
        return otherwise
    place = np.searchsorted(known, entry * stride + day, side="right") - 1
    found = known[np.maximum(place, 0)]
    return np.where((place >= 0) & (found // stride == entry), found % stride, otherwise)
