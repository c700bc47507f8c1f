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
    header_counts = [len(wanted_header_set.intersection(map(normalize_header, row))) for row in rows]
    if max(header_counts, default=0) < MIN_HEADERS:
        return 0
    header_position = header_counts.index(max(header_counts))
    filled_counts = [sum(bool(cell.strip()) for cell in row) for row in rows[: header_position + 1]]
    return header_position if max(filled_counts[:-1], default=0) < filled_counts[-1] else 0


def describe_titles(row_count: int) -> str:
    """Return what a note says of a file with titles in so many rows above its header."""
    title_rows_phrase = "1 title row" if row_count == 1 else f"{row_count} title rows"
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
        lines = handle.read(SEARCHED_BYTES).splitlines(keepends=True)
    line_texts = [line.decode("utf-8", "replace") for line in lines]
    delimiters = (delimiter,) if delimiter else DELIMITERS
    rows_of_delimiters = [list(_split_rows(line_texts, candidate_delimiter)) for candidate_delimiter in delimiters]
    rows_and_positions = [
        (rows, find_header_row([cells for _, cells in rows], wanted_headers)) for rows in rows_of_delimiters
    ]
    # The delimiter of the widest header row is the one of the table.
    rows, header_position = max(
        rows_and_positions,
        key=lambda rows_and_position: len(rows_and_position[0][rows_and_position[1]][1]) if rows_and_position[1] else 0,
    )
    if header_position == 0:
        return opened_file, ()
    lines_above_header = rows[header_position][0]
    title_count = sum(any(cell.strip() for cell in cells) for _, cells in rows[:header_position])
    scratch_folder = ScratchFolder()
    target_path = scratch_folder.path / "table"
    with opened_file.open() as handle, target_path.open("wb") as target_file:
        handle.seek(opened_file.text_start + sum(map(len, lines[:lines_above_header])))
        target_file.writelines(read_chunks(handle))
    note = f"it {describe_titles(title_count)}; the header is line {lines_above_header + 1}, and row 1 the one below it"
    return OpenedFile(target_path, opened_file.encoding, 0, scratch_folder), (note,) if title_count else ()


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


def _split_rows(lines: Sequence[str], delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Return the rows of the lines up to one that cannot be read, each with the number of lines above it."""
    reader = csv.reader(lines, delimiter=delimiter)
    line_count = 0
    try:
        for cells in reader:
            yield line_count, cells
            line_count = reader.line_num
    except csv.Error:
        return
