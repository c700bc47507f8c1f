"""Popularity: how many people ever acquired the item.

Belongs here: the all-time count. Does not belong here: counts of recent time (see recent_popularity).
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ml.data.interactions import Doubles, Floats, Histories, Prefixes


@dataclass
class Popularity:
    """The same score for everybody."""

    counts: Doubles = field(default_factory=lambda: np.zeros(0))

    def fit(self, histories: Histories) -> Self:
        self.counts = np.bincount(histories.acquisitions.item, minlength=histories.n_items).astype(np.float64)
        return self

    def score(self, prefixes: Prefixes) -> Floats:
        return np.broadcast_to(self.counts.astype(np.float32), (len(prefixes), len(self.counts)))
