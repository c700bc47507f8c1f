"""Periods of whole months that hold a limited number of rows of tables that are split by month.

Belongs here: which months are processed together. Does not belong here: the processing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

import polars as pl

from pipelines.contracts.table import Table
from pipelines.storage.file_layout import UNDATED
from pipelines.storage.lake import Lake
from pipelines.storage.part_writer import ROWS_PER_PART


@dataclass(frozen=True)
class Period:
    """Whole months.

    Attributes:
        start: The first moment (UTC); None if the period has no beginning.
        end: The first moment after it (UTC); None if it has no end.
    """

    start: datetime | None = None
    end: datetime | None = None

    def includes(self, moment: pl.Expr) -> pl.Expr:
        """Whether a moment lies in the period; null moments lie in none, unless the period is all time.

        Args:
            moment: Expression of a timestamp.
        """
        conditions = [pl.lit(True)]
        if self.start is not None:
            conditions.append(moment >= self.start)
        if self.end is not None:
            conditions.append(moment < self.end)
        return pl.all_horizontal(conditions)


ALL_TIME = Period()


def list_periods(lake: Lake, tables: Sequence[Table]) -> list[Period]:
    """List consecutive periods that together are all time.

    A period has at most `ROWS_PER_PART` rows of all tables together, unless a single month has more.

    Args:
        lake: Holds the tables.
        tables: Contracts of tables that are split by month.
    """
    row_count_by_month: dict[str, int] = {}
    for table in tables:
        for path in lake.files(table):
            if path.stem != UNDATED:
                month_rows = int(pl.scan_parquet(path).select(pl.len()).collect().item())
                row_count_by_month[path.stem] = row_count_by_month.get(path.stem, 0) + month_rows
    first_months, period_rows = [], 0
    for month, month_rows in sorted(row_count_by_month.items()):
        if period_rows and period_rows + month_rows > ROWS_PER_PART:
            first_months.append(month)
            period_rows = 0
        period_rows += month_rows
    bounds = [None, *(datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC) for month in first_months), None]
    return [Period(start, end) for start, end in pairwise(bounds)]
