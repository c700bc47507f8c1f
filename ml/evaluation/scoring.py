"""Scoring: a fitted model ranks the items of each case from what happened before it.

Belongs here: what each kind of model may look at, and the scores of its cases.
Does not belong here: splits (see splits), metric formulas (see metrics), fitting.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ml.data.encoding import encode_ids
from ml.data.interactions import Interactions, UserStates, build_user_states, reindex_items
from ml.data.parallel import parallel_map
from ml.data.ranker_config import RankerConfig
from ml.data.sparse_rows import Bools, Floats, Ints, Strings
from ml.data.statistics import K
from ml.evaluation.metrics import CaseScores, concat_case_scores, score_cases
from ml.evaluation.profiling import ResourceMeter
from ml.evaluation.splits import EvalSplit
from ml.ranking.calibration import Reliability, measure_reliability
from ml.ranking.recommender import RankedBlock, Recommender
from ml.ranking.training_set import Cases
from ml.retrieval.base import Scorer
from ml.retrieval.recent_popularity import RecentPopularity

ScoreRows = Callable[[UserStates], Floats]  # returns rows x all items, -inf for items that the model does not know
BindModel = Callable[[Interactions], ScoreRows]  # takes the interactions that the model may look at

RARE_HOLDERS = 5  # an item that fewer people held at the freeze is cold: their histories tell little about it


@dataclass(frozen=True, eq=False)
class ModelScores:
    """A model's scores on all cases, on people without a history, and on the cold items among the targets."""

    cases: CaseScores
    newcomers: CaseScores | None
    rare: CaseScores | None
    cost: dict[str, float]  # fit_seconds, score_ms_per_person, peak_mb


def score_model(
    bind: BindModel, eval_split: EvalSplit, config: RankerConfig, tie_break: Ints, meter: ResourceMeter
) -> ModelScores:
    """Score all cases of a split with one model.

    Args:
        bind: Gives the model the interactions it may look at.
        eval_split: The cases.
        config: Gives the size of a block.
        tie_break: See `ml.evaluation.metrics.score_cases`.
        meter: Has measured the fit, and measures the scoring of cases; newcomers are not measured.
    """
    fit_seconds = meter.seconds
    is_rare = eval_split.holders < RARE_HOLDERS
    cases, rare = _score_cases(bind, eval_split, eval_split.cases, config, tie_break, meter, is_rare)
    cost = {
        "fit_seconds": fit_seconds,
        "score_ms_per_person": 1000.0 * (meter.seconds - fit_seconds) / len(eval_split.cases),
        "peak_mb": meter.peak_mb,
    }
    if not len(eval_split.newcomers):
        return ModelScores(cases, None, rare, cost)
    newcomers, _ = _score_cases(
        bind, eval_split, eval_split.newcomers, config, tie_break, ResourceMeter(), np.zeros_like(is_rare)
    )
    return ModelScores(cases, newcomers, rare, cost)


def _score_cases(
    bind: BindModel,
    eval_split: EvalSplit,
    cases: Cases,
    config: RankerConfig,
    tie_break: Ints,
    meter: ResourceMeter,
    is_rare: Bools,
) -> tuple[CaseScores, CaseScores | None]:
    """The scores of all cases in their order, and of the cases with rare targets with these targets alone."""
    blocks: list[tuple[CaseScores, CaseScores, float]] = []
    order = []
    for rows, history in eval_split.visible_histories(cases):
        with meter:
            score = bind(history)
        tasks = [
            (score, eval_split, history, block, tie_break, is_rare)
            for block in cases.take(rows).blocks(config.block_rows(history.n_items))
        ]
        block_meter = ResourceMeter()
        with block_meter:
            blocks += parallel_map(_score_block, tasks)
        meter.peak_mb = max(meter.peak_mb, block_meter.peak_mb)
        order.append(rows)
    scores, rare, seconds = zip(*blocks, strict=True)
    meter.seconds += sum(seconds)
    rare_scores = concat_case_scores(list(rare))
    all_scores = concat_case_scores(list(scores)).select(np.argsort(np.concatenate(order)))
    return all_scores, rare_scores if len(rare_scores.person) else None


def _score_block(
    score: ScoreRows, eval_split: EvalSplit, history: Interactions, cases: Cases, tie_break: Ints, is_rare: Bools
) -> tuple[CaseScores, CaseScores, float]:
    """Scores of the cases, scores of their rare targets, and the model's seconds on its own thread."""
    user_states = build_user_states(history, cases.person, cases.cut)
    began = time.thread_time()
    scores = score(user_states)
    seconds = time.thread_time() - began
    eligible = eval_split.rules.eligible_mask(user_states, history.n_items)
    rare = cases.keep_targets(is_rare[cases.item])
    rows = np.flatnonzero(rare.n_targets)
    of_all, of_rare = (
        score_cases(
            scores[places], eligible[places], part.target_row, part.item, part.n_targets, tie_break, part.person
        )
        for part, places in ((cases, np.arange(len(cases))), (rare.take(rows), rows))
    )
    return of_all, of_rare, seconds


def bind_baseline(scorer: Scorer, eval_split: EvalSplit) -> BindModel:
    """A scorer that was fitted on the split's training items; it scores all items of the split."""
    codes = eval_split.train_codes

    def bind(history: Interactions) -> ScoreRows:
        if isinstance(scorer, RecentPopularity) and history.is_calendar:
            scorer.count(
                reindex_items(history, eval_split.train.items)
            )  # the months before each cut, also after the fit

        def score(user_states: UserStates) -> Floats:
            scores = np.full((len(user_states), len(codes)), -np.inf, np.float32)
            scores[:, codes >= 0] = scorer.score(user_states.recode_items(codes))
            return scores

        return score

    return bind


def bind_recommender(recommender: Recommender, eval_split: EvalSplit, names: Strings | None) -> BindModel:
    """A recommender that takes in the interactions since it was fitted.

    Args:
        recommender: Fitted on nothing after the freeze.
        eval_split: The cases to score.
        names: Name of each item of `eval_split.full`; ids if None.
    """

    def bind(history: Interactions) -> ScoreRows:
        current, interactions, position = _update_recommender(recommender, eval_split, history, names)
        size = min(recommender.config.n_candidates, interactions.n_items)

        def score(user_states: UserStates) -> Floats:
            ranked = current.rank_block(interactions, user_states.person, user_states.cut, size)
            scores = ranked.prior.copy()  # items that are no candidates follow in the order of the prior
            order = np.broadcast_to(np.arange(ranked.item.shape[1], dtype=np.float32), ranked.item.shape)
            rows = np.arange(len(user_states))[:, None]
            scores[rows, ranked.item] = np.where(ranked.real, np.float32(1e6) - order, scores[rows, ranked.item])
            all_scores = np.full((len(user_states), history.n_items), -np.inf, np.float32)
            all_scores[:, position] = scores
            return all_scores

        return score

    return bind


def rank_cases(
    recommender: Recommender, eval_split: EvalSplit, cases: Cases, names: Strings | None, k: int
) -> Iterator[tuple[Cases, RankedBlock, Bools]]:
    """Rank the items of cases, block by block.

    Args:
        recommender: Fitted on nothing after the freeze.
        eval_split: The split that the cases belong to.
        cases: The cases to rank; blocks come by cut.
        names: Name of each item of `eval_split.full`; ids if None.
        k: The largest number of items per case.

    Yields:
        A block of cases, its ranked items, and which of these are targets (cases x k).
    """
    for rows, history in eval_split.visible_histories(cases):
        current, interactions, position = _update_recommender(recommender, eval_split, history, names)
        for block in cases.take(rows).blocks(recommender.config.block_rows(history.n_items)):
            ranked = current.rank_block(interactions, block.person, block.cut, k)
            yield block, ranked, block.label_candidates(position[ranked.item], history.n_items) & ranked.real


def _update_recommender(
    recommender: Recommender, eval_split: EvalSplit, history: Interactions, names: Strings | None
) -> tuple[Recommender, Interactions, Ints]:
    """The recommender with events and items since the freeze, interactions coded by its items, and their old codes."""
    items = recommender.ensemble.items
    if eval_split.frozen_at is not None:
        items = np.union1d(items, history.items[history.used_items])
    position = encode_ids(items, history.items)
    rules = eval_split.rules.select_items(position)
    interactions = replace(reindex_items(history, items), repeatable=rules.repeatable)
    # Without a calendar it is not known what came before a case's moment: nothing newer than the training is counted.
    counted = interactions if history.is_calendar else eval_split.train
    current = recommender.with_interactions(counted, None if names is None else names[position])
    return replace(current, rules=rules), interactions, position


def measure_calibration(recommender: Recommender, eval_split: EvalSplit, names: Strings | None) -> Reliability | None:
    """The reliability of the probabilities of the first ten items of everyone with a history, idle people too.

    Args:
        recommender: Fitted on nothing after the freeze.
        eval_split: The windows to measure on.
        names: Name of each item of `eval_split.full`; ids if None.

    Returns:
        None if the recommender has no calibrator.
    """
    if recommender.calibrator is None:
        return None
    parts = [
        (ranked.probability[ranked.real], label[ranked.real])
        for _, ranked, label in rank_cases(recommender, eval_split, eval_split.all_cases, names, K)
    ]
    return measure_reliability(*(np.concatenate(column) for column in zip(*parts, strict=True)))
