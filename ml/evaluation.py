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
from ml.histories import (
    DAY,
    Doubles,
    Floats,
    Histories,
    Ints,
    Prefixes,
    before,
    build_prefixes,
    only_seen,
    read_histories,
)
from ml.metrics import CaseScores, K, bootstrap_means, coverage, join_cases, novelty, score_cases
from ml.openness import FREE, Rules, code_rules
from ml.peers import PEERS, build_peer
from ml.policy import Policy, choose_policy
from ml.recommender import Recommender, fit_on, name_array
from ml.scorers.recent_popularity import RecentPopularity
from ml.scorers.scorer import Scorer
from ml.training import Cases, blocks, drop_closed, step_cases, window_cases

Split = Literal["time", "leave-last"]
Progress = Callable[[str, float], None]
OURS = "footsteps"

MODELS: tuple[str, ...] = (*PEERS, OURS)

FUTURE_SHARE = 0.2  # of all acquisitions must lie after the freeze: enough people to tell models apart
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


@dataclass(frozen=True, eq=False)
class Exam:
    """A split: what models may learn from, the cases, and the histories that inputs are cut from (same people)."""

    train: Histories
    histories: Histories  # coded by the items of train
    cases: Cases  # targets in codes of train; those unseen are left out but counted in n_targets
    n_targets: Ints
    frozen_at: int | None
    everyone: Cases  # all with a history, whether or not they acquired anything: for reliability
    rules: Rules = FREE


def evaluate(
    events: pl.DataFrame,
    *,
    split: Split = "time",
    horizon_days: int = 90,
    models: Sequence[str] | None = None,
    seed: int = 0,
    names: pl.DataFrame | None = None,
    requires: pl.DataFrame | None = None,
    repeatable: pl.Series | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Compare models on events (person_id, skill_id, ts), ranking every item not yet held.

    split="time": all models are frozen at one date, the latest that leaves FUTURE_SHARE of the acquisitions after it
    in whole windows of `horizon_days`. At the start of each window everyone with a history, newcomers since the freeze
    too, is scored from that history; what they first acquire within the window counts.
    split="leave-last": each person's last moment of acquisition is held out and scored from what came before it.
    requires, repeatable: as in `fit_recommender`; no model may then recommend what is not open, and what was not open
    at the cut is no target. Raises ValueError where the data cannot be split so.
    """
    wanted = tuple(models or MODELS)
    unknown = sorted(set(wanted) - set(MODELS))
    if unknown:
        raise ValueError(f"no model is called {', '.join(unknown)}; there are {', '.join(MODELS)}")
    tell = progress or _silent
    whole = read_histories(events)
    whole = replace(whole, repeatable=code_rules(requires, repeatable, whole.items).repeatable)
    exam = split_time(whole, horizon_days * DAY) if split == "time" else split_leave_last(whole)
    exam = _within(exam, code_rules(requires, repeatable, exam.train.items))
    policy = choose_policy(exam.train, target="window" if split == "time" else "step")
    horizon = horizon_days * DAY if whole.is_calendar else 1
    tie_break = np.random.default_rng(seed).permutation(exam.train.n_items)
    results, costs, ours = {}, {}, None
    with threadpool_limits(1):
        for number, name in enumerate(wanted):
            tell(name, number / len(wanted))
            cost = Cost()
            with cost:
                if name == OURS:
                    ours = fit_on(
                        exam.train, end=exam.frozen_at or int(exam.train.time.max()) + 1, horizon=horizon,
                        policy=policy, names=name_array(names, exam.train.items), extra=None, seed=seed, progress=tell,
                        rules=exam.rules,
                    )  # fmt: skip
                    score = _ours(ours, exam.histories)
                else:
                    score = _peer(build_peer(name, policy, seed).fit(exam.train), exam.histories)
            results[name], costs[name] = _run(score, exam, policy, tie_break, cost)
        tell("metrics", 0.95)
        reliability = _reliability(ours, exam, policy) if ours is not None else None
    return _evaluation(split, horizon_days, exam, results, costs, ours, reliability, seed)


def split_time(whole: Histories, horizon: int) -> Exam:
    """Freeze at the latest date that leaves FUTURE_SHARE of the acquisitions in whole windows after it."""
    if not whole.is_calendar:
        raise ValueError("a time split needs dates or times in ts; with an integer order use split='leave-last'")
    got = whole.reaches.time
    end = int(whole.time.max(initial=0)) + 1
    needed = FUTURE_SHARE * len(got)
    windows = 1
    while (got >= end - windows * horizon).sum() < needed:
        windows += 1
    freeze = end - windows * horizon
    train = only_seen(before(whole, freeze))
    cuts = freeze + horizon * np.arange(windows, dtype=np.int64)
    exam = _exam(whole, train, window_cases(whole, cuts, horizon, idle=True), freeze)
    if not len(exam.cases) or train.n_people < 2:
        raise ValueError(
            f"{len(exam.cases)} cases after and {train.n_people} people before the freeze: use a shorter horizon"
        )
    return exam


def split_leave_last(whole: Histories) -> Exam:
    """Hold out each person's last moment of acquisition, with all they did from then on."""
    cases = step_cases(whole, 1)
    if not len(cases):
        raise ValueError("nobody acquired items at two moments: there is nothing to hold out")
    cut = np.full(whole.n_people, np.iinfo(np.int64).max)
    cut[cases.person] = cases.cut
    return _exam(whole, only_seen(before(whole, cut)), cases, None)


def _exam(whole: Histories, train: Histories, everyone: Cases, freeze: int | None) -> Exam:
    place = np.minimum(np.searchsorted(train.items, whole.items), train.n_items - 1)
    code = np.where(train.items[place] == whole.items, place, -1)
    known_entry = code[whole.item] >= 0
    start = np.concatenate([[0], np.cumsum(known_entry)])[whole.start].astype(np.int64)
    histories = replace(
        whole,
        items=train.items,
        start=start,
        item=code[whole.item[known_entry]],
        time=whole.time[known_entry],
        repeatable=train.repeatable,
    )
    target = code[everyone.item]
    known = target >= 0
    cases = replace(
        everyone, start=np.concatenate([[0], np.cumsum(known)])[everyone.start].astype(np.int64), item=target[known]
    )
    n_targets = np.diff(everyone.start)
    with_target = np.flatnonzero(n_targets > 0)
    return Exam(train, histories, cases.take(with_target), n_targets[with_target], freeze, cases)


def _within(exam: Exam, rules: Rules) -> Exam:
    """The exam under rules: targets that were not open at the cut are dropped, and cases left without any."""
    block = choose_policy(exam.train).block_rows(exam.train.n_items)
    cases = drop_closed(exam.cases, exam.histories, rules, block)
    n_targets = exam.n_targets - (np.diff(exam.cases.start) - np.diff(cases.start))
    left = np.flatnonzero(n_targets > 0)
    everyone = drop_closed(exam.everyone, exam.histories, rules, block)
    return replace(exam, cases=cases.take(left), n_targets=n_targets[left], everyone=everyone, rules=rules)


Score = Callable[[Ints, Ints], tuple[Floats, Prefixes]]


def _peer(scorer: Scorer, histories: Histories) -> Score:
    if isinstance(scorer, RecentPopularity):
        scorer.count(histories)  # counts as of each row's cut: the last months before it, whenever it is

    def score(person: Ints, cut: Ints) -> tuple[Floats, Prefixes]:
        prefixes = build_prefixes(histories, person, cut)
        return scorer.score(prefixes), prefixes

    return score


def _ours(recommender: Recommender, histories: Histories) -> Score:
    observing = replace(recommender, panel=recommender.panel.observing(histories))

    def score(person: Ints, cut: Ints) -> tuple[Floats, Prefixes]:
        size = min(recommender.policy.candidates, histories.n_items)
        ranked = observing.rank_block(histories, person, cut, size)
        full = ranked.prior.copy()  # what was no candidate follows behind, in the order of the prior
        place = np.broadcast_to(np.arange(ranked.item.shape[1], dtype=np.float32), ranked.item.shape)
        rows = np.arange(len(person))[:, None]
        full[rows, ranked.item] = np.where(ranked.real, np.float32(1e6) - place, full[rows, ranked.item])
        return full, build_prefixes(histories, person, cut)

    return score


def _run(score: Score, exam: Exam, policy: Policy, tie_break: Ints, cost: Cost) -> tuple[CaseScores, ModelCost]:
    fit_seconds, parts = cost.seconds, []
    for part in blocks(len(exam.cases), policy.block_rows(exam.train.n_items)):
        some = exam.cases.take(np.arange(part.start, part.stop))
        with cost:
            scores, prefixes = score(some.person, some.cut)
        row = np.repeat(np.arange(len(some)), np.diff(some.start))
        open_items = exam.rules.open_items(prefixes, exam.train.n_items)
        parts.append(score_cases(scores, open_items, row, some.item, exam.n_targets[part], tie_break))
    per_case = 1000.0 * (cost.seconds - fit_seconds) / len(exam.cases)
    return join_cases(parts), ModelCost(fit_seconds, per_case, cost.peak_mb)


def _reliability(ours: Recommender, exam: Exam, policy: Policy) -> Reliability | None:
    """Of the ten items recommended to everyone with a history, idle people too, at each window's start."""
    if ours.calibrator is None:
        return None
    observing = replace(ours, panel=ours.panel.observing(exam.histories))
    said, came_true = [], []
    for part in blocks(len(exam.everyone), policy.block_rows(exam.train.n_items)):
        some = exam.everyone.take(np.arange(part.start, part.stop))
        ranked = observing.rank_block(exam.histories, some.person, some.cut, K)
        said.append(ranked.probability[ranked.real])
        came_true.append(some.label(ranked.item, exam.train.n_items)[ranked.real])
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
    holders = np.bincount(exam.train.acquisitions.item, minlength=exam.train.n_items).astype(np.float64)
    rows = tuple(
        ModelResult(
            model=name, hr_at_10=float(result.hit.mean()), ndcg_at_10=float(result.ndcg.mean()),
            mrr=float(result.reciprocal.mean()), ndcg_at_10_low=float(low[place]), ndcg_at_10_high=float(high[place]),
            coverage=coverage(result.top, exam.train.n_items),
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
        n_targets=int(exam.n_targets.sum()),
        n_targets_unseen=int(exam.n_targets.sum() - len(exam.cases.item)),
        models=rows,
        segments=_segments(exam, results),
        ratio=_ratio(list(results), ndcg.mean(axis=0), means),
        reliability=reliability,
        reason=ours.reason if ours is not None else None,
    )


def _segments(exam: Exam, results: dict[str, CaseScores]) -> tuple[SegmentResult, ...]:
    held = build_prefixes(exam.histories, exam.cases.person, exam.cases.cut).lengths
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
