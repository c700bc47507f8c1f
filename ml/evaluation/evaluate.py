"""Evaluation: how well past behaviour is predicted, by this recommender and by baselines, on any interactions.

Belongs here: running models over the same cases, and putting the results together.
Does not belong here: splits, what a model may look at (see scoring), metric formulas (see metrics), models.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.data.eligibility import encode_rules
from ml.data.interactions import TICKS_PER_DAY, build_user_states, encode_interactions
from ml.data.ranker_config import choose_config
from ml.data.sparse_rows import Doubles
from ml.data.statistics import percentile_interval
from ml.evaluation.ablation import ablate
from ml.evaluation.lambdarank_baseline import LAMBDARANK, fit_lambdarank, installed_lambdarank
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
from ml.ranking.fitting import align_item_names, fit_coded_recommender
from ml.ranking.recommender import Recommender
from ml.retrieval.baselines import available_baselines, build_baseline

Progress = Callable[[str, float], None]
Window = Literal["enough", "last"]

SEGMENTS = {"cold": (0, 2), "short": (2, 6), "long": (6, np.inf)}  # items held at the cut: 0-1, 2-5, 6 and more
NEWCOMERS, RARE = "no_history", "cold_skills"


@dataclass(frozen=True, eq=False)
class EvaluatedRecommender:
    """An evaluation, and our recommender as it was fitted for it: it saw nothing after the freeze."""

    evaluation: Evaluation
    recommender: Recommender | None


def available_models() -> tuple[str, ...]:
    """The models that can be compared: baselines, those of installed packages too (footsteps[peers]), and ours."""
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
    with_ablation: bool = False,
    progress: Progress = lambda *_: None,
) -> Evaluation:
    """Compare models, each of which ranks every eligible item.

    Args:
        events: person_id, skill_id (the item), ts.
        split: "time" freezes all models at one date, the latest that leaves a fifth of the acquisitions after it in
            whole windows of `horizon_days`. At the start of each window everyone with a history, newcomers since the
            freeze too, is scored from that history; what they first acquire within the window counts.
            "leave-last" holds out each person's last moment of acquisition and scores it from what came before.
        horizon_days: Length of a window.
        models: Names of models (see `available_models`); all if None.
        seed: Seed of fits, ties and resamples.
        names: skill_id, name; ids are read as names if None.
        extra_features: Features from elsewhere, for our model and lambdarank.
        requires: skill_id, requires_id; no model may recommend an item before those it requires, and a target that was
            not eligible at the cut is no target.
        repeatable: Ids of items that can be reached again.
        with_ablation: Whether our ranker is also fitted without each family of features.
        progress: Is called with the name of a stage and the share of the work done.

    Raises:
        ml.evaluation.splits.TooLittleHistory: The events cannot be split.
        ValueError: A model is unknown, or the events cannot be read.
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
    with_ablation: bool = False,
    progress: Progress = lambda *_: None,
) -> EvaluatedRecommender:
    """`evaluate` that also returns our recommender, and compares with recommenders fitted before.

    Args, in addition to those of `evaluate`:
        windows: "last" evaluates on the last window alone.
        fitted_models: Recommenders by name; they must not have seen anything after the freeze.
    """
    wanted, fitted = tuple(models or available_models()), fitted_models or {}
    unknown = sorted(set(wanted) - set(available_models()))
    if unknown:
        raise ValueError(f"no model is called {', '.join(unknown)}; there are {', '.join(available_models())}")
    eval_split = _split_events(events, split, windows, horizon_days, fitted, requires, repeatable)
    run = _EvaluationRun(eval_split, names, extra_features, horizon_days, seed)
    scores: dict[str, ModelScores] = {}
    with threadpool_limits(1):
        for number, name in enumerate((*wanted, *fitted)):
            progress(name, number / (len(wanted) + len(fitted)))
            scores[name] = run.score(name, fitted.get(name))
        progress("metrics", 0.95)
        ours = run.recommender
        reliability = None if ours is None else measure_calibration(ours, eval_split, run.names)
        progress("ablation" if with_ablation else "metrics", 0.97)
        ablation = (
            ablate(ours, eval_split, run.names, run.train_names, seed) if with_ablation and ours is not None else ()
        )
    return EvaluatedRecommender(
        evaluation=_build_evaluation(split, horizon_days, eval_split, scores, ours, reliability, ablation, seed),
        recommender=ours,
    )


class _EvaluationRun:
    """Fits and scores models on one split, and keeps our recommender."""

    def __init__(
        self,
        eval_split: EvalSplit,
        names: pl.DataFrame | None,
        extra_features: ExtraFeatures | None,
        horizon_days: int,
        seed: int,
    ) -> None:
        self.eval_split, self.extra_features = eval_split, extra_features
        self.horizon_days, self.seed = horizon_days, seed
        self.names = align_item_names(names, eval_split.full.items)
        self.train_names = align_item_names(names, eval_split.train.items)
        self.config = choose_config(eval_split.train, target="step" if eval_split.frozen_at is None else "window")
        self.tie_break = np.random.default_rng(seed).permutation(eval_split.full.n_items)
        self.recommender: Recommender | None = None

    def score(self, name: str, fitted: Recommender | None) -> ModelScores:
        """The scores of the model of that name, which is fitted unless it is given."""
        meter = ResourceMeter()
        with meter:
            bind = self._bind(name, fitted)
        return score_model(bind, self.eval_split, self.config, self.tie_break, meter)

    def _bind(self, name: str, recommender: Recommender | None) -> BindModel:
        if recommender is None and name not in (OURS, LAMBDARANK):
            return bind_baseline(
                build_baseline(name, self.config, self.seed).fit(self.eval_split.train), self.eval_split
            )
        if recommender is None:
            recommender = self._fit(with_calibration=name == OURS)
            if name == LAMBDARANK:
                recommender = fit_lambdarank(recommender, self.eval_split.train, self.train_names)
            else:
                self.recommender = recommender
        return bind_recommender(recommender, self.eval_split, self.names)

    def _fit(self, *, with_calibration: bool) -> Recommender:
        eval_split = self.eval_split
        return fit_coded_recommender(
            eval_split.train,
            end=eval_split.frozen_at or int(eval_split.train.time.max()) + 1,
            horizon=self.horizon_days * TICKS_PER_DAY if eval_split.full.is_calendar else 1,
            config=self.config,
            names=self.train_names,
            extra=self.extra_features,
            seed=self.seed,
            rules=eval_split.rules.select_items(np.flatnonzero(eval_split.train_codes >= 0)),
            with_calibration=with_calibration,
        )


def _split_events(
    events: pl.DataFrame,
    split: Split,
    windows: Window,
    horizon_days: int,
    fitted: Mapping[str, Recommender],
    requires: pl.DataFrame | None,
    repeatable: pl.Series | None,
) -> EvalSplit:
    dated = parse_unix_times(events)
    full = encode_interactions(dated)
    if fitted:  # they may know items that no event has any more
        fitted_items = (model.ensemble.items for model in fitted.values())
        full = encode_interactions(dated, items=np.unique(np.concatenate([full.items, *fitted_items])))
    rules = encode_rules(requires, repeatable, full.items)
    full = replace(full, repeatable=rules.repeatable)
    eval_split = (
        split_time(full, horizon_days * TICKS_PER_DAY, last=windows == "last")
        if split == "time"
        else split_leave_last(full)
    )
    freeze = eval_split.frozen_at
    late = sorted(name for name, model in fitted.items() if freeze is None or model.window.end > freeze)
    if late:
        raise ValueError(f"{', '.join(late)} saw some of the cases: give a model fitted before the freeze")
    return apply_rules(eval_split, rules)


def _build_evaluation(
    split: Split,
    horizon_days: int,
    eval_split: EvalSplit,
    scores: dict[str, ModelScores],
    recommender: Recommender | None,
    reliability: Reliability | None,
    ablation: tuple[AblationResult, ...],
    seed: int,
) -> Evaluation:
    train, full, cases = eval_split.train, eval_split.full, eval_split.cases
    ndcg = np.stack([model.cases.ndcg for model in scores.values()], axis=1)
    means = bootstrap_means(ndcg, cases.person, seed)
    bounds = dict(zip(scores, percentile_interval(means).T.tolist(), strict=True))
    freeze = None if eval_split.frozen_at is None else timedelta(microseconds=eval_split.frozen_at)
    return Evaluation(
        split=split,
        frozen_at=None if freeze is None else (datetime(1970, 1, 1) + freeze).isoformat(),  # noqa: DTZ001
        horizon_days=horizon_days,
        n_people_trained=train.n_people,
        n_people_scored=len(np.unique(cases.person)),
        n_cases=len(cases),
        n_items=train.n_items,
        n_targets=len(cases.item),
        n_targets_unseen=int((eval_split.train_codes[cases.item] < 0).sum()),
        models=tuple(
            ModelResult(
                model=name,
                hr_at_10=float(model.cases.hit.mean()),
                ndcg_at_10=float(model.cases.ndcg.mean()),
                mrr=float(model.cases.reciprocal.mean()),
                ndcg_at_10_low=bounds[name][0],
                ndcg_at_10_high=bounds[name][1],
                coverage=coverage(model.cases.top, full.n_items),
                novelty=novelty(model.cases.top, eval_split.holders, train.n_people),
                **model.cost,
            )
            for name, model in scores.items()
        ),
        segments=_measure_segments(eval_split, scores, seed),
        ratio=_compare_with_best(list(scores), ndcg.mean(axis=0), means),
        comparisons=_compare_pairs(list(scores), ndcg.mean(axis=0), means),
        reliability=reliability,
        reason=None if recommender is None else recommender.reason,
        ablation=ablation,
    )


def _measure_segments(eval_split: EvalSplit, scores: dict[str, ModelScores], seed: int) -> tuple[SegmentResult, ...]:
    held = build_user_states(eval_split.full, eval_split.cases.person, eval_split.cases.cut).item_counts
    segments: dict[str, dict[str, CaseScores | None]] = {
        **{
            segment: {name: model.cases.select((held >= low) & (held < high)) for name, model in scores.items()}
            for segment, (low, high) in SEGMENTS.items()
        },
        NEWCOMERS: {name: model.newcomers for name, model in scores.items()},
        RARE: {name: model.rare for name, model in scores.items()},
    }
    return tuple(row for segment, models in segments.items() for row in _measure_segment(segment, models, seed))


def _measure_segment(segment: str, models: dict[str, CaseScores | None], seed: int) -> Iterator[SegmentResult]:
    """One row per model. All models have the same cases, so the bootstrap draws the same people for each."""
    scored = {name: scores for name, scores in models.items() if scores is not None and len(scores.hit)}
    if not scored:
        yield from (SegmentResult(segment, name, 0, 0.0, 0.0, 0.0, 0.0) for name in models)
        return
    bounds = percentile_interval(
        bootstrap_means(
            np.stack([scores.ndcg for scores in scored.values()], axis=1), next(iter(scored.values())).person, seed
        )
    ).T.tolist()
    for (name, scores), (low, high) in zip(scored.items(), bounds, strict=True):
        yield SegmentResult(
            segment, name, len(scores.hit), float(scores.hit.mean()), float(scores.ndcg.mean()), low, high
        )


def _compare_with_best(names: list[str], ndcg: Doubles, means: Doubles) -> NdcgRatio | None:
    others = (place for place, name in enumerate(names) if name != OURS)
    best = max(others, key=lambda place: float(ndcg[place]), default=None)
    if OURS not in names or best is None or not ndcg[best]:
        return None
    ours = names.index(OURS)
    low, high = percentile_interval(means[:, ours] / np.maximum(means[:, best], 1e-12)).tolist()
    return NdcgRatio(names[best], float(ndcg[ours] / ndcg[best]), low, high)


def _compare_pairs(names: list[str], ndcg: Doubles, means: Doubles) -> tuple[PairedComparison, ...]:
    """Compare ours with every other model: mean NDCG per model, and its bootstrap means, draws x models."""
    if OURS not in names:
        return ()
    ours = names.index(OURS)
    gains = means[:, [ours]] - means
    bounds, ahead_shares = percentile_interval(gains).T.tolist(), (gains > 0).mean(axis=0).tolist()
    return tuple(
        PairedComparison(name, gain, low, high, ahead_share)
        for name, gain, (low, high), ahead_share in zip(
            names, (ndcg[ours] - ndcg).tolist(), bounds, ahead_shares, strict=True
        )
        if name != OURS
    )
