"""A file as a table of text: what every reader returns and every mapping starts from.

Belongs here: the table of text, how headers are compared, blank cells, the frame of malformed rows.
Does not belong here: how a format is read (`delimited`, `json_lines`, `parquet`, `workbook`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from pipelines.sources.readers.files import ScratchFolder

ROW_NUMBER = "row_number"
MALFORMED_SCHEMA = pl.Schema({ROW_NUMBER: pl.Int64, "row_text": pl.String, "reason": pl.String})
NO_MALFORMED_ROWS = pl.LazyFrame(schema=MALFORMED_SCHEMA)
SAMPLE_ROWS = 200  # of which values say what a column holds
REPEATED_HEADER = "the header once more"  # why a row is set aside
_VALUE_LIKE = re.compile(r"@|^\W*\d[\d.,:/ -]*\W*$|^\d{4}-\d\d-\d\d")
RowMark = tuple[str, tuple[str, ...]]  # a header, and the words of which its cell holds one


@dataclass(frozen=True)
class TextTable:
    """One row per record of the file: `row_number`, and one or more columns of text per header.

    Attributes:
        headers: The headers as the file writes them.
        columns: Names of the frame's columns per header in the form of `key`; several if the header is repeated.
        scan: Returns a frame that holds at least the given columns.
        malformed_rows: One row per record that is not as wide as the header or is not valid JSON, with the reason.
        encoding: Encoding of the file; None for binary formats.
        delimiter: Delimiter of the file; None for formats without one.
        row_count: Number of records, malformed ones included; None if they were not counted.
        byte_count: Bytes of the text, unpacked and decoded; None for binary formats.
        is_regular: Whether every row is as wide as the header. Call it after reading a file whose check runs in the
            background; it waits for the result.
        has_open_schema: Whether records may have members that `headers` does not list, as JSON records do.
        notes: Sentences about the file that its reader must know.
        scan_sample: Returns the first rows with the given columns, faster than the head of `scan`; None if there is no
            faster way.
    """

    headers: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    scan: Callable[[Sequence[str]], pl.LazyFrame]
    malformed_rows: pl.LazyFrame
    encoding: str | None = None
    delimiter: str | None = None
    row_count: int | None = None
    byte_count: int | None = None
    is_regular: Callable[[], bool] = lambda: True
    has_open_schema: bool = False
    notes: tuple[str, ...] = ()
    scan_sample: Callable[[Sequence[str]], pl.LazyFrame] | None = None

    def scan_first_rows(self, columns: Sequence[str]) -> pl.LazyFrame:
        """Return the first `SAMPLE_ROWS` rows with at least the given columns."""
        return (self.scan_sample or self.scan)(columns).head(SAMPLE_ROWS)

    def key(self, header: str) -> str:
        """Return the header in the form in which headers of this file are compared.

        Members of JSON records that differ in case alone (`id`, `ID`) are different members.
        """
        return header if self.has_open_schema else normalize_header(header)

    def header_like(self, header: str) -> str:
        """Return the file's only header that differs from the given one in case or blanks alone, or the given one."""
        if self.key(header) in self.columns:
            return header
        similar_headers = [
            file_header for file_header in self.headers if normalize_header(file_header) == normalize_header(header)
        ]
        return similar_headers[0] if len(similar_headers) == 1 else header


@lru_cache(4096)  # the headers of a file are compared with those of every form that it may have
def normalize_header(header: str) -> str:
    """Return the header in the form in which headers are compared: case and extra blanks do not matter."""
    return re.sub(r"\s+", " ", header.strip().strip("\ufeff")).casefold()


def looks_like_value(header: str) -> bool:
    """Return whether a header is an address, a number or a day: then the first row may be no header."""
    return _VALUE_LIKE.search(header.strip()) is not None


def columns_by_header(headers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the columns c0, c1, … per normalized header: several if it is repeated, none for a blank header."""
    columns_by_normalized_header: dict[str, tuple[str, ...]] = {}
    for position, header in enumerate(headers):
        if header.strip():
            columns_by_normalized_header[normalize_header(header)] = (
                *columns_by_normalized_header.get(normalize_header(header), ()),
                f"c{position}",
            )
    return columns_by_normalized_header


def row_matches(headers: Sequence[str], row: Sequence[str], row_mark: RowMark | None) -> bool:
    """Return whether the row has one of the words under the mark's header, ignoring case."""
    if row_mark is None:
        return False
    cell_by_header = {
        normalize_header(header): cell.strip().lower() for header, cell in zip(headers, row, strict=False)
    }
    return cell_by_header.get(normalize_header(row_mark[0])) in [word.lower() for word in row_mark[1]]


def repeats_header(headers: Sequence[str], row: Sequence[str]) -> bool:
    """Return whether the row repeats the header, as in joined exports; False for a table of one column."""
    is_as_wide = 1 < len(headers) == len(row)
    # most rows differ in the first cell, so the others are not looked at
    return is_as_wide and all(
        normalize_header(cell) == normalize_header(header) for cell, header in zip(row, headers, strict=True)
    )


def is_filled(text: pl.Expr) -> pl.Expr:
    """Return whether the cell holds more than blanks; False for null."""
    return text.str.strip_chars().str.len_bytes().fill_null(0) > 0


def stripped_or_null(text: pl.Expr) -> pl.Expr:
    """Return the text without blanks around it; null if nothing is left."""
    stripped_text = text.str.strip_chars()
    return pl.when(stripped_text != "").then(stripped_text)


def strip_cells(rows: pl.LazyFrame, columns: Sequence[str]) -> pl.LazyFrame:
    """Return the same rows; the cells of the columns have no blanks around them, and are null if nothing is left."""
    # in two steps, so that each cell is stripped once
    stripped_rows = rows.with_columns(pl.col(column).str.strip_chars() for column in columns)
    return stripped_rows.with_columns(pl.when(pl.col(column) != "").then(pl.col(column)) for column in columns)


def keep_folder_alive(rows: pl.LazyFrame, folder: ScratchFolder | None) -> pl.LazyFrame:
    """Return the same frame, with a query plan that holds the folder of its file as long as the plan lives."""
    if folder is None:
        return rows

    def return_unchanged(row_numbers: pl.Series, _folder: ScratchFolder = folder) -> pl.Series:
        return row_numbers

    return rows.with_columns(
        pl.col(ROW_NUMBER).map_batches(return_unchanged, return_dtype=pl.Int64(), is_elementwise=True)
    )
