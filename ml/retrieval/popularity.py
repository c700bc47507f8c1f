"""Popularity: how many people ever acquired the item.

Belongs here: the all-time count. Does not belong here: counts of recent time (see recent_popularity).
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ml.data.interactions import Interactions, UserStates
from ml.data.sparse_rows import Doubles, Floats


@dataclass
class Popularity:
    """The same score for everybody."""

    counts: Doubles = field(default_factory=lambda: np.zeros(0))

    def fit(self, interactions: Interactions) -> Self:
        self.counts = np.bincount(interactions.acquisitions.item, minlength=interactions.n_items).astype(np.float64)
        return self

    def score(self, user_states: UserStates) -> Floats:
        return np.broadcast_to(self.counts.astype(np.float32), (len(user_states), len(self.counts)))
