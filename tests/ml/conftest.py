"""Small seeded events: people climb one of three ladders of skills at different speeds, with a few other skills."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest


def walk(n_people: int, seed: int = 0, days: int = 900) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    begin = datetime(2021, 1, 1)
    rows = []
    for person in range(n_people):
        ladder, day = int(rng.integers(3)), float(rng.integers(days))
        for step in range(int(rng.integers(0, 4)), 12):
            skill = f"ladder{'abc'[ladder]}/rung{'abcdefghijkl'[step]}"
            if rng.random() < 0.15:
                skill = f"ladder{'abc'[rng.integers(3)]}/rung{'abcdefghijkl'[rng.integers(12)]}"
            rows.append((f"p{person:04d}", skill, begin + timedelta(days=day)))
            day += rng.exponential(60)
            if day > days:
                break
    return pl.DataFrame(rows, schema=["person_id", "skill_id", "ts"], orient="row")


@pytest.fixture(scope="session")
def ladders() -> pl.DataFrame:
    """One row per event: person_id, skill_id, ts; 300 people, 36 skills, two and a half years."""
    return walk(300)


@pytest.fixture(scope="session")
def small_ladders() -> pl.DataFrame:
    return walk(90, seed=3)
