"""Comparisons of our model with others on the same resamples of people.

Belongs here: the ratio to the best other model, the difference to each.
Does not belong here: the scores of models (see scoring), metric formulas (see metrics).
"""

import numpy as np

from ml.data.sparse_rows import Doubles
from ml.data.statistics import percentile_interval
from ml.evaluation.refitted import BASELINE_BY_REFITTED_NAME
from ml.evaluation.results import OURS, NdcgRatio, PairedComparison


def compare_with_best(
    model_names: list[str], mean_ndcg: Doubles, bootstrap_ndcg: Doubles, *, is_refitted: bool
) -> NdcgRatio | None:
    """Compare ours with the best frozen model, or with the best refitted one.

    Args:
        model_names: Name of each model.
        mean_ndcg: Mean NDCG@10 of each model.
        bootstrap_ndcg: Resamples x models: mean NDCG@10.
        is_refitted: Whether the others are the baselines that are fitted again at each window.

    Returns:
        None if ours or all others are missing, or if no other ranks a target among its first ten.
    """
    other_model_indices = (
        model_index
        for model_index, model_name in enumerate(model_names)
        if model_name != OURS and (model_name in BASELINE_BY_REFITTED_NAME) == is_refitted
    )
    best_other_index = max(other_model_indices, key=lambda model_index: float(mean_ndcg[model_index]), default=None)
    if OURS not in model_names or best_other_index is None or not mean_ndcg[best_other_index]:
        return None
    our_index = model_names.index(OURS)
    ratio_low, ratio_high = percentile_interval(
        bootstrap_ndcg[:, our_index] / np.maximum(bootstrap_ndcg[:, best_other_index], 1e-12)
    ).tolist()
    return NdcgRatio(
        model_names[best_other_index], float(mean_ndcg[our_index] / mean_ndcg[best_other_index]), ratio_low, ratio_high
    )


def compare_pairs(model_names: list[str], mean_ndcg: Doubles, bootstrap_ndcg: Doubles) -> tuple[PairedComparison, ...]:
    """Compare ours with every other model.

    Args:
        model_names: Name of each model.
        mean_ndcg: Mean NDCG@10 of each model.
        bootstrap_ndcg: Resamples x models: mean NDCG@10.

    Returns:
        One comparison per other model; none if ours is missing.
    """
    if OURS not in model_names:
        return ()
    our_index = model_names.index(OURS)
    bootstrap_gains = bootstrap_ndcg[:, [our_index]] - bootstrap_ndcg
    gain_bounds, ahead_shares = (
        percentile_interval(bootstrap_gains).T.tolist(),
        (bootstrap_gains > 0).mean(axis=0).tolist(),
    )
    return tuple(
        PairedComparison(model_name, mean_gain, gain_low, gain_high, ahead_share)
        for model_name, mean_gain, (gain_low, gain_high), ahead_share in zip(
            model_names, (mean_ndcg[our_index] - mean_ndcg).tolist(), gain_bounds, ahead_shares, strict=True
        )
        if model_name != OURS
    )
