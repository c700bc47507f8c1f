"""Ablation: what each family of features is worth, by fitting the ranker without it and ranking the same cases.

Belongs here: fits with one family blanked, and the loss with its interval.
Does not belong here: the ranker itself. Candidates stay the same: the loss does not include the share of a family in
nominating them.
"""

from dataclasses import replace

import numpy as np

from ml.data.sparse_rows import Doubles, Floats, Ints, Strings
from ml.data.statistics import ndcg_from_scores, percentile_interval
from ml.evaluation.metrics import bootstrap_means
from ml.evaluation.results import AblationResult
from ml.evaluation.scoring import rank_cases
from ml.evaluation.splits import EvalSplit
from ml.ranking.fitting import build_ranker_rows
from ml.ranking.ranker import Ranker, fit_ranker
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import TrainingRows

# Cases ranked again for every family: more hardly narrow the interval of a loss.
MAX_CASES = 4_000


def ablate(
    recommender: Recommender, eval_split: EvalSplit, names: Strings | None, train_names: Strings | None, seed: int
) -> tuple[AblationResult, ...]:
    """Measure the loss of NDCG@10 without each family of features.

    Args:
        recommender: Fitted on `eval_split.train`; the fits without a family take its decay and residual weight.
        eval_split: The cases to rank.
        names: Name of each item of `eval_split.full`; ids if None.
        train_names: Name of each item of `eval_split.train`; ids if None.
        seed: Seed of the fits, of the sample of cases and of the bootstrap.

    Returns:
        One row per family, the most valuable first; none if the recommender fell back to popularity.
    """
    ranker = recommender.ranker
    if ranker is None:
        return ()
    rows = build_ranker_rows(recommender, eval_split.train, train_names)
    assert isinstance(rows, TrainingRows)
    families = ranker.contribution_names[:-1]
    masks = [np.array([feature.family != family for feature in ranker.features], np.float32) for family in families]
    refitted = [
        fit_ranker(
            replace(rows, features=rows.features * mask),
            ranker.features,
            recommender.config,
            seed=seed,
            settings_from=ranker,
        )
        for mask in masks
    ]
    rankers = [(ranker, np.ones(len(ranker.features), np.float32)), *zip(refitted, masks, strict=True)]
    ndcg, person = _measure_ndcg(rankers, recommender, eval_split, names, seed)
    means = bootstrap_means(ndcg, person, seed)
    losses = [
        AblationResult(
            family,
            float(ndcg[:, place].mean()),
            float((ndcg[:, 0] - ndcg[:, place]).mean()),
            *percentile_interval(means[:, 0] - means[:, place]).tolist(),
        )
        for place, family in enumerate(families, 1)
    ]
    return tuple(sorted(losses, key=lambda family_loss: -family_loss.loss))


def _measure_ndcg(
    rankers: list[tuple[Ranker, Floats]],
    recommender: Recommender,
    eval_split: EvalSplit,
    names: Strings | None,
    seed: int,
) -> tuple[Doubles, Ints]:
    """Cases x rankers NDCG@10 on the features each ranker may see, and each case's person."""
    cases = eval_split.cases
    if len(cases) > MAX_CASES:
        cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), MAX_CASES, replace=False)))
    ndcg, people = [], []
    for block, ranked, label in rank_cases(recommender, eval_split, cases, names, recommender.config.n_candidates):
        features = ranked.features.reshape(label.size, -1)
        utilities = [ranker.utility(features * mask).reshape(label.shape) for ranker, mask in rankers]
        ndcg.append(
            np.stack([ndcg_from_scores(utility, label, ranked.real, block.n_targets) for utility in utilities], axis=1)
        )
        people.append(block.person)
    return np.concatenate(ndcg), np.concatenate(people)
