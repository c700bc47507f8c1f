"""Evaluation: how well past behaviour is foretold, by this recommender and by simple ones, on any item histories.

Belongs here: running models over the same cases, and putting the results together.
Does not belong here: splits, facing an exam (see sitting), metric formulas (see metrics), models.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.data.eligibility import code_rules
from ml.data.interactions import DAY, Doubles, build_prefixes, positions, read_histories
from ml.data.ranker_config import Policy, choose_policy
from ml.evaluation.ablation import ablate
from ml.evaluation.lambdarank_baseline import fit_lambdarank, installed_lambdarank
from ml.evaluation.metrics import CaseScores, bootstrap_means, coverage, novelty
from ml.evaluation.profiling import Cost
from ml.evaluation.results import OURS, Ablation, Duel, Evaluation, ModelResult, Ratio, SegmentResult, Split
from ml.evaluation.scoring import Face, Sat, face_peer, face_recommender, judge_promises, sit
from ml.evaluation.splits import Exam, as_dated, split_leave_last, split_time, under
from ml.ranking.calibration import Reliability
from ml.ranking.features import ExtraFeatures
from ml.ranking.recommender import Recommender, fit_on, name_array
from ml.retrieval.baselines import PEERS, all_peers, build_peer

Progress = Callable[[str, float], None]
Window = Literal["enough", "last"]

MODELS: tuple[str, ...] = (*PEERS, OURS)

SEGMENTS = {"cold": (0, 2), "short": (2, 6), "long": (6, None)}  # items held at the cut: 0-1, 2-5, 6 and more
NEWCOMERS, RARE = "no_history", "cold_skills"


@dataclass(frozen=True, eq=False)
class Proof:
    """An evaluation, and our recommender as it was fitted before the freeze: it saw nothing of what it was asked."""

    evaluation: Evaluation
    frozen: Recommender | None


def available_models() -> tuple[str, ...]:
    """The models that can be compared here: MODELS, and peers whose package is installed (footsteps[peers])."""
    return (*all_peers(), *installed_lambdarank(), OURS)


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
    ablated: bool = False,
    progress: Progress | None = None,
) -> Evaluation:
    """Compare models on events (person_id, skill_id, ts), ranking every item not yet held.

    split="time": all models are frozen at one date, the latest that leaves FUTURE_SHARE of the acquisitions after it
    in whole windows of `horizon_days`. At the start of each window everyone with a history, newcomers since the freeze
    too, is scored from that history; what they first acquire within the window counts.
    split="leave-last": each person's last moment of acquisition is held out and scored from what came before it.
    requires, repeatable: as in `fit_recommender`; no model may then recommend what is not open, and what was not open
    at the cut is no target. calibrated: whether the probability is learned and judged too, about half of the cost.
    ablated: whether ours is fitted without each family of features, too.
    Raises ValueError where the data cannot be split so.
    """
    return prove(
        events, split=split, horizon_days=horizon_days, models=models, seed=seed, names=names,
        extra_features=extra_features, requires=requires, repeatable=repeatable, calibrated=calibrated,
        ablated=ablated, progress=progress,
    ).evaluation  # fmt: skip


def prove(
    events: pl.DataFrame,
    *,
    split: Split = "time",
    windows: Window = "enough",
    horizon_days: int = 90,
    models: Sequence[str] | None = None,
    fitted: Mapping[str, Recommender] | None = None,
    seed: int = 0,
    names: pl.DataFrame | None = None,
    extra_features: ExtraFeatures | None = None,
    requires: pl.DataFrame | None = None,
    repeatable: pl.Series | None = None,
    calibrated: bool = True,
    ablated: bool = False,
    progress: Progress | None = None,
) -> Proof:
    """`evaluate`, with our recommender as it was frozen, and beside models that were `fitted` before by name.

    windows="last" asks for the last horizon alone. A model of `fitted` that saw any of what is asked is refused.
    """
    wanted = tuple(models or available_models())
    unknown = sorted(set(wanted) - set(available_models()))
    if unknown:
        raise ValueError(f"no model is called {', '.join(unknown)}; there are {', '.join(available_models())}")
    tell = progress or _silent
    rivals = dict(fitted or {})
    exam = _exam(events, split, windows, horizon_days, rivals, requires, repeatable)
    policy = choose_policy(exam.train, target="window" if split == "time" else "step")
    whole = exam.whole
    known_names = name_array(names, whole.items)
    tie_break = np.random.default_rng(seed).permutation(whole.n_items)
    results: dict[str, Sat] = {}
    ours: Recommender | None = None
    losses: tuple[Ablation, ...] = ()
    with threadpool_limits(1):
        for number, name in enumerate((*wanted, *rivals)):
            tell(name, number / (len(wanted) + len(rivals)))
            cost = Cost()
            face: Face
            with cost:
                if name in rivals:
                    face = face_recommender(rivals[name], exam, known_names)
                elif name in (OURS, *installed_lambdarank()):
                    fit = _fit(exam, policy, horizon_days, names, extra_features, seed, calibrated and name == OURS)
                    if name == OURS:
                        ours = fit
                    else:
                        mine = name_array(names, exam.train.items)
                        fit = fit_lambdarank(fit, exam.train, end=_end(exam), names=mine, seed=seed)
                    face = face_recommender(fit, exam, known_names)
                else:
                    face = face_peer(build_peer(name, policy, seed).fit(exam.train), exam)
            results[name] = sit(face, exam, policy, tie_break, cost)
        tell("metrics", 0.95)
        reliability = judge_promises(ours, exam, policy, known_names) if ours is not None else None
        if ablated and ours is not None:
            tell("ablation", 0.97)
            losses = ablate(ours, exam, end=_end(exam), names=known_names, seed=seed)
    return Proof(_evaluation(split, horizon_days, exam, results, ours, reliability, losses, seed), ours)


def _exam(
    events: pl.DataFrame, split: Split, windows: Window, horizon_days: int, rivals: Mapping[str, Recommender],
    requires: pl.DataFrame | None, repeatable: pl.Series | None,
) -> Exam:  # fmt: skip
    dated = as_dated(events)
    whole = read_histories(dated)
    others = [rival.panel.items for rival in rivals.values()]
    if any(len(np.setdiff1d(items, whole.items)) for items in others):  # a rival may know items that are gone
        whole = read_histories(dated, items=np.unique(np.concatenate([whole.items, *others])))
    rules = code_rules(requires, repeatable, whole.items)
    whole = replace(whole, repeatable=rules.repeatable)
    horizon = horizon_days * DAY
    exam = split_time(whole, horizon, last=windows == "last") if split == "time" else split_leave_last(whole)
    late = sorted(name for name, rival in rivals.items() if exam.frozen_at is None or rival.window.end > exam.frozen_at)
    if late:
        raise ValueError(f"{', '.join(late)} saw some of what is asked: give a model fitted before the freeze")
    return under(exam, rules)


def _end(exam: Exam) -> int:
    return exam.frozen_at or int(exam.train.time.max()) + 1


def _fit(
    exam: Exam, policy: Policy, horizon_days: int, names: pl.DataFrame | None, extra: ExtraFeatures | None, seed: int,
    calibrated: bool,
) -> Recommender:  # fmt: skip
    return fit_on(
        exam.train, end=_end(exam), horizon=horizon_days * DAY if exam.whole.is_calendar else 1, policy=policy,
        names=name_array(names, exam.train.items), extra=extra, seed=seed, progress=_silent,
        rules=exam.rules.narrowed(positions(exam.train.items, exam.whole.items)), calibrated=calibrated,
    )  # fmt: skip


def _evaluation(
    split: Split,
    horizon_days: int,
    exam: Exam,
    results: dict[str, Sat],
    ours: Recommender | None,
    reliability: Reliability | None,
    losses: tuple[Ablation, ...],
    seed: int,
) -> Evaluation:
    ndcg = np.stack([result.cases.ndcg for result in results.values()], axis=1)
    means = bootstrap_means(ndcg, exam.cases.person, seed)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    known = positions(exam.whole.items, exam.train.items) >= 0
    holders = np.zeros(exam.whole.n_items)
    holders[known] = np.bincount(exam.train.acquisitions.item, minlength=exam.train.n_items)
    rows = tuple(
        ModelResult(
            model=name, hr_at_10=float(one.cases.hit.mean()), ndcg_at_10=float(one.cases.ndcg.mean()),
            mrr=float(one.cases.reciprocal.mean()), ndcg_at_10_low=float(low[place]),
            ndcg_at_10_high=float(high[place]), coverage=coverage(one.cases.top, exam.whole.n_items),
            novelty=novelty(one.cases.top, holders, exam.train.n_people), **asdict(one.cost),
        )
        for place, (name, one) in enumerate(results.items())
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
        segments=_segments(exam, results, seed),
        ratio=_ratio(list(results), ndcg.mean(axis=0), means),
        duels=_duels(list(results), ndcg.mean(axis=0), means),
        reliability=reliability,
        reason=ours.reason if ours is not None else None,
        ablation=losses,
    )


def _segments(exam: Exam, results: dict[str, Sat], seed: int) -> tuple[SegmentResult, ...]:
    held = build_prefixes(exam.whole, exam.cases.person, exam.cases.cut).lengths
    parts: dict[str, dict[str, CaseScores | None]] = {}
    for segment, (least, below) in SEGMENTS.items():
        chosen = (held >= least) & (held < (below or np.inf))
        parts[segment] = {name: one.cases.where(chosen) for name, one in results.items()}
    parts[NEWCOMERS] = {name: one.newcomers for name, one in results.items()}
    parts[RARE] = {name: one.rare for name, one in results.items()}
    return tuple(row for segment, of_models in parts.items() for row in _segment(segment, of_models, seed))


def _segment(segment: str, parts: dict[str, CaseScores | None], seed: int) -> Iterator[SegmentResult]:
    """A row a model; all of them sat the same cases, so that the same people are drawn for each."""
    sat = {name: part for name, part in parts.items() if part is not None and len(part.hit)}
    if sat:
        ndcg = np.stack([part.ndcg for part in sat.values()], axis=1)
        means = bootstrap_means(ndcg, next(iter(sat.values())).person, seed)
        bounds = dict(zip(sat, np.quantile(means, [0.025, 0.975], axis=0).T.tolist(), strict=True))
    for name in parts:
        if name not in sat:
            yield SegmentResult(segment, name, 0, 0.0, 0.0, 0.0, 0.0)
        else:
            one = sat[name]
            yield SegmentResult(segment, name, len(one.hit), float(one.hit.mean()), float(one.ndcg.mean()),
                                *bounds[name])  # fmt: skip


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


def _duels(names: list[str], ndcg: Doubles, means: Doubles) -> tuple[Duel, ...]:
    if OURS not in names:
        return ()
    ours, duels = names.index(OURS), []
    for place, name in enumerate(names):
        if place == ours:
            continue
        gain = means[:, ours] - means[:, place]
        low, high = np.quantile(gain, [0.025, 0.975])
        ahead = float((gain > 0).mean())
        duels.append(Duel(name, float(ndcg[ours] - ndcg[place]), float(low), float(high), ahead))
    return tuple(duels)


def _silent(stage: str, share: float) -> None:
    """No progress wanted."""
