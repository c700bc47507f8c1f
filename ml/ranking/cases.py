"""Cases: a person at a moment, and the items that the person acquired from then on.

Belongs here: cases of calendar windows and of last moments, blocks and selections of cases, labels.
Does not belong here: features, models, evaluation metrics.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ml.data.eligibility import NO_RULES, EligibilityRules
from ml.data.interactions import Bools, Interactions, Ints, build_user_states
from ml.data.ranker_config import RankerConfig

MAX_WINDOWS = 400


@dataclass(frozen=True, eq=False)
class Cases:
    """One row per (person, cut). Its targets are the items first acquired from the cut on, within the case's span."""

    person: Ints
    cut: Ints
    start: Ints  # targets of row r are item[start[r]:start[r + 1]]
    item: Ints
    from_end: Ints  # 0 = the person's latest case

    def __len__(self) -> int:
        return len(self.person)

    @property
    def n_targets(self) -> Ints:
        """The number of targets per row."""
        return np.diff(self.start)

    @property
    def target_row(self) -> Ints:
        """The row of each target."""
        return np.repeat(np.arange(len(self)), self.n_targets)

    def take(self, rows: Ints) -> "Cases":
        """These rows, with their targets, in this order."""
        length = self.n_targets[rows]
        start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        entry = np.arange(start[-1]) + np.repeat(self.start[rows] - start[:-1], length)
        return Cases(self.person[rows], self.cut[rows], start, self.item[entry], self.from_end[rows])

    def blocks(self, size: int) -> Iterator["Cases"]:
        """Consecutive blocks of at most `size` rows."""
        for part in iter_blocks(len(self), size):
            yield self.take(np.arange(part.start, part.stop))

    def with_target(self) -> "Cases":
        """The rows that have a target."""
        return self.take(np.flatnonzero(self.n_targets))

    def keep_targets(self, targets: Bools) -> "Cases":
        """The same rows with the marked targets alone."""
        start = np.concatenate([[0], np.cumsum(targets)])[self.start].astype(np.int64)
        return replace(self, start=start, item=self.item[targets])

    def label_candidates(self, candidates: Ints, n_items: int) -> Bools:
        """Rows x k: whether each candidate is a target of its row."""
        key = self.target_row * n_items + self.item
        return np.isin(np.arange(len(self))[:, None] * n_items + candidates, key)


def build_window_cases(
    interactions: Interactions,
    cuts: Ints,
    horizon: int,
    *,
    include_idle: bool = False,
    include_newcomers: bool = False,
) -> Cases:
    """Cases of everyone with a history at each cut.

    Args:
        interactions: Everything that happened, also after the cuts.
        cuts: Moments in ticks.
        horizon: Length of the span in ticks; targets are the items first acquired in [cut, cut + horizon).
        include_idle: Whether people without a target get a row, too.
        include_newcomers: Whether people without a history who have a target get a row, too.

    Returns:
        One row per (person, cut), sorted by person and cut.
    """
    person = np.tile(np.arange(interactions.n_people), len(cuts))
    cut = np.repeat(cuts, interactions.n_people)
    return _build_cases(interactions, person, cut, cut + horizon, include_idle, include_newcomers)


def build_last_moment_cases(interactions: Interactions, per_person: int, *, include_newcomers: bool = False) -> Cases:
    """Cases of the last moments of each person; targets are the items first acquired at that moment.

    Args:
        interactions: Everything that happened.
        per_person: The largest number of cases per person.
        include_newcomers: Whether a person's first moment is a case, too.

    Returns:
        One row per (person, moment), sorted by person and moment.
    """
    events = interactions.target_events
    last = np.zeros(interactions.n_people, np.int64)
    np.maximum.at(last, events.person, events.moment_index)
    is_first_of_moment = np.ones(len(events.item), bool)
    is_first_of_moment[1:] = (np.diff(events.person) != 0) | (np.diff(events.moment_index) != 0)
    is_late = events.moment_index > last[events.person] - per_person
    chosen = is_first_of_moment & is_late & (include_newcomers | (events.moment_index > 0))
    cut = events.time[chosen]
    return _build_cases(interactions, events.person[chosen], cut, cut + 1, False, include_newcomers)


def build_training_cases(
    interactions: Interactions,
    config: RankerConfig,
    *,
    horizon: int,
    end: int,
    seed: int,
    rules: EligibilityRules = NO_RULES,
    include_newcomers: bool = False,
) -> Cases:
    """A few of each person's latest cases, all of them over by `end`; an even sample if there are too many.

    Args:
        interactions: Everything that happened before `end`.
        config: Says whether cases are windows or moments, and how many there are at most.
        horizon: Length of a window in ticks.
        end: First moment in ticks that is not known.
        seed: Seed of the sample.
        rules: Targets that these rules closed at the cut are dropped.
        include_newcomers: Whether cases of people without a history are included.

    Returns:
        One row per (person, cut).
    """
    if config.target == "step":
        cases = build_last_moment_cases(interactions, config.cases_per_person, include_newcomers=include_newcomers)
    else:
        first = int(interactions.time.min(initial=end))
        cuts = np.arange(end - horizon, first, -horizon, dtype=np.int64)
        cases = build_window_cases(interactions, cuts[:MAX_WINDOWS], horizon, include_newcomers=include_newcomers)
        begin = np.append(interactions.time, end)[interactions.start[:-1]]
        is_newcomer = cases.cut <= begin[cases.person]
        cases = cases.take(np.flatnonzero((cases.from_end < config.cases_per_person) | is_newcomer))
    if len(cases) > config.max_cases:
        chosen = np.random.default_rng(seed).choice(len(cases), config.max_cases, replace=False)
        cases = cases.take(np.sort(chosen))
    return drop_closed_targets(cases, interactions, rules, config.block_rows(interactions.n_items))


def drop_closed_targets(cases: Cases, interactions: Interactions, rules: EligibilityRules, block: int) -> Cases:
    """The same rows without the targets that `rules` closed at the cut: no model could have recommended those.

    Args:
        cases: Rows coded by `interactions`.
        interactions: What people held.
        rules: The eligibility rules, coded by the items of `interactions`.
        block: Number of rows to check at once.
    """
    if rules.requires is None:
        return cases
    is_open = [np.zeros(0, bool)]
    for part in cases.blocks(block):
        mask = rules.eligible_mask(build_user_states(interactions, part.person, part.cut), interactions.n_items)
        is_open.append(mask[part.target_row, part.item])
    return cases.keep_targets(np.concatenate(is_open))


def iter_blocks(length: int, size: int) -> Iterator[slice]:
    """Consecutive slices that cover 0..length."""
    for low in range(0, length, size):
        yield slice(low, min(low + size, length))


def time_keys(interactions: Interactions, person: Ints, time: Ints) -> Ints:
    """One number per (person, time) on the scale of `Interactions.search_key`."""
    return person * (len(interactions.moments) + 1) + np.searchsorted(interactions.moments, time)


def _build_cases(
    interactions: Interactions, person: Ints, cut: Ints, end: Ints, include_idle: bool, include_newcomers: bool
) -> Cases:
    events = interactions.target_events
    key = time_keys(interactions, events.person, events.time)
    low = np.searchsorted(key, time_keys(interactions, person, cut))
    high = np.searchsorted(key, time_keys(interactions, person, end))
    has_history, has_target = low > events.start[person], high > low
    rows = np.flatnonzero((has_history & (has_target | include_idle)) | (has_target & include_newcomers))
    rows = rows[np.lexsort((cut[rows], person[rows]))]
    person, cut, low, length = person[rows], cut[rows], low[rows], (high - low)[rows]
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    entry = np.arange(start[-1]) + np.repeat(low - start[:-1], length)
    from_end = np.searchsorted(person, person, side="right") - 1 - np.arange(len(person))
    cases = Cases(person, cut, start, events.item[entry], from_end)
    if interactions.repeatable is None:
        return cases
    pair = cases.target_row * interactions.n_items + cases.item  # an item reached twice within the span is one target
    return cases.keep_targets(np.isin(np.arange(len(pair)), np.unique(pair, return_index=True)[1]))
