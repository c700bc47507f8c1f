"""Changes of level with date and certainty, and with a declared rate of false alarms over all units and weeks.

Belongs here: how unlikely a change is by chance, the false discovery rate over all series, the dates.
Does not belong here: the statistic (`adjustment`), which series there are (`series`), the words (`findings`).
"""

from typing import Any

import numpy as np
import ruptures

from ml.organisation.practice_adjustment import LEAST_WEEKS_AFTER, FloatArray, IntArray, StepDesign, scan_steps

# Weeks that stay together when weeks are shuffled, so that a slow week stays next to a slow one.
BLOCK_WEEKS = 4
# Shuffled series per tested series: a false discovery rate of 0.05 needs chances well below 0.05 / series.
_DRAWS_PER_SERIES, _LEAST_DRAWS, _MOST_SHUFFLES = 20, 4_000, 500
# Series that are scanned in one product of matrices.
_ROWS_PER_SCAN = 2_000


def count_shuffles(series_count: int) -> int:
    """How often the weeks of a number of series are shuffled.

    Args:
        series_count: Number of series that are tested together, over all lengths.
    """
    draws = max(_LEAST_DRAWS, _DRAWS_PER_SERIES * series_count)
    return min(-(-draws // max(series_count, 1)), _MOST_SHUFFLES)


def shuffle_statistics(unexplained: FloatArray, design: StepDesign, shuffle_count: int, seed: int) -> FloatArray:
    """The statistics of series without a change: of what level, season and change leave unexplained, shuffled.

    Weeks are shuffled in blocks of four, all series alike, and scanned again. Source: the block resampling of H. R.
    Kuensch, Annals of Statistics 17 (1989).

    Args:
        unexplained: As `fit_season` returns it, of series of one length.
        design: What the series were scanned with.
        shuffle_count: How often.
        seed: Seed of the shuffles.
    """
    if not len(unexplained):
        return np.empty(0)
    rng = np.random.default_rng(seed)
    orders = [shuffle_blocks(unexplained.shape[1], rng) for _ in range(shuffle_count)]
    batch_size = max(1, _ROWS_PER_SCAN // len(unexplained))
    batches = [orders[first : first + batch_size] for first in range(0, shuffle_count, batch_size)]
    return np.concatenate(
        [scan_steps(np.concatenate([unexplained[:, order] for order in batch]), design).statistic for batch in batches]
    )


def estimate_chances(statistics: FloatArray, chance_statistics: FloatArray) -> FloatArray:
    """The share of statistics without a change that are at least as large, of all series and lengths together.

    Source: the pooled permutation null of V. G. Tusher, R. Tibshirani and G. Chu, PNAS 98 (2001).

    Args:
        statistics: Statistic of each series.
        chance_statistics: As `shuffle_statistics` returns them.
    """
    ordered = np.sort(chance_statistics)
    at_least = len(ordered) - np.searchsorted(ordered, statistics - 1e-9, side="left")
    chances: FloatArray = (1 + at_least) / (1 + len(ordered))
    return chances


def shuffle_blocks(week_count: int, rng: np.random.Generator) -> IntArray:
    """The positions of all weeks in a random order of blocks of `BLOCK_WEEKS`, begun at a random week.

    Args:
        week_count: Number of weeks.
        rng: Source of randomness.
    """
    positions = np.roll(np.arange(week_count), int(rng.integers(week_count)))
    blocks = np.array_split(positions, -(-week_count // BLOCK_WEEKS))
    return np.concatenate([blocks[block] for block in rng.permutation(len(blocks))])


def control_discoveries(chances: FloatArray, weights: FloatArray) -> FloatArray:
    """The smallest false discovery rate at which each series counts: min over larger ones of chance x series / rank.

    Each chance is divided by the weight of its series first, and the weights have the mean 1. Source: Y. Benjamini and
    Y. Hochberg, Journal of the Royal Statistical Society B 57 (1995); the weights as in C. R. Genovese, K. Roeder and
    L. Wasserman, Biometrika 93 (2006).

    Args:
        chances: Probability by chance of each series that is tested together.
        weights: How much each series counts, declared without a look at the chances.
    """
    chances = chances * weights.mean() / weights
    order = np.argsort(chances, kind="stable")
    scaled = chances[order] * len(chances) / np.arange(1, len(chances) + 1)
    shares = np.empty(len(chances))
    shares[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return shares


def date_last_change(levels: FloatArray, statistic: float) -> tuple[int, int] | None:
    """Weeks since the last change of a series that has one, and weeks between it and the change before.

    They follow from the optimal partition with a penalty per change: the square of the statistic at which a change
    counts, times the variance from week to week. A further change must explain as much as one that counts alone.
    Source: PELT of R. Killick, P. Fearnhead and I. A. Eckley, Journal of the American Statistical Association 107
    (2012), as in ruptures; with the linear kernel, its cost is the sum of squares around the mean of each part.

    Args:
        levels: Root rates without shocks and season.
        statistic: The statistic at which a change counts.

    Returns:
        Weeks after the last change and weeks before it; None if the partition has none.
    """
    spread = float(np.median(np.abs(np.diff(levels)))) / (0.6745 * np.sqrt(2))
    scale = max(spread, 0.25 * float(levels.std())) or 1.0
    search: Any = ruptures.KernelCPD(kernel="linear", min_size=LEAST_WEEKS_AFTER)
    ends = [0, *search.fit((levels / scale).reshape(-1, 1)).predict(pen=statistic**2)]
    return (len(levels) - int(ends[-2]), int(ends[-2] - ends[-3])) if len(ends) > 2 else None
