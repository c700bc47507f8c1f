"""Delimited text as a table of text: header, delimiter, repeated headers, rows too wide or too narrow.

Belongs here: everything about CSV and its relatives. A well-formed file is scanned by polars where it lies; a file with
broken rows is first rewritten row by row, its broken rows set aside with the reason.
Does not belong here: opening and decoding (`files`), what the columns mean (the adapters).
"""

import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import polars as pl

from pipelines.sources.declaration import Condition, ExportRefused
from pipelines.sources.readers.files import CHUNK_BYTES, OpenedFile, ScratchFolder
from pipelines.sources.readers.text_table import (
    MALFORMED_SCHEMA,
    ROW_NUMBER,
    TextTable,
    columns_by_header,
    empty_malformed_rows,
    keep_folder_alive,
    row_matches,
)

DELIMITERS = (",", ";", "\t", "|")
# A quoted field longer than this is taken for a quote that was never closed.
MAX_FIELD_BYTES = 16 << 20
# Below this size a survey costs less than a thread is worth.
BACKGROUND_CHECK_BYTES = 32 << 20


@dataclass(frozen=True)
class Survey:
    """What one pass over the bytes tells: whether every row is as wide as the header, and how many rows there are."""

    is_regular: bool
    ends_in_open_quote: bool
    row_count: int


def read_delimited(
    opened: OpenedFile,
    name: str,
    delimiter: str | None = None,
    skip_after_header: int = 0,
    check_in_background: bool = False,
    skip_unless: Condition | None = None,
) -> TextTable:
    """The file as a table of text; on trust, a large file is surveyed while it is read and must be asked `is_regular`.

    Raises ExportRefused where it has no header row or ends inside an open quote.
    """
    first = _first_record(opened)
    delimiter = delimiter or _delimiter_of(first, name)
    csv.field_size_limit(MAX_FIELD_BYTES)
    try:
        headers = tuple(next(csv.reader(io.StringIO(first, newline=""), delimiter=delimiter), ()))
    except csv.Error as error:
        raise ExportRefused(f"{name} has a first row that cannot be read ({error}): export it again") from None
    if not any(header.strip() for header in headers):
        raise ExportRefused(f"{name} has an empty header row: the first row must name the columns")
    if row_matches(headers, _second_row(opened, delimiter), skip_unless):
        skip_after_header = 0
    names = tuple(f"c{i}" for i in range(len(headers)))
    columns = columns_by_header(headers)
    shared: dict[str, Any] = {"delimiter": delimiter, "encoding": opened.encoding}
    if check_in_background and opened.path.stat().st_size > BACKGROUND_CHECK_BYTES:
        frame = _scan(opened.path, names, delimiter, 1 + skip_after_header, opened.folder)
        surveyed = _beside(opened, delimiter, len(headers))
        return TextTable(headers, columns, lambda _: frame, empty_malformed_rows(), is_regular=surveyed, **shared)
    survey = survey_rows(opened, delimiter, len(headers))
    if survey.ends_in_open_quote:
        whole = max(survey.row_count - 1 - skip_after_header, 0)
        raise ExportRefused(
            f"{name} is cut off: its last row, after {whole} whole ones, ends inside an open quote; export it again"
        )
    if survey.is_regular and survey.row_count > 1 + skip_after_header:
        frame = _scan(opened.path, names, delimiter, 1 + skip_after_header, opened.folder)
        count = max(survey.row_count - 1 - skip_after_header, 0)
        return TextTable(headers, columns, lambda _: frame, empty_malformed_rows(), row_count=count, **shared)
    try:
        good, malformed, count = _rewritten(opened, delimiter, names, skip_after_header)
    except csv.Error:
        raise ExportRefused(
            f"{name} has a field of more than {MAX_FIELD_BYTES} bytes, most likely a quote that is never closed: "
            "export it again"
        ) from None
    return TextTable(headers, columns, lambda _: good, malformed, row_count=count, **shared)


def _beside(opened: OpenedFile, delimiter: str, width: int) -> Callable[[], bool]:
    """The survey in a thread of its own; the question waits for its answer."""
    found: Future[bool] = Future()

    def survey() -> None:
        try:
            found.set_result(survey_rows(opened, delimiter, width).is_regular)
        except OSError as problem:
            found.set_exception(problem)

    Thread(target=survey, name="survey", daemon=True).start()
    return found.result


def _first_record(opened: OpenedFile) -> str:
    lines: list[str] = []
    quotes = 0
    with opened.path.open("rb") as handle:
        handle.seek(opened.start)
        for line in handle:
            lines.append(line.decode("utf-8", "replace"))
            quotes += line.count(b'"')
            if (quotes % 2 == 0 and "".join(lines).strip()) or len(lines) > 100:
                break
    return "".join(lines).strip("\r\n")


def _second_row(opened: OpenedFile, delimiter: str) -> list[str]:
    with opened.path.open("rb") as handle:
        handle.seek(opened.start)
        begins = handle.read(CHUNK_BYTES).decode("utf-8", "replace")
    try:
        filled = (row for row in csv.reader(io.StringIO(begins, newline=""), delimiter=delimiter) if any(row))
        return next(itertools.islice(filled, 1, None), [])
    except csv.Error:
        return []


def _delimiter_of(first: str, name: str) -> str:
    outside = re.sub(r'"(?:[^"]|"")*"', "", first)
    counts = {one: outside.count(one) for one in DELIMITERS}
    best = max(DELIMITERS, key=lambda one: counts[one])
    if counts[best] == 0 and len(first) > 1000:
        raise ExportRefused(
            f"{name} has a first row of {len(first)} characters without , ; tab or |: set `delimiter` of this source"
        )
    return best if counts[best] else ","


def survey_rows(opened: OpenedFile, delimiter: str, width: int) -> Survey:
    """One pass over the bytes: regular when all rows hold width - 1 separators and quotes only open or close fields."""
    separator = delimiter.encode()
    told = bytes(set(range(256)) - set(separator + b'"\n'))
    row = separator * (width - 1) + b"\n"
    is_regular, is_open, rows, rest, swallowed = True, False, 0, b"", 0
    for block in _blocks_of_lines(opened):
        swallowed = swallowed + len(block) if is_open and b'"' not in block else 0
        if len(block) > MAX_FIELD_BYTES or swallowed > MAX_FIELD_BYTES:
            return Survey(False, _ends_in_open_quote(opened, delimiter), rows)
        marks = block.translate(None, told)
        if is_open or b'"' in marks:
            is_regular = is_regular and _has_proper_quotes(block, separator, is_open)
            marks, is_open = _outside_quotes(marks, is_open)
        rows += marks.count(b"\n")
        marks = rest + marks
        whole = len(marks) // len(row)
        rest = marks[whole * len(row) :]
        is_regular = is_regular and marks.startswith(row * whole)
    is_regular = is_regular and not rest and not is_open
    return Survey(is_regular, not is_regular and _ends_in_open_quote(opened, delimiter), rows)


def _outside_quotes(marks: bytes, is_open: bool) -> tuple[bytes, bool]:
    """The marks outside quotes, and whether a quote is open after the last of them."""
    found = np.frombuffer(marks, np.uint8)
    is_quote = found == ord('"')
    within = np.logical_xor.accumulate(is_quote) ^ is_open
    return found[~(is_quote | within)].tobytes(), bool(within[-1]) if marks else is_open


def _has_proper_quotes(block: bytes, separator: bytes, is_open: bool) -> bool:
    """Whether every quote of the lines opens a field, closes one or is doubled."""
    found = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    at = np.flatnonzero(found == ord('"'))
    opening, closing = at[int(is_open) :: 2], at[int(not is_open) :: 2]
    ends = tuple(separator + b'"\n')
    before, after = found[opening - 1], found[closing + 1]
    ends_line = (after == ord("\r")) & (found[closing + 2 - (closing + 2 >= found.size)] == ord("\n"))
    return bool(np.isin(before, ends).all() and (np.isin(after, ends) | ends_line).all())


def _blocks_of_lines(opened: OpenedFile) -> Iterator[bytes]:
    """Blocks of whole lines; one that grows beyond the longest field is given as it is."""
    with opened.path.open("rb") as handle:
        handle.seek(opened.start)
        rest = b""
        while len(rest) <= MAX_FIELD_BYTES and (piece := handle.read(CHUNK_BYTES)):
            cut = piece.rfind(b"\n") + 1
            if cut:
                yield rest + piece[:cut]
            rest = piece[cut:] if cut else rest + piece
        if rest:
            yield rest + b"\n"


def _ends_in_open_quote(opened: OpenedFile, delimiter: str) -> bool:
    """Whether the end of the file stands inside a quoted field, by reading it record by record."""
    with opened.path.open("rb") as raw:
        raw.seek(opened.start)
        tail = io.TextIOWrapper(raw, "utf-8", "replace", newline="")
        try:
            for _ in csv.reader(tail, delimiter=delimiter, strict=True):
                pass
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                return True
        return False


def _scan(path: Path, names: Sequence[str], delimiter: str, skip: int, folder: ScratchFolder | None) -> pl.LazyFrame:
    frame = pl.scan_csv(
        path,
        has_header=False,
        skip_rows=skip,
        separator=delimiter,
        schema=dict.fromkeys(names, pl.String()),
        row_index_name=ROW_NUMBER,
        row_index_offset=1,
        glob=False,
    )
    return keep_folder_alive(frame.with_columns(pl.col(ROW_NUMBER).cast(pl.Int64)), folder)


def _rewritten(
    opened: OpenedFile, delimiter: str, names: Sequence[str], skip_after_header: int
) -> tuple[pl.LazyFrame, pl.LazyFrame, int]:
    """Good rows rewritten with their row number, malformed rows with the reason, and the number of both together."""
    folder = ScratchFolder()
    good, bad = folder.path / "good.csv", folder.path / "bad.csv"
    number = -1 - skip_after_header
    with opened.path.open("rb") as raw, good.open("w", newline="") as good_out, bad.open("w", newline="") as bad_out:
        raw.seek(opened.start)
        rows = csv.reader(io.TextIOWrapper(raw, "utf-8", "replace", newline=""), delimiter=delimiter)
        good_rows, bad_rows = csv.writer(good_out, lineterminator="\n"), csv.writer(bad_out, lineterminator="\n")
        for row in rows:
            if not any(row):
                continue
            number += 1
            if number <= 0:
                continue
            while len(row) > len(names) and not row[-1].strip():
                row.pop()
            if len(row) == len(names):
                good_rows.writerow((number, *row))
            else:
                reason = f"{len(row)} fields where the header has {len(names)}"
                bad_rows.writerow((number, delimiter.join(row), reason))
    schema: dict[str, Any] = {ROW_NUMBER: pl.Int64(), **dict.fromkeys(names, pl.String())}
    return (
        keep_folder_alive(_rows_of(good, schema), folder),
        keep_folder_alive(_rows_of(bad, dict(MALFORMED_SCHEMA)), folder),
        max(number, 0),
    )


def _rows_of(path: Path, schema: dict[str, Any]) -> pl.LazyFrame:
    if not path.stat().st_size:
        return pl.LazyFrame(schema=schema)
    return pl.scan_csv(path, has_header=False, schema=schema, glob=False)
