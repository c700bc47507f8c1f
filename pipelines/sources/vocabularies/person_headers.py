"""Usual headers of people: what the authors of HR reports call the columns that their system leaves to them.

Belongs here: headers with one meaning in every HR system, for columns that a report fills under none of the names that
its system's adapter declares.
Does not belong here: keys of people, which differ per system (the adapters); headers with several meanings, such as
Status, Title or Start Date.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

USUAL_PERSON_HEADERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "work_email": ("work email", "work email address", "business email", "company email", "primary work email"),
        "unit_name": ("department", "department name", "organizational unit", "org unit"),
        "role_name": ("job title", "position title", "job title name", "business title"),
        "employment_status": ("employment status", "employee status", "worker status"),
        "hired_date": ("hire date", "date of hire", "hired date", "original hire date"),
        "left_date": ("termination date", "date of termination", "leaving date", "last day of work"),
        "weekly_hours": ("weekly hours", "hours per week", "scheduled weekly hours", "weekly working hours"),
    }
)


def find_usual_headers(destination: str, headers: Iterable[str]) -> tuple[str, ...]:
    """Return the headers that usually hold a column of a person, whatever signs or capitals part their words.

    Args:
        destination: Column of the shape `person`.
        headers: Headers of a file.
    """
    names = {_words_of(name) for name in USUAL_PERSON_HEADERS.get(destination, ())}
    return tuple(header for header in headers if _words_of(header) in names)


def _words_of(header: str) -> str:
    """Return the words of a header in lower case: Job_Title, jobTitle and JOB TITLE are job title."""
    parted_words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", header.strip())
    return re.sub(r"[\s_\-]+", " ", parted_words).casefold()
