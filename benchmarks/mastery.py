"""Benchmark of mastery, capabilities and motives at a number of people, on a synthetic evidence ledger.

Belongs here: the seeded ledger and context, and the measured rows.
Does not belong here: how accurate any of it is (`benchmarks.knowledge_tracing`, `benchmarks.planted_truth`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from itertools import pairwise

import numpy as np
import polars as pl

from ml.evaluation.profiling import ResourceMeter
from ml.mastery.prerequisites import learn_prerequisites
from ml.mastery.state import estimate_mastery, find_reached_steps, learn_knowledge_tracing
from ml.organisation.team_alignment import align_teams
from ml.recommend.capability_coverage import compute_capability_coverage
from ml.recommend.motives import RecommendationContext, score_motives
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.columns import STAGES
from pipelines.contracts.policy import RecommendationPolicy

SKILLS, CAPABILITY_SKILLS = 400, 8
PAIRS_PER_PERSON, ROWS_PER_PAIR = 16, 2.75  # 44 rows of evidence per person
CANDIDATES_PER_PERSON = 40  # as many as a run ranks
DAYS, AS_OF = 1_000, date(2026, 6, 30)
TEAM = 25
# Shares of the modes among the rows of a ledger; most rows are work.
MODES, MODE_SHARES = ("repetition", "observation", "feedback", "teaching"), (0.7, 0.12, 0.13, 0.05)


@dataclass(frozen=True)
class MasteryCost:
    """One row per part: input rows, output rows, seconds, and the highest memory of the process in MB."""

    part: str
    rows_in: int
    rows_out: int
    seconds: float
    peak_mb: float


def benchmark_mastery(
    people: int, progress: Callable[[str, float], None] | None = None, *, seed: int = 0
) -> list[MasteryCost]:
    """Measure every part once; building the synthetic ledger is not measured.

    Args:
        people: Number of people in the ledger.
        progress: Called with what is measured and the share done.
        seed: Seed of the ledger.

    Returns:
        One row per part, and a last row with their sum.
    """
    evidence, policy = synthetic_ledger(people, seed=seed), RecommendationPolicy()
    rows: list[MasteryCost] = []

    def measure(part: str, rows_in: int, work: Callable[[], pl.DataFrame]) -> pl.DataFrame:
        if progress is not None:
            progress(part, len(rows) / 7)
        cost = ResourceMeter()
        with cost:
            output = work()
        rows.append(MasteryCost(part, rows_in, output.height, cost.seconds, cost.peak_mb))
        return output

    fitting = ResourceMeter()
    with fitting:
        tracing = learn_knowledge_tracing(evidence, AS_OF, policy.stages)
    rows.append(MasteryCost("tracing", evidence.height, len(tracing.skill_ids), fitting.seconds, fitting.peak_mb))
    stages = policy.stages
    held = measure("mastery", evidence.height, partial(estimate_mastery, evidence, AS_OF, stages, tracing))
    steps = measure("steps", evidence.height, partial(find_reached_steps, evidence, AS_OF, stages, tracing))
    prerequisites = measure("precedence", steps.height, partial(learn_prerequisites, steps, policy.precedence))
    context = synthetic_context(held, prerequisites, people, seed=seed)
    measure(
        "capabilities", held.height, partial(compute_capability_coverage, held, context.skills, context.prerequisites)
    )
    candidates = synthetic_candidates(held, people, seed=seed)
    measure("motives", candidates.height, partial(score_motives, candidates, context))
    teams = pl.DataFrame({"person_id": person_ids(people), "unit_name": [f"team {i // TEAM}" for i in range(people)]})
    measure("alignment", people, partial(align_teams, teams, context, min_team_people=5, minimum_people=3))
    total = MasteryCost(
        "all",
        evidence.height,
        sum(row.rows_out for row in rows),
        sum(row.seconds for row in rows),
        max(row.peak_mb for row in rows),
    )
    return [*rows, total]


def person_ids(people: int) -> pl.Series:
    """Return 0000000, 0000001, …"""
    return pl.Series("person_id", np.arange(people)).cast(pl.String).str.zfill(7)


def skill_ids() -> pl.Series:
    """Return 000, 001, …"""
    return pl.Series("skill_id", np.arange(SKILLS)).cast(pl.String).str.zfill(3)


def synthetic_ledger(people: int, *, seed: int = 0) -> pl.DataFrame:
    """Return rows of EVIDENCE, about 44 per person; feedback gets better over time."""
    rng = np.random.default_rng(seed)
    pair = np.repeat(
        np.arange(people * PAIRS_PER_PERSON), rng.poisson(ROWS_PER_PAIR - 1, people * PAIRS_PER_PERSON) + 1
    )
    person = pair // PAIRS_PER_PERSON
    first = rng.integers(0, SKILLS, people)[person]
    skill = (first + 7 * (pair % PAIRS_PER_PERSON)) % SKILLS
    mode = rng.choice(len(MODES), len(pair), p=MODE_SHARES)
    day = rng.integers(0, DAYS, len(pair))
    is_positive = rng.random(len(pair)) < 0.4 + 0.5 * day / DAYS
    amount = np.choose(mode, [rng.integers(1, 33, len(pair)) / 4, 1.0, np.where(is_positive, 0.9, 0.3), 1.0])
    feedback_kinds = pl.Series(["peer", "manager", "assessment"])
    is_feedback = pl.Series(mode == MODES.index("feedback"))
    first_day = int(datetime(2026, 6, 30, tzinfo=UTC).timestamp() / 86_400) - DAYS
    number = pl.int_range(len(pair), eager=True)
    frame = pl.DataFrame(
        {
            "person_id": person_ids(people).gather(person),
            "skill_id": skill_ids().gather(skill),
            "occurred_at": pl.Series(first_day + day).cast(pl.Int32).cast(pl.Date).cast(pl.Datetime("us", "UTC")),
            "mode": pl.Series(MODES).gather(mode),
            "amount": amount,
            "amount_unit": pl.Series(["hours", "count", "share", "count"]).gather(mode),
            "evidence_id": number.cast(pl.String),
            "record_code": number.cast(pl.String),
            "row_number": number + 1,
        }
    )
    kind = feedback_kinds.gather(rng.integers(0, 3, len(pair))).alias("kind")
    judge = person_ids(people).gather(rng.integers(0, people, len(pair))).alias("judge")
    frame = frame.with_columns(
        pl.when(is_feedback).then(kind).alias("feedback_kind"),
        pl.when(is_feedback).then(judge).alias("given_by_id"),
        pl.lit("core_project__event_worklog").alias("table_name"),
        pl.lit("synthetic").alias("source_name"),
        pl.lit("0" * 64).alias("file_sha256"),
        pl.lit("amount").alias("source_column"),
    )
    return frame.select(pl.col(name).cast(dtype) for name, dtype in EVIDENCE.schema.items())


def synthetic_context(
    held: pl.DataFrame, prerequisites: pl.DataFrame, people: int, *, seed: int = 0
) -> RecommendationContext:
    """Return capabilities of eight micro-skills, a role for everyone, wishes of every third person, demand for all."""
    rng, ids = np.random.default_rng(seed + 1), skill_ids()
    capability = pl.Series(np.arange(SKILLS) // CAPABILITY_SKILLS).cast(pl.String)
    skills = pl.DataFrame(
        {
            "skill_id": ids,
            "skill_name": "skill " + ids,
            "capability_id": capability,
            "capability_name": "capability " + capability,
            "capability_weight": np.full(SKILLS, 1.0 / CAPABILITY_SKILLS),
        }
    )
    roles = pl.Series(np.arange(40)).cast(pl.String)
    profile = pl.DataFrame(
        {
            "role_name": roles.gather(np.repeat(np.arange(40), 30)),
            "skill_id": ids.gather(np.concatenate([rng.choice(SKILLS, 30, replace=False) for _ in range(40)])),
            "importance": pl.Series(["essential", "optional"]).gather(rng.integers(0, 2, 1200)),
        }
    )
    ids_of_people = person_ids(people)
    n_wishers = people // 3
    return RecommendationContext(
        mastery=held,
        skills=skills,
        prerequisites=prerequisites.select("skill_id", "requires_skill_id"),
        wishes=pl.DataFrame(
            {
                "person_id": ids_of_people[:n_wishers],
                "skill_id": ids.gather(rng.integers(0, SKILLS, n_wishers)),
                "wish_weight": rng.random(n_wishers),
            }
        ),
        roles=pl.DataFrame({"person_id": ids_of_people, "role_name": roles.gather(rng.integers(0, 40, people))}),
        role_profiles=profile,
        demand=pl.DataFrame({"skill_id": ids, "demand_count": rng.integers(1, 500, SKILLS)}),
    )


def synthetic_candidates(held: pl.DataFrame, people: int, *, seed: int = 0) -> pl.DataFrame:
    """Return forty steps per person, and the next stage of everything held below master, as a run ranks them."""
    rng = np.random.default_rng(seed + 2)
    person = np.repeat(np.arange(people), CANDIDATES_PER_PERSON)
    skill = (rng.integers(0, SKILLS, people)[person] + 11 * np.tile(np.arange(CANDIDATES_PER_PERSON), people)) % SKILLS
    new = pl.DataFrame({"person_id": person_ids(people).gather(person), "skill_id": skill_ids().gather(skill)})
    new = new.with_columns(pl.lit(STAGES[1]).alias("to_stage")).join(held, on=("person_id", "skill_id"), how="anti")
    above = dict(pairwise(STAGES))
    deeper = held.filter(pl.col("stage") != STAGES[-1]).select(
        "person_id", "skill_id", pl.col("stage").replace_strict(above, return_dtype=pl.String).alias("to_stage")
    )
    steps = pl.concat([new, deeper])
    return steps.with_columns(pl.concat_str("skill_id", "to_stage", separator="|").alias("step_id"))
