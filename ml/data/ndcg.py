"""Normalised discounted cumulative gain (NDCG) with binary relevance.

Belongs here: the one NDCG of the project, from ranks of targets or from scores of candidates.
Does not belong here: other ranking metrics (see `ml.evaluation.metrics`).
"""

import numpy as np

from ml.data.interactions import Bools, Doubles, Ints

K = 10  # length of the list that is evaluated
_DISCOUNT = 1.0 / np.log2(np.arange(2, K + 2))


def ndcg_from_ranks(row: Ints, rank: Doubles, n_targets: Ints) -> Doubles:
    """NDCG@10 per row from the ranks of its targets.

    Args:
        row: Row of each target.
        rank: Rank of each target in its row, from 1; infinite if the target cannot be ranked.
        n_targets: Number of targets per row, including those that have no entry in `row`.

    Returns:
        One value per row.
    """
    gain = np.bincount(row, np.where(rank <= K, 1.0 / np.log2(rank + 1.0), 0.0), len(n_targets))
    return gain / _ideal_gain(n_targets)


def ndcg_from_scores(score: Doubles, label: Bools, is_candidate: Bools, n_targets: Ints) -> Doubles:
    """NDCG@10 per row of lists sorted by score.

    Args:
        score: Rows x candidates, higher is better; the first of equal scores ranks first.
        label: Rows x candidates, True for targets.
        is_candidate: Rows x candidates, False for padding.
        n_targets: Number of targets per row, including those that are not among the candidates.

    Returns:
        One value per row.
    """
    order = np.argsort(-np.where(is_candidate, score, -np.inf), axis=1, kind="stable")[:, :K]
    gain = (np.take_along_axis(label, order, axis=1) * _DISCOUNT[: order.shape[1]]).sum(axis=1)
    return np.asarray(gain / _ideal_gain(n_targets), np.float64)


def _ideal_gain(n_targets: Ints) -> Doubles:
    """The gain of a list that starts with all targets."""
    return np.asarray(np.cumsum(_DISCOUNT)[np.minimum(n_targets, K) - 1], np.float64)
