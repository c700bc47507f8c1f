"""Segments: the metrics of people with short and long histories, of newcomers, and of cold items.

Belongs here: which case and which prediction belongs to which segment.
Does not belong here: metric formulas (see metrics), models.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ml.data.interactions import build_user_states
from ml.data.sparse_rows import Strings
from ml.data.statistics import percentile_interval
from ml.evaluation.metrics import CaseScores, bootstrap_means
from ml.evaluation.reliability import Reliability, compare_counts, measure_reliability
from ml.evaluation.results import SegmentResult
from ml.evaluation.scoring import ModelScores, collect_predictions
from ml.evaluation.splits import EvalSplit
from ml.ranking.recommender import Recommender

# Items held at the cutoff: 0-1, 2-5, 6 and more.
HELD_RANGE_BY_SEGMENT = {"cold": (0, 2), "short": (2, 6), "long": (6, np.inf)}
NEWCOMER_SEGMENT, COLD_ITEM_SEGMENT = "no_history", "cold_skills"


def measure_calibration(
    recommender: Recommender, eval_split: EvalSplit, item_names: Strings | None, seed: int
) -> Reliability | None:
    """The reliability of the probabilities of the first ten items of everyone with a history, idle people too.

    People without a history are known only from what they begin with in the window. They are a segment of the expected
    and observed counts, and are in no other figure.

    Args:
        recommender: Fitted on nothing after the freeze.
        eval_split: The windows to measure on.
        item_names: Name of each item of `eval_split.all_interactions`; ids if None.
        seed: Seed of the bootstrap.

    Returns:
        None if the recommender gives no probability.
    """
    if recommender.calibrator is None:
        return None
    predictions, newcomer_predictions = (
        collect_predictions(recommender, eval_split, cases, item_names)
        for cases in (eval_split.all_cases, eval_split.newcomers)
    )
    reliability = measure_reliability(
        predictions.probability,
        predictions.outcomes,
        person_codes=predictions.person,
        segment_masks={
            segment_name: (predictions.held_counts >= min_held_count) & (predictions.held_counts < end_held_count)
            for segment_name, (min_held_count, end_held_count) in HELD_RANGE_BY_SEGMENT.items()
        },
        prior_base_rate=recommender.calibrator.base_rate,
        seed=seed,
    )
    if reliability is None or not len(newcomer_predictions.outcomes):
        return reliability
    newcomer_counts = compare_counts(
        newcomer_predictions.probability,
        newcomer_predictions.outcomes,
        newcomer_predictions.person,
        {NEWCOMER_SEGMENT: np.ones(len(newcomer_predictions.outcomes), bool)},
        seed,
    )
    n_leading = 1 + sum(group.group in HELD_RANGE_BY_SEGMENT for group in reliability.groups)
    return replace(
        reliability, groups=(*reliability.groups[:n_leading], *newcomer_counts, *reliability.groups[n_leading:])
    )


def measure_segments(
    eval_split: EvalSplit, scores_by_model: dict[str, ModelScores], seed: int
) -> tuple[SegmentResult, ...]:
    """Measure every model in every segment.

    Args:
        eval_split: The cases; what their people held at the cutoff decides their segment.
        scores_by_model: The scores of each model on these cases.
        seed: Seed of the bootstrap.

    Returns:
        One row per segment that has a case, and model.
    """
    held_counts = build_user_states(
        eval_split.all_interactions, eval_split.cases.person, eval_split.cases.cutoff_tick
    ).item_counts
    scores_by_segment: dict[str, dict[str, CaseScores | None]] = {
        **{
            segment_name: {
                model_name: model_scores.case_scores.select(
                    (held_counts >= min_held_count) & (held_counts < end_held_count)
                )
                for model_name, model_scores in scores_by_model.items()
            }
            for segment_name, (min_held_count, end_held_count) in HELD_RANGE_BY_SEGMENT.items()
        },
        NEWCOMER_SEGMENT: {
            model_name: model_scores.newcomer_scores for model_name, model_scores in scores_by_model.items()
        },
        COLD_ITEM_SEGMENT: {
            model_name: model_scores.rare_target_scores for model_name, model_scores in scores_by_model.items()
        },
    }
    return tuple(
        segment_result
        for segment_name, segment_scores in scores_by_segment.items()
        for segment_result in _measure_segment(segment_name, segment_scores, seed)
    )


def _measure_segment(
    segment_name: str, scores_by_model: dict[str, CaseScores | None], seed: int
) -> Iterator[SegmentResult]:
    """One row per model. All models have the same cases, so the bootstrap draws the same people for each."""
    nonempty_scores_by_model = {
        model_name: case_scores
        for model_name, case_scores in scores_by_model.items()
        if case_scores is not None and len(case_scores.hit)
    }
    if not nonempty_scores_by_model:
        yield from (SegmentResult(segment_name, model_name, 0, 0.0, 0.0, 0.0, 0.0) for model_name in scores_by_model)
        return
    ndcg_bounds = percentile_interval(
        bootstrap_means(
            np.stack([case_scores.ndcg for case_scores in nonempty_scores_by_model.values()], axis=1),
            next(iter(nonempty_scores_by_model.values())).person,
            seed,
        )
    ).T.tolist()
    for (model_name, case_scores), (ndcg_low, ndcg_high) in zip(
        nonempty_scores_by_model.items(), ndcg_bounds, strict=True
    ):
        yield SegmentResult(
            segment_name,
            model_name,
            len(case_scores.hit),
            float(case_scores.hit.mean()),
            float(case_scores.ndcg.mean()),
            ndcg_low,
            ndcg_high,
        )
