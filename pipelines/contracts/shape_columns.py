"""The columns of each canonical schema as a user maps them: meaning, type, unit and an example of a cell.

Belongs here: the list that commands print and documents show.
Does not belong here: the declarations (`canonical_schemas`, `columns`), how text becomes values (`pipelines.sources`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchema, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS
from pipelines.contracts.table import Column

_TYPE_NAMES = (
    (pl.String, "text"),
    (pl.Float64, "number"),
    (pl.Int64, "whole number"),
    (pl.Date, "day"),
    (pl.Boolean, "yes or no"),
    (pl.Datetime, "moment (UTC)"),
)

_EXAMPLE_BY_UNIT = {"hours": "7.5", "share": "0.8"}
_EXAMPLE_BY_TYPE: Mapping[object, str] = {
    pl.Date: "2025-06-30",
    pl.Datetime: "2025-06-30T09:00:00Z",
    pl.Boolean: "true",
    pl.Int64: "1",
}


@dataclass(frozen=True, slots=True)
class ShapeColumn:
    """One column of a shape.

    Attributes:
        name: Name of the column, the key below `mapping`.
        needed: `yes` if each row needs a value; columns joined by `or` if one of them is enough; else empty.
        type: Type in plain words.
        unit: Unit of the value; empty if it has none.
        example: A cell as it may be written.
        meaning: What the column says, with its allowed words.
    """

    name: str
    needed: str
    type: str
    unit: str
    example: str
    meaning: str


def list_shape_columns() -> Mapping[CanonicalSchemaName, tuple[ShapeColumn, ...]]:
    """Return the columns of every canonical schema, in order."""
    return {
        schema_name: tuple(_describe_shape_column(COLUMNS[column_name], schema) for column_name in schema.columns)
        for schema_name, schema in CANONICAL_SCHEMAS.items()
    }


def _describe_shape_column(column: Column, schema: CanonicalSchema) -> ShapeColumn:
    column_groups = [column_group for column_group in schema.needed_column_groups if column.name in column_group]
    needed_text = "yes" if (column.name,) in column_groups else " or ".join(column_groups[0]) if column_groups else ""
    return ShapeColumn(
        column.name,
        needed_text,
        describe_type(column.dtype),
        column.unit or "",
        column.example or (column.allowed[0] if column.allowed else "") or _choose_example(column),
        column.description + (f" One of: {', '.join(column.allowed)}." if column.allowed else ""),
    )


def _choose_example(column: Column) -> str:
    return _EXAMPLE_BY_UNIT.get(column.unit or "") or _EXAMPLE_BY_TYPE[column.dtype.base_type()]


def describe_type(dtype: Any) -> str:
    """A polars type in plain words: text, number, whole number, day, moment (UTC), yes or no, list of …"""
    if isinstance(dtype, pl.List):
        return f"list of {describe_type(dtype.inner)}"
    if isinstance(dtype, pl.Struct):
        return " and ".join(
            f"{struct_field.name} ({describe_type(struct_field.dtype)})" for struct_field in dtype.fields
        )
    return next(type_name for polars_type, type_name in _TYPE_NAMES if dtype == polars_type)
