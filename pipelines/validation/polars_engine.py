"""A Polars execution engine for Great Expectations: every metric of a suite in one query.

Belongs here: the engine and its metrics, for the expectations that contracts are rendered to.
Does not belong here: the expectations of a contract (`expectations`).

Great Expectations resolves the metrics of a suite level by level. Here, level one is the conditions: query plans,
checked against the schema without reading data. Level two is everything else as one bundle, and the bundle is one
`select`, so that Polars evaluates the expressions in parallel and shares what they have in common.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.contracts.table import Rule
from pipelines.validation.quiet import quiet_great_expectations
from pipelines.validation.rule_expectation import DOMAIN_KEYS, EVALUATED, METRIC, ROW_COUNT, VALUE_KEYS

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
    from great_expectations.validator.metric_configuration import MetricConfiguration

_BATCH_ID = "frame"  # of the one batch that an engine holds


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition and its aggregates; `is_met` is null if the condition does not apply to the row."""

    is_met: pl.Expr
    unexpected_count: pl.Expr
    evaluated_count: pl.Expr

    def aggregate(self, metric: str, result_format: Mapping[str, Any]) -> pl.Expr:
        """The expression of a metric, by the last part of its name."""
        if metric == "unexpected_index_list":
            indices = self.is_met.not_().fill_null(False).arg_true()
            if result_format["result_format"] != "COMPLETE":
                indices = indices.head(result_format["partial_unexpected_count"])
            return indices.implode()
        return self.evaluated_count if metric == "filtered_row_count" else self.unexpected_count


class PolarsExecutionEngine(ExecutionEngine):  # type: ignore[misc]  # Great Expectations is not typed for us
    """Computes metrics over one Polars frame.

    Args:
        frame: The rows of the table.
        rules: The rules that `ExpectRowsToSatisfyRule` looks up by name.
        reference_values: The values that references may take, by `table.key`.
    """

    def __init__(
        self,
        frame: pl.DataFrame | pl.LazyFrame,
        rules: Sequence[Rule] = (),
        reference_values: Mapping[str, pl.Series] | None = None,
    ) -> None:
        super().__init__()
        self.rules = {rule.name: rule for rule in rules}
        self.reference_values = reference_values
        self._query = frame.lazy()
        # The in-memory engine is faster on whole columns; a file is better read in batches.
        self._engine: Any = "in-memory" if isinstance(frame, pl.DataFrame) else "streaming"
        self.load_batch_data(_BATCH_ID, frame)

    def plan(self, condition: Condition) -> Condition:
        """The same condition. Raises if it does not fit the schema; reads no data."""
        self._query.select(condition.unexpected_count.alias("unexpected")).collect_schema()
        return condition

    def resolve_metric_bundle(self, metric_fn_bundle: Sequence[Any]) -> dict[Any, Any]:
        """The value of every metric of the bundle, from one query."""
        metrics = [item.metric_configuration for item in metric_fn_bundle]
        if not metrics:
            return {}
        aggregates = {
            str(number): item.metric_fn.aggregate(
                metric.metric_name.rsplit(".", 1)[1], metric.metric_value_kwargs.get("result_format")
            )
            for number, (item, metric) in enumerate(zip(metric_fn_bundle, metrics, strict=True))
        }
        values = self._query.select(**aggregates).collect(engine=self._engine).row(0)
        return {metric.id: value for metric, value in zip(metrics, values, strict=True)}

    def height(self) -> int:
        """Rows of the frame."""
        return int(self._query.select(pl.len()).collect(engine=self._engine).item())

    def _refuse(self, request: Any) -> Any:
        raise NotImplementedError(f"the frame is given to the constructor, and contracts have no filters: {request}")

    get_batch_data_and_markers = _comparison_condition_to_filter_clause = _nullity_condition_to_filter_clause = _refuse
    _and_condition_to_filter_clause = _or_condition_to_filter_clause = _refuse


class FromCondition(MetricProvider):  # type: ignore[misc]  # Great Expectations is not typed for us
    """A metric that the bundle aggregates from the condition with the same name."""

    @classmethod
    def _get_evaluation_dependencies(cls, metric: Any, **_: Any) -> dict[str, Any]:
        base, kind = metric.metric_name.rsplit(".", 1)
        if kind == "condition":
            return {}
        values = {key: value for key, value in metric.metric_value_kwargs.items() if key != "result_format"}
        return {"metric_partial_fn": MetricConfiguration(f"{base}.condition", metric.metric_domain_kwargs, values)}


def _restore_integer(limit: Any) -> Any:
    """The limit as an int if it is integral: it arrives as a float, and would make floats of the column."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _is_between(column: pl.Expr, limits: Mapping[str, Any]) -> pl.Expr:
    low, high = _restore_integer(limits["min_value"]), _restore_integer(limits["max_value"])
    if high is None:
        # Polars sorts NaN above every number, so only an upper limit would exclude it.
        return column.ge(low) & column.is_not_nan()
    return column.le(high) if low is None else column.is_between(low, high)


_CONDITIONS: dict[Any, Callable[[pl.Expr, Mapping[str, Any]], pl.Expr]] = {
    ColumnValuesNonNull: lambda column, _: column.is_not_null(),
    ColumnValuesInSet: lambda column, kwargs: column.is_in(list(kwargs["value_set"])),
    ColumnValuesBetween: _is_between,
    ColumnValuesMatchRegex: lambda column, kwargs: column.str.contains(kwargs["regex"]),
}


def _column_condition(metric: Any) -> Callable[..., Any]:
    def condition(
        execution_engine: PolarsExecutionEngine, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any
    ) -> Any:
        column = pl.col(metric_domain_kwargs["column"])
        is_met = _CONDITIONS[metric](column, metric_value_kwargs or {})
        # The null count is stored with the column, so that no row is read.
        count = column.null_count() if metric is ColumnValuesNonNull else is_met.not_().sum()
        return execution_engine.plan(Condition(is_met, count, pl.len() - column.null_count())), {}, {}

    return condition


def _count_distinct(values: pl.Series) -> pl.Series:
    """The number of distinct values. If all hashes differ all values differ; otherwise the values are compared."""
    hashed = values.hash().n_unique()
    return pl.Series([hashed if hashed == len(values) else values.n_unique()], dtype=pl.UInt32)


def _rule_condition(execution_engine: PolarsExecutionEngine, metric_value_kwargs: Any, **_: Any) -> Any:
    rule = execution_engine.rules[metric_value_kwargs["rule"]]
    is_met = rule.expression(execution_engine.reference_values)
    first = pl.col(rule.columns[0])
    count, evaluated = is_met.not_().sum(), pl.len() - first.null_count()
    if rule.kind == "unique":
        has_key = pl.all_horizontal(pl.col(rule.columns).is_not_null())
        keys = pl.struct(rule.columns).filter(has_key) if len(rule.columns) > 1 else first.drop_nulls()
        # Counting distinct keys is several times cheaper than marking the rows that repeat one.
        evaluated = has_key.sum() if len(rule.columns) > 1 else evaluated
        count = evaluated - keys.map_batches(_count_distinct, return_dtype=pl.UInt32, returns_scalar=True)
    elif rule.row is not None:
        evaluated = rule.row.expression.is_not_null().sum()
    return execution_engine.plan(Condition(is_met, count, evaluated)), {}, {}


def _row_count(**_: Any) -> Any:
    return Condition(pl.lit(True), pl.len(), pl.len()), {}, {}


def _no_values(**_: Any) -> None:
    """Values and queries are never computed: they would show the content of rows."""


def _register(name: str, domain: tuple[str, ...], value: tuple[str, ...], provider: Any) -> None:
    register_metric(name, domain, value, PolarsExecutionEngine, FromCondition, provider)


def _register_map_metric(name: str, domain: tuple[str, ...], value: tuple[str, ...], condition: Any) -> None:
    _register(f"{name}.condition", domain, value, condition)
    _register(f"{name}.unexpected_count", domain, value, None)
    _register(f"{name}.unexpected_index_list", domain, (*value, "result_format"), None)
    for metric in ("unexpected_values", "unexpected_index_query", "unexpected_rows"):
        _register(f"{name}.{metric}", domain, (*value, "result_format"), _no_values)


for _metric in _CONDITIONS:
    _register_map_metric(
        _metric.condition_metric_name,
        _metric.condition_domain_keys,
        _metric.condition_value_keys,
        _column_condition(_metric),
    )
_register_map_metric(METRIC, DOMAIN_KEYS, VALUE_KEYS, _rule_condition)
_register(EVALUATED, DOMAIN_KEYS, VALUE_KEYS, None)
_register("table.condition", TableMetricProvider.domain_keys, (), _row_count)
_register(ROW_COUNT, TableMetricProvider.domain_keys, (), None)
