"""How the recommender is set up: one frozen policy, whose defaults follow from the shape of the data.

Belongs here: every number somebody may want to change, why it has its value, and how it follows from counts.
Does not belong here: names of data sets, fitted values.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml.data.interactions import Interactions

Target = Literal["window", "step"]

SPARSE_ROWS = 256  # people scored at a time where the catalogue is large: fewer cost calls, more leave the cache


@dataclass(frozen=True)
class RankerConfig:
    """Settings of scorers, candidates, training and ranker. Build it with `choose_policy`, change it with `replace`."""

    target: Target  # window: all acquired within the horizon counts; step: what is acquired at the next moment
    ease_ridge: float
    item_shrink: float
    item_neighbours: int = 200
    user_neighbours: int = 500
    row_entries: int = 1000  # of an item x item row; dense below four times as many items
    dense_items: int = 4_000  # past that many items scores are computed and merged sparsely, see docs/decisions/size
    taus: tuple[float, float, float] = (np.inf, 5.0, 0.7)  # whole history, last handful of moments, last moment
    days: float = 60.0  # a history weighed by calendar: what was used in the last two months counts most
    per_scorer: int = 30  # candidates each main scorer names
    n_candidates: int = 100  # candidates ranked: more cost time and add few targets
    n_folds: int = 3
    freeze_shares: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8)  # shares of the acquisitions: later panels see more
    cases_per_person: int = 6  # one long history must not teach more than six short ones
    max_cases: int = 6_000  # a hundred candidates each are more rows than eighty weights and trees need
    calibration_people: int = 2_000  # whose outcomes the probability is learned from: hundreds of them get somewhere
    min_cases: int = 50  # below this many cases with a target, weights are noise: serve popularity and say so
    case_decays: tuple[float, ...] = (0.0, 0.5, 1.0)  # tried for weighting late cases of a person higher
    logit_penalty: float = 1e-3
    boosting: bool = True
    n_trees: int = 80
    max_leaves: int = 15
    learning_rate: float = 0.08
    residual_weights: tuple[float, ...] = (0.0, 0.5, 1.0)  # tried for mixing in the boosted residual
    min_boosting_cases: int = 400  # fewer cases than this overfit fifteen leaves
    # Cases are few and scorers of the past settle with far fewer people than there may be; the scorers in use learn
    # from everybody. Over two thirds of the people teach the ranker, the others hold the probability to account.
    training_people: int = 150_000
    block_cells: int = 1_000_000  # rows x items scored at a time: 4 MB a scorer

    def block_rows(self, n_items: int) -> int:
        """People in a block, so that one dense score matrix keeps to `block_cells`."""
        if n_items > self.dense_items:
            return SPARSE_ROWS
        return max(16, min(2048, self.block_cells // max(n_items, 1)))


def choose_config(interactions: Interactions, *, target: Target = "window") -> RankerConfig:
    """Defaults from the counts of people, items and acquisitions; nothing depends on what the data is called."""
    pairs = len(interactions.acquisitions.item)
    items = max(interactions.n_items, 1)
    # A sixth of a small catalogue holds next to all that comes next; past a hundred, more cost time and add little.
    candidates = int(np.clip(items / 6.0, 60.0, 100.0))
    is_large = items > RankerConfig.dense_items
    return RankerConfig(
        target=target,
        n_candidates=candidates,
        per_scorer=candidates * 3 // 10,
        # The more evidence an item has on average the more regression weights are in play; the ends keep small sets
        # from being fitted exactly and large ones from being flattened.
        ease_ridge=float(np.clip(4.0 * pairs / items, 20.0, 600.0)),
        # A cosine deserves trust once as many holders stand behind it as a typical item has.
        item_shrink=float(np.clip(pairs / items, 10.0, 50.0)),
        item_neighbours=150 if is_large else 200,
        row_entries=150 if is_large else 1000,
        # A freeze costs a panel, and a panel of many items minutes: two keep all but a hundredth of the accuracy.
        freeze_shares=(0.4, 0.7) if is_large else (0.2, 0.4, 0.6, 0.8),
    )
