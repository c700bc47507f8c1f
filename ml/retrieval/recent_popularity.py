"""Recent popularity: how many people acquired the item lately, as of each row's own cutoff.

Belongs here: cumulative adoption counts on a time grid, and counts over the last bins before a moment.
Does not belong here: anything that depends on the person beyond the cutoff.
"""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from ml.data.interactions import TICKS_PER_DAY, Interactions, UserStates
from ml.data.sparse_rows import Doubles, Floats, Ints

BIN_COUNT = 120  # over twelve years a bin is five weeks: short enough for a fashion, long enough to count
MIN_BIN_TICKS = 7 * TICKS_PER_DAY  # days of the week differ, and a grid over a single moment must not be cut finer
WINDOW_BIN_COUNTS = (2, 6, 20)  # bins: the last months, the last half year, the last two years of twelve years of data


@dataclass
class RecentPopularity:
    """Adoptions within the last `window` bins; all adoptions if times are no calendar."""

    window: int = 6
    origin: int = 0
    width: int = 0
    first_use: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    cumulative: Floats = field(default_factory=lambda: np.zeros((1, 0), np.float32))  # bins x items

    def fit(self, interactions: Interactions) -> Self:
        """Choose bins of time for these interactions, and count their adoptions per bin."""
        adoption_ticks = interactions.target_events.time
        self.origin, self.width = 0, 0
        if interactions.is_calendar and len(adoption_ticks):
            self.origin = int(adoption_ticks.min())
            self.width = max(MIN_BIN_TICKS, -(-(int(adoption_ticks.max()) - self.origin + 1) // BIN_COUNT))
        return self.count(interactions)

    def count(self, interactions: Interactions) -> Self:
        """Count the adoptions of other, such as later, interactions in the bins that `fit` chose.

        The width of the bins stays; bins are added for later events.
        """
        target_events, n_items = interactions.target_events, interactions.n_items
        self.first_use = interactions.first_use
        event_bins = np.maximum(self._find_bins(target_events.time) + 1, 1)
        n_bins = int(event_bins.max(initial=1)) + 1
        adoptions_by_bin_and_item = np.bincount(
            event_bins * n_items + target_events.item, minlength=n_bins * n_items
        ).reshape(n_bins, n_items)
        self.cumulative = np.cumsum(adoptions_by_bin_and_item, axis=0).astype(np.float32)
        return self

    def recent_counts(self, cutoff_ticks: Ints, n_bins: int) -> Floats:
        """Return rows x items: adoptions in the last `n_bins` whole bins before each cutoff.

        Args:
            cutoff_ticks: Tick per row. The bin of the cutoff is left out.
            n_bins: Number of bins.
        """
        last_bin_index = len(self.cumulative) - 1
        if not self.width:
            return np.broadcast_to(self.cumulative[last_bin_index], (len(cutoff_ticks), self.cumulative.shape[1]))
        end_bins = np.clip(self._find_bins(cutoff_ticks), 0, last_bin_index)
        return np.asarray(
            self.cumulative[end_bins] - self.cumulative[np.clip(end_bins - n_bins, 0, last_bin_index)], np.float32
        )

    def total_counts(self, cutoff_ticks: Ints) -> Floats:
        """Return rows x items: all adoptions in whole bins before each cutoff (tick per row)."""
        return self.recent_counts(cutoff_ticks, len(self.cumulative) + 1)

    def score(self, user_states: UserStates) -> Floats:
        """Return rows x items: recent adoptions; all-time adoptions break ties."""
        moment_scores, moment_index = self.score_moments(user_states.cutoff_tick)
        return np.asarray(moment_scores[moment_index], np.float32)

    def score_moments(self, cutoff_ticks: Ints) -> tuple[Floats, Ints]:
        """Return the scores as distinct moments x items, and the index of each cutoff's moment."""
        distinct_cutoffs, moment_index = np.unique(cutoff_ticks, return_inverse=True)
        total_adoptions = self.total_counts(distinct_cutoffs)
        totals_upper_bound = np.float32(1.0) + total_adoptions.max(axis=1, initial=1.0, keepdims=True)
        return np.asarray(
            self.recent_counts(distinct_cutoffs, self.window) + total_adoptions / totals_upper_bound, np.float32
        ), moment_index

    def _find_bins(self, moment_ticks: Ints) -> Ints:
        return (
            np.asarray((moment_ticks - self.origin) // self.width, np.int64)
            if self.width
            else np.zeros(len(moment_ticks), np.int64)
        )


def compute_log_shares(adoption_counts: Floats | Doubles) -> Floats:
    """Return the log of each item's share of its row (rows x items); half an adoption is added to avoid log of zero."""
    smoothed_counts = adoption_counts + 0.5
    return np.asarray(np.log(smoothed_counts / smoothed_counts.sum(axis=1, keepdims=True)), np.float32)
