"""Usual headers of people: what the authors of reports call the columns that their system leaves to them.

Belongs here: headers with one meaning in every HR system, for columns that a report fills under none of the names that
its system's adapter declares.
Does not belong here: the person's own key, which differs per system (the adapters); headers with several meanings, such
as Status, Title or Start Date.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class UsualHeaders:
    """The usual headers of one column.

    Attributes:
        names: The headers as words in lower case, in order of preference.
        extract: What is read of a cell; None for the complete cell.
    """

    names: tuple[str, ...]
    extract: str | None = None


# The name of a manager is no key: an id has a digit and no blank, or is an address.
_ID = r"^(\S*\d\S*|[^\s@]+@[^\s@]+)$"

USUAL_PERSON_HEADERS: Mapping[str, UsualHeaders] = MappingProxyType(
    {
        "work_email": UsualHeaders(
            (
                *("work email", "work email address", "business email", "company email", "primary work email"),
                *("email", "email address", "e mail"),
            )
        ),
        "display_name": UsualHeaders(("full name", "employee name", "worker name", "legal name", "name")),
        "manager_code": UsualHeaders(
            (
                *("manager id", "manager employee id", "manager workday id", "manager number", "supervisor id"),
                *("manager email", "supervisor email", "reports to email", "manager", "supervisor", "reports to"),
            ),
            _ID,
        ),
        "unit_name": UsualHeaders(("department", "department name", "organizational unit", "org unit", "organization")),
        "role_name": UsualHeaders(("job title", "position title", "job title name", "business title")),
        "employment_status": UsualHeaders(("employment status", "employee status", "worker status")),
        "hired_date": UsualHeaders(("hire date", "date of hire", "hired date", "original hire date")),
        "left_date": UsualHeaders(("termination date", "date of termination", "leaving date", "last day of work")),
        "weekly_hours": UsualHeaders(
            ("weekly hours", "hours per week", "scheduled weekly hours", "weekly working hours")
        ),
    }
)

# Who acted, in a record of what somebody did, in descending order of trust. An id of the system that wrote the file is
# an account there and no employee number; the name of a person is one only if the file has nothing else.
USUAL_ACTOR_HEADERS: Mapping[str, UsualHeaders] = MappingProxyType(
    {
        "employee_number": UsualHeaders(("employee number", "personnel number", "staff number")),
        "work_email": UsualHeaders(
            (
                *("work email", "work email address", "email", "email address", "e mail", "user email"),
                *("employee email", "learner email", "student email", "person email", "member email"),
            )
        ),
        "account_code": UsualHeaders(
            (
                *("user id", "employee id", "learner id", "student id", "person id", "member id", "login"),
                *("username", "user name", "user", "employee", "employee name", "learner", "learner name", "person"),
            )
        ),
    }
)
