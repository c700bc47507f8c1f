"""A proposed mapping: what fills each column of a canonical schema, why, and what is left open.

Belongs here: the proposal, and filling it from the roles of columns.
Does not belong here: which columns make which schema (`own_tables`, `schema_tables`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.inspection.role_columns import ColumnRoles, RoleColumn
from pipelines.inspection.vocabulary import Subject

# The columns of events that tell when something happened.
_EVENT_DAY_COLUMNS = ("worked_at", "occurred_at", "stated_at", "replied_at", "started_date")


@dataclass(frozen=True)
class ProposedField:
    """What fills one column of the canonical schema.

    Attributes:
        destination: Column of the canonical schema.
        entry: The entry of `mapping` in footsteps.yaml: a header, a list of headers, or a mapping of options.
        reason: From what it was decided, in words without any value of the file.
        is_sure: Whether values or an exact name decided; if not, the engineer has to check it.
    """

    destination: str
    entry: str | list[str] | Mapping[str, Any]
    reason: str
    is_sure: bool = True


@dataclass(frozen=True)
class TableProposal:
    """How a table may be read.

    Attributes:
        shape: The canonical schema; None if none could be decided.
        fields: One entry per column that is filled.
        questions: What could not be decided, one sentence each.
        served_systems: The systems whose accounts an account map lists.
    """

    shape: CanonicalSchemaName | None
    fields: tuple[ProposedField, ...] = ()
    questions: tuple[str, ...] = ()
    served_systems: tuple[str, ...] = ()

    @property
    def mapping(self) -> dict[str, Any]:
        """The section `mapping` of the source."""
        return {proposed_field.destination: proposed_field.entry for proposed_field in self.fields}

    @property
    def missing_columns(self) -> tuple[str, ...]:
        """The columns that each row needs and nothing fills; alternatives are joined by ` or `."""
        if self.shape is None:
            return ()
        filled_columns = {proposed_field.destination for proposed_field in self.fields}
        needed_column_groups = CANONICAL_SCHEMAS[self.shape].needed_column_groups
        return tuple(
            " or ".join(alternative_columns)
            for alternative_columns in needed_column_groups
            if not filled_columns.intersection(alternative_columns)
        )


@dataclass
class MappingDraft:
    """A proposal that is being made from the roles of columns.

    Attributes:
        column_roles: The column of each role.
        subjects: What the table is about.
        fields: What is filled so far.
        questions: What could not be decided so far.
    """

    column_roles: ColumnRoles
    subjects: set[Subject]
    fields: list[ProposedField] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def fill(self, canonical_column: str, column: RoleColumn | None, **mapping_options: Any) -> None:
        """Fill a column of the canonical schema from a column of the table, if there is one."""
        if column is not None:
            field_entry: Any = {"column": column.header, **mapping_options} if mapping_options else column.header
            self.fields.append(ProposedField(canonical_column, field_entry, column.reason, column.is_sure))

    def fill_constant(self, canonical_column: str, constant: str, reason: str, is_sure: bool) -> None:
        """Fill a column of the canonical schema with one value for all rows."""
        self.fields.append(ProposedField(canonical_column, {"constant": constant}, reason, is_sure))

    def fill_person(self, key_columns: Sequence[RoleColumn]) -> None:
        """Fill the keys of the person."""
        for key_column in key_columns:
            self.fill(key_column.person_key or "account_code", key_column)

    def fill_event(self, day_column: str) -> None:
        """Fill what all records of events have: person, record, skill, and the day in the column `day_column`."""
        column_roles = self.column_roles
        self.fill_person(column_roles.persons)
        self.fill("record_code", column_roles.record)
        self.fill("skill_text", column_roles.skill)
        self.fill(day_column, column_roles.day or column_roles.end or column_roles.start)

    def fill_hours(self, canonical_column: str) -> None:
        """Fill hours with their unit."""
        hours_column = self.column_roles.hours
        if hours_column is not None and hours_column.unit == "minutes":
            self.fill(canonical_column, hours_column, unit="minutes")
        else:
            self.fill(canonical_column, hours_column)

    def fill_score(self, canonical_column: str) -> None:
        """Fill a score with its scale."""
        score_column = self.column_roles.score
        if score_column is not None and score_column.scale is not None:
            self.fill(canonical_column, score_column, scale=list(score_column.scale))
        else:
            self.fill(canonical_column, score_column)

    def fill_category(
        self, canonical_column: str, column: RoleColumn | None, meaning_by_word: Mapping[str, str]
    ) -> None:
        """Fill a column of the canonical schema from words; a word that stands for none is only counted."""
        if column is None:
            return
        allowed_words = COLUMNS[canonical_column].allowed
        meaning_by_listed_word = {
            word: meaning_by_word[word] for word in sorted(column.distinct_words) if word in meaning_by_word
        }
        unknown_words = [
            word for word in column.distinct_words if word not in meaning_by_listed_word and word not in allowed_words
        ]
        if not meaning_by_listed_word and unknown_words:
            return
        if all(word == meaning for word, meaning in meaning_by_listed_word.items()):
            self.fill(canonical_column, column)
        else:
            self.fill(canonical_column, column, values=meaning_by_listed_word)
        if unknown_words:
            self.questions.append(
                f"`{column.header}`: {len(unknown_words)} of its words are unknown and stay unread: add them to its "
                f"`values` ({', '.join(allowed_words)})"
            )

    def finish(self, shape: CanonicalSchemaName) -> TableProposal:
        """Return the proposal with the fields that the shape has."""
        self.questions += self.column_roles.questions
        shape_columns = CANONICAL_SCHEMAS[shape].columns
        field_by_destination = {proposed_field.destination: proposed_field for proposed_field in reversed(self.fields)}
        ordered_fields = tuple(
            field_by_destination[column] for column in shape_columns if column in field_by_destination
        )
        missing_day_columns = [
            column
            for column in CANONICAL_SCHEMAS[shape].required
            if column in _EVENT_DAY_COLUMNS and column not in field_by_destination
        ]
        self.questions += [
            f"no column holds the day: map `{column}`, or set one day for all rows, "
            f"`{column}: {{constant: 2026-06-30}}`"
            for column in missing_day_columns
        ]
        served_systems = (
            self.column_roles.account.served_systems if shape == "account" and self.column_roles.account else ()
        )
        return TableProposal(shape, ordered_fields, tuple(dict.fromkeys(self.questions)), served_systems)
