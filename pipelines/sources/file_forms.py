"""Forms of a system's files that are not read, or not wholly: which of them a file has.

Belongs here: the refusal or the note of such a file.
Does not belong here: the forms of a system (the adapters).
"""

import re
from collections.abc import Collection, Sequence

from pipelines.sources.declaration import Adapter, FileForm
from pipelines.sources.header_spelling import words_of
from pipelines.sources.readers.files import ExportRefused
from pipelines.sources.readers.text_table import TextTable
from pipelines.sources.sensitive_columns import sensitive_class

# A sentence quotes this many headers.
MAX_QUOTED_HEADERS = 20
# Words of the headers of a record's own id, and of those of the person that a record belongs to.
RECORD_ID_WORDS, PERSON_ID_WORDS = ("id", "uuid"), ("employee id", "employee uuid", "person id", "worker id")


def refuse_unread_form(table: TextTable, adapter: Adapter, file_name: str) -> None:
    """Refuse a file of a form of which the system's adapter reads nothing.

    Args:
        table: The file.
        adapter: The system that wrote it.
        file_name: Name of the file, for the message.

    Raises:
        ExportRefused: If the file has the form, and the signature of no shape map.
    """
    signatures = [shape_map.signature for shape_map in adapter.shapes if shape_map.signature]
    if any(_has_headers(signature, table) for signature in signatures):
        return
    if refusal_reasons := _describe_forms(adapter.refused_forms, table):
        raise ExportRefused(f"{file_name} {refusal_reasons[0]}")


def refuse_records_of_people(read_headers: Collection[str], table: TextTable, file_name: str) -> None:
    """Refuse records that have an id of their own beside that of their person: the former is nobody's account.

    Args:
        read_headers: Headers that the map of people reads.
        table: The file.
        file_name: Name of the file, for the message.

    Raises:
        ExportRefused: If the map reads the id of the record, and not that of the person.
    """
    read_header_keys = {table.key(header) for header in read_headers}
    if not any(
        words_of(header) in RECORD_ID_WORDS for header in table.headers if table.key(header) in read_header_keys
    ):
        return
    for header in table.headers:
        if words_of(header) in PERSON_ID_WORDS and table.key(header) not in read_header_keys:
            raise ExportRefused(
                f"{file_name} has records with an id of their own that belong to a person ({header}), not people: "
                f"export the list of people, or name the person by `mapping: {{account_code: {header}}}`"
            )


def describe_noted_forms(table: TextTable, adapter: Adapter) -> tuple[str, ...]:
    """Return a note per form of the file that the system's adapter reads in part.

    Args:
        table: The file.
        adapter: The system that wrote it.
    """
    return tuple(f"it {form_description}" for form_description in _describe_forms(adapter.noted_forms, table))


def _describe_forms(forms: Sequence[FileForm], table: TextTable) -> list[str]:
    """Return what the file is, for each form that it has."""
    form_descriptions = []
    for form in forms:
        matching_headers = [
            header.strip()
            for header in table.headers
            if form.header_pattern and re.search(form.header_pattern, header.strip()) and not sensitive_class(header)
        ]
        if _has_headers(form.headers, table) and (matching_headers or not form.header_pattern):
            headers_clause = ", ".join(f"`{header}`" for header in matching_headers[:MAX_QUOTED_HEADERS])
            further_header_count = len(matching_headers) - MAX_QUOTED_HEADERS
            form_descriptions.append(
                form.description.replace(
                    "{headers}",
                    f"{headers_clause} and {further_header_count} more" if further_header_count > 0 else headers_clause,
                )
            )
    return form_descriptions


def _has_headers(headers: Sequence[str], table: TextTable) -> bool:
    return all(table.key(header) in table.columns for header in headers)
