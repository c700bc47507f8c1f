"""Outcomes of steps: how far people got with steps that they had been recommended, and with other steps.

Belongs here: what became of each step that was taken, and what else distinguishes recommended steps from others.
Does not belong here: the comparison (`ml.evaluation.benefits`), whether steps are taken (`ml.evaluation.offpolicy`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from ml.mastery.state import last_instant
from pipelines.contracts.columns import stage_index

FOLLOW_UP_DAYS = (180, 365)
OUTCOMES = ("held", "worked", "completed")
# What is known of a step before it is taken, and could be the reason both for its recommendation and for its success.
COVARIATES = ("held_count", "recent_count", "holder_count", "goal_index", "capability_share")
_RECENT_DAYS = 90
_STEP = ("person_id", "skill_id", "to_stage")


@dataclass(frozen=True)
class StepRecords:
    """What is recorded of steps and people up to a day.

    Attributes:
        reached_steps: person_id, skill_id, kind, to_stage, reached_at.
        shown_steps: One row per step that a reader showed: person_id, skill_id, to_stage, shown_at.
        evidence: Rows of EVIDENCE, at least the columns MASTERY_INPUTS.
        skills: skill_id, capability_id.
        as_of: The last day that is recorded.
        horizon_days: Days before a step was taken within which showing it counts as a recommendation.
        estimate_mastery: Computes mastery from evidence as of `as_of`, as the run does.
    """

    reached_steps: pl.DataFrame
    shown_steps: pl.DataFrame
    evidence: pl.DataFrame
    skills: pl.DataFrame
    as_of: date
    horizon_days: int
    estimate_mastery: Callable[[pl.DataFrame], pl.DataFrame]


def label_taken_steps(records: StepRecords, follow_up_days: int) -> pl.DataFrame:
    """Label the steps that people took by whether they had been shown, and by what became of them.

    Steps count from the first showing of any step on, if `follow_up_days` have passed since; a refresh does not count.

    Args:
        records: What is recorded.
        follow_up_days: Days after a step at which its outcomes are read.

    Returns:
        One row per person and step taken: person_id, skill_id, to_stage, taken_at, is_recommended, COVARIATES, and
        `held` (the stage is still reached and not rusty), `worked` (work in the micro-skill since), `completed` (the
        person holds all micro-skills of the capability; null if it was complete before or the step has none).
    """
    last_taken_at = last_instant(records.as_of) - timedelta(days=follow_up_days)
    taken_steps = (
        records.reached_steps.filter(pl.col("kind") != "refresh")
        .select(*_STEP, taken_at="reached_at")
        .filter(pl.col("taken_at").is_between(records.shown_steps["shown_at"].min(), last_taken_at))
        .sort("taken_at", *_STEP)
        .unique(_STEP, keep="first", maintain_order=True)
        .with_row_index("taken_step")
    )
    taken_steps = _add_covariates(_mark_recommended(taken_steps, records), records)
    for add_outcome in (_add_held, _add_worked, _add_completed):
        taken_steps = add_outcome(taken_steps, records, follow_up_days)
    return taken_steps.drop("taken_step")


def _mark_recommended(taken_steps: pl.DataFrame, records: StepRecords) -> pl.DataFrame:
    shown_before = (
        taken_steps.join(records.shown_steps.select(*_STEP, "shown_at"), on=_STEP)
        .filter(
            (pl.col("taken_at") - pl.col("shown_at")).is_between(timedelta(0), timedelta(days=records.horizon_days))
        )
        .select("taken_step", is_recommended=pl.lit(True))
        .unique()
    )
    return taken_steps.join(shown_before, on="taken_step", how="left", maintain_order="left").with_columns(
        pl.col("is_recommended").fill_null(False)
    )


def _list_first_holdings(records: StepRecords) -> pl.DataFrame:
    """When each person first held each micro-skill: person_id, skill_id, capability_id, first_at."""
    first_holdings = records.reached_steps.group_by("person_id", "skill_id").agg(
        pl.col("reached_at").min().alias("first_at")
    )
    return first_holdings.join(records.skills.select("skill_id", "capability_id"), on="skill_id", how="left")


def _add_covariates(taken_steps: pl.DataFrame, records: StepRecords) -> pl.DataFrame:
    """Add COVARIATES: logarithms of counts before the step, its stage, and the share of its capability held before."""
    first_holdings = _list_first_holdings(records)
    own_holdings = taken_steps.select("taken_step", "person_id", "taken_at", "skill_id").join(
        first_holdings.select("person_id", "first_at", "capability_id"), on="person_id"
    )
    own_holdings = own_holdings.filter(pl.col("first_at") < pl.col("taken_at"))
    step_capabilities = taken_steps.select("taken_step", "skill_id").join(
        records.skills.select("skill_id", step_capability_id="capability_id"), on="skill_id", how="left"
    )
    capability_sizes = records.skills.drop_nulls("capability_id").group_by("capability_id").len("capability_size")
    own_counts = (
        own_holdings.join(step_capabilities.drop("skill_id"), on="taken_step")
        .group_by("taken_step")
        .agg(
            held_count=pl.len(),
            recent_count=(pl.col("taken_at") - pl.col("first_at") <= timedelta(days=_RECENT_DAYS)).sum(),
            capability_count=(pl.col("capability_id") == pl.col("step_capability_id")).sum(),
        )
    )
    # counted up once per micro-skill: pairs of a step and a holder would grow with the square of the people
    holder_totals = (
        first_holdings.group_by("skill_id", "first_at")
        .agg(new_holder_count=pl.len())
        .sort("first_at")
        .select("skill_id", "first_at", holder_count=pl.col("new_holder_count").cum_sum().over("skill_id"))
    )
    holder_counts = (
        taken_steps.select("taken_step", "skill_id", "taken_at")
        .sort("taken_at")
        .join_asof(
            holder_totals,
            left_on="taken_at",
            right_on="first_at",
            by="skill_id",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .select("taken_step", "holder_count")
    )
    return (
        taken_steps.join(own_counts, on="taken_step", how="left", maintain_order="left")
        .join(holder_counts, on="taken_step", how="left", maintain_order="left")
        .join(step_capabilities.drop("skill_id"), on="taken_step", how="left", maintain_order="left")
        .join(
            capability_sizes.rename({"capability_id": "step_capability_id"}),
            on="step_capability_id",
            how="left",
            maintain_order="left",
        )
        .with_columns(
            pl.col("held_count", "recent_count", "holder_count").fill_null(0).cast(pl.Float64).log1p(),
            goal_index=stage_index("to_stage").cast(pl.Float64),
            capability_share=(pl.col("capability_count") / pl.col("capability_size")).fill_null(0.0),
        )
        .drop("capability_count", "capability_size", "step_capability_id")
    )


def _add_held(taken_steps: pl.DataFrame, records: StepRecords, follow_up_days: int) -> pl.DataFrame:
    """Add `held`, by the run's own estimate: each step becomes a person whose days are moved to end with `as_of`.

    What happened later than `follow_up_days` after the step moves past `as_of`, and does not count.
    """
    read_at = pl.col("taken_at") + timedelta(days=follow_up_days)
    version_id = pl.col("taken_step").cast(pl.String)
    moved_evidence = (
        records.evidence.join(
            taken_steps.select("taken_step", "person_id", "skill_id", "taken_at"), on=("person_id", "skill_id")
        )
        .with_columns(
            person_id=version_id, occurred_at=pl.col("occurred_at") + (pl.lit(last_instant(records.as_of)) - read_at)
        )
        .select(records.evidence.columns)
    )
    stages_then = records.estimate_mastery(moved_evidence).select(
        pl.col("person_id").cast(pl.UInt32).alias("taken_step"), stage_then="stage", is_rusty_then="is_rusty"
    )
    is_held = (stage_index("stage_then") >= stage_index("to_stage")) & ~pl.col("is_rusty_then")
    return (
        taken_steps.join(stages_then, on="taken_step", how="left", maintain_order="left")
        .with_columns(pl.col("stage_then").fill_null("none"), pl.col("is_rusty_then").fill_null(False))
        .with_columns(is_held.alias("held"))
        .drop("stage_then", "is_rusty_then")
    )


def _add_worked(taken_steps: pl.DataFrame, records: StepRecords, follow_up_days: int) -> pl.DataFrame:
    worked_steps = (
        records.evidence.filter(pl.col("mode") == "repetition")
        .select("person_id", "skill_id", "occurred_at")
        .join(taken_steps.select("taken_step", "person_id", "skill_id", "taken_at"), on=("person_id", "skill_id"))
        .filter(
            pl.col("occurred_at") > pl.col("taken_at"),
            pl.col("occurred_at") <= pl.col("taken_at") + timedelta(days=follow_up_days),
        )
        .select("taken_step", worked=pl.lit(True))
        .unique()
    )
    return taken_steps.join(worked_steps, on="taken_step", how="left", maintain_order="left").with_columns(
        pl.col("worked").fill_null(False)
    )


def _add_completed(taken_steps: pl.DataFrame, records: StepRecords, follow_up_days: int) -> pl.DataFrame:
    """Add `completed`; the last micro-skill of a capability completes it."""
    capability_sizes = records.skills.drop_nulls("capability_id").group_by("capability_id").len("capability_size")
    completions = (
        _list_first_holdings(records)
        .join(capability_sizes, on="capability_id")
        .group_by("person_id", "capability_id", "capability_size")
        .agg(pl.len().alias("held_count_now"), completed_at=pl.col("first_at").max())
        .filter(pl.col("held_count_now") == pl.col("capability_size"))
        .select("person_id", "capability_id", "completed_at")
    )
    is_in_time = pl.col("completed_at") <= pl.col("taken_at") + timedelta(days=follow_up_days)
    can_complete = pl.col("capability_id").is_not_null() & (pl.col("completed_at") >= pl.col("taken_at")).fill_null(
        True
    )
    return (
        taken_steps.join(
            records.skills.select("skill_id", "capability_id"), on="skill_id", how="left", maintain_order="left"
        )
        .join(completions, on=("person_id", "capability_id"), how="left", maintain_order="left")
        .with_columns(pl.when(can_complete).then(is_in_time.fill_null(False)).alias("completed"))
        .drop("capability_id", "completed_at")
    )
