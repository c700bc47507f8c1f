"""The history of the demo company as evidence, without exports, for tests and benchmarks of what follows from evidence.

Belongs here: the events of a block in the contract of the evidence ledger, without errors.
Does not belong here: the collection of evidence from exports (`pipelines.core.evidence`).
"""

import polars as pl

from pipelines.contracts.catalog import EVIDENCE, REVIEW_TABLE
from pipelines.demo.simulation.world import History, World

# The kind of a judgement in exports, by the planted kind.
_EXPORTED_KIND_BY_PLANTED_KIND = {"passed": "assessment", "endorsement": "peer"}


def build_evidence_ledger(world: World, history: History) -> pl.DataFrame:
    """Build the evidence of one block of people.

    Args:
        world: The company.
        history: The history of the block.

    Returns:
        One row per worklog, finished issue, course, received or given judgement, and lesson, in the contract of the
        evidence ledger; person_id is the employee number.
    """
    judgements = history.judgements
    given_judgements = judgements.filter(pl.col("giver").is_not_null(), pl.col("kind") != "self").with_columns(
        person=pl.col("giver")
    )
    done_issues = history.issues.filter("is_done").with_columns(day=pl.col("last_day"))
    hours, one_event, no_kind, no_giver = pl.col("hours"), pl.lit(1.0), pl.lit(None, pl.String), pl.lit(None, pl.Int64)
    score_share, exported_kind, giver_number = (
        ((pl.col("score") - 1) / 4).fill_null(1.0),
        pl.col("kind").replace(_EXPORTED_KIND_BY_PLANTED_KIND),
        pl.col("giver"),
    )
    worklog_table, issue_table = "core_project__event_worklog", "core_project__assn_assignment"
    course_table, mention_table = "core_learning__event_learning_record", "core_skill__event_skill_mention"
    evidence_specs = (
        (history.worklogs, "repetition", hours, "hours", worklog_table, no_kind, no_giver),
        (done_issues, "repetition", one_event, "count", issue_table, no_kind, no_giver),
        (history.courses, "observation", pl.col("minutes") / 60, "hours", course_table, no_kind, no_giver),
        (judgements, "feedback", score_share, "share", REVIEW_TABLE, exported_kind, giver_number),
        (given_judgements, "teaching", one_event, "count", REVIEW_TABLE, no_kind, no_giver),
        (history.lessons, "teaching", hours, "hours", mention_table, no_kind, no_giver),
    )
    evidence_rows = pl.concat(
        event_rows.select(
            pl.col("person", "skill").cast(pl.Int64),
            pl.col("day").cast(pl.Int32).cast(pl.Date).cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
            pl.lit(mode).alias("mode"),
            amount.cast(pl.Float64).alias("amount"),
            pl.lit(amount_unit).alias("amount_unit"),
            feedback_kind.alias("feedback_kind"),
            giver_expression.cast(pl.Int64).alias("giver"),
            pl.lit(table_name).alias("table_name"),
        )
        for event_rows, mode, amount, amount_unit, table_name, feedback_kind, giver_expression in evidence_specs
    )
    employee_numbers, skill_ids = world.people["employee_number"], world.catalog.skills["skill_id"]
    evidence_code = pl.format("{}-{}", pl.lit(history.block_number), pl.int_range(pl.len()))
    return evidence_rows.with_columns(
        employee_numbers.gather(evidence_rows["person"]).alias("person_id"),
        skill_ids.gather(evidence_rows["skill"]).alias("skill_id"),
        pl.when(giver_number.is_not_null())
        .then(employee_numbers.gather(evidence_rows["giver"].fill_null(0)))
        .alias("given_by_id"),
        evidence_code.alias("evidence_id"),
        evidence_code.alias("record_code"),
        pl.lit("demo").alias("source_name"),
        pl.lit("0" * 64).alias("file_sha256"),
        pl.int_range(1, pl.len() + 1).alias("row_number"),
        pl.lit("amount").alias("source_column"),
    ).select(pl.col(column_name).cast(dtype) for column_name, dtype in EVIDENCE.schema.items())
