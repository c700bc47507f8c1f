"""Landing files that grow row by row while people answer: one lock for all who change them.

Belongs here: the lock, the removal of rows, and the deletion of files that nobody changed meanwhile.
Does not belong here: writing an answer (`assets.answers`), whose rows are removed (`pipelines.privacy`).
"""

import csv
import fcntl
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from pipelines.config.company import Config, SourceConfig
from pipelines.config.serve import ANSWER_SOURCES
from pipelines.ingest.landing import DONE_SUFFIX
from pipelines.storage.atomic_write import write_text_atomically

# The state of a file: inode, time of change and size. A file that is replaced gets another inode.
FileState = tuple[int, int, int]


@contextmanager
def lock_answers(data_root: Path) -> Iterator[None]:
    """Wait until no other thread or process changes files of answers, and let none change them until the block ends.

    Args:
        data_root: The data root, which holds the locked file.
    """
    data_root.mkdir(parents=True, exist_ok=True)
    with (data_root / ".answering").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        yield


def is_answer_source(config: Config, source: SourceConfig) -> bool:
    """Whether a source reads the answers that people give on their pages, so that its files are written by us alone."""
    return config.serve is not None and source.name in ANSWER_SOURCES


def count_answer_rows(csv_file: Path, find_rows: Callable[[pl.DataFrame], pl.Series]) -> int:
    """The number of rows that `remove_answer_rows` would remove; 0 if there is no such file.

    Args:
        csv_file: A file of answers.
        find_rows: From the rows (text per column of the header) to whether each is meant.
    """
    _, removed_count = _split_rows(csv_file, find_rows)
    return removed_count


def remove_answer_rows(csv_file: Path, find_rows: Callable[[pl.DataFrame], pl.Series]) -> int:
    """Replace a file of answers by one without some rows, or delete it if no row is left.

    The caller holds `lock_answers`.

    Args:
        csv_file: A file of answers; it may be missing.
        find_rows: From the rows (text per column of the header) to whether each is removed.

    Returns:
        The number of removed rows.
    """
    remaining_lines, removed_count = _split_rows(csv_file, find_rows)
    if not removed_count:
        return 0
    if len(remaining_lines) > 1:
        csv_buffer = io.StringIO(newline="")
        csv.writer(csv_buffer, lineterminator="\n").writerows(remaining_lines)
        write_text_atomically(csv_file, csv_buffer.getvalue())
    else:
        _delete_with_mark(csv_file)
    return removed_count


def read_file_state(path: Path) -> FileState | None:
    """The state of a file; None if there is none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def delete_unchanged(data_root: Path, state_by_path: Mapping[Path, FileState]) -> None:
    """Delete landing files, each with the file that marks it as complete, unless it changed meanwhile.

    A command may add a row to an export while the file is examined; the row is in no table yet, so that the file stays
    until it was landed.

    Args:
        data_root: The data root.
        state_by_path: The files, with their states before they were examined.
    """
    if not state_by_path:
        return
    with lock_answers(data_root):
        for landing_path, examined_state in state_by_path.items():
            if read_file_state(landing_path) == examined_state:
                _delete_with_mark(landing_path)


def _split_rows(csv_file: Path, find_rows: Callable[[pl.DataFrame], pl.Series]) -> tuple[list[list[str]], int]:
    """The header and the rows that stay, and the number of the others."""
    try:
        with csv_file.open(encoding="utf-8-sig", newline="") as csv_stream:
            lines = [cells for cells in csv.reader(csv_stream) if cells]
    except FileNotFoundError:
        return [], 0
    if len(lines) < 2:
        return lines, 0
    header, *rows = lines
    cells_by_column = {
        column: [cells[position] if position < len(cells) else None for cells in rows]
        for position, column in enumerate(header)
    }
    is_removed = find_rows(pl.DataFrame(cells_by_column, dict.fromkeys(header, pl.String)))
    remaining_rows = [cells for cells, is_row_removed in zip(rows, is_removed, strict=True) if not is_row_removed]
    return [header, *remaining_rows], len(rows) - len(remaining_rows)


def _delete_with_mark(landing_path: Path) -> None:
    landing_path.unlink(missing_ok=True)
    landing_path.with_name(landing_path.name + DONE_SUFFIX).unlink(missing_ok=True)
