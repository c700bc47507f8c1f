"""The list of columns that a user maps: every example can be read, and needed columns are marked."""

import polars as pl
import pytest

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS
from pipelines.contracts.columns import COLUMNS
from pipelines.contracts.shape_columns import list_shape_columns
from pipelines.sources.casts.cast import cast_text
from pipelines.sources.declaration import FieldMap
from pipelines.sources.mapping import transform_for


@pytest.mark.parametrize("shape", CANONICAL_SCHEMAS)
def test_every_example_is_read_as_a_value_that_its_column_allows(shape: str) -> None:
    for shape_column in list_shape_columns()[shape]:  # type: ignore[index]
        column = COLUMNS[shape_column.name]
        text = cast_text(pl.lit(shape_column.example), transform_for(FieldMap(column.name)), "UTC")
        values = pl.select(text.cast(column.dtype).alias(column.name))
        assert values.item() is not None, shape_column
        assert all(values.select(rule.expression()).item() for rule in column.domain_rules), shape_column


def test_needed_columns_are_marked_alone_or_with_their_alternatives() -> None:
    needed = {column.name: column.needed for column in list_shape_columns()["learning_record"]}
    people = "employee_number or work_email or account_code"
    assert {name: text for name, text in needed.items() if text} == {
        "account_code": people,
        "employee_number": people,
        "work_email": people,
        "learning_verb": "learning_verb or voids_code",
        "occurred_at": "yes",
        "voids_code": "learning_verb or voids_code",
    }
