"""Benchmark: what fitting and scoring cost at growing numbers of people, on made-up histories.

Belongs here: seeded synthetic histories and the measured rows. Does not belong here: accuracy (see evaluation).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from ml.cost import Cost
from ml.recommender import fit_recommender

EVENTS_PER_PERSON = 30
PEOPLE_PER_ITEM = 50  # a million people know 20,000 skills
DAYS = 1_500
FIELDS = 40  # people mostly stay in one of so many fields
SCORED = 20_000  # people scored for the measurement: the cost of one does not depend on how many there are
BEGIN = datetime(2020, 1, 1)  # noqa: DTZ001 — times without a zone are UTC here


@dataclass(frozen=True)
class BenchmarkRow:
    """One row a number of people. `score_seconds` is for everyone, reckoned from `n_scored` of them."""

    n_people: int
    n_items: int
    n_events: int
    n_scored: int
    fit_seconds: float
    score_seconds: float
    score_ms_per_person: float
    peak_mb: float


def benchmark_recommender(
    people: Sequence[int] = (10_000, 100_000, 1_000_000), progress: Callable[[str, float], None] | None = None
) -> list[BenchmarkRow]:
    """Fit and score to top 10 at each number of people, in the order given; peak_mb is the process's highest memory."""
    rows = []
    for number, count in enumerate(people):
        if progress is not None:
            progress(f"{count:,} people", number / len(people))
        rows.append(measure(count))
    return rows


def measure(n_people: int, *, seed: int = 0) -> BenchmarkRow:
    """One row: histories of so many people, fitted and scored."""
    events = synthetic_events(n_people, seed=seed)
    end = BEGIN + timedelta(days=DAYS)
    fitting, scoring = Cost(), Cost()
    with fitting:
        recommender = fit_recommender(events, as_of=end, seed=seed)
    asked = events["person_id"].unique().sort()[:SCORED]
    with scoring:
        recommender.score(events.filter(pl.col("person_id").is_in(asked.implode())), asked, as_of=end)
    each = 1000.0 * scoring.seconds / max(len(asked), 1)
    return BenchmarkRow(
        n_people, events["skill_id"].n_unique(), events.height, len(asked), fitting.seconds,
        each * n_people / 1000.0, each, max(fitting.peak_mb, scoring.peak_mb),
    )  # fmt: skip


def synthetic_events(n_people: int, *, seed: int = 0) -> pl.DataFrame:
    """One row an event (person_id, skill_id, ts): people of a field climb its skills from common to rare, and stray."""
    rng = np.random.default_rng(seed)
    items = int(np.clip(n_people // PEOPLE_PER_ITEM, 100, 20_000))
    size = n_people * EVENTS_PER_PERSON
    person = np.repeat(np.arange(n_people), EVENTS_PER_PERSON)
    place = np.tile(np.arange(EVENTS_PER_PERSON), n_people)
    per_field = items // FIELDS + 1
    field = rng.integers(0, FIELDS, n_people)[person]
    # The further along a history, the rarer the skills: the mean of the draw moves with the place.
    depth = rng.exponential(0.15 + 0.35 * place / EVENTS_PER_PERSON, size)
    item = field * per_field + np.minimum((depth * per_field).astype(np.int64), per_field - 1)
    stray = rng.random(size) < 0.15
    item[stray] = rng.integers(0, items, int(stray.sum()))
    joined = rng.integers(0, DAYS - 100, n_people)[person]
    day = joined + (DAYS - joined) * np.sort(rng.random((n_people, EVENTS_PER_PERSON)), axis=1).ravel()
    ids = np.minimum(item, items - 1)
    return pl.DataFrame(
        {
            "person_id": pl.Series(person).cast(pl.String).str.zfill(8),
            "skill_id": (pl.Series(ids // per_field).cast(pl.String) + "/" + pl.Series(ids).cast(pl.String)),
            "ts": pl.Series((day * 86_400_000_000).astype(np.int64)).cast(pl.Duration("us")) + BEGIN,
        }
    )
