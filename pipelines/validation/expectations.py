"""A table's contract as a Great Expectations suite, and the result of running it.

Belongs here: rule to expectation, running a suite on an engine, its outcome as a `ValidationResult`.
Does not belong here: how metrics are computed (`polars_engine`), how a result is shown (`data_docs`).

Importing this module imports Great Expectations, which takes seconds: import it only if a validation runs.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipelines.contracts.table import Rule, Severity, Table
from pipelines.validation.polars_engine import PolarsExecutionEngine
from pipelines.validation.quiet import quiet_great_expectations
from pipelines.validation.rule_expectation import ExpectRowsToSatisfyRule
from pipelines.validation.validation_result import RuleResult, ValidationResult, redact_values

with quiet_great_expectations():
    import great_expectations.expectations as gxe
    from great_expectations.core import ExpectationSuite
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.validator.validator import Validator, calc_validation_statistics

# Great Expectations has three severities, the contract two.
_SEVERITIES = {Severity.ERROR: "critical", Severity.WARN: "warning"}


def validate(
    table: Table,
    frame: pl.DataFrame | pl.LazyFrame,
    *,
    reference_values: Mapping[str, pl.Series] | None = None,
    row_numbers: int = 0,
) -> ValidationResult:
    """Validate a frame by every rule of a table, with one query over it.

    Args:
        table: The contract.
        frame: Rows with the columns of the table that rules use.
        reference_values: The values that references may take, by `table.key`.
        row_numbers: How many numbers of rows that break a rule are returned per rule; 0 is fastest.

    Returns:
        One result per rule. A rule that cannot be evaluated has an `error`; nothing is raised for it.
    """
    engine = PolarsExecutionEngine(frame, table.rules, reference_values)
    return validate_with_engine(table, engine, row_numbers=row_numbers)


def validate_with_engine(table: Table, engine: Any, *, row_numbers: int = 0) -> ValidationResult:
    """Validate the frame of an engine by every rule of a table.

    Args:
        table: The contract.
        engine: An execution engine of Great Expectations that holds the frame, the rules and the reference values.
        row_numbers: As in `validate`.
    """
    result_format = {
        "result_format": "SUMMARY" if row_numbers else "BASIC",
        "partial_unexpected_count": row_numbers,
        "exclude_unexpected_values": True,
        "include_unexpected_rows": False,
    }
    with quiet_great_expectations():
        validator = Validator(execution_engine=engine)
        validator.metrics_calculator.show_progress_bars = False
        evaluated = validator.graph_validate(
            build_suite(table).expectation_configurations,
            runtime_configuration={"catch_exceptions": True, "result_format": result_format},
        )
    outcome_by_rule = {outcome.expectation_config.meta["rule"]: outcome for outcome in evaluated}
    outcomes = [outcome_by_rule[rule.name] for rule in table.rules]
    words = {*table.column_names, *(str(column.dtype) for column in table.columns), "str", "i64", "f64", "bool"}
    errors = [_error(outcome, words) for outcome in outcomes]
    counts = [outcome.result["element_count"] for outcome in outcomes if "element_count" in outcome.result]
    return ValidationResult(
        table=table.name,
        # without a rule that could be evaluated, the rows are counted
        row_count=int(counts[0]) if counts else engine.height(),
        results=tuple(map(_rule_result, table.rules, outcomes, errors)),
        document=_document(table, outcomes, errors),
    )


def build_suite(table: Table) -> Any:
    """The Great Expectations suite of a table: one expectation per rule, in the order of the contract."""
    return ExpectationSuite(name=table.name, expectations=[build_expectation(rule) for rule in table.rules])


def build_expectation(rule: Rule) -> Any:
    """The expectation of a rule. Its `meta` names the rule; its `severity` is critical for ERROR."""
    about = {"meta": {"rule": rule.name, "kind": rule.kind}, "severity": _SEVERITIES[rule.severity]}
    column = rule.columns[0]
    match rule.kind:
        case "not_null":
            return gxe.ExpectColumnValuesToNotBeNull(column=column, **about)
        case "in_set":
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=list(rule.allowed), **about)
        case "between":
            limits = {"min_value": rule.minimum, "max_value": rule.maximum}
            return gxe.ExpectColumnValuesToBeBetween(column=column, **limits, **about)
        case "matches":
            return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=rule.pattern, **about)
    sentence = "no row may repeat the values of an earlier row"
    if rule.row is not None:
        sentence = rule.row.description or rule.row.name.replace("_", " ")
    elif rule.reference is not None:
        sentence = f"values must occur in {rule.reference.table}.{rule.reference.key}"
    return ExpectRowsToSatisfyRule(rule=rule.name, columns=list(rule.columns), sentence=sentence, **about)


def _error(outcome: Any, words: set[str]) -> str | None:
    """Why the rule could not be evaluated, without values; None if it was."""
    if "unexpected_count" in outcome.result:
        return None
    # One failed metric gives one exception; several give one per metric.
    info = outcome.exception_info
    exception = info if "exception_message" in info else next(iter(info.values()))
    return redact_values(str(exception["exception_message"]), words)


def _rule_result(rule: Rule, outcome: Any, error: str | None) -> RuleResult:
    counts = outcome.result
    missing_count = 0 if rule.kind == "not_null" else counts.get("missing_count") or 0
    return RuleResult(
        name=rule.name,
        kind=rule.kind,
        columns=rule.columns,
        severity=rule.severity,
        passed=bool(outcome.success) and error is None,
        evaluated_count=counts.get("element_count", 0) - missing_count,
        unexpected_count=counts.get("unexpected_count", 0),
        row_numbers=tuple(counts.get("partial_unexpected_index_list") or ()),
        error=error,
    )


def _document(table: Table, outcomes: Sequence[Any], errors: Sequence[str | None]) -> str:
    """Great Expectations' result document as JSON, without time of day, tracebacks and messages that quote values."""
    for outcome, error in zip(outcomes, errors, strict=True):
        outcome.expectation_config.kwargs.pop("batch_id", None)
        if error is not None:
            outcome.exception_info = {
                "raised_exception": True,
                "exception_message": error,
                "exception_traceback": "",
            }
    statistics = calc_validation_statistics(list(outcomes))._asdict()
    document = ExpectationSuiteValidationResult(
        success=statistics.pop("success"),
        results=list(outcomes),
        suite_name=table.name,
        statistics=statistics,
        meta={"table": table.name},
    )
    return json.dumps(document.to_json_dict(), sort_keys=True)
