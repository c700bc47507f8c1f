"""Every table of the lake has a complete declaration, and the dictionary page matches it."""

import re
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts import catalog, columns, craft_tables, feature_tables, output_tables, oversight_tables
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import STORED_TABLES, TABLES
from pipelines.contracts.columns import COLUMNS, select_columns
from pipelines.contracts.documents.dictionary import render_dictionary, render_table
from pipelines.contracts.policy import JourneymanPolicy, RecommendationPolicy, ScoreWeights, StagePolicy
from pipelines.contracts.shape_columns import describe_type
from pipelines.contracts.table import Table

RAW = [raw_table("tabular", shape) for shape in CANONICAL_SCHEMAS.values()]
ALL = [*TABLES.values(), *RAW, *(quarantine_table(table.name) for table in (*RAW, *TABLES.values()))]
NAMES = (
    r"(raw|core|feat|model)_[a-z]+__(entity|scd|event|assn|codes)_[a-z]+(_[a-z]+)*",
    r"out__[a-z]+(_[a-z]+)*",  # published tables have no domain and type in their names
    r"quarantine__.+",
)
DICTIONARY = Path(__file__).parents[3] / "docs" / "data_dictionary.md"


def table_name(table: Table) -> str:
    return table.name


@pytest.mark.parametrize("table", ALL, ids=table_name)
def test_a_table_name_has_layer_domain_type_and_name(table: Table) -> None:
    assert any(re.fullmatch(form, table.name) for form in NAMES)


@pytest.mark.parametrize("table", ALL, ids=table_name)
def test_a_description_begins_with_the_grain(table: Table) -> None:
    assert table.description.startswith(("One row per ", "One row each time ", "Connects "))
    assert table.description.endswith(".")


@pytest.mark.parametrize("table", ALL, ids=table_name)
def test_every_rule_is_a_boolean_expression_over_its_table(table: Table) -> None:
    reference_values = {f"{ref.table}.{ref.key}": pl.Series(["x"]) for ref in table.references}
    empty = pl.DataFrame(schema=table.schema)
    results = empty.select(rule.expression(reference_values).alias(rule.name) for rule in table.rules)
    assert set(results.dtypes) <= {pl.Boolean}


@pytest.mark.parametrize("table", ALL, ids=table_name)
def test_a_reference_points_to_the_key_of_a_declared_table(table: Table) -> None:
    for reference in table.references:
        assert TABLES[reference.table].key == (reference.key,)
        assert TABLES[reference.table].schema[reference.key] == table.schema[reference.column]


def test_every_declared_table_constant_is_in_the_catalog() -> None:
    parts = (catalog, feature_tables, output_tables, craft_tables, oversight_tables)
    declared = {table.name for part in parts for table in vars(part).values() if isinstance(table, Table)}
    assert declared == set(STORED_TABLES)


def test_the_tables_use_exactly_the_declared_columns() -> None:
    used = {name for table in ALL for name in table.column_names}
    assert used == set(COLUMNS)


def test_the_suffix_of_a_column_name_fixes_its_type() -> None:
    suffixes = {
        "_at": columns.TIMESTAMP,
        "_date": pl.Date,
        "_hours": pl.Float64,
        "_share": pl.Float64,
        "_count": pl.Int64,
        "_id": pl.String,
        "_code": pl.String,
        "_name": pl.String,
    }
    for name, column in COLUMNS.items():
        for suffix, dtype in suffixes.items():
            assert not name.endswith(suffix) or column.dtype == dtype, name
        assert not name.startswith(("is_", "has_")) or column.dtype == pl.Boolean, name


def test_hours_have_a_unit_and_shares_have_limits() -> None:
    for name, column in COLUMNS.items():
        if name.endswith("_share"):
            assert (column.minimum, column.maximum) == (0, 1), name
        if name.endswith("_hours"):
            assert column.unit == "hours", name


def test_an_undeclared_column_cannot_be_selected() -> None:
    with pytest.raises(KeyError):
        select_columns("salary")


def test_the_dictionary_names_every_table_column_and_rule() -> None:
    for table in TABLES.values():
        section = render_table(table)
        assert section.startswith(f"## {table.name}\n\n{table.description}\n")
        for column in table.columns:
            assert f"| `{column.name}` | {describe_type(column.dtype)} |" in section
        for rule in table.rules:
            assert f"`{rule.name}`" in section
        assert section in render_dictionary() + "\n"


def test_types_are_described_in_plain_words() -> None:
    assert describe_type(COLUMNS["reasons"].dtype) == "list of code (text) and value (number)"
    assert describe_type(COLUMNS["occurred_at"].dtype) == "moment (UTC)"


def test_the_dictionary_file_is_up_to_date() -> None:
    """If it fails: `footsteps dictionary > docs/data_dictionary.md`."""
    assert DICTIONARY.read_text(encoding="utf-8") == render_dictionary() + "\n"


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: RecommendationPolicy(horizon_days=-1), "horizon_days is -1; allowed: 0 or more"),
        (lambda: RecommendationPolicy(horizon_days=0), "horizon_days is 0; allowed: 1 or more"),
        (lambda: StagePolicy(positive_share=1.5), "positive_share is 1.5; allowed: 0 to 1"),
        (lambda: JourneymanPolicy(repetition_hours=-0.5), "repetition_hours is -0.5; allowed: 0 or more"),
        (lambda: ScoreWeights(0, 0, 0, 0), "all other weights are 0"),
    ],
)
def test_a_policy_outside_its_limits_is_refused(build: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()  # type: ignore[operator]


def test_the_version_of_a_policy_depends_on_its_content() -> None:
    assert RecommendationPolicy().version == RecommendationPolicy().version
    assert RecommendationPolicy(stages=StagePolicy(positive_share=0.7)).version != RecommendationPolicy().version


@pytest.mark.parametrize("table", output_tables.PUBLISHED_TABLES, ids=table_name)
def test_every_published_table_has_the_metadata_of_its_run(table: Table) -> None:
    assert set(output_tables.ROW_METADATA_COLUMNS) <= set(table.column_names)
