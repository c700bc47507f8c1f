"""Promotion: whether a new ranker is trained, and whether a challenger takes the champion's place, each with a reason.

Belongs here: the two decisions, as pure functions of what was measured and of the declared policy.
Does not belong here: fitting and evaluating (see champion_challenger), where bundles are stored (see registry).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from ml.evaluation.reliability import compute_chance_error
from ml.evaluation.results import OURS, Evaluation
from pipelines.contracts.policy import TrainingPolicy

CHAMPION = "champion"
# What a challenger must beat: popularity, the best single scorer, and the model in use.
MODELS_TO_BEAT = ("popularity", "ease", CHAMPION)


@dataclass(frozen=True)
class Decision:
    """Yes or no, and the reason in one sentence."""

    is_yes: bool
    reason: str


@dataclass(frozen=True)
class TrainingVersion:
    """What a training sees, whether or not its model is promoted."""

    as_of: date
    step_count: int
    recipe: str  # fingerprint of horizon, seed, features and learning code
    model_version: str


def decide_training(
    latest_training: TrainingVersion | None,
    current_training: TrainingVersion,
    policy: TrainingPolicy,
    *,
    drifted_inputs: Sequence[str] = (),
    refusal: str | None = None,
) -> Decision:
    """Decide whether this run trains: the first model, after a change of recipe, by the declared cadence, after drift.

    Args:
        latest_training: What the latest training saw; None if there was none.
        current_training: What a training would see now.
        policy: The declared cadence.
        drifted_inputs: Inputs that moved beyond the limit since the latest training.
        refusal: Why the champion's bundle cannot be used, if so.
    """
    if latest_training is None:
        return Decision(True, "there is no model yet")
    days_since_training = (current_training.as_of - latest_training.as_of).days
    step_growth = abs(current_training.step_count - latest_training.step_count) / max(latest_training.step_count, 1)
    change_text = (
        f"{days_since_training} days and {step_growth:.1%} of steps since the training of {latest_training.as_of}; "
        f"due at {policy.every_days} days or {policy.new_steps_share:.0%}"
    )
    decision_rules = (
        (refusal is not None, True, f"the champion cannot be used: {refusal}"),
        (
            current_training.recipe != latest_training.recipe,
            True,
            "horizon, features or learning code changed since the latest training",
        ),
        (
            days_since_training < 0,
            True,
            f"the latest training saw days after {current_training.as_of}, up to {latest_training.as_of}",
        ),
        (
            current_training.model_version == latest_training.model_version,
            False,
            f"nothing changed since the training of {latest_training.as_of}",
        ),
        (days_since_training >= policy.every_days or step_growth >= policy.new_steps_share, True, change_text),
        (
            bool(drifted_inputs) and days_since_training > 0,
            True,
            f"{', '.join(drifted_inputs)} drifted since the training of {latest_training.as_of}",
        ),
        (True, False, change_text),
    )
    return next(Decision(is_due, reason) for is_met, is_due, reason in decision_rules if is_met)


def decide_promotion(
    evaluation: Evaluation | None,
    policy: TrainingPolicy,
    *,
    challenger_has_ranker: bool,
    has_champion: bool,
    champion_has_ranker: bool = True,
) -> Decision:
    """Decide whether the challenger is promoted, on one window that no compared model was fitted on.

    Without a champion the first model is promoted, and the reason lists what it fails to show. A champion that orders
    by popularity gives way to a challenger with a ranker. With too few people in the window the champion stays.

    Args:
        evaluation: The challenger (`footsteps`) compared with MODELS_TO_BEAT; None if there is too little history.
        policy: The declared thresholds.
        challenger_has_ranker: Whether the challenger does more than order by popularity.
        has_champion: Whether a usable model is in use.
        champion_has_ranker: Whether the champion does more than order by popularity.
    """
    faults = ["too little history to measure it"] if evaluation is None else list(_find_faults(evaluation, policy))
    n_people = 0 if evaluation is None else evaluation.n_people_scored
    decision_rules = (
        (not has_champion, True, "; ".join(["the first model, there is no other", *faults])),
        (not challenger_has_ranker, False, "the challenger had too little to learn from and orders by popularity"),
        (not champion_has_ranker, True, "the champion only orders by popularity, the challenger has learned"),
        (
            evaluation is None or n_people < policy.least_people,
            False,
            f"{n_people} people reached a step in the last window, {policy.least_people} are needed",
        ),
        (bool(faults), False, "; ".join(faults)),
        (True, True, f"NDCG@10 on the last window beats {_format_gains(evaluation)}"),
    )
    return next(Decision(is_promoted, reason) for is_met, is_promoted, reason in decision_rules if is_met)


def _format_gains(evaluation: Evaluation | None) -> str:
    return ", ".join(
        f"{comparison.other} by {comparison.gain:+.3f}"
        for comparison in (() if evaluation is None else evaluation.comparisons)
        if comparison.other in MODELS_TO_BEAT
    )


def _find_faults(evaluation: Evaluation, policy: TrainingPolicy) -> Iterator[str]:
    """What the challenger fails to show, one clause each."""
    for comparison in evaluation.comparisons:
        if comparison.other in MODELS_TO_BEAT and comparison.ahead_share < policy.ahead_share:
            yield (
                f"ahead of {comparison.other} in {comparison.ahead_share:.0%} of resamples "
                f"(NDCG@10 {comparison.gain:+.3f}), {policy.ahead_share:.0%} needed"
            )
    champion_ndcg = {
        segment_result.segment: segment_result.ndcg_at_10
        for segment_result in evaluation.segments
        if segment_result.model == CHAMPION
    }
    for segment_result in evaluation.segments:
        ndcg_loss = champion_ndcg.get(segment_result.segment, 0.0) - segment_result.ndcg_at_10
        if (
            segment_result.model == OURS
            and segment_result.n_cases >= policy.least_people
            and ndcg_loss > policy.segment_margin
        ):
            yield f"{segment_result.segment} histories lose {ndcg_loss:.3f}, at most {policy.segment_margin:g} allowed"
    novelty_by_model = {model_result.model: model_result.novelty for model_result in evaluation.models}
    champion_novelty, our_novelty = novelty_by_model.get(CHAMPION, 0.0), novelty_by_model.get(OURS, 0.0)
    if our_novelty < (1.0 - policy.novelty_loss_share) * champion_novelty:
        yield (
            f"novelty falls from {champion_novelty:.2f} to {our_novelty:.2f} bits, "
            f"at most {policy.novelty_loss_share:.0%} less allowed"
        )
    if evaluation.reliability is None:
        yield "no probability could be learned"
        return
    calibration_error = evaluation.reliability.ece
    error_limit = policy.calibration_error_share + compute_chance_error(evaluation.reliability)
    if calibration_error > error_limit:
        yield f"calibration error {calibration_error:.4f}, at most {error_limit:.4f} allowed"
