"""What readers were shown and what they accepted: acceptance by rank, position bias, and an estimate for another order.

Belongs here: labels from exposures and outcomes, and the figures made of them, each with its interval.
Does not belong here: landing exposures and outcomes (`pipelines.contracts.canonical_schemas`), training.

People look at the first ranks most, so acceptance by rank mixes how good a step is with where it was shown. The two can
be separated only if the same step was shown at several ranks (Agarwal et al., "Estimating position bias without
intrusive interventions", WSDM 2019); else the bias is unknown and null.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from ml.data.statistics import percentile_interval, wilson_interval

# Outcomes that mean the person took the step up.
ACCEPTED = ("accepted", "started", "done")
# A larger weight belongs to a rank that hardly anybody looks at: a single row would decide the estimate.
MAX_WEIGHT = 10.0
# Draws of the bootstrap over people; the ends of a 95 % interval then vary in the third digit.
_BOOTSTRAP_DRAWS = 1_000
_SEED = 7
_Z_95 = 1.959964  # normal quantile of a two-sided 95 % interval
# A ratio between two ranks rests on at least this number of steps that were shown at both.
_MIN_STEPS = 5
_STEP_KEYS = ("snapshot_id", "person_id", "skill_id", "to_stage")


@dataclass(frozen=True)
class Estimate:
    """A share with its 95 % interval, and how many people and rows it rests on."""

    share: float
    low: float
    high: float
    people_count: int
    row_count: int


def label_exposures(exposures: pl.DataFrame, outcomes: pl.DataFrame) -> pl.DataFrame:
    """Label each shown step by whether it was accepted.

    Args:
        exposures: Rows of the contract `core_reader__event_exposure`. Of several exposures of a step the first counts.
        outcomes: Rows of `core_reader__event_outcome`. An outcome before the exposure does not count, and one without
            an exposure is left out (see `count_unmatched_outcomes`).

    Returns:
        One row per snapshot, person and step that was shown: snapshot_id, person_id, skill_id, to_stage, shown_rank,
        shown_at, is_accepted.
    """
    return (
        exposures.sort("shown_at", "shown_rank")
        .unique(_STEP_KEYS, keep="first", maintain_order=True)
        .select(*_STEP_KEYS, "shown_rank", "shown_at")
        .join(
            outcomes.filter(pl.col("outcome_kind").is_in(ACCEPTED)).select(*_STEP_KEYS, "outcome_at"),
            on=_STEP_KEYS,
            how="left",
        )
        .group_by(*_STEP_KEYS, "shown_rank", "shown_at")
        .agg(is_accepted=(pl.col("outcome_at") >= pl.col("shown_at")).fill_null(False).any())
        .sort(_STEP_KEYS)
    )


def count_unmatched_outcomes(exposures: pl.DataFrame, outcomes: pl.DataFrame) -> int:
    """The number of outcomes of steps that no exposure names; every estimate is reported with it."""
    return outcomes.join(exposures, on=_STEP_KEYS, how="anti").height


def measure_acceptance_by_rank(labelled_exposures: pl.DataFrame) -> pl.DataFrame:
    """The share of accepted steps per rank.

    Args:
        labelled_exposures: See `label_exposures`.

    Returns:
        One row per rank: shown_rank, shown_count, accepted_count, acceptance_share, acceptance_low and acceptance_high
        (Wilson's 95 % interval).
    """
    shown_count, accepted_share = pl.col("shown_count"), pl.col("accepted_count") / pl.col("shown_count")
    lower_end, upper_end = wilson_interval(accepted_share, shown_count, _Z_95)
    return (
        labelled_exposures.group_by("shown_rank")
        .agg(shown_count=pl.len().cast(pl.Int64), accepted_count=pl.col("is_accepted").sum().cast(pl.Int64))
        .with_columns(
            acceptance_share=accepted_share, acceptance_low=lower_end.clip(0, 1), acceptance_high=upper_end.clip(0, 1)
        )
        .sort("shown_rank")
    )


def measure_position_bias(labelled_exposures: pl.DataFrame) -> pl.DataFrame:
    """How much each rank is looked at compared with rank 1.

    The ratio of acceptance of the same steps at rank k and at rank 1. The weight of a step is the number of times that
    it was shown at rank k or at rank 1, whichever is smaller.

    Args:
        labelled_exposures: See `label_exposures`.

    Returns:
        One row per rank: shown_rank, examined_share (1.0 for rank 1; null if fewer than five steps were shown at both
        ranks), step_count (the steps it rests on).
    """
    acceptance_rates = labelled_exposures.group_by("skill_id", "to_stage", "shown_rank").agg(
        n=pl.len(), rate=pl.col("is_accepted").mean()
    )
    rarer_showing_count = pl.min_horizontal("n", "n_first")
    rank_ratios = (
        acceptance_rates.join(
            acceptance_rates.filter(pl.col("shown_rank") == 1).drop("shown_rank"),
            on=("skill_id", "to_stage"),
            suffix="_first",
        )
        .group_by("shown_rank")
        .agg(
            step_count=pl.len().cast(pl.Int64),
            ratio=(pl.col("rate") * rarer_showing_count).sum() / (pl.col("rate_first") * rarer_showing_count).sum(),
        )
    )
    is_ratio_known = (pl.col("step_count") >= _MIN_STEPS) & pl.col("ratio").is_finite() & (pl.col("ratio") > 0)
    examined_share = (
        pl.when(pl.col("shown_rank") == 1).then(1.0).when(is_ratio_known).then(pl.col("ratio").clip(upper_bound=1.0))
    )
    return (
        labelled_exposures.select("shown_rank")
        .unique()
        .join(rank_ratios, on="shown_rank", how="left")
        .select("shown_rank", examined_share=examined_share, step_count=pl.col("step_count").fill_null(0))
        .sort("shown_rank")
    )


def estimate_acceptance(
    labelled_exposures: pl.DataFrame, position_bias: pl.DataFrame, new_ranks: pl.DataFrame
) -> Estimate | None:
    """Estimate the acceptance of the shown steps, had they been shown at other ranks (inverse propensity).

    A row weighs how much its new rank is looked at over how much its shown rank was, at most MAX_WEIGHT. Steps that
    were never shown have no row: the estimate does not cover them. The interval is a bootstrap over people.

    Args:
        labelled_exposures: See `label_exposures`.
        position_bias: See `measure_position_bias`.
        new_ranks: snapshot_id, person_id, skill_id, to_stage, rank: the other order.

    Returns:
        The estimate; None if there is no row for which the bias of both ranks is known.
    """
    examined_shares = position_bias.select("shown_rank", "examined_share").drop_nulls()
    exposure_weight = (pl.col("examined_new") / pl.col("examined_share")).clip(0, MAX_WEIGHT)
    person_sums = (
        labelled_exposures.join(new_ranks, on=_STEP_KEYS)
        .join(examined_shares, on="shown_rank")
        .join(examined_shares.rename({"shown_rank": "rank", "examined_share": "examined_new"}), on="rank")
        .group_by("person_id")
        .agg(hits=(exposure_weight * pl.col("is_accepted")).sum(), n=pl.len())
        .sort("person_id")
    )
    if not person_sums.height:
        return None
    weighted_hits, shown_counts = person_sums["hits"].to_numpy(), person_sums["n"].to_numpy().astype(np.float64)
    draw_counts = np.random.default_rng(_SEED).multinomial(
        len(weighted_hits), np.full(len(weighted_hits), 1 / len(weighted_hits)), size=_BOOTSTRAP_DRAWS
    )
    acceptance_low, acceptance_high = percentile_interval(
        (draw_counts @ weighted_hits) / (draw_counts @ shown_counts)
    ).tolist()
    return Estimate(
        float(weighted_hits.sum() / shown_counts.sum()),
        acceptance_low,
        acceptance_high,
        len(weighted_hits),
        int(shown_counts.sum()),
    )
