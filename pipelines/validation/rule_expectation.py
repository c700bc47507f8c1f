"""The expectation for the rule kinds that Great Expectations has no like of: unique, references, row.

Belongs here: `ExpectRowsToKeepRule`, its metric names, and how Data Docs say it.
Does not belong here: how an engine counts the rows (`polars_engine`, `pandas_engine`).

Its own uniqueness calls every row of a repeated key unexpected; the contract keeps the first and sets aside the rest,
and the counts of a verdict must be those of the quarantine.
"""

from typing import Any, ClassVar

from pipelines.validation.quiet import quiet

with quiet():
    from great_expectations.expectations.expectation import (
        BatchExpectation,
        _format_map_output,
        render_suite_parameter_string,
    )
    from great_expectations.expectations.registry import get_metric_kwargs
    from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
    from great_expectations.render.renderer.renderer import renderer
    from great_expectations.validator.metric_configuration import MetricConfiguration

METRIC = "rows.keep_rule"
DOMAIN_KEYS = ("batch_id",)
VALUE_KEYS = ("rule",)
ROW_COUNT, UNEXPECTED, EVALUATED = "table.row_count", f"{METRIC}.unexpected_count", f"{METRIC}.filtered_row_count"
INDICES = f"{METRIC}.unexpected_index_list"


class ExpectRowsToKeepRule(BatchExpectation):  # type: ignore[misc]  # Great Expectations is not typed for us
    """Expect every row to keep a rule of the table's contract; the engine knows the rule by its name."""

    rule: str
    columns: list[str]
    sentence: str

    domain_keys: ClassVar[tuple[str, ...]] = DOMAIN_KEYS
    success_keys: ClassVar[tuple[str, ...]] = ("rule", "columns", "sentence")
    args_keys: ClassVar[tuple[str, ...]] = ("rule", "columns", "sentence")

    def get_validation_dependencies(self, execution_engine: Any = None, runtime_configuration: Any = None) -> Any:
        """The metrics this needs: rows, rows evaluated, rows unexpected, and their numbers from SUMMARY on."""
        needed = super().get_validation_dependencies(execution_engine, runtime_configuration)
        names = [ROW_COUNT, UNEXPECTED, EVALUATED]
        if needed.result_format["result_format"] in ("SUMMARY", "COMPLETE"):
            names.append(INDICES)
        for name in names:
            kwargs = get_metric_kwargs(name, self.configuration, runtime_configuration)
            metric = MetricConfiguration(name, kwargs["metric_domain_kwargs"], kwargs["metric_value_kwargs"])
            needed.set_metric_configuration(name, metric)
        return needed

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:  # noqa: ARG002
        return _format_map_output(
            result_format=self._get_result_format(runtime_configuration),
            success=metrics[UNEXPECTED] == 0,
            element_count=metrics[ROW_COUNT],
            nonnull_count=metrics[EVALUATED],
            unexpected_count=metrics[UNEXPECTED],
            unexpected_index_list=metrics.get(INDICES),
        )

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    @render_suite_parameter_string
    def _prescriptive_renderer(
        cls,
        configuration: Any = None,
        result: Any = None,  # noqa: ARG003
        runtime_configuration: Any = None,
        **_: Any,
    ) -> list[Any]:
        kwargs = configuration.kwargs
        names = {f"column_{number}": name for number, name in enumerate(kwargs["columns"])}
        template = {
            "template": " + ".join(f"${key}" for key in names) + ": " + kwargs["sentence"].replace("$", "$$") + ".",
            "params": names,
            "styling": (runtime_configuration or {}).get("styling"),
        }
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]
