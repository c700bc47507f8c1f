"""Benchmark of the recommender: the cost of fitting and scoring at growing numbers of people, on synthetic events.

Belongs here: seeded synthetic events and the measured rows. Does not belong here: accuracy (`ml.evaluation`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from ml.evaluation.profiling import ResourceMeter
from ml.ranking.fitting import fit_recommender

EVENTS_PER_PERSON = 30
PEOPLE_PER_ITEM = 50  # a million people know 20,000 skills
DAYS = 1_500
FIELDS = 40  # most people stay in one field
PEOPLE_PER_DRAW = 100_000  # people drawn at a time
BEGIN = datetime(2020, 1, 1)  # noqa: DTZ001 — times without a zone are UTC here


@dataclass(frozen=True)
class BenchmarkRow:
    """One row per number of people; everyone gets a top 10."""

    n_people: int
    n_items: int
    n_events: int
    fit_seconds: float
    score_seconds: float
    score_ms_per_person: float
    peak_mb: float


def benchmark_recommender(
    people: Sequence[int] = (10_000, 100_000, 1_000_000),
    progress: Callable[[str, float], None] | None = None,
    *,
    items: int | None = None,
) -> list[BenchmarkRow]:
    """Fit, and score a top 10 for everyone, at each number of people.

    Args:
        people: Numbers of people, in the order to measure.
        progress: Called with what is measured and the share done.
        items: Number of skills; by default a fiftieth of the people, 100 to 20,000.

    Returns:
        One row per number of people; peak_mb is the highest memory of the process.
    """
    rows = []
    for number, count in enumerate(people):
        if progress is not None:
            progress(f"{count:,} people", number / len(people))
        rows.append(measure(count, n_items=items, progress=progress))
    return rows


def measure(
    n_people: int, *, n_items: int | None = None, seed: int = 0, progress: Callable[[str, float], None] | None = None
) -> BenchmarkRow:
    """Fit and score the events of one number of people."""
    report = progress or (lambda what, share: None)
    events = synthetic_events(n_people, items=n_items, seed=seed)
    people = events["person_id"].unique().sort()
    end = BEGIN + timedelta(days=DAYS)
    fitting, scoring = ResourceMeter(), ResourceMeter()
    report("fitting", 0.0)
    with fitting:
        recommender = fit_recommender(events, as_of=end, seed=seed, report_progress=report)
    report(f"scoring {len(people):,} people", 0.0)
    with scoring:
        recommender.score(events, people, as_of=end)
    return BenchmarkRow(
        n_people,
        len(recommender.ensemble.items),
        events.height,
        fitting.seconds,
        scoring.seconds,
        1000.0 * scoring.seconds / max(len(people), 1),
        max(fitting.peak_mb, scoring.peak_mb),
    )


def synthetic_events(n_people: int, *, items: int | None = None, seed: int = 0) -> pl.DataFrame:
    """Return one row per event (person_id, skill_id, ts): people learn the skills of their field from common to rare,
    with a few skills of other fields."""
    rng = np.random.default_rng(seed)
    items = items or int(np.clip(n_people // PEOPLE_PER_ITEM, 100, 20_000))
    per_field = items // FIELDS + 1
    field = rng.integers(0, FIELDS, n_people)
    joined = rng.integers(0, DAYS - 100, n_people)
    person, item, day = [], [], []
    for low in range(0, n_people, PEOPLE_PER_DRAW):
        people_codes = np.repeat(np.arange(low, min(low + PEOPLE_PER_DRAW, n_people)), EVENTS_PER_PERSON)
        place = np.tile(np.arange(EVENTS_PER_PERSON), len(people_codes) // EVENTS_PER_PERSON)
        # Later events are of rarer skills: the mean of the draw rises with the place.
        depth = rng.exponential(0.15 + 0.35 * place / EVENTS_PER_PERSON)
        drawn = field[people_codes] * per_field + np.minimum((depth * per_field).astype(np.int64), per_field - 1)
        stray = rng.random(len(people_codes)) < 0.15
        drawn[stray] = rng.integers(0, items, int(stray.sum()))
        late = np.sort(rng.random((len(people_codes) // EVENTS_PER_PERSON, EVENTS_PER_PERSON)), axis=1).ravel()
        person.append(people_codes.astype(np.uint32))
        item.append(np.minimum(drawn, items - 1).astype(np.uint32))
        day.append(((joined[people_codes] + (DAYS - joined[people_codes]) * late) * 86_400_000_000).astype(np.int64))
    people = pl.Series(np.arange(n_people)).cast(pl.String).str.zfill(8)
    names = pl.Series([_name(code, per_field) for code in range(items)])
    return pl.DataFrame(
        {
            "person_id": people.gather(pl.Series(np.concatenate(person))),
            "skill_id": names.gather(pl.Series(np.concatenate(item))),
            "ts": pl.Series(np.concatenate(day)).cast(pl.Duration("us")) + BEGIN,
        }
    )


def _name(code: int, per_field: int) -> str:
    """Two words and a number; neighbours in a field share the second word."""
    place = code % per_field
    return f"{_word(code // per_field)}/{_word(1000 + 7 * (code // per_field) + place // 12)} {code}"


def _word(number: int) -> str:
    consonants, vowels, word = "bdfgklmnprstvz", "aeiou", ""
    for _ in range(3):
        number, part = divmod(number, 70)
        word += consonants[part // 5] + vowels[part % 5]
    return word
