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
_ONE_LINE = bytes.maketrans(b"\r\n\0", b"  \x01")
# A bracket, or a string; the group is empty if the string is still open at the end of the block.
_TOKEN = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*+(")?', re.DOTALL)
# Members of an object that hold no list and no object.
_SCALARS = rb'\s*\{\s*(?:"[^"\\]*"\s*:\s*(?:"[^"\\]*"|[^\s"\[\]{},]+)\s*,\s*)*+'
# Bytes at the start of a document in which its list is looked for.
_HEAD_BYTES = 1 << 16


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
            target_file.writelines(record.translate(_ONE_LINE) + b"\n" for record in records)


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
        return opened_file.path if opened_file.start == 0 else None
    if any("." in path or "[" in path for path in list_paths):
        return None
    keys = b"|".join(re.escape(path.encode()) for path in list_paths)
    with opened_file.open() as handle:
        match = re.match(_SCALARS + rb'"(?:' + keys + rb')"\s*:\s*(?=\[)', handle.read(_HEAD_BYTES))
        if match is None:
            return None
        size = opened_file.path.stat().st_size
        handle.seek(max(opened_file.start, size - _HEAD_BYTES))
        array_end = size - len(handle.read().rpartition(b"]")[2])
        array_path = target_path.with_suffix(".array")
        bytes_left = array_end - handle.seek(opened_file.start + match.end())
        with array_path.open("wb") as array_file:
            while bytes_left > 0 and (block := handle.read(min(CHUNK_BYTES, bytes_left))):
                array_file.write(block)
                bytes_left -= len(block)
    return array_path


def _split_array(chunks: Iterable[bytes], file_name: str, list_paths: tuple[str, ...]) -> Iterator[bytes]:
    """Split the top array, or the first array under one of the dotted paths, into its elements.

    The part `[*]` of a path stands for each element of a list, `*` for any key: then all such arrays are split.
    """
    paths = [tuple(key.encode() for key in path.replace("[*]", ".").split(".")) for path in list_paths] or [()]
    longest_path = max(map(len, paths))
    # The key before each open bracket; the brackets of the records themselves lie above `array_depth`.
    keys: list[bytes] = []
    array_depth, in_array, is_only, last_string, unread, byte_count = 0, False, True, b"", b"", 0
    has_array = False
    for chunk in chunks:
        byte_count += len(chunk)
        unread += chunk
        record_start, read_until = None, len(unread)
        for match in _TOKEN.finditer(unread):
            token = match.group()
            if token[:1] == b'"':
                if match.group(1) is None:
                    read_until = match.start()
                    break
                last_string = token
            elif token in b"{[":
                keys.append(last_string[1:-1])
                last_string = b""
                if token == b"[" and not has_array and len(keys) <= longest_path + 1:  # a copy of all takes too long
                    has_array = any(path[: len(keys)] == (*keys[1:], b"") for path in paths)
                if in_array:
                    record_start = match.start() if len(keys) == array_depth + 1 else record_start
                elif (
                    token == b"[" and len(keys) <= longest_path + 1 and (path := _path_of(keys[1:], paths)) is not None
                ):
                    array_depth, in_array, is_only, has_array = len(keys), True, b"*" not in path, True
            else:
                del keys[-1:]
                last_string = b""
                if in_array and len(keys) == array_depth and record_start is not None:
                    yield unread[record_start : match.end()]
                    record_start = None
                elif in_array and len(keys) < array_depth:
                    in_array = False
                    if is_only:
                        return
                if not keys and not has_array:
                    raise ExportRefused(
                        f"{file_name} has no list of records at {' or '.join(list_paths)}: it holds something else "
                        "than the system's lists that are read, so export one of these"
                    )
                if not keys:
                    return
        if record_start is not None:
            # The record goes on in the next block; its tokens are read again there.
            read_until = record_start
            del keys[array_depth:]
        unread = unread[read_until:]
        if len(unread) > MAX_RECORD_BYTES:
            raise ExportRefused(
                f"{file_name} has a record of more than {MAX_RECORD_BYTES} bytes: it is damaged, export it again"
            )
    raise ExportRefused(f"{file_name} is cut off: its array is not closed after {byte_count} bytes; export it again")


def _path_of(keys: Sequence[bytes], paths: Sequence[tuple[bytes, ...]]) -> tuple[bytes, ...] | None:
    """Return the first path that the keys follow, or None."""
    for path in paths:
        if len(path) == len(keys) and all(path_key in (key, b"*") for path_key, key in zip(path, keys, strict=True)):
            return path
    return None
