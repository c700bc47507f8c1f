"""Settings of the recommender: one frozen configuration, whose defaults follow from the shape of the data.

Belongs here: every number that somebody may want to change, the reason for its value, and how it follows from counts.
Does not belong here: names of data sets, fitted values.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml.data.interactions import Interactions

# Fewer would leave out targets of people who acquired many items within a horizon.
MIN_TRAINING_CANDIDATES = 30
# Cases x candidates that the ranker is fitted on: of more cases, fewer candidates each are learned from.
MAX_TRAINING_ROWS = 260_000
Target = Literal["window", "step"]


@dataclass(frozen=True)
class RankerConfig:
    """Settings of scorers, candidates, training and ranker. `choose_config` builds it, `replace` changes it."""

    target: Target  # window: everything acquired within the horizon counts; step: what is acquired at the next moment
    ease_ridge: float
    item_shrink: float
    item_neighbours: int = 200
    # These two are chosen on the past, see `ml.ranking.scorer_choice`.
    half_life_days: float = np.inf  # of acquisitions in the scorers that may forget; infinite: nothing is forgotten
    transition_order: int = 1  # 1: what follows an item; 2: what follows an item and those shortly before it
    user_neighbours: int = 500
    entries_per_row: int = 1000  # of an item x item matrix; it stays dense below four times as many items
    dense_items: int = 4_000  # scores of more items are computed and merged sparsely, see docs/decisions/size
    # weights of the items held: all time alike, the last handful of moments, the last moment
    decay_moments: tuple[float, float, float] = (np.inf, 5.0, 0.7)
    decay_days: float = 60.0  # for the scorer that weighs by calendar: the last two months count most
    candidates_per_scorer: int = 30  # nominated by each main scorer
    n_candidates: int = 100  # ranked per person: more cost time and add few targets
    n_folds: int = 3
    freeze_shares: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)  # shares of the acquisitions: later ensembles see more
    cases_per_person: int = 6  # so that one long history does not teach more than six short ones
    max_cases: int = 6_000  # with a hundred candidates each, more rows than eighty weights and trees need
    max_newcomer_cases: int = 2_000  # people without a history are learned from beside the others, not instead of them
    newcomer_windows: int = 24  # six years of quarters: what people began with before says little
    calibration_people: int = 2_000  # whose outcomes the probability is learned from: hundreds acquire something
    min_cases: int = 5  # with fewer cases there is nothing to learn: the recommender serves popularity and says so
    min_frozen_cases: int = 50  # fewer cases after the first freeze: scorers are fitted on other people instead
    case_decays: tuple[float, ...] = (0.0, 0.5, 1.0)  # tried for weighting a person's late cases higher
    logit_penalty: float = 1e-3
    boosting: bool = True
    n_trees: int = 80
    max_leaves: int = 15
    learning_rate: float = 0.08
    residual_weights: tuple[float, ...] = (0.0, 0.5, 1.0)  # tried for adding the boosted residual
    min_boosting_cases: int = 400  # fewer overfit fifteen leaves, and the weights of the ranker itself
    # Cases are few, and scorers of the past need far fewer people than there may be; the scorers in use learn from
    # everybody. If there are more people, these teach the ranker and half as many others calibrate the probability.
    training_people: int = 150_000
    block_cells: int = 1_000_000  # rows x items scored at a time: 4 MB per scorer

    def n_training_candidates(self, n_cases: int) -> int:
        """Return the number of candidates per case that the ranker is fitted on."""
        return int(np.clip(MAX_TRAINING_ROWS // max(n_cases, 1), MIN_TRAINING_CANDIDATES, self.n_candidates))

    def block_rows(self, n_items: int) -> int:
        """Return the number of people per block, so that one dense score matrix has at most `block_cells` cells."""
        people_per_block = max(16, min(2048, self.block_cells // max(n_items, 1)))
        # for sparse scores, fewer people cost more calls and more people leave the processor's cache
        return 256 if n_items > self.dense_items else people_per_block


def choose_config(interactions: Interactions, *, target: Target = "window") -> RankerConfig:
    """Return defaults that follow from the counts of items and acquisitions alone.

    Args:
        interactions: Interactions the recommender will learn from.
        target: What counts as a target of a case.
    """
    n_items = max(interactions.n_items, 1)
    acquisitions_per_item = len(interactions.acquisitions.item) / n_items
    is_large_catalogue = n_items > RankerConfig.dense_items
    # A sixth of a small catalogue holds nearly all that comes next; more than 100 candidates cost time and add little.
    n_candidates = int(np.clip(n_items / 6.0, 60.0, 100.0))
    return RankerConfig(
        target=target,
        n_candidates=n_candidates,
        candidates_per_scorer=n_candidates * 3 // 10,
        # The more evidence per item, the more regression weights matter; the bounds keep small data from being fitted
        # exactly and large data from being flattened.
        ease_ridge=float(np.clip(4.0 * acquisitions_per_item, 20.0, 600.0)),
        # A cosine is reliable once as many holders support it as a typical item has.
        item_shrink=float(np.clip(acquisitions_per_item, 10.0, 50.0)),
        item_neighbours=150 if is_large_catalogue else 200,
        entries_per_row=150 if is_large_catalogue else 1000,
        # Each freeze costs an ensemble, which takes minutes for many items: two freezes keep 99 % of the accuracy.
        freeze_shares=(0.4, 0.7) if is_large_catalogue else (0.2, 0.4, 0.6, 0.8),
    )
