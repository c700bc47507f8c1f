"""Times to stages and crafts at risk, compared with the truth of a simulated company over many seeds.

Belongs here: the measures.
Does not belong here: the truth (`simulation`), how both are estimated (`ml.organisation`).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from benchmarks.craft.simulation import AS_OF, simulate_crafts, simulate_histories, true_quantile_days
from benchmarks.tables import print_results
from ml.organisation.craft_at_risk import count_practising_masters, is_at_risk
from ml.organisation.stage_times import list_durations
from ml.organisation.survival import DurationEstimate, estimate_durations


@dataclass(frozen=True)
class CraftMeasure:
    """One measure over all seeds: its mean, the standard error of the mean, the truth, and the number of seeds."""

    measure: str
    mean: float
    standard_error: float
    truth: float
    seeds: int


def measure_stage_times(seeds: int, people: int = 400) -> list[CraftMeasure]:
    """Compare the estimated times to journeyman with the law of the simulation.

    Args:
        seeds: Number of simulated companies.
        people: People who were ever hired in each.

    Returns:
        The quarter and the half in days, the share of intervals that hold the true median, and the median of the
        histories that are finished, which is what an average without open histories tells.
    """
    estimates: list[DurationEstimate] = []
    finished_medians = []
    for seed in range(seeds):
        company = simulate_histories(seed, people)
        durations = list_durations(company.reached_steps, company.people, AS_OF)
        durations = durations.filter(from_stage="apprentice", to_stage="journeyman")
        days, is_reached = durations["duration_days"].to_numpy(), durations["is_reached"].to_numpy()
        estimates.append(estimate_durations(days, is_reached))
        finished_medians.append(float(np.median(days[is_reached])))
    median = true_quantile_days(0.5)
    covered = [(estimate.half_low_days or 0) <= median <= (estimate.half_high_days or np.inf) for estimate in estimates]
    quarters = [estimate.quarter_days or np.nan for estimate in estimates]
    halves = [estimate.half_days or np.nan for estimate in estimates]
    return [
        _summarise("days until a quarter is journeyman", quarters, true_quantile_days(0.25)),
        _summarise("days until half are journeyman", halves, median),
        _summarise("95 % interval holds the true median", covered, 0.95),
        _summarise("the same, of finished histories only", finished_medians, median),
    ]


def measure_crafts_at_risk(seeds: int, crafts: int = 100) -> list[CraftMeasure]:
    """Compare the crafts at risk with those that were planted to be lost.

    Args:
        seeds: Number of simulated companies.
        crafts: Crafts in each; a quarter is planted to be lost.

    Returns:
        The share of planted crafts that are found, and the share of all others that are told to be at risk.
    """
    found_shares, false_shares = [], []
    for seed in range(seeds):
        company = simulate_crafts(seed, crafts)
        masters = count_practising_masters(
            company.mastery, company.reached_steps, company.people.drop("unit_name"), AS_OF
        )
        named_ids = set(masters.filter(is_at_risk())["skill_id"])
        found_shares.append(len(named_ids & company.lost_skill_ids) / len(company.lost_skill_ids))
        false_shares.append(len(named_ids - company.lost_skill_ids) / (crafts - len(company.lost_skill_ids)))
    return [
        _summarise("planted crafts that are found", found_shares, 1.0),
        _summarise("other crafts that are told to be at risk", false_shares, 0.0),
    ]


def print_craft(seeds: int, people: int, as_json: bool) -> None:
    """Print all measures.

    Args:
        seeds: Number of simulated companies.
        people: People of each company whose histories are estimated.
        as_json: Whether to print one JSON document.
    """
    print_results("Crafts", [*measure_stage_times(seeds, people), *measure_crafts_at_risk(seeds)], as_json)


def _summarise(measure: str, figures: list[float] | list[bool], truth: float) -> CraftMeasure:
    numbers = pl.Series(figures).cast(pl.Float64).to_numpy()
    standard_error = float(numbers.std(ddof=1) / np.sqrt(len(numbers))) if len(numbers) > 1 else 0.0
    return CraftMeasure(measure, float(numbers.mean()), standard_error, truth, len(numbers))
