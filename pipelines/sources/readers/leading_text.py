"""Text in front of what is to be read: title lines above a header, and a logger's prefix in front of JSON records.

Belongs here: finding where the header or the record begins.
Does not belong here: reading rows (`delimited`) or records (`json_lines`).
"""

import csv
from collections.abc import Collection, Iterator, Sequence

from pipelines.sources.readers.delimited import DELIMITERS
from pipelines.sources.readers.files import OpenedFile, ScratchFolder, read_chunks
from pipelines.sources.readers.json_lines import parse_json
from pipelines.sources.readers.text_table import normalize_header

# The header is looked for in this many bytes at the start of the file, and in this many filled rows of a sheet.
SEARCHED_BYTES = 1 << 14
SEARCHED_ROWS = 50
# A row with this many headers of the mapping is a header row; a title is not.
MIN_HEADERS = 2


def find_header_row(rows: Sequence[Sequence[str]], wanted_headers: Collection[str]) -> int:
    """Return the position of the header row: 0, unless rows of titles stand above it.

    It is the first row with most of the wanted headers, if each row above it fills fewer cells: then none of these can
    be the header of what follows.

    Args:
        rows: The first rows of a table.
        wanted_headers: Normalized headers that the mapping can use.
    """
    wanted_header_set = frozenset(wanted_headers)
    wanted_header_counts = [len(wanted_header_set.intersection(map(normalize_header, row))) for row in rows]
    if max(wanted_header_counts, default=0) < MIN_HEADERS:
        return 0
    header_position = wanted_header_counts.index(max(wanted_header_counts))
    filled_cell_counts = [sum(bool(cell.strip()) for cell in row) for row in rows[: header_position + 1]]
    return header_position if max(filled_cell_counts[:-1], default=0) < filled_cell_counts[-1] else 0


def describe_titles(title_row_count: int) -> str:
    """Return what a note says of a file with titles in so many rows above its header."""
    title_rows_phrase = "1 title row" if title_row_count == 1 else f"{title_row_count} title rows"
    return f"has {title_rows_phrase} above its header, not read"


def skip_title_lines(
    opened_file: OpenedFile, wanted_headers: Collection[str], delimiter: str | None = None
) -> tuple[OpenedFile, tuple[str, ...]]:
    """Return the file from its header row on, if rows of titles stand above it.

    Args:
        opened_file: A delimited file.
        wanted_headers: Normalized headers that the mapping can use.
        delimiter: Delimiter that the source declares; None to try every one.

    Returns:
        The file, and a note that counts the rows of titles; the file as it is and no note if its first row is the
        header.
    """
    with opened_file.open() as handle:
        first_lines = handle.read(SEARCHED_BYTES).splitlines(keepends=True)
    line_texts = [line.decode("utf-8", "replace") for line in first_lines]
    delimiters = (delimiter,) if delimiter else DELIMITERS
    rows_per_delimiter = [
        list(_number_split_rows(line_texts, candidate_delimiter)) for candidate_delimiter in delimiters
    ]
    rows_and_header_positions = [
        (numbered_rows, find_header_row([cells for _, cells in numbered_rows], wanted_headers))
        for numbered_rows in rows_per_delimiter
    ]
    # The delimiter of the widest header row is the one of the table.
    numbered_rows, header_position = max(
        rows_and_header_positions,
        key=lambda rows_and_header_position: _count_header_cells(*rows_and_header_position),
    )
    if header_position == 0:
        return opened_file, ()
    line_count_above_header = numbered_rows[header_position][0]
    title_row_count = sum(any(cell.strip() for cell in cells) for _, cells in numbered_rows[:header_position])
    scratch_folder = ScratchFolder()
    target_path = scratch_folder.path / "table"
    with opened_file.open() as handle, target_path.open("wb") as target_file:
        handle.seek(opened_file.text_start + sum(map(len, first_lines[:line_count_above_header])))
        target_file.writelines(read_chunks(handle))
    header_phrase = f"the header is line {line_count_above_header + 1}, and row 1 the one below it"
    note = f"it {describe_titles(title_row_count)}; {header_phrase}"
    return OpenedFile(target_path, opened_file.encoding, 0, scratch_folder), (note,) if title_row_count else ()


def _count_header_cells(numbered_rows: Sequence[tuple[int, list[str]]], header_position: int) -> int:
    """Return the number of cells of the header row; 0 if no row of titles stands above it."""
    return len(numbered_rows[header_position][1]) if header_position else 0


def drop_line_prefixes(opened_file: OpenedFile) -> OpenedFile:
    """Return the file with each line from its first brace on, if a logger wrote text in front of every JSON record."""
    with opened_file.open() as handle:
        first_line = next((line for line in handle.read(SEARCHED_BYTES).splitlines() if line.strip()), b"")
    prefix, brace, rest_of_line = first_line.partition(b"{")
    if not prefix.strip(b" \t[") or not isinstance(parse_json(brace + rest_of_line, otherwise=None), dict):
        return opened_file
    scratch_folder = ScratchFolder()
    target_path = scratch_folder.path / "lines"
    with opened_file.open() as handle, target_path.open("wb") as target_file:
        target_file.writelines(line[max(line.find(b"{"), 0) :] for line in handle)
    return OpenedFile(target_path, opened_file.encoding, 0, scratch_folder)


def _number_split_rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Return the rows of the lines up to one that cannot be read, each with the number of lines above it."""
    csv_reader = csv.reader(lines, delimiter=delimiter)
    line_count_above = 0
    try:
        for cells in csv_reader:
            yield line_count_above, cells
            line_count_above = csv_reader.line_num
    except csv.Error:
        return
