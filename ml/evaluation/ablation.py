"""Ablation: what each family of features is worth, by fitting the ranker without it and ranking the same cases.

Belongs here: fits with a family blanked, and the loss with its interval.
Does not belong here: the ranker (see ranker). Candidates stay the same: a family's part in naming them is not in the
loss.
"""

from dataclasses import replace

import numpy as np

from ml.data.interactions import Bools, Doubles, Floats, Ints, Strings, encode_ids
from ml.evaluation.lambdarank_baseline import rebuild_training_rows
from ml.evaluation.metrics import K, bootstrap_means
from ml.evaluation.results import AblationResult
from ml.evaluation.scoring import update_recommender
from ml.evaluation.splits import EvalSplit
from ml.ranking.ranker import Ranker, fit_ranker
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import iter_blocks

# Cases ranked again for every family: the interval of a loss hardly narrows beyond.
MOST_CASES = 4_000


def ablate(
    ours: Recommender, eval_split: EvalSplit, *, end: int, names: Strings | None, seed: int
) -> tuple[AblationResult, ...]:
    """One row a family of features, the most valuable first; none where ours fell back to popularity.

    names: one an item of the whole exam. The fits take decay and mix from the whole ranker.
    """
    if ours.ranker is None:
        return ()
    mine = None if names is None else names[encode_ids(eval_split.train.items, eval_split.full.items)]
    rows = rebuild_training_rows(ours, eval_split.train, end=end, names=mine, seed=seed)
    families = tuple(dict.fromkeys(str(feature.family) for feature in ours.ranker.features))
    rankers: dict[str, tuple[Ranker, Floats]] = {}
    for family in families:
        kept = np.array([str(feature.family) != family for feature in ours.ranker.features], np.float32)
        blank = replace(rows, features=rows.features * kept)
        rankers[family] = (
            fit_ranker(blank, ours.ranker.features, ours.config, seed=seed, settings_from=ours.ranker),
            kept,
        )
    every = np.ones(len(ours.ranker.features), np.float32)
    ndcg, person = _ranked_again([(ours.ranker, every), *rankers.values()], ours, eval_split, names, seed)
    means = bootstrap_means(ndcg, person, seed)
    found = []
    for place, family in enumerate(families, 1):
        low, high = np.quantile(means[:, 0] - means[:, place], [0.025, 0.975])
        loss = float((ndcg[:, 0] - ndcg[:, place]).mean())
        found.append(AblationResult(family, float(ndcg[:, place].mean()), loss, float(low), float(high)))
    return tuple(sorted(found, key=lambda one: -one.loss))


def _ranked_again(
    rankers: list[tuple[Ranker, Floats]], ours: Recommender, eval_split: EvalSplit, names: Strings | None, seed: int
) -> tuple[Doubles, Ints]:
    """Cases x rankers NDCG@10, and each case's person."""
    cases = eval_split.cases
    if len(cases) > MOST_CASES:
        cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), MOST_CASES, replace=False)))
    parts, people = [], []
    for rows, view in eval_split.visible_histories(cases):
        with_interactions, known = update_recommender(ours, eval_split, view, names)
        place = encode_ids(known.items, view.items)
        for part in iter_blocks(len(rows), ours.config.block_rows(view.n_items)):
            some = cases.take(rows[part])
            ranked = with_interactions.rank_block(known, some.person, some.cut, ours.config.n_candidates)
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
