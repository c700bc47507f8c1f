"""A Great Expectations execution engine whose metrics are the counts of rules: it reads no rows.

Belongs here: the engine, and which count is which metric, for the expectations that contracts are rendered to.
Does not belong here: the expectations of a contract (`expectations`), how rows are counted (`rule_evaluation`).
"""

from collections.abc import Callable
from typing import Any

from pipelines.contracts.rule_counts import RuleCount, RuleCounts
from pipelines.contracts.table import RuleKind, Table
from pipelines.validation.quiet import quiet_great_expectations
from pipelines.validation.rule_expectation import DOMAIN_KEYS, EVALUATED, ROW_COUNT, UNEXPECTED, VALUE_KEYS

with quiet_great_expectations():
    from great_expectations.execution_engine import ExecutionEngine
    from great_expectations.expectations.metrics import (
        ColumnValuesBetween,
        ColumnValuesInSet,
        ColumnValuesMatchRegex,
        ColumnValuesNonNull,
    )
    from great_expectations.expectations.metrics.metric_provider import MetricProvider
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
    from great_expectations.expectations.registry import register_metric

_BATCH_ID = "counts"  # of the one batch that an engine holds
_COLUMN_METRICS: dict[RuleKind, Any] = {
    "in_set": ColumnValuesInSet,
    "between": ColumnValuesBetween,
    "matches": ColumnValuesMatchRegex,
}


class RuleNotEvaluated(Exception):
    """A rule could not be evaluated; the message says why, without values."""


class RuleCountsEngine(ExecutionEngine):  # type: ignore[misc]  # Great Expectations is not typed for us
    """Resolves the metrics of a table's suite from the counts of its rules.

    Args:
        table: The table.
        counts: The rows that arrived in it.
    """

    def __init__(self, table: Table, counts: RuleCounts) -> None:
        super().__init__()
        self.table = table
        self.counts = counts
        self.load_batch_data(_BATCH_ID, counts)

    def count(self, rule_name: str) -> RuleCount:
        """The rows of a rule, by its name."""
        if rule_name in self.counts.errors:
            raise RuleNotEvaluated(self.counts.errors[rule_name])
        return self.counts.rules[rule_name]

    def count_missing(self, column: str) -> int:
        """Rows to which the rules of a column do not apply, because it is null."""
        not_null_rule = f"{column}|not_null"
        if not_null_rule in self.counts.rules or not_null_rule in self.counts.errors:
            return self.count(not_null_rule).unexpected
        rule_names = (f"{column}|{rule_kind}" for rule_kind in _COLUMN_METRICS)
        evaluated_counts = [
            self.counts.rules[rule_name].evaluated for rule_name in rule_names if rule_name in self.counts.rules
        ]
        return self.counts.row_count - max(evaluated_counts, default=0)

    def _refuse(self, request: Any) -> Any:
        raise NotImplementedError(f"the counts are given to the constructor, and contracts have no filters: {request}")

    get_batch_data_and_markers = _comparison_condition_to_filter_clause = _nullity_condition_to_filter_clause = _refuse
    _and_condition_to_filter_clause = _or_condition_to_filter_clause = _refuse


def _count_unexpected(kind: RuleKind) -> Callable[..., int]:
    def unexpected(execution_engine: RuleCountsEngine, metric_domain_kwargs: Any, **_: Any) -> int:
        return execution_engine.count(f"{metric_domain_kwargs['column']}|{kind}").unexpected

    return unexpected


def _count_missing(execution_engine: RuleCountsEngine, metric_domain_kwargs: Any, **_: Any) -> int:
    return execution_engine.count_missing(metric_domain_kwargs["column"])


def _count_rule(count_field: str) -> Callable[..., int]:
    def count(execution_engine: RuleCountsEngine, metric_value_kwargs: Any, **_: Any) -> int:
        return int(getattr(execution_engine.count(metric_value_kwargs["rule"]), count_field))

    return count


def _count_rows(execution_engine: RuleCountsEngine, **_: Any) -> int:
    return execution_engine.counts.row_count


def _compute_nothing(**_: Any) -> None:
    """Values and queries are never computed: they would show the content of rows."""


def _register_metric(
    metric_name: str, domain_keys: tuple[str, ...], value_keys: tuple[str, ...], metric_function: Callable[..., Any]
) -> None:
    register_metric(metric_name, domain_keys, value_keys, RuleCountsEngine, MetricProvider, metric_function)


def _register_column_metric(metric_class: Any, count_unexpected: Callable[..., int]) -> None:
    metric_name, domain_keys, value_keys = (
        metric_class.condition_metric_name,
        metric_class.condition_domain_keys,
        metric_class.condition_value_keys,
    )
    _register_metric(f"{metric_name}.unexpected_count", domain_keys, value_keys, count_unexpected)
    for metric_suffix in ("unexpected_values", "unexpected_index_list", "unexpected_index_query", "unexpected_rows"):
        _register_metric(
            f"{metric_name}.{metric_suffix}", domain_keys, (*value_keys, "result_format"), _compute_nothing
        )


for _kind, _metric in _COLUMN_METRICS.items():
    _register_column_metric(_metric, _count_unexpected(_kind))
_register_column_metric(ColumnValuesNonNull, _count_missing)
_register_metric(UNEXPECTED, DOMAIN_KEYS, VALUE_KEYS, _count_rule("unexpected"))
_register_metric(EVALUATED, DOMAIN_KEYS, VALUE_KEYS, _count_rule("evaluated"))
_register_metric(ROW_COUNT, TableMetricProvider.domain_keys, (), _count_rows)
