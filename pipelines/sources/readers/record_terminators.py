"""Text whose records end with a terminator of their own instead of a line end, rewritten as CSV.

Belongs here: splitting such a file into records as a stream, refusing a last record without its terminator.
Does not belong here: ordinary CSV (`delimited`), which reads the rewritten file.
"""

import csv
import io
from collections.abc import Iterator
from itertools import chain

from pipelines.sources.readers.delimited import DELIMITERS, MAX_FIELD_BYTES
from pipelines.sources.readers.files import CHUNK_BYTES, ExportRefused, OpenedFile, ScratchFolder


def rewrite_terminated(opened_file: OpenedFile, file_name: str, terminator: str, delimiter: str | None) -> OpenedFile:
    """Rewrite the records as CSV with line ends.

    Args:
        opened_file: The file.
        file_name: Name of the file, for messages.
        terminator: Text that ends each record, such as `!##!`.
        delimiter: Delimiter of the fields; None to take the most frequent one of the first record.

    Returns:
        The rewritten file, or the file itself if its first block does not hold the terminator.

    Raises:
        ExportRefused: If the last record has no terminator, so the file was cut off.
    """
    terminator_bytes = terminator.encode()
    with opened_file.open() as handle:
        if terminator_bytes not in handle.read(CHUNK_BYTES):
            return opened_file
    scratch_folder = ScratchFolder()
    target_path = scratch_folder.path / "records.csv"
    records = _split_records(opened_file, file_name, terminator_bytes)
    header_record = next(records, "")
    used_delimiter = delimiter or max(DELIMITERS, key=header_record.count)
    with target_path.open("w", encoding="utf-8", newline="") as target_file:
        csv.writer(target_file, delimiter=used_delimiter, lineterminator="\n").writerows(
            _split_fields(record, used_delimiter) for record in chain([header_record], records)
        )
    return OpenedFile(target_path, opened_file.encoding, 0, scratch_folder)


def _split_records(opened_file: OpenedFile, file_name: str, terminator_bytes: bytes) -> Iterator[str]:
    incomplete_record, record_count = b"", 0
    for chunk in opened_file.chunks():
        *records, incomplete_record = (incomplete_record + chunk).split(terminator_bytes)
        for record in filter(bytes.strip, records):
            record_count += 1
            yield record.decode("utf-8", "replace").strip("\r\n")
        if len(incomplete_record) > MAX_FIELD_BYTES:
            raise ExportRefused(f"{file_name} has a record of more than {MAX_FIELD_BYTES} bytes: export it again")
    if incomplete_record.strip():
        raise ExportRefused(
            f"{file_name} is cut off: after {record_count} complete records it ends without "
            f"{terminator_bytes.decode()}; export it again"
        )


def _split_fields(record: str, delimiter: str) -> list[str]:
    """Split the record; quotes count only if every one of them opens a field, closes one or is doubled."""
    if '"' in record:
        try:
            csv_rows = list(csv.reader(io.StringIO(record, newline=""), delimiter=delimiter, strict=True))
        except csv.Error:
            csv_rows = []
        if len(csv_rows) == 1:
            return csv_rows[0]
    return record.split(delimiter)
