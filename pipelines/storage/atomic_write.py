"""Files that appear whole or not at all.

Belongs here: the one way to replace a file, and the hash of a file.
Does not belong here: what the files hold.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.storage.file_access import current_umask

# Hidden files with this suffix were left by a process that was killed; a run removes them.
UNFINISHED = ".unfinished"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under another name and rename it when the block ends.

    The content is flushed to disk before the rename, so that a power cut leaves the old or the new file. Two threads or
    processes may replace the same file at once. If the block raises, the old file stays.

    Only the owner may read the file, unless `file_access.readable_by` opens what is written now to a group.

    Args:
        path: The file to replace; its folder is created if it is missing.

    Yields:
        The path to write to, in the folder of `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished_path = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}{UNFINISHED}")
    try:
        yield unfinished_path
        with unfinished_path.open("rb") as unfinished_stream:
            os.fsync(unfinished_stream.fileno())
        unfinished_path.chmod(0o666 & ~current_umask())
        unfinished_path.replace(path)
    finally:
        unfinished_path.unlink(missing_ok=True)


def write_text_atomically(path: Path, new_text: str) -> None:
    """Replace the file by one with this text, in UTF-8 and without translation of line ends."""
    with replacing(path) as unfinished_path:
        unfinished_path.write_text(new_text, encoding="utf-8", newline="")


def file_sha256(path: Path) -> str:
    """SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file_stream:
        return hashlib.file_digest(file_stream, "sha256").hexdigest()
