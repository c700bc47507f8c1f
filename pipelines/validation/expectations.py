"""A table's contract as a Great Expectations suite, and the verdict on the rows that arrived.

Belongs here: rule to expectation, running a suite on an engine, its outcome as a `ValidationResult`.
Does not belong here: how rows are counted (`rule_evaluation`), how a result is shown (`data_docs`).

Importing this module imports Great Expectations, which takes seconds: import it only if a validation runs.
"""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.contracts.rule_counts import RuleCount, RuleCounts, fingerprint_contract
from pipelines.contracts.table import Rule, Severity, Table
from pipelines.validation.quiet import quiet_great_expectations
from pipelines.validation.rule_counts_engine import RuleCountsEngine
from pipelines.validation.rule_evaluation import ReferenceValues, count_rules
from pipelines.validation.rule_expectation import (
    ExpectColumnValuesToBeBetween,
    ExpectColumnValuesToBeInSet,
    ExpectColumnValuesToMatchRegex,
    ExpectColumnValuesToNotBeNull,
    ExpectRowsToSatisfyRule,
)
from pipelines.validation.validation_result import RuleResult, ValidationResult, describe_excess

with quiet_great_expectations():
    from great_expectations.core import ExpectationSuite
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.validator.validator import Validator, calc_validation_statistics

# Great Expectations has three severities, the contract two.
_GX_SEVERITY_BY_SEVERITY = {Severity.ERROR: "critical", Severity.WARN: "warning"}


def validate(
    table: Table, rows: pl.DataFrame | pl.LazyFrame, *, reference_values: ReferenceValues | None = None
) -> ValidationResult:
    """Validate rows that stay as they are by every rule of a table.

    Args:
        table: The contract.
        rows: Rows with the columns of the table that rules use.
        reference_values: The values that references may take, by `table.key`.

    Returns:
        One result per rule. A rule that cannot be evaluated has an `error`; nothing is raised for it.
    """
    return validate_counts(table, count_rules(table, rows, reference_values))


def validate_counts(table: Table, counts: RuleCounts) -> ValidationResult:
    """Validate the rows that arrived in a table from their counts, without reading a row.

    Args:
        table: The contract.
        counts: The rows that arrived, kept and set aside; counts or an error for every rule of the table.
    """
    outcome_by_rule = run_suite(table, RuleCountsEngine(table, counts))
    excess_sentence = describe_excess(table, counts)
    return ValidationResult(
        table=table.name,
        contract=fingerprint_contract(table),
        counts=counts,
        results=tuple(
            _build_rule_result(rule, outcome, counts, excess_sentence) for rule, outcome in outcome_by_rule.items()
        ),
        excess=excess_sentence,
        document=_render_document(table, outcome_by_rule, counts.errors),
    )


def run_suite(table: Table, engine: Any, row_number_count: int = 0) -> dict[Rule, Any]:
    """What Great Expectations makes of the suite of a table.

    Args:
        table: The contract.
        engine: An execution engine of Great Expectations.
        row_number_count: How many numbers of rows that break a rule are requested per rule.

    Returns:
        The result of each rule's expectation, in the order of the contract.
    """
    result_format = {
        "result_format": "SUMMARY" if row_number_count else "BASIC",
        "partial_unexpected_count": row_number_count,
        "exclude_unexpected_values": True,
        "include_unexpected_rows": False,
    }
    with quiet_great_expectations():
        validator = Validator(execution_engine=engine)
        validator.metrics_calculator.show_progress_bars = False
        outcomes = validator.graph_validate(
            build_suite(table).expectation_configurations,
            runtime_configuration={"catch_exceptions": True, "result_format": result_format},
        )
    outcome_by_rule = {outcome.expectation_config.meta["rule"]: outcome for outcome in outcomes}
    return {rule: outcome_by_rule[rule.name] for rule in table.rules}


def build_suite(table: Table) -> Any:
    """The Great Expectations suite of a table: one expectation per rule, in the order of the contract."""
    return ExpectationSuite(name=table.name, expectations=[build_expectation(rule) for rule in table.rules])


def build_expectation(rule: Rule) -> Any:
    """The expectation of a rule. Its `meta` names the rule; its `severity` is critical for ERROR."""
    shared_arguments = {
        "meta": {"rule": rule.name, "kind": rule.kind},
        "severity": _GX_SEVERITY_BY_SEVERITY[rule.severity],
    }
    column = rule.columns[0]
    match rule.kind:
        case "not_null":
            return ExpectColumnValuesToNotBeNull(column=column, **shared_arguments)
        case "in_set":
            return ExpectColumnValuesToBeInSet(column=column, value_set=list(rule.allowed), **shared_arguments)
        case "between":
            limit_arguments = {"min_value": rule.minimum, "max_value": rule.maximum}
            return ExpectColumnValuesToBeBetween(column=column, **limit_arguments, **shared_arguments)
        case "matches":
            return ExpectColumnValuesToMatchRegex(column=column, regex=rule.pattern, **shared_arguments)
    rule_sentence = "no row may repeat the values of an earlier row"
    if rule.row_rule is not None:
        rule_sentence = rule.row_rule.description or rule.row_rule.name.replace("_", " ")
    elif rule.reference is not None:
        rule_sentence = f"values must occur in {rule.reference.table}.{rule.reference.key}"
    return ExpectRowsToSatisfyRule(
        rule=rule.name, columns=list(rule.columns), sentence=rule_sentence, **shared_arguments
    )


def _build_rule_result(rule: Rule, outcome: Any, counts: RuleCounts, excess_sentence: str | None) -> RuleResult:
    error, rule_count = counts.errors.get(rule.name), counts.rules.get(rule.name, RuleCount())
    has_passed = bool(outcome.success) and error is None
    is_broken = not has_passed and rule.severity is Severity.ERROR
    return RuleResult(
        name=rule.name,
        kind=rule.kind,
        columns=rule.columns,
        severity=rule.severity,
        passed=has_passed,
        evaluated_count=rule_count.evaluated,
        unexpected_count=rule_count.unexpected,
        is_blocking=error is not None or (is_broken and (rule_count.stored > 0 or excess_sentence is not None)),
        error=error,
    )


def _render_document(table: Table, outcome_by_rule: Mapping[Rule, Any], error_by_rule: Mapping[str, str]) -> str:
    """Great Expectations' result document as JSON, without time of day, tracebacks and messages that quote values."""
    for rule, outcome in outcome_by_rule.items():
        outcome.expectation_config.kwargs.pop("batch_id", None)
        if rule.name in error_by_rule:
            outcome.exception_info = {
                "raised_exception": True,
                "exception_message": error_by_rule[rule.name],
                "exception_traceback": "",
            }
    suite_statistics = calc_validation_statistics(list(outcome_by_rule.values()))._asdict()
    suite_result = ExpectationSuiteValidationResult(
        success=suite_statistics.pop("success"),
        results=list(outcome_by_rule.values()),
        suite_name=table.name,
        statistics=suite_statistics,
        meta={"table": table.name},
    )
    return json.dumps(suite_result.to_json_dict(), sort_keys=True)
