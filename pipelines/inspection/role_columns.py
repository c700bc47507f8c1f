"""The roles of the columns of a table: person, day, skill, hours and others.

Belongs here: the column of a role, and the columns of all roles.
Does not belong here: which column has which role (`roles`), what the roles make together (`own_tables`).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RoleColumn:
    """A column in its role.

    Attributes:
        header: Its header.
        reason: What decided it, without any value.
        is_sure: Whether its values or an exact name decided.
        person_key: The key of a person that it holds.
        is_unique: Whether no value is repeated.
        unit: Unit of hours.
        scale: Lowest and highest score.
        distinct_words: Its distinct words, if they are few.
        served_systems: The systems whose accounts it lists.
    """

    header: str
    reason: str
    is_sure: bool = True
    person_key: str | None = None
    is_unique: bool = False
    unit: Literal["hours", "minutes"] = "hours"
    scale: tuple[int, int] | None = None
    distinct_words: frozenset[str] = frozenset()
    served_systems: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnRoles:
    """The column of each role; None if no column has it.

    Attributes:
        persons: Keys of the person whom the row is about, the most trusted first.
        questions: What could not be decided.
        has_former_state: Whether a column tells what was before, as in a table of changes.
    """

    persons: tuple[RoleColumn, ...]
    account: RoleColumn | None
    giver: RoleColumn | None
    mentor: RoleColumn | None
    manager: RoleColumn | None
    day: RoleColumn | None
    start: RoleColumn | None
    end: RoleColumn | None
    planned_day: RoleColumn | None
    hours: RoleColumn | None
    score: RoleColumn | None
    kind: RoleColumn | None
    status: RoleColumn | None
    record: RoleColumn | None
    skill: RoleColumn | None
    course: RoleColumn | None
    project: RoleColumn | None
    task: RoleColumn | None
    name: RoleColumn | None
    unit: RoleColumn | None
    role: RoleColumn | None
    questions: tuple[str, ...] = ()
    has_former_state: bool = False
