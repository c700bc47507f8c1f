"""For every rule kind the Polars rule, the counts of rules and the pandas engine of Great Expectations agree."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.pandas_engine import validate_on_pandas
from benchmarks.validation import TABLE as BENCHMARK_TABLE
from benchmarks.validation import build_frame, build_reference_values
from pipelines.contracts.table import Column, Reference, RowRule, Rule, Table
from pipelines.validation.expectations import validate
from pipelines.validation.rule_evaluation import validate_rows

ALL_ROWS = 10_000
BIG = 2**53  # from here on floats skip integers
NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)
JUST_PAST = NOON + timedelta(microseconds=1)

TABLE = Table(
    name="core_test__event_everything",
    description="One row per example.",
    columns=(
        Column("system", pl.String, "", allowed=("hr", "learning")),
        Column("code", pl.String, "", pattern="^[a-z]+-[0-9]+$"),
        Column("share", pl.Float64, "", minimum=0, maximum=1),
        Column("hours", pl.Float64, "", minimum=0),
        Column("ceiling", pl.Float64, "", maximum=10),
        Column("number", pl.Int64, "", minimum=1, maximum=BIG),
        Column("stage", pl.Enum(["none", "master", "legend"]), "", allowed=("none", "master")),
        Column("person", pl.String, ""),
        Column("tags", pl.List(pl.String), ""),
        Column("begun", pl.Date, ""),
        Column("ended", pl.Date, ""),
        Column("seen", pl.Datetime("us", "UTC"), ""),
        Column("local", pl.Datetime("us", "Europe/Berlin"), ""),
        Column("is_done", pl.Boolean, ""),
    ),
    key=("system", "number"),
    required=("share", "tags", "stage", "begun", "seen", "is_done"),
    references=(Reference("person", "core_people__entity_person", "person_id"),),
    row_rules=(
        RowRule("in_order", ("begun", "ended"), pl.col("ended") >= pl.col("begun")),
        RowRule("is_past", ("seen",), pl.col("seen") <= NOON),
        RowRule("same_moment", ("seen", "local"), pl.col("seen") == pl.col("local").dt.convert_time_zone("UTC")),
        RowRule("says_which", ("person", "code"), pl.col("person").is_not_null() | pl.col("code").is_not_null()),
    ),
)
REFERENCE_VALUES = {"core_people__entity_person.person_id": pl.Series(["p1", "p2", "ö"])}


def key_table(dtype: Any) -> Table:
    return Table("core_test__entity_key", "One row per key.", (Column("key", dtype, ""),), key=("key",))


def assert_engines_agree(
    table: Table, frame: pl.DataFrame, reference_values: Mapping[str, pl.Series] | None = None
) -> None:
    on_polars = validate(table, frame, reference_values=reference_values)
    lazily = validate(table, frame.lazy(), reference_values=reference_values)
    # Arrow-backed columns: plain ones have one value for null and NaN, and make floats of integers with nulls.
    as_pandas = frame.to_pandas(use_pyarrow_extension_array=True)
    on_pandas = validate_on_pandas(table, as_pandas, reference_values, row_numbers=ALL_ROWS)
    split = validate_rows(table, frame, reference_values)
    assert on_polars.errors == ()
    assert lazily == on_polars
    for rule, polars in zip(table.rules, on_polars.results, strict=True):
        bad, pandas, counted = (
            broken_rows(rule, frame, reference_values),
            on_pandas[rule.name],
            split.counts.rules[rule.name],
        )
        assert pandas.row_numbers == bad, rule.name
        assert polars.unexpected_count == pandas.unexpected_count == counted.unexpected == len(bad), rule.name
        assert polars.evaluated_count == pandas.evaluated_count == counted.evaluated, rule.name
        assert polars.passed == pandas.passed == (not bad), rule.name
    assert on_polars.row_count == frame.height
    assert_split_follows_the_rules(table, frame, reference_values)


def assert_split_follows_the_rules(
    table: Table, frame: pl.DataFrame, reference_values: Mapping[str, pl.Series] | None
) -> None:
    """Rows that break no rule are good; the others are set aside with exactly the rules that they break."""
    broken = {rule.name: set(broken_rows(rule, frame, reference_values)) for rule in table.rules}
    failed = [sorted(name for name, rows in broken.items() if row in rows) for row in range(frame.height)]
    split = validate_rows(table, frame, reference_values)
    assert (split.good_rows.height, split.bad_rows.height) == (failed.count([]), len(failed) - failed.count([]))
    assert sorted(split.bad_rows["failed_rules"].to_list()) == sorted(names for names in failed if names)
    assert split.good_rows.sort(pl.all()).equals(
        frame.filter(pl.Series([not names for names in failed], dtype=pl.Boolean)).sort(pl.all())
    )


def broken_rows(rule: Rule, frame: pl.DataFrame, reference_values: Mapping[str, pl.Series] | None) -> tuple[int, ...]:
    return tuple(frame.select(rule.expression(reference_values).not_().alias("bad"))["bad"].arg_true())


def frame_of(rows: list[dict[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TABLE.schema)


GOOD = {
    "system": "hr",
    "code": "ab-1",
    "share": 0.5,
    "hours": 2.0,
    "ceiling": 3.0,
    "number": 1,
    "stage": "master",
    "person": "p1",
    "tags": ["x"],
    "begun": date(2026, 1, 1),
    "ended": date(2026, 1, 1),
    "seen": NOON,
    "local": NOON,
    "is_done": False,
}

DEFECTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("share|not_null", {}, {"share": None}),
    ("tags|not_null", {}, {"tags": None}),
    ("stage|not_null", {}, {"stage": None}),
    ("begun|not_null", {}, {"begun": None}),
    ("seen|not_null", {}, {"seen": None}),
    ("is_done|not_null", {}, {"is_done": None}),
    ("system+number|unique", {}, {"number": 1}),
    ("system+number|unique", {"number": BIG}, {"number": BIG}),
    ("system|in_set", {}, {"system": "HR"}),
    ("system|in_set", {}, {"system": ""}),
    ("stage|in_set", {}, {"stage": "legend"}),
    ("code|matches", {}, {"code": "AB-1"}),
    ("code|matches", {}, {"code": ""}),
    ("code|matches", {}, {"code": "é-1"}),
    ("share|between", {}, {"share": 1.0000001}),
    ("share|between", {}, {"share": math.nan}),
    ("share|between", {}, {"share": -math.inf}),
    ("hours|between", {}, {"hours": -0.1}),
    ("hours|between", {}, {"hours": math.nan}),
    ("ceiling|between", {}, {"ceiling": math.nan}),
    ("ceiling|between", {}, {"ceiling": math.inf}),
    ("number|between", {}, {"number": 0}),
    ("number|between", {}, {"number": BIG + 1}),
    ("person|references", {}, {"person": "p3"}),
    ("begun+ended|in_order", {}, {"ended": date(2025, 12, 31)}),
    ("seen|is_past", {}, {"seen": JUST_PAST, "local": JUST_PAST}),
    ("seen+local|same_moment", {}, {"local": datetime(2026, 3, 29, 11, tzinfo=UTC)}),
    ("person+code|says_which", {}, {"person": None, "code": None}),
]


@pytest.mark.parametrize(("rule_name", "before", "defect"), DEFECTS, ids=lambda value: str(value)[:40])
def test_a_seeded_defect_breaks_its_rule_and_no_other(
    rule_name: str, before: dict[str, Any], defect: dict[str, Any]
) -> None:
    rows = [GOOD | before, GOOD | {"number": 2} | defect, GOOD | {"number": 3}]
    frame = frame_of(rows)
    assert_engines_agree(TABLE, frame, REFERENCE_VALUES)
    broken = {rule.name: broken_rows(rule, frame, REFERENCE_VALUES) for rule in TABLE.rules}
    assert {name: rows for name, rows in broken.items() if rows} == {rule_name: (1,)}


def test_a_good_row_and_harmless_nulls_break_nothing() -> None:
    nullable = {"code": None, "hours": None, "ceiling": None, "person": None, "ended": None, "local": None}
    frame = frame_of([GOOD, GOOD | {"number": 2} | nullable | {"code": "b-2"}])
    assert_engines_agree(TABLE, frame, REFERENCE_VALUES)
    assert not any(broken_rows(rule, frame, REFERENCE_VALUES) for rule in TABLE.rules)


def test_no_rows_break_nothing() -> None:
    assert_engines_agree(TABLE, frame_of([]), REFERENCE_VALUES)
    assert validate(TABLE, frame_of([]), reference_values=REFERENCE_VALUES).passed


def test_columns_of_nulls_break_only_not_null_and_row_rules() -> None:
    frame = frame_of([dict.fromkeys(GOOD)] * 3)
    assert_engines_agree(TABLE, frame, REFERENCE_VALUES)
    kinds = {result.kind for result in validate(TABLE, frame, reference_values=REFERENCE_VALUES).failed}
    assert kinds == {"not_null", "row"}  # says_which applies to nulls


def test_all_but_the_first_of_equal_keys_break_unique() -> None:
    frame = pl.DataFrame({"key": ["a", None, "b", "a", None, "a"]})
    table = key_table(pl.String)
    assert_engines_agree(table, frame)
    by_kind = {result.kind: result for result in validate(table, frame).results}
    assert (by_kind["unique"].unexpected_count, by_kind["unique"].evaluated_count) == (2, 4)
    assert by_kind["not_null"].unexpected_count == 2


@pytest.mark.parametrize(
    ("dtype", "values"),
    [
        (pl.Int64, [BIG, BIG + 1, BIG, None]),
        (pl.Date, [date(2026, 1, 1), date(2026, 1, 1), None]),
        (pl.Datetime("us", "UTC"), [NOON, NOON, None]),
        (pl.Float64, [0.1, 0.1, math.nan, math.nan, None]),
        (pl.Boolean, [True, False, True, None]),
        (pl.Enum(["a", "b"]), ["a", "b", "a", None]),
    ],
    ids=str,
)
def test_keys_of_every_type_are_compared_in_the_same_way(dtype: Any, values: list[Any]) -> None:
    assert_engines_agree(key_table(dtype), pl.DataFrame({"key": pl.Series(values, dtype=dtype)}))


@pytest.mark.parametrize("values", [[], [None], ["p1", None]], ids=str)
def test_reference_values_may_be_empty_or_hold_nulls(values: list[str | None]) -> None:
    reference_values = {key: pl.Series(values, dtype=pl.String) for key in REFERENCE_VALUES}
    assert_engines_agree(TABLE, frame_of([GOOD, GOOD | {"number": 2, "person": None}]), reference_values)


moments = st.sampled_from(
    [NOON, datetime(1969, 12, 31, 23, tzinfo=UTC), datetime(2026, 3, 29, 12, 0, 1, tzinfo=UTC), None]
)
days = st.sampled_from([date(2026, 1, 1), date(2025, 12, 31), date(1, 1, 1), None])
floats = st.one_of(st.none(), st.floats(width=64), st.sampled_from([0.0, -0.0, 1.0, 10.0, math.nan]))
rows = st.fixed_dictionaries(
    {
        "system": st.sampled_from(["hr", "learning", "crm", "", None]),
        # Without line ends: `$` matches before the last one in Python, not in Polars.
        "code": st.one_of(st.none(), st.sampled_from(["ab-1", "b-22"]), st.text("aZ-1é ", max_size=4)),
        "share": floats,
        "hours": floats,
        "ceiling": floats,
        "number": st.one_of(st.none(), st.sampled_from([0, 1, 2, BIG, BIG + 1, -(2**63), 2**63 - 1])),
        "stage": st.sampled_from(["none", "legend", None]),
        "person": st.sampled_from(["p1", "p3", "ö", "o\u0308", None]),
        "tags": st.sampled_from([["x"], [], [None], None]),
        "begun": days,
        "ended": days,
        "seen": moments,
        "local": moments,
        "is_done": st.sampled_from([True, False, None]),
    }
)


@settings(deadline=None, max_examples=25)
@given(st.lists(rows, max_size=8))
def test_the_engines_agree_on_any_rows(drawn: list[dict[str, Any]]) -> None:
    assert_engines_agree(TABLE, frame_of(drawn), REFERENCE_VALUES)


def test_the_engines_agree_on_the_table_of_the_benchmark() -> None:
    frame = build_frame(ALL_ROWS)
    assert_engines_agree(BENCHMARK_TABLE, frame, build_reference_values())
    failed = {
        result.kind for result in validate(BENCHMARK_TABLE, frame, reference_values=build_reference_values()).failed
    }
    assert failed == {"not_null", "unique", "in_set", "between", "matches", "references", "row"}
