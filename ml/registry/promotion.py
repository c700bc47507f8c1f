"""Promotion: when a new ranker is due, and whether a challenger takes the champion's place. Each answer says why.

Belongs here: the two decisions, as pure functions of what was measured and what is declared.
Does not belong here: fitting and measuring (see reign, evaluation), where bundles lie (see champion).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ml.evaluation.results import Evaluation, PairedComparison
from ml.ranking.calibration import chance_error
from pipelines.contracts.policy import TrainingPolicy

CHAMPION = "champion"
# What a challenger must beat: what everybody takes, the best single scorer, and what is in use.
MODELS_TO_BEAT = ("popularity", "ease", CHAMPION)


@dataclass(frozen=True)
class Decision:
    """Yes or no, and why, in one sentence."""

    is_yes: bool
    why: str


@dataclass(frozen=True)
class TrainingVersion:
    """What the latest training saw, whether or not its model was promoted."""

    as_of: date
    step_count: int
    recipe: str  # fingerprint of horizon, seed, features and learning code
    model_version: str


def decide_training(
    latest: TrainingVersion | None,
    now: TrainingVersion,
    policy: TrainingPolicy,
    *,
    drifted: Sequence[str] = (),
    refusal: str | None = None,
) -> Decision:
    """Whether tonight trains: at the first model, after a change of recipe, by the declared cadence, or after drift.

    drifted: inputs that moved beyond the limit since the latest training. refused: why the champion cannot be used.
    """
    if latest is None:
        return Decision(True, "there is no model yet")
    if refusal is not None:
        return Decision(True, f"the champion cannot be used: {refusal}")
    if now.recipe != latest.recipe:
        return Decision(True, "horizon, features or learning code changed since the latest training")
    if now.as_of < latest.as_of:
        return Decision(True, f"the latest training saw days after {now.as_of}, up to {latest.as_of}")
    if now.model_version == latest.model_version:
        return Decision(False, f"nothing changed since the training of {latest.as_of}")
    days = (now.as_of - latest.as_of).days
    new = abs(now.step_count - latest.step_count) / max(latest.step_count, 1)
    said = f"{days} days and {new:.1%} of steps since the training of {latest.as_of}"
    due_at = f"due at {policy.every_days} days or {policy.new_steps_share:.0%}"
    if days >= policy.every_days or new >= policy.new_steps_share:
        return Decision(True, f"{said}; {due_at}")
    if drifted and days > 0:
        return Decision(True, f"{', '.join(drifted)} drifted since the training of {latest.as_of}")
    return Decision(False, f"{said}; {due_at}")


def decide_promotion(
    evaluation: Evaluation | None,
    policy: TrainingPolicy,
    *,
    challenger_has_ranker: bool,
    has_champion: bool,
    champion_has_ranker: bool = True,
) -> Decision:
    """Whether the challenger is promoted, on one window that neither it nor any rival was fitted on.

    measured: the challenger (`footsteps`) beside RIVALS; None where too little history could be held back. Without a
    champion the first model is taken, whatever it shows, and what it does not show is said. A champion that orders by
    popularity gives way to a challenger that has learned. With too few people in the window the champion stays.
    """
    if not has_champion:
        faults = _faults(evaluation, policy) if evaluation is not None else ["too little history to measure it"]
        return Decision(True, "the first model, for want of another" + (f"; {'; '.join(faults)}" if faults else ""))
    if not challenger_has_ranker:
        return Decision(False, "the challenger had too little to learn from and orders by popularity")
    if not champion_has_ranker:
        return Decision(True, "the champion only orders by popularity, the challenger has learned")
    people = evaluation.n_people_scored if evaluation is not None else 0
    if evaluation is None or people < policy.least_people:
        return Decision(False, f"{people} people reached a step in the last window, {policy.least_people} are needed")
    faults = _faults(evaluation, policy)
    if faults:
        return Decision(False, "; ".join(faults))
    gains = ", ".join(f"{one.other} by {one.gain:+.3f}" for one in evaluation.duels if one.other in MODELS_TO_BEAT)
    return Decision(True, f"NDCG@10 on the last window beats {gains}")


def _faults(evaluation: Evaluation, policy: TrainingPolicy) -> list[str]:
    """What it fails to show, a clause each."""
    return [*_lost(evaluation.duels, policy), *_worse_segments(evaluation, policy), *_uncalibrated(evaluation, policy)]


def _lost(duels: Sequence[PairedComparison], policy: TrainingPolicy) -> list[str]:
    return [
        f"ahead of {one.other} in {one.ahead_share:.0%} of resamples (NDCG@10 {one.gain:+.3f}), "
        f"{policy.ahead_share:.0%} needed"
        for one in duels
        if one.other in MODELS_TO_BEAT and one.ahead_share < policy.ahead_share
    ]


def _worse_segments(evaluation: Evaluation, policy: TrainingPolicy) -> list[str]:
    champion = {one.segment: one.ndcg_at_10 for one in evaluation.segments if one.model == CHAMPION}
    found = []
    for one in evaluation.segments:
        if one.model != "footsteps" or one.n_cases < policy.least_people or one.segment not in champion:
            continue
        loss = champion[one.segment] - one.ndcg_at_10
        if loss > policy.segment_margin:
            found.append(f"{one.segment} histories lose {loss:.3f}, at most {policy.segment_margin:g} allowed")
    return found


def _uncalibrated(evaluation: Evaluation, policy: TrainingPolicy) -> list[str]:
    if evaluation.reliability is None:
        return ["no probability could be learned"]
    error = evaluation.reliability.ece
    most = policy.calibration_error_share + chance_error(evaluation.reliability)
    return [f"calibration error {error:.4f}, at most {most:.4f} allowed"] if error > most else []
