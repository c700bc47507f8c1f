"""The records of a JSON array, one per line.

Belongs here: the elements of an array at the top of a document or inside an object, by DuckDB if the array is sound,
else by our own splitting, which loses no record behind a broken one.
Does not belong here: documents that are no array (`json_lines`), reading the lines (`json_scans`).
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import polars as pl

from pipelines.sources.readers.files import CHUNK_BYTES, ExportRefused, OpenedFile
from pipelines.sources.readers.json_paths import quoted
from pipelines.sources.readers.json_scans import MAX_RECORD_BYTES, read_batches

# DuckDB's line reader takes a zero byte for a separator; another control character is invalid JSON just the same.
# A line end between the members of a record is a blank; inside a string it is invalid JSON in any case.
_LINE_ENDS_TO_BLANKS = bytes.maketrans(b"\r\n\0", b"  \x01")
# A bracket, or a string; the group is empty if the string is still open at the end of the block.
_TOKEN = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*+(")?', re.DOTALL)
# Members of an object that hold no list and no object.
_SCALARS = rb'\s*\{\s*(?:"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[^\s"\[\]{},]+)\s*,\s*)*+'
# Bytes at the start of a document in which its list is looked for.
MAX_HEAD_BYTES = 1 << 16


def write_elements(opened_file: OpenedFile, file_name: str, list_paths: tuple[str, ...], target_path: Path) -> None:
    """Write each element of the top array, or of the arrays under one of the dotted paths, as one line.

    Args:
        opened_file: The document.
        file_name: Name of the file, for messages.
        list_paths: As in `_split_array`; none for the top array.
        target_path: The file to write.

    Raises:
        ExportRefused: If the document has no such array, or the array is not closed.
    """
    if not _write_sound_array(opened_file, list_paths, target_path):
        records = _split_array(opened_file.chunks(), file_name, list_paths)
        with target_path.open("wb") as target_file:
            target_file.writelines(record.translate(_LINE_ENDS_TO_BLANKS) + b"\n" for record in records)


def _write_sound_array(opened_file: OpenedFile, list_paths: tuple[str, ...], target_path: Path) -> bool:
    """Write the elements by DuckDB; False if it refuses the array, or an element is no object."""
    array_path = _find_array(opened_file, list_paths, target_path)
    if array_path is None:
        return False
    query = (
        "SELECT translate(json::VARCHAR, chr(13) || chr(10), '  ') AS line FROM read_json_objects("
        f"{quoted(str(array_path))}, format='array', compression='none', maximum_object_size={MAX_RECORD_BYTES})"
    )
    try:
        with target_path.open("wb") as target_file:
            for batch in read_batches(query):
                if not batch["line"].str.starts_with("{").all():
                    return False
                target_file.writelines(line.encode() + b"\n" for line in batch["line"])
            return True
    except pl.exceptions.ComputeError:
        return False
    finally:
        if array_path != opened_file.path:
            array_path.unlink()  # it is as large as the document, and the lines stay as long as anything reads them


def _find_array(opened_file: OpenedFile, list_paths: tuple[str, ...], target_path: Path) -> Path | None:
    """Return a file that holds the array alone: the document, or a copy from the first bracket of the list to the last.

    If the list does not end at the last bracket, the copy is no sound array. None if only splitting finds the array.
    """
    if not list_paths:
        return opened_file.path if opened_file.text_start == 0 else None
    if any("." in list_path or "[" in list_path for list_path in list_paths):
        return None
    list_key_pattern = b"|".join(re.escape(list_path.encode()) for list_path in list_paths)
    with opened_file.open() as handle:
        list_start_match = re.match(
            _SCALARS + rb'"(?:' + list_key_pattern + rb')"\s*:\s*(?=\[)', handle.read(MAX_HEAD_BYTES)
        )
        if list_start_match is None:
            return None
        document_byte_count = opened_file.path.stat().st_size
        handle.seek(max(opened_file.text_start, document_byte_count - MAX_HEAD_BYTES))
        array_end_byte = document_byte_count - len(handle.read().rpartition(b"]")[2])
        array_path = target_path.with_suffix(".array")
        remaining_byte_count = array_end_byte - handle.seek(opened_file.text_start + list_start_match.end())
        with array_path.open("wb") as array_file:
            while remaining_byte_count > 0 and (block := handle.read(min(CHUNK_BYTES, remaining_byte_count))):
                array_file.write(block)
                remaining_byte_count -= len(block)
    return array_path


def _split_array(chunks: Iterable[bytes], file_name: str, list_paths: tuple[str, ...]) -> Iterator[bytes]:
    """Split the top array, or the first array under one of the dotted paths, into its elements.

    The part `[*]` of a path stands for each element of a list, `*` for any key: then all such arrays are split.
    """
    key_paths = [tuple(list_path.replace("[*]", ".").encode().split(b".")) for list_path in list_paths] or [()]
    max_path_length = max(map(len, key_paths))
    # The key before each open bracket; the brackets of the records themselves lie above `array_depth`.
    open_keys: list[bytes] = []
    array_depth, is_in_array, is_only_array, is_array_found = 0, False, True, False
    last_string_token, unread_bytes, byte_count = b"", b"", 0
    for chunk in chunks:
        byte_count += len(chunk)
        unread_bytes += chunk
        record_start, unread_start = None, len(unread_bytes)
        for token_match in _TOKEN.finditer(unread_bytes):
            token = token_match.group()
            if token[:1] == b'"':
                if token_match.group(1) is None:
                    unread_start = token_match.start()
                    break
                last_string_token = token
            elif token in b"{[":
                open_keys.append(last_string_token[1:-1])
                last_string_token = b""
                is_shallow_list = token == b"[" and len(open_keys) <= max_path_length + 1  # deeper ones are on no path
                if is_shallow_list and not is_array_found:
                    is_array_found = any(key_path[: len(open_keys)] == (*open_keys[1:], b"") for key_path in key_paths)
                if is_in_array:
                    record_start = token_match.start() if len(open_keys) == array_depth + 1 else record_start
                elif is_shallow_list and (key_path := _find_matching_path(open_keys[1:], key_paths)) is not None:
                    array_depth, is_only_array = len(open_keys), b"*" not in key_path
                    is_in_array = is_array_found = True
            else:
                del open_keys[-1:]
                last_string_token = b""
                if is_in_array and len(open_keys) == array_depth and record_start is not None:
                    yield unread_bytes[record_start : token_match.end()]
                    record_start = None
                elif is_in_array and len(open_keys) < array_depth:
                    is_in_array = False
                    if is_only_array:
                        return
                if not open_keys and not is_array_found:
                    raise ExportRefused(
                        f"{file_name} has no list of records at {' or '.join(list_paths)}: it holds something else "
                        "than the system's lists that are read, so export one of these"
                    )
                if not open_keys:
                    return
        if record_start is not None:
            # The record goes on in the next block; its tokens are read again there.
            unread_start = record_start
            del open_keys[array_depth:]
        unread_bytes = unread_bytes[unread_start:]
        if len(unread_bytes) > MAX_RECORD_BYTES:
            raise ExportRefused(
                f"{file_name} has a record of more than {MAX_RECORD_BYTES} bytes: it is damaged, export it again"
            )
    raise ExportRefused(f"{file_name} is cut off: its array is not closed after {byte_count} bytes; export it again")


def _find_matching_path(open_keys: Sequence[bytes], key_paths: Sequence[tuple[bytes, ...]]) -> tuple[bytes, ...] | None:
    """Return the first path that the keys follow, or None."""
    for key_path in key_paths:
        if len(key_path) == len(open_keys) and all(
            expected_key in (open_key, b"*") for expected_key, open_key in zip(key_path, open_keys, strict=True)
        ):
            return key_path
    return None
