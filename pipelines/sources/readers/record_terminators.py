"""Text whose records end in marks of their own instead of line ends, rewritten as CSV.

Belongs here: cutting such a file into records as a stream, and the refusal of a last record without its mark.
Does not belong here: ordinary CSV (`delimited`), which reads what this writes.
"""

import csv
import io
from collections.abc import Iterator

from pipelines.sources.declaration import ExportRefused
from pipelines.sources.readers.delimited import DELIMITERS, MAX_FIELD_BYTES
from pipelines.sources.readers.files import CHUNK_BYTES, OpenedFile, ScratchFolder


def rewrite_terminated(opened: OpenedFile, name: str, terminator: str, delimiter: str | None) -> OpenedFile:
    """The same records as CSV with line ends; the file itself where the mark does not occur in its first block.

    Raises ExportRefused where the last record has no mark: the file was cut off.
    """
    mark = terminator.encode()
    with opened.path.open("rb") as handle:
        handle.seek(opened.start)
        if mark not in handle.read(CHUNK_BYTES):
            return opened
    folder = ScratchFolder()
    target = folder.path / "records.csv"
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = None
        for record in _records(opened, name, mark):
            delimiter = delimiter or max(DELIMITERS, key=record.count)
            writer = writer or csv.writer(out, delimiter=delimiter, lineterminator="\n")
            writer.writerow(_fields(record, delimiter))
    return OpenedFile(target, opened.encoding, 0, folder)


def _records(opened: OpenedFile, name: str, mark: bytes) -> Iterator[str]:
    rest, count = b"", 0
    with opened.path.open("rb") as handle:
        handle.seek(opened.start)
        while piece := handle.read(CHUNK_BYTES):
            *whole, rest = (rest + piece).split(mark)
            for record in whole:
                if record.strip():
                    count += 1
                    yield record.decode("utf-8", "replace").strip("\r\n")
            if len(rest) > MAX_FIELD_BYTES:
                raise ExportRefused(f"{name} has a record of more than {MAX_FIELD_BYTES} bytes: export it again")
    if rest.strip():
        raise ExportRefused(
            f"{name} is cut off: after {count} whole records it ends without {mark.decode()}; export it again"
        )


def _fields(record: str, delimiter: str) -> list[str]:
    """The record's fields; quotes count only where every one of them opens, closes or is doubled."""
    if '"' in record:
        try:
            rows = list(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter, strict=True))
        except csv.Error:
            rows = []
        if len(rows) == 1:
            return rows[0]
    return record.split(delimiter)
