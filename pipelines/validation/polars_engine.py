"""A Polars execution engine for Great Expectations: every metric of a suite in one query.

Belongs here: the engine and its metrics, for the expectations that contracts render to.
Does not belong here: which expectations a contract renders to (`expectations`).

Great Expectations resolves a suite's metrics level by level. Level one here are the conditions: plans, checked
against the schema, no data read. Level two is everything else as one bundle, and the bundle is one `select`, so that
polars runs the expressions side by side and shares what they have in common.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.contracts.table import Rule
from pipelines.validation.quiet import quiet
from pipelines.validation.rule_expectation import DOMAIN_KEYS, EVALUATED, METRIC, ROW_COUNT, VALUE_KEYS

with quiet():
    from great_expectations.execution_engine import ExecutionEngine
    from great_expectations.expectations.metrics.column_map_metrics.column_values_between import ColumnValuesBetween
    from great_expectations.expectations.metrics.column_map_metrics.column_values_in_set import ColumnValuesInSet
    from great_expectations.expectations.metrics.column_map_metrics.column_values_match_regex import (
        ColumnValuesMatchRegex,
    )
    from great_expectations.expectations.metrics.column_map_metrics.column_values_non_null import ColumnValuesNonNull
    from great_expectations.expectations.metrics.metric_provider import MetricProvider
    from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
    from great_expectations.expectations.registry import register_metric
    from great_expectations.validator.metric_configuration import MetricConfiguration

FRAME = "frame"  # batch id of the one batch an engine holds


@dataclass(frozen=True, slots=True)
class Condition:
    """What a bundle can ask of one condition; `holds` may be null where the condition does not speak of the row."""

    holds: pl.Expr
    unexpected_count: pl.Expr
    evaluated_count: pl.Expr

    def ask(self, what: str, result_format: Mapping[str, Any]) -> pl.Expr:
        """The aggregate that answers the metric whose last word is `what`."""
        if what == "unexpected_index_list":
            indices = self.holds.not_().fill_null(False).arg_true()
            if result_format["result_format"] != "COMPLETE":
                indices = indices.head(result_format["partial_unexpected_count"])
            return indices.implode()
        return self.evaluated_count if what == "filtered_row_count" else self.unexpected_count


class PolarsExecutionEngine(ExecutionEngine):  # type: ignore[misc]  # Great Expectations is not typed for us
    """Computes metrics over one polars frame; `rules` and `known` are what `ExpectRowsToKeepRule` looks up."""

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
        # In memory, the query engine that works on whole columns is faster; a file is better read in pieces.
        self._engine: Any = "in-memory" if isinstance(frame, pl.DataFrame) else "streaming"
        self.load_batch_data(FRAME, frame)

    def plan(self, condition: Condition) -> Condition:
        """The same condition. Raises where it does not fit the schema; reads no data."""
        self._query.select(condition.unexpected_count.alias("unexpected")).collect_schema()
        return condition

    def resolve_metric_bundle(self, metric_fn_bundle: Sequence[Any]) -> dict[Any, Any]:
        """The value of every metric of the bundle, from one query."""
        metrics = [item.metric_configuration for item in metric_fn_bundle]
        if not metrics:
            return {}
        aggregates = {
            str(number): item.metric_fn.ask(
                metric.metric_name.rsplit(".", 1)[1], metric.metric_value_kwargs.get("result_format")
            )
            for number, (item, metric) in enumerate(zip(metric_fn_bundle, metrics, strict=True))
        }
        row = self._query.select(**aggregates).collect(engine=self._engine).row(0)
        return {metric.id: value for metric, value in zip(metrics, row, strict=True)}

    def height(self) -> int:
        """Rows of the frame."""
        return int(self._query.select(pl.len()).collect(engine=self._engine).item())

    def get_batch_data_and_markers(self, batch_spec: Any) -> Any:
        """Refused: the frame is given to the constructor."""
        raise NotImplementedError(f"this engine loads nothing: {batch_spec}")

    def _refuse_filter(self, condition: Any) -> Any:
        raise NotImplementedError(f"contracts have no row conditions: {condition}")

    _comparison_condition_to_filter_clause = _refuse_filter
    _nullity_condition_to_filter_clause = _refuse_filter
    _and_condition_to_filter_clause = _refuse_filter
    _or_condition_to_filter_clause = _refuse_filter


class FromCondition(MetricProvider):  # type: ignore[misc]  # Great Expectations is not typed for us
    """A metric that the bundle aggregates from the condition of the same name."""

    @classmethod
    def _get_evaluation_dependencies(cls, metric: Any, **_: Any) -> dict[str, Any]:
        base, what = metric.metric_name.rsplit(".", 1)
        if what == "condition":
            return {}
        asked = {key: value for key, value in metric.metric_value_kwargs.items() if key != "result_format"}
        return {"metric_partial_fn": MetricConfiguration(f"{base}.condition", metric.metric_domain_kwargs, asked)}


def _as_written(limit: Any) -> Any:
    """The limit as an int where it is whole: it arrives as a float, and would make floats of the column."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def _between(column: pl.Expr, limits: Mapping[str, Any]) -> pl.Expr:
    low, high = _as_written(limits["min_value"]), _as_written(limits["max_value"])
    if high is None:
        # Polars sorts NaN above every number, so that only an upper limit would catch it.
        return column.ge(low) & column.is_not_nan()
    return column.le(high) if low is None else column.is_between(low, high)


_HOLDS: dict[Any, Callable[[pl.Expr, Mapping[str, Any]], pl.Expr]] = {
    ColumnValuesNonNull: lambda column, _: column.is_not_null(),
    ColumnValuesInSet: lambda column, asked: column.is_in(list(asked["value_set"])),
    ColumnValuesBetween: _between,
    ColumnValuesMatchRegex: lambda column, asked: column.str.contains(asked["regex"]),
}


def _column_condition(metric: Any) -> Callable[..., Any]:
    def condition(
        execution_engine: PolarsExecutionEngine, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any
    ) -> Any:
        column = pl.col(metric_domain_kwargs["column"])
        holds = _HOLDS[metric](column, metric_value_kwargs or {})
        # The null count is kept with the column: asking for it reads no row.
        count = column.null_count() if metric is ColumnValuesNonNull else holds.not_().sum()
        return execution_engine.plan(Condition(holds, count, pl.len() - column.null_count())), {}, {}

    return condition


def _count_distinct(values: pl.Series) -> pl.Series:
    """How many distinct values: those whose hashes all differ all differ; only where some do not are they compared."""
    hashed = values.hash().n_unique()
    return pl.Series([hashed if hashed == len(values) else values.n_unique()], dtype=pl.UInt32)


def _rule_condition(execution_engine: PolarsExecutionEngine, metric_value_kwargs: Any, **_: Any) -> Any:
    rule = execution_engine.rules[metric_value_kwargs["rule"]]
    holds = rule.expression(execution_engine.reference_values)
    count, evaluated = holds.not_().sum(), pl.len() - pl.col(rule.columns[0]).null_count()
    if rule.kind == "unique":
        whole = pl.all_horizontal(pl.col(rule.columns).is_not_null())
        value = pl.struct(rule.columns).filter(whole) if len(rule.columns) > 1 else pl.col(rule.columns[0]).drop_nulls()
        # Counting distinct keys is several times cheaper than marking the rows that repeat one.
        evaluated = whole.sum() if len(rule.columns) > 1 else evaluated
        count = evaluated - value.map_batches(_count_distinct, return_dtype=pl.UInt32, returns_scalar=True)
    elif rule.row is not None:
        evaluated = rule.row.expression.is_not_null().sum()
    return execution_engine.plan(Condition(holds, count, evaluated)), {}, {}


def _row_count(**_: Any) -> Any:
    return Condition(pl.lit(True), pl.len(), pl.len()), {}, {}


def _nothing(**_: Any) -> None:
    """Values and queries are never asked of the data: they would carry what the rows say."""


def _register(name: str, domain: tuple[str, ...], value: tuple[str, ...], provider: Any) -> None:
    register_metric(name, domain, value, PolarsExecutionEngine, FromCondition, provider)


def _register_map_metric(name: str, domain: tuple[str, ...], value: tuple[str, ...], condition: Any) -> None:
    shown = (*value, "result_format")
    _register(f"{name}.condition", domain, value, condition)
    _register(f"{name}.unexpected_count", domain, value, None)
    _register(f"{name}.unexpected_index_list", domain, shown, None)
    for unasked in ("unexpected_values", "unexpected_index_query", "unexpected_rows"):
        _register(f"{name}.{unasked}", domain, shown, _nothing)


for _metric in _HOLDS:
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
