"""Delimited text as a table of text: header, delimiter, repeated headers, rows too wide or too narrow.

Belongs here: everything about CSV and similar formats. Polars scans a well-formed file in place; a file with malformed
rows is first rewritten row by row, and its malformed rows are set aside with the reason.
Does not belong here: opening and decoding (`files`), what the columns mean (the adapters).
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl

from pipelines.sources.readers.files import CHUNK_BYTES, ExportRefused, OpenedFile, ScratchFolder
from pipelines.sources.readers.text_table import (
    MALFORMED_SCHEMA,
    NO_MALFORMED_ROWS,
    REPEATED_HEADER,
    ROW_NUMBER,
    RowMark,
    TextTable,
    columns_by_header,
    keep_folder_alive,
    repeats_header,
    row_matches,
)

DELIMITERS = (",", ";", "\t", "|")
# A quoted field longer than this is taken for a quote that was never closed.
MAX_FIELD_BYTES = 16 << 20
# A header row over more lines is taken for a quote that was never closed.
MAX_HEADER_LINES = 101
# A smaller file is always checked before it is read: the check takes less time than starting a thread saves.
BACKGROUND_CHECK_BYTES = 32 << 20


def read_delimited(
    opened_file: OpenedFile,
    file_name: str,
    delimiter: str | None = None,
    skip_after_header: int = 0,
    check_while_reading: bool = False,
    data_row_mark: RowMark | None = None,
) -> TextTable:
    """Read delimited text.

    Args:
        opened_file: The file.
        file_name: Name of the file, for messages.
        delimiter: Delimiter that the source declares; None to detect it.
        skip_after_header: Number of further header rows below the first.
        check_while_reading: Whether to check a large file for malformed rows while it is read. The caller must then
            call `is_regular` after reading, and read the file again without this option if it returns False.
        data_row_mark: If the row below the header has this mark, it is data and no row is skipped.

    Returns:
        One row per record.

    Raises:
        ExportRefused: If the file has no header row or ends inside an open quote.
    """
    delimiter, headers = _read_header(opened_file, file_name, delimiter)
    second_row = _read_second_row(opened_file, delimiter)
    skipped_row_count = 0 if row_matches(headers, second_row, data_row_mark) else skip_after_header
    column_names = tuple(f"c{position}" for position in range(len(headers)))
    unchecked_rows = _scan_in_place(opened_file, column_names, delimiter, 1 + skipped_row_count)
    table = TextTable(
        headers,
        columns_by_header(headers),
        lambda _: unchecked_rows,
        NO_MALFORMED_ROWS,
        opened_file.encoding,
        delimiter,
        byte_count=opened_file.path.stat().st_size,
    )
    if check_while_reading and opened_file.path.stat().st_size > BACKGROUND_CHECK_BYTES:
        return replace(table, is_regular=_survey_in_background(opened_file, delimiter, headers))
    is_regular, surveyed_line_count = _survey_rows(opened_file, delimiter, headers)
    row_count = max(surveyed_line_count - 1 - skipped_row_count, 0)
    if not is_regular and _ends_in_open_quote(opened_file, delimiter):
        raise ExportRefused(
            f"{file_name} is cut off: its last row, after {row_count} complete ones, ends inside an open quote; "
            "export it again"
        )
    if is_regular and row_count:
        return replace(table, row_count=row_count)
    try:
        good_rows, malformed_rows, row_count = _rewrite_rows(
            opened_file, delimiter, headers, column_names, skipped_row_count
        )
    except csv.Error:
        raise ExportRefused(
            f"{file_name} has a field of more than {MAX_FIELD_BYTES} bytes, most likely a quote that is never closed: "
            "export it again"
        ) from None
    return replace(table, scan=lambda _: good_rows, malformed_rows=malformed_rows, row_count=row_count)


def _read_header(opened_file: OpenedFile, file_name: str, delimiter: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the delimiter and the headers; the delimiter is detected if the source declares none."""
    header_text = _read_first_record(opened_file)
    delimiter = delimiter or _detect_delimiter(header_text, file_name)
    csv.field_size_limit(MAX_FIELD_BYTES)
    try:
        headers = tuple(next(csv.reader(io.StringIO(header_text, newline=""), delimiter=delimiter), ()))
    except csv.Error as error:
        raise ExportRefused(f"{file_name} has a first row that cannot be read ({error}): export it again") from None
    if not any(header.strip() for header in headers):
        raise ExportRefused(f"{file_name} has an empty header row: the first row must name the columns")
    return delimiter, headers


def _survey_in_background(opened_file: OpenedFile, delimiter: str, headers: Sequence[str]) -> Callable[[], bool]:
    """Start the survey in a thread; return a function that waits for it and returns whether the file is regular."""
    executor = ThreadPoolExecutor(1, thread_name_prefix="survey")
    survey_future = executor.submit(_survey_rows, opened_file, delimiter, headers)
    executor.shutdown(wait=False)
    return lambda: survey_future.result()[0]


def _read_first_record(opened_file: OpenedFile) -> str:
    record_bytes = b""
    with opened_file.open() as handle:
        for line in islice(handle, MAX_HEADER_LINES):
            record_bytes += line
            if record_bytes.count(b'"') % 2 == 0 and record_bytes.decode("utf-8", "replace").strip():
                break
    return record_bytes.decode("utf-8", "replace").strip("\r\n")


def _read_second_row(opened_file: OpenedFile, delimiter: str) -> list[str]:
    with opened_file.open() as handle:
        leading_text = handle.read(CHUNK_BYTES).decode("utf-8", "replace")
    try:
        filled_rows = filter(any, csv.reader(io.StringIO(leading_text, newline=""), delimiter=delimiter))
        return next(islice(filled_rows, 1, None), [])
    except csv.Error:
        return []


def _detect_delimiter(header_text: str, file_name: str) -> str:
    unquoted_text = re.sub(r'"(?:[^"]|"")*"', "", header_text)
    most_frequent_delimiter = max(DELIMITERS, key=unquoted_text.count)
    if most_frequent_delimiter in unquoted_text:
        return most_frequent_delimiter
    if len(header_text) > 1000:
        raise ExportRefused(
            f"{file_name} has a first row of {len(header_text)} characters without , ; tab or |: "
            "set `delimiter` of this source"
        )
    return ","


def _survey_rows(opened_file: OpenedFile, delimiter: str, headers: Sequence[str]) -> tuple[bool, int]:
    """Return whether all rows are as wide as the header, none is the header again, and quotes only open or close
    fields; and the number of rows.

    All bytes except the marks, which are delimiters, quotes and line ends, are deleted. The marks that remain outside
    quotes must be those of one row, over and over again.
    """
    delimiter_bytes = delimiter.encode()
    content_bytes = bytes(set(range(256)) - set(delimiter_bytes + b'"\n'))
    marks_per_row = delimiter_bytes * (len(headers) - 1) + b"\n"
    header_starts, header_row_count = _header_starts(headers, delimiter), 0
    is_regular, is_quote_open, row_count, unmatched_marks, open_quote_byte_count = True, False, 0, b"", 0
    for block in _read_line_blocks(opened_file):
        open_quote_byte_count = open_quote_byte_count + len(block) if is_quote_open and b'"' not in block else 0
        if len(block) > MAX_FIELD_BYTES or open_quote_byte_count > MAX_FIELD_BYTES:
            return False, row_count
        block_marks = block.translate(None, content_bytes)
        if is_quote_open or b'"' in block_marks:
            is_regular = is_regular and _has_proper_quotes(block, delimiter_bytes, is_quote_open)
            block_marks, is_quote_open = _marks_outside_quotes(block_marks, is_quote_open)
        row_count += block_marks.count(b"\n")
        for header_start in header_starts:
            # most blocks do not hold it, and a copy with a line end in front is made of the others alone
            header_row_count += (b"\n" + block).count(header_start) if header_start[1:] in block else 0
        block_marks = unmatched_marks + block_marks
        complete_row_count = len(block_marks) // len(marks_per_row)
        unmatched_marks = block_marks[complete_row_count * len(marks_per_row) :]
        is_regular = is_regular and block_marks.startswith(marks_per_row * complete_row_count)
    return is_regular and not unmatched_marks and not is_quote_open and header_row_count <= 1, row_count


def _header_starts(headers: Sequence[str], delimiter: str) -> list[bytes]:
    """Return the beginnings of a line that may repeat the header, with and without quotes; none for one column."""
    if len(headers) < 2:
        return []
    return [f"\n{delimiter.join(f'{quote}{header}{quote}' for header in headers[:2])}".encode() for quote in ("", '"')]


def _marks_outside_quotes(marks: bytes, is_quote_open: bool) -> tuple[bytes, bool]:
    """Return the delimiters and line ends that lie outside quotes, and whether a quote is open after the last mark.

    Args:
        marks: Delimiters, quotes and line ends of a text.
        is_quote_open: Whether a quote is open before the first mark.
    """
    mark_codes = np.frombuffer(marks, np.uint8)
    is_quote = mark_codes == ord('"')
    is_inside_quotes = np.logical_xor.accumulate(is_quote) ^ is_quote_open
    return mark_codes[~(is_quote | is_inside_quotes)].tobytes(), bool(is_inside_quotes[-1]) if marks else is_quote_open


def _has_proper_quotes(block: bytes, delimiter_bytes: bytes, is_quote_open: bool) -> bool:
    """Return whether every quote of the lines opens a field, closes one or is doubled."""
    byte_codes = np.frombuffer(b"\n" + block + b"\n", np.uint8)
    quote_positions = np.flatnonzero(byte_codes == ord('"'))
    opening_positions, closing_positions = (
        quote_positions[int(is_quote_open) :: 2],
        quote_positions[int(not is_quote_open) :: 2],
    )
    field_boundary_codes = tuple(delimiter_bytes + b'"\n')
    codes_before_opening, codes_after_closing = byte_codes[opening_positions - 1], byte_codes[closing_positions + 1]
    is_carriage_return_of_line_end = (codes_after_closing == ord("\r")) & (
        byte_codes[closing_positions + 2 - (closing_positions + 2 >= byte_codes.size)] == ord("\n")
    )
    return bool(
        np.isin(codes_before_opening, field_boundary_codes).all()
        and (np.isin(codes_after_closing, field_boundary_codes) | is_carriage_return_of_line_end).all()
    )


def _read_line_blocks(opened_file: OpenedFile) -> Iterator[bytes]:
    """Return blocks of complete lines; the last block is an incomplete line if it exceeds the longest field."""
    incomplete_line = b""
    for chunk in opened_file.chunks():
        complete_byte_count = chunk.rfind(b"\n") + 1
        if complete_byte_count:
            yield incomplete_line + chunk[:complete_byte_count]
        incomplete_line = chunk[complete_byte_count:] if complete_byte_count else incomplete_line + chunk
        if len(incomplete_line) > MAX_FIELD_BYTES:
            break
    if incomplete_line:
        yield incomplete_line + b"\n"


def _open_text(opened_file: OpenedFile) -> io.TextIOWrapper:
    return io.TextIOWrapper(opened_file.open(), "utf-8", "replace", newline="")


def _ends_in_open_quote(opened_file: OpenedFile, delimiter: str) -> bool:
    """Return whether the end of the file lies inside a quoted field, by reading it record by record."""
    with _open_text(opened_file) as text_stream:
        try:
            for _ in csv.reader(text_stream, delimiter=delimiter, strict=True):
                pass
        except csv.Error as error:
            return "unexpected end of data" in str(error)
    return False


def _scan_in_place(
    opened_file: OpenedFile, column_names: Sequence[str], delimiter: str, skipped_row_count: int
) -> pl.LazyFrame:
    scanned_rows = pl.scan_csv(
        opened_file.path,
        has_header=False,
        skip_rows=skipped_row_count,
        separator=delimiter,
        schema=dict.fromkeys(column_names, pl.String()),
        row_index_name=ROW_NUMBER,
        row_index_offset=1,
        glob=False,
    )
    return keep_folder_alive(scanned_rows.with_columns(pl.col(ROW_NUMBER).cast(pl.Int64)), opened_file.folder)


def _rewrite_rows(
    opened_file: OpenedFile, delimiter: str, headers: Sequence[str], column_names: Sequence[str], skip_after_header: int
) -> tuple[pl.LazyFrame, pl.LazyFrame, int]:
    """Rewrite the good rows with their row numbers, the malformed rows with the reason; count both together."""
    # Header cells without a name at the end name no column: a row may end before them.
    named_column_count = max(position for position, header in enumerate(headers, start=1) if header.strip())
    scratch_folder = ScratchFolder()
    good_path, malformed_path = scratch_folder.path / "good.csv", scratch_folder.path / "malformed.csv"
    row_number = -1 - skip_after_header
    with (
        _open_text(opened_file) as text_stream,
        good_path.open("w", newline="") as good_file,
        malformed_path.open("w", newline="") as malformed_file,
    ):
        good_writer = csv.writer(good_file, lineterminator="\n")
        malformed_writer = csv.writer(malformed_file, lineterminator="\n")
        for row_number, cells in enumerate(
            filter(any, csv.reader(text_stream, delimiter=delimiter)), start=-skip_after_header
        ):
            if row_number <= 0:
                continue
            while len(cells) > len(column_names) and not cells[-1].strip():
                cells.pop()
            if named_column_count <= len(cells) < len(column_names):
                cells += [""] * (len(column_names) - len(cells))
            if repeats_header(headers, cells):
                malformed_writer.writerow((row_number, delimiter.join(cells), REPEATED_HEADER))
            elif len(cells) == len(column_names):
                good_writer.writerow((row_number, *cells))
            else:
                malformed_writer.writerow(
                    (row_number, delimiter.join(cells), f"{len(cells)} fields where the header has {len(column_names)}")
                )
    schema = pl.Schema({ROW_NUMBER: pl.Int64, **dict.fromkeys(column_names, pl.String)})
    return (
        _scan_rewritten_rows(good_path, schema, scratch_folder),
        _scan_rewritten_rows(malformed_path, MALFORMED_SCHEMA, scratch_folder),
        max(row_number, 0),
    )


def _scan_rewritten_rows(path: Path, schema: pl.Schema, folder: ScratchFolder) -> pl.LazyFrame:
    if not path.stat().st_size:
        return pl.LazyFrame(schema=schema)
    return keep_folder_alive(pl.scan_csv(path, has_header=False, schema=schema, glob=False), folder)
