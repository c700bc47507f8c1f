"""Columns of tables as origins of other columns.

Belongs here: how declarations of lineage name their origins.
Does not belong here: the declarations (`lineage`, `squad_lineage`).
"""

from pipelines.contracts.table import Table

# (table, column)
ColumnOrigin = tuple[str, str]
Origins = tuple[ColumnOrigin, ...]


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
