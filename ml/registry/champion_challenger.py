"""One night of the ranker: train where due, measure honestly, let the better one reign.

Belongs here: the order of the acts, and what is kept of them.
Does not belong here: the decisions (see promotion), the record (see champion), tables and the clock.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from ml.data.interactions import DAY, as_ticks
from ml.evaluation.evaluate import Proof, prove
from ml.evaluation.results import OURS, Evaluation
from ml.ranking.features import ExtraFeatures
from ml.ranking.recommender import Recommender, fit_recommender
from ml.registry.model_bundle import BundleError, load_bundle, read_card, save_bundle
from ml.registry.model_card import Card
from ml.registry.promotion import CHAMPION, Decision, Learned, is_promoted, is_training_due
from ml.registry.registry import FROZEN, Champion, Record, find_champion, fitted_before, read_record, write_record
from pipelines.contracts.policy import TrainingPolicy

# What a challenger is measured beside, and EASE and item-kNN as the best single scorers.
COMPARED = ("popularity", "item_knn", "ease", OURS)
Tell = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Lesson:
    """All that a night can learn from: events (person_id, skill_id, ts) up to its day, and what describes them."""

    events: pl.DataFrame
    names: pl.DataFrame
    requires: pl.DataFrame
    repeatable: pl.Series
    extra: ExtraFeatures | None
    horizon_days: int
    seed: int
    learned: Learned


@dataclass(frozen=True)
class Reign:
    """Who reigns after the night, and why. `measured` is None where nothing was trained or too little held back."""

    model_version: str
    card: Card
    due: Decision
    verdict: Decision
    measured: Evaluation | None
    was_trained: bool
    refused: str | None  # why a bundle could not be used


def hold_contest(
    lesson: Lesson, models: Path, policy: TrainingPolicy, *, drifted: Sequence[str] = (), tell: Tell = lambda said: None
) -> Reign:
    """Train a challenger where due and promote it where it earned that; the champion's bundle stays as it was else."""
    record, unreadable = _record(models)
    champion, refused = find_champion(models, record, lesson.extra)
    refused = refused or unreadable
    now = lesson.learned
    due = is_training_due(record.latest if record else None, now, policy, drifted=drifted, refused=refused)
    if not due.is_yes and record is not None and champion is not None:
        card = read_card(models / champion.model_version)
        return Reign(champion.model_version, card, due, record.verdict, None, False, refused)
    tell(f"training: {due.why}")
    challenger = _fit(lesson)
    tell("measuring it on the last window, beside the champion and simple models")
    rival = None if champion is None else fitted_before(models, champion.model_version, _freeze(lesson), lesson.extra)
    proof = _prove(lesson, rival)
    verdict = _judge(challenger, proof, policy, champion, rival)
    broken = _save(challenger, proof, models / now.model_version, lesson.extra)
    if broken is not None:
        if champion is None:
            raise BundleError(f"the first model cannot be used: {broken}")
        verdict = Decision(False, f"the challenger's bundle is refused: {broken}")
    winner = now.model_version if verdict.is_yes or champion is None else champion.model_version
    write_record(models, _next_record(record, winner, champion, now, verdict))
    measured = proof.evaluation if proof is not None else None
    return Reign(winner, read_card(models / winner), due, verdict, measured, True, refused)


def _record(models: Path) -> tuple[Record | None, str | None]:
    try:
        return read_record(models), None
    except BundleError as refusal:
        return None, str(refusal)


def _next_record(
    record: Record | None, winner: str, champion: Champion | None, now: Learned, verdict: Decision
) -> Record:
    if record is not None and winner == record.model_version:
        return replace(record, latest=now, verdict=verdict)
    before = champion.model_version if champion is not None and champion.model_version != winner else None
    return Record(winner, before, now.as_of, now, verdict)


def _fit(lesson: Lesson) -> Recommender:
    return fit_recommender(
        lesson.events, as_of=_newest(lesson) , horizon_days=lesson.horizon_days, names=lesson.names,
        extra_features=lesson.extra, requires=lesson.requires, repeatable=lesson.repeatable, seed=lesson.seed,
    )  # fmt: skip


def _newest(lesson: Lesson) -> int:
    """What is known ends with the newest step: an empty stretch after it would teach that nothing is ever reached."""
    return int(as_ticks(lesson.events["ts"]).max(initial=0))


def _freeze(lesson: Lesson) -> int:
    return _newest(lesson) + 1 - lesson.horizon_days * DAY


def _prove(lesson: Lesson, rival: Recommender | None) -> Proof | None:
    """None where there is too little history to hold any of it back."""
    try:
        return prove(
            lesson.events, windows="last", horizon_days=lesson.horizon_days, models=COMPARED,
            fitted={} if rival is None else {CHAMPION: rival}, seed=lesson.seed, names=lesson.names,
            extra_features=lesson.extra, requires=lesson.requires, repeatable=lesson.repeatable,
        )  # fmt: skip
    except ValueError:
        return None


def _judge(
    challenger: Recommender, proof: Proof | None, policy: TrainingPolicy, champion: Champion | None,
    rival: Recommender | None,
) -> Decision:  # fmt: skip
    learned = champion is None or champion.recommender.ranker is not None
    verdict = is_promoted(
        None if proof is None else proof.evaluation, policy, has_learned=challenger.ranker is not None,
        has_champion=champion is not None, champion_has_learned=learned,
    )  # fmt: skip
    if champion is not None and rival is None and proof is not None:
        return Decision(True, "the champion saw the last window and has no twin that did not: it cannot be compared")
    return verdict


def _save(challenger: Recommender, proof: Proof | None, folder: Path, extra: ExtraFeatures | None) -> str | None:
    """Save it with its frozen twin and read both back; why they are refused, if they are."""
    metrics = {} if proof is None else _metrics(proof.evaluation)
    if proof is not None and proof.frozen is not None:
        save_bundle(proof.frozen, folder / FROZEN)
    reliability = None if proof is None else proof.evaluation.reliability
    save_bundle(challenger, folder, metrics=metrics, reliability=reliability)
    try:
        load_bundle(folder, extra_features=extra)
    except (BundleError, OSError) as refusal:
        return str(refusal)
    return None


def _metrics(measured: Evaluation) -> dict[str, float]:
    ours = next(one for one in measured.models if one.model == OURS)
    found = {"hr_at_10": ours.hr_at_10, "mrr": ours.mrr, "ndcg_at_10": ours.ndcg_at_10}
    found |= {f"ndcg_at_10_{one.model}": one.ndcg_at_10 for one in measured.models if one.model != OURS}
    if measured.reliability is not None:
        found |= {"brier_skill": measured.reliability.brier_skill, "ece": measured.reliability.ece}
    return found
