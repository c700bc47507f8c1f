"""Evaluation: how well past behaviour is predicted, by this recommender and by baselines, on any interactions.

Belongs here: running models over the same cases, and putting the results together.
Does not belong here: splits, what a model may look at (see scoring), metric formulas (see metrics), models.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from ml.data.eligibility import encode_rules
from ml.data.interactions import TICKS_PER_DAY, encode_interactions
from ml.data.ranker_config import choose_config
from ml.data.statistics import percentile_interval
from ml.evaluation.ablation import ablate
from ml.evaluation.comparisons import compare_pairs, compare_with_best
from ml.evaluation.lambdarank_baseline import LAMBDARANK, fit_lambdarank, list_installed_lambdarank
from ml.evaluation.metrics import bootstrap_means
from ml.evaluation.profiling import ResourceMeter
from ml.evaluation.refitted import BASELINE_BY_REFITTED_NAME, bind_refitted_baseline
from ml.evaluation.reliability import Reliability
from ml.evaluation.results import (
    OURS,
    AblationResult,
    Evaluation,
    ModelResult,
    Split,
)
from ml.evaluation.scoring import (
    BindModel,
    ModelScores,
    bind_baseline,
    bind_recommender,
    score_model,
)
from ml.evaluation.segments import measure_calibration, measure_segments
from ml.evaluation.splits import (
    EvalSplit,
    apply_rules,
    parse_unix_times,
    sample_people,
    split_by_time,
    split_leave_last,
)
from ml.evaluation.variety import describe_known_items, measure_variety
from ml.ranking.features import ExtraFeatures
from ml.ranking.fitting import FittedRecommender, align_item_names, fit_coded_recommender
from ml.ranking.recommender import Recommender
from ml.retrieval.baselines import build_baseline, list_available_baselines

Progress = Callable[[str, float], None]
FitModel = Callable[[EvalSplit], BindModel]  # fits a model on the training interactions of a split
WindowChoice = Literal["enough", "last"]


@dataclass(frozen=True, eq=False)
class EvaluatedRecommender:
    """An evaluation, and our recommender as it was fitted for it: it saw nothing after the freeze."""

    evaluation: Evaluation
    fitted_recommender: FittedRecommender | None


def list_available_models() -> tuple[str, ...]:
    """The models that can be compared: baselines, those of installed packages too (footsteps[peers]), and ours."""
    return (*list_available_baselines(), *BASELINE_BY_REFITTED_NAME, *list_installed_lambdarank(), OURS)


def evaluate(
    events: pl.DataFrame,
    *,
    split: Split = "time",
    horizon_days: int = 90,
    model_names: Sequence[str] | None = None,
    seed: int = 0,
    item_names: pl.DataFrame | None = None,
    extra_features: ExtraFeatures | None = None,
    requirements: pl.DataFrame | None = None,
    repeatable_ids: pl.Series | None = None,
    with_ablation: bool = False,
    report_progress: Progress = lambda *_: None,
) -> Evaluation:
    """Compare models, each of which ranks every eligible item.

    Args:
        events: person_id, skill_id (the item), ts.
        split: "time" freezes all models at one date, the latest that leaves a fifth of the acquisitions after it in
            whole windows of `horizon_days`. At the start of each window everyone with a history, newcomers since the
            freeze too, is scored from that history; what they first acquire within the window counts.
            "leave-last" holds out each person's last moment of acquisition and scores it from what came before.
        horizon_days: Length of a window.
        model_names: Names of models (see `list_available_models`); all that the split allows if None. Refitted
            baselines need the time split: they learn from everything before each window.
        seed: Seed of fits, ties and resamples.
        item_names: skill_id, name; ids are read as names if None.
        extra_features: Features from elsewhere, for our model and lambdarank.
        requirements: skill_id, requires_id; no model may recommend an item before those it requires, and a target that
            was not eligible at the cutoff is no target.
        repeatable_ids: Ids of items that can be reached again.
        with_ablation: Whether our ranker is also fitted without each family of features.
        report_progress: Is called with the name of a stage and the share of the work done.

    Raises:
        ml.evaluation.splits.TooLittleHistory: The events cannot be split.
        ValueError: A model is unknown, or the events cannot be read.
    """
    return evaluate_recommender(
        events,
        split=split,
        horizon_days=horizon_days,
        model_names=model_names,
        seed=seed,
        item_names=item_names,
        extra_features=extra_features,
        requirements=requirements,
        repeatable_ids=repeatable_ids,
        with_ablation=with_ablation,
        report_progress=report_progress,
    ).evaluation


def evaluate_recommender(
    events: pl.DataFrame,
    *,
    split: Split = "time",
    window_choice: WindowChoice = "enough",
    max_people: int | None = None,
    horizon_days: int = 90,
    model_names: Sequence[str] | None = None,
    fitted_models: Mapping[str, Recommender] | None = None,
    added_models: Mapping[str, FitModel] | None = None,
    seed: int = 0,
    item_names: pl.DataFrame | None = None,
    extra_features: ExtraFeatures | None = None,
    requirements: pl.DataFrame | None = None,
    repeatable_ids: pl.Series | None = None,
    with_ablation: bool = False,
    report_progress: Progress = lambda *_: None,
) -> EvaluatedRecommender:
    """`evaluate` that also returns our recommender, and compares with recommenders fitted before.

    Args, in addition to those of `evaluate`:
        window_choice: "last" evaluates on the last window alone.
        max_people: Evaluate on a random sample of so many people, if there are more; on everybody if None.
        fitted_models: Recommenders by name; they must not have seen anything after the freeze. If ours is compared
            with them, they rank with its scorers, as a champion does in use: learned weights are compared alone.
        added_models: Models from elsewhere by name; each is fitted on the split.
    """
    prefitted_models, fit_by_model = fitted_models or {}, added_models or {}
    compared_models = _check_model_names(model_names, split)
    eval_split = _split_events(
        events, split, window_choice, horizon_days, prefitted_models, requirements, repeatable_ids
    )
    eval_split = eval_split if max_people is None else sample_people(eval_split, max_people, seed)
    evaluation_run = _EvaluationRun(eval_split, item_names, extra_features, horizon_days, seed)
    with threadpool_limits(1):
        scores_by_model = evaluation_run.score_models(compared_models, prefitted_models, fit_by_model, report_progress)
        report_progress("metrics", 0.95)
        our_recommender = evaluation_run.recommender
        reliability = (
            None
            if our_recommender is None
            else measure_calibration(our_recommender, eval_split, evaluation_run.item_names, seed)
        )
        report_progress("ablation" if with_ablation else "metrics", 0.97)
        ablation_results = (
            ablate(our_recommender, eval_split, evaluation_run.item_names, evaluation_run.train_item_names, seed)
            if with_ablation and our_recommender is not None
            else ()
        )
    return EvaluatedRecommender(
        evaluation=_build_evaluation(
            split, horizon_days, eval_split, scores_by_model, our_recommender, reliability, ablation_results, seed
        ),
        fitted_recommender=evaluation_run.fitted_recommender,
    )


def _check_model_names(model_names: Sequence[str] | None, split: Split) -> tuple[str, ...]:
    """The models to compare: those named, or all that the split allows."""
    available_names = list_available_models()
    if unknown_names := sorted(set(model_names or ()) - set(available_names)):
        raise ValueError(f"no model is called {', '.join(unknown_names)}; there are {', '.join(available_names)}")
    if split == "time":
        return tuple(model_names or available_names)
    if model_names and (windowed_names := sorted(set(model_names) & set(BASELINE_BY_REFITTED_NAME))):
        raise ValueError(f"{', '.join(windowed_names)} are fitted again at each window: use the split time")
    return tuple(model_names or (name for name in available_names if name not in BASELINE_BY_REFITTED_NAME))


class _EvaluationRun:
    """Fits and scores models on one split, and keeps our recommender."""

    def __init__(
        self,
        eval_split: EvalSplit,
        item_names: pl.DataFrame | None,
        extra_features: ExtraFeatures | None,
        horizon_days: int,
        seed: int,
    ) -> None:
        self.eval_split, self.extra_features = eval_split, extra_features
        self.horizon_days, self.seed = horizon_days, seed
        self.item_names = align_item_names(item_names, eval_split.all_interactions.items)
        self.train_item_names = align_item_names(item_names, eval_split.train_interactions.items)
        self.config = choose_config(
            eval_split.train_interactions, target="step" if eval_split.freeze_tick is None else "window"
        )
        self.tie_break_ranks = np.random.default_rng(seed).permutation(eval_split.all_interactions.n_items)
        self.fitted_recommender: FittedRecommender | None = None

    @property
    def recommender(self) -> Recommender | None:
        """Our recommender, once it is fitted."""
        return None if self.fitted_recommender is None else self.fitted_recommender.recommender

    def score_models(
        self,
        compared_models: Sequence[str],
        prefitted_models: Mapping[str, Recommender],
        fit_by_model: Mapping[str, FitModel],
        report_progress: Progress,
    ) -> dict[str, ModelScores]:
        """The scores of each model: of those compared, then of those fitted before, then of those from elsewhere."""
        scores_by_model: dict[str, ModelScores] = {}
        all_names = (*compared_models, *prefitted_models, *fit_by_model)
        for model_index, model_name in enumerate(all_names):
            report_progress(model_name, model_index / len(all_names))
            scores_by_model[model_name] = self._score(
                model_name, prefitted_models.get(model_name), fit_by_model.get(model_name)
            )
        return scores_by_model

    def _score(
        self, model_name: str, prefitted_recommender: Recommender | None, fit_model: FitModel | None
    ) -> ModelScores:
        """The scores of the model of that name, which is fitted by `fit_model` or by its name unless it is given."""
        resource_meter = ResourceMeter()
        with resource_meter:
            bind_model = (
                self._bind_model(model_name, prefitted_recommender) if fit_model is None else fit_model(self.eval_split)
            )
        return score_model(bind_model, self.eval_split, self.config, self.tie_break_ranks, resource_meter)

    def _bind_model(self, model_name: str, recommender: Recommender | None) -> BindModel:
        if model_name in BASELINE_BY_REFITTED_NAME:
            return bind_refitted_baseline(model_name, self.seed)
        if recommender is None and model_name not in (OURS, LAMBDARANK):
            return bind_baseline(
                build_baseline(model_name, self.config, self.seed).fit(self.eval_split.train_interactions),
                self.eval_split,
            )
        if recommender is None:
            fitted_recommender = self._fit_recommender(with_calibration=model_name == OURS)
            recommender = fitted_recommender.recommender
            if model_name == LAMBDARANK:
                recommender = fit_lambdarank(recommender, self.eval_split.train_interactions, self.train_item_names)
            else:
                self.fitted_recommender = fitted_recommender
        elif self.fitted_recommender is not None:
            recommender = recommender.with_scorers_of(self.fitted_recommender.recommender)
        return bind_recommender(recommender, self.eval_split, self.item_names)

    def _fit_recommender(self, *, with_calibration: bool) -> FittedRecommender:
        eval_split = self.eval_split
        return fit_coded_recommender(
            eval_split.train_interactions,
            end_tick=eval_split.freeze_tick or int(eval_split.train_interactions.time.max()) + 1,
            horizon_ticks=self.horizon_days * TICKS_PER_DAY if eval_split.all_interactions.is_calendar else 1,
            config=self.config,
            item_names=self.train_item_names,
            extra_features=self.extra_features,
            seed=self.seed,
            rules=eval_split.rules.select_items(np.flatnonzero(eval_split.train_codes >= 0)),
            with_calibration=with_calibration,
        )


def _split_events(
    events: pl.DataFrame,
    split: Split,
    window_choice: WindowChoice,
    horizon_days: int,
    prefitted_models: Mapping[str, Recommender],
    requirements: pl.DataFrame | None,
    repeatable_ids: pl.Series | None,
) -> EvalSplit:
    dated_events = parse_unix_times(events)
    interactions = encode_interactions(dated_events)
    if prefitted_models:  # they may know items that no event has any more
        fitted_items = (recommender.ensemble.items for recommender in prefitted_models.values())
        interactions = encode_interactions(
            dated_events, item_ids=np.unique(np.concatenate([interactions.items, *fitted_items]))
        )
    rules = encode_rules(requirements, repeatable_ids, interactions.items)
    interactions = replace(interactions, is_repeatable=rules.repeatable)
    eval_split = (
        split_by_time(interactions, horizon_days * TICKS_PER_DAY, only_last=window_choice == "last")
        if split == "time"
        else split_leave_last(interactions)
    )
    freeze_tick = eval_split.freeze_tick
    late_model_names = sorted(
        model_name
        for model_name, recommender in prefitted_models.items()
        if freeze_tick is None or recommender.window.end > freeze_tick
    )
    if late_model_names:
        raise ValueError(f"{', '.join(late_model_names)} saw some of the cases: give a model fitted before the freeze")
    return apply_rules(eval_split, rules)


def _build_evaluation(
    split: Split,
    horizon_days: int,
    eval_split: EvalSplit,
    scores_by_model: dict[str, ModelScores],
    recommender: Recommender | None,
    reliability: Reliability | None,
    ablation_results: tuple[AblationResult, ...],
    seed: int,
) -> Evaluation:
    train_interactions, cases = eval_split.train_interactions, eval_split.cases
    known_items = describe_known_items(eval_split)
    # cases x models, and resamples x models
    case_ndcg = np.stack([model_scores.case_scores.ndcg for model_scores in scores_by_model.values()], axis=1)
    bootstrap_ndcg = bootstrap_means(case_ndcg, cases.person, seed)
    ndcg_bounds_by_model = dict(zip(scores_by_model, percentile_interval(bootstrap_ndcg).T.tolist(), strict=True))
    freeze_since_epoch = None if eval_split.freeze_tick is None else timedelta(microseconds=eval_split.freeze_tick)
    return Evaluation(
        split=split,
        frozen_at=None if freeze_since_epoch is None else (datetime(1970, 1, 1) + freeze_since_epoch).isoformat(),  # noqa: DTZ001
        horizon_days=horizon_days,
        n_people_trained=train_interactions.n_people,
        n_people_scored=len(np.unique(cases.person)),
        n_cases=len(cases),
        n_items=train_interactions.n_items,
        n_targets=len(cases.item),
        n_targets_unseen=int((eval_split.train_codes[cases.item] < 0).sum()),
        models=tuple(
            ModelResult(
                model=model_name,
                hr_at_10=float(model_scores.case_scores.hit.mean()),
                ndcg_at_10=float(model_scores.case_scores.ndcg.mean()),
                mrr=float(model_scores.case_scores.reciprocal_rank.mean()),
                ndcg_at_10_low=ndcg_bounds_by_model[model_name][0],
                ndcg_at_10_high=ndcg_bounds_by_model[model_name][1],
                **vars(measure_variety(model_scores.case_scores.top_items, known_items)),
                **model_scores.cost_by_measure,
            )
            for model_name, model_scores in scores_by_model.items()
        ),
        segments=measure_segments(eval_split, scores_by_model, seed),
        ratio=compare_with_best(list(scores_by_model), case_ndcg.mean(axis=0), bootstrap_ndcg, is_refitted=False),
        refitted_ratio=compare_with_best(
            list(scores_by_model), case_ndcg.mean(axis=0), bootstrap_ndcg, is_refitted=True
        ),
        comparisons=compare_pairs(list(scores_by_model), case_ndcg.mean(axis=0), bootstrap_ndcg),
        reliability=reliability,
        reason=None if recommender is None else recommender.reason,
        ablation=ablation_results,
    )
