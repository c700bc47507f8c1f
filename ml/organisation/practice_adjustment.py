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
BoolArray = npt.NDArray[np.bool_]

WEEKS_PER_YEAR = 365.25 / 7
# The fewest weeks after a change: fewer are a holiday or a release. Before it, a quarter shows what is usual.
LEAST_WEEKS_AFTER, LEAST_WEEKS_BEFORE = 4, 13
# Older changes are the past: they are not looked for.
MOST_WEEKS_AFTER = 52
# From a year and a half on, a season of the unit's own can be told from a change; before, only what units share can.
OWN_SEASON_WEEKS = 78
# Weeks over which a common level is taken: what lasts longer than half of them is no shock.
_SHOCK_WEEKS = 9
# The most that a week may keep of the last one's deviation: more is a change of level.
_MOST_MEMORY = 0.8
# Below this share of the usual level a common shock leaves too little to scale up: the week counts as usual.
_LEAST_SHOCK = 0.2
# A season may lower a week to this share of the year's level.
_LEAST_SEASON = 0.1
# The share of the mean at which the logarithm of hours starts.
_STARTED_AT = 0.1


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


def common_shocks(rates: FloatArray) -> FloatArray:
    """The factor by which a week differs for all series together, for less than half of nine weeks: a holiday.

    The median over the series of root / mean root, divided by its own running median; in the last weeks by the median
    of the last nine, so that a common change counts as a shock until it has lasted five weeks. Source: the running
    median of J. W. Tukey, Exploratory Data Analysis (1977), chapter 7.

    A history that is too short for a season of each unit's own is freed from all that the series share: a change of all
    units together cannot be told from the season then.

    Args:
        rates: Amounts per head, series x weeks.

    Returns:
        One factor of root rates per week; 1 where the series have no common level.
    """
    roots = np.sqrt(rates)
    levels = roots.mean(axis=1, keepdims=True)
    relative = np.median(roots / np.where(levels > 0, levels, 1.0), axis=0)
    if roots.shape[1] < OWN_SEASON_WEEKS:
        return relative / level if (level := float(np.median(relative))) > _LEAST_SHOCK else np.ones_like(relative)
    usual = median_filter(relative, size=_SHOCK_WEEKS, mode="nearest")
    usual[-(_SHOCK_WEEKS // 2) :] = np.median(relative[-_SHOCK_WEEKS:])
    return np.where(usual > _LEAST_SHOCK, relative / np.where(usual > 0, usual, 1.0), 1.0)


def remove_shocks(rates: FloatArray, shocks: FloatArray) -> FloatArray:
    """Divide rates by the square of common shocks, which are factors of root rates.

    Args:
        rates: Amounts per head, series x weeks.
        shocks: As `common_shocks` returns them, series x weeks.

    Returns:
        The rates; a week whose root rates lost more than four fifths counts as the mean of the others.
    """
    is_usable = shocks > _LEAST_SHOCK
    freed = np.where(is_usable, rates / np.maximum(shocks, _LEAST_SHOCK) ** 2, 0.0)
    means = freed.sum(axis=1, keepdims=True) / np.maximum(is_usable.sum(axis=1, keepdims=True), 1)
    return np.where(is_usable, freed, means)


def stabilise(rates: FloatArray, is_hours: BoolArray) -> FloatArray:
    """Rates on a scale on which weeks vary about equally, whatever the level.

    Counts are about Poisson: 2 sqrt(rate / mean). Hours are sums of uneven weeks of people, which vary in proportion to
    the level: log(rate / mean + 0.1), where 0.1 keeps a week without hours finite. Both are 0.1 or 1 at the mean, with
    slope about 1 there. Sources: F. J. Anscombe, Biometrika 35 (1948); M. S. Bartlett, The use of transformations,
    Biometrics 3 (1947); the started logarithm of J. W. Tukey, Exploratory Data Analysis (1977), chapter 3.

    Args:
        rates: Amounts per head, series x weeks.
        is_hours: Whether each series is in hours.
    """
    means = rates.mean(axis=1, keepdims=True)
    relative = rates / np.where(means > 0, means, 1.0)
    return np.where(is_hours[:, None], np.log(relative + _STARTED_AT), 2 * np.sqrt(relative))


def count_harmonics(week_count: int) -> int:
    """Sine and cosine pairs that a history allows: two from 104 weeks on, one from `OWN_SEASON_WEEKS` on, else none."""
    return 2 if week_count >= 104 else 1 if week_count >= OWN_SEASON_WEEKS else 0


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
    weeks_after = np.arange(LEAST_WEEKS_AFTER, min(week_count - LEAST_WEEKS_BEFORE, MOST_WEEKS_AFTER) + 1)
    steps = (np.arange(week_count)[None, :] >= week_count - weeks_after[:, None]).astype(float)
    steps -= (steps @ basis) @ basis.T
    lengths = np.linalg.norm(steps, axis=1, keepdims=True)
    return StepDesign(basis, steps / np.maximum(lengths, 1e-9), weeks_after)


def scan_steps(levels: FloatArray, design: StepDesign) -> StepScan:
    """Find the change of level that explains most of each series, with its t-statistic.

    With e the series without level and season, and r a candidate of length 1, g = (r e)^2 is the sum of squares that
    the change explains, and t^2 = g (n - p - 1) / (e e - g) for n weeks and p columns of level and season. Source: the
    likelihood ratio scan for a change in regression, R. E. Quandt, Journal of the American Statistical Association 53
    (1958); J. Bai, Econometric Theory 13 (1997). A good week is often followed by a good one: t is divided by
    sqrt((1 + a) / (1 - a)) for the correlation a of what is left with itself a week later, if that is positive; source:
    the variance of a mean of correlated values, G. U. Yule, Journal of the Royal Statistical Society 89 (1926).

    Args:
        levels: Rates as `stabilise` returns them, series x weeks.
        design: As `design_steps` returns it for this number of weeks.
    """
    week_count, column_count = design.basis.shape
    free = levels - (levels @ design.basis) @ design.basis.T
    total = (free**2).sum(axis=1)
    projections = free @ design.steps.T
    best = np.abs(projections).argmax(axis=1)
    best_projections = projections[np.arange(len(levels)), best]
    left = free - best_projections[:, None] * design.steps[best]
    unexplained = np.maximum((left**2).sum(axis=1), 1e-12 * np.maximum(total, 1e-12))
    memory = np.clip((left[:, 1:] * left[:, :-1]).sum(axis=1) / unexplained, 0.0, _MOST_MEMORY)
    freedom = (week_count - column_count - 1) * (1 - memory) / (1 + memory)
    statistic = np.where(total > 1e-9, np.abs(best_projections) * np.sqrt(freedom / unexplained), 0.0)
    return StepScan(design.weeks_after[best], statistic)


def fit_season(levels: FloatArray, weeks_after: IntArray) -> tuple[FloatArray, FloatArray]:
    """Fit level, season and one change of each series together by least squares.

    Args:
        levels: Rates as `stabilise` returns them, series x weeks.
        weeks_after: Weeks since the change of each series.

    Returns:
        Season (series x weeks, 0 on average over the harmonics), and what level, season and change leave unexplained.
    """
    week_count = levels.shape[1]
    columns = season_columns(week_count)
    season, unexplained = np.empty_like(levels), np.empty_like(levels)
    for after in np.unique(weeks_after):
        rows = np.flatnonzero(weeks_after == after)
        step = (np.arange(week_count) >= week_count - after).astype(float)
        design = np.column_stack([columns, step])
        coefficients, *_ = np.linalg.lstsq(design, levels[rows].T, rcond=None)
        season[rows] = (columns[:, 1:] @ coefficients[1:-1]).T
        unexplained[rows] = levels[rows] - (design @ coefficients).T
    return season, unexplained


def adjust_rates(rates: FloatArray, season: FloatArray, is_hours: BoolArray) -> FloatArray:
    """Amounts per head as they would be without season.

    On the scale of `stabilise`, a season s multiplies a rate of hours by exp(s), and one of counts by (1 + s / 2)^2.

    Args:
        rates: Amounts per head without common shocks, series x weeks.
        season: As `fit_season` returns it.
        is_hours: Whether each series is in hours.
    """
    factors = np.where(is_hours[:, None], np.exp(season), np.maximum(1 + season / 2, 0) ** 2)
    return rates / np.maximum(factors, _LEAST_SEASON)


def relative_change(adjusted: FloatArray, weeks_after: int, least_before: int, most_before: int = 0) -> FloatArray:
    """The mean of the last weeks against the mean of the weeks before, minus 1; NaN without an earlier amount.

    Args:
        adjusted: As `adjust_rates` returns them.
        weeks_after: Number of last weeks.
        least_before: The fewest earlier weeks; with fewer, the change is NaN.
        most_before: The most earlier weeks that count; 0 for all.
    """
    if adjusted.shape[1] - weeks_after < least_before:
        return np.full(len(adjusted), np.nan)
    before = adjusted[:, :-weeks_after][:, -most_before:].mean(axis=1)
    after = adjusted[:, -weeks_after:].mean(axis=1)
    return np.where(before > 0, after / np.where(before > 0, before, 1.0) - 1, np.nan)
