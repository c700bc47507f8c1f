"""One night of the ranker: train where due, measure honestly, let the better one reign.

Belongs here: the order of the acts, and what is kept of them.
Does not belong here: the decisions (see promotion), the record (see champion), tables and the clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from ml.data.interactions import TICKS_PER_DAY, as_ticks
from ml.evaluation.evaluate import EvaluatedRecommender, evaluate_recommender
from ml.evaluation.results import OURS, Evaluation
from ml.ranking.features import ExtraFeatures
from ml.ranking.recommender import Recommender, fit_recommender
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

# What a challenger is measured beside, and EASE and item-kNN as the best single scorers.
COMPARED_MODELS = ("popularity", "item_knn", "ease", OURS)
Log = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class TrainingInput:
    """All that a night can learn from: events (person_id, skill_id, ts) up to its day, and what describes them."""

    events: pl.DataFrame
    names: pl.DataFrame
    requires: pl.DataFrame
    repeatable: pl.Series
    extra: ExtraFeatures | None
    horizon_days: int
    seed: int
    training_version: TrainingVersion


@dataclass(frozen=True)
class TrainingOutcome:
    """Who reigns after the night, and why. `measured` is None where nothing was trained or too little held back."""

    model_version: str
    card: ModelCard
    training_decision: Decision
    promotion_decision: Decision
    evaluation: Evaluation | None
    was_trained: bool
    refusal: str | None  # why a bundle could not be used


def run_champion_challenger(
    training_input: TrainingInput,
    models: Path,
    policy: TrainingPolicy,
    *,
    drifted: Sequence[str] = (),
    log: Log = lambda said: None,
) -> TrainingOutcome:
    """Train a challenger where due and promote it where it earned that; the champion's bundle stays as it was else."""
    record, unreadable = _record(models)
    champion, refusal = load_champion(models, record, training_input.extra)
    refusal = refusal or unreadable
    now = training_input.training_version
    training_decision = decide_training(
        record.latest if record else None, now, policy, drifted=drifted, refusal=refusal
    )
    if not training_decision.is_yes and record is not None and champion is not None:
        card = read_card(models / champion.model_version)
        return TrainingOutcome(champion.model_version, card, training_decision, record.verdict, None, False, refusal)
    log(f"training: {training_decision.why}")
    challenger = _fit(training_input)
    log("measuring it on the last window, beside the champion and simple models")
    rival = (
        None
        if champion is None
        else load_fitted_before(models, champion.model_version, _freeze(training_input), training_input.extra)
    )
    proof = _prove(training_input, rival)
    verdict = _judge(challenger, proof, policy, champion, rival)
    broken = _save(challenger, proof, models / now.model_version, training_input.extra)
    if broken is not None:
        if champion is None:
            raise BundleError(f"the first model cannot be used: {broken}")
        verdict = Decision(False, f"the challenger's bundle is refused: {broken}")
    winner = now.model_version if verdict.is_yes or champion is None else champion.model_version
    write_record(models, _next_record(record, winner, champion, now, verdict))
    evaluation = proof.evaluation if proof is not None else None
    return TrainingOutcome(winner, read_card(models / winner), training_decision, verdict, evaluation, True, refusal)


def _record(models: Path) -> tuple[RegistryRecord | None, str | None]:
    try:
        return read_record(models), None
    except BundleError as refusal:
        return None, str(refusal)


def _next_record(
    record: RegistryRecord | None, winner: str, champion: Champion | None, now: TrainingVersion, verdict: Decision
) -> RegistryRecord:
    if record is not None and winner == record.model_version:
        return replace(record, latest=now, verdict=verdict)
    before = champion.model_version if champion is not None and champion.model_version != winner else None
    return RegistryRecord(winner, before, now.as_of, now, verdict)


def _fit(training_input: TrainingInput) -> Recommender:
    return fit_recommender(
        training_input.events,
        as_of=_newest(training_input),
        horizon_days=training_input.horizon_days,
        names=training_input.names,
        extra_features=training_input.extra,
        requires=training_input.requires,
        repeatable=training_input.repeatable,
        seed=training_input.seed,
    )


def _newest(training_input: TrainingInput) -> int:
    """What is known ends with the newest step: an empty stretch after it would teach that nothing is ever reached."""
    return int(as_ticks(training_input.events["ts"]).max(initial=0))


def _freeze(training_input: TrainingInput) -> int:
    return _newest(training_input) + 1 - training_input.horizon_days * TICKS_PER_DAY


def _prove(training_input: TrainingInput, rival: Recommender | None) -> EvaluatedRecommender | None:
    """None where there is too little history to hold any of it back."""
    try:
        return evaluate_recommender(
            training_input.events,
            windows="last",
            horizon_days=training_input.horizon_days,
            models=COMPARED_MODELS,
            fitted_models={} if rival is None else {CHAMPION: rival},
            seed=training_input.seed,
            names=training_input.names,
            extra_features=training_input.extra,
            requires=training_input.requires,
            repeatable=training_input.repeatable,
        )
    except ValueError:
        return None


def _judge(
    challenger: Recommender,
    proof: EvaluatedRecommender | None,
    policy: TrainingPolicy,
    champion: Champion | None,
    rival: Recommender | None,
) -> Decision:
    training_version = champion is None or champion.recommender.ranker is not None
    verdict = decide_promotion(
        None if proof is None else proof.evaluation,
        policy,
        challenger_has_ranker=challenger.ranker is not None,
        has_champion=champion is not None,
        champion_has_ranker=training_version,
    )
    if champion is not None and rival is None and proof is not None:
        return Decision(True, "the champion saw the last window and has no twin that did not: it cannot be compared")
    return verdict


def _save(
    challenger: Recommender, proof: EvaluatedRecommender | None, folder: Path, extra: ExtraFeatures | None
) -> str | None:
    """Save it with its frozen twin and read both back; why they are refused, if they are."""
    metrics = {} if proof is None else _metrics(proof.evaluation)
    if proof is not None and proof.frozen is not None:
        save_bundle(proof.frozen, folder / FROZEN_FOLDER)
    reliability = None if proof is None else proof.evaluation.reliability
    save_bundle(challenger, folder, metrics=metrics, reliability=reliability)
    try:
        load_bundle(folder, extra_features=extra)
    except (BundleError, OSError) as refusal:
        return str(refusal)
    return None


def _metrics(evaluation: Evaluation) -> dict[str, float]:
    ours = next(one for one in evaluation.models if one.model == OURS)
    found = {"hr_at_10": ours.hr_at_10, "mrr": ours.mrr, "ndcg_at_10": ours.ndcg_at_10}
    found |= {f"ndcg_at_10_{one.model}": one.ndcg_at_10 for one in evaluation.models if one.model != OURS}
    if evaluation.reliability is not None:
        found |= {"brier_skill": evaluation.reliability.brier_skill, "ece": evaluation.reliability.ece}
    return found
