"""Columns that a file should fill and that are empty in every row: what it then says of people proves little.

Belongs here: which columns these are, and the sentence about one of them.
Does not belong here: columns that the file has and nothing reads (`delivery_notices`).
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.sources.adapter import get_adapter

# Groups of columns, beside the measure of a schema, of which some row fills at least one.
_TELLING_COLUMN_GROUPS: Mapping[CanonicalSchemaName, tuple[tuple[str, ...], ...]] = {
    "person": (("role_name",), ("unit_name",), ("hired_date",)),
    "assignment": (("work_email", "employee_number", "account_code"),),
}


def find_empty_columns(
    system: str,
    mapped_columns: Collection[str] | None,
    shapes: Collection[CanonicalSchemaName],
    is_empty: Callable[[CanonicalSchemaName, str], bool],
) -> tuple[str, ...]:
    """Return the columns that a file should fill and that no kept row fills.

    Args:
        system: System of the file. What its adapter reads under no name is not expected of it.
        mapped_columns: The columns that the configuration maps, for a source that names its shape; None for others.
        shapes: The canonical shapes of the file.
        is_empty: Returns whether a shape has kept rows and none of them fills a column.

    Returns:
        Of each group of columns that are all empty, the first column. For example, certificates have no score.
    """
    return tuple(
        expected_columns[0]
        for shape in shapes
        for expected_columns in _expected_column_groups(system, mapped_columns, shape)
        if all(is_empty(shape, column) for column in expected_columns)
    )


def describe_empty_column(column: str) -> str:
    """Return the sentence about a column that no kept row fills, without its end."""
    return (
        f"`{column}` is empty in every kept row; `mapping: {{{column}: COLUMN}}` of the source in footsteps.yaml "
        "names the column that holds it"
    )


def _expected_column_groups(
    system: str, mapped_columns: Collection[str] | None, shape: CanonicalSchemaName
) -> Iterator[tuple[str, ...]]:
    """Yield the groups of columns of which the file should fill one, without those that nothing can fill."""
    readable_columns: Collection[str] = (
        mapped_columns
        if mapped_columns is not None
        else {
            field_map.destination
            for shape_map in get_adapter(system).shapes
            if shape_map.shape == shape
            for field_map in shape_map.fields
        }
    )
    measure_column = CANONICAL_SCHEMAS[shape].measure_column
    measure_groups = ((measure_column,),) if measure_column else ()
    for column_group in (*measure_groups, *_TELLING_COLUMN_GROUPS.get(shape, ())):
        readable_group = tuple(column for column in column_group if column in readable_columns)
        if readable_group:
            yield readable_group
