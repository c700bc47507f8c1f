"""Beginnings: how many people took each item, began with it, and used it lately, as of a moment.

Belongs here: counts per item from what happened strictly before a moment.
Does not belong here: what is learned from the counts (see `ml.ranking.newcomers`).
"""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ml.data.interactions import TICKS_PER_DAY, Interactions
from ml.data.sparse_rows import Bools, Doubles, Ints

# Columns of `Beginnings.count`, each counted over people. "lately" halves an acquisition every HALF_LIFE_DAYS, those at
# first moments every FIRST_HALF_LIFE_DAYS, and counts use over USE_DAYS: what newcomers take changes over time.
COUNTS = ("taken", "taken_lately", "begun", "begun_lately", "first_lately", "used_lately")
HALF_LIFE_DAYS = 90.0
FIRST_HALF_LIFE_DAYS = 270.0  # first moments are few: a shorter half-life would leave hardly any
USE_DAYS = 90


@dataclass(frozen=True, eq=False)
class Beginnings:
    """What everybody took and used, to be counted as of any moment."""

    interactions: Interactions
    horizon_ticks: int  # acquisitions within this span of a person's first use count as begun
    # every block of people is ranked as of the same moment
    _counts_by_cutoff: dict[int, Doubles] = field(default_factory=dict, init=False)

    @cached_property
    def _is_begun(self) -> Bools:
        """Whether each acquisition lies within the horizon of its person's first use."""
        acquisitions = self.interactions.acquisitions
        return acquisitions.time - self.interactions.first_ticks[acquisitions.person] < self.horizon_ticks

    def count(self, cutoff_tick: int) -> Doubles:
        """Return items x COUNTS: what happened strictly before the cutoff.

        Args:
            cutoff_tick: The cutoff in ticks; times must be a calendar.
        """
        if cutoff_tick not in self._counts_by_cutoff:
            self._counts_by_cutoff[cutoff_tick] = self._count_before(cutoff_tick)
        return self._counts_by_cutoff[cutoff_tick]

    def _count_before(self, cutoff_tick: int) -> Doubles:
        acquisitions, n_items = self.interactions.acquisitions, self.interactions.n_items
        is_before = acquisitions.time < cutoff_tick
        item_codes, is_begun = acquisitions.item[is_before], self._is_begun[is_before]
        is_first = acquisitions.moment_index[is_before] == 0
        age_days = (cutoff_tick - acquisitions.time[is_before]) / TICKS_PER_DAY
        lately_weights = 0.5 ** (age_days / HALF_LIFE_DAYS)
        first_weights = 0.5 ** (age_days[is_first] / FIRST_HALF_LIFE_DAYS)
        return np.stack(
            [
                np.bincount(item_codes, minlength=n_items),
                np.bincount(item_codes, lately_weights, n_items),
                np.bincount(item_codes[is_begun], minlength=n_items),
                np.bincount(item_codes[is_begun], lately_weights[is_begun], n_items),
                np.bincount(item_codes[is_first], first_weights, n_items),
                self._count_recent_users(cutoff_tick),
            ],
            axis=1,
        ).astype(np.float64)

    def age_days(self, cutoff_tick: int) -> Doubles:
        """Return the days from the first use of each item by anybody to the cutoff; 0 for items without a use."""
        return np.asarray(np.maximum(cutoff_tick - self.interactions.first_use, 0) / TICKS_PER_DAY, np.float64)

    def _count_recent_users(self, cutoff_tick: int) -> Ints:
        """The number of people who used each item in the last USE_DAYS days before the cutoff."""
        interactions = self.interactions
        is_recent = (interactions.time < cutoff_tick) & (interactions.time >= cutoff_tick - USE_DAYS * TICKS_PER_DAY)
        pair_keys = interactions.person[is_recent] * interactions.n_items + interactions.item[is_recent]
        return np.bincount(np.unique(pair_keys) % max(interactions.n_items, 1), minlength=interactions.n_items)
