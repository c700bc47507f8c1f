"""Promotion: whether a new ranker is trained, and whether a challenger takes the champion's place, each with a reason.

Belongs here: the two decisions, as pure functions of what was measured and of the declared policy.
Does not belong here: fitting and evaluating (see champion_challenger), where bundles are stored (see registry).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from ml.evaluation.results import OURS, Evaluation
from ml.ranking.calibration import chance_error
from pipelines.contracts.policy import TrainingPolicy

CHAMPION = "champion"
# What a challenger must beat: popularity, the best single scorer, and the model in use.
MODELS_TO_BEAT = ("popularity", "ease", CHAMPION)


@dataclass(frozen=True)
class Decision:
    """Yes or no, and the reason in one sentence."""

    is_yes: bool
    why: str


@dataclass(frozen=True)
class TrainingVersion:
    """What a training sees, whether or not its model is promoted."""

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
    """Decide whether this run trains: the first model, after a change of recipe, by the declared cadence, after drift.

    Args:
        latest: What the latest training saw; None if there was none.
        now: What a training would see now.
        policy: The declared cadence.
        drifted: Inputs that moved beyond the limit since the latest training.
        refusal: Why the champion's bundle cannot be used, if so.
    """
    if latest is None:
        return Decision(True, "there is no model yet")
    days = (now.as_of - latest.as_of).days
    growth = abs(now.step_count - latest.step_count) / max(latest.step_count, 1)
    change = (
        f"{days} days and {growth:.1%} of steps since the training of {latest.as_of}; "
        f"due at {policy.every_days} days or {policy.new_steps_share:.0%}"
    )
    rules = (
        (refusal is not None, True, f"the champion cannot be used: {refusal}"),
        (now.recipe != latest.recipe, True, "horizon, features or learning code changed since the latest training"),
        (days < 0, True, f"the latest training saw days after {now.as_of}, up to {latest.as_of}"),
        (now.model_version == latest.model_version, False, f"nothing changed since the training of {latest.as_of}"),
        (days >= policy.every_days or growth >= policy.new_steps_share, True, change),
        (bool(drifted) and days > 0, True, f"{', '.join(drifted)} drifted since the training of {latest.as_of}"),
        (True, False, change),
    )
    return next(Decision(is_yes, why) for applies, is_yes, why in rules if applies)


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
    people = 0 if evaluation is None else evaluation.n_people_scored
    rules = (
        (not has_champion, True, "; ".join(["the first model, there is no other", *faults])),
        (not challenger_has_ranker, False, "the challenger had too little to learn from and orders by popularity"),
        (not champion_has_ranker, True, "the champion only orders by popularity, the challenger has learned"),
        (
            evaluation is None or people < policy.least_people,
            False,
            f"{people} people reached a step in the last window, {policy.least_people} are needed",
        ),
        (bool(faults), False, "; ".join(faults)),
        (True, True, f"NDCG@10 on the last window beats {_list_gains(evaluation)}"),
    )
    return next(Decision(is_yes, why) for applies, is_yes, why in rules if applies)


def _list_gains(evaluation: Evaluation | None) -> str:
    return ", ".join(
        f"{pair.other} by {pair.gain:+.3f}"
        for pair in (() if evaluation is None else evaluation.comparisons)
        if pair.other in MODELS_TO_BEAT
    )


def _find_faults(evaluation: Evaluation, policy: TrainingPolicy) -> Iterator[str]:
    """What the challenger fails to show, one clause each."""
    for pair in evaluation.comparisons:
        if pair.other in MODELS_TO_BEAT and pair.ahead_share < policy.ahead_share:
            yield (
                f"ahead of {pair.other} in {pair.ahead_share:.0%} of resamples (NDCG@10 {pair.gain:+.3f}), "
                f"{policy.ahead_share:.0%} needed"
            )
    champion = {row.segment: row.ndcg_at_10 for row in evaluation.segments if row.model == CHAMPION}
    for row in evaluation.segments:
        loss = champion.get(row.segment, 0.0) - row.ndcg_at_10
        if row.model == OURS and row.n_cases >= policy.least_people and loss > policy.segment_margin:
            yield f"{row.segment} histories lose {loss:.3f}, at most {policy.segment_margin:g} allowed"
    if evaluation.reliability is None:
        yield "no probability could be learned"
        return
    error, limit = evaluation.reliability.ece, policy.calibration_error_share + chance_error(evaluation.reliability)
    if error > limit:
        yield f"calibration error {error:.4f}, at most {limit:.4f} allowed"
