"""Recent popularity: how many people acquired the item lately, as of each row's own cut.

Belongs here: cumulative adoption counts on a time grid, and counts over the last bins before a moment.
Does not belong here: anything that depends on the person beyond the cut.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ml.data.interactions import TICKS_PER_DAY, Interactions, UserStates
from ml.data.sparse_rows import Doubles, Floats, Ints

BINS = 120  # over twelve years a bin is five weeks: short enough for a fashion, long enough to count
MIN_WIDTH = 7 * TICKS_PER_DAY  # days of the week differ, and a grid over a single moment must not be cut finer
WINDOWS = (2, 6, 20)  # bins: the last months, the last half year, the last two years of twelve years of data


@dataclass
class RecentPopularity:
    """Adoptions within the last `window` bins; all adoptions if times are no calendar."""

    window: int = 6
    origin: int = 0
    width: int = 0
    first_use: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    cumulative: Floats = field(default_factory=lambda: np.zeros((1, 0), np.float32))  # bins x items

    def fit(self, interactions: Interactions) -> Self:
        """Choose the grid for these interactions and count on it."""
        times = interactions.target_events.time
        self.origin, self.width = 0, 0
        if interactions.is_calendar and len(times):
            self.origin = int(times.min())
            self.width = max(MIN_WIDTH, -(-(int(times.max()) - self.origin + 1) // BINS))
        return self.count(interactions)

    def count(self, interactions: Interactions) -> Self:
        """Count other (for instance later) interactions on the grid chosen by `fit`, which grows as needed."""
        adopted, n_items = interactions.target_events, interactions.n_items
        self.first_use = interactions.first_use
        bins = np.maximum(self._find_bin(adopted.time) + 1, 1)
        depth = int(bins.max(initial=1)) + 1
        counts = np.bincount(bins * n_items + adopted.item, minlength=depth * n_items).reshape(depth, n_items)
        self.cumulative = np.cumsum(counts, axis=0).astype(np.float32)
        return self

    def recent_counts(self, cut: Ints, window: int) -> Floats:
        """Return rows x items: adoptions in the last `window` whole bins before each cut.

        Args:
            cut: Tick per row. The bin of the cut is left out.
            window: Number of bins.
        """
        last = len(self.cumulative) - 1
        if not self.width:
            return np.broadcast_to(self.cumulative[last], (len(cut), self.cumulative.shape[1]))
        end = np.clip(self._find_bin(cut), 0, last)
        return np.asarray(self.cumulative[end] - self.cumulative[np.clip(end - window, 0, last)], np.float32)

    def total_counts(self, cut: Ints) -> Floats:
        """Return rows x items: all adoptions in whole bins before each cut (tick per row)."""
        return self.recent_counts(cut, len(self.cumulative) + 1)

    def score(self, user_states: UserStates) -> Floats:
        """Return rows x items: recent adoptions; all-time adoptions break ties."""
        scores, moment_index = self.score_moments(user_states.cut)
        return np.asarray(scores[moment_index], np.float32)

    def score_moments(self, cut: Ints) -> tuple[Floats, Ints]:
        """Return the scores as distinct moments x items, and the index of each cut's moment."""
        moments, moment_index = np.unique(cut, return_inverse=True)
        totals = self.total_counts(moments)
        largest = np.float32(1.0) + totals.max(axis=1, initial=1.0, keepdims=True)
        return np.asarray(self.recent_counts(moments, self.window) + totals / largest, np.float32), moment_index

    def _find_bin(self, time: Ints) -> Ints:
        return np.asarray((time - self.origin) // self.width, np.int64) if self.width else np.zeros(len(time), np.int64)


def log_share(counts: Floats | Doubles) -> Floats:
    """Return the log of each item's share of its row (rows x items); half an adoption is added to avoid log of zero."""
    smooth = counts + 0.5
    return np.asarray(np.log(smooth / smooth.sum(axis=1, keepdims=True)), np.float32)
