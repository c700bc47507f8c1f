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
from ml.data.sparse_rows import Bools, Doubles, Floats, Ints, Strings
from ml.data.statistics import LIST_LENGTH
from ml.evaluation.metrics import CaseScores, concat_case_scores, score_cases
from ml.evaluation.profiling import ResourceMeter
from ml.evaluation.splits import EvalSplit
from ml.ranking.cases import Cases
from ml.ranking.ranked_block import RankedBlock
from ml.ranking.recommender import Recommender
from ml.retrieval.base import Scorer
from ml.retrieval.recent_popularity import RecentPopularity

ScoreRows = Callable[[UserStates], Floats]  # returns rows x all items, -inf for items that the model does not know
BindModel = Callable[[Interactions], ScoreRows]  # takes the interactions that the model may look at

RARE_HOLDER_LIMIT = 5  # an item that fewer people held at the freeze is rare: their histories tell little about it


@dataclass(frozen=True, eq=False)
class ModelScores:
    """A model's scores on all cases, on people without a history, and on the rare items among the targets."""

    case_scores: CaseScores
    newcomer_scores: CaseScores | None
    rare_target_scores: CaseScores | None
    cost_by_measure: dict[str, float]  # fit_seconds, score_ms_per_person, peak_mb


def score_model(
    bind_model: BindModel,
    eval_split: EvalSplit,
    config: RankerConfig,
    tie_break_ranks: Ints,
    resource_meter: ResourceMeter,
) -> ModelScores:
    """Score all cases of a split with one model.

    Args:
        bind_model: Gives the model the interactions it may look at.
        eval_split: The cases.
        config: Gives the size of a block.
        tie_break_ranks: See `ml.evaluation.metrics.score_cases`.
        resource_meter: Has measured the fit, and measures the scoring of cases; newcomers are not measured.
    """
    fit_seconds = resource_meter.seconds
    is_rare_item = eval_split.holder_counts < RARE_HOLDER_LIMIT
    case_scores, rare_scores = _score_cases(
        bind_model, eval_split, eval_split.cases, config, tie_break_ranks, resource_meter, is_rare_item
    )
    cost_by_measure = {
        "fit_seconds": fit_seconds,
        "score_ms_per_person": 1000.0 * (resource_meter.seconds - fit_seconds) / len(eval_split.cases),
        "peak_mb": resource_meter.peak_mb,
    }
    if not len(eval_split.newcomers):
        return ModelScores(case_scores, None, rare_scores, cost_by_measure)
    newcomer_scores, _ = _score_cases(
        bind_model,
        eval_split,
        eval_split.newcomers,
        config,
        tie_break_ranks,
        ResourceMeter(),
        np.zeros_like(is_rare_item),
    )
    return ModelScores(case_scores, newcomer_scores, rare_scores, cost_by_measure)


def _score_cases(
    bind_model: BindModel,
    eval_split: EvalSplit,
    cases: Cases,
    config: RankerConfig,
    tie_break_ranks: Ints,
    resource_meter: ResourceMeter,
    is_rare_item: Bools,
) -> tuple[CaseScores, CaseScores | None]:
    """The scores of all cases in their order, and of the cases with rare targets with these targets alone."""
    scored_blocks: list[tuple[CaseScores, CaseScores, float]] = []
    case_index_blocks = []
    for case_indices, visible_history in eval_split.visible_histories(cases):
        with resource_meter:
            score_rows = bind_model(visible_history)
        block_arguments = [
            (score_rows, eval_split, visible_history, case_block, tie_break_ranks, is_rare_item)
            for case_block in cases.take(case_indices).blocks(config.block_rows(visible_history.n_items))
        ]
        block_meter = ResourceMeter()
        with block_meter:
            scored_blocks += parallel_map(_score_block, block_arguments)
        resource_meter.peak_mb = max(resource_meter.peak_mb, block_meter.peak_mb)
        case_index_blocks.append(case_indices)
    block_scores, block_rare_scores, block_seconds = zip(*scored_blocks, strict=True)
    resource_meter.seconds += sum(block_seconds)
    rare_scores = concat_case_scores(list(block_rare_scores))
    case_scores = concat_case_scores(list(block_scores)).select(np.argsort(np.concatenate(case_index_blocks)))
    return case_scores, rare_scores if len(rare_scores.person) else None


def _score_block(
    score_rows: ScoreRows,
    eval_split: EvalSplit,
    visible_history: Interactions,
    cases: Cases,
    tie_break_ranks: Ints,
    is_rare_item: Bools,
) -> tuple[CaseScores, CaseScores, float]:
    """Scores of the cases, scores of their rare targets, and the model's seconds on its own thread."""
    user_states = build_user_states(visible_history, cases.person, cases.cutoff_tick)
    start_seconds = time.thread_time()
    item_scores = score_rows(user_states)
    scoring_seconds = time.thread_time() - start_seconds
    is_eligible = eval_split.rules.eligible_mask(user_states, visible_history.n_items)
    rare_cases = cases.keep_targets(is_rare_item[cases.item])
    rare_case_indices = np.flatnonzero(rare_cases.n_targets)
    case_scores, rare_scores = (
        score_cases(
            item_scores[row_indices],
            is_eligible[row_indices],
            scored_cases.target_row,
            scored_cases.item,
            scored_cases.n_targets,
            tie_break_ranks,
            scored_cases.person,
        )
        for scored_cases, row_indices in (
            (cases, np.arange(len(cases))),
            (rare_cases.take(rare_case_indices), rare_case_indices),
        )
    )
    return case_scores, rare_scores, scoring_seconds


def bind_baseline(scorer: Scorer, eval_split: EvalSplit) -> BindModel:
    """A scorer that was fitted on the split's training items; it scores all items of the split."""
    train_codes = eval_split.train_codes

    def bind(visible_history: Interactions) -> ScoreRows:
        if isinstance(scorer, RecentPopularity) and visible_history.is_calendar:
            # the months before each cutoff, also after the fit
            scorer.count(reindex_items(visible_history, eval_split.train_interactions.items))

        def score(user_states: UserStates) -> Floats:
            split_item_scores = np.full((len(user_states), len(train_codes)), -np.inf, np.float32)
            split_item_scores[:, train_codes >= 0] = scorer.score(user_states.recode_items(train_codes))
            return split_item_scores

        return score

    return bind


def bind_recommender(recommender: Recommender, eval_split: EvalSplit, item_names: Strings | None) -> BindModel:
    """A recommender that takes in the interactions since it was fitted.

    Args:
        recommender: Fitted on nothing after the freeze.
        eval_split: The cases to score.
        item_names: Name of each item of `eval_split.all_interactions`; ids if None.
    """

    def bind(visible_history: Interactions) -> ScoreRows:
        updated_recommender, interactions, history_item_codes = _update_recommender(
            recommender, eval_split, visible_history, item_names
        )
        n_candidates = min(recommender.config.n_candidates, interactions.n_items)

        def score(user_states: UserStates) -> Floats:
            split_item_scores = np.full((len(user_states), visible_history.n_items), -np.inf, np.float32)
            for row_indices, ranked_block in updated_recommender.rank_people(
                interactions, user_states.person, user_states.cutoff_tick, n_candidates
            ):
                # rows x items of the recommender; items that are no candidates follow in the order of the prior
                recommender_item_scores = ranked_block.prior.copy()
                list_positions = np.broadcast_to(
                    np.arange(ranked_block.item.shape[1], dtype=np.float32), ranked_block.item.shape
                )
                block_rows = np.arange(len(row_indices))[:, None]
                recommender_item_scores[block_rows, ranked_block.item] = np.where(
                    ranked_block.is_candidate,
                    np.float32(1e6) - list_positions,
                    recommender_item_scores[block_rows, ranked_block.item],
                )
                split_item_scores[row_indices[:, None], history_item_codes] = recommender_item_scores
            return split_item_scores

        return score

    return bind


def rank_cases(
    recommender: Recommender, eval_split: EvalSplit, cases: Cases, item_names: Strings | None, max_items: int
) -> Iterator[tuple[Cases, RankedBlock, Bools]]:
    """Rank the items of cases, block by block.

    Args:
        recommender: Fitted on nothing after the freeze.
        eval_split: The split that the cases belong to.
        cases: The cases to rank; blocks come by cutoff.
        item_names: Name of each item of `eval_split.all_interactions`; ids if None.
        max_items: The largest number of items per case.

    Yields:
        A block of cases, its ranked items, and which of these are targets (cases x ranked items).
    """
    for case_indices, visible_history in eval_split.visible_histories(cases):
        updated_recommender, interactions, history_item_codes = _update_recommender(
            recommender, eval_split, visible_history, item_names
        )
        for case_block in cases.take(case_indices).blocks(recommender.config.block_rows(visible_history.n_items)):
            for row_indices, ranked_block in updated_recommender.rank_people(
                interactions, case_block.person, case_block.cutoff_tick, max_items
            ):
                ranked_cases = case_block.take(row_indices)
                yield (
                    ranked_cases,
                    ranked_block,
                    ranked_cases.label_candidates(history_item_codes[ranked_block.item], visible_history.n_items)
                    & ranked_block.is_candidate,
                )


def _update_recommender(
    recommender: Recommender, eval_split: EvalSplit, visible_history: Interactions, item_names: Strings | None
) -> tuple[Recommender, Interactions, Ints]:
    """The recommender with events and items since the freeze, interactions coded by its items, and their old codes."""
    item_ids = recommender.ensemble.items
    if eval_split.freeze_tick is not None:
        item_ids = np.union1d(item_ids, visible_history.items[visible_history.used_items])
    history_item_codes = encode_ids(item_ids, visible_history.items)
    rules = eval_split.rules.select_items(history_item_codes)
    interactions = replace(reindex_items(visible_history, item_ids), is_repeatable=rules.repeatable)
    # Without a calendar it is not known what came before a case's moment: nothing newer than the training is counted.
    counted_interactions = interactions if visible_history.is_calendar else eval_split.train_interactions
    updated_recommender = recommender.with_interactions(
        counted_interactions, None if item_names is None else item_names[history_item_codes]
    )
    return replace(updated_recommender, rules=rules), interactions, history_item_codes


@dataclass(frozen=True, eq=False)
class Predictions:
    """The probabilities of the first ten items of cases, and what came true. One entry per case and item."""

    probability: Doubles
    outcomes: Bools
    person: Ints
    held_counts: Ints  # items that the person held at the cutoff


def collect_predictions(
    recommender: Recommender, eval_split: EvalSplit, cases: Cases, item_names: Strings | None
) -> Predictions:
    """The probabilities of the first ten items of cases, and which of the items were acquired within the horizon.

    Args:
        recommender: Fitted on nothing after the freeze.
        eval_split: The split that the cases belong to.
        cases: People at the start of a window.
        item_names: Name of each item of `eval_split.all_interactions`; ids if None.
    """
    prediction_blocks = [(np.zeros(0), np.zeros(0, bool), np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for ranked_cases, ranked_block, is_target in rank_cases(recommender, eval_split, cases, item_names, LIST_LENGTH):
        held_counts = build_user_states(
            eval_split.all_interactions, ranked_cases.person, ranked_cases.cutoff_tick
        ).item_counts
        is_predicted = ranked_block.is_candidate & ~np.isnan(ranked_block.probability)
        row_indices = np.nonzero(is_predicted)[0]
        prediction_blocks.append(
            (
                ranked_block.probability[is_predicted],
                is_target[is_predicted],
                ranked_cases.person[row_indices],
                held_counts[row_indices],
            )
        )
    return Predictions(*(np.concatenate(field_blocks) for field_blocks in zip(*prediction_blocks, strict=True)))
