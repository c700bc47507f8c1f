"""Training rows: cases with a known outcome, scored by scorers that did not see the outcome.

Belongs here: cases and their targets, folds and freezes, feature rows, case weights.
Does not belong here: the ranker's loss, evaluation metrics.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ml.data.eligibility import NO_RULES, EligibilityRules
from ml.data.interactions import (
    Interactions,
    UserStates,
    build_user_states,
    drop_unused_ids,
    filter_before,
    filter_people,
)
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints, Strings, entry_rows, row_offsets, starts_run, take_rows
from ml.ranking.features import CandidateNominator, ExtraFeatures, build_extra_features, build_features
from ml.retrieval.candidates import Candidates, select_candidates
from ml.retrieval.scorer_ensemble import ScorerEnsemble, fit_ensemble

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


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Cases x k candidates: their features and labels."""

    features: Floats  # (cases * k) x features
    label: Bools
    is_candidate: Bools  # False on padding
    n_targets: Ints  # of each case, including targets that are not among its candidates
    person: Ints
    from_end: Ints

    @property
    def has_target(self) -> Bools:
        """The cases with a target among their candidates: the listwise loss learns from no others."""
        return np.asarray(self.label.any(axis=1), bool)

    def select(self, is_selected: Bools) -> "TrainingRows":
        """The marked cases."""
        return TrainingRows(
            self.features.reshape(*self.label.shape, -1)[is_selected].reshape(-1, self.features.shape[1]),
            self.label[is_selected],
            self.is_candidate[is_selected],
            self.n_targets[is_selected],
            self.person[is_selected],
            self.from_end[is_selected],
        )


def build_window_cases(
    interactions: Interactions,
    cutoff_ticks: Ints,
    horizon_ticks: int,
    *,
    include_idle: bool = False,
    include_newcomers: bool = False,
) -> Cases:
    """Cases of everyone with a history at each cutoff.

    Args:
        interactions: Everything that happened, also after the cutoffs.
        cutoff_ticks: Moments in ticks.
        horizon_ticks: Length of the span in ticks; targets are the items first acquired in [cutoff, cutoff + horizon).
        include_idle: Whether people without a target get a row, too.
        include_newcomers: Whether people without a history who have a target get a row, too.

    Returns:
        One row per (person, cutoff), sorted by person and cutoff.
    """
    person_codes = np.tile(np.arange(interactions.n_people), len(cutoff_ticks))
    case_cutoffs = np.repeat(cutoff_ticks, interactions.n_people)
    return _build_cases(
        interactions, person_codes, case_cutoffs, case_cutoffs + horizon_ticks, include_idle, include_newcomers
    )


def build_last_moment_cases(interactions: Interactions, n_latest: int, *, include_newcomers: bool = False) -> Cases:
    """Cases of the last moments of each person; targets are the items first acquired at that moment.

    Args:
        interactions: Everything that happened.
        n_latest: The largest number of cases per person.
        include_newcomers: Whether a person's first moment is a case, too.

    Returns:
        One row per (person, moment), sorted by person and moment.
    """
    target_events = interactions.target_events
    last_moment_index = np.zeros(interactions.n_people, np.int64)
    np.maximum.at(last_moment_index, target_events.person, target_events.moment_index)
    is_case = (
        starts_run(target_events.person, target_events.moment_index)
        & (target_events.moment_index > last_moment_index[target_events.person] - n_latest)
        & (include_newcomers | (target_events.moment_index > 0))
    )
    person_codes, cutoff_ticks = target_events.person[is_case], target_events.time[is_case]
    return _build_cases(interactions, person_codes, cutoff_ticks, cutoff_ticks + 1, False, include_newcomers)


def build_training_cases(
    interactions: Interactions,
    config: RankerConfig,
    *,
    horizon_ticks: int,
    end_tick: int,
    seed: int,
    rules: EligibilityRules = NO_RULES,
    include_newcomers: bool = False,
) -> Cases:
    """A few of each person's latest cases, all of them over by `end_tick`; an even sample if there are too many.

    Args:
        interactions: Everything that happened before `end_tick`.
        config: Says whether cases are windows or moments, and how many there are at most.
        horizon_ticks: Length of a window in ticks.
        end_tick: First moment in ticks that is not known.
        seed: Seed of the sample.
        rules: Targets that these rules closed at the cutoff are dropped.
        include_newcomers: Whether cases of people without a history are included.

    Returns:
        One row per (person, cutoff).
    """
    if config.target == "step":
        cases = build_last_moment_cases(interactions, config.cases_per_person, include_newcomers=include_newcomers)
    else:
        earliest_tick = int(interactions.time.min(initial=end_tick))
        cutoff_ticks = np.arange(end_tick - horizon_ticks, earliest_tick, -horizon_ticks, dtype=np.int64)
        cases = build_window_cases(
            interactions, cutoff_ticks[:MAX_WINDOWS], horizon_ticks, include_newcomers=include_newcomers
        )
        first_ticks = np.append(interactions.time, end_tick)[interactions.start[:-1]]
        is_late_or_first = (cases.from_end < config.cases_per_person) | (cases.cutoff_tick <= first_ticks[cases.person])
        cases = cases.take(np.flatnonzero(is_late_or_first))
    if len(cases) > config.max_cases:
        cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), config.max_cases, replace=False)))
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


def _build_cases(
    interactions: Interactions,
    person_codes: Ints,
    cutoff_ticks: Ints,
    end_ticks: Ints,
    include_idle: bool,
    include_newcomers: bool,
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
    if interactions.repeatable is None:
        return cases
    # an item reached twice within the span is one target
    pair_keys = cases.target_row * interactions.n_items + cases.item
    return cases.keep_targets(np.isin(np.arange(len(pair_keys)), np.unique(pair_keys, return_index=True)[1]))


def assign_folds(n_people: int, n_folds: int, seed: int) -> Ints:
    """A fold per person code, of even sizes, in an order that depends on the seed alone."""
    return np.asarray(np.random.default_rng(seed).permutation(n_people) % n_folds, np.int64)


def build_training_rows(
    interactions: Interactions,
    cases: Cases,
    config: RankerConfig,
    *,
    item_names: Strings | None,
    extra: ExtraFeatures | None,
    seed: int,
    rules: EligibilityRules = NO_RULES,
    people_per_sample: float = 1.0,
) -> TrainingRows:
    """Candidates, features and labels of cases, from scorers that saw nothing of the case they score.

    If cases are windows of calendar time, scorers are frozen before them, so that the ranker meets scorers as stale and
    items as new as in use; cases before the first freeze are left out. If cases are moments, or fewer than
    `config.min_cases` lie after the first freeze, scorers are fitted on other people (cross-fitting).

    Args:
        interactions: Everything the cases may look at.
        cases: Cases with known targets, coded by `interactions`.
        config: Settings of scorers, candidates, folds and freezes.
        item_names: Name of each item; ids if None.
        extra: Features from elsewhere.
        seed: Seed of the folds and of the scorers.
        rules: The eligibility rules.
        people_per_sample: How many people each person of `interactions` represents.

    Returns:
        One row per case that could be scored.
    """
    sorted_ticks, n_ticks = np.sort(interactions.acquisitions.time), len(interactions.acquisitions.time)
    if (
        config.target == "window"
        and interactions.is_calendar
        and (cases.cutoff_tick >= sorted_ticks[int(config.freeze_shares[0] * n_ticks)]).sum() >= config.min_cases
    ):
        freeze_ticks = [int(sorted_ticks[min(int(share * n_ticks), n_ticks - 1)]) for share in config.freeze_shares]
        histories = _histories_before_freezes(interactions, cases, freeze_ticks, item_names)
    else:
        histories = _histories_of_other_folds(interactions, cases, config, item_names, seed)
    case_row_parts = []
    for case_indices, history, history_names in histories:
        ensemble = fit_ensemble(
            history, config, item_names=history_names, seed=seed, people_per_sample=people_per_sample
        )
        if interactions.is_calendar:  # adoption counts look back from each row's cutoff, so they may count everybody
            ensemble = ensemble.with_interactions(interactions, item_names)
        case_row_parts.append(
            (case_indices, *build_case_rows(ensemble, interactions, cases.take(case_indices), config, extra, rules))
        )
    case_indices, features, is_target, is_candidate = (
        np.concatenate(field_blocks) for field_blocks in zip(*case_row_parts, strict=True)
    )
    order = np.argsort(case_indices)
    cases = cases.take(case_indices[order])
    features = features.reshape(*is_target.shape, -1)[order].reshape(is_target.size, -1)
    return TrainingRows(features, is_target[order], is_candidate[order], cases.n_targets, cases.person, cases.from_end)


def _histories_of_other_folds(
    interactions: Interactions, cases: Cases, config: RankerConfig, item_names: Strings | None, seed: int
) -> Iterator[tuple[Ints, Interactions, Strings | None]]:
    """Per fold of people: the rows of its cases, and what the people of the other folds did."""
    fold_by_person = assign_folds(interactions.n_people, config.n_folds, seed)
    for fold_number in np.unique(fold_by_person[cases.person]).tolist():
        yield (
            np.flatnonzero(fold_by_person[cases.person] == fold_number),
            filter_people(interactions, fold_by_person != fold_number),
            item_names,
        )


def _histories_before_freezes(
    interactions: Interactions, cases: Cases, freeze_ticks: list[int], item_names: Strings | None
) -> Iterator[tuple[Ints, Interactions, Strings | None]]:
    """Per freeze: the rows of the cases up to the next one, and what happened before the first of these cases."""
    freeze_index = np.searchsorted(freeze_ticks, cases.cutoff_tick, side="right") - 1
    for freeze_number in np.unique(freeze_index[freeze_index >= 0]).tolist():
        case_indices = np.flatnonzero(freeze_index == freeze_number)
        history = filter_before(interactions, int(cases.cutoff_tick[case_indices].min()))
        yield case_indices, drop_unused_ids(history), None if item_names is None else item_names[history.used_items]


def build_case_rows(
    ensemble: ScorerEnsemble,
    interactions: Interactions,
    cases: Cases,
    config: RankerConfig,
    extra: ExtraFeatures | None,
    rules: EligibilityRules = NO_RULES,
) -> tuple[Floats, Bools, Bools]:
    """The candidates of cases, computed block by block.

    Returns:
        Features ((cases * k) x features), labels (cases x k), and which candidates are no padding (cases x k).
    """
    row_blocks = []
    for case_block in cases.blocks(config.block_rows(interactions.n_items)):
        user_states = build_user_states(interactions, case_block.person, case_block.cutoff_tick)
        is_eligible = rules.eligible_mask(user_states, interactions.n_items)
        if config.target == "window" and interactions.is_calendar:  # an item that nobody has yet cannot be recommended
            is_eligible &= interactions.first_use[None, :] < case_block.cutoff_tick[:, None]
        candidates, _ = select_candidates(
            ensemble, user_states, is_eligible, config, score_extra_items(extra, user_states, interactions)
        )
        features = build_all_features(ensemble, user_states, candidates, interactions, extra)
        is_target = case_block.label_candidates(candidates.item, interactions.n_items) & candidates.is_candidate
        row_blocks.append((features, is_target, candidates.is_candidate))
    return tuple(np.concatenate(field_blocks) for field_blocks in zip(*row_blocks, strict=True))  # type: ignore[return-value]


def build_all_features(
    ensemble: ScorerEnsemble,
    user_states: UserStates,
    candidates: Candidates,
    interactions: Interactions,
    extra: ExtraFeatures | None,
) -> Floats:
    """(rows * k) x features: the declared features, then the extra ones."""
    features = build_features(ensemble, user_states, candidates)
    if extra is None:
        return features
    person_ids, is_calendar = interactions.people, interactions.is_calendar
    return np.concatenate(
        [features, build_extra_features(extra, user_states, candidates, person_ids, ensemble, is_calendar)], axis=1
    )


def score_extra_items(nominator: object, user_states: UserStates, interactions: Interactions) -> Floats | None:
    """Rows x items: the scores of extra features that nominate candidates; None if they do not."""
    if not isinstance(nominator, CandidateNominator):
        return None
    return nominator.score_items(interactions.people[user_states.person], user_states.cutoff_tick, interactions.items)


def weigh_cases(training_rows: TrainingRows, case_decay: float) -> Doubles:
    """Weight per case: 1 / (1 + cases from the person's end)^case_decay."""
    return np.asarray((1.0 + training_rows.from_end) ** -case_decay, np.float64)
