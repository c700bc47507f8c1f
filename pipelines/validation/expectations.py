"""A table's contract as a Great Expectations suite, and the verdict of running it.

Belongs here: rule to expectation, running a suite on an engine, its results as a `Verdict`.
Does not belong here: how metrics are computed (`polars_engine`), how a verdict is drawn (`docs`).

Importing this module imports Great Expectations, which takes seconds: import it where a validation runs.
"""

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from pipelines.contracts.table import Rule, Severity, Table
from pipelines.validation.polars_engine import PolarsExecutionEngine
from pipelines.validation.quiet import quiet
from pipelines.validation.rule_expectation import ExpectRowsToKeepRule
from pipelines.validation.verdict import RuleResult, ValidationResult, without_values

with quiet():
    import great_expectations.expectations as gxe
    from great_expectations.core import ExpectationSuite
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.validator.validator import Validator, calc_validation_statistics

# Great Expectations' words; it has three, the contract two.
_SEVERITIES = {Severity.ERROR: "critical", Severity.WARN: "warning"}


def validate(
    table: Table,
    frame: pl.DataFrame | pl.LazyFrame,
    *,
    reference_values: Mapping[str, pl.Series] | None = None,
    row_numbers: int = 0,
) -> ValidationResult:
    """The verdict on `frame` by every rule of `table`, from one query over it.

    `known` holds, per `table.key`, the values that references may take. `row_numbers` asks for the numbers of up to so
    many rows per rule that break it (not asking is faster). A rule that cannot be evaluated has its `error` set in
    the verdict; nothing is raised for it.
    """
    return judge(table, PolarsExecutionEngine(frame, table.rules, reference_values), row_numbers=row_numbers)


def judge(table: Table, engine: Any, *, row_numbers: int = 0) -> ValidationResult:
    """The verdict of a table's suite on an engine that already holds the frame, the rules and the known values."""
    with quiet():
        validator = Validator(execution_engine=engine)
        validator.metrics_calculator.show_progress_bars = False
        found = validator.graph_validate(
            build_suite(table).expectation_configurations,
            runtime_configuration={"catch_exceptions": True, "result_format": _result_format(row_numbers)},
        )
    by_name = {result.expectation_config.meta["rule"]: result for result in found}
    results = [by_name[rule.name] for rule in table.rules]
    words = {*table.column_names, *(str(column.dtype) for column in table.columns), "str", "i64", "f64", "bool"}
    errors = [_error(result, words) for result in results]
    rows = _row_count(engine, [result.result for result in results])
    return ValidationResult(
        table=table.name,
        row_count=rows,
        results=tuple(
            _rule_result(rule, result, error) for rule, result, error in zip(table.rules, results, errors, strict=True)
        ),
        document=_document(table, results, errors),
    )


def build_suite(table: Table) -> Any:
    """The Great Expectations suite of a table: one expectation per rule, in the contract's order."""
    return ExpectationSuite(name=table.name, expectations=[build_expectation(rule) for rule in table.rules])


def build_expectation(rule: Rule) -> Any:
    """The expectation of one rule. Its `meta` names the rule, its `severity` is critical for ERROR."""
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
        case "unique" | "references" | "row":
            sentence = _sentence(rule)
            return ExpectRowsToKeepRule(rule=rule.name, columns=list(rule.columns), sentence=sentence, **about)


def _sentence(rule: Rule) -> str:
    if rule.row is not None:
        return rule.row.description or rule.row.name.replace("_", " ")
    if rule.reference is not None:
        return f"values must occur in {rule.reference.table}.{rule.reference.key}"
    return "no row may repeat the values of an earlier row"


def _result_format(row_numbers: int) -> dict[str, Any]:
    return {
        "result_format": "SUMMARY" if row_numbers else "BASIC",
        "partial_unexpected_count": row_numbers,
        "exclude_unexpected_values": True,
        "include_unexpected_rows": False,
    }


def _row_count(engine: Any, results: list[Any]) -> int:
    for result in results:
        if "element_count" in result:
            return int(result["element_count"])
    # No rule, or none that could be evaluated.
    if isinstance(engine, PolarsExecutionEngine):
        return engine.height()
    return len(engine.frame)


def _error(result: Any, words: set[str]) -> str | None:
    if "unexpected_count" in result.result:
        return None
    info = result.exception_info
    # One failed metric gives one exception; several give a dict of them by metric.
    one = info if "exception_message" in info else next(iter(info.values()))
    return without_values(str(one["exception_message"]), words)


def _rule_result(rule: Rule, result: Any, error: str | None) -> RuleResult:
    counts = result.result
    missing = 0 if rule.kind == "not_null" else counts.get("missing_count") or 0
    return RuleResult(
        name=rule.name,
        kind=rule.kind,
        columns=rule.columns,
        severity=rule.severity,
        passed=bool(result.success) and error is None,
        evaluated_count=counts.get("element_count", 0) - missing,
        unexpected_count=counts.get("unexpected_count", 0),
        row_numbers=tuple(counts.get("partial_unexpected_index_list") or ()),
        error=error,
    )


def _document(table: Table, results: list[Any], errors: list[str | None]) -> str:
    """Great Expectations' result document as JSON, without time of day, tracebacks and messages that quote values."""
    for result, error in zip(results, errors, strict=True):
        result.expectation_config.kwargs.pop("batch_id", None)
        if error is not None:
            result.exception_info = {
                "raised_exception": True,
                "exception_message": error,
                "exception_traceback": "",
            }
    statistics = calc_validation_statistics(results)._asdict()
    success = statistics.pop("success")
    whole = ExpectationSuiteValidationResult(
        success=success, results=results, suite_name=table.name, statistics=statistics, meta={"table": table.name}
    )
    return json.dumps(whole.to_json_dict(), sort_keys=True)
