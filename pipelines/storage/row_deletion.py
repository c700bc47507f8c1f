"""Deletion of rows from the files of a table: the one mechanism for erasure and retention.

Belongs here: `delete rows where` for Parquet files, and for a table of the lake.
Does not belong here: which rows are deleted, and why (`pipelines.privacy`).

A deletion can be repeated after a kill at any moment: each file is replaced as a whole, and a file without matching
rows is not touched.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from pipelines.contracts.table import Table
from pipelines.storage.file_layout import split_into_files
from pipelines.storage.lake import Lake
from pipelines.storage.parquet_files import content_sha256, write_parquet


@dataclass(frozen=True)
class RowDeletion:
    """What is deleted from a table.

    Attributes:
        is_deleted: Whether a row is deleted; null counts as no.
        new_value_by_column: New values of columns of the remaining rows, by name, such as null for the id of somebody
            else.
    """

    is_deleted: pl.Expr
    new_value_by_column: Mapping[str, pl.Expr]

    def apply(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The remaining rows, in their order."""
        return rows.filter(~self.is_deleted.fill_null(False)).with_columns(**self.new_value_by_column)

    def count(self, rows: pl.LazyFrame) -> "DeletionCounts":
        """The number of rows that are deleted, and of remaining rows that change."""
        is_deleted = self.is_deleted.fill_null(False)
        is_changed = pl.any_horizontal(
            pl.lit(False),
            *(pl.col(column_name).ne_missing(new_value) for column_name, new_value in self.new_value_by_column.items()),
        )
        count_row = rows.select(
            deleted=is_deleted.cast(pl.Int64).sum(), cleared=(~is_deleted & is_changed).cast(pl.Int64).sum()
        )
        return DeletionCounts(*count_row.collect().row(0))


@dataclass(frozen=True)
class DeletionCounts:
    """Rows that a deletion removes, and rows that stay with fewer values."""

    deleted: int = 0
    cleared: int = 0

    def __add__(self, added_counts: "DeletionCounts") -> "DeletionCounts":
        """The sum."""
        return DeletionCounts(self.deleted + added_counts.deleted, self.cleared + added_counts.cleared)

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.deleted or self.cleared)


def count_in_table(lake: Lake, table: Table, deletion: RowDeletion) -> DeletionCounts:
    """The number of rows of a table of the lake that a deletion changes."""
    return deletion.count(lake.scan(table)) if lake.files(table) else DeletionCounts()


def delete_from_table(lake: Lake, table: Table, deletion: RowDeletion) -> None:
    """Delete rows of a table of the lake; only files that hold such rows are rewritten.

    The rows of a range of people whose first person is deleted join the previous range, as in a table that was written
    without that person.

    Args:
        lake: The lake.
        table: The table, not a raw table.
        deletion: The rows.
    """
    file_names = sorted(path.stem for path in lake.files(table))
    changed_file_names = [
        file_name for file_name in file_names if deletion.count(_scan_file(table, lake.file(table, file_name)))
    ]
    previous_name_by_file = {file_name: previous_name for previous_name, file_name in pairwise(file_names)}
    # from the last range to the first, so that a range may grow by the next one before its own rows are deleted
    for file_name in reversed(changed_file_names):
        remaining_rows = deletion.apply(_scan_file(table, lake.file(table, file_name)).collect())
        rows_by_file = split_into_files(table, remaining_rows)
        if file_name not in rows_by_file and table.is_partitioned_by_person and file_name in previous_name_by_file:
            previous_rows = _scan_file(table, lake.file(table, previous_name_by_file[file_name])).collect()
            rows_by_file = split_into_files(
                table, pl.concat([previous_rows, remaining_rows]).unique(maintain_order=True)
            )
        elif remaining_rows.is_empty() and len(file_names) > 1:
            rows_by_file = {}
        for new_file_name, file_rows in rows_by_file.items():
            file_metadata = {"content_sha256": content_sha256(file_rows), "contract": f"{table.name} {table.version}"}
            write_parquet(file_rows, lake.file(table, new_file_name), file_metadata)
        if file_name not in rows_by_file:
            lake.file(table, file_name).unlink()


def rewrite_parquet(path: Path, deletion: RowDeletion) -> DeletionCounts:
    """Delete rows of one Parquet file; its key-value metadata stays.

    Args:
        path: The file.
        deletion: The rows.

    Returns:
        The number of rows that changed; the file is untouched if none did.
    """
    deletion_counts = deletion.count(pl.scan_parquet(path))
    if deletion_counts:
        kept_metadata = {
            metadata_key: metadata_text
            for metadata_key, metadata_text in pl.read_parquet_metadata(path).items()
            if metadata_key not in ("ARROW:schema", "content_sha256")
        }
        write_parquet(deletion.apply(pl.read_parquet(path)), path, kept_metadata)
    return deletion_counts


def _scan_file(table: Table, path: Path) -> pl.LazyFrame:
    return pl.scan_parquet(path, missing_columns="insert", extra_columns="ignore", schema=table.schema)
