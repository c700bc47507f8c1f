"""JSON as a table of text: lines, arrays and wrapped arrays, one row per record, members by dotted path.

Belongs here: splitting a document into records as a stream, the names of their members, what a document says of itself.
Does not belong here: opening and decoding (`files`), the rows (`json_scans`), what members mean (the adapters).
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

import polars as pl

from pipelines.sources.readers.files import ExportRefused, OpenedFile, ScratchFolder
from pipelines.sources.readers.json_arrays import write_elements
from pipelines.sources.readers.json_paths import is_readable_key, member_path
from pipelines.sources.readers.json_scans import MAX_RECORD_BYTES, LineCheck, scan_malformed, scan_members, scan_records
from pipelines.sources.readers.text_table import SAMPLE_ROWS, TextTable, keep_folder_alive

# Number of records that are searched for the names of members.
SAMPLE_RECORDS = 1000
MAX_MEMBER_DEPTH = 6
# DuckDB's line reader takes a zero byte for a separator; another control character is invalid JSON just the same.
_RETURNS_TO_BLANKS = bytes.maketrans(b"\r\0", b" \x01")
_INVALID_JSON = object()
# Keys of the tree of members that are no keys of JSON: the number of a member with a text, and the members of the
# elements of a list.
_MEMBER_NUMBER, _LIST_ELEMENTS = object(), object()
# Bytes at both ends of a document that are searched for what it says of its pages.
NOTE_BYTES = 1 << 16
# Harvest, Microsoft, Jira, xAPI, Open edX, Google and Docebo name the next page so; null, false, 0, "" stand for none.
_FURTHER_PAGE = re.compile(
    rb'"(?:more|next|next_page|nextPage|nextLink|@odata\.nextLink|nextPageToken|nextToken|next_page_token|has_more|hasMore|'
    rb'hasNextPage)"\s*:\s*(?:"[^"]+"|true|[1-9])'
)


def read_json(
    opened_file: OpenedFile, file_name: str, record_json_paths: tuple[str, ...] = (), check_while_reading: bool = False
) -> TextTable:
    """Read a JSON file as text.

    Args:
        opened_file: The file.
        file_name: Name of the file, for messages.
        record_json_paths: Dotted paths of members, from the top object on, one of which holds the array of records.
        check_while_reading: Whether to read fast, and check while reading that each line is one record. The caller must
            then call `is_regular` after reading, and read the file again without this option if it returns False.

    Returns:
        One row per record. Its headers are the dotted paths of the members that the first records have; further
        members can be scanned as well, by any path of `json_paths`.

    Raises:
        ExportRefused: If the file is not JSON or is cut off.
    """
    lines_path, scratch_folder = _write_record_lines(opened_file, file_name, record_json_paths)
    if not lines_path.stat().st_size:
        raise ExportRefused(f"{file_name} holds no record: its list is empty, so there is nothing to read")
    _check_last_line(lines_path, file_name)
    headers = _find_members(lines_path)
    if not headers:
        raise ExportRefused(
            f"{file_name} holds no JSON object in its first {SAMPLE_RECORDS} records: export it as lines or an array "
            "of objects"
        )
    line_check = LineCheck()

    def scan(member_paths: Sequence[str]) -> pl.LazyFrame:
        rows = (
            scan_members(lines_path, member_paths, line_check)
            if check_while_reading
            else scan_records(lines_path, member_paths)
        )
        return keep_folder_alive(rows, scratch_folder or opened_file.folder)

    return TextTable(
        headers,
        _columns_by_path(headers),
        scan,
        keep_folder_alive(scan_malformed(lines_path, line_check), scratch_folder or opened_file.folder),
        encoding=opened_file.encoding,
        byte_count=opened_file.path.stat().st_size,
        is_regular=lambda: line_check.is_regular,
        has_open_schema=True,
        notes=_find_notes(opened_file),
        scan_sample=lambda member_paths: keep_folder_alive(
            scan_records(lines_path, member_paths, SAMPLE_ROWS), scratch_folder or opened_file.folder
        ),
    )


def parse_json(text: str | bytes, otherwise: Any) -> Any:
    """Return the value of a JSON text, or `otherwise` if the text is not valid JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # syntax, encoding, a number of thousands of digits, deep nesting
        return otherwise


def _write_record_lines(
    opened_file: OpenedFile, file_name: str, record_json_paths: tuple[str, ...]
) -> tuple[Path, ScratchFolder | None]:
    """Return a file of one record per line: the file itself if it is one, else a copy in a scratch folder."""
    with opened_file.open() as handle:
        first_block = handle.read(1 << 16).lstrip()
    if first_block[:1] not in (b"{", b"["):
        raise ExportRefused(f"{file_name} is not JSON: it must begin with an object or an array")
    single_record = _read_single_record(opened_file, first_block, record_json_paths)
    has_record_lines = first_block[:1] == b"{" and not _is_wrapped(first_block, record_json_paths)
    if single_record is None and has_record_lines and opened_file.text_start == 0 and _has_plain_lines(opened_file):
        return opened_file.path, None
    scratch_folder = ScratchFolder()
    target_path = scratch_folder.path / "records.jsonl"
    if single_record is None and not has_record_lines:
        write_elements(opened_file, file_name, record_json_paths if first_block[:1] == b"{" else (), target_path)
        return target_path, scratch_folder
    with target_path.open("wb") as target_file:
        if single_record is not None:
            target_file.write(json.dumps(single_record).encode() + b"\n")
        else:
            target_file.writelines(chunk.translate(_RETURNS_TO_BLANKS) for chunk in opened_file.chunks())
    return target_path, scratch_folder


def _read_single_record(
    opened_file: OpenedFile, first_block: bytes, record_json_paths: tuple[str, ...]
) -> dict[str, Any] | None:
    """Return the record of a document that holds one object and no list of records; None for any other document."""
    list_keys = (re.escape(_list_name(record_json_path)).encode() for record_json_path in record_json_paths)
    has_list = any(re.search(rb'"' + list_key + rb'"\s*:\s*\[', first_block) for list_key in list_keys)
    if first_block[:1] != b"{" or has_list or opened_file.path.stat().st_size > MAX_RECORD_BYTES:
        return None
    first_line_content = parse_json(first_block.split(b"\n", 1)[0], otherwise=None)
    if first_line_content is not None and not any(
        isinstance(_find_member(first_line_content, record_json_path), dict) for record_json_path in record_json_paths
    ):
        return None
    document_content = parse_json(b"".join(opened_file.chunks()), otherwise=None)
    if not isinstance(document_content, dict):
        return None
    record_members = (_find_member(document_content, record_json_path) for record_json_path in record_json_paths)
    return next((member for member in record_members if isinstance(member, dict)), document_content)


def _list_name(record_json_path: str) -> str:
    """Return the key of the list in which the records of a path lie: `result` of `response.result[*].*`."""
    return record_json_path.split("[*]")[0].rpartition(".")[2]


def _find_notes(opened_file: OpenedFile) -> tuple[str, ...]:
    """Return what the document says of itself around its records: that it is one page of several."""
    byte_count = opened_file.path.stat().st_size
    with opened_file.open() as handle:
        first_bytes = handle.read(NOTE_BYTES)
        handle.seek(max(opened_file.text_start, byte_count - NOTE_BYTES))
        last_bytes = handle.read()
    if first_bytes.lstrip()[:1] != b"{":
        return ()
    bytes_around_list = (first_bytes.partition(b"[")[0], last_bytes.rpartition(b"]")[2] if b"]" in last_bytes else b"")
    if any(_FURTHER_PAGE.search(bytes_beside_list) for bytes_beside_list in bytes_around_list):
        return ("it is one page of several: there are more records, fetch every page",)
    return ()


def _columns_by_path(headers: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the columns per member: one value and a list of values under the same path are the same member."""
    columns_by_path: dict[str, tuple[str, ...]] = {}
    for header in headers:
        for path in dict.fromkeys((header, header.replace("[*]", ""))):
            columns_by_path[path] = (*columns_by_path.get(path, ()), header)
    return columns_by_path


def _has_plain_lines(opened_file: OpenedFile) -> bool:
    """Return whether DuckDB can read the lines in place: no zero bytes, and line ends of one kind only."""
    carriage_return_count, newline_count, crlf_count, previous_byte = 0, 0, 0, b""
    for chunk in opened_file.chunks():
        if b"\0" in chunk:
            return False
        if b"\r" in chunk or previous_byte == b"\r":
            carriage_return_count += chunk.count(b"\r")
            crlf_count += chunk.count(b"\r\n") + (previous_byte == b"\r" and chunk[:1] == b"\n")
        newline_count += chunk.count(b"\n")
        previous_byte = chunk[-1:]
    return carriage_return_count == 0 or carriage_return_count == crlf_count == newline_count


def _is_wrapped(first_block: bytes, record_json_paths: tuple[str, ...]) -> bool:
    """Return whether the document is one object around an array of records, not the first of many lines."""
    if not any(f'"{_list_name(record_json_path)}"'.encode() in first_block for record_json_path in record_json_paths):
        return False
    first_line_content = parse_json(first_block.split(b"\n", 1)[0], otherwise=None)
    # An answer of GraphQL is `data` alone, whatever list it holds.
    return first_line_content is None or any(
        isinstance(_find_member(first_line_content, record_json_path.split("[*]")[0]), list)
        or (
            "." in record_json_path
            and isinstance(first_line_content, dict)
            and [*first_line_content] == record_json_path.split(".")[:1]
        )
        for record_json_path in record_json_paths
    )


def _find_member(json_value: Any, path: str) -> Any:
    """Return what lies under a dotted path, or None."""
    for key in path.split("."):
        json_value = json_value.get(key) if isinstance(json_value, dict) else None
    return json_value


def _check_last_line(lines_path: Path, export_name: str) -> None:
    """Refuse a file whose last line has no line end and is not valid JSON."""
    with lines_path.open("rb") as handle:
        handle.seek(max(0, lines_path.stat().st_size - MAX_RECORD_BYTES))
        last_line = handle.read().rpartition(b"\n")[2]
    if last_line and parse_json(last_line, otherwise=_INVALID_JSON) is _INVALID_JSON:
        raise ExportRefused(
            f"{export_name} is cut off: its last line of {len(last_line)} bytes is incomplete; export it again"
        )


def _find_members(lines_path: Path) -> tuple[str, ...]:
    """Return the dotted paths of the members that the first records have, in the order of their first occurrence."""
    member_tree: dict[Any, Any] = {}
    member_numbers = count()
    with lines_path.open("rb") as handle:
        for line in islice(handle, SAMPLE_RECORDS):
            record = parse_json(line, otherwise=None)
            if isinstance(record, dict):
                _add_members(record, member_tree, member_numbers, 0)
    return tuple(member_path(member_keys) for _, member_keys in sorted(_list_members(member_tree, ())))


def _add_members(
    record: dict[str, Any], member_tree: dict[Any, Any], member_numbers: Iterator[int], depth: int
) -> None:
    """Add the keys of a record to a tree, below each those of its object, and under `_LIST_ELEMENTS` of its list."""
    for key, member_content in record.items():
        member_subtree = member_tree.get(key)
        if member_subtree is None:
            member_subtree = member_tree[key] = {}
        if isinstance(member_content, dict) and depth < MAX_MEMBER_DEPTH:
            _add_members(member_content, member_subtree, member_numbers, depth + 1)
            continue
        if _MEMBER_NUMBER not in member_subtree:
            member_subtree[_MEMBER_NUMBER] = next(member_numbers)
        if (
            isinstance(member_content, list)
            and member_content
            and isinstance(member_content[0], dict)
            and depth < MAX_MEMBER_DEPTH
        ):
            _add_members(member_content[0], member_subtree.setdefault(_LIST_ELEMENTS, {}), member_numbers, depth + 1)


def _list_members(member_tree: dict[Any, Any], outer_keys: tuple[str, ...]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the number and the keys of each member with a text of its own that a path can lead to."""
    for key, member_subtree in member_tree.items():
        if not isinstance(key, str) or not is_readable_key(key):
            continue
        if _MEMBER_NUMBER in member_subtree:
            yield member_subtree[_MEMBER_NUMBER], (*outer_keys, key)
        yield from _list_members(member_subtree.get(_LIST_ELEMENTS, {}), (*outer_keys, f"{key}[*]"))
        yield from _list_members(member_subtree, (*outer_keys, key))
