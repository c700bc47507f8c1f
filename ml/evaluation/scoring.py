"""Sitting an exam: a fitted model, ours or a peer, scores the cases and sees only what came before each.

Belongs here: how each kind of model faces the histories it may look at, and the scores of its cases.
Does not belong here: splits (see splits), metric formulas (see metrics), fitting.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ml.data.interactions import Bools, Floats, Histories, Ints, Names, Prefixes, build_prefixes, positions, with_items
from ml.data.parallel import spread
from ml.data.ranker_config import Policy
from ml.evaluation.metrics import CaseScores, K, join_cases, score_cases
from ml.evaluation.profiling import Cost
from ml.evaluation.results import ModelCost
from ml.evaluation.splits import Exam
from ml.ranking.calibration import Reliability, measure_reliability
from ml.ranking.recommender import Recommender
from ml.ranking.training_set import Cases, blocks
from ml.retrieval.base import Scorer
from ml.retrieval.recent_popularity import RecentPopularity

Score = Callable[[Ints, Ints, Prefixes], Floats]  # people, cuts, what they held: rows x all items, -inf for the unknown
Face = Callable[[Histories], Score]  # a model facing the histories it may look at

RARE_HOLDERS = 5  # an item that fewer people held at the freeze is cold: their histories say next to nothing of it


@dataclass(frozen=True, eq=False)
class Sat:
    """A model's scores on all cases, on those of people without a history, and on the cold items among the targets."""

    cases: CaseScores
    newcomers: CaseScores | None
    rare: CaseScores | None
    cost: ModelCost


def sit(face: Face, exam: Exam, policy: Policy, tie_break: Ints, cost: Cost) -> Sat:
    """Score everybody with the model; cost goes on from the seconds of its fit. Newcomers are not in the cost."""
    fit_seconds = cost.seconds
    rare = exam.rare_items(RARE_HOLDERS)
    cases, of_rare = _run(face, exam, exam.cases, policy, tie_break, cost, rare)
    per_case = 1000.0 * (cost.seconds - fit_seconds) / len(exam.cases)
    newcomers = None
    if len(exam.newcomers):
        newcomers, _ = _run(face, exam, exam.newcomers, policy, tie_break, Cost(), np.zeros(0, bool))
    return Sat(cases, newcomers, of_rare, ModelCost(fit_seconds, per_case, cost.peak_mb))


def _run(
    face: Face, exam: Exam, cases: Cases, policy: Policy, tie_break: Ints, cost: Cost, rare: Bools
) -> tuple[CaseScores, CaseScores | None]:
    found: list[_Block] = []
    order = []
    for rows, view in exam.views(cases):
        with cost:
            score = face(view)
        watch = Cost()
        with watch:
            found += spread(
                _sit_block,
                [
                    (score, exam, view, cases.take(rows[part]), tie_break, rare)
                    for part in blocks(len(rows), policy.block_rows(view.n_items))
                ],
            )
        cost.peak_mb = max(cost.peak_mb, watch.peak_mb)
        order.append(rows)
    cost.seconds += sum(block.seconds for block in found)
    back = np.argsort(np.concatenate(order))
    few = [block.rare for block in found if block.rare is not None]
    return join_cases([block.scores for block in found]).where(back), join_cases(few) if few else None


@dataclass(frozen=True, eq=False)
class _Block:
    """A block of cases scored; the model's seconds are those of its own thread, whoever else is busy."""

    scores: CaseScores
    rare: CaseScores | None
    seconds: float


def _sit_block(score: Score, exam: Exam, view: Histories, some: Cases, tie_break: Ints, rare: Bools) -> _Block:
    prefixes = build_prefixes(view, some.person, some.cut)
    began = time.thread_time()
    scores = score(some.person, some.cut, prefixes)
    seconds = time.thread_time() - began
    open_items = exam.rules.open_items(prefixes, view.n_items)
    mine = score_cases(scores, open_items, some.row, some.item, np.diff(some.start), tie_break, some.person)
    few = some.only(rare[some.item]) if len(rare) else some.only(np.zeros(len(some.item), bool))
    asked = np.flatnonzero(np.diff(few.start))
    if not len(asked):
        return _Block(mine, None, seconds)
    few = few.take(asked)
    return _Block(
        mine,
        score_cases(scores[asked], open_items[asked], few.row, few.item, np.diff(few.start), tie_break, few.person),
        seconds,
    )


def face_peer(scorer: Scorer, exam: Exam) -> Face:
    """A scorer that learned the exam's training items, facing all items."""
    code = positions(exam.whole.items, exam.train.items)

    def face(view: Histories) -> Score:
        if isinstance(scorer, RecentPopularity) and view.is_calendar:
            scorer.count(with_items(view, exam.train.items))  # the last months before each cut, whenever it is

        def score(person: Ints, cut: Ints, prefixes: Prefixes) -> Floats:  # noqa: ARG001
            full = np.full((len(prefixes), len(code)), -np.inf, np.float32)
            full[:, code >= 0] = scorer.score(prefixes.coded(code))
            return full

        return score

    return face


def face_recommender(recommender: Recommender, exam: Exam, names: Names | None) -> Face:
    """A recommender facing what has come up since it was fitted."""

    def face(view: Histories) -> Score:
        facing, known = faced(recommender, exam, view, names)
        place = positions(known.items, view.items)

        def score(person: Ints, cut: Ints, prefixes: Prefixes) -> Floats:  # noqa: ARG001
            size = min(recommender.policy.candidates, known.n_items)
            ranked = facing.rank_block(known, person, cut, size)
            mine = ranked.prior.copy()  # what was no candidate follows behind, in the order of the prior
            order = np.broadcast_to(np.arange(ranked.item.shape[1], dtype=np.float32), ranked.item.shape)
            rows = np.arange(len(person))[:, None]
            mine[rows, ranked.item] = np.where(ranked.real, np.float32(1e6) - order, mine[rows, ranked.item])
            full = np.full((len(person), view.n_items), -np.inf, np.float32)
            full[:, place] = mine
            return full

        return score

    return face


def faced(recommender: Recommender, exam: Exam, view: Histories, names: Names | None) -> tuple[Recommender, Histories]:
    """Facing what has come up since the freeze: newer events, and items that are in use by now."""
    items = recommender.panel.items
    if exam.frozen_at is not None:
        items = np.union1d(items, view.items[view.seen])
    known = with_items(view, items)
    place = positions(items, view.items)
    rules = exam.rules.narrowed(place)
    known = replace(known, repeatable=rules.repeatable)
    # Without a calendar nothing says what came before a case's moment, so nothing newer than the training is counted.
    counted = known if view.is_calendar else exam.train
    facing = recommender.facing(counted, None if names is None else names[place])
    return replace(facing, rules=rules), known


def judge_promises(ours: Recommender, exam: Exam, policy: Policy, names: Names | None) -> Reliability | None:
    """Of the ten items recommended to everyone with a history, idle people too, at each window's start."""
    if ours.calibrator is None:
        return None
    said, came_true = [], []
    for rows, view in exam.views(exam.everyone):
        facing, known = faced(ours, exam, view, names)
        place = positions(known.items, view.items)
        for part in blocks(len(rows), policy.block_rows(view.n_items)):
            some = exam.everyone.take(rows[part])
            ranked = facing.rank_block(known, some.person, some.cut, K)
            said.append(ranked.probability[ranked.real])
            came_true.append(some.label(place[ranked.item], view.n_items)[ranked.real])
    return measure_reliability(np.concatenate(said), np.concatenate(came_true))
