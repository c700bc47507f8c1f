"""A proposed mapping: what fills each column of a canonical schema, why, and what is left open.

Belongs here: the proposal, and filling it from the roles of columns.
Does not belong here: which columns make which schema (`own_tables`, `schema_tables`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.inspection.roles import ColumnRoles, RoleColumn
from pipelines.inspection.vocabulary import Subject

# The columns of events that tell when something happened.
_DAYS = ("worked_at", "occurred_at", "stated_at", "replied_at", "started_date")


@dataclass(frozen=True)
class ProposedField:
    """What fills one column of the canonical schema.

    Attributes:
        destination: Column of the canonical schema.
        entry: The entry of `mapping` in footsteps.yaml: a header, a list of headers, or a mapping of options.
        why: From what it was decided, in words without any value of the file.
        is_sure: Whether values or an exact name decided; if not, the engineer has to check it.
    """

    destination: str
    entry: str | list[str] | Mapping[str, Any]
    why: str
    is_sure: bool = True


@dataclass(frozen=True)
class TableProposal:
    """How a table may be read.

    Attributes:
        shape: The canonical schema; None if none could be decided.
        fields: One entry per column that is filled.
        questions: What could not be decided, one sentence each.
        serves: The systems whose accounts an account map lists.
    """

    shape: CanonicalSchemaName | None
    fields: tuple[ProposedField, ...] = ()
    questions: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()

    @property
    def mapping(self) -> dict[str, Any]:
        """The section `mapping` of the source."""
        return {proposed.destination: proposed.entry for proposed in self.fields}

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns that each row needs and nothing fills; alternatives are joined by ` or `."""
        if self.shape is None:
            return ()
        filled = {proposed.destination for proposed in self.fields}
        groups = CANONICAL_SCHEMAS[self.shape].needed_columns
        return tuple(" or ".join(group) for group in groups if not filled.intersection(group))


@dataclass
class MappingDraft:
    """A proposal that is being made from the roles of columns.

    Attributes:
        roles: The column of each role.
        subjects: What the table is about.
        fields: What is filled so far.
        questions: What could not be decided so far.
    """

    roles: ColumnRoles
    subjects: set[Subject]
    fields: list[ProposedField] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def fill(self, destination: str, column: RoleColumn | None, **options: Any) -> None:
        """Fill a column of the canonical schema from a column of the table, if there is one."""
        if column is not None:
            entry: Any = {"column": column.header, **options} if options else column.header
            self.fields.append(ProposedField(destination, entry, column.why, column.is_sure))

    def fill_constant(self, destination: str, value: str, why: str, is_sure: bool) -> None:
        """Fill a column of the canonical schema with one value for all rows."""
        self.fields.append(ProposedField(destination, {"constant": value}, why, is_sure))

    def fill_person(self, columns: Sequence[RoleColumn]) -> None:
        """Fill the keys of the person."""
        for column in columns:
            self.fill(column.key or "account_code", column)

    def fill_event(self, day: str) -> None:
        """Fill what all records of events have: person, record, skill, and the day in the column `day`."""
        roles = self.roles
        self.fill_person(roles.persons)
        self.fill("record_code", roles.record)
        self.fill("skill_text", roles.skill)
        self.fill(day, roles.day or roles.end or roles.start)

    def fill_hours(self, destination: str) -> None:
        """Fill hours with their unit."""
        hours = self.roles.hours
        if hours is not None and hours.unit == "minutes":
            self.fill(destination, hours, unit="minutes")
        else:
            self.fill(destination, hours)

    def fill_score(self, destination: str) -> None:
        """Fill a score with its scale."""
        score = self.roles.score
        if score is not None and score.scale is not None:
            self.fill(destination, score, scale=list(score.scale))
        else:
            self.fill(destination, score)

    def fill_category(self, destination: str, column: RoleColumn | None, values: Mapping[str, str]) -> None:
        """Fill a column of the canonical schema from words; a word that stands for none is only counted."""
        if column is None:
            return
        allowed = COLUMNS[destination].allowed
        meanings = {word: values[word] for word in sorted(column.words) if word in values}
        unknown = [word for word in column.words if word not in meanings and word not in allowed]
        if not meanings and unknown:
            return
        if all(word == meaning for word, meaning in meanings.items()):
            self.fill(destination, column)
        else:
            self.fill(destination, column, values=meanings)
        if unknown:
            self.questions.append(
                f"`{column.header}`: {len(unknown)} of its words are unknown and stay unread: add them to its `values` "
                f"({', '.join(allowed)})"
            )

    def finish(self, shape: CanonicalSchemaName) -> TableProposal:
        """Return the proposal with the fields that the shape has."""
        self.questions += self.roles.questions
        allowed = CANONICAL_SCHEMAS[shape].columns
        fields = {proposed.destination: proposed for proposed in reversed(self.fields)}
        ordered = tuple(fields[name] for name in allowed if name in fields)
        days = [name for name in CANONICAL_SCHEMAS[shape].required if name in _DAYS and name not in fields]
        self.questions += [
            f"no column holds the day: map `{name}`, or set one day for all rows, `{name}: {{constant: 2026-06-30}}`"
            for name in days
        ]
        serves = self.roles.account.serves if shape == "account" and self.roles.account else ()
        return TableProposal(shape, ordered, tuple(dict.fromkeys(self.questions)), serves)
