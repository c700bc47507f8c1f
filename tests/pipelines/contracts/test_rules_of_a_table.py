"""The rules of a table on small examples."""

import math
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.contracts.table import Column, Reference, RowRule, Rule, Severity, Table

X = Column("x", pl.Float64, "A number.", minimum=0)


def evaluate(rule: Rule, values: list[Any], dtype: Any = None, **reference_values: pl.Series) -> list[bool]:
    """One boolean per value of x; reference values are given as table__key."""
    frame = pl.DataFrame({"x": pl.Series(values, dtype=dtype)})
    by_target = {target.replace("__", "."): series for target, series in reference_values.items()}
    return frame.select(passes=rule.expression(by_target))["passes"].to_list()


def test_not_null_fails_on_null_alone() -> None:
    assert evaluate(Rule("not_null", ("x",)), [None, 0.0, math.nan]) == [False, True, True]


def test_unique_passes_the_first_row_of_a_value_and_every_null() -> None:
    assert evaluate(Rule("unique", ("x",)), ["a", None, "b", "a", None]) == [True, True, True, False, True]


def test_unique_over_several_columns_passes_if_one_of_them_is_null() -> None:
    frame = pl.DataFrame({"x": ["a", "a", "a", None, None], "y": [1, 2, 1, 1, 1]})
    assert frame.select(passes=Rule("unique", ("x", "y")).expression())["passes"].to_list() == [
        True,
        True,
        False,
        True,
        True,
    ]


def test_in_set_compares_whole_values_with_case() -> None:
    assert evaluate(Rule("in_set", ("x",), allowed=("a", "b")), ["a", "A", "ab", "", None]) == [
        True,
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("minimum", "maximum", "expected"),
    [
        (0, 1, [False, True, True, False, False, True]),
        (0, None, [False, True, True, True, False, True]),
        (None, 1, [True, True, True, False, False, True]),
    ],
)
def test_between_includes_its_limits_and_fails_on_nan(
    minimum: float | None, maximum: float | None, expected: list[bool]
) -> None:
    rule = Rule("between", ("x",), minimum=minimum, maximum=maximum)
    assert evaluate(rule, [-0.1, 0.0, 1.0, 1.1, math.nan, None]) == expected


def test_between_compares_large_whole_numbers_exactly() -> None:
    assert evaluate(Rule("between", ("x",), minimum=1, maximum=2**53), [2**53, 2**53 + 1, 0, None]) == [
        True,
        False,
        False,
        True,
    ]


def test_matches_looks_anywhere_unless_the_pattern_is_anchored() -> None:
    values = ["ab", "xab", "ab\n", "", None]
    assert evaluate(Rule("matches", ("x",), pattern="ab"), values) == [True, True, True, False, True]
    assert evaluate(Rule("matches", ("x",), pattern="^ab$"), values) == [True, False, False, False, True]


def test_references_pass_existing_values_and_null() -> None:
    rule = Rule("references", ("x",), reference=Reference("x", "t", "id"))
    assert evaluate(rule, ["a", "b", None], t__id=pl.Series(["a", None])) == [True, False, True]
    assert evaluate(rule, ["a", None], t__id=pl.Series([], dtype=pl.String)) == [False, True]


def test_references_without_their_values_raise_an_error_that_names_them() -> None:
    rule = Rule("references", ("x",), reference=Reference("x", "core_people__entity_person", "person_id"))
    with pytest.raises(
        ValueError, match=r"x\|references: the values of core_people__entity_person.person_id are missing"
    ):
        rule.expression()


def test_a_row_rule_that_evaluates_to_null_passes() -> None:
    row = RowRule("is_positive", ("x",), pl.col("x") > 0)
    assert evaluate(Rule("row", ("x",), row_rule=row), [1.0, 0.0, None]) == [True, False, True]


@given(st.lists(st.one_of(st.none(), st.floats()), max_size=20), st.floats(-10, 10), st.floats(-10, 10))
def test_between_agrees_with_plain_comparison(values: list[float | None], minimum: float, maximum: float) -> None:
    rule = Rule("between", ("x",), minimum=minimum, maximum=maximum)
    assert evaluate(rule, values, pl.Float64) == [value is None or minimum <= value <= maximum for value in values]


def test_rules_have_a_fixed_order_and_names_of_column_and_rule() -> None:
    table = Table(
        name="core_people__entity_person",
        description="One row per person.",
        columns=(X, Column("y", pl.String, "A word.", allowed=("a",), pattern="^a")),
        key=("x", "y"),
        required=("y",),
        references=(Reference("y", "t", "id"),),
        row_rules=(RowRule("fits", ("x", "y"), pl.lit(True)),),
        warnings=("y|matches",),
    )
    assert [rule.name for rule in table.rules] == [
        "x|not_null",
        "y|not_null",
        "x+y|unique",
        "x|between",
        "y|in_set",
        "y|matches",
        "y|references",
        "x+y|fits",
    ]
    assert [rule.name for rule in table.rules if rule.severity is Severity.WARN] == ["y|matches"]
    assert table.rules[2].check_name == "x_and_y__unique"


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        ({"columns": (X, X)}, "declared twice"),
        ({"key": ("y",)}, r"columns it does not have: \['y'\]"),
        ({"row_rules": (RowRule("fits", ("z",), pl.lit(True)),)}, r"columns it does not have: \['z'\]"),
        ({"warnings": ("x|unique",)}, r"rules it does not have: \['x\|unique'\]"),
        ({"references": (Reference("x", "a", "id"), Reference("x", "b", "id"))}, r"same name: \['x\|references'\]"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(traits: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Table(**({"name": "core_x__entity_x", "description": "One row per x.", "columns": (X,), "key": ()} | traits))


@pytest.mark.parametrize("schema", CANONICAL_SCHEMAS.values(), ids=lambda schema: schema.name)
def test_every_rule_of_a_raw_table_can_be_evaluated_on_no_rows(schema: Any) -> None:
    table = raw_table("jira", schema)
    frame = pl.DataFrame(schema=table.schema)
    assert frame.select(rule.expression().alias(rule.name) for rule in table.rules).height == 0


def test_a_plausible_date_lies_between_1950_and_a_year_after_its_delivery() -> None:
    table = raw_table("jira", CANONICAL_SCHEMAS["worklog"])
    (rule,) = (rule for rule in table.rules if rule.name == "worked_at|is_plausible")
    moments = [
        datetime(1949, 12, 31, tzinfo=UTC),
        datetime(1950, 1, 1, tzinfo=UTC),
        datetime(2026, 12, 1, tzinfo=UTC),
        datetime(2028, 1, 1, tzinfo=UTC),
        None,
    ]
    frame = pl.DataFrame({"worked_at": pl.Series(moments, dtype=pl.Datetime("us", "UTC"))})
    frame = frame.with_columns(delivered_date=date(2026, 3, 1))
    assert frame.select(passes=rule.expression())["passes"].to_list() == [False, True, True, False, True]
