"""Ablation: what each family of features is worth, by fitting the ranker without it and ranking the same cases.

Belongs here: fits with a family blanked, and the loss with its interval.
Does not belong here: the ranker (see ranker). Candidates stay the same: a family's part in naming them is not in the
loss.
"""

from dataclasses import replace

import numpy as np

from ml.data.interactions import Bools, Doubles, Floats, Ints, Names, positions
from ml.evaluation.lambdarank_baseline import learned_rows
from ml.evaluation.metrics import K, bootstrap_means
from ml.evaluation.results import Ablation
from ml.evaluation.scoring import faced
from ml.evaluation.splits import Exam
from ml.ranking.ranker import Ranker, fit_ranker
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import blocks

# Cases ranked again for every family: the interval of a loss hardly narrows beyond.
MOST_CASES = 4_000


def ablate(ours: Recommender, exam: Exam, *, end: int, names: Names | None, seed: int) -> tuple[Ablation, ...]:
    """One row a family of features, the most valuable first; none where ours fell back to popularity.

    names: one an item of the whole exam. The fits take decay and mix from the whole ranker.
    """
    if ours.ranker is None:
        return ()
    mine = None if names is None else names[positions(exam.train.items, exam.whole.items)]
    rows = learned_rows(ours, exam.train, end=end, names=mine, seed=seed)
    families = tuple(dict.fromkeys(str(feature.family) for feature in ours.ranker.features))
    rankers: dict[str, tuple[Ranker, Floats]] = {}
    for family in families:
        kept = np.array([str(feature.family) != family for feature in ours.ranker.features], np.float32)
        blank = replace(rows, features=rows.features * kept)
        rankers[family] = fit_ranker(blank, ours.ranker.features, ours.policy, seed=seed, like=ours.ranker), kept
    every = np.ones(len(ours.ranker.features), np.float32)
    ndcg, person = _ranked_again([(ours.ranker, every), *rankers.values()], ours, exam, names, seed)
    means = bootstrap_means(ndcg, person, seed)
    found = []
    for place, family in enumerate(families, 1):
        low, high = np.quantile(means[:, 0] - means[:, place], [0.025, 0.975])
        loss = float((ndcg[:, 0] - ndcg[:, place]).mean())
        found.append(Ablation(family, float(ndcg[:, place].mean()), loss, float(low), float(high)))
    return tuple(sorted(found, key=lambda one: -one.loss))


def _ranked_again(
    rankers: list[tuple[Ranker, Floats]], ours: Recommender, exam: Exam, names: Names | None, seed: int
) -> tuple[Doubles, Ints]:
    """Cases x rankers NDCG@10, and each case's person."""
    cases = exam.cases
    if len(cases) > MOST_CASES:
        cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), MOST_CASES, replace=False)))
    parts, people = [], []
    for rows, view in exam.views(cases):
        facing, known = faced(ours, exam, view, names)
        place = positions(known.items, view.items)
        for part in blocks(len(rows), ours.policy.block_rows(view.n_items)):
            some = cases.take(rows[part])
            ranked = facing.rank_block(known, some.person, some.cut, ours.policy.candidates)
            label = some.label(place[ranked.item], view.n_items) & ranked.real
            flat = ranked.features.reshape(label.size, -1)
            columns = [ranker.utility(flat * kept).reshape(label.shape) for ranker, kept in rankers]
            parts.append(np.stack([_ndcg(u, label, ranked.real, np.diff(some.start)) for u in columns], axis=1))
            people.append(some.person)
    return np.concatenate(parts), np.concatenate(people)


def _ndcg(utility: Doubles, label: Bools, real: Bools, n_targets: Ints) -> Doubles:
    order = np.argsort(-np.where(real, utility, -np.inf), axis=1, kind="stable")[:, :K]
    discount = 1.0 / np.log2(np.arange(2, K + 2))
    gain = (np.take_along_axis(label, order, axis=1) * discount[: order.shape[1]]).sum(axis=1)
    return np.asarray(gain / np.cumsum(discount)[np.minimum(n_targets, K) - 1], np.float64)
