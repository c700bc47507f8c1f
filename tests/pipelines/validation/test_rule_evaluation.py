"""Each row is good or set aside with the names of its broken rules, evaluated once, and all rows are counted."""

import json
from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.rule_counts import RuleCount, RuleCounts, fingerprint_contract, parse_rule_counts
from pipelines.contracts.table import Column, Reference, RowRule, Table
from pipelines.validation.quarantine import count_quarantined, exclude_rows
from pipelines.validation.rule_evaluation import (
    ContractViolation,
    count_leaving,
    count_rules,
    enforce_contract,
    validate_rows,
)

TABLE = Table(
    "core_test__event_mark",
    "One row per mark.",
    (
        Column("source_name", pl.String, ""),
        Column("code", pl.Int64, ""),
        Column("kind", pl.String, "", allowed=("a", "b")),
        Column("share", pl.Float64, "", minimum=0, maximum=1),
        Column("person", pl.String, ""),
        Column("tags", pl.List(pl.String), ""),
    ),
    key=("code",),
    references=(Reference("person", "core_test__entity_person", "person"),),
    row_rules=(RowRule("is_serious", ("share",), pl.col("share") != 0.5),),
    warnings=("kind|in_set",),
)
PEOPLE = {"core_test__entity_person.person": pl.Series(["p1", "p2"])}
Row = tuple[str | None, int | None, str | None, float | None, str | None, list[str] | None]
GOOD: Row = ("s", 1, "a", 0.7, "p1", ["x"])


def marks(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=TABLE.schema, orient="row")


def test_good_rows_are_sorted_and_their_content_is_untouched() -> None:
    frame = marks(("s", 2, "b", None, None, None), GOOD).with_columns(more=pl.lit(1))
    validated = validate_rows(TABLE, frame, PEOPLE)
    assert validated.good_rows.equals(marks(GOOD, ("s", 2, "b", None, None, None)))
    assert validated.bad_rows.is_empty()
    assert validated.bad_rows.schema == quarantine_table(TABLE.name).schema
    assert validated.counts.kept_by_source == {"s": 2}


def test_a_row_is_set_aside_with_every_rule_that_it_breaks_and_its_text() -> None:
    bad: Row = ("t", None, "c", 0.5, "p9", ["x", "y"])
    validated = validate_rows(TABLE, marks(GOOD, bad), PEOPLE)
    assert validated.good_rows.equals(marks(GOOD))
    (row,) = validated.bad_rows.to_dicts()
    assert row["failed_rules"] == ["code|not_null", "kind|in_set", "person|references", "share|is_serious"]
    assert json.loads(row["row_text"]) == {
        "source_name": "t",
        "code": None,
        "kind": "c",
        "share": "0.5",
        "person": "p9",
        "tags": ["x", "y"],
    }
    assert (row["is_row_kept"], row["source_name"], row["file_sha256"]) == (False, "t", None)


def test_a_rule_that_warns_keeps_its_row_and_is_counted() -> None:
    validated = validate_rows(TABLE, marks(("s", 1, "c", 0.7, "p1", None)), PEOPLE)
    assert (validated.good_rows.height, validated.bad_rows.height) == (1, 0)
    assert validated.counts.rules["kind|in_set"] == RuleCount(1, 1, 1)


def test_counts_are_over_all_rows_that_arrived() -> None:
    rows = marks(
        GOOD, ("s", 1, None, 2.0, "p1", None), ("t", 3, "c", None, "p9", None), ("t", None, "b", 0.1, "p2", None)
    )
    counts = validate_rows(TABLE, rows, PEOPLE).counts
    assert (counts.kept_by_source, counts.set_aside_by_source) == ({"s": 1}, {"s": 1, "t": 2})
    assert counts.rules == {
        "code|not_null": RuleCount(4, 1),
        "code|unique": RuleCount(3, 1),
        "kind|in_set": RuleCount(3, 1),
        "share|between": RuleCount(3, 1),
        "person|references": RuleCount(4, 1),
        "share|is_serious": RuleCount(3, 0),
    }
    assert (counts.row_count, counts.quarantined_share) == (4, 0.75)


def test_of_several_rows_with_one_key_the_first_is_kept() -> None:
    validated = validate_rows(TABLE, marks(GOOD, ("s", 1, "b", 0.1, "p2", None)), PEOPLE)
    assert validated.good_rows.equals(marks(GOOD))
    assert validated.bad_rows["failed_rules"].to_list() == [["code|unique"]]


def test_references_without_values_are_an_error_of_the_rule_and_cost_no_row() -> None:
    validated = validate_rows(TABLE, marks(GOOD))
    assert validated.good_rows.height == 1
    assert validated.counts.errors == {
        "person|references": "person|references: the values of core_test__entity_person.person are missing"
    }


def test_a_rule_that_fails_for_a_value_is_named_without_the_value() -> None:
    rule = RowRule("is_number", ("kind",), pl.col("kind").cast(pl.Int64) > 0)
    with pytest.raises(ContractViolation, match=r"kind\|is_number: conversion") as caught:
        validate_rows(replace(TABLE, row_rules=(rule,)), marks(("s", 1, "Anna", 0.1, "p1", None)), PEOPLE)
    assert "Anna" not in str(caught.value)


def test_enforcing_the_contract_refuses_what_would_be_set_aside() -> None:
    with pytest.raises(ContractViolation, match=r"core_test__event_mark: code\|not_null in 1 rows of 2"):
        enforce_contract(TABLE, marks(GOOD, ("s", None, "a", 0.1, "p1", None)))


def test_each_rule_is_evaluated_once_per_row() -> None:
    seen: list[int] = []

    def count(values: pl.Series) -> pl.Series:
        seen.append(len(values))
        return values.is_not_nan()

    rule = RowRule("is_counted", ("share",), pl.col("share").map_batches(count, return_dtype=pl.Boolean))
    table = replace(TABLE, row_rules=(rule,))
    validate_rows(table, marks(GOOD, GOOD, ("s", None, "c", 7.0, "p9", None)), PEOPLE)
    assert seen == [3]


def test_the_key_of_another_row_sets_a_good_row_aside() -> None:
    validated = validate_rows(TABLE, marks(GOOD, ("t", 2, None, 0.1, "p2", None)), PEOPLE)
    without = validated.without_keys(pl.DataFrame({"code": [2, 7]}))
    assert without.good_rows.equals(marks(GOOD))
    assert without.bad_rows["failed_rules"].to_list() == [["code|unique"]]
    counts = without.counts
    assert (counts.kept_by_source, counts.set_aside_by_source) == ({"s": 1}, {"t": 1})
    assert (counts.rules["code|unique"], counts.rules["kind|in_set"]) == (RuleCount(2, 1), RuleCount(1, 0))
    assert validated.without_keys(pl.DataFrame({"code": [9]})) is validated


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["s", "t", None]),
        st.none() | st.integers(0, 5),
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from([0.5, 0.7, 2.0, None]),
        st.sampled_from(["p1", "p9", None]),
        st.none(),
    ),
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_the_counts_of_kept_and_quarantined_rows_are_those_of_all_rows(rows: list[Row]) -> None:
    validated = validate_rows(TABLE, marks(*rows), PEOPLE)
    again = count_rules(TABLE, validated.good_rows, PEOPLE)
    assert again == validated.good_counts
    quarantined = count_quarantined(TABLE, validated.bad_rows)
    assert quarantined.set_aside_by_source == validated.bad_counts.set_aside_by_source
    for name, count in validated.bad_counts.rules.items():
        assert quarantined.rules[name].unexpected == count.unexpected, name
        assert quarantined.rules[name].evaluated == validated.bad_rows.height >= count.evaluated, name
    assert validated.good_rows.height + validated.bad_rows.height == len(rows) == validated.counts.row_count


@settings(deadline=None, max_examples=60)
@given(ROWS)
def test_rows_that_leave_take_their_counts_along(rows: list[Row]) -> None:
    good = validate_rows(replace(TABLE, warnings=()), marks(*rows), PEOPLE).good_rows
    left, stays = good.head(2), good.tail(-2)
    assert count_rules(TABLE, good, PEOPLE) - count_leaving(TABLE, left) == count_rules(TABLE, stays, PEOPLE)


def test_counts_survive_json_and_a_document_of_another_form_gives_none() -> None:
    counts = RuleCounts(
        {"s": 1}, {"": 2}, {"code|unique": RuleCount(3, 2, 1)}, {"share|parses": 1}, {"kind|in_set": "why"}
    )
    document = json.loads(json.dumps(counts.to_document()))
    assert parse_rule_counts(document) == counts
    assert parse_rule_counts({"kept_by_source": {}}) is None
    assert parse_rule_counts(document | {"rules": {"code|unique": {"evaluated": 3}}}) is None


@pytest.mark.parametrize(
    "table",
    [
        replace(TABLE, warnings=()),
        replace(TABLE, max_quarantined_share=0.1),
        replace(TABLE, row_rules=(RowRule("is_serious", ("share",), pl.col("share") != 0.4),)),
        replace(TABLE, columns=(*TABLE.columns[:2], replace(TABLE.columns[2], allowed=("a",)), *TABLE.columns[3:])),
    ],
    ids=["severity", "limit", "row rule", "allowed values"],
)
def test_another_contract_has_another_fingerprint(table: Table) -> None:
    assert fingerprint_contract(table) != fingerprint_contract(TABLE) == fingerprint_contract(replace(TABLE))


def test_replaced_rows_leave_the_quarantine_by_their_text_and_by_their_origin() -> None:
    rows = marks(("s", 1, "a", 9.0, "p1", None), ("s", 2, "a", 9.0, "p2", None), ("t", 1, "a", 9.0, None, None))
    bad = validate_rows(replace(TABLE, key=()), rows, PEOPLE).bad_rows
    replaced = pl.DataFrame({"source_name": ["s"], "code": [1]})
    assert exclude_rows(bad, replaced)["source_name"].to_list() == ["s", "t"]
    assert exclude_rows(bad, pl.DataFrame({"person": ["p1", "p2"]}))["source_name"].to_list() == ["t"]
    assert exclude_rows(bad, replaced.clear()).equals(bad)
