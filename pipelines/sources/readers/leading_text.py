"""Text in front of what is to be read: title lines above a header, and a logger's prefix in front of JSON records.

Belongs here: finding where the header or the record begins.
Does not belong here: reading rows (`delimited`) or records (`json_lines`).
"""

import csv
from collections.abc import Collection

from pipelines.sources.readers.delimited import DELIMITERS
from pipelines.sources.readers.files import OpenedFile, ScratchFolder, read_chunks
from pipelines.sources.readers.json_lines import parse_json
from pipelines.sources.readers.text_table import normalize_header

# The header is looked for in this many bytes at the start of the file.
SEARCHED_BYTES = 1 << 14
# A line with this many headers of the mapping is a header row; a title is not.
MIN_HEADERS = 2


def skip_title_lines(
    opened_file: OpenedFile, wanted_headers: Collection[str], delimiter: str | None = None
) -> OpenedFile:
    """Return the file from its header row on, if lines without any wanted header stand above it.

    Args:
        opened_file: A delimited file.
        wanted_headers: Normalized headers that the mapping can use.
        delimiter: Delimiter that the source declares; None to try every one.

    Returns:
        The file; unchanged if its first line has a wanted header or no line has several.
    """
    with opened_file.open() as handle:
        lines = handle.read(SEARCHED_BYTES).splitlines(keepends=True)
    delimiters = (delimiter,) if delimiter else DELIMITERS
    header_counts = [_count_headers(line, wanted_headers, delimiters) for line in lines]
    filled_positions = [position for position, line in enumerate(lines) if line.strip()]
    if not filled_positions or header_counts[filled_positions[0]] or max(header_counts) < MIN_HEADERS:
        return opened_file
    folder = ScratchFolder()
    target_path = folder.path / "table"
    with opened_file.open() as handle, target_path.open("wb") as target_file:
        handle.seek(opened_file.start + sum(map(len, lines[: header_counts.index(max(header_counts))])))
        target_file.writelines(read_chunks(handle))
    return OpenedFile(target_path, opened_file.encoding, 0, folder)


def drop_line_prefixes(opened_file: OpenedFile) -> OpenedFile:
    """Return the file with each line from its first brace on, if a logger wrote text in front of every JSON record."""
    with opened_file.open() as handle:
        first_line = next((line for line in handle.read(SEARCHED_BYTES).splitlines() if line.strip()), b"")
    prefix, brace, rest_of_line = first_line.partition(b"{")
    if not prefix.strip(b" \t[") or not isinstance(parse_json(brace + rest_of_line, otherwise=None), dict):
        return opened_file
    folder = ScratchFolder()
    target_path = folder.path / "lines"
    with opened_file.open() as handle, target_path.open("wb") as target_file:
        target_file.writelines(line[max(line.find(b"{"), 0) :] for line in handle)
    return OpenedFile(target_path, opened_file.encoding, 0, folder)


def _count_headers(line: bytes, wanted_headers: Collection[str], delimiters: Collection[str]) -> int:
    text = line.decode("utf-8", "replace").strip("\r\n")
    rows = (next(csv.reader([text], delimiter=delimiter), []) for delimiter in delimiters)
    return max(len({normalize_header(cell) for cell in row} & set(wanted_headers)) for row in rows)
