"""Ranking metrics over all eligible items, and their uncertainty over people.

Belongs here: ranks of targets, hit rate, NDCG, reciprocal rank, coverage, novelty, bootstrap.
Does not belong here: models, splits.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.sparse_rows import Bools, Doubles, Floats, Ints
from ml.data.statistics import K, ndcg_from_ranks

RESAMPLES = 1000  # enough for two steady digits of a 95 % interval


@dataclass(frozen=True, eq=False)
class CaseScores:
    """One entry per case."""

    person: Ints
    hit: Doubles  # 1 if a target is among the first ten, else 0
    ndcg: Doubles  # NDCG@10
    reciprocal: Doubles  # reciprocal rank of the best target
    top: Ints  # cases x 10 item codes; -1 if fewer items are eligible

    def select(self, rows: Bools | Ints) -> "CaseScores":
        """These cases, in this order."""
        return CaseScores(*(values[rows] for values in vars(self).values()))


def score_cases(
    scores: Floats, eligible: Bools, row: Ints, target: Ints, n_targets: Ints, tie_break: Ints, person: Ints
) -> CaseScores:
    """Score one block of cases.

    Args:
        scores: Rows x items, higher is better; -inf for items the model does not know.
        eligible: Rows x items, True for items that may be recommended.
        row: Row of each target.
        target: Item code of each target.
        n_targets: Number of targets per row.
        tie_break: Rank of each item among equal scores: a random permutation that is the same for every model, so that
            no model gains from the order of item codes.
        person: Person of each row.
    """
    masked = np.where(eligible, scores, np.float32(-np.inf))
    target_score = masked[row, target][:, None]
    is_ahead = (masked[row] > target_score) | (
        (masked[row] == target_score) & (tie_break[None, :] < tie_break[target][:, None])
    )
    rank = np.where(np.isfinite(target_score[:, 0]), is_ahead.sum(axis=1) + 1.0, np.inf)
    best_rank = np.full(len(n_targets), np.inf)
    np.minimum.at(best_rank, row, rank)
    return CaseScores(
        person,
        (best_rank <= K).astype(np.float64),
        ndcg_from_ranks(row, rank, n_targets),
        1.0 / best_rank,
        _top(masked, tie_break),
    )


def _top(scores: Floats, tie_break: Ints) -> Ints:
    by_tie = np.argsort(tie_break)
    top = by_tie[np.argsort(-scores[:, by_tie], axis=1, kind="stable")[:, :K]]
    return np.where(np.isfinite(np.take_along_axis(scores, top, axis=1)), top, -1)


def concat_case_scores(parts: list[CaseScores]) -> CaseScores:
    """The scores of several blocks, one after the other."""
    return CaseScores(
        *(np.concatenate(column) for column in zip(*(vars(part).values() for part in parts), strict=True))
    )


def coverage(top: Ints, n_items: int) -> float:
    """Share of all items that are among somebody's first ten."""
    return len(np.unique(top[top >= 0])) / max(n_items, 1)


def novelty(top: Ints, holders: Doubles | Ints, n_people: int) -> float:
    """Mean of -log2(share of people who hold the item) over the first tens: 0 = everybody has it."""
    shown = top[top >= 0]
    return float(-np.log2((holders[shown] + 1.0) / (n_people + 1.0)).mean()) if len(shown) else 0.0


def bootstrap_means(values: Doubles, person: Ints, seed: int) -> Doubles:
    """Means over resamples of people.

    Args:
        values: Cases x models.
        person: Person of each case; all cases of a person are drawn together.
        seed: The same seed draws the same people.

    Returns:
        Resamples x models.
    """
    _, code = np.unique(person, return_inverse=True)
    people = int(code.max(initial=-1)) + 1
    total = np.stack([np.bincount(code, column, people) for column in values.T], axis=1)
    cases = np.bincount(code, minlength=people)
    rng = np.random.default_rng(seed)
    means = np.empty((RESAMPLES, values.shape[1]))
    for number in range(RESAMPLES):
        drawn = np.bincount(rng.integers(0, people, people), minlength=people)
        means[number] = (drawn @ total) / (drawn @ cases)
    return means
