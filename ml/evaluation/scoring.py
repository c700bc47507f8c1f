"""Sitting an exam: a fitted model, ours or a peer, scores the cases and sees only what came before each.

Belongs here: how each kind of model faces the histories it may look at, and the scores of its cases.
Does not belong here: splits (see splits), metric formulas (see metrics), fitting.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ml.data.interactions import (
    Bools,
    Floats,
    Interactions,
    Ints,
    Strings,
    UserStates,
    build_user_states,
    encode_ids,
    reindex_items,
)
from ml.data.parallel import parallel_map
from ml.data.ranker_config import RankerConfig
from ml.evaluation.metrics import CaseScores, K, concat_case_scores, score_cases
from ml.evaluation.profiling import ResourceMeter
from ml.evaluation.results import ModelCost
from ml.evaluation.splits import EvalSplit
from ml.ranking.calibration import Reliability, measure_reliability
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import Cases, iter_blocks
from ml.retrieval.base import Scorer
from ml.retrieval.recent_popularity import RecentPopularity

ScoreRows = Callable[
    [Ints, Ints, UserStates], Floats
]  # people, cuts, what they held: rows x all items, -inf for the unknown
BindModel = Callable[[Interactions], ScoreRows]  # a model facing the histories it may look at

RARE_HOLDERS = 5  # an item that fewer people held at the freeze is cold: their histories say next to nothing of it


@dataclass(frozen=True, eq=False)
class ModelScores:
    """A model's scores on all cases, on those of people without a history, and on the cold items among the targets."""

    cases: CaseScores
    newcomers: CaseScores | None
    rare: CaseScores | None
    cost: ModelCost


def score_model(
    bind: BindModel, eval_split: EvalSplit, config: RankerConfig, tie_break: Ints, cost: ResourceMeter
) -> ModelScores:
    """Score everybody with the model; cost goes on from the seconds of its fit. Newcomers are not in the cost."""
    fit_seconds = cost.seconds
    rare = eval_split.rare_items(RARE_HOLDERS)
    cases, of_rare = _run(bind, eval_split, eval_split.cases, config, tie_break, cost, rare)
    per_case = 1000.0 * (cost.seconds - fit_seconds) / len(eval_split.cases)
    newcomers = None
    if len(eval_split.newcomers):
        newcomers, _ = _run(
            bind, eval_split, eval_split.newcomers, config, tie_break, ResourceMeter(), np.zeros(0, bool)
        )
    return ModelScores(cases, newcomers, of_rare, ModelCost(fit_seconds, per_case, cost.peak_mb))


def _run(
    bind: BindModel,
    eval_split: EvalSplit,
    cases: Cases,
    config: RankerConfig,
    tie_break: Ints,
    cost: ResourceMeter,
    rare: Bools,
) -> tuple[CaseScores, CaseScores | None]:
    found: list[_Block] = []
    order = []
    for rows, view in eval_split.visible_histories(cases):
        with cost:
            score = bind(view)
        watch = ResourceMeter()
        with watch:
            found += parallel_map(
                _sit_block,
                [
                    (score, eval_split, view, cases.take(rows[part]), tie_break, rare)
                    for part in iter_blocks(len(rows), config.block_rows(view.n_items))
                ],
            )
        cost.peak_mb = max(cost.peak_mb, watch.peak_mb)
        order.append(rows)
    cost.seconds += sum(block.seconds for block in found)
    back = np.argsort(np.concatenate(order))
    few = [block.rare for block in found if block.rare is not None]
    return concat_case_scores([block.scores for block in found]).where(back), concat_case_scores(few) if few else None


@dataclass(frozen=True, eq=False)
class _Block:
    """A block of cases scored; the model's seconds are those of its own thread, whoever else is busy."""

    scores: CaseScores
    rare: CaseScores | None
    seconds: float


def _sit_block(
    score: ScoreRows, eval_split: EvalSplit, view: Interactions, some: Cases, tie_break: Ints, rare: Bools
) -> _Block:
    user_states = build_user_states(view, some.person, some.cut)
    began = time.thread_time()
    scores = score(some.person, some.cut, user_states)
    seconds = time.thread_time() - began
    eligible_mask = eval_split.rules.eligible_mask(user_states, view.n_items)
    mine = score_cases(scores, eligible_mask, some.row, some.item, np.diff(some.start), tie_break, some.person)
    few = some.keep_targets(rare[some.item]) if len(rare) else some.keep_targets(np.zeros(len(some.item), bool))
    asked = np.flatnonzero(np.diff(few.start))
    if not len(asked):
        return _Block(mine, None, seconds)
    few = few.take(asked)
    return _Block(
        mine,
        score_cases(scores[asked], eligible_mask[asked], few.row, few.item, np.diff(few.start), tie_break, few.person),
        seconds,
    )


def bind_baseline(scorer: Scorer, eval_split: EvalSplit) -> BindModel:
    """A scorer that learned the exam's training items, facing all items."""
    code = encode_ids(eval_split.full.items, eval_split.train.items)

    def bind(view: Interactions) -> ScoreRows:
        if isinstance(scorer, RecentPopularity) and view.is_calendar:
            scorer.count(reindex_items(view, eval_split.train.items))  # the last months before each cut, whenever it is

        def score(person: Ints, cut: Ints, user_states: UserStates) -> Floats:  # noqa: ARG001
            full = np.full((len(user_states), len(code)), -np.inf, np.float32)
            full[:, code >= 0] = scorer.score(user_states.recode_items(code))
            return full

        return score

    return bind


def bind_recommender(recommender: Recommender, eval_split: EvalSplit, names: Strings | None) -> BindModel:
    """A recommender facing what has come up since it was fitted."""

    def bind(view: Interactions) -> ScoreRows:
        with_interactions, known = update_recommender(recommender, eval_split, view, names)
        place = encode_ids(known.items, view.items)

        def score(person: Ints, cut: Ints, user_states: UserStates) -> Floats:  # noqa: ARG001
            size = min(recommender.config.n_candidates, known.n_items)
            ranked = with_interactions.rank_block(known, person, cut, size)
            mine = ranked.prior.copy()  # what was no candidate follows behind, in the order of the prior
            order = np.broadcast_to(np.arange(ranked.item.shape[1], dtype=np.float32), ranked.item.shape)
            rows = np.arange(len(person))[:, None]
            mine[rows, ranked.item] = np.where(ranked.real, np.float32(1e6) - order, mine[rows, ranked.item])
            full = np.full((len(person), view.n_items), -np.inf, np.float32)
            full[:, place] = mine
            return full

        return score

    return bind


def update_recommender(
    recommender: Recommender, eval_split: EvalSplit, view: Interactions, names: Strings | None
) -> tuple[Recommender, Interactions]:
    """Facing what has come up since the freeze: newer events, and items that are in use by now."""
    items = recommender.ensemble.items
    if eval_split.frozen_at is not None:
        items = np.union1d(items, view.items[view.used_items])
    known = reindex_items(view, items)
    place = encode_ids(items, view.items)
    rules = eval_split.rules.select_items(place)
    known = replace(known, repeatable=rules.repeatable)
    # Without a calendar nothing says what came before a case's moment, so nothing newer than the training is counted.
    counted = known if view.is_calendar else eval_split.train
    with_interactions = recommender.with_interactions(counted, None if names is None else names[place])
    return replace(with_interactions, rules=rules), known


def measure_calibration(
    ours: Recommender, eval_split: EvalSplit, config: RankerConfig, names: Strings | None
) -> Reliability | None:
    """Of the ten items recommended to everyone with a history, idle people too, at each window's start."""
    if ours.calibrator is None:
        return None
    said, came_true = [], []
    for rows, view in eval_split.visible_histories(eval_split.all_cases):
        with_interactions, known = update_recommender(ours, eval_split, view, names)
        place = encode_ids(known.items, view.items)
        for part in iter_blocks(len(rows), config.block_rows(view.n_items)):
            some = eval_split.all_cases.take(rows[part])
            ranked = with_interactions.rank_block(known, some.person, some.cut, K)
            said.append(ranked.probability[ranked.real])
            came_true.append(some.label(place[ranked.item], view.n_items)[ranked.real])
    return measure_reliability(np.concatenate(said), np.concatenate(came_true))
