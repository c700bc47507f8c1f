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
REFRESHED = "the champion stays, its scorers are those of this training, its reliability is that of its own"


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


@dataclass(frozen=True, eq=False)
class _SavedModel:
    """What a training saves: a model, its fit before the last window, and the measures of its card."""

    recommender: Recommender
    frozen_recommender: Recommender | None
    metrics: dict[str, float]
    reliability: Reliability | None
    is_champion: bool = False  # the champion that stays, with newer scorers


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

    A champion that stays keeps what it learned, and ranks with the scorers of this training from then on, which saw
    everything. It is saved as the model version of this training.

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
    saved_model = _choose_saved_model(
        challenger, evaluated_recommender, promotion_decision, champion, frozen_champion, bundle_folder
    )
    promotion_decision, winning_version = _save_model(
        saved_model, bundle_folder, training_input, promotion_decision, champion
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
    # a champion with newer scorers was promoted when its learned weights were
    is_refreshed = winning_version == training_version.model_version and not promotion_decision.is_yes
    promoted_on = registry_record.promoted_on if registry_record and is_refreshed else training_version.as_of
    return RegistryRecord(winning_version, previous_version, promoted_on, training_version, promotion_decision)


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


def _choose_saved_model(
    challenger: Recommender,
    evaluated_recommender: EvaluatedRecommender | None,
    promotion_decision: Decision,
    champion: Champion | None,
    frozen_champion: Recommender | None,
    bundle_folder: Path,
) -> _SavedModel:
    """The challenger; or the champion with the challenger's scorers, if it stays and can use them."""
    evaluation = None if evaluated_recommender is None else evaluated_recommender.evaluation
    frozen_fit = None if evaluated_recommender is None else evaluated_recommender.fitted_recommender
    frozen_challenger = None if frozen_fit is None else frozen_fit.recommender
    if evaluation is None:
        return _SavedModel(challenger, frozen_challenger, {}, None)
    saved_challenger = _SavedModel(
        challenger,
        frozen_challenger,
        _collect_metrics(evaluation, OURS, evaluation.reliability),
        evaluation.reliability,
    )
    if promotion_decision.is_yes or champion is None or frozen_champion is None or frozen_challenger is None:
        return saved_challenger
    refreshed_champion = champion.recommender.with_scorers_of(challenger)
    refreshed_frozen_champion = frozen_champion.with_scorers_of(frozen_challenger)
    if refreshed_champion is champion.recommender or refreshed_frozen_champion is frozen_champion:
        return saved_challenger
    reliability = read_card(bundle_folder / champion.model_version).reliability
    return _SavedModel(
        refreshed_champion,
        refreshed_frozen_champion,
        _collect_metrics(evaluation, CHAMPION, reliability),
        reliability,
        is_champion=True,
    )


def _save_model(
    saved_model: _SavedModel,
    bundle_folder: Path,
    training_input: TrainingInput,
    decision: Decision,
    champion: Champion | None,
) -> tuple[Decision, str]:
    """Save a model and its fit before the last window; return the decision now, and the version that is used."""
    model_version = training_input.training_version.model_version
    model_folder = bundle_folder / model_version
    if saved_model.frozen_recommender is not None:
        save_bundle(saved_model.frozen_recommender, model_folder / FROZEN_FOLDER)
    save_bundle(saved_model.recommender, model_folder, metrics=saved_model.metrics, reliability=saved_model.reliability)
    try:
        load_bundle(model_folder, extra_features=training_input.extra_features)
    except (BundleError, OSError) as error:
        if champion is None:
            raise BundleError(f"the first model cannot be used: {error}") from error
        return Decision(False, f"the challenger's bundle is refused: {error}"), champion.model_version
    if saved_model.is_champion:
        return replace(decision, reason=f"{decision.reason}; {REFRESHED}"), model_version
    return decision, model_version if decision.is_yes or champion is None else champion.model_version


def _collect_metrics(evaluation: Evaluation, model_name: str, reliability: Reliability | None) -> dict[str, float]:
    """The measures of the card: those of a model, and NDCG@10 of the models it was compared with."""
    result = next(model_result for model_result in evaluation.models if model_result.model == model_name)
    return {
        "hr_at_10": result.hr_at_10,
        "mrr": result.mrr,
        "ndcg_at_10": result.ndcg_at_10,
        **{field.name: getattr(result, field.name) for field in fields(Variety)},
        **{
            f"ndcg_at_10_{model_result.model}": model_result.ndcg_at_10
            for model_result in evaluation.models
            if model_result.model != model_name
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
