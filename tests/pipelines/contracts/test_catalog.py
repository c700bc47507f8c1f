"""Every table of the lake is declared whole: name, grain, owner, schema; and the dictionary says what is declared."""

import re
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts import catalog, columns, feature_tables, output_tables
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import TABLES
from pipelines.contracts.columns import COLUMNS, select_columns
from pipelines.contracts.dictionary import describe_type, render_dictionary, render_table
from pipelines.contracts.policy import JourneymanPolicy, RecommendationPolicy, ScoreWeights, StagePolicy
from pipelines.contracts.table import Personal, Table

RAW = [raw_table("tabular", shape) for shape in CANONICAL_SCHEMAS.values()]
ALL = [*TABLES.values(), *RAW, *(quarantine_table(table.name) for table in (*RAW, *TABLES.values()))]
NAMES = (
    r"(raw|core|feat|model)_[a-z]+__(entity|scd|event|assn|codes)_[a-z]+(_[a-z]+)*",
    r"out__[a-z]+(_[a-z]+)*",  # what readers outside see: the plainest name
    r"quarantine__.+",
)
DICTIONARY = Path(__file__).parents[3] / "docs" / "data_dictionary.md"


def name_of(table: Table) -> str:
    return table.name


@pytest.mark.parametrize("table", ALL, ids=name_of)
def test_a_table_is_named_layer_domain_type_and_name(table: Table) -> None:
    assert any(re.fullmatch(form, table.name) for form in NAMES)


@pytest.mark.parametrize("table", ALL, ids=name_of)
def test_a_description_begins_with_the_grain(table: Table) -> None:
    assert table.description.startswith(("One row per ", "One row each time ", "Connects "))
    assert table.description.endswith(".")


@pytest.mark.parametrize("table", ALL, ids=name_of)
def test_arrow_and_polars_agree_on_an_empty_table(table: Table) -> None:
    assert table.arrow_schema.names == list(table.column_names)
    assert pl.DataFrame(table.arrow_schema.empty_table()).schema == table.schema


@pytest.mark.parametrize("table", ALL, ids=name_of)
def test_every_rule_can_judge_a_frame_of_its_table(table: Table) -> None:
    known = {f"{ref.table}.{ref.key}": pl.Series(["x"]) for ref in table.references}
    empty = pl.DataFrame(schema=table.schema)
    judged = empty.select(rule.expression(known).alias(rule.name) for rule in table.rules)
    assert set(judged.dtypes) <= {pl.Boolean}


@pytest.mark.parametrize("table", ALL, ids=name_of)
def test_references_lead_to_a_key_of_a_declared_table(table: Table) -> None:
    for reference in table.references:
        assert TABLES[reference.table].key == (reference.key,)
        assert TABLES[reference.table].schema[reference.key] == table.schema[reference.column]


def test_every_declared_table_constant_is_in_the_catalog() -> None:
    parts = (catalog, feature_tables, output_tables)
    declared = {one.name for part in parts for one in vars(part).values() if isinstance(one, Table)}
    assert declared == set(TABLES)


def test_every_column_is_used_and_every_used_column_is_declared() -> None:
    used = {name for table in ALL for name in table.column_names}
    assert used == set(COLUMNS)


def test_names_of_columns_say_their_type() -> None:
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


def test_hours_and_shares_say_their_unit_or_bounds() -> None:
    for name, column in COLUMNS.items():
        if name.endswith("_share"):
            assert (column.minimum, column.maximum) == (0, 1), name
        if name.endswith("_hours"):
            assert column.unit == "hours", name


def test_what_leads_to_a_person_and_what_people_wrote_is_marked() -> None:
    assert {name for name, column in COLUMNS.items() if column.personal is Personal.DIRECT} == {
        "work_email",
        "display_name",
        "manager_code",
    }
    assert {name for name, column in COLUMNS.items() if column.personal is Personal.TEXT} == {
        "row_text",
        "skill_text",
        "mention_text",
    }
    for name in ("person_id", "manager_id", "given_by_id", "given_by_code", "account_code", "employee_number"):
        assert COLUMNS[name].personal is Personal.PSEUDONYM


def test_no_published_table_holds_a_name_an_address_or_text_of_a_person() -> None:
    for table in TABLES.values():
        if table.layer == "out":
            assert not {c.name for c in table.columns if c.personal in (Personal.DIRECT, Personal.TEXT)}


def test_a_column_that_is_not_declared_cannot_be_picked() -> None:
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


def test_types_are_said_in_plain_words() -> None:
    assert describe_type(COLUMNS["reasons"].dtype) == "list of code (text) and value (number)"
    assert describe_type(COLUMNS["occurred_at"].dtype) == "moment (UTC)"


def test_the_written_dictionary_is_not_stale() -> None:
    """Write it anew with `footsteps dictionary > docs/data_dictionary.md`."""
    assert DICTIONARY.read_text(encoding="utf-8") == render_dictionary() + "\n"


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: RecommendationPolicy(horizon_days=-1), "horizon_days is -1; allowed: 0 and more"),
        (lambda: RecommendationPolicy(horizon_days=0), "horizon_days is 0; allowed: 1 and more"),
        (lambda: StagePolicy(positive_share=1.5), "positive_share is 1.5; allowed: 0 to 1"),
        (lambda: JourneymanPolicy(repetition_hours=-0.5), "repetition_hours is -0.5; allowed: 0 and more"),
        (lambda: ScoreWeights(0, 0, 0, 0), "all other weights are 0"),
    ],
)
def test_a_policy_that_cannot_be_is_refused(build: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()  # type: ignore[operator]


def test_the_version_of_a_policy_follows_its_content() -> None:
    assert RecommendationPolicy().version == RecommendationPolicy().version
    assert RecommendationPolicy(stages=StagePolicy(positive_share=0.7)).version != RecommendationPolicy().version


@pytest.mark.parametrize("table", output_tables.PUBLISHED_TABLES, ids=name_of)
def test_every_published_table_says_which_night_it_came_from(table: Table) -> None:
    assert set(output_tables.ROW_METADATA_COLUMNS) <= set(table.column_names)
