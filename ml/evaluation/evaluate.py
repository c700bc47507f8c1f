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

from ml.data.eligibility import encode_rules
from ml.data.interactions import TICKS_PER_DAY, Doubles, build_user_states, encode_ids, encode_interactions
from ml.data.ranker_config import RankerConfig, choose_config
from ml.evaluation.ablation import ablate
from ml.evaluation.lambdarank_baseline import fit_lambdarank, installed_lambdarank
from ml.evaluation.metrics import CaseScores, bootstrap_means, coverage, novelty
from ml.evaluation.profiling import ResourceMeter
from ml.evaluation.results import (
    OURS,
    AblationResult,
    Evaluation,
    ModelResult,
    NdcgRatio,
    PairedComparison,
    SegmentResult,
    Split,
)
from ml.evaluation.scoring import (
    BindModel,
    ModelScores,
    bind_baseline,
    bind_recommender,
    measure_calibration,
    score_model,
)
from ml.evaluation.splits import EvalSplit, apply_rules, parse_unix_times, split_leave_last, split_time
from ml.ranking.calibration import Reliability
from ml.ranking.features import ExtraFeatures
from ml.ranking.recommender import Recommender, align_item_names, fit_coded_recommender
from ml.retrieval.baselines import BASELINES, available_baselines, build_baseline

Progress = Callable[[str, float], None]
Window = Literal["enough", "last"]

MODELS: tuple[str, ...] = (*BASELINES, OURS)

SEGMENTS = {"cold": (0, 2), "short": (2, 6), "long": (6, None)}  # items held at the cut: 0-1, 2-5, 6 and more
NEWCOMERS, RARE = "no_history", "cold_skills"


@dataclass(frozen=True, eq=False)
class EvaluatedRecommender:
    """An evaluation, and our recommender as it was fitted before the freeze: it saw nothing of what it was asked."""

    evaluation: Evaluation
    frozen: Recommender | None


def available_models() -> tuple[str, ...]:
    """The models that can be compared here: MODELS, and peers whose package is installed (footsteps[peers])."""
    return (*available_baselines(), *installed_lambdarank(), OURS)


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
    with_calibration: bool = True,
    with_ablation: bool = False,
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
    return evaluate_recommender(
        events,
        split=split,
        horizon_days=horizon_days,
        models=models,
        seed=seed,
        names=names,
        extra_features=extra_features,
        requires=requires,
        repeatable=repeatable,
        with_calibration=with_calibration,
        with_ablation=with_ablation,
        progress=progress,
    ).evaluation


def evaluate_recommender(
    events: pl.DataFrame,
    *,
    split: Split = "time",
    windows: Window = "enough",
    horizon_days: int = 90,
    models: Sequence[str] | None = None,
    fitted_models: Mapping[str, Recommender] | None = None,
    seed: int = 0,
    names: pl.DataFrame | None = None,
    extra_features: ExtraFeatures | None = None,
    requires: pl.DataFrame | None = None,
    repeatable: pl.Series | None = None,
    with_calibration: bool = True,
    with_ablation: bool = False,
    progress: Progress | None = None,
) -> EvaluatedRecommender:
    """`evaluate`, with our recommender as it was frozen, and beside models that were `fitted` before by name.

    windows="last" asks for the last horizon alone. A model of `fitted` that saw any of what is asked is refused.
    """
    wanted = tuple(models or available_models())
    unknown = sorted(set(wanted) - set(available_models()))
    if unknown:
        raise ValueError(f"no model is called {', '.join(unknown)}; there are {', '.join(available_models())}")
    tell = progress or _silent
    rivals = dict(fitted_models or {})
    eval_split = _exam(events, split, windows, horizon_days, rivals, requires, repeatable)
    config = choose_config(eval_split.train, target="window" if split == "time" else "step")
    full = eval_split.full
    known_names = align_item_names(names, full.items)
    tie_break = np.random.default_rng(seed).permutation(full.n_items)
    results: dict[str, ModelScores] = {}
    ours: Recommender | None = None
    losses: tuple[AblationResult, ...] = ()
    with threadpool_limits(1):
        for number, name in enumerate((*wanted, *rivals)):
            tell(name, number / (len(wanted) + len(rivals)))
            cost = ResourceMeter()
            bind: BindModel
            with cost:
                if name in rivals:
                    bind = bind_recommender(rivals[name], eval_split, known_names)
                elif name in (OURS, *installed_lambdarank()):
                    fit = _fit(
                        eval_split, config, horizon_days, names, extra_features, seed, with_calibration and name == OURS
                    )
                    if name == OURS:
                        ours = fit
                    else:
                        mine = align_item_names(names, eval_split.train.items)
                        fit = fit_lambdarank(fit, eval_split.train, end=_end(eval_split), names=mine, seed=seed)
                    bind = bind_recommender(fit, eval_split, known_names)
                else:
                    bind = bind_baseline(build_baseline(name, config, seed).fit(eval_split.train), eval_split)
            results[name] = score_model(bind, eval_split, config, tie_break, cost)
        tell("metrics", 0.95)
        reliability = measure_calibration(ours, eval_split, config, known_names) if ours is not None else None
        if with_ablation and ours is not None:
            tell("ablation", 0.97)
            losses = ablate(ours, eval_split, end=_end(eval_split), names=known_names, seed=seed)
    return EvaluatedRecommender(
        _evaluation(split, horizon_days, eval_split, results, ours, reliability, losses, seed), ours
    )


def _exam(
    events: pl.DataFrame,
    split: Split,
    windows: Window,
    horizon_days: int,
    rivals: Mapping[str, Recommender],
    requires: pl.DataFrame | None,
    repeatable: pl.Series | None,
) -> EvalSplit:
    dated = parse_unix_times(events)
    full = encode_interactions(dated)
    others = [rival.ensemble.items for rival in rivals.values()]
    if any(len(np.setdiff1d(items, full.items)) for items in others):  # a rival may know items that are gone
        full = encode_interactions(dated, items=np.unique(np.concatenate([full.items, *others])))
    rules = encode_rules(requires, repeatable, full.items)
    full = replace(full, repeatable=rules.repeatable)
    horizon = horizon_days * TICKS_PER_DAY
    eval_split = split_time(full, horizon, last=windows == "last") if split == "time" else split_leave_last(full)
    late = sorted(
        name
        for name, rival in rivals.items()
        if eval_split.frozen_at is None or rival.window.end > eval_split.frozen_at
    )
    if late:
        raise ValueError(f"{', '.join(late)} saw some of what is asked: give a model fitted before the freeze")
    return apply_rules(eval_split, rules)


def _end(eval_split: EvalSplit) -> int:
    return eval_split.frozen_at or int(eval_split.train.time.max()) + 1


def _fit(
    eval_split: EvalSplit,
    config: RankerConfig,
    horizon_days: int,
    names: pl.DataFrame | None,
    extra: ExtraFeatures | None,
    seed: int,
    with_calibration: bool,
) -> Recommender:
    return fit_coded_recommender(
        eval_split.train,
        end=_end(eval_split),
        horizon=horizon_days * TICKS_PER_DAY if eval_split.full.is_calendar else 1,
        config=config,
        names=align_item_names(names, eval_split.train.items),
        extra=extra,
        seed=seed,
        progress=_silent,
        rules=eval_split.rules.select_items(encode_ids(eval_split.train.items, eval_split.full.items)),
        with_calibration=with_calibration,
    )


def _evaluation(
    split: Split,
    horizon_days: int,
    eval_split: EvalSplit,
    results: dict[str, ModelScores],
    ours: Recommender | None,
    reliability: Reliability | None,
    losses: tuple[AblationResult, ...],
    seed: int,
) -> Evaluation:
    ndcg = np.stack([result.cases.ndcg for result in results.values()], axis=1)
    means = bootstrap_means(ndcg, eval_split.cases.person, seed)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    known = encode_ids(eval_split.full.items, eval_split.train.items) >= 0
    holders = np.zeros(eval_split.full.n_items)
    holders[known] = np.bincount(eval_split.train.acquisitions.item, minlength=eval_split.train.n_items)
    rows = tuple(
        ModelResult(
            model=name,
            hr_at_10=float(one.cases.hit.mean()),
            ndcg_at_10=float(one.cases.ndcg.mean()),
            mrr=float(one.cases.reciprocal.mean()),
            ndcg_at_10_low=float(low[place]),
            ndcg_at_10_high=float(high[place]),
            coverage=coverage(one.cases.top, eval_split.full.n_items),
            novelty=novelty(one.cases.top, holders, eval_split.train.n_people),
            **asdict(one.cost),
        )
        for place, (name, one) in enumerate(results.items())
    )
    frozen = eval_split.frozen_at
    return Evaluation(
        split=split,
        frozen_at=None if frozen is None else (datetime(1970, 1, 1) + timedelta(microseconds=frozen)).isoformat(),  # noqa: DTZ001
        horizon_days=horizon_days,
        n_people_trained=eval_split.train.n_people,
        n_people_scored=len(np.unique(eval_split.cases.person)),
        n_cases=len(eval_split.cases),
        n_items=eval_split.train.n_items,
        n_targets=len(eval_split.cases.item),
        n_targets_unseen=int((~known[eval_split.cases.item]).sum()),
        models=rows,
        segments=_segments(eval_split, results, seed),
        ratio=_ratio(list(results), ndcg.mean(axis=0), means),
        duels=_duels(list(results), ndcg.mean(axis=0), means),
        reliability=reliability,
        reason=ours.reason if ours is not None else None,
        ablation=losses,
    )


def _segments(eval_split: EvalSplit, results: dict[str, ModelScores], seed: int) -> tuple[SegmentResult, ...]:
    held = build_user_states(eval_split.full, eval_split.cases.person, eval_split.cases.cut).item_counts
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
            yield SegmentResult(
                segment, name, len(one.hit), float(one.hit.mean()), float(one.ndcg.mean()), *bounds[name]
            )


def _ratio(names: list[str], ndcg: Doubles, means: Doubles) -> NdcgRatio | None:
    others = [place for place, name in enumerate(names) if name != OURS]
    if OURS not in names or not others:
        return None
    best = max(others, key=lambda place: float(ndcg[place]))
    if not ndcg[best]:
        return None
    ours = names.index(OURS)
    low, high = np.quantile(means[:, ours] / np.maximum(means[:, best], 1e-12), [0.025, 0.975])
    return NdcgRatio(names[best], float(ndcg[ours] / ndcg[best]), float(low), float(high))


def _duels(names: list[str], ndcg: Doubles, means: Doubles) -> tuple[PairedComparison, ...]:
    if OURS not in names:
        return ()
    ours, duels = names.index(OURS), []
    for place, name in enumerate(names):
        if place == ours:
            continue
        gain = means[:, ours] - means[:, place]
        low, high = np.quantile(gain, [0.025, 0.975])
        ahead = float((gain > 0).mean())
        duels.append(PairedComparison(name, float(ndcg[ours] - ndcg[place]), float(low), float(high), ahead))
    return tuple(duels)


def _silent(stage: str, share: float) -> None:
    """No progress wanted."""
