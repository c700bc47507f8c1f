"""Data Docs: a local static site that shows validation results; the same results give the same bytes.

Belongs here: the pages around what Great Expectations renders.
Does not belong here: validation itself (`expectations`), writing the pages (`assets.reporting.data_docs`); values of
rows, which a validation result does not hold.

The page of Great Expectations loads styles, scripts, fonts and an image from six hosts, and shows the time. Its section
renderers do not: they describe each rule here, and the templates of this package make the page.
"""

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pipelines.validation.rule_expectation  # noqa: F401  # registers the expectation whose text is rendered
from pipelines.validation.page_templates import open_page_templates
from pipelines.validation.quiet import quiet_great_expectations
from pipelines.validation.validation_result import ValidationResult

with quiet_great_expectations():
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaSectionView

INDEX = "index.html"
_ELEMENT_IDS = re.compile(r"""\s(id|aria-controls)=("[^"]*"|[^\s">]+)""")
_PAGE_TEMPLATES = open_page_templates(Path(__file__).parent / "templates")


def render_data_docs(
    table_validation: ValidationResult, other_validations: Iterable[ValidationResult]
) -> dict[str, str]:
    """The page of a table and the index of all tables, by name of the file.

    Args:
        table_validation: The validation result of the table.
        other_validations: The last results of the other tables.
    """
    sections_html = "\n".join(_render_sections(table_validation))
    ordered_validations = sorted(
        (table_validation, *other_validations), key=lambda validation: (validation.passed, validation.table)
    )
    return {
        f"{table_validation.table}.html": _PAGE_TEMPLATES.get_template("table.html.j2").render(
            table=table_validation, sections=sections_html
        ),
        INDEX: _PAGE_TEMPLATES.get_template("index.html.j2").render(tables=ordered_validations),
    }


def _render_sections(validation: ValidationResult) -> Iterator[str]:
    """What Great Expectations renders: a section per column, and one for rules over several columns."""
    with quiet_great_expectations():
        suite_result = expectationSuiteValidationResultSchema.load(json.loads(validation.document))
        # The first section is an overview with links into a store of suites that does not exist here.
        for section_number, section in enumerate(ValidationResultsPageRenderer().render(suite_result).sections[1:], 1):
            section_html = _build_section_view().render(
                {"section": section.to_json_dict(), "section_loop": {"index": section_number}}
            )
            # Each section numbers its elements from one, and nothing in the page refers to them.
            yield "\n".join(
                html_line.strip() for html_line in _ELEMENT_IDS.sub("", section_html).splitlines() if html_line.strip()
            )


@cache
def _build_section_view() -> DefaultJinjaSectionView:
    """One view for all pages, so that its templates are compiled once."""
    section_view = DefaultJinjaSectionView()
    # its own filter draws random ids
    section_view.env.filters["generate_html_element_uuid"] = lambda id_prefix=None: f"{id_prefix or 'element'}"
    return section_view
