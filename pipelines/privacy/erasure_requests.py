"""Landing files of erasures: the people whom a company's own system asks to erase.

Belongs here: reading the files, and whom their rows name.
Does not belong here: the deletion (`erasure`).
"""

import csv
from pathlib import Path

import polars as pl

from pipelines.ingest.landing import list_landing_files
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasureUnavailable
from pipelines.privacy.identities import PersonTraces, find_traces, read_mentions

_COLUMNS = ("person_id", "employee_number", "work_email", "account_code")


def list_request_files(data_root: DataRoot) -> list[Path]:
    """The landing files that ask for erasures, as `privacy.erasure_requests` declares them."""
    pattern = data_root.config.privacy.erasure_requests
    return list_landing_files(data_root.landing_folder, pattern) if pattern else []


def read_requests(data_root: DataRoot, files: list[Path]) -> PersonTraces:
    """Everything by which the data root names the people of some files.

    A key that the data root does not know is a trace all the same: exports may bring the person later.

    Args:
        data_root: The data root.
        files: CSV files with a header; each row names a person in one or several of the columns `_COLUMNS`.

    Raises:
        ErasureUnavailable: If a file has none of the columns.
    """
    texts_by_column: dict[str, set[str]] = {column: set() for column in _COLUMNS}
    for path in files:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if not set(_COLUMNS) & set(reader.fieldnames or ()):
                raise ErasureUnavailable(f"{path.name} names nobody: give it one of the columns {', '.join(_COLUMNS)}")
            for row in reader:
                for column in _COLUMNS:
                    if text := (row.get(column) or "").strip():
                        texts_by_column[column].add(text.lower() if column == "work_email" else text)
    mentions = read_mentions(data_root.lake, data_root.config)
    is_named = pl.any_horizontal(pl.col(column).is_in(sorted(texts)) for column, texts in texts_by_column.items())
    person_ids = set(mentions.filter(is_named)["person_id"])
    requested = PersonTraces(
        person_ids=tuple(sorted(texts_by_column["person_id"])),
        employee_numbers=tuple(sorted(texts_by_column["employee_number"])),
        addresses=tuple(sorted(texts_by_column["work_email"])),
    )
    return find_traces(data_root.lake, data_root.config, person_ids).merge(requested)
