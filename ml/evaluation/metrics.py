"""Ranking metrics over all eligible items, and their uncertainty over people.

Belongs here: ranks of targets, hit rate, NDCG, reciprocal rank, bootstrap.
Does not belong here: models, splits, the variety of lists (see variety).
"""

from dataclasses import dataclass

import numpy as np

from ml.data.sparse_rows import Bools, Doubles, Floats, Ints
from ml.data.statistics import LIST_LENGTH, ndcg_from_ranks

RESAMPLE_COUNT = 1000  # enough for two steady digits of a 95 % interval


@dataclass(frozen=True, eq=False)
class CaseScores:
    """One entry per case."""

    person: Ints
    hit: Doubles  # 1 if a target is among the first ten, else 0
    ndcg: Doubles  # NDCG@10
    reciprocal_rank: Doubles  # of the best target
    top_items: Ints  # cases x 10 item codes; -1 if fewer items are eligible

    def select(self, selected_cases: Bools | Ints) -> "CaseScores":
        """These cases, in this order."""
        return CaseScores(*(field_scores[selected_cases] for field_scores in vars(self).values()))


def score_cases(
    scores: Floats,
    is_eligible: Bools,
    target_rows: Ints,
    target_items: Ints,
    n_targets: Ints,
    tie_break_ranks: Ints,
    person_codes: Ints,
) -> CaseScores:
    """Score one block of cases.

    Args:
        scores: Rows x items, higher is better; -inf for items the model does not know.
        is_eligible: Rows x items, True for items that may be recommended.
        target_rows: Row of each target.
        target_items: Item code of each target.
        n_targets: Number of targets per row.
        tie_break_ranks: Rank of each item among equal scores: a random permutation that is the same for every model, so
            that no model gains from the order of item codes.
        person_codes: Person of each row.
    """
    masked_scores = np.where(is_eligible, scores, np.float32(-np.inf))
    target_scores = masked_scores[target_rows, target_items][:, None]
    # targets x items: whether the item ranks before the target
    is_ahead = (masked_scores[target_rows] > target_scores) | (
        (masked_scores[target_rows] == target_scores)
        & (tie_break_ranks[None, :] < tie_break_ranks[target_items][:, None])
    )
    target_ranks = np.where(np.isfinite(target_scores[:, 0]), is_ahead.sum(axis=1) + 1.0, np.inf)
    best_ranks = np.full(len(n_targets), np.inf)
    np.minimum.at(best_ranks, target_rows, target_ranks)
    return CaseScores(
        person_codes,
        (best_ranks <= LIST_LENGTH).astype(np.float64),
        ndcg_from_ranks(target_rows, target_ranks, n_targets),
        1.0 / best_ranks,
        _find_top_items(masked_scores, tie_break_ranks),
    )


def _find_top_items(scores: Floats, tie_break_ranks: Ints) -> Ints:
    items_by_tie_break = np.argsort(tie_break_ranks)
    top_items = items_by_tie_break[np.argsort(-scores[:, items_by_tie_break], axis=1, kind="stable")[:, :LIST_LENGTH]]
    return np.where(np.isfinite(np.take_along_axis(scores, top_items, axis=1)), top_items, -1)


def concat_case_scores(score_blocks: list[CaseScores]) -> CaseScores:
    """The scores of several blocks, one after the other."""
    return CaseScores(
        *(
            np.concatenate(field_arrays)
            for field_arrays in zip(*(vars(score_block).values() for score_block in score_blocks), strict=True)
        )
    )


def bootstrap_means(case_scores: Doubles, person_codes: Ints, seed: int) -> Doubles:
    """Means over resamples of people.

    Args:
        case_scores: Cases x models.
        person_codes: Person of each case; all cases of a person are drawn together.
        seed: The same seed draws the same people.

    Returns:
        Resamples x models.
    """
    _, person_index = np.unique(person_codes, return_inverse=True)
    n_people = int(person_index.max(initial=-1)) + 1
    score_sums = np.stack([np.bincount(person_index, model_scores, n_people) for model_scores in case_scores.T], axis=1)
    case_counts = np.bincount(person_index, minlength=n_people)
    rng = np.random.default_rng(seed)
    resample_means = np.empty((RESAMPLE_COUNT, case_scores.shape[1]))
    for resample_index in range(RESAMPLE_COUNT):
        draw_counts = np.bincount(rng.integers(0, n_people, n_people), minlength=n_people)
        resample_means[resample_index] = (draw_counts @ score_sums) / (draw_counts @ case_counts)
    return resample_means
