"""Half-lives: what old evidence is still worth, and how fast each micro-skill fades, learned from later feedback.

Belongs here: what a row of evidence adds, sums and gaps before each feedback, half-lives and their shrinkage.
Does not belong here: what those sums mean for a level (`ml.mastery.knowledge_tracing`).

Freshness is 2^(-days since the last practice / half-life), the forgetting curve of half-life regression (Settles and
Meeder 2016). The half-life of a micro-skill is its posterior mean, on a log scale, under a normal prior around the
half-life that fits all micro-skills best: with little feedback it stays there.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import product

import numpy as np
import polars as pl

from ml.data.encoding import encode_ids
from ml.data.sparse_rows import Bools, Doubles, Ints
from pipelines.contracts.catalog import REVIEW_TABLE
from pipelines.contracts.columns import FEEDBACK_KINDS
from pipelines.contracts.policy import StagePolicy

PAIR_COLUMNS = ("person_id", "skill_id")
# What a row of evidence adds to; all but `failed` count in favour of the person.
SUM_COLUMNS = ("practice", "observed", "taught", "succeeded", "failed")
# Feedback is about its day: it fades with the half-life of the policy. Practice stays; only its freshness fades.
FADING_COLUMNS = ("succeeded", "failed")
# Half-lives are rounded to months, so that new feedback does not move every date of rust by a day.
ROUNDING_DAYS = 30
# From one candidate half-life to the next; a finer grid cannot be distinguished.
CANDIDATE_RATIO = 2.0 ** (1 / 3)
# Standard deviations of the logarithm of half-lives that are tried; the smallest makes all half-lives equal.
PRIOR_DEVIATIONS = (0.1, 0.3, 0.5, 0.8)
# How far the prior's centre may lie from the policy's half-life before feedback has to support it: half or twice.
CENTRE_DEVIATION = float(np.log(2.0))


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Feedback to learn from, one entry each, and the evidence of the same pair before its instant."""

    evidence_sums: Doubles  # outcomes x SUM_COLUMNS
    feedback_counts: Doubles  # outcomes x (positive, negative) feedback before, each counting one
    gap_days: Doubles  # days since the last practice, infinite without practice
    pair_code: Ints
    skill_code: Ints  # position in skill_ids
    skill_ids: tuple[str, ...]
    is_positive: Bools
    trust: Doubles

    def freshness(self, half_life_days: Doubles | Ints) -> Doubles:
        """Return 2^(-gap_days / half_life_days) per outcome; half_life_days has one value per entry of skill_ids."""
        return np.asarray(2.0 ** (-self.gap_days / half_life_days[self.skill_code]))


def build_evidence_weights(policy: StagePolicy) -> list[pl.Expr]:
    """Return what a row of EVIDENCE adds, before it ages: one column per entry of SUM_COLUMNS, and is_practice.

    practice counts hours; a repetition without hours counts the hours that the policy asks of a day. observed and
    taught count rows; a review counts a part of one. succeeded and failed count the trust in the feedback.
    """
    evidence_mode, is_positive = pl.col("mode"), pl.col("amount") >= policy.positive_share
    hours_per_day = policy.journeyman.repetition_hours / max(policy.journeyman.repetition_days, 1)
    condition_and_weight_by_column: dict[str, tuple[pl.Expr, pl.Expr | float]] = {
        "practice": (
            evidence_mode == "repetition",
            pl.col("amount") * pl.when(pl.col("amount_unit") == "hours").then(1.0).otherwise(hours_per_day),
        ),
        "observed": (evidence_mode == "observation", 1.0),
        "taught": (
            evidence_mode == "teaching",
            pl.when(is_review()).then(1.0 / max(policy.master.reviews, 1)).otherwise(1.0),
        ),
        "succeeded": ((evidence_mode == "feedback") & is_positive, build_feedback_trust(policy)),
        "failed": ((evidence_mode == "feedback") & ~is_positive, build_feedback_trust(policy)),
    }
    weight_columns = [
        pl.when(is_weighed_row).then(row_weight).otherwise(0.0).alias(sum_column)
        for sum_column, (is_weighed_row, row_weight) in condition_and_weight_by_column.items()
    ]
    return [*weight_columns, is_practice().alias("is_practice")]


def build_feedback_trust(policy: StagePolicy) -> pl.Expr:
    """Return the trust in a row's kind of feedback; feedback without a kind counts as feedback of a peer."""
    trust_by_kind = {kind_name: policy.trust.share_of(kind_name) for kind_name in FEEDBACK_KINDS}
    feedback_kind = pl.col("feedback_kind").fill_null("peer")
    return feedback_kind.replace_strict(trust_by_kind, return_dtype=pl.Float64, default=trust_by_kind["peer"])


def is_review() -> pl.Expr:
    """Return whether a row of teaching is feedback given to somebody else."""
    return (pl.col("mode") == "teaching") & (pl.col("table_name") == REVIEW_TABLE)


def is_practice() -> pl.Expr:
    """Return whether a row shows that the person did it: worked or taught, but not reviewed others."""
    return (pl.col("mode") == "repetition") | ((pl.col("mode") == "teaching") & ~is_review())


def gather_outcomes(
    evidence: pl.DataFrame, policy: StagePolicy, max_outcomes: int | None = None, after_moment: datetime | None = None
) -> Outcomes:
    """Return the feedback in the evidence with what came before it.

    Args:
        evidence: Rows of EVIDENCE.
        policy: The company's policy of stages.
        max_outcomes: If there is more feedback, only that of a sample of people with about this number of rows.
        after_moment: If given, only feedback after it becomes an outcome; earlier feedback still counts as evidence.
    """
    feedback_pairs = evidence.lazy().filter(pl.col("mode") == "feedback").select(PAIR_COLUMNS).collect()
    # people are sampled by a hash of their id: independent of other rows
    if max_outcomes is not None and feedback_pairs.height > max_outcomes:
        feedback_pairs = feedback_pairs.filter(
            pl.col("person_id").hash(seed=7) % 1000 < int(1000 * max_outcomes / feedback_pairs.height)
        )
    evidence_columns = (*PAIR_COLUMNS, "occurred_at", "mode", "amount", "feedback_kind", "amount_unit", "table_name")
    # rows of one instant have no order, but a sum is rounded in some order: the same rows give the same sums
    evidence_rows = (
        evidence.select(evidence_columns)
        .join(feedback_pairs.unique(), on=PAIR_COLUMNS, how="semi")
        .sort(evidence_columns)
    )
    occurred_at, is_feedback = pl.col("occurred_at"), pl.col("mode") == "feedback"
    evidence_rows = evidence_rows.select(
        "skill_id",
        pl.struct(PAIR_COLUMNS).rle_id().cast(pl.Int64).alias("_pair"),
        pl.struct(*PAIR_COLUMNS, "occurred_at").rle_id().cast(pl.Int64).alias("_instant"),
        ((occurred_at - occurred_at.min()).dt.total_seconds() / 86_400).alias("day"),
        (is_feedback if after_moment is None else is_feedback & (occurred_at > after_moment)).alias("is_outcome"),
        *build_evidence_weights(policy),
    )
    earlier_sums, earlier_feedback_counts, gap_days = _sum_evidence_before(evidence_rows, policy)
    is_outcome = evidence_rows["is_outcome"].to_numpy()
    outcome_rows = evidence_rows.filter("is_outcome")
    skill_ids = outcome_rows["skill_id"].unique().sort()
    return Outcomes(
        evidence_sums=earlier_sums[is_outcome],
        feedback_counts=earlier_feedback_counts[is_outcome],
        gap_days=gap_days[is_outcome],
        pair_code=outcome_rows["_pair"].to_numpy(),
        skill_code=encode_ids(outcome_rows["skill_id"], skill_ids),
        skill_ids=tuple(skill_ids),
        is_positive=(outcome_rows["succeeded"] > 0).to_numpy(),
        trust=(outcome_rows["succeeded"] + outcome_rows["failed"]).to_numpy(),
    )


def _sum_evidence_before(evidence_rows: pl.DataFrame, policy: StagePolicy) -> tuple[Doubles, Doubles, Doubles]:
    """The evidence of each row's pair before the row's instant: SUM_COLUMNS with faded feedback, counts of positive
    and negative feedback without fading, and the days since the last practice."""
    age_in_half_lives = (pl.col("day") - pl.col("day").first().over("_pair")) / max(policy.rusty_after_days, 1)
    # weights of feedback grow towards the future within a pair, and are scaled back to the row's own day below
    rows_with_grown_feedback = evidence_rows.with_columns((2.0**age_in_half_lives).alias("_growth")).with_columns(
        pl.col(FADING_COLUMNS) * pl.col("_growth")
    )
    running_sums = rows_with_grown_feedback.select(
        pl.col(SUM_COLUMNS).cum_sum().over("_pair"),
        (pl.col(FADING_COLUMNS) > 0).cast(pl.Float64).cum_sum().over("_pair").name.prefix("_"),
        pl.when("is_practice").then("day").forward_fill().over("_pair").fill_null(-np.inf).alias("_last_day"),
    )
    instant_ids, pair_ids = evidence_rows["_instant"].to_numpy(), evidence_rows["_pair"].to_numpy()
    instant_start_index = np.searchsorted(instant_ids, instant_ids)
    earlier_row_index = np.maximum(instant_start_index - 1, 0)
    has_earlier_row = (instant_start_index > 0) & (pair_ids[earlier_row_index] == pair_ids)
    earlier_sums = np.where(
        has_earlier_row[:, None], running_sums.select(SUM_COLUMNS).to_numpy()[earlier_row_index], 0.0
    )
    earlier_sums[:, [SUM_COLUMNS.index(fading_column) for fading_column in FADING_COLUMNS]] /= rows_with_grown_feedback[
        "_growth"
    ].to_numpy()[:, None]
    earlier_feedback_counts = np.where(
        has_earlier_row[:, None], running_sums.select("_succeeded", "_failed").to_numpy()[earlier_row_index], 0.0
    )
    last_practice_day = np.where(has_earlier_row, running_sums["_last_day"].to_numpy()[earlier_row_index], -np.inf)
    return earlier_sums, earlier_feedback_counts, evidence_rows["day"].to_numpy() - last_practice_day


def list_candidate_half_lives(policy: StagePolicy) -> Doubles:
    """Return the half-lives to try, in days: the policy's, and others in even ratios within the policy's bounds."""
    min_days, max_days = float(policy.half_life_least_days), float(policy.half_life_most_days)
    policy_days = float(np.clip(policy.rusty_after_days, min_days, max_days))
    largest_exponent = int(np.log(max_days / min_days) / np.log(CANDIDATE_RATIO)) + 1
    candidate_days = policy_days * CANDIDATE_RATIO ** np.arange(
        -largest_exponent, largest_exponent + 1, dtype=np.float64
    )
    return np.asarray(candidate_days[(candidate_days >= min_days) & (candidate_days <= max_days)])


def shrink_half_lives(log_likelihood: Doubles, candidate_days: Doubles, policy: StagePolicy) -> Ints:
    """Return the half-life per micro-skill in whole days.

    The centre and deviation of the prior are those that make all feedback most likely (empirical Bayes). The centre
    leans to the policy's half-life, since feedback that shows no forgetting does not determine it.

    Args:
        log_likelihood: Log-likelihoods, micro-skills x candidates.
        candidate_days: Half-lives in days, as `list_candidate_half_lives` returns them.
        policy: The company's policy of stages.
    """
    log_candidate_days, peak_log_likelihood = np.log(candidate_days), log_likelihood.max(axis=1, keepdims=True)
    log_policy_days = np.log(np.clip(policy.rusty_after_days, candidate_days[0], candidate_days[-1]))
    best_log_evidence, posterior_weights = -np.inf, np.zeros_like(log_likelihood)
    for prior_centre, prior_deviation in product(log_candidate_days, PRIOR_DEVIATIONS):
        prior_weights = np.exp(-(((log_candidate_days - prior_centre) / prior_deviation) ** 2) / 2)
        prior_weights /= prior_weights.sum()
        joint_likelihood = np.exp(log_likelihood - peak_log_likelihood) * prior_weights
        log_evidence = float(
            (np.log(np.maximum(joint_likelihood.sum(axis=1), 1e-300)) + peak_log_likelihood[:, 0]).sum()
        )
        log_evidence -= float((prior_centre - log_policy_days) / CENTRE_DEVIATION) ** 2 / 2
        if log_evidence > best_log_evidence + 1e-9:
            best_log_evidence, posterior_weights = (
                log_evidence,
                joint_likelihood / np.maximum(joint_likelihood.sum(axis=1, keepdims=True), 1e-300),
            )
    rounded_days = ROUNDING_DAYS * np.round(np.exp(posterior_weights @ log_candidate_days) / ROUNDING_DAYS)
    return np.clip(rounded_days, policy.half_life_least_days, policy.half_life_most_days).astype(np.int64)
