"""Synthetic histories in a fixed order, and histories whose items come and go."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl

BEGIN = datetime(2020, 1, 1)


def _frame(rows: list[tuple[str, str, float]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(person, item, BEGIN + timedelta(days=day)) for person, item, day in rows],
        schema=["person_id", "skill_id", "ts"],
        orient="row",
    )


def follow_curricula(n_people: int = 160, n_curricula: int = 4, n_items: int = 30, seed: int = 0) -> pl.DataFrame:
    """All curricula have the same items, each in an order of its own; people follow one without a gap."""
    rng = np.random.default_rng(seed)
    orders = [np.random.default_rng(100 + curriculum).permutation(n_items) for curriculum in range(n_curricula)]
    rows = []
    for person in range(n_people):
        order, first = orders[person % n_curricula], int(rng.integers(n_items // 2))
        day = float(rng.uniform(0, 600))
        for item in order[first : first + int(rng.integers(8, n_items // 2))]:
            if day < 600:
                rows.append((f"p{person:03d}", f"module{item:02d}", day))
            day += 1.0 + rng.exponential(15)
    return _frame(rows)


def take_living_items(n_people: int = 150, n_items: int = 80, life_days: float = 200.0, seed: int = 0) -> pl.DataFrame:
    """Items of four fields are taken for 200 days after their birth and never again; people stay in a field."""
    rng = np.random.default_rng(seed)
    born = rng.uniform(-life_days, 1200, n_items)
    rows = []
    for person in range(n_people):
        held: set[int] = set()
        day = float(rng.uniform(0, 1100))
        while day < 1200 and len(held) < 15:
            is_alive = (born <= day) & (day < born + life_days)
            weights = is_alive * np.where(np.arange(n_items) % 4 == person % 4, 1.0, 0.1)
            weights[list(held)] = 0.0
            if weights.any():
                item = int(rng.choice(n_items, p=weights / weights.sum()))
                held.add(item)
                rows.append((f"p{person:03d}", f"item{item:02d}", day))
            day += 0.5 + rng.exponential(25)
    return _frame(rows)
