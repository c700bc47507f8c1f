"""A folder of exports that is written block by block, with the number of rows and planted errors per file.

Belongs here: opening, appending, counting.
Does not belong here: the content of the files.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import polars as pl

from pipelines.demo.exports.planted_errors import PlantedError, plant_errors

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass
class ExportFolder:
    """The folder of the exports. The first rows of a file replace an earlier file; later rows are appended.

    Attributes:
        root: The folder.
        row_counts: Rows per file, without headers.
        error_counts: Planted errors per file and kind.
    """

    root: Path
    row_counts: Counter[str] = field(default_factory=Counter)
    error_counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def append_csv(
        self,
        file_name: str,
        rows: pl.DataFrame,
        *,
        column_headers: Sequence[str] | None = None,
        byte_order_mark: bool = False,
        line_terminator: Literal["\n", "\r\n"] = "\n",
    ) -> None:
        """Append rows to a CSV file; the first call for a file writes its header.

        Args:
            file_name: Path of the file in the folder.
            rows: The rows.
            column_headers: The headers if they differ from the frame's column names; they may repeat names.
            byte_order_mark: Whether the file starts with a byte order mark.
            line_terminator: The end of a line.
        """
        is_new_file = file_name not in self.row_counts
        with self._open(file_name) as export_file:
            if is_new_file:
                export_file.write(BYTE_ORDER_MARK if byte_order_mark else b"")
                export_file.write((",".join(column_headers or rows.columns) + line_terminator).encode())
            # an empty cell is empty, as vendors write it, not a pair of quotes
            text_columns = pl.col(pl.String)
            rows.with_columns(pl.when(text_columns != "").then(text_columns).name.keep()).write_csv(
                export_file, include_header=False, line_terminator=line_terminator
            )
        self.row_counts[file_name] += rows.height

    def append_with_errors(
        self,
        file_name: str,
        rows: pl.DataFrame,
        planted_errors: Sequence[PlantedError],
        rng: np.random.Generator,
        *,
        column_headers: Sequence[str] | None = None,
        byte_order_mark: bool = False,
        line_terminator: Literal["\n", "\r\n"] = "\n",
    ) -> None:
        """Plant errors in rows and append them to a CSV file; see `plant_errors` and `append_csv`."""
        self.append_csv(
            file_name,
            self.plant_errors(file_name, rows, planted_errors, rng),
            column_headers=column_headers,
            byte_order_mark=byte_order_mark,
            line_terminator=line_terminator,
        )

    def append_lines(self, file_name: str, text_lines: pl.Series) -> None:
        """Append text lines to a file."""
        with self._open(file_name) as export_file:
            text_lines.to_frame().write_csv(export_file, include_header=False, quote_style="never")
        self.row_counts[file_name] += text_lines.len()

    def plant_errors(
        self,
        file_name: str,
        rows: pl.DataFrame,
        planted_errors: Sequence[PlantedError],
        rng: np.random.Generator,
        *,
        needs_every_kind: bool = True,
    ) -> pl.DataFrame:
        """Plant errors in rows of a file and count them; see `planted_errors.plant_errors`."""
        rows_with_errors, count_by_kind = plant_errors(rows, planted_errors, rng, needs_every_kind=needs_every_kind)
        for error_kind, error_count in count_by_kind.items():
            self.count_errors(file_name, error_kind, error_count)
        return rows_with_errors

    def count_errors(self, file_name: str, error_kind: str, error_count: int) -> None:
        """Add to the number of planted errors of a file; a kind that does not occur has no entry."""
        if error_count:
            self.error_counts[file_name, error_kind] += error_count

    def count_rows(self, path_prefix: str) -> int:
        """Return the rows of all files whose path starts with the prefix."""
        return sum(row_count for file_name, row_count in self.row_counts.items() if file_name.startswith(path_prefix))

    def _open(self, file_name: str) -> BinaryIO:
        file_path = self.root / file_name
        file_path.parent.mkdir(parents=True, exist_ok=True)
        return file_path.open("ab" if file_name in self.row_counts else "wb")
