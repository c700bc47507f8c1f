"""A table declared from the columns of the lake, and the references that tables share.

Belongs here: how the contract of a table is put together.
Does not belong here: the columns (`columns`), which table has which column (`catalog`, `canonical_schemas`).
"""

from typing import Any

from pipelines.contracts.columns import select_columns
from pipelines.contracts.table import Reference, Table

# (table, column)
ColumnOrigin = tuple[str, str]
Origins = tuple[ColumnOrigin, ...]
# The columns that identify the run of every published row (see `pipelines.snapshots.row_metadata`); rows that depend on
# a model have model_version in addition.
ROW_METADATA_COLUMNS = ("snapshot_id", "as_of", "valid_until", "policy_version", "schema_version")

PERSON_REFERENCE = Reference("person_id", "core_hr__entity_person", "person_id")
SKILL_REFERENCE = Reference("skill_id", "core_taxonomy__codes_skill", "skill_id")
PREREQUISITE_REFERENCE = Reference("requires_skill_id", "core_taxonomy__codes_skill", "skill_id")


def declare_table(
    name: str, description: str, column_list: str, key: str = "", required: str = "", **table_fields: Any
) -> Table:
    """Declare a table from declared columns.

    Args:
        name: Name of the table.
        description: Grain of the table.
        column_list: Names of the columns, in order, separated by white space; so are those of `key` and `required`.
        key: Columns whose combination is unique and never null.
        required: Further columns that are never null.
        table_fields: Other fields of Table.

    Raises:
        KeyError: A column is not declared.
        ValueError: The declaration contradicts itself.
    """
    table_columns = select_columns(*column_list.split())
    return Table(name, description, table_columns, tuple(key.split()), tuple(required.split()), **table_fields)


def columns_of(table: Table, column_list: str) -> Origins:
    """These columns of a table as origins.

    Args:
        table: The table.
        column_list: Names of columns, separated by white space.

    Raises:
        KeyError: The table does not have one of the columns.
    """
    column_names = column_list.split()
    if missing_columns := set(column_names) - set(table.column_names):
        raise KeyError(f"{table.name} has no {', '.join(sorted(missing_columns))}")
    return tuple((table.name, column_name) for column_name in column_names)
