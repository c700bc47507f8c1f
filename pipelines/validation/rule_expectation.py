"""The expectations of contracts: four of Great Expectations, and one for the rules that it has no equivalent of.

Belongs here: the classes, the names of the metrics of `ExpectRowsToSatisfyRule`, and its text in Data Docs.
Does not belong here: how rows are counted (`rule_evaluation`).

The uniqueness expectation of Great Expectations reports every row of a repeated key. The contract keeps the first and
sets aside the others, and the counts of a validation must be those of the quarantine.
"""

from functools import cached_property
from typing import Any, ClassVar

from pipelines.validation.quiet import quiet_great_expectations

with quiet_great_expectations():
    import great_expectations.expectations as gxe
    from great_expectations.expectations.expectation import (
        BatchExpectation,
        _format_map_output,
        render_suite_parameter_string,
    )
    from great_expectations.expectations.registry import get_metric_kwargs
    from great_expectations.render import LegacyRendererType, RenderedStringTemplateContent
    from great_expectations.render.renderer.renderer import renderer
    from great_expectations.validator.metric_configuration import MetricConfiguration

METRIC = "rows.satisfy_rule"
DOMAIN_KEYS = ("batch_id",)
VALUE_KEYS = ("rule",)
ROW_COUNT, UNEXPECTED, EVALUATED = "table.row_count", f"{METRIC}.unexpected_count", f"{METRIC}.filtered_row_count"
INDICES = f"{METRIC}.unexpected_index_list"
_ARGUMENT_NAMES = ("rule", "columns", "sentence")


class _BuildConfigurationOnce:
    """Builds the configuration of an expectation once.

    Great Expectations 1.24 builds it about 90 times per validation, which is half of the time that a validation takes.
    The expectations of a contract do not change after they are built.
    """

    @cached_property
    def configuration(self) -> Any:
        return super().configuration  # type: ignore[misc]


# The names are those of Great Expectations, which decide the type in a result and the text in Data Docs;
# it logs that they replace its own.
with quiet_great_expectations():

    class ExpectColumnValuesToNotBeNull(_BuildConfigurationOnce, gxe.ExpectColumnValuesToNotBeNull):  # type: ignore[misc]
        """Expect every row to have a value."""

    class ExpectColumnValuesToBeInSet(_BuildConfigurationOnce, gxe.ExpectColumnValuesToBeInSet):  # type: ignore[misc]
        """Expect every value to be one of the allowed ones."""

    class ExpectColumnValuesToBeBetween(_BuildConfigurationOnce, gxe.ExpectColumnValuesToBeBetween):  # type: ignore[misc]
        """Expect every value to be within limits."""

    class ExpectColumnValuesToMatchRegex(_BuildConfigurationOnce, gxe.ExpectColumnValuesToMatchRegex):  # type: ignore[misc]
        """Expect every value to match a pattern."""


class ExpectRowsToSatisfyRule(_BuildConfigurationOnce, BatchExpectation):  # type: ignore[misc]
    """Expect every row to satisfy a rule of the table's contract; the engine finds the rule by its name."""

    rule: str
    columns: list[str]
    sentence: str

    domain_keys: ClassVar[tuple[str, ...]] = DOMAIN_KEYS
    success_keys: ClassVar[tuple[str, ...]] = _ARGUMENT_NAMES
    args_keys: ClassVar[tuple[str, ...]] = _ARGUMENT_NAMES

    def get_validation_dependencies(self, execution_engine: Any = None, runtime_configuration: Any = None) -> Any:
        """The metrics: rows, evaluated rows, unexpected rows, and row numbers from the result format SUMMARY on."""
        dependencies = super().get_validation_dependencies(execution_engine, runtime_configuration)
        has_row_numbers = dependencies.result_format["result_format"] in ("SUMMARY", "COMPLETE")
        for metric_name in (ROW_COUNT, UNEXPECTED, EVALUATED, *((INDICES,) if has_row_numbers else ())):
            metric_arguments = get_metric_kwargs(metric_name, self.configuration, runtime_configuration)
            metric_configuration = MetricConfiguration(
                metric_name, metric_arguments["metric_domain_kwargs"], metric_arguments["metric_value_kwargs"]
            )
            dependencies.set_metric_configuration(metric_name, metric_configuration)
        return dependencies

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
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)  # type: ignore[untyped-decorator]
    @render_suite_parameter_string  # type: ignore[untyped-decorator]
    def _prescriptive_renderer(
        cls,
        configuration: Any = None,
        result: Any = None,  # noqa: ARG003
        runtime_configuration: Any = None,
        **_: Any,
    ) -> list[Any]:
        column_by_placeholder = {
            f"column_{column_index}": column for column_index, column in enumerate(configuration.kwargs["columns"])
        }
        styling = (runtime_configuration or {}).get("styling") or {}
        string_template = {
            # The sentence is a parameter because parameters are escaped; it is no name, so it gets no badge.
            "template": " + ".join(f"${placeholder}" for placeholder in column_by_placeholder) + ": $sentence.",
            "params": {**column_by_placeholder, "sentence": configuration.kwargs["sentence"]},
            "styling": {**styling, "params": {"sentence": {"classes": []}}},
        }
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=string_template)]
