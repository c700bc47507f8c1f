"""Training rows: cases with a known outcome, scored by scorers that did not see the outcome.

Belongs here: cases and their targets, folds and freezes, feature rows, case weights.
Does not belong here: the ranker's loss, evaluation metrics.
"""

from collections.abc import Iterator
from dataclasses import dataclass

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
from ml.ranking.cases import Cases
from ml.ranking.features import CandidateNominator, ExtraFeatures, build_extra_features, build_features
from ml.retrieval.candidates import Candidates, select_candidates
from ml.retrieval.scorer_ensemble import ScorerEnsemble, fit_ensemble


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
        block = self.features.reshape(*self.label.shape, -1)[cases].reshape(-1, self.features.shape[1])
        return TrainingRows(
            block,
            self.label[cases],
            self.real[cases],
            self.n_targets[cases],
            self.person[cases],
            self.from_end[cases],
        )


def assign_folds(n_people: int, folds: int, seed: int) -> Ints:
    """A fold per person code, of even sizes, in an order that depends on the seed alone."""
    return np.asarray(np.random.default_rng(seed).permutation(n_people) % folds, np.int64)


def build_training_rows(
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
    """Candidates, features and labels of cases, from scorers that saw nothing of the case they score.

    If cases are windows of calendar time, scorers are frozen before them, so that the ranker meets scorers as stale and
    items as new as in use; cases before the first freeze are left out. If cases are moments, or fewer than
    `config.min_cases` lie after the first freeze, scorers are fitted on other people (cross-fitting).

    Args:
        interactions: Everything the cases may look at.
        cases: Cases with known targets, coded by `interactions`.
        config: Settings of scorers, candidates, folds and freezes.
        names: Name of each item; ids if None.
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
        pasts = _pasts_before_freezes(interactions, cases, freezes, names)
    else:
        pasts = _other_folds(interactions, cases, config, names, seed)
    parts = []
    for rows, past, past_names in pasts:
        ensemble = fit_ensemble(past, config, names=past_names, seed=seed, people_per_sample=people_per_sample)
        if interactions.is_calendar:  # adoption counts look back from each row's cut, so they may count everybody
            ensemble = ensemble.with_interactions(interactions, names)
        parts.append((rows, *build_case_rows(ensemble, interactions, cases.take(rows), config, extra, rules)))
    rows, features, label, real = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(rows)
    cases = cases.take(rows[order])
    features = features.reshape(*label.shape, -1)[order].reshape(label.size, -1)
    return TrainingRows(features, label[order], real[order], cases.n_targets, cases.person, cases.from_end)


def _other_folds(
    interactions: Interactions, cases: Cases, config: RankerConfig, names: Strings | None, seed: int
) -> Iterator[tuple[Ints, Interactions, Strings | None]]:
    """Per fold of people: the rows of its cases, and what the people of the other folds did."""
    fold = assign_folds(interactions.n_people, config.n_folds, seed)
    for number in np.unique(fold[cases.person]).tolist():
        yield np.flatnonzero(fold[cases.person] == number), filter_people(interactions, fold != number), names


def _pasts_before_freezes(
    interactions: Interactions, cases: Cases, freezes: list[int], names: Strings | None
) -> Iterator[tuple[Ints, Interactions, Strings | None]]:
    """Per freeze: the rows of the cases up to the next one, and what happened before the first of these cases."""
    freeze_index = np.searchsorted(freezes, cases.cut, side="right") - 1
    for number in np.unique(freeze_index[freeze_index >= 0]).tolist():
        rows = np.flatnonzero(freeze_index == number)
        past = filter_before(interactions, int(cases.cut[rows].min()))
        yield rows, drop_unused_ids(past), None if names is None else names[past.used_items]


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
        nominations = score_extra_items(extra, user_states, interactions)
        candidates, _ = select_candidates(ensemble, user_states, eligible, config, nominations)
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
    extra_features = build_extra_features(extra, user_states, candidates, people, ensemble, is_calendar)
    return np.concatenate([features, extra_features], axis=1)


def score_extra_items(extra: object, user_states: UserStates, interactions: Interactions) -> Floats | None:
    """Rows x items: the scores of extra features that nominate candidates; None if they do not."""
    if not isinstance(extra, CandidateNominator):
        return None
    return extra.score_items(interactions.people[user_states.person], user_states.cut, interactions.items)


def weigh_cases(rows: TrainingRows, case_decay: float) -> Doubles:
    """Weight per case: 1 / (1 + cases from the person's end)^case_decay."""
    return np.asarray((1.0 + rows.from_end) ** -case_decay, np.float64)
