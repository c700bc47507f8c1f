"""A file as a table of text: what every reader gives and every mapping starts from.

Belongs here: the table of text, how a header is compared, the frame of malformed rows.
Does not belong here: how a format is read (`delimited`, `jsonlines`, `typed`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

ROW_NUMBER = "row_number"
MALFORMED_SCHEMA = pl.Schema({ROW_NUMBER: pl.Int64, "row_text": pl.String, "reason": pl.String})


@dataclass(frozen=True)
class TextTable:
    """One row per record of the file: row_number and, per header, one or more columns of text.

    `columns` leads from a compared header to the names of its columns in the frame (several where a header is
    repeated). `scan` gives the frame that holds at least the columns asked for.
    """

    headers: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    scan: Callable[[Sequence[str]], pl.LazyFrame]
    malformed: pl.LazyFrame
    encoding: str | None = None
    delimiter: str | None = None
    row_count: int | None = None
    # Whether every row is as wide as the header; asked after reading, where a file was read on trust.
    is_regular: Callable[[], bool] = lambda: True
    # A document's records need not all have all members: a header not seen may still come.
    is_open: bool = False


def normalize_header(header: str) -> str:
    """The header as it is compared: case, blanks at the ends and runs of blanks do not matter."""
    return re.sub(r"\s+", " ", header.strip().strip("﻿")).casefold()


def columns_by_header(headers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """From a compared header to its columns c0, c1, …: several where the header is repeated; a blank one has none."""
    columns: dict[str, tuple[str, ...]] = {}
    for i, header in enumerate(headers):
        if header.strip():
            columns[normalize_header(header)] = (*columns.get(normalize_header(header), ()), f"c{i}")
    return columns


def row_matches(headers: Sequence[str], row: Sequence[str], condition: tuple[str, Sequence[str]] | None) -> bool:
    """Whether the row has one of the words under that header, case ignored; never without a condition."""
    if condition is None:
        return False
    cells = {normalize_header(header): cell.strip().lower() for header, cell in zip(headers, row, strict=False)}
    return cells.get(normalize_header(condition[0])) in [word.lower() for word in condition[1]]


def empty_malformed_rows() -> pl.LazyFrame:
    """The frame of malformed rows of a file that has none."""
    return pl.LazyFrame(schema=MALFORMED_SCHEMA)


def keep_folder_alive(frame: pl.LazyFrame, folder: Any) -> pl.LazyFrame:
    """The same frame; the folder of its file lives as long as the plan does."""
    if folder is None:
        return frame

    def same(numbers: pl.Series, _folder: Any = folder) -> pl.Series:
        return numbers

    return frame.with_columns(pl.col(ROW_NUMBER).map_batches(same, return_dtype=pl.Int64(), is_elementwise=True))
