"""Delimited text as a table of text: header, delimiter, repeated headers, rows too wide or too narrow.

Belongs here: everything about CSV and its relatives. A well-formed file is scanned by polars where it lies; a file with
broken rows is first rewritten row by row, its broken rows set aside with the reason.
Does not belong here: opening and decoding (`files`), what the columns mean (the adapters).
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.sources.declaration import ExportRefused
from pipelines.sources.files import CHUNK, OpenedFile, ScratchFolder
from pipelines.sources.table import MALFORMED, ROW_NUMBER, TextTable, kept_with, no_malformed_rows, with_repeats

DELIMITERS = (",", ";", "\t", "|")
# A quoted field longer than this is taken for a quote that was never closed.
LONGEST_FIELD = 16 << 20


@dataclass(frozen=True)
class Survey:
    """What one pass over the bytes tells: whether every row is as wide as the header, and how many rows there are."""

    is_regular: bool
    ends_in_open_quote: bool
    row_count: int


def read_delimited(
    opened: OpenedFile, name: str, delimiter: str | None = None, skip_after_header: int = 0
) -> TextTable:
    """The file as a table of text. Raises ExportRefused where it has no header row or ends inside an open quote."""
    first = _first_record(opened)
    delimiter = delimiter or _delimiter_of(first, name)
    csv.field_size_limit(LONGEST_FIELD)
    try:
        headers = tuple(next(csv.reader(io.StringIO(first, newline=""), delimiter=delimiter), ()))
    except csv.Error as error:
        raise ExportRefused(f"{name} has a first row that cannot be read ({error}): export it again") from None
    if not any(header.strip() for header in headers):
        raise ExportRefused(f"{name} has an empty header row: the first row must name the columns")
    survey = survey_rows(opened, delimiter, len(headers))
    if survey.ends_in_open_quote:
        whole = max(survey.row_count - 1 - skip_after_header, 0)
        raise ExportRefused(
            f"{name} is cut off: its last row, after {whole} whole ones, ends inside an open quote; export it again"
        )
    names = tuple(f"c{i}" for i in range(len(headers)))
    columns = with_repeats(headers)
    shared: dict[str, Any] = {"delimiter": delimiter, "encoding": opened.encoding}
    if survey.is_regular and survey.row_count > 1 + skip_after_header:
        frame = _scan(opened.path, names, delimiter, 1 + skip_after_header, opened.folder)
        count = max(survey.row_count - 1 - skip_after_header, 0)
        return TextTable(headers, columns, lambda _: frame, no_malformed_rows(), row_count=count, **shared)
    try:
        good, malformed, count = _rewritten(opened, delimiter, names, skip_after_header)
    except csv.Error:
        raise ExportRefused(
            f"{name} has a field of more than {LONGEST_FIELD} bytes, most likely a quote that is never closed: "
            "export it again"
        ) from None
    return TextTable(headers, columns, lambda _: good, malformed, row_count=count, **shared)


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
    is_regular, rows = True, 0
    for block in _blocks_of_rows(opened):
        if block is None:
            return Survey(False, _ends_in_open_quote(opened, delimiter), rows)
        marks, has_proper_quotes = _marks_outside_quotes(block, delimiter.encode())
        rows += marks.count(b"\n")
        is_regular = is_regular and has_proper_quotes and _is_periodic(marks, delimiter.encode(), width)
    return Survey(is_regular, not is_regular and _ends_in_open_quote(opened, delimiter), rows)


def _is_periodic(marks: bytes, separator: bytes, width: int) -> bool:
    count, left = divmod(len(marks), width)
    return not left and marks == (separator * (width - 1) + b"\n") * count


def _marks_outside_quotes(block: bytes, separator: bytes) -> tuple[bytes, bool]:
    """The separators and line ends outside quotes, in order, and whether every quote opens, closes or is doubled."""
    ends = separator + b"\n"
    pieces = block.split(b'"')[::2]
    # What stands between two quoted fields begins after a closing quote and ends before an opening one.
    is_proper = all(not piece or piece[-1] in ends for piece in pieces[:-1]) and all(
        not piece or piece[0] in ends or piece.startswith(b"\r\n") for piece in pieces[1:]
    )
    return b"".join(pieces).translate(None, bytes(set(range(256)) - set(ends))), is_proper


def _blocks_of_rows(opened: OpenedFile) -> Iterator[bytes | None]:
    """Blocks that begin and end with whole rows; None where a quote stays open for longer than a field may be."""
    with opened.path.open("rb") as handle:
        handle.seek(opened.start)
        rest = b""
        while piece := handle.read(CHUNK):
            rest += piece
            cut = rest.rfind(b"\n") + 1
            # Quotes are even before a line end that ends a row: step back to such a line end.
            quotes = rest.count(b'"', 0, cut)
            tries = 0
            while cut and quotes % 2 and tries < 1000:
                before = rest.rfind(b"\n", 0, cut - 1) + 1
                quotes -= rest.count(b'"', before, cut)
                cut, tries = before, tries + 1
            if cut and quotes % 2 == 0:
                yield rest[:cut]
                rest = rest[cut:]
            elif len(rest) > LONGEST_FIELD:
                yield None
                return
        if rest:
            if rest.count(b'"') % 2:
                yield None
                return
            yield rest if rest.endswith(b"\n") else rest + b"\n"


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
    return kept_with(frame.with_columns(pl.col(ROW_NUMBER).cast(pl.Int64)), folder)


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
    return kept_with(_rows_of(good, schema), folder), kept_with(_rows_of(bad, dict(MALFORMED)), folder), max(number, 0)


def _rows_of(path: Path, schema: dict[str, Any]) -> pl.LazyFrame:
    if not path.stat().st_size:
        return pl.LazyFrame(schema=schema)
    return pl.scan_csv(path, has_header=False, schema=schema, glob=False)
