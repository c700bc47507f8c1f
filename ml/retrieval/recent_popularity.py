"""Recent popularity: how many people acquired the item of late, as of each row's own cut.

Belongs here: cumulative adoption counts on a time grid, and counts over the last bins before a moment.
Does not belong here: anything that depends on the person beyond the cut.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ml.data.interactions import TICKS_PER_DAY, Doubles, Floats, Interactions, Ints, UserStates

BINS = 120  # over twelve years a bin is five weeks: short enough for a fashion, long enough to count
LEAST_WIDTH = 7 * TICKS_PER_DAY  # days of the week differ; and a grid laid over one moment must not be cut finer
WINDOWS = (2, 6, 20)  # bins: the last months, the last half year, the last two years of a twelve-year history


@dataclass
class RecentPopularity:
    """Adoptions within the last `window` bins; where times are no calendar, all adoptions there are."""

    window: int = 6
    origin: int = 0
    width: int = 0
    first_use: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    cumulative: Floats = field(default_factory=lambda: np.zeros((1, 0), np.float32))

    def fit(self, interactions: Interactions) -> Self:
        """Lay the grid over these histories and count on it."""
        times = interactions.target_events.time
        self.origin, self.width = 0, 0
        if interactions.is_calendar and len(times):
            self.origin = int(times.min())
            self.width = max(LEAST_WIDTH, -(-(int(times.max()) - self.origin + 1) // BINS))
        return self.count(interactions)

    def count(self, interactions: Interactions) -> Self:
        """Count other (for instance later) histories on the grid laid before, which grows as needed."""
        got = interactions.target_events
        self.first_use = interactions.first_use
        bins = self._bin(got.time) + 1
        bins = np.clip(bins, 1, None)
        depth = int(bins.max(initial=1)) + 1
        flat = np.bincount(bins * interactions.n_items + got.item, minlength=depth * interactions.n_items)
        self.cumulative = np.cumsum(flat.reshape(depth, interactions.n_items), axis=0).astype(np.float32)
        return self

    def recent_counts(self, cut: Ints, window: int) -> Floats:
        """Rows x items: adoptions in the last `window` whole bins before each cut. The bin of the cut is left out."""
        last = len(self.cumulative) - 1
        if not self.width:
            return np.broadcast_to(self.cumulative[last], (len(cut), self.cumulative.shape[1]))
        end = np.clip(self._bin(cut), 0, last)
        return np.asarray(self.cumulative[end] - self.cumulative[np.clip(end - window, 0, last)], np.float32)

    def total_counts(self, cut: Ints) -> Floats:
        """Rows x items: all adoptions in whole bins before each cut."""
        return self.recent_counts(cut, len(self.cumulative) + 1)

    def score(self, user_states: UserStates) -> Floats:
        """Recent adoptions; all-time adoptions break ties."""
        said, when = self.score_at(user_states.cut)
        return np.asarray(said[when], np.float32)

    def score_at(self, cut: Ints) -> tuple[Floats, Ints]:
        """Distinct moments x items: the scores; and which of the moments each cut is."""
        moments, when = np.unique(cut, return_inverse=True)
        total = self.total_counts(moments)
        most = np.float32(1.0) + total.max(axis=1, initial=1.0, keepdims=True)
        return np.asarray(self.recent_counts(moments, self.window) + total / most, np.float32), when

    def _bin(self, moment: Ints) -> Ints:
        if not self.width:
            return np.zeros(len(moment), np.int64)
        return np.asarray((moment - self.origin) // self.width, np.int64)


def log_share(counts: Floats | Doubles) -> Floats:
    """Log of the smoothed share each item has of its row: half an adoption is added, so that none is log of zero."""
    smooth = counts + 0.5
    return np.asarray(np.log(smooth / smooth.sum(axis=1, keepdims=True)), np.float32)
