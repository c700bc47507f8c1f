"""Decay: what evidence of long ago is still worth, and how fast each micro-skill fades, learnt from later judgements.

Belongs here: weights by half-life, sums of evidence before each judgement, half-lives with their shrinkage.
Does not belong here: what those sums say of a level (`ml.tracing`).

A row of evidence loses half of its weight in one half-life: 2^(-age / half-life), the forgetting curve of half-life
regression (Settles and Meeder 2016). A micro-skill's half-life is the posterior mean, on a log scale, under a normal
prior around the half-life that fits all micro-skills best: with few judgements it stays there.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.contracts.catalog import REVIEW_TABLE
from pipelines.contracts.policy import StagePolicy

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

PAIR = ("person_id", "skill_id")
# What a row of evidence adds to, each weighed by its age; all but `failed` speak for the person.
SUMS = ("practice", "observed", "taught", "succeeded", "failed")
# Learnt half-lives are told in whole months: a new judgement must not move every date of rust by a day.
ROUNDED_TO = 30
# Candidates between the policy's bounds; finer ones cannot be told apart.
CANDIDATES = 8
# How far half-lives of micro-skills may lie from each other, as standard deviations of the logarithm; 0: all are equal.
SPREADS = (0.0, 0.15, 0.3, 0.5, 0.8)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Judgements to learn from, one entry each, and the evidence before them. Days are counted from the first row."""

    rows: pl.DataFrame  # evidence of the judged pairs in order of pair and time: _pair, day, skill, SUMS, is_practice
    at: Ints  # row of each judgement
    start: Ints  # first row of its instant: what came before lies above it, in the same pair
    pair: Ints
    skill: Ints  # place in skill_ids
    skill_ids: tuple[str, ...]
    positive: Bools
    trust: Doubles


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


def gather_outcomes(evidence: pl.DataFrame, policy: StagePolicy, most: int) -> Outcomes:
    """The judgements in the evidence and all evidence of the same pairs; of more than `most`, those of some people."""
    judged = evidence.lazy().filter(pl.col("mode") == "feedback").select(*PAIR).collect()
    if judged.height > most:  # by the hash of the person: which people are taken does not change with the rows
        part = int(1000 * most / judged.height)
        judged = judged.filter(pl.col("person_id").hash(seed=7) % 1000 < part)
    rows = evidence.join(judged.unique(), on=PAIR, how="semi").sort(*PAIR, "occurred_at", "evidence_id")
    first = rows["occurred_at"].min()
    rows = rows.with_columns(
        pl.struct(PAIR).rle_id().cast(pl.Int64).alias("_pair"),
        ((pl.col("occurred_at") - first).dt.total_seconds() / 86_400).alias("day"),
        pl.struct(*PAIR, "occurred_at").rle_id().cast(pl.Int64).alias("_instant"),
        *weigh_rows(policy),
    )
    skill_ids = rows["skill_id"].unique().sort()
    place = skill_ids.search_sorted(rows["skill_id"]) if rows.height else pl.Series([], dtype=pl.UInt32)
    rows = rows.with_columns(pl.Series("skill", place).cast(pl.Int64))
    instant = rows["_instant"].to_numpy()
    at = np.flatnonzero((rows["mode"] == "feedback").to_numpy())
    positive = (rows["succeeded"].to_numpy() > 0)[at]
    trust = (rows["succeeded"] + rows["failed"]).to_numpy()[at]
    return Outcomes(
        rows.select("_pair", "day", "skill", *SUMS, "is_practice"), at,
        np.searchsorted(instant, instant[at]), rows["_pair"].to_numpy()[at], rows["skill"].to_numpy()[at],
        tuple(skill_ids), positive, trust,
    )  # fmt: skip


def sum_before(outcomes: Outcomes, half_life: Doubles) -> Doubles:
    """One row a judgement: SUMS of what came before its instant, and how fresh the last practice was, 0 for none.

    `half_life`: days, one for each micro-skill of the outcomes.
    """
    rows, at, start = outcomes.rows, outcomes.at, outcomes.start
    if not len(at):
        return np.zeros((0, len(SUMS) + 1))
    span = pl.Series("span", half_life[rows["skill"].to_numpy()])
    since = pl.col("day") - pl.col("day").first().over("_pair")
    grown = rows.select("_pair", "day", *SUMS, "is_practice", span).with_columns((since / pl.col("span")).alias("age"))
    grown = grown.with_columns((2.0 ** pl.col("age")).alias("grown"))
    # weights grow towards the future within a pair, and are brought back to the judgement's day below
    running = grown.select(
        *((pl.col(name) * pl.col("grown")).cum_sum().over("_pair").alias(name) for name in SUMS),
        pl.when("is_practice").then("age").forward_fill().over("_pair").alias("fresh"),
        "_pair",
        "age",
    )
    before = np.maximum(start - 1, 0)
    pair, age = running["_pair"].to_numpy(), running["age"].to_numpy()
    is_known = (start > 0) & (pair[before] == pair[at])
    sums = running.select(SUMS).to_numpy()[before] * (2.0 ** -age[at])[:, None]
    last = running["fresh"].fill_null(-np.inf).to_numpy()[before]
    fresh = 2.0 ** (last - age[at])
    return np.where(is_known[:, None], np.column_stack([sums, fresh]), 0.0)


def candidate_half_lives(policy: StagePolicy) -> Doubles:
    """Half-lives to try, evenly spaced by their logarithm between the policy's bounds, in days."""
    return np.geomspace(policy.half_life_least_days, policy.half_life_most_days, CANDIDATES)


def shrink_half_lives(likelihood: Doubles, candidates: Doubles, policy: StagePolicy) -> Ints:
    """Half-lives in whole days by micro-skill, from log-likelihoods (micro-skills x candidates).

    The centre and spread of the prior are those that make all judgements most likely (empirical Bayes).
    """
    logs = np.log(candidates)
    best, chosen = -np.inf, np.zeros_like(likelihood)
    for centre in logs:
        for spread in SPREADS:
            away = (logs - centre) / spread if spread else np.where(logs == centre, 0.0, np.inf)
            weight = np.exp(-(away**2) / 2)
            weight /= weight.sum()
            peak = likelihood.max(axis=1, keepdims=True)
            joint = np.exp(likelihood - peak) * weight
            total = float((np.log(np.maximum(joint.sum(axis=1), 1e-300)) + peak[:, 0]).sum())
            if total > best + 1e-9:
                best, chosen = total, joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-300)
    days = np.exp(chosen @ logs)
    rounded = ROUNDED_TO * np.round(days / ROUNDED_TO)
    return np.clip(rounded, policy.half_life_least_days, policy.half_life_most_days).astype(np.int64)
