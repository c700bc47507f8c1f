"""When people had repeated a micro-skill as often as a master must, where no feedback tells stages.

Belongs here: the day on which repetition alone was enough.
Does not belong here: stages, which rest on feedback too (`ml.mastery`), weeks of practice (`practice_weeks`).
"""

from datetime import date

import polars as pl

from pipelines.contracts.columns import STAGES
from pipelines.contracts.dates import end_of_day
from pipelines.contracts.policy import MasterPolicy

# What `find_repeated_masters` reads of EVIDENCE.
REPEATED_INPUTS = ("person_id", "skill_id", "occurred_at", "mode", "amount", "amount_unit")
_PAIR = ("person_id", "skill_id")


def records_no_feedback(reached_steps: pl.DataFrame) -> bool:
    """Whether nobody has deepened a micro-skill: no feedback is recorded, and no stage after apprentice can be reached.

    Args:
        reached_steps: Rows in the contract of `REACHED_STEP`: kind.
    """
    return reached_steps.filter(pl.col("kind") == "deepen").is_empty()


def find_repeated_masters(evidence: pl.DataFrame, as_of: date, policy: MasterPolicy) -> pl.DataFrame:
    """Find the day on which each person had repeated a micro-skill on as many days, or for as long, as a master must.

    Args:
        evidence: Rows of `EVIDENCE`, at least `REPEATED_INPUTS`.
        as_of: The last day that counts.
        policy: What a master has repeated.

    Returns:
        One row per person and micro-skill that was repeated as often: person_id, skill_id, to_stage (master) and
        reached_at (null-free, the first moment of practice on that day).
    """
    hours = pl.when(pl.col("amount_unit") == "hours").then("amount").otherwise(0.0)
    practised_days = (
        evidence.filter(pl.col("mode") == "repetition", pl.col("occurred_at") < end_of_day(as_of))
        .with_columns(pl.col(*_PAIR).cast(pl.Categorical))
        .group_by(*_PAIR, pl.col("occurred_at").dt.date().alias("day"))
        .agg(hours.sum().alias("hours"), pl.col("occurred_at").min())
        .sort("day")
        .with_columns(
            pl.col("hours").cum_sum().over(_PAIR).alias("hours_so_far"),
            pl.col("day").cum_count().over(_PAIR).alias("days_so_far"),
        )
    )
    is_enough = (pl.col("days_so_far") >= policy.repetition_days) | (pl.col("hours_so_far") >= policy.repetition_hours)
    return (
        practised_days.filter(is_enough)
        .group_by(_PAIR)
        .agg(pl.col("occurred_at").min().alias("reached_at"))
        .select(pl.col(*_PAIR).cast(pl.String), pl.lit(STAGES[-1]).alias("to_stage"), "reached_at")
        .sort(_PAIR)
    )
