"""Rows of the ledger that are written together, as each write rewrites the whole ledger.

Belongs here: the ledger as a landing sees it, rows that are not written yet included.
Does not belong here: which files are landed (`landing`), which deliveries are current (`deliveries`).
"""

import polars as pl

from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.deliveries import read_ledger
from pipelines.storage.lake import Lake

# Rows that a killed landing may lose at most; their files are then read again.
MAX_UNWRITTEN_ROWS = 50


class LedgerWriter:
    """The ledger during the landing of one source.

    Attributes:
        rows: The rows of `DELIVERY`, those that are not written yet included.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._unwritten_rows = pl.DataFrame(schema=DELIVERY.schema)
        self.rows = read_ledger(lake)
        last_delivery_number = self.rows["delivery_number"].max()
        self._last_delivery_number = last_delivery_number if isinstance(last_delivery_number, int) else 0

    def take_number(self) -> int:
        """A delivery number that no other row has, whether a row is appended for it or not."""
        self._last_delivery_number += 1
        return self._last_delivery_number

    def append(self, ledger_row: pl.DataFrame) -> None:
        """Add a row, and write if many wait to be written.

        Args:
            ledger_row: One row in the contract of `DELIVERY`.
        """
        self.rows = pl.concat([self.rows, ledger_row])
        self._unwritten_rows = pl.concat([self._unwritten_rows, ledger_row])
        if self._unwritten_rows.height >= MAX_UNWRITTEN_ROWS:
            self.write()

    def write(self) -> None:
        """Write the rows that are not written yet."""
        if self._unwritten_rows.height:
            self._lake.merge(DELIVERY, self._unwritten_rows, self._unwritten_rows.select("delivery_number"))
            self._unwritten_rows = self._unwritten_rows.clear()
