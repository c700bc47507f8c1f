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
    deletion_reason = pl.col("passed_over").list.eval(
        pl.element().struct.field("why").filter(pl.element().struct.field("why").str.starts_with(FILE_DELETED))
    )
    emptied_deliveries = read_ledger(lake).filter(delivery_status="landed", good_count=0)
    deletion_reasons = emptied_deliveries.select(
        "source_name", "file_sha256", deletion_reason.list.last().alias("delivery_reason")
    )
    return deletion_reasons.drop_nulls("delivery_reason").unique(("source_name", "file_sha256"))


def keep_rows_of_deleted_files(
    lake: Lake, landed_rows: ValidatedRows, reference_values: ReferenceValues
) -> ValidatedRows:
    """Add the rows of a core table that only deleted files gave: they stay until their own period ends.

    Args:
        lake: Where the table is, as the last run left it.
        landed_rows: The rows that the landed files give now.
        reference_values: The values that references of the table may take.

    Returns:
        All rows; a record that a landed file gives is taken from there.
    """
    deleted_files = list_deleted_files(lake)
    if deleted_files.is_empty():
        return landed_rows
    table = landed_rows.table
    stored_rows = lake.scan(table).join(deleted_files.lazy(), on=("source_name", "file_sha256"), how="semi").collect()
    kept_rows = stored_rows.join(landed_rows.good_rows, on=table.key, how="anti", maintain_order="left")
    for column_reference in table.references:
        if column_reference.target in reference_values:
            kept_rows = kept_rows.filter(
                pl.col(column_reference.column).is_null()
                | pl.col(column_reference.column).is_in(reference_values[column_reference.target].implode())
            )
    validated_rows = validate_rows(table, kept_rows, reference_values)
    return ValidatedRows(
        table,
        sort_rows(table, pl.concat([landed_rows.good_rows, validated_rows.good_rows])),
        landed_rows.bad_rows,
        landed_rows.good_counts + validated_rows.good_counts,
        landed_rows.bad_counts,
    )


def drop_due_quarantine(lake: Lake, core_rows: ValidatedRows, today: date) -> ValidatedRows:
    """Leave out quarantined rows whose period has ended: each run would set them aside again.

    Args:
        lake: Has the ledger of deliveries.
        core_rows: The rows of a core table.
        today: The present day.
    """
    retention_days = quarantine_table(core_rows.table.name).retention_days
    if retention_days is None or core_rows.bad_rows.is_empty():
        return core_rows
    is_file_due = is_delivery_due(retention_days, today).all().over("source_name", "file_sha256")
    due_files = read_ledger(lake).filter(is_file_due).select("source_name", "file_sha256").unique()
    remaining_rows = core_rows.bad_rows.join(
        due_files, on=("source_name", "file_sha256"), how="anti", maintain_order="left"
    )
    if remaining_rows.height == core_rows.bad_rows.height:
        return core_rows
    bad_counts = count_quarantined(core_rows.table, remaining_rows)
    return ValidatedRows(core_rows.table, core_rows.good_rows, remaining_rows, core_rows.good_counts, bad_counts)


def is_delivery_due(retention_days: int, today: date) -> pl.Expr:
    """Whether the retention period of a delivery's rows has ended.

    The day of a delivery may lie years before the day on which it was landed, for example when the history of a system
    is loaded for the first time. The period therefore starts on the later of the two days.

    Args:
        retention_days: The days of the period.
        today: The present day.
    """
    return is_due("delivered_date", retention_days, today) & is_due("landed_at", retention_days, today)


def is_due(day_column: str, retention_days: int, today: date) -> pl.Expr:
    """Whether a row is older than its table keeps rows; false for a row without a day.

    Args:
        day_column: The day from which its period counts.
        retention_days: The days of the period.
        today: The present day.
    """
    return (pl.col(day_column).cast(pl.Date) < today - timedelta(days=retention_days)).fill_null(False)
