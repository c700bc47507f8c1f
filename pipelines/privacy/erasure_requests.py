"""Landing files of requests: the people who ask to be erased, or for a copy of what is stored about them.

Belongs here: reading the files, and whom their rows name.
Does not belong here: the deletion (`erasure`).
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipelines.ingest.landing import list_landing_files
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasedPeople, ErasureUnavailable, Identity
from pipelines.privacy.identities import PersonTraces, find_traces, read_mentions

_KEY_COLUMNS = ("person_id", "employee_number", "work_email", "account_code")


def list_request_files(data_root: DataRoot) -> list[Path]:
    """The landing files that ask for erasures, as `privacy.erasure_requests` declares them."""
    file_pattern = data_root.config.privacy.erasure_requests
    return list_landing_files(data_root.landing_folder, file_pattern) if file_pattern else []


def list_obsolete_access_requests(data_root: DataRoot, traces: PersonTraces) -> list[Path]:
    """List the landing files that ask for copies of erased people's data, or for badges, and name nobody else.

    Args:
        data_root: The data root.
        traces: The keys by which the erased people are named.
    """
    badge_options = data_root.config.badges
    patterns = (data_root.config.privacy.access_requests, badge_options.requests if badge_options else None)
    if not data_root.owns_landing:
        return []
    erased_keys = {*traces.person_ids, *traces.employee_numbers, *(address.lower() for address in traces.addresses)}
    erased_keys |= {account_code for _, account_code in traces.accounts}
    return [
        request_path
        for pattern in filter(None, patterns)
        for request_path in list_landing_files(data_root.landing_folder, pattern)
        if _names_only(request_path, erased_keys)
    ]


def _names_only(request_path: Path, erased_keys: set[str]) -> bool:
    """Whether every key of a file is one of these; a file that cannot be read holds back no erasure."""
    try:
        return {key_text for _, _, key_text in read_request_keys(request_path)} <= erased_keys
    except ErasureUnavailable:
        return False


def read_requests(data_root: DataRoot, request_files: list[Path], erased_people: ErasedPeople) -> PersonTraces:
    """Everything by which the data root names the people of some files.

    A number or an address that the data root does not know is a trace all the same: exports may bring the person later.

    Args:
        data_root: The data root.
        request_files: CSV files with a header; each row names a person in one or several of the columns `_KEY_COLUMNS`.
        erased_people: The list, whose accounts may be named again.

    Raises:
        ErasureUnavailable: A file is an export of a source, cannot be read, has none of the columns, or has a key that
            leads to several people or an account that leads to nobody.
    """
    export_paths = {
        request_path
        for source in data_root.config.sources
        for request_path in list_landing_files(data_root.landing_folder, source.path)
    }
    if export_paths & set(request_files):
        raise ErasureUnavailable(
            "privacy.erasure_requests matches exports of a source, and would erase everybody in them: "
            "give requests a folder of their own"
        )
    mentions = read_mentions(data_root.lake, data_root.config).with_columns(pl.col("work_email").str.to_lowercase())
    ids_by_key_by_column = {
        column_name: dict(
            mentions.drop_nulls(column_name).group_by(column_name).agg(pl.col("person_id").unique()).iter_rows()
        )
        for column_name in _KEY_COLUMNS[1:]
    } | {"person_id": {person_id: [person_id] for person_id in mentions["person_id"]}}
    person_ids: set[str] = set()
    texts_by_column: dict[str, set[str]] = {column_name: set() for column_name in _KEY_COLUMNS}
    for request_path in request_files:
        for line_number, column_name, key_text in read_request_keys(request_path):
            matched_ids = ids_by_key_by_column[column_name].get(key_text, [])
            is_unknown_account = (
                not matched_ids
                and column_name == "account_code"
                and not erased_people.includes(Identity("code", key_text))
            )
            if len(matched_ids) > 1 or is_unknown_account:
                raise ErasureUnavailable(
                    f"{request_path.name}, line {line_number}: {column_name} leads to {len(matched_ids) or 'no'} "
                    "people, and nobody was erased: name the person by person_id or employee_number"
                )
            person_ids.update(matched_ids)
            texts_by_column[column_name].add(key_text)
    # the person_id of somebody who comes later will be the employee number; who was erased is not erased again
    unknown_ids = texts_by_column["person_id"] - person_ids
    later_numbers = {key_text for key_text in unknown_ids if not erased_people.includes(Identity("code", key_text))}
    requested_traces = PersonTraces(
        person_ids=tuple(sorted(texts_by_column["person_id"])),
        employee_numbers=tuple(sorted(texts_by_column["employee_number"] | later_numbers)),
        addresses=tuple(sorted(texts_by_column["work_email"])),
    )
    return find_traces(data_root.lake, data_root.config, person_ids).merge(requested_traces)


def read_request_keys(path: Path) -> Iterator[tuple[int, str, str]]:
    """Read the keys that a file of requests names.

    Args:
        path: A CSV file with a header.

    Yields:
        The number of the line, the column, and the key as the data root writes it.

    Raises:
        ErasureUnavailable: The file cannot be read, or has no column that names people.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as request_file:
            csv_reader = csv.DictReader(request_file)
            if not set(_KEY_COLUMNS) & set(csv_reader.fieldnames or ()):
                raise ErasureUnavailable(
                    f"{path.name} names nobody: give it one of the columns {', '.join(_KEY_COLUMNS)}"
                )
            for csv_row in csv_reader:
                for column_name in _KEY_COLUMNS:
                    if key_text := (csv_row.get(column_name) or "").strip():
                        yield (
                            csv_reader.line_num,
                            column_name,
                            key_text.lower() if column_name == "work_email" else key_text,
                        )
    except (UnicodeDecodeError, csv.Error) as error:
        raise ErasureUnavailable(f"{path.name} cannot be read: save it as CSV in UTF-8, with commas") from error
