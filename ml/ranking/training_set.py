"""Training rows: cases with a known outcome, scored by scorers that did not see the outcome.

Belongs here: folds and freezes, candidates and feature rows of cases, case weights.
Does not belong here: which cases there are (see cases), the ranker's loss, evaluation metrics.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
from ml.data.parallel import parallel_map
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints, Strings
from ml.ranking.cases import Cases
from ml.ranking.features import CandidateNominator, ExtraFeatures, build_extra_features, build_features
from ml.retrieval.candidates import Candidates, select_candidates
from ml.retrieval.scorer_ensemble import ScorerEnsemble, fit_ensemble


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


def concat_rows(row_blocks: Sequence[TrainingRows]) -> TrainingRows:
    """The cases of several parts, one after the other. All parts have the same number of candidates per case."""
    return TrainingRows(
        *(
            np.concatenate(field_arrays)
            for field_arrays in zip(*(vars(row_block).values() for row_block in row_blocks), strict=True)
        )
    )


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
    `config.min_frozen_cases` lie after the first freeze, scorers are fitted on other people (cross-fitting).

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
        and (cases.cutoff_tick >= sorted_ticks[int(config.freeze_shares[0] * n_ticks)]).sum() >= config.min_frozen_cases
    ):
        freeze_ticks = [int(sorted_ticks[min(int(share * n_ticks), n_ticks - 1)]) for share in config.freeze_shares]
        histories = _histories_before_freezes(interactions, cases, freeze_ticks, item_names)
    else:
        histories = _histories_of_other_folds(interactions, cases, config, item_names, seed)
    n_listed = config.n_training_candidates(len(cases))
    case_row_blocks = []
    for case_indices, history, history_names in histories:
        ensemble = fit_ensemble(
            history, config, item_names=history_names, seed=seed, people_per_sample=people_per_sample
        )
        if interactions.is_calendar:  # adoption counts look back from each row's cutoff, so they may count everybody
            ensemble = ensemble.with_interactions(interactions, item_names)
        case_rows = build_case_rows(
            ensemble, interactions, cases.take(case_indices), config, extra, rules, n_listed=n_listed, seed=seed
        )
        case_row_blocks.append((case_indices, *case_rows))
    case_indices, features, is_target, is_candidate = (
        np.concatenate(field_blocks) for field_blocks in zip(*case_row_blocks, strict=True)
    )
    case_order = np.argsort(case_indices)
    cases = cases.take(case_indices[case_order])
    features = features.reshape(*is_target.shape, -1)[case_order].reshape(is_target.size, -1)
    is_target, is_candidate = is_target[case_order], is_candidate[case_order]
    return TrainingRows(features, is_target, is_candidate, cases.n_targets, cases.person, cases.from_end)


def _histories_of_other_folds(
    interactions: Interactions, cases: Cases, config: RankerConfig, item_names: Strings | None, seed: int
) -> Iterator[tuple[Ints, Interactions, Strings | None]]:
    """Per fold of people: the rows of its cases, and what the people of the other folds did."""
    fold_per_person = assign_folds(interactions.n_people, config.n_folds, seed)
    for fold_number in np.unique(fold_per_person[cases.person]).tolist():
        yield (
            np.flatnonzero(fold_per_person[cases.person] == fold_number),
            filter_people(interactions, fold_per_person != fold_number),
            item_names,
        )


def _histories_before_freezes(
    interactions: Interactions, cases: Cases, freeze_ticks: list[int], item_names: Strings | None
) -> Iterator[tuple[Ints, Interactions, Strings | None]]:
    """Per freeze: the rows of the cases up to the next one, and what happened before the first of these cases."""
    freeze_index_per_case = np.searchsorted(freeze_ticks, cases.cutoff_tick, side="right") - 1
    for freeze_number in np.unique(freeze_index_per_case[freeze_index_per_case >= 0]).tolist():
        case_indices = np.flatnonzero(freeze_index_per_case == freeze_number)
        history = filter_before(interactions, int(cases.cutoff_tick[case_indices].min()))
        yield case_indices, drop_unused_ids(history), None if item_names is None else item_names[history.used_items]


def build_case_rows(
    ensemble: ScorerEnsemble,
    interactions: Interactions,
    cases: Cases,
    config: RankerConfig,
    extra: ExtraFeatures | None,
    rules: EligibilityRules = NO_RULES,
    *,
    n_listed: int,
    seed: int,
) -> tuple[Floats, Bools, Bools]:
    """The candidates of cases, computed block by block.

    Args:
        ensemble: Scorers that saw nothing of the cases, with the items of `interactions`.
        interactions: Everything the cases may look at.
        cases: Cases with known targets.
        config: Settings of candidates and blocks.
        extra: Features from elsewhere.
        rules: The eligibility rules.
        n_listed: Number of candidates to return per case: the targets among them, and a sample of the others.
        seed: Seed of that sample.

    Returns:
        Features ((cases * n_listed) x features), labels (cases x n_listed), and which candidates are no padding.
    """
    row_blocks = parallel_map(
        _build_block_rows,
        [
            (ensemble, interactions, case_block, config, extra, rules, n_listed, (seed, block_index))
            for block_index, case_block in enumerate(cases.blocks(config.block_rows(interactions.n_items)))
        ],
    )
    return tuple(np.concatenate(field_blocks) for field_blocks in zip(*row_blocks, strict=True))  # type: ignore[return-value]


def _build_block_rows(
    ensemble: ScorerEnsemble,
    interactions: Interactions,
    cases: Cases,
    config: RankerConfig,
    extra: ExtraFeatures | None,
    rules: EligibilityRules,
    n_listed: int,
    seed: tuple[int, int],
) -> tuple[Floats, Bools, Bools]:
    """`build_case_rows` for one block of cases."""
    user_states = build_user_states(interactions, cases.person, cases.cutoff_tick)
    is_eligible = rules.eligible_mask(user_states, interactions.n_items)
    if config.target == "window" and interactions.is_calendar:  # an item that nobody has yet cannot be recommended
        is_eligible &= interactions.first_use[None, :] < cases.cutoff_tick[:, None]
    candidates, _ = select_candidates(
        ensemble, user_states, is_eligible, config, score_extra_items(extra, user_states, interactions)
    )
    is_target = cases.label_candidates(candidates.item, interactions.n_items) & candidates.is_candidate
    # ranks and shares compare a candidate with all others, so these features are computed before the sample is drawn
    features = build_features(ensemble, user_states, candidates)
    if n_listed < is_target.shape[1]:
        candidate_positions = sample_candidates(is_target, candidates.is_candidate, n_listed, seed)
        features = np.take_along_axis(features.reshape(*is_target.shape, -1), candidate_positions[:, :, None], axis=1)
        features = features.reshape(candidate_positions.size, -1)
        is_target = np.take_along_axis(is_target, candidate_positions, axis=1)
        candidates = candidates.take(candidate_positions)
    return (
        add_extra_features(features, ensemble, user_states, candidates, interactions, extra),
        is_target,
        candidates.is_candidate,
    )


def sample_candidates(is_target: Bools, is_candidate: Bools, n_listed: int, seed: tuple[int, int]) -> Ints:
    """Positions of every target and of an even sample of the other candidates of each case.

    The conditional logit that is fitted on an even sample of the alternatives estimates the same weights (McFadden,
    1978), so that fewer candidates per case cost little accuracy.

    Args:
        is_target: Cases x candidates.
        is_candidate: Cases x candidates; False on padding.
        n_listed: Number of positions per case.
        seed: Seed of the sample.

    Returns:
        Cases x n_listed positions in rising order.
    """
    sampling_priorities = np.random.default_rng(seed).random(is_target.shape)
    sampling_priorities[is_target] -= 1.0
    sampling_priorities[~is_candidate] += 1.0
    return np.sort(np.argpartition(sampling_priorities, n_listed - 1, axis=1)[:, :n_listed], axis=1)


def build_all_features(
    ensemble: ScorerEnsemble,
    user_states: UserStates,
    candidates: Candidates,
    interactions: Interactions,
    extra: ExtraFeatures | None,
) -> Floats:
    """(rows * k) x features: the declared features, then the extra ones."""
    return add_extra_features(
        build_features(ensemble, user_states, candidates), ensemble, user_states, candidates, interactions, extra
    )


def add_extra_features(
    features: Floats,
    ensemble: ScorerEnsemble,
    user_states: UserStates,
    candidates: Candidates,
    interactions: Interactions,
    extra: ExtraFeatures | None,
) -> Floats:
    """Append the extra features to the features of the candidates; return (rows * k) x features.

    Args:
        features: (rows * k) x features of the candidates.
        ensemble: The scorers that chose the candidates; holds the item ids.
        user_states: What the person of each row held at its cutoff.
        candidates: Rows x k candidates.
        interactions: Holds the person ids, and whether its ticks are microseconds.
        extra: What computes the extra features; None if there are none.
    """
    if extra is None:
        return features
    extra_columns = build_extra_features(
        extra,
        user_states,
        candidates.item,
        interactions.people,
        ensemble.items,
        is_calendar=interactions.is_calendar,
    )
    return np.concatenate([features, extra_columns], axis=1)


def score_extra_items(nominator: object, user_states: UserStates, interactions: Interactions) -> Floats | None:
    """Rows x items: the scores of extra features that nominate candidates; None if they do not."""
    if not isinstance(nominator, CandidateNominator):
        return None
    return nominator.score_items(interactions.people[user_states.person], user_states.cutoff_tick, interactions.items)


def weigh_cases(training_rows: TrainingRows, case_decay: float) -> Doubles:
    """Weight per case: 1 / (1 + cases from the person's end)^case_decay."""
    return np.asarray((1.0 + training_rows.from_end) ** -case_decay, np.float64)
