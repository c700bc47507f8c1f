"""Cases: people at past moments, and what they acquired within the span that starts there.

Belongs here: windows and moments as cases, their targets, the sample that a ranker learns from.
Does not belong here: candidates and features of cases (see training_set), splits of an evaluation.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ml.data.eligibility import NO_RULES, EligibilityRules
from ml.data.interactions import Interactions, build_user_states
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Ints, entry_rows, row_offsets, starts_run, take_rows

MAX_WINDOWS = 400


@dataclass(frozen=True, eq=False)
class Cases:
    """One row per (person, cutoff). Its targets are the items first acquired within the span that starts there."""

    person: Ints
    cutoff_tick: Ints
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
        return entry_rows(self.start)

    def take(self, row_indices: Ints) -> "Cases":
        """These rows, with their targets, in this order."""
        target_offsets, target_indices = take_rows(self.start[row_indices], self.n_targets[row_indices])
        return Cases(
            self.person[row_indices],
            self.cutoff_tick[row_indices],
            target_offsets,
            self.item[target_indices],
            self.from_end[row_indices],
        )

    def blocks(self, block_size: int) -> Iterator["Cases"]:
        """Consecutive blocks of at most `block_size` rows."""
        for row_slice in iter_blocks(len(self), block_size):
            yield self.take(np.arange(row_slice.start, row_slice.stop))

    def with_target(self) -> "Cases":
        """The rows that have a target."""
        return self.take(np.flatnonzero(self.n_targets))

    def keep_targets(self, is_selected: Bools) -> "Cases":
        """The same rows with the marked targets alone."""
        return replace(self, start=row_offsets(is_selected)[self.start], item=self.item[is_selected])

    def label_candidates(self, candidate_items: Ints, n_items: int) -> Bools:
        """Rows x k: whether each candidate is a target of its row."""
        return np.isin(np.arange(len(self))[:, None] * n_items + candidate_items, self.target_row * n_items + self.item)


def build_window_cases(
    interactions: Interactions,
    cutoff_ticks: Ints,
    horizon_ticks: int,
    *,
    include_idle: bool = False,
) -> Cases:
    """Cases of everyone with a history at each cutoff.

    Args:
        interactions: Everything that happened, also after the cutoffs.
        cutoff_ticks: Moments in ticks.
        horizon_ticks: Length of the span in ticks; targets are the items first acquired in [cutoff, cutoff + horizon).
        include_idle: Whether people without a target get a row, too.

    Returns:
        One row per (person, cutoff), sorted by person and cutoff.
    """
    person_codes, case_cutoffs = _cross_people(interactions, cutoff_ticks)
    return _build_cases(
        interactions, person_codes, case_cutoffs, case_cutoffs + horizon_ticks, include_idle=include_idle
    )


def build_newcomer_cases(interactions: Interactions, cutoff_ticks: Ints, horizon_ticks: int) -> Cases:
    """Cases of people without a history at a cutoff who acquire something within the span that starts there.

    Args:
        interactions: Everything that happened, also after the cutoffs.
        cutoff_ticks: Moments in ticks.
        horizon_ticks: Length of the span in ticks; targets are the items first acquired in [cutoff, cutoff + horizon).

    Returns:
        One row per (person, cutoff), sorted by person and cutoff; one per person if the spans do not overlap.
    """
    person_codes, case_cutoffs = _cross_people(interactions, cutoff_ticks)
    cases = _build_cases(interactions, person_codes, case_cutoffs, case_cutoffs + horizon_ticks, include_newcomers=True)
    return cases.take(np.flatnonzero(interactions.first_ticks[cases.person] >= cases.cutoff_tick))


def build_last_moment_cases(interactions: Interactions, n_latest: int) -> Cases:
    """Cases of the last moments of each person; targets are the items first acquired at that moment.

    Args:
        interactions: Everything that happened.
        n_latest: The largest number of cases per person.

    Returns:
        One row per (person, moment), sorted by person and moment.
    """
    target_events = interactions.target_events
    last_moment_index = np.zeros(interactions.n_people, np.int64)
    np.maximum.at(last_moment_index, target_events.person, target_events.moment_index)
    is_case = (
        starts_run(target_events.person, target_events.moment_index)
        & (target_events.moment_index > last_moment_index[target_events.person] - n_latest)
        & (target_events.moment_index > 0)
    )
    person_codes, cutoff_ticks = target_events.person[is_case], target_events.time[is_case]
    return _build_cases(interactions, person_codes, cutoff_ticks, cutoff_ticks + 1)


def build_training_cases(
    interactions: Interactions,
    config: RankerConfig,
    *,
    horizon_ticks: int,
    end_tick: int,
    seed: int,
    rules: EligibilityRules = NO_RULES,
    first_cutoff_tick: int | None = None,
) -> Cases:
    """A few of the latest cases of people with a history, all over by `end_tick`; an even sample if they are too many.

    Args:
        interactions: Everything that happened before `end_tick`.
        config: Says whether cases are windows or moments, and how many there are at most.
        horizon_ticks: Length of a window in ticks.
        end_tick: First moment in ticks that is not known.
        seed: Seed of the sample.
        rules: Targets that these rules closed at the cutoff are dropped.
        first_cutoff_tick: Return only cases from this moment on. They are sampled at the rate at which all cases would
            be.

    Returns:
        One row per (person, cutoff).
    """
    if config.target == "step":
        cases = build_last_moment_cases(interactions, config.cases_per_person)
    else:
        earliest_tick = int(interactions.time.min(initial=end_tick))
        cutoff_ticks = np.arange(end_tick - horizon_ticks, earliest_tick, -horizon_ticks, dtype=np.int64)
        cases = build_window_cases(interactions, cutoff_ticks[:MAX_WINDOWS], horizon_ticks)
        cases = cases.take(np.flatnonzero(cases.from_end < config.cases_per_person))
    sampled_share = min(1.0, config.max_cases / max(len(cases), 1))
    if first_cutoff_tick is not None:
        cases = cases.take(np.flatnonzero(cases.cutoff_tick >= first_cutoff_tick))
    n_sampled = round(sampled_share * len(cases))
    if n_sampled < len(cases):
        cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), n_sampled, replace=False)))
    return drop_closed_targets(cases, interactions, rules, config.block_rows(interactions.n_items))


def drop_closed_targets(cases: Cases, interactions: Interactions, rules: EligibilityRules, block_size: int) -> Cases:
    """The same rows without the targets that `rules` closed at the cutoff: no model could have recommended them.

    Args:
        cases: Rows coded by `interactions`.
        interactions: What people held.
        rules: The eligibility rules, coded by the items of `interactions`.
        block_size: Number of rows to check at once.
    """
    if rules.requires is None:
        return cases
    is_open_blocks = [np.zeros(0, bool)]
    for case_block in cases.blocks(block_size):
        user_states = build_user_states(interactions, case_block.person, case_block.cutoff_tick)
        is_eligible = rules.eligible_mask(user_states, interactions.n_items)
        is_open_blocks.append(is_eligible[case_block.target_row, case_block.item])
    return cases.keep_targets(np.concatenate(is_open_blocks))


def iter_blocks(n_rows: int, block_size: int) -> Iterator[slice]:
    """Consecutive slices that cover 0..n_rows."""
    for first_row in range(0, n_rows, block_size):
        yield slice(first_row, min(first_row + block_size, n_rows))


def _cross_people(interactions: Interactions, cutoff_ticks: Ints) -> tuple[Ints, Ints]:
    """Every person code with every cutoff."""
    n_people = interactions.n_people
    return np.tile(np.arange(n_people), len(cutoff_ticks)), np.repeat(cutoff_ticks, n_people)


def _build_cases(
    interactions: Interactions,
    person_codes: Ints,
    cutoff_ticks: Ints,
    end_ticks: Ints,
    *,
    include_idle: bool = False,
    include_newcomers: bool = False,
) -> Cases:
    target_events = interactions.target_events
    event_keys = interactions.time_key(target_events.person, target_events.time)
    target_starts = np.searchsorted(event_keys, interactions.time_key(person_codes, cutoff_ticks))
    target_ends = np.searchsorted(event_keys, interactions.time_key(person_codes, end_ticks))
    has_history, has_target = target_starts > target_events.start[person_codes], target_ends > target_starts
    row_indices = np.flatnonzero((has_history & (has_target | include_idle)) | (has_target & include_newcomers))
    row_indices = row_indices[np.lexsort((cutoff_ticks[row_indices], person_codes[row_indices]))]
    person_codes, cutoff_ticks = person_codes[row_indices], cutoff_ticks[row_indices]
    target_counts = (target_ends - target_starts)[row_indices]
    target_offsets, target_indices = take_rows(target_starts[row_indices], target_counts)
    cases = Cases(
        person_codes,
        cutoff_ticks,
        target_offsets,
        target_events.item[target_indices],
        np.searchsorted(person_codes, person_codes, side="right") - 1 - np.arange(len(person_codes)),
    )
    if interactions.is_repeatable is None:
        return cases
    # an item reached twice within the span is one target
    pair_keys = cases.target_row * interactions.n_items + cases.item
    return cases.keep_targets(np.isin(np.arange(len(pair_keys)), np.unique(pair_keys, return_index=True)[1]))
