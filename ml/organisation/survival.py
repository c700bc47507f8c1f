"""How long something takes if not everybody is there yet: the Kaplan-Meier estimate and its quantiles.

Belongs here: every formula about durations with an open end, with its source.
Does not belong here: which durations there are (`ml.organisation.stage_times`).
"""

import math
import warnings
from dataclasses import dataclass

import numpy as np
from scipy.stats import CensoredData, ecdf

from ml.data.sparse_rows import Bools, Doubles

DAYS_PER_MONTH = 365.25 / 12
_CONFIDENCE = 0.95


@dataclass(frozen=True)
class DurationEstimate:
    """How long it takes; each number of days is None if the histories are too short to tell.

    Attributes:
        quarter_days: Days within which a quarter arrive.
        half_days: Days within which half arrive: the median.
        three_quarters_days: Days within which three quarters arrive.
        half_low_days: Lower end of the 95 % interval of the median.
        half_high_days: Upper end of that interval.
        unreached_share: Share that has not arrived after the longest history, 0 to 1.
        followed_days: Length of the longest history.
    """

    quarter_days: float | None
    half_days: float | None
    three_quarters_days: float | None
    half_low_days: float | None
    half_high_days: float | None
    unreached_share: float
    followed_days: float


def estimate_durations(durations: Doubles, is_reached: Bools) -> DurationEstimate:
    """Estimate how long it takes to arrive.

    The share S(t) that has not arrived after t days is the product of 1 - d / n over the days up to t on which d of the
    n histories that are still open arrive (Kaplan and Meier 1958, Journal of the American Statistical Association 53).
    A history that ends before its person arrives counts until it ends: leaving it out would make the time too short,
    and so would taking its end for the arrival. A quantile is the first day on which S is at most what remains. The
    interval of the median holds the days at which the pointwise 95 % band of S contains 1/2 (Brookmeyer and Crowley
    1982, Biometrics 38); the band is Greenwood's variance on the scale log(-log S), as scipy computes it.

    Args:
        durations: Days from the beginning to the arrival, or to the end of the history; one or more, 0 or more each.
        is_reached: Whether the history ends with the arrival.

    Returns:
        The estimate. The end of a history must not depend on how near the person is to the arrival.
    """
    followed_days = float(durations.max())
    if not is_reached.any():
        return DurationEstimate(None, None, None, None, None, 1.0, followed_days)
    survival = ecdf(CensoredData(uncensored=durations[is_reached], right=durations[~is_reached])).sf
    with warnings.catch_warnings():
        # the band has no value where everybody or nobody is left, which is no fault
        warnings.simplefilter("ignore", RuntimeWarning)
        band = survival.confidence_interval(_CONFIDENCE, method="log-log")
    days, shares = survival.quantiles, survival.probabilities
    return DurationEstimate(
        _find_first_day(days, shares, 0.75),
        _find_first_day(days, shares, 0.5),
        _find_first_day(days, shares, 0.25),
        _find_first_day(days, band.low.probabilities, 0.5),
        _find_first_day(days, band.high.probabilities, 0.5),
        float(shares[-1]),
        followed_days,
    )


def count_months(days: float | None) -> int | None:
    """Whole months within which a number of days lies."""
    return None if days is None else math.ceil(days / DAYS_PER_MONTH)


def _find_first_day(days: Doubles, shares: Doubles, remaining_share: float) -> float | None:
    """The first day on which a share is at most what remains; None if there is none. NaN is no share."""
    # a product of shares that is 1/2 on paper may be a little more as a float
    is_small = shares <= remaining_share + 1e-12
    return float(days[np.argmax(is_small)]) if is_small.any() else None
