"""Training rows: cases with a known outcome, split by person so that no scorer saw the case it describes.

Belongs here: cases and targets, folds, cross-fitted feature rows, row weights.
Does not belong here: the ranker's loss, evaluation metrics.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ml.data.eligibility import FREE, Rules
from ml.data.interactions import (
    Bools,
    Doubles,
    Floats,
    Histories,
    Ints,
    Names,
    Prefixes,
    before,
    build_prefixes,
    only_people,
    only_seen,
)
from ml.data.ranker_config import Policy
from ml.ranking.features import ExtraFeatures, Nominates, build_features, extra_matrix
from ml.retrieval.candidates import Candidates, pick_candidates
from ml.retrieval.scorer_ensemble import Panel, fit_panel


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

    def only(self, targets: Bools) -> "Cases":
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
    def teaches(self) -> Bools:
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


def window_cases(histories: Histories, cuts: Ints, horizon: int, *, idle: bool = False, cold: bool = False) -> Cases:
    """Cases of everyone with a history at each cut: what they first acquired in [cut, cut + horizon).

    People who acquired nothing are left out unless `idle`; people whose first event it was come too where `cold`.
    """
    person = np.tile(np.arange(histories.n_people), len(cuts))
    cut = np.repeat(cuts, histories.n_people)
    return _cases(histories, person, cut, cut + horizon, idle=idle, cold=cold)


def step_cases(histories: Histories, per_person: int, *, cold: bool = False) -> Cases:
    """Cases of the last moments of each person: what was first acquired at that moment, after one moment at least
    (or none where `cold`)."""
    got = histories.reaches
    last = np.zeros(histories.n_people, np.int64)
    np.maximum.at(last, got.person, got.group)
    fresh = np.ones(len(got.item), bool)
    fresh[1:] = (got.person[1:] != got.person[:-1]) | (got.group[1:] != got.group[:-1])
    chosen = fresh & (cold | (got.group > 0)) & (got.group > last[got.person] - per_person)
    cut = got.time[chosen]
    return _cases(histories, got.person[chosen], cut, cut + 1, idle=False, cold=cold)


def training_cases(
    histories: Histories, policy: Policy, *, horizon: int, end: int, seed: int, cold: bool = False
) -> Cases:
    """The cases to learn from, all of them over by `end`: a few of each person's latest, an even sample if too many."""
    if policy.target == "step":
        cases = step_cases(histories, policy.cases_per_person, cold=cold)
    else:
        first = int(histories.time.min(initial=end))
        cuts = np.arange(end - horizon, first, -horizon, dtype=np.int64)
        cases = window_cases(histories, cuts[:400], horizon, cold=cold)
        begin = np.append(histories.time, end)[histories.start[:-1]]
        is_cold = cases.cut <= begin[cases.person]
        cases = cases.take(np.flatnonzero((cases.from_end < policy.cases_per_person) | is_cold))
    if len(cases) > policy.max_cases:
        chosen = np.random.default_rng(seed).choice(len(cases), policy.max_cases, replace=False)
        cases = cases.take(np.sort(chosen))
    return cases


def fold_of_people(n_people: int, folds: int, seed: int) -> Ints:
    """A fold for each person code, of even sizes, in an order that depends on the seed alone."""
    return np.asarray(np.random.default_rng(seed).permutation(n_people) % folds, np.int64)


def cross_fitted_rows(
    histories: Histories,
    cases: Cases,
    policy: Policy,
    *,
    names: Names | None,
    extra: ExtraFeatures | None,
    seed: int,
    rules: Rules = FREE,
    stands_for: float = 1.0,
) -> TrainingRows:
    """Rows for all cases; each person's are scored by a panel fitted on the other folds' people alone."""
    fold = fold_of_people(histories.n_people, policy.folds, seed)
    parts = []
    for number in range(policy.folds):
        rows = np.flatnonzero(fold[cases.person] == number)
        if not len(rows):
            continue
        panel = fit_panel(only_people(histories, fold != number), policy, names=names, seed=seed, stands_for=stands_for)
        if histories.is_calendar:  # adoption counts look back from each row's cut, so they may count everybody
            panel = panel.observing(histories)
        parts.append((rows, *rows_of_cases(panel, histories, cases.take(rows), policy, extra, rules)))
    return _joined(cases, parts)


def frozen_rows(
    histories: Histories,
    cases: Cases,
    policy: Policy,
    *,
    names: Names | None,
    extra: ExtraFeatures | None,
    seed: int,
    rules: Rules = FREE,
    stands_for: float = 1.0,
) -> TrainingRows:
    """Rows for the cases after the first freeze; each is scored by a panel fitted on what came before its freeze alone.

    So the ranker learns on scorers as stale, and on items as new, as it will meet them: a panel is frozen when it is
    fitted, and people, items and trends move on. The freezes cut the acquisitions into `policy.freezes` shares.
    """
    times = np.sort(histories.acquisitions.time)
    if int((cases.cut >= times[int(policy.freezes[0] * len(times))]).sum()) < policy.min_cases:
        return cross_fitted_rows(
            histories, cases, policy, names=names, extra=extra, seed=seed, rules=rules, stands_for=stands_for
        )
    freezes = [int(times[min(int(share * len(times)), len(times) - 1)]) for share in policy.freezes]
    parts = []
    for freeze, following in zip(freezes, [*freezes[1:], np.iinfo(np.int64).max], strict=True):
        rows = np.flatnonzero((cases.cut >= freeze) & (cases.cut < following))
        if not len(rows):
            continue
        past = before(histories, int(cases.cut[rows].min()))
        seen = past.seen
        words = None if names is None else names[seen]
        panel = fit_panel(only_seen(past), policy, names=words, seed=seed, stands_for=stands_for)
        panel = panel.observing(histories, names)
        parts.append((rows, *rows_of_cases(panel, histories, cases.take(rows), policy, extra, rules)))
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


def rows_of_cases(
    panel: Panel, histories: Histories, cases: Cases, policy: Policy, extra: ExtraFeatures | None, rules: Rules = FREE
) -> tuple[Floats, Bools, Bools]:
    """Features, labels and realness of the candidates of the cases, computed block by block."""
    parts = []
    for rows in blocks(len(cases), policy.block_rows(histories.n_items)):
        part = cases.take(np.arange(rows.start, rows.stop))
        prefixes = build_prefixes(histories, part.person, part.cut)
        open_items = rules.open_items(prefixes, histories.n_items)
        if policy.target == "window" and histories.is_calendar:  # nobody could be recommended what nobody had yet
            open_items &= histories.born[None, :] < part.cut[:, None]
        candidates, _ = pick_candidates(panel, prefixes, open_items, policy, nominated(extra, prefixes, histories))
        matrix = all_features(panel, prefixes, candidates, histories, extra)
        label = part.label(candidates.item, histories.n_items) & candidates.real
        parts.append((matrix, label, candidates.real))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))  # type: ignore[return-value]


def all_features(
    panel: Panel, prefixes: Prefixes, candidates: Candidates, histories: Histories, extra: ExtraFeatures | None
) -> Floats:
    """The declared features, then the extra ones."""
    own = build_features(panel, prefixes, candidates)
    if extra is None:
        return own
    more = extra_matrix(extra, prefixes, candidates, histories.people, panel, histories.is_calendar)
    return np.concatenate([own, more], axis=1)


def nominated(extra: object, prefixes: Prefixes, histories: Histories) -> Floats | None:
    """Rows x items of the extra features' own scores; None where they have none."""
    if not isinstance(extra, Nominates):
        return None
    return extra.nominate(histories.people[prefixes.person], prefixes.cut, histories.items)


def row_weights(rows: TrainingRows, decay: float) -> Doubles:
    """1 / (1 + cases from the person's end)^decay."""
    return np.asarray((1.0 + rows.from_end) ** -decay, np.float64)


def blocks(length: int, size: int) -> Iterator[slice]:
    """Consecutive slices that cover 0..length."""
    for low in range(0, length, size):
        yield slice(low, min(low + size, length))


def _cases(histories: Histories, person: Ints, cut: Ints, end: Ints, *, idle: bool, cold: bool = False) -> Cases:
    got = histories.reaches
    rank = len(histories.moments) + 1
    key = got.person * rank + np.searchsorted(histories.moments, got.time)
    low = np.searchsorted(key, person * rank + np.searchsorted(histories.moments, cut))
    high = np.searchsorted(key, person * rank + np.searchsorted(histories.moments, end))
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
    if histories.repeatable is None:
        return cases
    pair = cases.row * histories.n_items + cases.item  # reached twice within the span is one target
    return cases.only(np.isin(np.arange(len(pair)), np.unique(pair, return_index=True)[1]))


def drop_closed(cases: Cases, histories: Histories, rules: Rules, block: int) -> Cases:
    """The cases without the targets that were not open at the cut: nobody could have been recommended those."""
    if rules.requires is None:
        return cases
    is_open = []
    for part in blocks(len(cases), block):
        some = cases.take(np.arange(part.start, part.stop))
        mask = rules.open_items(build_prefixes(histories, some.person, some.cut), histories.n_items)
        is_open.append(mask[some.row, some.item])
    return cases.only(np.concatenate([np.zeros(0, bool), *is_open]))
