"""Decay: what evidence of long ago is still worth, and how fast each micro-skill fades, learnt from later judgements.

Belongs here: what a row of evidence adds, sums and gaps before each judgement, half-lives with their shrinkage.
Does not belong here: what those sums say of a level (`ml.mastery.knowledge_tracing`).

Freshness is 2^(-days since the last practice / half-life), the forgetting curve of half-life regression (Settles and
Meeder 2016). A micro-skill's half-life is the posterior mean, on a log scale, under a normal
prior around the half-life that fits all micro-skills best: with few judgements it stays there.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.contracts.catalog import REVIEW_TABLE
from pipelines.contracts.policy import StagePolicy

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PAIR = ("person_id", "skill_id")
# What a row of evidence adds to; all but `failed` speak for the person.
SUMS = ("practice", "observed", "taught", "succeeded", "failed")
# A judgement is about its day: it fades with the declared half-life. What was done stays done; its freshness fades.
FADING = ("succeeded", "failed")
# Learnt half-lives are told in whole months: a new judgement must not move every date of rust by a day.
ROUNDED_TO = 30
# From one candidate to the next; finer ones cannot be told apart.
RATIO = 2.0 ** (1 / 3)
# How far half-lives of micro-skills may lie from each other, as standard deviations of the logarithm; 0: all are equal.
SPREADS = (0.0, 0.3, 0.5, 0.8)
EQUAL = 0.1  # so narrow that every micro-skill gets the same
# How far the centre may lie from the declared half-life before judgements have to say so: half, or twice as long.
CENTRE = float(np.log(2.0))


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Judgements to learn from, one entry each, and the evidence of the same pair before their instant."""

    sums: Doubles  # judgements x SUMS
    counts: Doubles  # judgements x (positive, negative) judgements before, each counting one
    gap: Doubles  # days since the last practice, infinite where there was none
    pair: Ints
    skill: Ints  # place in skill_ids
    skill_ids: tuple[str, ...]
    positive: Bools
    trust: Doubles

    def freshness(self, half_life: Doubles) -> Doubles:
        """2^(-gap / half-life) by judgement; half-lives in days, one for each of skill_ids."""
        return np.asarray(2.0 ** (-self.gap / half_life[self.skill]))


def weigh_rows(policy: StagePolicy) -> list[pl.Expr]:
    """Columns that say what a row of evidence adds, before its age: SUMS and is_practice.

    practice: hours, a repetition without hours counting what the policy asks of a day; observed and taught: rows, a
    review given a part of one; succeeded and failed: the trust in the judgement.
    """
    mode, trusted = pl.col("mode"), trust_of(policy)
    a_day = policy.journeyman.repetition_hours / max(policy.journeyman.repetition_days, 1)
    hours = pl.col("amount") * pl.when(pl.col("amount_unit") == "hours").then(1.0).otherwise(a_day)
    positive = pl.col("amount") >= policy.positive_share
    judged = mode == "feedback"
    lesson = pl.when(is_review()).then(1.0 / max(policy.master.reviews, 1)).otherwise(1.0)
    return [
        pl.when(mode == "repetition").then(hours).otherwise(0.0).alias("practice"),
        pl.when(mode == "observation").then(1.0).otherwise(0.0).alias("observed"),
        pl.when(mode == "teaching").then(lesson).otherwise(0.0).alias("taught"),
        pl.when(judged & positive).then(trusted).otherwise(0.0).alias("succeeded"),
        pl.when(judged & ~positive).then(trusted).otherwise(0.0).alias("failed"),
        is_practice().alias("is_practice"),
    ]


def trust_of(policy: StagePolicy) -> pl.Expr:
    """The trust in a row's kind of judgement; one whose kind is not told is a peer's."""
    shares = {kind: policy.trust.share_of(kind) for kind in ("certificate", "assessment", "manager", "peer", "self")}
    kind = pl.col("feedback_kind").fill_null("peer")
    return kind.replace_strict(shares, return_dtype=pl.Float64, default=shares["peer"])


def is_review() -> pl.Expr:
    """True where a row of teaching is a judgement given to another."""
    return (pl.col("mode") == "teaching") & (pl.col("table_name") == REVIEW_TABLE)


def is_practice() -> pl.Expr:
    """True where a row shows that the person did it: worked or taught. To judge another is not to do it."""
    return (pl.col("mode") == "repetition") | ((pl.col("mode") == "teaching") & ~is_review())


def gather_outcomes(
    evidence: pl.DataFrame, policy: StagePolicy, most: int | None = None, since: datetime | None = None
) -> Outcomes:
    """The judgements in the evidence, after `since` where it is given; of more than `most`, those of some people."""
    judged = evidence.lazy().filter(pl.col("mode") == "feedback").select(*PAIR).collect()
    if most is not None and judged.height > most:  # by the hash of a person: who is taken does not change with rows
        part = int(1000 * most / judged.height)
        judged = judged.filter(pl.col("person_id").hash(seed=7) % 1000 < part)
    needed = evidence.select(*PAIR, "occurred_at", "mode", "amount", "amount_unit", "feedback_kind", "table_name")
    rows = needed.join(judged.unique(), on=PAIR, how="semi")
    # what is of one instant has no order, but a sum is rounded in some order: the same rows, the same sums
    rows = rows.sort(*PAIR, "occurred_at", "mode", "amount", "feedback_kind", "amount_unit", "table_name")
    first = pl.col("occurred_at").min()
    rows = rows.select(
        "skill_id",
        "mode",
        "occurred_at",
        pl.struct(PAIR).rle_id().cast(pl.Int64).alias("_pair"),
        pl.struct(*PAIR, "occurred_at").rle_id().cast(pl.Int64).alias("_instant"),
        ((pl.col("occurred_at") - first).dt.total_seconds() / 86_400).alias("day"),
        *weigh_rows(policy),
    )
    sums, counts, gap = _before(rows, policy)
    is_outcome = pl.col("mode") == "feedback"
    if since is not None:
        is_outcome &= pl.col("occurred_at") > since
    at = rows.select(is_outcome.arg_true()).to_series().to_numpy()
    found = rows[at]
    skill_ids = found["skill_id"].unique().sort()
    places = pl.DataFrame({"skill_id": skill_ids, "skill": np.arange(len(skill_ids))})
    skill = found.join(places, on="skill_id", how="left", maintain_order="left")["skill"].to_numpy()
    return Outcomes(
        sums[at],
        counts[at],
        gap[at],
        found["_pair"].to_numpy(),
        skill.astype(np.int64),
        tuple(skill_ids),
        (found["succeeded"] > 0).to_numpy(),
        (found["succeeded"] + found["failed"]).to_numpy(),
    )


def _before(rows: pl.DataFrame, policy: StagePolicy) -> tuple[Doubles, Doubles, Doubles]:
    """By row, of what came before its instant in its pair: SUMS with judgements faded, positive and negative judgements
    as they were, and the days since the last practice."""
    if rows.is_empty():
        return np.zeros((0, len(SUMS))), np.zeros((0, len(FADING))), np.zeros(0)
    age = (pl.col("day") - pl.col("day").first().over("_pair")) / max(policy.rusty_after_days, 1)
    # weights of judgements grow towards the future within a pair, and are brought back to the day of asking below
    grown = rows.with_columns((2.0**age).alias("_grown"))
    grown = grown.with_columns(pl.col(name) * pl.col("_grown") for name in FADING)
    running = grown.select(
        *(pl.col(name).cum_sum().over("_pair") for name in SUMS),
        *((pl.col(name) > 0).cast(pl.Float64).cum_sum().over("_pair").alias(f"_{name}") for name in FADING),
        pl.when("is_practice").then("day").forward_fill().over("_pair").fill_null(-np.inf).alias("_last"),
    )
    instant, pair = rows["_instant"].to_numpy(), rows["_pair"].to_numpy()
    start = np.searchsorted(instant, instant)
    before = np.maximum(start - 1, 0)
    known = (start > 0) & (pair[before] == pair)
    sums = np.where(known[:, None], running.select(SUMS).to_numpy()[before], 0.0)
    sums[:, [SUMS.index(name) for name in FADING]] /= grown["_grown"].to_numpy()[:, None]
    counts = np.where(known[:, None], running.select(f"_{name}" for name in FADING).to_numpy()[before], 0.0)
    last = np.where(known, running["_last"].to_numpy()[before], -np.inf)
    return sums, counts, rows["day"].to_numpy() - last


def candidate_half_lives(policy: StagePolicy) -> Doubles:
    """Half-lives to try, in days: the declared one, and others in even ratios within the policy's bounds."""
    low, high = float(policy.half_life_least_days), float(policy.half_life_most_days)
    declared = float(np.clip(policy.rusty_after_days, low, high))
    reach = int(np.log(high / low) / np.log(RATIO)) + 1
    tried = declared * RATIO ** np.arange(-reach, reach + 1, dtype=np.float64)
    return np.asarray(tried[(tried >= low) & (tried <= high)])


def shrink_half_lives(likelihood: Doubles, candidates: Doubles, policy: StagePolicy) -> Ints:
    """Half-lives in whole days by micro-skill, from log-likelihoods (micro-skills x candidates).

    The centre and spread of the prior are those that make all judgements most likely (empirical Bayes), the centre
    leaning to the declared half-life: what shows no forgetting says nothing about it.
    """
    logs = np.log(candidates)
    best, chosen = -np.inf, np.zeros_like(likelihood)
    declared = np.log(np.clip(policy.rusty_after_days, candidates[0], candidates[-1]))
    for centre in logs:
        for spread in SPREADS:
            away = (logs - centre) / (spread or EQUAL)
            weight = np.exp(-(away**2) / 2)
            weight /= weight.sum()
            peak = likelihood.max(axis=1, keepdims=True)
            joint = np.exp(likelihood - peak) * weight
            total = float((np.log(np.maximum(joint.sum(axis=1), 1e-300)) + peak[:, 0]).sum())
            total -= float((centre - declared) / CENTRE) ** 2 / 2
            if total > best + 1e-9:
                best, chosen = total, joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
    days = np.exp(chosen @ logs)
    rounded = ROUNDED_TO * np.round(days / ROUNDED_TO)
    return np.clip(rounded, policy.half_life_least_days, policy.half_life_most_days).astype(np.int64)
