"""For every rule of every contract: rows that break it make its check red, and stop what is downstream if too many."""

from pathlib import Path

import polars as pl
import pytest
from contract_rows import find_reference_values, make_bad_rows, make_good_rows
from dagster import AssetCheckResult, AssetCheckSeverity

from assets.checks.contract_checks import READABLE_CHECK, contract_check_specs, evaluate_contract_checks
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, raw_table
from pipelines.contracts.catalog import DELIVERY, TABLES
from pipelines.contracts.rule_counts import RuleCount, RuleCounts
from pipelines.contracts.table import Rule, Severity, Table
from pipelines.validation.landed_rows import IS_KEPT, TEXT_PREFIX, read_landed_counts, split_landed
from pipelines.validation.rule_evaluation import validate_rows
from pipelines.validation.validation_result import MIN_QUARANTINED_ROWS

RAW_TABLES = [raw_table("tabular", schema) for schema in CANONICAL_SCHEMAS.values()]
ALL_TABLES = [*TABLES.values(), *RAW_TABLES]
RULES = [(table, rule) for table in ALL_TABLES for rule in table.rules]
GOOD_ROWS = 2


def count_rows(table: Table, good: pl.DataFrame, bad: pl.DataFrame) -> RuleCounts:
    """The counts of good and bad rows that arrive in a table in the way in which rows of its layer arrive."""
    rows = pl.concat([good, bad])
    if table not in RAW_TABLES:
        return validate_rows(table, rows, find_reference_values(table, rows)).counts
    # as an adapter reads them: a text that is no value of its column is null, and its text is kept
    worded = {rule.columns[0]: rule for rule in table.rules if rule.kind in ("in_set", "matches")}
    texts = [pl.col(name).cast(pl.String).alias(TEXT_PREFIX + name) for name in table.column_names]
    read = [pl.when(rule.expression()).then(pl.col(name)).alias(name) for name, rule in worded.items()]
    split = split_landed(rows.lazy().with_columns(*texts).with_columns(*read), table, "tabular")
    counts = read_landed_counts(table, split.counts.collect(), "source_name-0")
    repeated = int(
        split.tested_rows.filter(IS_KEPT).select(pl.struct(table.key).is_first_distinct().not_().sum()).collect().item()
    )
    unique = {rule.name: RuleCount(0, repeated) for rule in table.rules if rule.kind == "unique"}
    source = "source_name-0"
    return counts + RuleCounts({source: -repeated}, {source: repeated}, unique)


def check(table: Table, counts: RuleCounts, docs: Path) -> dict[str, AssetCheckResult]:
    return {str(result.check_name): result for result in evaluate_contract_checks(table, counts, docs)}


@pytest.mark.parametrize(("table", "rule"), RULES, ids=lambda value: value.name)
def test_rows_that_break_a_rule_make_its_check_red_and_stop_what_is_downstream(
    table: Table, rule: Rule, tmp_path: Path
) -> None:
    good, bad = make_good_rows(table, GOOD_ROWS), make_bad_rows(table, rule, 2 * MIN_QUARANTINED_ROWS)
    result = check(table, count_rows(table, good, bad), tmp_path)[rule.check_name]
    (spec,) = (spec for spec in contract_check_specs(table) if spec.name == rule.check_name)
    assert not result.passed
    is_error = rule.severity is Severity.ERROR
    assert spec.blocking is is_error
    assert result.severity is (AssetCheckSeverity.ERROR if is_error else AssetCheckSeverity.WARN)
    assert result.description is not None
    assert f"{rule.name}: {bad.height} of " in result.description
    assert result.metadata["unexpected"].value >= bad.height
    assert (
        f"more than the limit of {table.quarantine_limit:.0%}: look at quarantine__{table.name}" in result.description
    )


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_rows_that_keep_every_rule_make_every_check_green(table: Table, tmp_path: Path) -> None:
    good = make_good_rows(table, GOOD_ROWS)
    results = check(table, count_rows(table, good, good.clear()), tmp_path)
    assert {name for name, result in results.items() if not result.passed} == set()
    has_exports = table in RAW_TABLES
    assert set(results) == {rule.check_name for rule in table.rules} | ({READABLE_CHECK} if has_exports else set())
    assert set(results) == {spec.name for spec in contract_check_specs(table)}


@pytest.mark.parametrize(
    "table",
    [table for table in (*TABLES.values(), *RAW_TABLES) if table.quarantine_limit],
    ids=lambda table: table.name,
)
def test_some_rows_that_break_a_rule_warn_where_some_may_be_set_aside(table: Table, tmp_path: Path) -> None:
    rule = table.rules[0]
    good, bad = make_good_rows(table, MIN_QUARANTINED_ROWS), make_bad_rows(table, rule, 2)
    result = check(table, count_rows(table, good, bad), tmp_path)[rule.check_name]
    assert (result.passed, result.severity) == (False, AssetCheckSeverity.WARN)
    assert result.metadata["quarantined"].value == 2


def test_every_table_of_the_catalogue_has_a_check_for_every_rule() -> None:
    checked = {table.name: {spec.name for spec in contract_check_specs(table)} for table in TABLES.values()}
    assert checked == {table.name: {rule.check_name for rule in table.rules} for table in TABLES.values()}
    assert DELIVERY.quarantine_limit == 0  # a file whose row of the ledger is set aside would be landed for ever
