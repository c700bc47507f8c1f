"""Rows that are added to one of the company's exports in the landing folder.

Belongs here: finding the export of a canonical schema, its headers and its key of a person, and writing rows to it.
Does not belong here: the content of a row (`assets.cli.feedback`, `assets.web`).
"""

import csv
import hashlib
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.config.company import Config, SourceConfig
from pipelines.config.settings import Settings
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.catalog import PERSON
from pipelines.storage.atomic_write import write_text_atomically
from pipelines.storage.lake import Lake

PERSON_KEYS = ("employee_number", "work_email", "account_code")


class AnswerRefused(Exception):
    """An answer cannot be written; the message is one sentence that says what to do."""


@dataclass(frozen=True)
class ExportFile:
    """An export that rows are added to.

    Attributes:
        settings: The settings of the data root.
        source: The source in footsteps.yaml.
        header_by_column: Header by canonical column.
        path: The CSV file in the landing folder; it may not exist yet.
    """

    settings: Settings
    source: SourceConfig
    header_by_column: dict[str, str]
    path: Path

    def find_person_key(self, person_id: str) -> dict[str, str]:
        """Look up the canonical column and value by which the export names a person.

        Args:
            person_id: The person.

        Returns:
            One item: the column and the value.

        Raises:
            AnswerRefused: If nobody has the person_id, or the person has no such key.
        """
        person_rows = Lake(self.settings.lake_path).scan(PERSON).filter(person_id=person_id).collect().to_dicts()
        if not person_rows:
            raise AnswerRefused(f"nobody has the person_id {person_id!r}: see `footsteps show --sample 3`")
        person_key_values = {**person_rows[0], "account_code": person_id}
        key_columns = [key_column for key_column in PERSON_KEYS if key_column in self.header_by_column]
        for key_column in key_columns:
            if person_key_values[key_column]:
                return {key_column: str(person_key_values[key_column])}
        raise AnswerRefused(
            f"{person_id} has no {' or '.join(sorted(key_columns))}, and the source {self.source.name} has no other key"
        )

    def to_exported_values(self, canonical_values: dict[str, str]) -> dict[str, str]:
        """Replace canonical values by the export's own values, which the mapping of the source translates back.

        Args:
            canonical_values: Value by canonical column.

        Returns:
            The row with the export's values.
        """
        exported_values = dict(canonical_values)
        for canonical_column in canonical_values:
            for exported_text, canonical_value in (self.source.mapping[canonical_column].values or {}).items():
                if canonical_value == canonical_values[canonical_column]:
                    exported_values[canonical_column] = exported_text
        return exported_values


def find_export(
    settings: Settings,
    config: Config,
    landing_folder: Path,
    schema_name: CanonicalSchemaName,
    required_columns: tuple[str, ...],
    declaration_example: str,
) -> ExportFile:
    """Find the export for rows of a canonical schema: an incremental CSV source.

    Args:
        settings: The settings of the data root.
        config: The declared sources.
        landing_folder: The landing folder.
        schema_name: The canonical schema of the rows.
        required_columns: Canonical columns that the source must map.
        declaration_example: The part of footsteps.yaml that declares such a source.

    Returns:
        The export.

    Raises:
        AnswerRefused: If there is no such source, or it maps too few columns.
    """
    for source in config.sources:
        is_plain_csv = source.path.endswith(".csv") and source.encoding is None and source.delimiter in (None, ",")
        if source.shape == schema_name and source.delivery == "incremental" and is_plain_csv:
            break
    else:
        raise AnswerRefused(f"no source of the shape {schema_name} is an incremental CSV: {declaration_example}")
    header_by_column = list_headers(source, schema_name)
    missing_columns = [
        canonical_column for canonical_column in required_columns if canonical_column not in header_by_column
    ]
    if not header_by_column.keys() & set(PERSON_KEYS):
        missing_columns = missing_columns or ["employee_number"]
    if missing_columns:
        raise AnswerRefused(
            f"the source {source.name} maps no column to {', '.join(missing_columns)}: add it to its `mapping`"
        )
    return ExportFile(settings, source, header_by_column, landing_folder / source.path.replace("*", "footsteps"))


def list_headers(source: SourceConfig, schema_name: CanonicalSchemaName) -> dict[str, str]:
    """List the header of each canonical column that a source maps to one header, in the order of the schema.

    Args:
        source: The source in footsteps.yaml.
        schema_name: The canonical schema of its rows.
    """
    mapped_header_by_column = {
        canonical_column: column_mapping.column
        for canonical_column, column_mapping in source.mapping.items()
        if isinstance(column_mapping.column, str)
    }
    return {
        canonical_column: mapped_header_by_column[canonical_column]
        for canonical_column in CANONICAL_SCHEMAS[schema_name].columns
        if canonical_column in mapped_header_by_column
    }


def read_csv_rows(csv_file: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file.

    Args:
        csv_file: The file; it may be missing.

    Returns:
        Text by header per row.
    """
    try:
        with csv_file.open(encoding="utf-8-sig", newline="") as csv_stream:
            return list(csv.DictReader(csv_stream))
    except FileNotFoundError:
        return []


def append_row(
    csv_file: Path,
    existing_rows: list[dict[str, str]],
    new_row: dict[str, str],
    header_by_column: dict[str, str],
    time_column: str,
    happened_at: datetime,
) -> None:
    """Replace a CSV file by its rows and one more, with its time and a record code made from time and content.

    Args:
        csv_file: The file; it may be missing.
        existing_rows: Its rows, by header.
        new_row: The new row, by canonical column, without time and record code.
        header_by_column: Header by canonical column.
        time_column: The canonical column of the time.
        happened_at: The time.
    """
    time_text = format_time(happened_at)
    record_code = hashlib.blake2b("\t".join([time_text, *new_row.values()]).encode(), digest_size=8).hexdigest()
    complete_row = {**new_row, time_column: time_text, "record_code": f"footsteps-{record_code}"}
    csv_buffer = io.StringIO(newline="")
    header_row = list(existing_rows[0]) if existing_rows else list(header_by_column.values())
    writer = csv.DictWriter(csv_buffer, header_row, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(
        [*existing_rows, {header_by_column[canonical_column]: cell for canonical_column, cell in complete_row.items()}]
    )
    write_text_atomically(csv_file, csv_buffer.getvalue())


def format_time(moment: datetime) -> str:
    """Write a time as exports of commands do: in UTC, to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
