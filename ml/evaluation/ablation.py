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
    recommender: Recommender,
    eval_split: EvalSplit,
    item_names: Strings | None,
    train_item_names: Strings | None,
    seed: int,
) -> tuple[AblationResult, ...]:
    """Measure the loss of NDCG@10 without each family of features.

    Args:
        recommender: Fitted on `eval_split.train_interactions`; the fits without a family take its decay and residual
            weight.
        eval_split: The cases to rank.
        item_names: Name of each item of `eval_split.all_interactions`; ids if None.
        train_item_names: Name of each item of `eval_split.train_interactions`; ids if None.
        seed: Seed of the fits, of the sample of cases and of the bootstrap.

    Returns:
        One row per family, the most valuable first; none if the recommender fell back to popularity.
    """
    ranker = recommender.ranker
    if ranker is None:
        return ()
    training_rows = build_ranker_rows(recommender, eval_split.train_interactions, train_item_names)
    assert isinstance(training_rows, TrainingRows)
    feature_families = ranker.contribution_names[:-1]
    feature_masks = [
        np.array([feature.family != family for feature in ranker.features], np.float32) for family in feature_families
    ]
    refitted_rankers = [
        fit_ranker(
            replace(training_rows, features=training_rows.features * feature_mask),
            ranker.features,
            recommender.config,
            seed=seed,
            settings_ranker=ranker,
        )
        for feature_mask in feature_masks
    ]
    rankers_and_masks = [
        (ranker, np.ones(len(ranker.features), np.float32)),
        *zip(refitted_rankers, feature_masks, strict=True),
    ]
    # cases x rankers, and resamples x rankers; the first ranker sees every feature
    case_ndcg, person_codes = _measure_ndcg(rankers_and_masks, recommender, eval_split, item_names, seed)
    bootstrap_ndcg = bootstrap_means(case_ndcg, person_codes, seed)
    ablation_results = [
        AblationResult(
            family,
            float(case_ndcg[:, ranker_index].mean()),
            float((case_ndcg[:, 0] - case_ndcg[:, ranker_index]).mean()),
            *percentile_interval(bootstrap_ndcg[:, 0] - bootstrap_ndcg[:, ranker_index]).tolist(),
        )
        for ranker_index, family in enumerate(feature_families, 1)
    ]
    return tuple(sorted(ablation_results, key=lambda ablation_result: -ablation_result.loss))


def _measure_ndcg(
    rankers_and_masks: list[tuple[Ranker, Floats]],
    recommender: Recommender,
    eval_split: EvalSplit,
    item_names: Strings | None,
    seed: int,
) -> tuple[Doubles, Ints]:
    """Cases x rankers NDCG@10 on the features each ranker may see, and each case's person."""
    cases = eval_split.cases
    if len(cases) > MAX_CASES:
        cases = cases.take(np.sort(np.random.default_rng(seed).choice(len(cases), MAX_CASES, replace=False)))
    ndcg_blocks, person_blocks = [], []
    for case_block, ranked_block, is_target in rank_cases(
        recommender, eval_split, cases, item_names, recommender.config.n_candidates
    ):
        feature_matrix = ranked_block.features.reshape(is_target.size, -1)
        ranker_utilities = [
            ranker.utility(feature_matrix * feature_mask).reshape(is_target.shape)
            for ranker, feature_mask in rankers_and_masks
        ]
        ndcg_blocks.append(
            np.stack(
                [
                    ndcg_from_scores(ranker_utility, is_target, ranked_block.is_candidate, case_block.n_targets)
                    for ranker_utility in ranker_utilities
                ],
                axis=1,
            )
        )
        person_blocks.append(case_block.person)
    return np.concatenate(ndcg_blocks), np.concatenate(person_blocks)
