"""Evaluation: how well past behaviour is foretold, by this recommender and by simple ones, on any item histories.

Belongs here: splits that cannot leak, running models over the same cases, the frozen results.
Does not belong here: metric formulas (see metrics), models.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.calibration import Reliability, measure_reliability
from ml.cost import Cost
from ml.features import ExtraFeatures
from ml.histories import (
    DAY,
    Doubles,
    Floats,
    Histories,
    Ints,
    Names,
    Prefixes,
    build_prefixes,
    positions,
    read_histories,
    with_items,
)
from ml.metrics import CaseScores, K, bootstrap_means, coverage, join_cases, novelty, score_cases
from ml.openness import code_rules
from ml.peers import PEERS, all_peers, build_peer
from ml.policy import Policy, choose_policy
from ml.recommender import Recommender, fit_on, name_array
from ml.scorers.recent_popularity import RecentPopularity
from ml.scorers.scorer import Scorer
from ml.splits import Exam, as_dated, split_leave_last, split_time, under
from ml.training import blocks

Split = Literal["time", "leave-last"]
Progress = Callable[[str, float], None]
OURS = "footsteps"

MODELS: tuple[str, ...] = (*PEERS, OURS)

SEGMENTS = {"cold": (0, 2), "short": (2, 6), "long": (6, None)}  # items held at the cut: 0-1, 2-5, 6 and more


@dataclass(frozen=True)
class ModelResult:
    """One row a model. NDCG bounds are a 95 % bootstrap interval over people."""

    model: str
    hr_at_10: float
    ndcg_at_10: float
    mrr: float
    ndcg_at_10_low: float
    ndcg_at_10_high: float
    coverage: float
    novelty: float
    fit_seconds: float
    score_ms_per_person: float
    peak_mb: float


@dataclass(frozen=True)
class ModelCost:
    """Fitting seconds, scoring milliseconds a person, highest memory of the process in MB."""

    fit_seconds: float
    score_ms_per_person: float
    peak_mb: float


@dataclass(frozen=True)
class SegmentResult:
    """One row a segment (by length of history) and model."""

    segment: str
    model: str
    n_cases: int
    hr_at_10: float
    ndcg_at_10: float


@dataclass(frozen=True)
class Ratio:
    """NDCG@10 of ours over the best other model's, with its paired 95 % interval over people."""

    best_other: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """What was measured and on whom. A case is one person at one cut; a person may have several."""

    split: Split
    frozen_at: str | None
    horizon_days: int
    n_people_trained: int
    n_people_scored: int
    n_cases: int
    n_items: int
    n_targets: int
    n_targets_unseen: int  # of items nobody had when the models were frozen: a miss for every model
    models: tuple[ModelResult, ...]
    segments: tuple[SegmentResult, ...]
    ratio: Ratio | None
    reliability: Reliability | None
    reason: str | None  # why ours fell back to popularity, if it did

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def available_models() -> tuple[str, ...]:
    """The models that can be compared here: MODELS, and peers whose package is installed (footsteps[peers])."""
    return (*all_peers(), OURS)


def evaluate(
    events: pl.DataFrame,
    *,
    split: Split = "time",
    horizon_days: int = 90,
    models: Sequence[str] | None = None,
    seed: int = 0,
    names: pl.DataFrame | None = None,
    extra_features: ExtraFeatures | None = None,
    requires: pl.DataFrame | None = None,
    repeatable: pl.Series | None = None,
    calibrated: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Compare models on events (person_id, skill_id, ts), ranking every item not yet held.

    split="time": all models are frozen at one date, the latest that leaves FUTURE_SHARE of the acquisitions after it
    in whole windows of `horizon_days`. At the start of each window everyone with a history, newcomers since the freeze
    too, is scored from that history; what they first acquire within the window counts.
    split="leave-last": each person's last moment of acquisition is held out and scored from what came before it.
    requires, repeatable: as in `fit_recommender`; no model may then recommend what is not open, and what was not open
    at the cut is no target. calibrated: whether the probability is learned and judged too, about half of the cost.
    Raises ValueError where the data cannot be split so.
    """
    wanted = tuple(models or available_models())
    unknown = sorted(set(wanted) - set(available_models()))
    if unknown:
        raise ValueError(f"no model is called {', '.join(unknown)}; there are {', '.join(available_models())}")
    tell = progress or _silent
    whole = read_histories(as_dated(events))
    rules = code_rules(requires, repeatable, whole.items)
    whole = replace(whole, repeatable=rules.repeatable)
    exam = split_time(whole, horizon_days * DAY) if split == "time" else split_leave_last(whole)
    exam = under(exam, rules)
    policy = choose_policy(exam.train, target="window" if split == "time" else "step")
    horizon = horizon_days * DAY if whole.is_calendar else 1
    tie_break = np.random.default_rng(seed).permutation(whole.n_items)
    results, costs, ours = {}, {}, None
    with threadpool_limits(1):
        for number, name in enumerate(wanted):
            tell(name, number / len(wanted))
            cost = Cost()
            with cost:
                if name == OURS:
                    ours = fit_on(
                        exam.train, end=exam.frozen_at or int(exam.train.time.max()) + 1, horizon=horizon,
                        policy=policy, names=name_array(names, exam.train.items), extra=extra_features, seed=seed,
                        progress=tell, rules=rules.narrowed(positions(exam.train.items, whole.items)),
                        calibrated=calibrated,
                    )  # fmt: skip
                    face = _face_ours(ours, exam, name_array(names, whole.items))
                else:
                    face = _face_peer(build_peer(name, policy, seed).fit(exam.train), exam)
            results[name], costs[name] = _run(face, exam, policy, tie_break, cost)
        tell("metrics", 0.95)
        reliability = _reliability(ours, exam, policy, name_array(names, whole.items)) if ours is not None else None
    return _evaluation(split, horizon_days, exam, results, costs, ours, reliability, seed)


Score = Callable[[Ints, Ints, Prefixes], Floats]  # people, cuts, what they held: rows x all items, -inf for the unknown
Face = Callable[[Histories], Score]  # a model facing the histories it may look at


def _face_peer(scorer: Scorer, exam: Exam) -> Face:
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


def _face_ours(recommender: Recommender, exam: Exam, names: Names | None) -> Face:
    def face(view: Histories) -> Score:
        facing, known = _ours_facing(recommender, exam, view, names)
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


def _ours_facing(
    recommender: Recommender, exam: Exam, view: Histories, names: Names | None
) -> tuple[Recommender, Histories]:
    """Facing what has come up since the freeze: newer events, and items that are in use by now."""
    items = exam.train.items
    if exam.frozen_at is not None:
        items = np.union1d(items, view.items[np.unique(view.item)])
    known = with_items(view, items)
    place = positions(items, view.items)
    rules = exam.rules.narrowed(place)
    known = replace(known, repeatable=rules.repeatable)
    # Without a calendar nothing says what came before a case's moment, so nothing newer than the training is counted.
    counted = known if view.is_calendar else exam.train
    facing = recommender.facing(counted, None if names is None else names[place])
    return replace(facing, rules=rules), known


def _run(face: Face, exam: Exam, policy: Policy, tie_break: Ints, cost: Cost) -> tuple[CaseScores, ModelCost]:
    fit_seconds, parts, order = cost.seconds, [], []
    for rows, view in exam.views(exam.cases):
        with cost:
            score = face(view)
        for part in blocks(len(rows), policy.block_rows(view.n_items)):
            some = exam.cases.take(rows[part])
            prefixes = build_prefixes(view, some.person, some.cut)
            with cost:
                scores = score(some.person, some.cut, prefixes)
            open_items = exam.rules.open_items(prefixes, view.n_items)
            parts.append(score_cases(scores, open_items, some.row, some.item, np.diff(some.start), tie_break))
        order.append(rows)
    per_case = 1000.0 * (cost.seconds - fit_seconds) / len(exam.cases)
    back = np.argsort(np.concatenate(order))
    return join_cases(parts).where(back), ModelCost(fit_seconds, per_case, cost.peak_mb)


def _reliability(ours: Recommender, exam: Exam, policy: Policy, names: Names | None) -> Reliability | None:
    """Of the ten items recommended to everyone with a history, idle people too, at each window's start."""
    if ours.calibrator is None:
        return None
    said, came_true = [], []
    for rows, view in exam.views(exam.everyone):
        facing, known = _ours_facing(ours, exam, view, names)
        place = positions(known.items, view.items)
        for part in blocks(len(rows), policy.block_rows(view.n_items)):
            some = exam.everyone.take(rows[part])
            ranked = facing.rank_block(known, some.person, some.cut, K)
            said.append(ranked.probability[ranked.real])
            came_true.append(some.label(place[ranked.item], view.n_items)[ranked.real])
    return measure_reliability(np.concatenate(said), np.concatenate(came_true))


def _evaluation(
    split: Split,
    horizon_days: int,
    exam: Exam,
    results: dict[str, CaseScores],
    costs: dict[str, ModelCost],
    ours: Recommender | None,
    reliability: Reliability | None,
    seed: int,
) -> Evaluation:
    ndcg = np.stack([result.ndcg for result in results.values()], axis=1)
    means = bootstrap_means(ndcg, exam.cases.person, seed)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    known = positions(exam.whole.items, exam.train.items) >= 0
    holders = np.zeros(exam.whole.n_items)
    holders[known] = np.bincount(exam.train.acquisitions.item, minlength=exam.train.n_items)
    rows = tuple(
        ModelResult(
            model=name, hr_at_10=float(result.hit.mean()), ndcg_at_10=float(result.ndcg.mean()),
            mrr=float(result.reciprocal.mean()), ndcg_at_10_low=float(low[place]), ndcg_at_10_high=float(high[place]),
            coverage=coverage(result.top, exam.whole.n_items),
            novelty=novelty(result.top, holders, exam.train.n_people), **asdict(costs[name]),
        )
        for place, (name, result) in enumerate(results.items())
    )  # fmt: skip
    frozen = exam.frozen_at
    return Evaluation(
        split=split,
        frozen_at=None if frozen is None else (datetime(1970, 1, 1) + timedelta(microseconds=frozen)).isoformat(),  # noqa: DTZ001
        horizon_days=horizon_days,
        n_people_trained=exam.train.n_people,
        n_people_scored=len(np.unique(exam.cases.person)),
        n_cases=len(exam.cases),
        n_items=exam.train.n_items,
        n_targets=len(exam.cases.item),
        n_targets_unseen=int((~known[exam.cases.item]).sum()),
        models=rows,
        segments=_segments(exam, results),
        ratio=_ratio(list(results), ndcg.mean(axis=0), means),
        reliability=reliability,
        reason=ours.reason if ours is not None else None,
    )


def _segments(exam: Exam, results: dict[str, CaseScores]) -> tuple[SegmentResult, ...]:
    held = build_prefixes(exam.whole, exam.cases.person, exam.cases.cut).lengths
    rows = []
    for segment, (least, below) in SEGMENTS.items():
        chosen = (held >= least) & (held < (below or np.inf))
        for name, result in results.items():
            part = result.where(chosen)
            hit, ndcg = (float(values.mean()) if chosen.any() else 0.0 for values in (part.hit, part.ndcg))
            rows.append(SegmentResult(segment, name, int(chosen.sum()), hit, ndcg))
    return tuple(rows)


def _ratio(names: list[str], ndcg: Doubles, means: Doubles) -> Ratio | None:
    others = [place for place, name in enumerate(names) if name != OURS]
    if OURS not in names or not others:
        return None
    best = max(others, key=lambda place: float(ndcg[place]))
    if not ndcg[best]:
        return None
    ours = names.index(OURS)
    low, high = np.quantile(means[:, ours] / np.maximum(means[:, best], 1e-12), [0.025, 0.975])
    return Ratio(names[best], float(ndcg[ours] / ndcg[best]), float(low), float(high))


def _silent(stage: str, share: float) -> None:
    """No progress wanted."""
