"""Deliveries whose files and landed rows were deleted for their age, while rows made of them stay.

Belongs here: which deliveries those are, and the rows of a core table that only they gave.
Does not belong here: the deletion (`pipelines.privacy.retention`).
"""

from datetime import date, timedelta

import polars as pl

from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.ingest.deliveries import read_ledger
from pipelines.storage.lake import Lake
from pipelines.validation.quarantine import count_quarantined
from pipelines.validation.rule_evaluation import ReferenceValues, ValidatedRows, sort_rows, validate_rows

# The start of the reason under which the ledger counts landed rows that were deleted; the day follows.
FILE_DELETED = "file deleted on "


def list_deleted_files(lake: Lake) -> pl.DataFrame:
    """The deliveries of which no landed row is left: source_name, file_sha256, and the reason with the day.

    A delivery of which only the quarantine was deleted still has its rows.
    """
    reason = pl.col("passed_over").list.eval(
        pl.element().struct.field("why").filter(pl.element().struct.field("why").str.starts_with(FILE_DELETED))
    )
    ledger = read_ledger(lake).filter(delivery_status="landed", good_count=0)
    reasons = ledger.select("source_name", "file_sha256", reason.list.last().alias("delivery_reason"))
    return reasons.drop_nulls("delivery_reason").unique(("source_name", "file_sha256"))


def keep_rows_of_deleted_files(lake: Lake, rows: ValidatedRows, references: ReferenceValues) -> ValidatedRows:
    """Add the rows of a core table that only deleted files gave: they stay until their own period ends.

    Args:
        lake: Where the table is, as the last run left it.
        rows: The rows that the landed files give now.
        references: The values that references of the table may take.

    Returns:
        All rows; a record that a landed file gives is taken from there.
    """
    deleted_files = list_deleted_files(lake)
    if deleted_files.is_empty():
        return rows
    table = rows.table
    stored_rows = lake.scan(table).join(deleted_files.lazy(), on=("source_name", "file_sha256"), how="semi").collect()
    kept_rows = stored_rows.join(rows.good_rows, on=table.key, how="anti", maintain_order="left")
    for reference in table.references:
        if reference.target in references:
            kept_rows = kept_rows.filter(
                pl.col(reference.column).is_null()
                | pl.col(reference.column).is_in(references[reference.target].implode())
            )
    validated_rows = validate_rows(table, kept_rows, references)
    return ValidatedRows(
        table,
        sort_rows(table, pl.concat([rows.good_rows, validated_rows.good_rows])),
        rows.bad_rows,
        rows.good_counts + validated_rows.good_counts,
        rows.bad_counts,
    )


def drop_due_quarantine(lake: Lake, rows: ValidatedRows, today: date) -> ValidatedRows:
    """Leave out quarantined rows whose period has ended: each run would set them aside again.

    Args:
        lake: Has the ledger of deliveries.
        rows: The rows of a core table.
        today: The present day.
    """
    days = quarantine_table(rows.table.name).retention_days
    if days is None or rows.bad_rows.is_empty():
        return rows
    is_file_due = is_delivery_due(days, today).all().over("source_name", "file_sha256")
    due_files = read_ledger(lake).filter(is_file_due).select("source_name", "file_sha256").unique()
    remaining_rows = rows.bad_rows.join(due_files, on=("source_name", "file_sha256"), how="anti", maintain_order="left")
    if remaining_rows.height == rows.bad_rows.height:
        return rows
    bad_counts = count_quarantined(rows.table, remaining_rows)
    return ValidatedRows(rows.table, rows.good_rows, remaining_rows, rows.good_counts, bad_counts)


def is_delivery_due(days: int, today: date) -> pl.Expr:
    """Whether a delivery of the ledger is older than its rows are kept.

    Its day may lie years before it was landed, as when the history of a system is loaded for the first time. The
    period therefore counts from the later of both.

    Args:
        days: The days of the period.
        today: The present day.
    """
    return is_due("delivered_date", days, today) & is_due("landed_at", days, today)


def is_due(column: str, days: int, today: date) -> pl.Expr:
    """Whether a row is older than its table keeps rows; false for a row without a day.

    Args:
        column: The day from which its period counts.
        days: The days of the period.
        today: The present day.
    """
    return (pl.col(column).cast(pl.Date) < today - timedelta(days=days)).fill_null(False)
