"""The content hashes of the files of a table, and work on several files at once.

Belongs here: one hash per file, and one for all files of a table.
Does not belong here: the hash of one file's rows (`parquet_files`), which files a table has (`file_layout`).
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import polars as pl

from pipelines.storage.file_layout import SINGLE_FILE
from pipelines.storage.parquet_files import content_sha256

_Input = TypeVar("_Input")
_Output = TypeVar("_Output")


def hash_files(rows_by_file: Mapping[str, pl.DataFrame]) -> dict[str, str | None]:
    """The content hash of the rows of each file."""
    return dict(zip(rows_by_file, map_in_threads(content_sha256, rows_by_file.values()), strict=True))


def map_in_threads(function: Callable[[_Input], _Output], inputs: Iterable[_Input]) -> list[_Output]:
    """The results in the order of the inputs; one thread per core, because hashing or writing a file uses one core."""
    with ThreadPoolExecutor(os.cpu_count()) as thread_pool:
        return list(thread_pool.map(function, inputs))


def combine_hashes(hash_by_file: Mapping[str, str | None]) -> str | None:
    """One hash of all files; the file's own hash if the table is not split; None if a file has no hash."""
    if not hash_by_file or None in hash_by_file.values():
        return None
    if set(hash_by_file) == {SINGLE_FILE}:
        return hash_by_file[SINGLE_FILE]
    return hashlib.sha256(
        "".join(f"{file_name} {file_hash}\n" for file_name, file_hash in sorted(hash_by_file.items())).encode()
    ).hexdigest()
