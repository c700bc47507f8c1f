"""What the classes of its columns mean for a table: which people a row names, and what each column says of them.

Belongs here: functions of a table's contract that access, erasure, pages and metadata share. A table that is added to
the catalogue needs no entry anywhere.
Does not belong here: the classes (`classification`), where the rows of a person lie (`pipelines.privacy`).
"""

from dataclasses import dataclass

import polars as pl

from pipelines.contracts.classification import DataClass, PersonKey, PersonReference, PersonRole
from pipelines.contracts.table import Column, Table
from pipelines.contracts.table_declaration import PERSON_REFERENCE

_PERSONAL_CLASSES = (DataClass.IDENTIFIER, DataClass.PERSONAL, DataClass.INFERENCE)


@dataclass(frozen=True, slots=True)
class PersonColumn:
    """A column of a table that names people.

    Attributes:
        name: Name of the column.
        role: Whether the row is about the person or about somebody else.
        key: By what the person is named.
        is_list: Whether a cell names several people.
    """

    name: str
    role: PersonRole
    key: PersonKey
    is_list: bool


def find_person_columns(table: Table) -> tuple[PersonColumn, ...]:
    """Every column that leads to a person, whatever its key.

    A column without a declaration that references the table of people names another person.

    Args:
        table: Contract of any table.
    """
    reference_by_column = {
        foreign_key.column: PersonReference(PersonRole.OTHER, PersonKey.PERSON_ID)
        for foreign_key in table.references
        if foreign_key.target == PERSON_REFERENCE.target
    } | {column.name: column.reference for column in table.columns if column.reference is not None}
    return tuple(
        PersonColumn(column.name, person_reference.role, person_reference.key, isinstance(column.dtype, pl.List))
        for column in table.columns
        if (person_reference := reference_by_column.get(column.name)) is not None
    )


def person_columns(table: Table) -> tuple[PersonColumn, ...]:
    """The columns that hold person ids, of the subject of the row or of another person.

    Args:
        table: Contract of any table.
    """
    return tuple(column for column in find_person_columns(table) if column.key is PersonKey.PERSON_ID)


def identity_columns(table: Table) -> tuple[PersonColumn, ...]:
    """The columns that hold keys of the exports: employee numbers, e-mail addresses and accounts.

    Args:
        table: Contract of any table.
    """
    excluded_keys = (PersonKey.PERSON_ID, PersonKey.RECORD)
    return tuple(column for column in find_person_columns(table) if column.key not in excluded_keys)


def record_columns(table: Table) -> tuple[PersonColumn, ...]:
    """The columns that hold hashes of a person's records: they name the person through the table of the record.

    Args:
        table: Contract of any table.
    """
    return tuple(column for column in find_person_columns(table) if column.key is PersonKey.RECORD)


def names_people(table: Table) -> bool:
    """Whether a row of the table leads to a person: its other columns then speak of that person."""
    return bool(find_person_columns(table)) or any(
        column.data_class is DataClass.IDENTIFIER for column in table.columns
    )


def has_personal_data(table: Table) -> bool:
    """Whether any column holds data of people; a table without any needs neither access nor erasure."""
    return any(data_class in _PERSONAL_CLASSES for data_class in classify_columns(table).values())


def classify_columns(table: Table) -> dict[str, DataClass]:
    """The class of each column in this table.

    A micro-skill or a unit is organisational in a taxonomy, and personal in a row that names a person.

    Args:
        table: Contract of any table.

    Returns:
        The class by name of the column, in the order of the columns.
    """
    identifier_columns = {column.name for column in (*person_columns(table), *identity_columns(table))}
    is_about_people = names_people(table)
    class_by_column = {column.name: column.data_class for column in table.columns} | dict.fromkeys(
        identifier_columns, DataClass.IDENTIFIER
    )
    return {
        column_name: DataClass.PERSONAL if is_about_people and data_class is DataClass.ORGANISATIONAL else data_class
        for column_name, data_class in class_by_column.items()
    }


def is_impersonal(data_class: DataClass) -> bool:
    """Whether values of this class may stand in logs, previews and metadata."""
    return data_class not in _PERSONAL_CLASSES


def is_direct(column: Column) -> bool:
    """Whether the column must not be published: a name, a key of the exports, or free text."""
    is_person_id = column.reference is not None and column.reference.key is PersonKey.PERSON_ID
    return column.is_free_text or (column.data_class is DataClass.IDENTIFIER and not is_person_id)
