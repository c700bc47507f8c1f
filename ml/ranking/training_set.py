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
        return entry_rows(self.start)

    def take(self, rows: Ints) -> "Cases":
        """These rows, with their targets, in this order."""
        start, entry = take_rows(self.start[rows], self.n_targets[rows])
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
        return replace(self, start=row_offsets(targets)[self.start], item=self.item[targets])

    def label_candidates(self, candidates: Ints, n_items: int) -> Bools:
        """Rows x k: whether each candidate is a target of its row."""
        return np.isin(np.arange(len(self))[:, None] * n_items + candidates, self.target_row * n_items + self.item)


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Cases x k candidates: their features and labels."""

    features: Floats  # (cases * k) x features
    label: Bools
    real: Bools  # False on padding
    n_targets: Ints  # of each case, including targets that are not among its candidates
    person: Ints
    from_end: Ints

    @property
    def has_target(self) -> Bools:
        """The cases with a target among their candidates: the listwise loss learns from no others."""
        return np.asarray(self.label.any(axis=1), bool)

    def select(self, cases: Bools) -> "TrainingRows":
        """The marked cases."""
        return TrainingRows(
            self.features.reshape(*self.label.shape, -1)[cases].reshape(-1, self.features.shape[1]),
            self.label[cases],
            self.real[cases],
            self.n_targets[cases],
            self.person[cases],
            self.from_end[cases],
        )


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
    last_moment = np.zeros(interactions.n_people, np.int64)
    np.maximum.at(last_moment, events.person, events.moment_index)
    is_case = (
        starts_run(events.person, events.moment_index)
        & (events.moment_index > last_moment[events.person] - per_person)
        & (include_newcomers | (events.moment_index > 0))
    )
    cut = events.time[is_case]
    return _build_cases(interactions, events.person[is_case], cut, cut + 1, False, include_newcomers)


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
        cuts = np.arange(end - horizon, int(interactions.time.min(initial=end)), -horizon, dtype=np.int64)
        cases = build_window_cases(interactions, cuts[:MAX_WINDOWS], horizon, include_newcomers=include_newcomers)
        begin = np.append(interactions.time, end)[interactions.start[:-1]]
        cases = cases.take(
            np.flatnonzero((cases.from_end < config.cases_per_person) | (cases.cut <= begin[cases.person]))
        )
    if len(cases) > config.max_cases:
        cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), config.max_cases, replace=False)))
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
        is_eligible = rules.eligible_mask(build_user_states(interactions, part.person, part.cut), interactions.n_items)
        is_open.append(is_eligible[part.target_row, part.item])
    return cases.keep_targets(np.concatenate(is_open))


def iter_blocks(length: int, size: int) -> Iterator[slice]:
    """Consecutive slices that cover 0..length."""
    for low in range(0, length, size):
        yield slice(low, min(low + size, length))


def _build_cases(
    interactions: Interactions, person: Ints, cut: Ints, end: Ints, include_idle: bool, include_newcomers: bool
) -> Cases:
    events = interactions.target_events
    key = interactions.time_key(events.person, events.time)
    low = np.searchsorted(key, interactions.time_key(person, cut))
    high = np.searchsorted(key, interactions.time_key(person, end))
    has_history, has_target = low > events.start[person], high > low
    rows = np.flatnonzero((has_history & (has_target | include_idle)) | (has_target & include_newcomers))
    rows = rows[np.lexsort((cut[rows], person[rows]))]
    person, cut, low, length = person[rows], cut[rows], low[rows], (high - low)[rows]
    start, entry = take_rows(low, length)
    cases = Cases(
        person,
        cut,
        start,
        events.item[entry],
        np.searchsorted(person, person, side="right") - 1 - np.arange(len(person)),
    )
    if interactions.repeatable is None:
        return cases
    pair = cases.target_row * interactions.n_items + cases.item  # an item reached twice within the span is one target
    return cases.keep_targets(np.isin(np.arange(len(pair)), np.unique(pair, return_index=True)[1]))


def assign_folds(n_people: int, folds: int, seed: int) -> Ints:
    """A fold per person code, of even sizes, in an order that depends on the seed alone."""
    return np.asarray(np.random.default_rng(seed).permutation(n_people) % folds, np.int64)


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
    times = np.sort(interactions.acquisitions.time)
    if (
        config.target == "window"
        and interactions.is_calendar
        and (cases.cut >= times[int(config.freeze_shares[0] * len(times))]).sum() >= config.min_cases
    ):
        freezes = [int(times[min(int(share * len(times)), len(times) - 1)]) for share in config.freeze_shares]
        pasts = _pasts_before_freezes(interactions, cases, freezes, item_names)
    else:
        pasts = _other_folds(interactions, cases, config, item_names, seed)
    case_row_parts = []
    for case_indices, past, past_names in pasts:
        ensemble = fit_ensemble(past, config, names=past_names, seed=seed, people_per_sample=people_per_sample)
        if interactions.is_calendar:  # adoption counts look back from each row's cut, so they may count everybody
            ensemble = ensemble.with_interactions(interactions, item_names)
        case_row_parts.append(
            (case_indices, *build_case_rows(ensemble, interactions, cases.take(case_indices), config, extra, rules))
        )
    case_indices, features, label, is_candidate = (
        np.concatenate(column) for column in zip(*case_row_parts, strict=True)
    )
    order = np.argsort(case_indices)
    cases = cases.take(case_indices[order])
    features = features.reshape(*label.shape, -1)[order].reshape(label.size, -1)
    return TrainingRows(features, label[order], is_candidate[order], cases.n_targets, cases.person, cases.from_end)


def _other_folds(
    interactions: Interactions, cases: Cases, config: RankerConfig, names: Strings | None, seed: int
) -> Iterator[tuple[Ints, Interactions, Strings | None]]:
    """Per fold of people: the rows of its cases, and what the people of the other folds did."""
    fold = assign_folds(interactions.n_people, config.n_folds, seed)
    for number in np.unique(fold[cases.person]).tolist():
        yield np.flatnonzero(fold[cases.person] == number), filter_people(interactions, fold != number), names


def _pasts_before_freezes(
    interactions: Interactions, cases: Cases, freezes: list[int], item_names: Strings | None
) -> Iterator[tuple[Ints, Interactions, Strings | None]]:
    """Per freeze: the rows of the cases up to the next one, and what happened before the first of these cases."""
    freeze_index = np.searchsorted(freezes, cases.cut, side="right") - 1
    for number in np.unique(freeze_index[freeze_index >= 0]).tolist():
        rows = np.flatnonzero(freeze_index == number)
        past = filter_before(interactions, int(cases.cut[rows].min()))
        yield rows, drop_unused_ids(past), None if item_names is None else item_names[past.used_items]


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
    parts = []
    for block in cases.blocks(config.block_rows(interactions.n_items)):
        user_states = build_user_states(interactions, block.person, block.cut)
        eligible = rules.eligible_mask(user_states, interactions.n_items)
        if config.target == "window" and interactions.is_calendar:  # an item that nobody has yet cannot be recommended
            eligible &= interactions.first_use[None, :] < block.cut[:, None]
        candidates, _ = select_candidates(
            ensemble, user_states, eligible, config, score_extra_items(extra, user_states, interactions)
        )
        features = build_all_features(ensemble, user_states, candidates, interactions, extra)
        label = block.label_candidates(candidates.item, interactions.n_items) & candidates.real
        parts.append((features, label, candidates.real))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


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
    people, is_calendar = interactions.people, interactions.is_calendar
    return np.concatenate(
        [features, build_extra_features(extra, user_states, candidates, people, ensemble, is_calendar)], axis=1
    )


def score_extra_items(extra: object, user_states: UserStates, interactions: Interactions) -> Floats | None:
    """Rows x items: the scores of extra features that nominate candidates; None if they do not."""
    if not isinstance(extra, CandidateNominator):
        return None
    return extra.score_items(interactions.people[user_states.person], user_states.cut, interactions.items)


def weigh_cases(rows: TrainingRows, case_decay: float) -> Doubles:
    """Weight per case: 1 / (1 + cases from the person's end)^case_decay."""
    return np.asarray((1.0 + rows.from_end) ** -case_decay, np.float64)
