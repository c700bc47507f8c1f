"""Benchmark of companions: the cost of matching them at growing numbers of people, on a synthetic company.

Belongs here: seeded synthetic lists, reached steps and consents, and the measured rows.
Does not belong here: the matching (`ml.recommend.companion_matching`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from time import process_time

import numpy as np
import polars as pl

from ml.evaluation.profiling import ResourceMeter
from ml.mastery.state import build_step_id
from ml.recommend.companion_candidates import CompanionContext
from ml.recommend.companion_matching import match_companions
from pipelines.contracts.columns import STAGES
from pipelines.contracts.output_tables import SHOWN_COMPANION
from pipelines.contracts.policy import RecommendationPolicy

AS_OF = date(2026, 6, 30)
PEOPLE_PER_SKILL, SKILLS_PER_CAPABILITY, PEOPLE_PER_UNIT, PEOPLE_PER_MANAGER = 100, 7, 60, 8
HELD, LISTED = 25, 10  # micro-skills held and steps recommended per person
ALL_SHARE, HELD_SHARE = 0.35, 0.2  # people who consent for all micro-skills, and for those they hold


@dataclass(frozen=True)
class CompanionsRow:
    """One row per number of people: places to fill, how many are named or counted, and the cost.

    `cpu_seconds` covers both runs on all cores; the other seconds are elapsed time, which rises on a busy machine.
    """

    n_people: int
    n_places: int
    n_named: int
    n_counted: int
    most_lists: int
    cap: int
    first_run_seconds: float
    next_run_seconds: float
    cpu_seconds: float
    peak_mb: float


def benchmark_companions(
    people: Sequence[int], progress: Callable[[str, float], None] | None = None
) -> list[CompanionsRow]:
    """Match companions for everyone, in a first run and in the next one, at each number of people.

    Args:
        people: Numbers of people, in the order to measure.
        progress: Called with what is measured and the share done.

    Returns:
        One row per number of people.
    """
    rows = []
    for number, count in enumerate(people):
        if progress is not None:
            progress(f"{count:,} people", number / len(people))
        rows.append(measure(count))
    return rows


def measure(n_people: int, *, seed: int = 0) -> CompanionsRow:
    """Match one company in two runs."""
    steps, context = synthetic_company(n_people, seed=seed)
    policy = RecommendationPolicy()
    first, second, began = ResourceMeter(), ResourceMeter(), process_time()
    with first:
        companions = match_companions(steps, context, AS_OF, policy)
    named = companions.drop_nulls("companion_id")
    shown = named.select("person_id", "companion_id", pl.lit(AS_OF).alias("since_date"))
    with second:
        match_companions(steps, replace(context, shown_pairs=shown), AS_OF + timedelta(days=1), policy)
    most = named.group_by("companion_id").len()["len"].max()
    return CompanionsRow(
        n_people,
        3 * steps.height,
        named.height,
        companions.height - named.height,
        most if isinstance(most, int) else 0,
        policy.companions.load_cap,
        first.seconds,
        second.seconds,
        process_time() - began,
        max(first.peak_mb, second.peak_mb),
    )


def synthetic_company(n_people: int, *, seed: int = 0) -> tuple[pl.DataFrame, CompanionContext]:
    """Return everyone's list of steps, and the context of matching; some micro-skills are common, most are not."""
    rng = np.random.default_rng(seed)
    n_skills = max(60, n_people // PEOPLE_PER_SKILL)
    ids = pl.Series(np.arange(n_people)).cast(pl.String).str.zfill(8)
    names = pl.Series(np.arange(n_skills)).cast(pl.String).str.zfill(5)
    size = HELD + LISTED
    drawn = (n_skills * rng.beta(0.7, 2.5, n_people * size * 2)).astype(np.int64)
    owner = np.repeat(np.arange(n_people), size * 2)
    pairs = pl.DataFrame({"person": owner, "skill": drawn}).unique(maintain_order=True)
    pairs = pairs.with_columns(pl.int_range(pl.len()).over("person").alias("nth"))
    stage = np.minimum(rng.geometric(0.65, pairs.height), 3)
    held = pairs.with_columns(pl.Series("stage_index", stage)).filter(pl.col("nth") < HELD)
    held = held.with_columns(
        ids.gather(held["person"]).alias("person_id"), names.gather(held["skill"]).alias("skill_id")
    )
    new = pairs.filter((pl.col("nth") >= HELD) & (pl.col("nth") < HELD + LISTED // 2))
    new = new.with_columns(ids.gather(new["person"]).alias("person_id"), names.gather(new["skill"]).alias("skill_id"))
    deeper = held.filter(pl.col("stage_index") < 3).group_by("person", maintain_order=True).head(LISTED - LISTED // 2)
    steps = pl.concat(
        [
            new.select("person_id", "skill_id", pl.lit(0).alias("stage_before")),
            deeper.select("person_id", "skill_id", stage_before="stage_index"),
        ],
        how="vertical_relaxed",
    )
    stage_names = dict(enumerate(STAGES))
    stage_before = pl.col("stage_before")
    steps = steps.select(
        "person_id",
        "skill_id",
        pl.int_range(1, pl.len() + 1).over("person_id").alias("rank"),
        pl.when(stage_before == 0).then(pl.lit("new")).otherwise(pl.lit("deepen")).alias("kind"),
        stage_before.replace_strict(stage_names, return_dtype=pl.String).alias("from_stage"),
        (stage_before + 1).replace_strict(stage_names, return_dtype=pl.String).alias("to_stage"),
    )
    return steps, _build_context(rng, ids, names, held)


def _build_context(rng: np.random.Generator, ids: pl.Series, names: pl.Series, held: pl.DataFrame) -> CompanionContext:
    n_people, stage_names = ids.len(), dict(enumerate(STAGES))
    number = np.arange(n_people)
    manager = pl.Series(np.maximum(number - 1, 0) // PEOPLE_PER_MANAGER)
    rises = pl.concat(
        [
            held.filter(pl.col("stage_index") >= index).with_columns(
                pl.lit(STAGES[index - 1]).alias("from_stage"),
                pl.lit(STAGES[index]).alias("to_stage"),
                pl.lit("new" if index == 1 else "deepen").alias("kind"),
                pl.lit(300 * index).alias("days"),
            )
            for index in (1, 2, 3)
        ]
    )
    start = datetime(2023, 1, 1)  # noqa: DTZ001 — times without a zone are UTC here
    rises = rises.with_columns(pl.Series("extra_days", rng.integers(0, 300, rises.height)))
    reached_steps = rises.select(
        "person_id",
        build_step_id().alias("step_id"),
        "skill_id",
        "kind",
        "from_stage",
        "to_stage",
        reached_at=(pl.lit(start) + pl.duration(days=pl.col("days") + pl.col("extra_days"))).dt.replace_time_zone(
            "UTC"
        ),
    )
    people = pl.DataFrame(
        {
            "person_id": ids,
            "unit_name": pl.Series(number // PEOPLE_PER_UNIT).cast(pl.String),
            "role_name": pl.Series(rng.integers(0, 12, n_people)).cast(pl.String),
            "manager_id": pl.select(pl.when(pl.Series(number) > 0).then(ids.gather(manager))).to_series(),
        }
    )
    skills = pl.DataFrame(
        {
            "skill_id": names,
            "skill_name": "Micro-skill " + names,
            "capability_id": pl.Series(np.arange(names.len()) // SKILLS_PER_CAPABILITY).cast(pl.String),
        }
    )
    mastery = held.select(
        "person_id",
        "skill_id",
        pl.col("stage_index").replace_strict(stage_names, return_dtype=pl.String).alias("stage"),
        (pl.col("stage_index") / 3).alias("level_share"),
    )
    consents = _draw_consents(rng, ids, held)
    hidden_pairs = held.select("person_id", "skill_id").sample(fraction=0.01, seed=0)
    return CompanionContext(
        people, reached_steps, mastery, skills, consents, hidden_pairs, pl.DataFrame(schema=SHOWN_COMPANION.schema)
    )


def _draw_consents(rng: np.random.Generator, ids: pl.Series, held: pl.DataFrame) -> pl.DataFrame:
    draw = rng.random(ids.len())
    consents_for_held = (draw >= ALL_SHARE) & (draw < ALL_SHARE + HELD_SHARE)
    consents_for_all = pl.DataFrame({"person_id": ids.filter(pl.Series(draw < ALL_SHARE))})
    consenting = pl.concat(
        [
            consents_for_all.with_columns(pl.lit(None, pl.String).alias("skill_id")),
            held.filter(pl.Series(consents_for_held[held["person"].to_numpy()])).select("person_id", "skill_id"),
        ]
    )
    relations = pl.DataFrame({"relation": ["follow", "walk_with", "lead"]})
    return consenting.join(relations, how="cross").with_columns(pl.lit(True).alias("is_given"))
