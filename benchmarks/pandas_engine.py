"""The pandas engine of Great Expectations with the rules of contracts, to compare the counts of rules with.

Belongs here: `ExpectRowsToSatisfyRule` on pandas, independent of the evaluation on Polars so that the two can differ.
Does not belong here: anything that a run needs; only the parity tests and the benchmark use pandas.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelines.contracts.table import Rule, Table
from pipelines.validation.expectations import run_suite
from pipelines.validation.quiet import quiet_great_expectations
from pipelines.validation.rule_expectation import DOMAIN_KEYS, EVALUATED, INDICES, UNEXPECTED, VALUE_KEYS

with quiet_great_expectations():
    from great_expectations.execution_engine import PandasExecutionEngine
    from great_expectations.expectations.metrics.metric_provider import MetricProvider
    from great_expectations.expectations.registry import register_metric


@dataclass(frozen=True, slots=True)
class PandasResult:
    """The result of one rule: rows to which it applies, rows that break it and the first of their numbers, from 0."""

    passed: bool
    evaluated_count: int
    unexpected_count: int
    row_numbers: tuple[int, ...]


def validate_on_pandas(
    table: Table, frame: Any, reference_values: Mapping[str, pl.Series] | None = None, row_numbers: int = 0
) -> dict[str, PandasResult]:
    """Validate a pandas data frame by the suite of a table.

    Args:
        table: The contract.
        frame: The rows.
        reference_values: The values that references may take, by `table.key`.
        row_numbers: How many numbers of rows that break a rule are returned per rule.

    Returns:
        The result of each rule, by its name.
    """
    results = {}
    for rule, outcome in run_suite(table, RulePandasEngine(frame, table.rules, reference_values), row_numbers).items():
        counts = outcome.result
        missing_count = 0 if rule.kind == "not_null" else counts.get("missing_count") or 0
        results[rule.name] = PandasResult(
            bool(outcome.success),
            counts["element_count"] - missing_count,
            counts["unexpected_count"],
            tuple(counts.get("partial_unexpected_index_list") or ()),
        )
    return results


class RulePandasEngine(PandasExecutionEngine):  # type: ignore[misc]  # Great Expectations is not typed for us
    """The pandas engine over one frame.

    Args:
        frame: A pandas data frame.
        rules: The rules that `ExpectRowsToSatisfyRule` looks up by name.
        reference_values: The values that references may take, by `table.key`.
    """

    def __init__(
        self, frame: Any, rules: Sequence[Rule] = (), reference_values: Mapping[str, pl.Series] | None = None
    ) -> None:
        super().__init__()
        self.frame = frame
        self.rules = {rule.name: rule for rule in rules}
        self.reference_values = reference_values
        self._masks: dict[str, tuple[Any, Any]] = {}
        self.load_batch_data("frame", frame)

    def masks(self, name: str) -> tuple[Any, Any]:
        """Two boolean pandas series: whether the rule applies to each row, and whether the row breaks it."""
        if name not in self._masks:
            self._masks[name] = self._compute(self.rules[name])
        return self._masks[name]

    def _compute(self, rule: Rule) -> tuple[Any, Any]:
        columns = list(rule.columns)
        rows = self.frame[columns]
        if rule.row_rule is not None:
            holds = pl.from_pandas(rows, nan_to_null=False).select(rule.row_rule.expression).to_series().to_pandas()
            return holds.notna(), (holds == False).fillna(False)  # noqa: E712  # elementwise, and null is neither
        has_values = rows.notna().all(axis=1)
        if rule.kind == "unique":
            # Nulls go first: with them pandas compares whole numbers as floats, and takes 2**53 + 1 for 2**53.
            return has_values, rows[has_values].duplicated(keep="first").reindex(has_values.index, fill_value=False)
        assert rule.reference is not None
        values = (self.reference_values or {})[f"{rule.reference.table}.{rule.reference.key}"]
        return has_values, ~rows[columns[0]].isin(values.drop_nulls().to_list()) & has_values


def _count(mask: int) -> Any:
    def count(execution_engine: RulePandasEngine, metric_value_kwargs: Any, **_: Any) -> int:
        return int(execution_engine.masks(metric_value_kwargs["rule"])[mask].sum())

    return count


def _indices(execution_engine: RulePandasEngine, metric_value_kwargs: Any, **_: Any) -> list[int]:
    result_format = metric_value_kwargs["result_format"]
    unexpected = execution_engine.masks(metric_value_kwargs["rule"])[1]
    limit = None if result_format["result_format"] == "COMPLETE" else result_format["partial_unexpected_count"]
    indices: list[int] = unexpected[unexpected].index.to_list()
    return indices[:limit]


for _name, _values, _provider in (
    (EVALUATED, VALUE_KEYS, _count(0)),
    (UNEXPECTED, VALUE_KEYS, _count(1)),
    (INDICES, (*VALUE_KEYS, "result_format"), _indices),
):
    register_metric(_name, DOMAIN_KEYS, _values, RulePandasEngine, MetricProvider, _provider)
