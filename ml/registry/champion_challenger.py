"""Champion and challenger: train a challenger if it is due, evaluate it, and promote the better model.

Belongs here: the order of these steps, and what is stored of them.
Does not belong here: the decisions (see promotion), the record (see registry), tables and the clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import polars as pl

from ml.data.interactions import TICKS_PER_DAY, as_ticks
from ml.evaluation.evaluate import EvaluatedRecommender, evaluate_recommender
from ml.evaluation.reliability import Reliability
from ml.evaluation.results import OURS, Evaluation
from ml.evaluation.splits import TooLittleHistory
from ml.evaluation.variety import Variety
from ml.ranking.features import ExtraFeatures
from ml.ranking.fitting import fit_recommender
from ml.ranking.recommender import Recommender
from ml.ranking.refitting import can_refit, refit_recommender
from ml.registry.model_bundle import BundleError, load_bundle, read_card, save_bundle
from ml.registry.model_card import ModelCard
from ml.registry.promotion import CHAMPION, Decision, TrainingVersion, decide_promotion, decide_training
from ml.registry.registry import (
    FROZEN_FOLDER,
    Champion,
    RegistryRecord,
    load_champion,
    load_fitted_before,
    read_record,
    write_record,
)
from pipelines.contracts.policy import TrainingPolicy

# The challenger is compared with popularity and with the best single scorers, EASE and item-kNN.
COMPARED_MODELS = ("popularity", "item_knn", "ease", OURS)
# NDCG@10 of 4,000 people is known to about 0.01, and differences between models on the same people better.
MAX_EVALUATED_PEOPLE = 4_000
LogProgress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class TrainingInput:
    """Everything that a run can learn from, up to its day."""

    events: pl.DataFrame  # person_id, skill_id (the step), ts
    step_names: pl.DataFrame  # skill_id (the step), name
    requirements: pl.DataFrame  # skill_id, requires_id
    repeatable_ids: pl.Series  # ids of steps that can be reached again
    extra_features: ExtraFeatures | None
    horizon_days: int
    seed: int
    training_version: TrainingVersion

    @property
    def latest_tick(self) -> int:
        """The time of the newest step. Training ends with it: an empty span after it would teach that nothing comes."""
        return int(as_ticks(self.events["ts"]).max(initial=0))


@dataclass(frozen=True)
class TrainingOutcome:
    """The model in use after the run, and why."""

    model_version: str
    card: ModelCard
    training_decision: Decision
    promotion_decision: Decision
    evaluation: Evaluation | None  # None if nothing was trained or too little history could be held back
    was_trained: bool
    refusal: str | None  # why a bundle could not be used


def run_champion_challenger(
    training_input: TrainingInput,
    bundle_folder: Path,
    policy: TrainingPolicy,
    *,
    drifted_inputs: Sequence[str] = (),
    log_progress: LogProgress = lambda _: None,
) -> TrainingOutcome:
    """Train a challenger if it is due, and promote it if it is better than the champion; else the champion stays.

    Args:
        training_input: What there is to learn from.
        bundle_folder: The folder of bundles and of their record; both are updated.
        policy: When to train, and what a challenger must show.
        drifted_inputs: Inputs that moved beyond the limit since the latest training.
        log_progress: Is called with what is done next.

    Raises:
        BundleError: The first model was saved and cannot be loaded.
    """
    training_version, extra_features = training_input.training_version, training_input.extra_features
    registry_record, record_problem = _try_read_record(bundle_folder)
    champion, refusal = load_champion(bundle_folder, registry_record, extra_features)
    refusal = refusal or record_problem
    latest_training = registry_record.latest if registry_record else None
    training_decision = decide_training(
        latest_training, training_version, policy, drifted_inputs=drifted_inputs, refusal=refusal
    )
    if not training_decision.is_yes and registry_record is not None and champion is not None:
        card = read_card(bundle_folder / champion.model_version)
        return TrainingOutcome(
            champion.model_version, card, training_decision, registry_record.verdict, None, False, refusal
        )
    log_progress(f"training: {training_decision.reason}")
    log_progress("evaluating the recipe on the last window, compared with the champion and simple models")
    frozen_champion = _load_frozen_champion(bundle_folder, champion, training_input)
    evaluated_recommender = _evaluate_recipe(training_input, frozen_champion)
    log_progress("fitting the challenger on everything")
    challenger = _fit_challenger(training_input, evaluated_recommender)
    promotion_decision = _decide_promotion(challenger, evaluated_recommender, policy, champion, frozen_champion)
    challenger_folder = bundle_folder / training_version.model_version
    challenger_refusal = _save_challenger(challenger, evaluated_recommender, challenger_folder, extra_features)
    if challenger_refusal is not None:
        if champion is None:
            raise BundleError(f"the first model cannot be used: {challenger_refusal}")
        promotion_decision = Decision(False, f"the challenger's bundle is refused: {challenger_refusal}")
    winning_version = (
        training_version.model_version if promotion_decision.is_yes or champion is None else champion.model_version
    )
    next_record = _build_next_record(registry_record, winning_version, champion, training_version, promotion_decision)
    write_record(bundle_folder, next_record)
    return TrainingOutcome(
        winning_version,
        read_card(bundle_folder / winning_version),
        training_decision,
        promotion_decision,
        evaluation=None if evaluated_recommender is None else evaluated_recommender.evaluation,
        was_trained=True,
        refusal=refusal,
    )


def _try_read_record(bundle_folder: Path) -> tuple[RegistryRecord | None, str | None]:
    try:
        return read_record(bundle_folder), None
    except BundleError as error:
        return None, str(error)


def _load_frozen_champion(
    bundle_folder: Path, champion: Champion | None, training_input: TrainingInput
) -> Recommender | None:
    """The champion, or its earlier fit, if it saw nothing of the last window."""
    if champion is None:
        return None
    freeze_tick = training_input.latest_tick + 1 - training_input.horizon_days * TICKS_PER_DAY
    return load_fitted_before(bundle_folder, champion.model_version, freeze_tick, training_input.extra_features)


def _build_next_record(
    registry_record: RegistryRecord | None,
    winning_version: str,
    champion: Champion | None,
    training_version: TrainingVersion,
    promotion_decision: Decision,
) -> RegistryRecord:
    if registry_record is not None and winning_version == registry_record.model_version:
        return replace(registry_record, latest=training_version, verdict=promotion_decision)
    previous_version = (
        champion.model_version if champion is not None and champion.model_version != winning_version else None
    )
    return RegistryRecord(
        winning_version, previous_version, training_version.as_of, training_version, promotion_decision
    )


def _fit_challenger(training_input: TrainingInput, evaluated_recommender: EvaluatedRecommender | None) -> Recommender:
    """Fit on everything; what the fit that was evaluated has learned up to its freeze is used again."""
    frozen_fit = None if evaluated_recommender is None else evaluated_recommender.fitted_recommender
    if frozen_fit is None or not can_refit(frozen_fit):
        return fit_recommender(
            training_input.events,
            as_of=training_input.latest_tick,
            horizon_days=training_input.horizon_days,
            item_names=training_input.step_names,
            extra_features=training_input.extra_features,
            requirements=training_input.requirements,
            repeatable_ids=training_input.repeatable_ids,
            seed=training_input.seed,
        )
    return refit_recommender(
        frozen_fit,
        training_input.events,
        item_names=training_input.step_names,
        requirements=training_input.requirements,
        repeatable_ids=training_input.repeatable_ids,
    )


def _evaluate_recipe(training_input: TrainingInput, frozen_champion: Recommender | None) -> EvaluatedRecommender | None:
    """The same recipe on the last window; None if there is too little history to hold any of it back."""
    try:
        return evaluate_recommender(
            training_input.events,
            window_choice="last",
            max_people=MAX_EVALUATED_PEOPLE,
            horizon_days=training_input.horizon_days,
            model_names=COMPARED_MODELS,
            fitted_models={} if frozen_champion is None else {CHAMPION: frozen_champion},
            seed=training_input.seed,
            item_names=training_input.step_names,
            extra_features=training_input.extra_features,
            requirements=training_input.requirements,
            repeatable_ids=training_input.repeatable_ids,
        )
    except TooLittleHistory:
        return None


def _decide_promotion(
    challenger: Recommender,
    evaluated_recommender: EvaluatedRecommender | None,
    policy: TrainingPolicy,
    champion: Champion | None,
    frozen_champion: Recommender | None,
) -> Decision:
    if champion is not None and frozen_champion is None and evaluated_recommender is not None:
        return Decision(True, "the champion saw the last window and has no fit that did not: it cannot be compared")
    return decide_promotion(
        None if evaluated_recommender is None else evaluated_recommender.evaluation,
        policy,
        challenger_has_ranker=challenger.ranker is not None,
        has_champion=champion is not None,
        champion_has_ranker=champion is None or champion.recommender.ranker is not None,
    )


def _save_challenger(
    challenger: Recommender,
    evaluated_recommender: EvaluatedRecommender | None,
    challenger_folder: Path,
    extra_features: ExtraFeatures | None,
) -> str | None:
    """Save the challenger and the recommender that was evaluated; return why the bundle cannot be loaded, or None."""
    if evaluated_recommender is None:
        save_bundle(challenger, challenger_folder)
    else:
        if evaluated_recommender.fitted_recommender is not None:
            save_bundle(evaluated_recommender.fitted_recommender.recommender, challenger_folder / FROZEN_FOLDER)
        save_bundle(
            challenger,
            challenger_folder,
            metrics=_collect_metrics(evaluated_recommender.evaluation),
            reliability=evaluated_recommender.evaluation.reliability,
        )
    try:
        load_bundle(challenger_folder, extra_features=extra_features)
    except (BundleError, OSError) as error:
        return str(error)
    return None


def _collect_metrics(evaluation: Evaluation) -> dict[str, float]:
    """The measures of the card: those of the challenger, and NDCG@10 of the models it was compared with."""
    our_result = next(model_result for model_result in evaluation.models if model_result.model == OURS)
    reliability = evaluation.reliability
    return {
        "hr_at_10": our_result.hr_at_10,
        "mrr": our_result.mrr,
        "ndcg_at_10": our_result.ndcg_at_10,
        **{field.name: getattr(our_result, field.name) for field in fields(Variety)},
        **{
            f"ndcg_at_10_{model_result.model}": model_result.ndcg_at_10
            for model_result in evaluation.models
            if model_result.model != OURS
        },
        **({} if reliability is None else _collect_probability_metrics(reliability)),
    }


def _collect_probability_metrics(reliability: Reliability) -> dict[str, float]:
    metric_by_name = {
        "brier_skill": reliability.brier_skill,
        "brier_skill_over_known_base_rate": reliability.prior_brier_skill,
        "ece": reliability.ece,
        **{f"promised_over_came_true_{group.group}": group.ratio for group in reliability.groups[:1]},
    }
    return {metric_name: metric for metric_name, metric in metric_by_name.items() if metric is not None}
