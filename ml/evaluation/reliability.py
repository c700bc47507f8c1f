"""Reliability: how well probabilities match outcomes, in tenths of the probability and by segment.

Belongs here: calibration error, Brier score and its skill, expected over observed counts with their intervals.
Does not belong here: which predictions are measured (see scoring), the calibrator (`ml.ranking.calibration`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sqrt

import numpy as np

from ml.data.sparse_rows import Bools, Doubles, Ints
from ml.data.statistics import percentile_interval
from ml.evaluation.metrics import RESAMPLE_COUNT

TENTHS = 10
ALL = "all"


@dataclass(frozen=True)
class ReliabilityBin:
    """One bin of a reliability diagram; `ml.evaluation.results.to_stored_dict` gives its keys on disk."""

    n: int  # probabilities in the bin
    mean_probability: float
    observed_share: float  # of positive outcomes


@dataclass(frozen=True)
class ExpectedObserved:
    """The sum of the probabilities of a group, the number that came true, and their ratio.

    The bounds are a 95 % bootstrap interval over people. The ratio is None if nothing came true, and the upper bound is
    None if that happens in resamples.
    """

    group: str  # `all`, a segment, or `tenth_1` (the lowest probabilities) to `tenth_10`
    n: int  # probabilities in the group
    expected: float
    observed: int
    ratio: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Reliability:
    """How well probabilities match outcomes: error over ten equal-count bins, Brier score, its skill over the base
    rate.

    `brier_skill` compares with the base rate of the measured outcomes, which nobody knew before. `prior_brier_skill`
    compares with the base rate that was known when the model was frozen.
    """

    n: int  # probabilities in all bins
    base_rate: float
    ece: float
    brier: float
    brier_skill: float
    bins: tuple[ReliabilityBin, ...] = ()  # by rising probability
    prior_base_rate: float | None = None
    prior_brier_skill: float | None = None
    groups: tuple[ExpectedObserved, ...] = ()


def measure_reliability(
    probability: Doubles,
    outcomes: Bools,
    *,
    person_codes: Ints | None = None,
    segment_masks: Mapping[str, Bools] | None = None,
    prior_base_rate: float | None = None,
    seed: int = 0,
) -> Reliability | None:
    """Compare probabilities with outcomes.

    Args:
        probability: One value per prediction.
        outcomes: Whether each predicted item was acquired.
        person_codes: Person of each prediction; without them there are no expected and observed counts.
        segment_masks: The predictions of each segment.
        prior_base_rate: The share of positive outcomes that was known when the model was frozen.
        seed: Seed of the bootstrap.

    Returns:
        Expected calibration error, Brier score, and its skill over predicting a base rate; None without predictions.
    """
    n_predictions = len(probability)
    if not n_predictions:
        return None
    base_rate = float(outcomes.mean())
    brier = float(((probability - outcomes) ** 2).mean())
    bin_indices_by_bin = np.array_split(np.argsort(probability, kind="stable"), min(TENTHS, n_predictions))
    bins = tuple(
        ReliabilityBin(len(bin_indices), float(probability[bin_indices].mean()), float(outcomes[bin_indices].mean()))
        for bin_indices in bin_indices_by_bin
    )
    ece = (
        sum(
            abs(reliability_bin.mean_probability - reliability_bin.observed_share) * reliability_bin.n
            for reliability_bin in bins
        )
        / n_predictions
    )
    groups: tuple[ExpectedObserved, ...] = ()
    if person_codes is not None:
        tenth_masks = {
            f"tenth_{tenth_number}": np.isin(np.arange(n_predictions), bin_indices)
            for tenth_number, bin_indices in enumerate(bin_indices_by_bin, 1)
        }
        all_masks = {ALL: np.ones(n_predictions, bool), **(segment_masks or {}), **tenth_masks}
        groups = compare_counts(probability, outcomes, person_codes, all_masks, seed)
    return Reliability(
        n_predictions,
        base_rate,
        ece,
        brier,
        _compute_skill(brier, base_rate * (1.0 - base_rate)),
        bins,
        prior_base_rate,
        None if prior_base_rate is None else _compute_skill(brier, float(((prior_base_rate - outcomes) ** 2).mean())),
        groups,
    )


def _compute_skill(brier: float, base_brier: float) -> float:
    return 1.0 - brier / base_brier if base_brier else 0.0


def compare_counts(
    probability: Doubles, outcomes: Bools, person_codes: Ints, group_masks: Mapping[str, Bools], seed: int
) -> tuple[ExpectedObserved, ...]:
    """Expected and observed counts of groups of predictions, with intervals over resamples of people.

    All predictions of a person are drawn together: what a person acquires is not independent.

    Args:
        probability: One value per prediction.
        outcomes: Whether each predicted item was acquired.
        person_codes: Person of each prediction.
        group_masks: The predictions of each group.
        seed: The same seed draws the same people.

    Returns:
        One row per group that has a prediction.
    """
    group_masks = {group_name: is_in_group for group_name, is_in_group in group_masks.items() if is_in_group.any()}
    _, person_index = np.unique(person_codes, return_inverse=True)
    n_people = int(person_index.max(initial=-1)) + 1
    expected_sums, observed_sums = (
        np.stack(
            [np.bincount(person_index, counted * is_in_group, n_people) for is_in_group in group_masks.values()], 1
        )
        for counted in (probability, outcomes.astype(np.float64))
    )
    rng = np.random.default_rng(seed)
    observed_over_expected = np.empty((RESAMPLE_COUNT, len(group_masks)))
    for resample_index in range(RESAMPLE_COUNT):
        draw_counts = np.bincount(rng.integers(0, n_people, n_people), minlength=n_people)
        observed_over_expected[resample_index] = (draw_counts @ observed_sums) / np.maximum(
            draw_counts @ expected_sums, 1e-12
        )
    bounds = percentile_interval(observed_over_expected).T.tolist()
    return tuple(
        ExpectedObserved(
            group_name,
            int(is_in_group.sum()),
            expected,
            round(observed),
            expected / observed if observed else None,
            1.0 / upper_share if observed and upper_share else None,
            1.0 / lower_share if observed and lower_share else None,
        )
        for (group_name, is_in_group), expected, observed, (lower_share, upper_share) in zip(
            group_masks.items(),
            expected_sums.sum(axis=0).tolist(),
            observed_sums.sum(axis=0).tolist(),
            bounds,
            strict=True,
        )
    )


def compute_chance_error(reliability: Reliability) -> float:
    """The calibration error that exact probabilities would show by chance: the mean error of a binomial share."""
    expected_errors = [
        reliability_bin.n
        * sqrt(
            2.0 / pi * reliability_bin.mean_probability * (1.0 - reliability_bin.mean_probability) / reliability_bin.n
        )
        for reliability_bin in reliability.bins
    ]
    return sum(expected_errors) / max(reliability.n, 1)
