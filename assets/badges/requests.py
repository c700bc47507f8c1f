"""Landing files in which people ask for badges.

Belongs here: reading the files, whose request stands, and removing a request that is fulfilled.
Does not belong here: the credential (`credential`), the form of a served answer (`assets.web.answers`).

A request is a row of a CSV file with one of the columns person_id, employee_number and work_email, and the columns
skill_id, evidence_level and, if it has one, asked_at. The company's portal writes such files.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.contracts.oversight_tables import EVIDENCE_LEVELS
from pipelines.storage.atomic_write import write_text_atomically

_KEY_COLUMNS = ("person_id", "employee_number", "work_email")
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class RequestUnreadable(Exception):
    """A request cannot be read; the message names file and line, and quotes no value."""


@dataclass(frozen=True)
class BadgeRequest:
    """A person asks for the badge of a micro-skill.

    Attributes:
        path: The landing file.
        line_number: The line of the row, from 1.
        keys: The values by which the row names the person, by column; addresses are in lower case.
        skill_id: The micro-skill.
        evidence_level: One of `EVIDENCE_LEVELS`.
        asked_at: When the person asked; the earliest time if the row does not say.
    """

    path: Path
    line_number: int
    keys: dict[str, str]
    skill_id: str
    evidence_level: str
    asked_at: datetime


def find_standing_request(
    request_paths: Iterable[Path], person_keys: dict[str, str], skill_id: str
) -> BadgeRequest | None:
    """Find the newest request of a person for a micro-skill.

    Args:
        request_paths: The landing files of requests.
        person_keys: The keys of the person by column, each of which leads to nobody else.
        skill_id: The micro-skill.

    Returns:
        The request; None if none stands.

    Raises:
        RequestUnreadable: A file has not the columns of a request, or the request names no known level of evidence.
    """
    own_requests = [
        badge_request
        for request_path in request_paths
        for badge_request in read_requests(request_path)
        if badge_request.skill_id == skill_id and _names_person(badge_request, person_keys)
    ]
    for badge_request in own_requests:
        if badge_request.evidence_level not in EVIDENCE_LEVELS:
            raise RequestUnreadable(
                f"{badge_request.path.name}, line {badge_request.line_number}: evidence_level is none of "
                f"{', '.join(EVIDENCE_LEVELS)}"
            )
    return max(own_requests, key=lambda badge_request: badge_request.asked_at, default=None)


def read_requests(request_path: Path) -> Iterator[BadgeRequest]:
    """Read the requests of a file.

    Args:
        request_path: The CSV file.

    Raises:
        RequestUnreadable: The file is no CSV in UTF-8, or lacks a column.
    """
    for line_number, cells in enumerate(_read_rows(request_path), start=2):
        yield BadgeRequest(
            request_path,
            line_number,
            _read_keys(cells),
            cells.get("skill_id", ""),
            # who does not say how much is to be told agreed to nothing
            cells.get("evidence_level") or EVIDENCE_LEVELS[0],
            _read_time(cells.get("asked_at", ""), request_path, line_number),
        )


def remove_requests(request_paths: Iterable[Path], person_keys: dict[str, str], skill_id: str) -> None:
    """Remove the requests of a person for a micro-skill; a file without any further request is deleted.

    Args:
        request_paths: The landing files of requests.
        person_keys: The keys of the person by column.
        skill_id: The micro-skill.
    """
    for request_path in request_paths:
        rows = _read_rows(request_path)
        remaining_rows = [
            cells
            for cells, badge_request in zip(rows, read_requests(request_path), strict=True)
            if badge_request.skill_id != skill_id or not _names_person(badge_request, person_keys)
        ]
        if not remaining_rows:
            request_path.unlink(missing_ok=True)
        elif len(remaining_rows) < len(rows):
            csv_buffer = io.StringIO(newline="")
            writer = csv.DictWriter(csv_buffer, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(remaining_rows)
            write_text_atomically(request_path, csv_buffer.getvalue())


def _read_rows(request_path: Path) -> list[dict[str, str]]:
    try:
        with request_path.open(encoding="utf-8-sig", newline="") as request_stream:
            csv_reader = csv.DictReader(request_stream, restkey="", restval="")
            headers = set(csv_reader.fieldnames or ())
            if not headers & set(_KEY_COLUMNS) or not {"skill_id", "evidence_level"} <= headers:
                raise RequestUnreadable(
                    f"{request_path.name} is no request for badges: it needs skill_id, evidence_level and one of "
                    f"{', '.join(_KEY_COLUMNS)}"
                )
            return [
                {column: cell.strip() for column, cell in csv_row.items() if column and isinstance(cell, str)}
                for csv_row in csv_reader
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestUnreadable(f"{request_path.name} cannot be read: save it as CSV in UTF-8, with commas") from error


def _read_keys(cells: dict[str, str]) -> dict[str, str]:
    return {
        key_column: cells[key_column].lower() if key_column == "work_email" else cells[key_column]
        for key_column in _KEY_COLUMNS
        if cells.get(key_column)
    }


def _read_time(time_text: str, request_path: Path, line_number: int) -> datetime:
    if not time_text:
        return _LONG_AGO
    try:
        asked_at = datetime.fromisoformat(time_text)
    except ValueError as error:
        raise RequestUnreadable(
            f"{request_path.name}, line {line_number}: asked_at is no time such as 2026-07-01T09:30:00Z"
        ) from error
    return asked_at if asked_at.tzinfo else asked_at.replace(tzinfo=UTC)


def _names_person(badge_request: BadgeRequest, person_keys: dict[str, str]) -> bool:
    """Whether every key of a request is one of the person."""
    return bool(badge_request.keys) and all(
        person_keys.get(key_column) == key_text for key_column, key_text in badge_request.keys.items()
    )
