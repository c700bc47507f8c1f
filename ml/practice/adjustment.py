"""The formulas of a weekly series: rate per head, common shocks, season, and the scan for a change of level.

Belongs here: every formula by which practice is compared with a unit's own past, each with its source.
Does not belong here: how certain a change is (`changes`), which series there are (`series`), events (`events`).

A series is a row of an array, the oldest week first.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.ndimage import median_filter

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

WEEKS_PER_YEAR = 365.25 / 7
# The fewest weeks after a change: fewer are a holiday or a release. Before it, a quarter shows what is usual.
LEAST_WEEKS_AFTER, LEAST_WEEKS_BEFORE = 4, 13
# Weeks over which a common level is taken: what lasts longer than half of them is no shock.
_SHOCK_WEEKS = 9
# Below this share of the usual level a common shock leaves too little to scale up: the week counts as usual.
_LEAST_SHOCK = 0.2
# A season may lower a week to this share of the year's level.
_LEAST_SEASON = 0.1


class StepScan(NamedTuple):
    """The best single change of level of each series.

    Attributes:
        weeks_after: Weeks since the change.
        statistic: Absolute t-statistic of the change: of its difference of levels, given the season.
    """

    weeks_after: IntArray
    statistic: FloatArray


class StepDesign(NamedTuple):
    """What series of one length are scanned with.

    Attributes:
        basis: Orthonormal columns that span level and season, weeks x columns.
        steps: One row per candidate change, residualised on `basis`, of length 1.
        weeks_after: Weeks since each candidate change.
    """

    basis: FloatArray
    steps: FloatArray
    weeks_after: IntArray


def root_rates(amounts: FloatArray, staff: FloatArray) -> FloatArray:
    """Square roots of the amounts per head: of about equal variance, whatever the level.

    Source: F. J. Anscombe, The transformation of Poisson, binomial and negative-binomial data, Biometrika 35 (1948).

    Args:
        amounts: Amount per series and week.
        staff: People of the unit per series and week; 0 counts as one.
    """
    return np.sqrt(amounts / np.maximum(staff, 1.0))


def common_shocks(roots: FloatArray) -> FloatArray:
    """The factor by which a week differs for all series together, for less than half of nine weeks: a holiday.

    The median over the series of root / mean root, divided by its own running median; in the last weeks by the median
    of the last nine, so that a common change counts as a shock until it has lasted five weeks. Source: the running
    median of J. W. Tukey, Exploratory Data Analysis (1977), chapter 7.

    Args:
        roots: Root rates per series and week.

    Returns:
        One factor per week; 1 where the series have no common level.
    """
    levels = roots.mean(axis=1, keepdims=True)
    relative = np.median(roots / np.where(levels > 0, levels, 1.0), axis=0)
    usual = median_filter(relative, size=_SHOCK_WEEKS, mode="nearest")
    usual[-(_SHOCK_WEEKS // 2) :] = np.median(relative[-_SHOCK_WEEKS:])
    return np.where(usual > _LEAST_SHOCK, relative / np.where(usual > 0, usual, 1.0), 1.0)


def remove_shocks(roots: FloatArray, shocks: FloatArray) -> FloatArray:
    """Divide root rates by common shocks; a week that lost more than four fifths counts as the series' mean.

    Args:
        roots: Root rates per series and week.
        shocks: As `common_shocks` returns them.
    """
    levels = roots.mean(axis=1, keepdims=True)
    return np.where(shocks > _LEAST_SHOCK, roots / np.maximum(shocks, _LEAST_SHOCK), levels)


def count_harmonics(week_count: int) -> int:
    """Sine and cosine pairs that a history allows: two from two years on, one from one year on, else none.

    With less than a year a season cannot be told from a change.
    """
    return 2 if week_count >= 2 * WEEKS_PER_YEAR else 1 if week_count >= WEEKS_PER_YEAR else 0


def season_columns(week_count: int) -> FloatArray:
    """Level and season as columns of a regression: 1, cos(2 pi k w / 52.18), sin(2 pi k w / 52.18).

    Source: harmonic regression, R. J. Hyndman and G. Athanasopoulos, Forecasting: Principles and Practice (3rd edition,
    2021), section 7.4.

    Args:
        week_count: Number of weeks; w counts them from the oldest, which is 0.

    Returns:
        weeks x (1 + 2 x harmonics).
    """
    angles = 2 * np.pi * np.arange(week_count) / WEEKS_PER_YEAR
    columns = [np.ones(week_count)]
    for harmonic in range(1, count_harmonics(week_count) + 1):
        columns += [np.cos(harmonic * angles), np.sin(harmonic * angles)]
    return np.column_stack(columns)


def design_steps(week_count: int) -> StepDesign:
    """The candidate changes of series of a length: 0 before and 1 from a week on, free of level and season.

    Source: the partialled-out regressor of R. Frisch and F. V. Waugh, Econometrica 1 (1933).

    Args:
        week_count: Number of weeks.
    """
    basis, _ = np.linalg.qr(season_columns(week_count))
    weeks_after = np.arange(LEAST_WEEKS_AFTER, week_count - LEAST_WEEKS_BEFORE + 1)
    steps = (np.arange(week_count)[None, :] >= week_count - weeks_after[:, None]).astype(float)
    steps -= (steps @ basis) @ basis.T
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    return StepDesign(basis, steps / np.maximum(lengths, 1e-9), weeks_after)


def scan_steps(roots: FloatArray, design: StepDesign) -> StepScan:
    """Find the change of level that explains most of each series, with its t-statistic.

    With e the series without level and season, and r a candidate of length 1, g = (r e)^2 is the sum of squares that
    the change explains, and t^2 = g (n - p - 1) / (e e - g) for n weeks and p columns of level and season. Source: the
    likelihood ratio scan for a change in regression, R. E. Quandt, Journal of the American Statistical Association 53
    (1958); J. Bai, Econometric Theory 13 (1997).

    Args:
        roots: Series x weeks.
        design: As `design_steps` returns it for this number of weeks.
    """
    week_count, column_count = design.basis.shape
    projected = roots @ design.basis
    total = np.maximum((roots**2).sum(axis=1) - (projected**2).sum(axis=1), 0.0)
    explained = (roots @ design.steps.T) ** 2
    best = explained.argmax(axis=1)
    best_explained = np.minimum(explained[np.arange(len(roots)), best], total)
    unexplained = np.maximum(total - best_explained, 1e-12 * np.maximum(total, 1e-12))
    freedom = week_count - column_count - 1
    has_spread = total > 1e-9
    statistic = np.where(has_spread, np.sqrt(best_explained * freedom / unexplained), 0.0)
    return StepScan(design.weeks_after[best], statistic)


def fit_season(roots: FloatArray, weeks_after: IntArray) -> tuple[FloatArray, FloatArray]:
    """Fit level, season and one change of each series together by least squares.

    Args:
        roots: Series x weeks.
        weeks_after: Weeks since the change of each series.

    Returns:
        Season (series x weeks, 0 on average over the harmonics), and what level, season and change leave unexplained.
    """
    week_count = roots.shape[1]
    columns = season_columns(week_count)
    season, unexplained = np.empty_like(roots), np.empty_like(roots)
    for after in np.unique(weeks_after):
        rows = np.flatnonzero(weeks_after == after)
        step = (np.arange(week_count) >= week_count - after).astype(float)
        design = np.column_stack([columns, step])
        coefficients, *_ = np.linalg.lstsq(design, roots[rows].T, rcond=None)
        season[rows] = (columns[:, 1:] @ coefficients[1:-1]).T
        unexplained[rows] = roots[rows] - (design @ coefficients).T
    return season, unexplained


def adjust_rates(rates: FloatArray, shocks: FloatArray, season: FloatArray) -> FloatArray:
    """Amounts per head as they would be without season and common shocks.

    A root rate of level a and season s is (1 + s / a) times its level, a rate the square of that: each week's rate is
    divided by the square, and by the square of the common shock.

    Args:
        rates: Amounts per head, series x weeks.
        shocks: One factor per week, or series x weeks.
        season: As `fit_season` returns it.
    """
    shock_free = np.where(shocks > _LEAST_SHOCK, rates / np.maximum(shocks, _LEAST_SHOCK) ** 2, np.nan)
    levels = np.sqrt(np.maximum(rates, 0)).mean(axis=1, keepdims=True)
    factors = np.maximum(1 + season / np.where(levels > 0, levels, 1.0), _LEAST_SEASON**0.5)
    adjusted = shock_free / factors**2
    usual = np.nanmean(np.where(np.isnan(adjusted), 0.0, adjusted), axis=1, keepdims=True)
    return np.where(np.isnan(adjusted), usual, adjusted)


def relative_change(adjusted: FloatArray, weeks_after: int, least_before: int = LEAST_WEEKS_BEFORE) -> FloatArray:
    """The mean of the last weeks against the mean of all earlier ones, minus 1; NaN without an earlier amount.

    Args:
        adjusted: As `adjust_rates` returns them.
        weeks_after: Number of last weeks.
        least_before: The fewest earlier weeks; with fewer, the change is NaN.
    """
    if adjusted.shape[1] - weeks_after < least_before:
        return np.full(len(adjusted), np.nan)
    before = adjusted[:, :-weeks_after].mean(axis=1)
    after = adjusted[:, -weeks_after:].mean(axis=1)
    return np.where(before > 0, after / np.where(before > 0, before, 1.0) - 1, np.nan)
