"""Statistics that several layers share: NDCG and confidence intervals.

Belongs here: normalised discounted cumulative gain with binary relevance, the interval of a share, of resamples.
Does not belong here: other ranking metrics, what is resampled (see `ml.evaluation.metrics`).
"""

import numpy as np
import polars as pl

from ml.data.sparse_rows import Bools, Doubles, Ints

LIST_LENGTH = 10  # length of the list that is evaluated
_RANK_DISCOUNTS = 1.0 / np.log2(np.arange(2, LIST_LENGTH + 2))


def ndcg_from_ranks(target_rows: Ints, target_ranks: Doubles, n_targets: Ints) -> Doubles:
    """NDCG@10 per row from the ranks of its targets.

    Args:
        target_rows: Row of each target.
        target_ranks: Rank of each target in its row, from 1; infinite if the target cannot be ranked.
        n_targets: Number of targets per row, including those that have no entry in `target_rows`.

    Returns:
        One value per row.
    """
    row_gains = np.bincount(
        target_rows, np.where(target_ranks <= LIST_LENGTH, 1.0 / np.log2(target_ranks + 1.0), 0.0), len(n_targets)
    )
    return row_gains / _compute_ideal_gain(n_targets)


def ndcg_from_scores(scores: Doubles, is_target: Bools, is_candidate: Bools, n_targets: Ints) -> Doubles:
    """NDCG@10 per row of lists sorted by score.

    Args:
        scores: Rows x candidates, higher is better; the first of equal scores ranks first.
        is_target: Rows x candidates, True for targets.
        is_candidate: Rows x candidates, False for padding.
        n_targets: Number of targets per row, including those that are not among the candidates.

    Returns:
        One value per row.
    """
    candidate_order = np.argsort(-np.where(is_candidate, scores, -np.inf), axis=1, kind="stable")[:, :LIST_LENGTH]
    row_gains = (
        np.take_along_axis(is_target, candidate_order, axis=1) * _RANK_DISCOUNTS[: candidate_order.shape[1]]
    ).sum(axis=1)
    return np.asarray(row_gains / _compute_ideal_gain(n_targets), np.float64)


def _compute_ideal_gain(n_targets: Ints) -> Doubles:
    """The gain of a list that starts with all targets."""
    return np.asarray(np.cumsum(_RANK_DISCOUNTS)[np.minimum(n_targets, LIST_LENGTH) - 1], np.float64)


def wilson_interval(share: pl.Expr, count: pl.Expr, normal_quantile: float) -> tuple[pl.Expr, pl.Expr]:
    """Wilson's (1927) score interval of a share.

    Args:
        share: Observed share, 0 to 1.
        count: Number of observations; it need not be an integer.
        normal_quantile: Quantile of the standard normal distribution, such as 1.96 for 95 %.

    Returns:
        The lower and the upper end. Rounding can put them outside of 0 to 1 by less than 1e-15.
    """
    centre = (share + normal_quantile**2 / (2 * count)) / (1 + normal_quantile**2 / count)
    half_width = (
        normal_quantile
        / (1 + normal_quantile**2 / count)
        * (share * (1 - share) / count + normal_quantile**2 / (4 * count**2)).sqrt()
    )
    return centre - half_width, centre + half_width


def percentile_interval(resamples: Doubles) -> Doubles:
    """The 95 % bootstrap interval: the 2.5th and the 97.5th percentile over the first axis (2 x the other axes)."""
    return np.asarray(np.quantile(resamples, [0.025, 0.975], axis=0), np.float64)
