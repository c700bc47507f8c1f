"""Training rows: cases with a known outcome, split by person so that no scorer saw the case it describes.

Belongs here: cases and targets, folds, cross-fitted feature rows, row weights.
Does not belong here: the ranker's loss, evaluation metrics.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ml.data.eligibility import NO_RULES, EligibilityRules
from ml.data.interactions import (
    Bools,
    Doubles,
    Floats,
    Interactions,
    Ints,
    Strings,
    UserStates,
    build_user_states,
    drop_unused_ids,
    filter_before,
    filter_people,
)
from ml.data.ranker_config import RankerConfig
from ml.ranking.features import CandidateNominator, ExtraFeatures, build_extra_features, build_features
from ml.retrieval.candidates import Candidates, select_candidates
from ml.retrieval.scorer_ensemble import ScorerEnsemble, fit_ensemble


@dataclass(frozen=True, eq=False)
class Cases:
    """One row a (person, cut): targets are the items first acquired from the cut on, within the case's span."""

    person: Ints
    cut: Ints
    start: Ints  # targets of row r are item[start[r]:start[r + 1]]
    item: Ints
    from_end: Ints  # 0 = the person's latest case

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: Ints) -> "Cases":
        length = np.diff(self.start)[rows]
        start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
        entry = np.arange(start[-1]) + np.repeat(self.start[rows] - start[:-1], length)
        return Cases(self.person[rows], self.cut[rows], start, self.item[entry], self.from_end[rows])

    @property
    def row(self) -> Ints:
        """The row of each target."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def keep_targets(self, targets: Bools) -> "Cases":
        """The same rows with the marked targets alone."""
        start = np.concatenate([[0], np.cumsum(targets)])[self.start].astype(np.int64)
        return replace(self, start=start, item=self.item[targets])

    def label(self, candidates: Ints, n_items: int) -> Bools:
        """Rows x k: is this candidate a target of the row?"""
        key = self.row * n_items + self.item
        return np.isin(np.arange(len(self))[:, None] * n_items + candidates, key)


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """Cases x k candidates: features, labels, which candidates are no padding, and the weight of each case."""

    features: Floats  # (cases * k) x features
    label: Bools
    real: Bools
    n_targets: Ints  # of each case, including those no candidate stands for
    person: Ints
    from_end: Ints

    @property
    def has_target(self) -> Bools:
        """The cases with a target among their candidates: the listwise loss learns from no others."""
        return np.asarray(self.label.any(axis=1), bool)

    def where(self, rows: Bools) -> "TrainingRows":
        cases, size = self.label.shape
        block = self.features.reshape(cases, size, -1)[rows]
        return TrainingRows(
            block.reshape(-1, self.features.shape[1]),
            self.label[rows],
            self.real[rows],
            self.n_targets[rows],
            self.person[rows],
            self.from_end[rows],
        )


def build_window_cases(
    interactions: Interactions, cuts: Ints, horizon: int, *, idle: bool = False, cold: bool = False
) -> Cases:
    """Cases of everyone with a history at each cut: what they first acquired in [cut, cut + horizon).

    People who acquired nothing are left out unless `idle`; people whose first event it was come too where `cold`.
    """
    person = np.tile(np.arange(interactions.n_people), len(cuts))
    cut = np.repeat(cuts, interactions.n_people)
    return _cases(interactions, person, cut, cut + horizon, idle=idle, cold=cold)


def build_last_moment_cases(interactions: Interactions, per_person: int, *, cold: bool = False) -> Cases:
    """Cases of the last moments of each person: what was first acquired at that moment, after one moment at least
    (or none where `cold`)."""
    got = interactions.target_events
    last = np.zeros(interactions.n_people, np.int64)
    np.maximum.at(last, got.person, got.moment_index)
    fresh = np.ones(len(got.item), bool)
    fresh[1:] = (got.person[1:] != got.person[:-1]) | (got.moment_index[1:] != got.moment_index[:-1])
    chosen = fresh & (cold | (got.moment_index > 0)) & (got.moment_index > last[got.person] - per_person)
    cut = got.time[chosen]
    return _cases(interactions, got.person[chosen], cut, cut + 1, idle=False, cold=cold)


def build_training_cases(
    interactions: Interactions, config: RankerConfig, *, horizon: int, end: int, seed: int, cold: bool = False
) -> Cases:
    """The cases to learn from, all of them over by `end`: a few of each person's latest, an even sample if too many."""
    if config.target == "step":
        cases = build_last_moment_cases(interactions, config.cases_per_person, cold=cold)
    else:
        first = int(interactions.time.min(initial=end))
        cuts = np.arange(end - horizon, first, -horizon, dtype=np.int64)
        cases = build_window_cases(interactions, cuts[:400], horizon, cold=cold)
        begin = np.append(interactions.time, end)[interactions.start[:-1]]
        is_cold = cases.cut <= begin[cases.person]
        cases = cases.take(np.flatnonzero((cases.from_end < config.cases_per_person) | is_cold))
    if len(cases) > config.max_cases:
        chosen = np.random.default_rng(seed).choice(len(cases), config.max_cases, replace=False)
        cases = cases.take(np.sort(chosen))
    return cases


def assign_folds(n_people: int, folds: int, seed: int) -> Ints:
    """A fold for each person code, of even sizes, in an order that depends on the seed alone."""
    return np.asarray(np.random.default_rng(seed).permutation(n_people) % folds, np.int64)


def build_cross_fitted_rows(
    interactions: Interactions,
    cases: Cases,
    config: RankerConfig,
    *,
    names: Strings | None,
    extra: ExtraFeatures | None,
    seed: int,
    rules: EligibilityRules = NO_RULES,
    people_per_sample: float = 1.0,
) -> TrainingRows:
    """Rows for all cases; each person's are scored by a panel fitted on the other folds' people alone."""
    fold = assign_folds(interactions.n_people, config.n_folds, seed)
    parts = []
    for number in range(config.n_folds):
        rows = np.flatnonzero(fold[cases.person] == number)
        if not len(rows):
            continue
        ensemble = fit_ensemble(
            filter_people(interactions, fold != number),
            config,
            names=names,
            seed=seed,
            people_per_sample=people_per_sample,
        )
        if interactions.is_calendar:  # adoption counts look back from each row's cut, so they may count everybody
            ensemble = ensemble.with_interactions(interactions)
        parts.append((rows, *build_case_rows(ensemble, interactions, cases.take(rows), config, extra, rules)))
    return _joined(cases, parts)


def build_frozen_rows(
    interactions: Interactions,
    cases: Cases,
    config: RankerConfig,
    *,
    names: Strings | None,
    extra: ExtraFeatures | None,
    seed: int,
    rules: EligibilityRules = NO_RULES,
    people_per_sample: float = 1.0,
) -> TrainingRows:
    """Rows for the cases after the first freeze; each is scored by a panel fitted on what came before its freeze alone.

    So the ranker learns on scorers as stale, and on items as new, as it will meet them: a panel is frozen when it is
    fitted, and people, items and trends move on. The freezes cut the acquisitions into `policy.freezes` shares.
    """
    times = np.sort(interactions.acquisitions.time)
    if int((cases.cut >= times[int(config.freeze_shares[0] * len(times))]).sum()) < config.min_cases:
        return build_cross_fitted_rows(
            interactions,
            cases,
            config,
            names=names,
            extra=extra,
            seed=seed,
            rules=rules,
            people_per_sample=people_per_sample,
        )
    freezes = [int(times[min(int(share * len(times)), len(times) - 1)]) for share in config.freeze_shares]
    parts = []
    for freeze, following in zip(freezes, [*freezes[1:], np.iinfo(np.int64).max], strict=True):
        rows = np.flatnonzero((cases.cut >= freeze) & (cases.cut < following))
        if not len(rows):
            continue
        past = filter_before(interactions, int(cases.cut[rows].min()))
        seen = past.used_items
        words = None if names is None else names[seen]
        ensemble = fit_ensemble(
            drop_unused_ids(past), config, names=words, seed=seed, people_per_sample=people_per_sample
        )
        ensemble = ensemble.with_interactions(interactions, names)
        parts.append((rows, *build_case_rows(ensemble, interactions, cases.take(rows), config, extra, rules)))
    return _joined(cases, parts)


def _joined(cases: Cases, parts: list[tuple[Ints, Floats, Bools, Bools]]) -> TrainingRows:
    rows = np.concatenate([part[0] for part in parts])
    order = np.argsort(rows)
    cases = cases.take(rows[order])
    size = max(part[2].shape[1] for part in parts)
    features = np.concatenate([part[1] for part in parts]).reshape(len(order), size, -1)[order]
    label, real = (np.concatenate([part[place] for part in parts])[order] for place in (2, 3))
    return TrainingRows(
        features.reshape(len(order) * size, -1), label, real, np.diff(cases.start), cases.person, cases.from_end
    )


def build_case_rows(
    ensemble: ScorerEnsemble,
    interactions: Interactions,
    cases: Cases,
    config: RankerConfig,
    extra: ExtraFeatures | None,
    rules: EligibilityRules = NO_RULES,
) -> tuple[Floats, Bools, Bools]:
    """Features, labels and realness of the candidates of the cases, computed block by block."""
    parts = []
    for rows in iter_blocks(len(cases), config.block_rows(interactions.n_items)):
        part = cases.take(np.arange(rows.start, rows.stop))
        user_states = build_user_states(interactions, part.person, part.cut)
        eligible_mask = rules.eligible_mask(user_states, interactions.n_items)
        if config.target == "window" and interactions.is_calendar:  # nobody could be recommended what nobody had yet
            eligible_mask &= interactions.first_use[None, :] < part.cut[:, None]
        candidates, _ = select_candidates(
            ensemble, user_states, eligible_mask, config, score_extra_items(extra, user_states, interactions)
        )
        matrix = build_all_features(ensemble, user_states, candidates, interactions, extra)
        label = part.label(candidates.item, interactions.n_items) & candidates.real
        parts.append((matrix, label, candidates.real))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def build_all_features(
    ensemble: ScorerEnsemble,
    user_states: UserStates,
    candidates: Candidates,
    interactions: Interactions,
    extra: ExtraFeatures | None,
) -> Floats:
    """The declared features, then the extra ones."""
    own = build_features(ensemble, user_states, candidates)
    if extra is None:
        return own
    more = build_extra_features(extra, user_states, candidates, interactions.people, ensemble, interactions.is_calendar)
    return np.concatenate([own, more], axis=1)


def score_extra_items(extra: object, user_states: UserStates, interactions: Interactions) -> Floats | None:
    """Rows x items of the extra features' own scores; None where they have none."""
    if not isinstance(extra, CandidateNominator):
        return None
    return extra.score_items(interactions.people[user_states.person], user_states.cut, interactions.items)


def weigh_cases(rows: TrainingRows, case_decay: float) -> Doubles:
    """1 / (1 + cases from the person's end)^decay."""
    return np.asarray((1.0 + rows.from_end) ** -case_decay, np.float64)


def iter_blocks(length: int, size: int) -> Iterator[slice]:
    """Consecutive slices that cover 0..length."""
    for low in range(0, length, size):
        yield slice(low, min(low + size, length))


def _cases(interactions: Interactions, person: Ints, cut: Ints, end: Ints, *, idle: bool, cold: bool = False) -> Cases:
    got = interactions.target_events
    rank = len(interactions.moments) + 1
    key = got.person * rank + np.searchsorted(interactions.moments, got.time)
    low = np.searchsorted(key, person * rank + np.searchsorted(interactions.moments, cut))
    high = np.searchsorted(key, person * rank + np.searchsorted(interactions.moments, end))
    chosen = (low > got.start[person]) | ((high > low) & cold)
    if not idle:
        chosen &= high > low
    order = np.lexsort((cut[chosen], person[chosen]))
    person, cut, low, high = (values[chosen][order] for values in (person, cut, low, high))
    length = high - low
    start = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    entry = np.arange(start[-1]) + np.repeat(low - start[:-1], length)
    stop = np.searchsorted(person, person, side="right")
    cases = Cases(person, cut, start, got.item[entry], stop - 1 - np.arange(len(person)))
    if interactions.repeatable is None:
        return cases
    pair = cases.row * interactions.n_items + cases.item  # reached twice within the span is one target
    return cases.keep_targets(np.isin(np.arange(len(pair)), np.unique(pair, return_index=True)[1]))


def drop_closed_targets(cases: Cases, interactions: Interactions, rules: EligibilityRules, block: int) -> Cases:
    """The cases without the targets that were not open at the cut: nobody could have been recommended those."""
    if rules.requires is None:
        return cases
    is_open = []
    for part in iter_blocks(len(cases), block):
        some = cases.take(np.arange(part.start, part.stop))
        mask = rules.eligible_mask(build_user_states(interactions, some.person, some.cut), interactions.n_items)
        is_open.append(mask[some.row, some.item])
    return cases.keep_targets(np.concatenate([np.zeros(0, bool), *is_open]))
