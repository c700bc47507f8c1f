"""What readers showed and what came of it: acceptance by rank, position bias, and an estimate for another order.

Belongs here: labels from exposures and outcomes, and the figures made of them, each with its interval.
Does not belong here: landing them (`pipelines.contracts.canonical_schemas`), training (`ml.ranking.recommender`).

What is shown first is looked at most: acceptance by rank mixes how good a step is with where it stood. The two are told
apart only where the same step was shown at several ranks (Agarwal et al., "Estimating position bias without intrusive
interventions", WSDM 2019); where it never was, the bias is unknown, and is said to be.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

# Outcomes that mean the person took the step up.
ACCEPTED = ("accepted", "started", "done")
# A weight above this rests on a rank hardly anybody looks at: one lucky row would make the estimate.
MAX_WEIGHT = 10.0
# Draws of the bootstrap over people; the ends of a 95 % interval then move in the third digit.
_DRAWS = 1_000
_SEED = 7
# Of a two-sided interval of 95 %.
_Z = 1.959964
# Steps shown at both ranks before a ratio between them is told.
_LEAST_STEPS = 5


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval, and how many people and rows it rests on."""

    share: float
    low: float
    high: float
    people: int
    rows: int


def label_exposures(exposures: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """One row per snapshot, person and step that was shown: shown_rank, shown_at, is_accepted.

    Joined on snapshot_id, person_id, skill_id and to_stage. Of several exposures the first counts; an outcome before it
    was no answer to it. Outcomes that nobody was shown anything for are left out: see `count_unmatched`.
    """
    step = ("snapshot_id", "person_id", "skill_id", "to_stage")
    shown = exposures.sort("shown_at", "shown_rank").unique(step, keep="first", maintain_order=True)
    taken = outcomes.filter(pl.col("outcome_kind").is_in(ACCEPTED)).select(*step, "outcome_at")
    joined = shown.select(*step, "shown_rank", "shown_at").join(taken, on=step, how="left")
    answered = (pl.col("outcome_at") >= pl.col("shown_at")).fill_null(False).any().alias("is_accepted")
    return joined.group_by(*step, "shown_rank", "shown_at").agg(answered).sort(step)


def count_unmatched_outcomes(exposures: pl.DataFrame, outcomes: pl.DataFrame) -> int:
    """Outcomes of steps that no exposure names: told beside every estimate, never dropped in silence."""
    step = ["snapshot_id", "person_id", "skill_id", "to_stage"]
    return outcomes.join(exposures, on=step, how="anti").height


def measure_acceptance_by_rank(labels: pl.DataFrame) -> pl.DataFrame:
    """One row per rank: shown_count, accepted_count, acceptance_share with its Wilson 95 % interval."""
    counts = labels.group_by("shown_rank").agg(
        pl.len().cast(pl.Int64).alias("shown_count"), pl.col("is_accepted").sum().cast(pl.Int64).alias("accepted_count")
    )
    n, p = pl.col("shown_count"), pl.col("accepted_count") / pl.col("shown_count")
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z * (p * (1 - p) / n + _Z**2 / (4 * n**2)).sqrt() / (1 + _Z**2 / n)
    return counts.select(
        "shown_rank",
        "shown_count",
        "accepted_count",
        p.alias("acceptance_share"),
        (middle - half).clip(0, 1).alias("acceptance_low"),
        (middle + half).clip(0, 1).alias("acceptance_high"),
    ).sort("shown_rank")


def measure_position_bias(labels: pl.DataFrame) -> pl.DataFrame:
    """One row per rank: how much it is looked at compared with rank 1 (1.0), and the steps that this rests on.

    Ratios of acceptance of the same steps at rank k and rank 1, weighted by the rarer showing; null where fewer than
    five steps were shown at both, since nothing is then known.
    """
    rates = labels.group_by("skill_id", "to_stage", "shown_rank").agg(
        pl.len().alias("n"), pl.col("is_accepted").mean().alias("rate")
    )
    first = rates.filter(pl.col("shown_rank") == 1).drop("shown_rank")
    both = rates.join(first, on=("skill_id", "to_stage"), suffix="_first")
    weight = pl.min_horizontal("n", "n_first")
    found = both.group_by("shown_rank").agg(
        pl.len().cast(pl.Int64).alias("step_count"),
        ((pl.col("rate") * weight).sum() / (pl.col("rate_first") * weight).sum()).alias("ratio"),
    )
    known = (pl.col("step_count") >= _LEAST_STEPS) & pl.col("ratio").is_finite() & (pl.col("ratio") > 0)
    examined = pl.when(pl.col("shown_rank") == 1).then(1.0).when(known).then(pl.col("ratio").clip(upper_bound=1.0))
    ranks = labels.select("shown_rank").unique().join(found, on="shown_rank", how="left")
    return ranks.select("shown_rank", examined.alias("examined_share"), pl.col("step_count").fill_null(0)).sort(
        "shown_rank"
    )


def estimate_acceptance(labels: pl.DataFrame, bias: pl.DataFrame, ranks: pl.DataFrame) -> Estimate | None:
    """Acceptance of the steps, had they been shown at other ranks: an inverse-propensity estimate per row shown.

    `ranks`: snapshot_id, person_id, skill_id, to_stage, rank. A row weighs as much as its new rank is looked at over as
    much as its shown rank was, at most `MOST_WEIGHT`. None where the bias of no row's ranks is known. The interval is a
    bootstrap over people. Steps that were never shown have no row: the estimate is of what was shown.
    """
    step = ["snapshot_id", "person_id", "skill_id", "to_stage"]
    looked = bias.select("shown_rank", "examined_share")
    rows = labels.join(ranks, on=step).join(looked, on="shown_rank")
    rows = rows.join(looked.rename({"shown_rank": "rank", "examined_share": "examined_new"}), on="rank")
    rows = rows.drop_nulls(["examined_share", "examined_new"])
    if not rows.height:
        return None
    rows = rows.with_columns((pl.col("examined_new") / pl.col("examined_share")).clip(0, MAX_WEIGHT).alias("weight"))
    per_person = (
        rows.group_by("person_id")
        .agg((pl.col("weight") * pl.col("is_accepted")).sum().alias("hits"), pl.col("examined_share").len().alias("n"))
        .sort("person_id")
    )
    hits, shown = per_person["hits"].to_numpy(), per_person["n"].to_numpy().astype(np.float64)
    rng = np.random.default_rng(_SEED)
    drawn = rng.multinomial(len(hits), np.full(len(hits), 1 / len(hits)), size=_DRAWS)
    draws = (drawn @ hits) / (drawn @ shown)
    low, high = np.quantile(draws, [0.025, 0.975])
    share = float(hits.sum() / shown.sum())
    return Estimate(share, float(low), float(high), len(hits), rows.height)
