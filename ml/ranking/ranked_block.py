"""Ranked blocks: the candidates of some people in the order in which a ranker puts them.

Belongs here: what a ranked block holds, and the order of its candidates.
Does not belong here: which ranker ranks whom (see recommender).
"""

from dataclasses import dataclass

import numpy as np

from ml.data.sparse_rows import Bools, Doubles, Floats, Ints
from ml.ranking.ranker import Ranker
from ml.retrieval.candidates import Candidates


@dataclass(frozen=True, eq=False)
class RankedBlock:
    """The candidates of a block of people, best first: rows x k, with the features they were ranked by."""

    item: Ints
    utility: Doubles
    probability: Doubles  # NaN without a calibrator
    is_candidate: Bools  # False on padding
    prior: Floats  # rows x all items: the order of the items that are no candidates
    features: Floats  # rows x k x features of the ranker
    ranker: Ranker | None  # what ranked them; None if they are ordered by popularity


def order_block(
    candidates: Candidates,
    utility: Doubles,
    probability: Doubles,
    prior: Floats,
    feature_matrix: Floats,
    ranker: Ranker | None,
    max_items: int,
) -> RankedBlock:
    """Return the best candidates of each row; candidates of equal utility are ordered by item code.

    Args:
        candidates: Rows x k candidates.
        utility: Rows x k, minus infinity on padding.
        probability: Rows x k.
        prior: Rows x items.
        feature_matrix: (rows * k) x features.
        ranker: What computed the utility.
        max_items: The largest number of candidates per row.
    """
    candidate_order = np.lexsort((candidates.item, -utility), axis=1)[:, :max_items]
    ordered_features = np.take_along_axis(
        feature_matrix.reshape(*utility.shape, -1), candidate_order[:, :, None], axis=1
    )
    return RankedBlock(
        item=np.take_along_axis(candidates.item, candidate_order, axis=1),
        utility=np.take_along_axis(utility, candidate_order, axis=1),
        probability=np.take_along_axis(probability, candidate_order, axis=1),
        is_candidate=np.take_along_axis(candidates.is_candidate, candidate_order, axis=1),
        prior=prior,
        features=ordered_features,
        ranker=ranker,
    )
