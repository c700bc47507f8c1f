"""Ranking metrics over all items not yet held, and their uncertainty over people.

Belongs here: ranks of targets, HR, NDCG, reciprocal rank, coverage, novelty, bootstrap.
Does not belong here: models, splits.
"""

from dataclasses import dataclass

import numpy as np

from ml.data.interactions import Bools, Doubles, Floats, Ints

K = 10
RESAMPLES = 1000  # enough for two steady digits of a 95 % interval


@dataclass(frozen=True, eq=False)
class CaseScores:
    """One entry a case: whose, did a target stand in the first ten, NDCG@10, reciprocal rank of the best target."""

    person: Ints
    hit: Doubles
    ndcg: Doubles
    reciprocal: Doubles
    top: Ints  # cases x 10 item codes; -1 where fewer were open

    def where(self, rows: Bools | Ints) -> "CaseScores":
        return CaseScores(self.person[rows], self.hit[rows], self.ndcg[rows], self.reciprocal[rows], self.top[rows])


def score_cases(
    scores: Floats, eligible_mask: Bools, row: Ints, target: Ints, n_targets: Ints, tie_break: Ints, person: Ints
) -> CaseScores:
    """Score one block. (row, target) are the known targets; n_targets counts those no model can name, too.

    Equal scores are ordered by `tie_break`, a random permutation of the items that is the same for every model, so no
    model gains from the order items happen to be coded in.
    """
    shown = np.where(eligible_mask, scores, np.float32(-np.inf))
    own = shown[row, target][:, None]
    ahead = (shown[row] > own) | ((shown[row] == own) & (tie_break[None, :] < tie_break[target][:, None]))
    rank = ahead.sum(axis=1) + 1.0
    rank[~np.isfinite(own[:, 0])] = np.inf
    rows = len(n_targets)
    gain = np.bincount(row, np.where(rank <= K, 1.0 / np.log2(rank + 1.0), 0.0), rows)
    ideal = np.cumsum(1.0 / np.log2(np.arange(2, K + 2)))[np.minimum(n_targets, K) - 1]
    best = np.full(rows, np.inf)
    np.minimum.at(best, row, rank)
    return CaseScores(person, (best <= K).astype(np.float64), gain / ideal, 1.0 / best, _top(shown, tie_break))


def _top(shown: Floats, tie_break: Ints) -> Ints:
    by_tie = np.argsort(tie_break)
    size = min(K, shown.shape[1])
    order = np.argsort(-shown[:, by_tie], axis=1, kind="stable")[:, :size]
    top = by_tie[order]
    return np.where(np.isfinite(np.take_along_axis(shown, top, axis=1)), top, -1)


def concat_case_scores(parts: list[CaseScores]) -> CaseScores:
    """The blocks' scores as one."""
    return CaseScores(
        np.concatenate([part.person for part in parts]),
        np.concatenate([part.hit for part in parts]),
        np.concatenate([part.ndcg for part in parts]),
        np.concatenate([part.reciprocal for part in parts]),
        np.concatenate([part.top for part in parts]),
    )


def coverage(top: Ints, n_items: int) -> float:
    """Share of all items that stand in somebody's first ten."""
    return len(np.unique(top[top >= 0])) / max(n_items, 1)


def novelty(top: Ints, holders: Doubles, n_people: int) -> float:
    """Mean of -log2(share of people who hold the item) over the first tens: 0 = everybody has it."""
    shown = top[top >= 0]
    if not len(shown):
        return 0.0
    return float(-np.log2((holders[shown] + 1.0) / (n_people + 1.0)).mean())


def bootstrap_means(values: Doubles, person: Ints, seed: int) -> Doubles:
    """Means of `values` (cases x models) over resamples of people: resamples x models. Same seed, same people drawn."""
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
