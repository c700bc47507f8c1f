"""The demo company's history as evidence at once, without exports: for tests and benchmarks of what follows from it.

Belongs here: a block's events in the contract of the evidence ledger, clean of any dirt.
Does not belong here: how evidence is collected from exports (`pipelines.core.evidence`).
"""

import polars as pl

from pipelines.contracts.catalog import EVIDENCE, REVIEW_TABLE
from pipelines.demo.simulation.world import History, World

# What the exports call a judgement, by what is planted.
_KINDS = {"passed": "assessment", "endorsement": "peer"}


def build_evidence_ledger(world: World, history: History) -> pl.DataFrame:
    """One row per worklog, finished issue, course, judgement received or given, and lesson; in the ledger's contract.

    person_id is the employee number.
    """
    score = ((pl.col("score") - 1) / 4).fill_null(1.0)
    kind = pl.col("kind").replace(_KINDS)
    judged = history.judgements
    given = judged.filter(pl.col("giver").is_not_null(), pl.col("kind") != "self")
    done = history.issues.filter("is_done").with_columns(pl.col("last_day").alias("day"))
    parts = [
        _rows(history.worklogs, "repetition", pl.col("hours"), "hours", "core_project__event_worklog"),
        _rows(done, "repetition", pl.lit(1.0), "count", "core_project__assn_assignment"),
        _rows(history.courses, "observation", pl.col("minutes") / 60, "hours", "core_learning__event_learning_record"),
        _rows(judged, "feedback", score, "share", REVIEW_TABLE, kind=kind, giver=pl.col("giver")),
        _rows(given.with_columns(pl.col("giver").alias("person")), "teaching", pl.lit(1.0), "count", REVIEW_TABLE),
        _rows(history.lessons, "teaching", pl.col("hours"), "hours", "core_skill__event_skill_mention"),
    ]
    number, skill_ids = world.people["employee_number"], world.catalog.skills["skill_id"]
    rows = pl.concat(parts)
    code = pl.format("{}-{}", pl.lit(history.block), pl.int_range(pl.len()))
    found = rows.with_columns(
        number.gather(rows["person"]).alias("person_id"),
        skill_ids.gather(rows["skill"]).alias("skill_id"),
        pl.when(pl.col("giver").is_not_null()).then(number.gather(rows["giver"].fill_null(0))).alias("given_by_id"),
        code.alias("evidence_id"),
        code.alias("record_code"),
        pl.lit("demo").alias("source_name"),
        pl.lit("0" * 64).alias("file_sha256"),
        pl.int_range(1, pl.len() + 1).alias("row_number"),
        pl.lit("amount").alias("source_column"),
    )
    return found.select(pl.col(name).cast(dtype) for name, dtype in EVIDENCE.schema.items())


def _rows(
    frame: pl.DataFrame,
    mode: str,
    amount: pl.Expr,
    unit: str,
    table: str,
    *,
    kind: pl.Expr | None = None,
    giver: pl.Expr | None = None,
) -> pl.DataFrame:
    return frame.select(
        pl.col("person").cast(pl.Int64),
        pl.col("skill").cast(pl.Int64),
        pl.col("day").cast(pl.Int32).cast(pl.Date).cast(pl.Datetime("us", "UTC")).alias("occurred_at"),
        pl.lit(mode).alias("mode"),
        amount.cast(pl.Float64).alias("amount"),
        pl.lit(unit).alias("amount_unit"),
        (pl.lit(None, pl.String) if kind is None else kind).alias("feedback_kind"),
        (pl.lit(None, pl.Int64) if giver is None else giver.cast(pl.Int64)).alias("giver"),
        pl.lit(table).alias("table_name"),
    )
