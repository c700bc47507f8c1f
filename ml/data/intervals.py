"""Confidence intervals.

Belongs here: the interval of a share, the interval of bootstrap resamples.
Does not belong here: what is resampled (see `ml.evaluation.metrics`).
"""

import numpy as np
import polars as pl

from ml.data.interactions import Doubles


def wilson_interval(share: pl.Expr, count: pl.Expr, z: float) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's (1927) score interval of a share.

    Args:
        share: Observed share, 0 to 1.
        count: Number of observations; it need not be an integer.
        z: Quantile of the standard normal distribution, such as 1.96 for 95 %.

    Returns:
        The lower and the upper end. Rounding can put them outside of 0 to 1 by less than 1e-15.
    """
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half_width = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)).sqrt()
    return middle - half_width, middle + half_width


def percentile_interval(resamples: Doubles) -> Doubles:
    """The 95 % bootstrap interval: the 2.5th and the 97.5th percentile over the first axis (2 x the other axes)."""
    return np.asarray(np.quantile(resamples, [0.025, 0.975], axis=0), np.float64)
