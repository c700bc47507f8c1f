"""The errors that real exports contain, planted in known numbers.

Belongs here: the choice of rows, the planted values, and exact counts.
Does not belong here: the columns that a vendor's errors are in (that vendor's export), and how a reader treats them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

# About half a percent of rows in all, as measured on exports that people edit by hand.
DUPLICATE_SHARE = 0.0015
BAD_DATE_SHARE = 0.001
UNKNOWN_PERSON_SHARE = 0.001
MIXED_CASE_SHARE = 0.0015
# A file with this many rows or more has at least one error of each kind, so that a small demo shows them all. A file of
# many small pieces (a month's statements) has no such minimum, or most of it would be errors.
EVERY_KIND_FROM_ROWS = 100


@dataclass(frozen=True)
class PlantedError:
    """One kind of error: the share of rows it occurs in, and the value that it writes to one column."""

    kind: str
    row_share: float
    column_name: str
    planted_value: pl.Expr


def plant_errors(
    rows: pl.DataFrame,
    planted_errors: Sequence[PlantedError],
    rng: np.random.Generator,
    *,
    needs_every_kind: bool = True,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Plant each kind of error in rows of its own, and append exact copies of some rows without an error.

    Args:
        rows: The rows of an export.
        planted_errors: The kinds of errors.
        rng: Chooses the rows.
        needs_every_kind: Whether a large frame has at least one error of each kind.

    Returns:
        The rows with errors, and the number of errors by kind; copies are the kind `duplicate_row`.
    """
    minimum_count = 1 if needs_every_kind and rows.height >= EVERY_KIND_FROM_ROWS else 0
    error_shares = [*(planted_error.row_share for planted_error in planted_errors), DUPLICATE_SHARE]
    # a fraction of a row counts by chance
    error_counts = [
        min(max(int(rows.height * error_share + rng.random()), minimum_count), rows.height // 10)
        for error_share in error_shares
    ]
    error_row_indices = rng.choice(max(rows.height, 1), size=sum(error_counts), replace=False)
    error_numbers = np.zeros(rows.height, dtype=np.int8)
    error_numbers[error_row_indices] = np.repeat(np.arange(1, len(error_counts) + 1), error_counts)
    marked_rows = rows.with_columns(pl.Series("_mark", error_numbers))
    for error_number, planted_error in enumerate(planted_errors, start=1):
        cells_with_error = (
            pl.when(pl.col("_mark") == error_number)
            .then(planted_error.planted_value)
            .otherwise(pl.col(planted_error.column_name))
        )
        marked_rows = marked_rows.with_columns(cells_with_error.alias(planted_error.column_name))
    error_kinds = [*(planted_error.kind for planted_error in planted_errors), "duplicate_row"]
    return pl.concat([marked_rows, marked_rows.filter(pl.col("_mark") == len(error_counts))]).drop("_mark"), dict(
        zip(error_kinds, error_counts, strict=True)
    )
