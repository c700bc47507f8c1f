"""Data Docs: a local static site that shows verdicts, offline, the same bytes for the same verdicts.

Belongs here: the pages around what Great Expectations renders.
Does not belong here: judging (`expectations`); any value of any row, which a verdict does not hold.

Great Expectations' own page loads styles, scripts, fonts and an image from six hosts, and stamps the time. Its section
renderers do not: each rule in words comes from them, the page and its style from here.
"""

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from html import escape
from pathlib import Path

import pipelines.validation.rule_expectation  # noqa: F401  # registers the expectation whose text is rendered
from pipelines.contracts.table import Severity
from pipelines.validation.quiet import quiet
from pipelines.validation.verdict import RuleResult, ValidationResult, parse_validation_result

with quiet():
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaSectionView

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1d2733;background:#fff}
h1{font-size:1.5rem} h2,h5{font-size:1.1rem;margin:1.5rem 0 .3rem} a{color:#0b5cad}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #dde3ea;vertical-align:top}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
.badge{background:#eef2f6;border-radius:.25rem;padding:.05rem .35rem;font-family:ui-monospace,monospace;font-size:.9em}
.passed,.text-success{color:#17713a} .failed,.error,.text-danger{color:#b3261e} .warned,.text-warning{color:#8a5a00}
.fas{font-style:normal} .fa-check-circle::before{content:"\\2713"} .fa-times::before{content:"\\2717"}
.fa-exclamation-triangle::before{content:"!"} a[data-toggle],.collapse{display:none}
@media (prefers-color-scheme:dark){body{background:#12171d;color:#dde5ee}a{color:#7db7f0}.badge{background:#26303b}
th,td{border-color:#2b3540}.passed,.text-success{color:#6cc78b}.failed,.error,.text-danger{color:#f2897f}
.warned,.text-warning{color:#e3b45a}}
"""
_IDS = re.compile(r"""\s(id|aria-controls)=("[^"]*"|[^\s">]+)""")
# The browser itself refuses whatever is not in the page.
_HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>{style}</style></head><body>
"""


def build_docs(verdicts: Sequence[ValidationResult], folder: Path) -> Path:
    """Write one page per verdict and an index into `folder`; returns the path of the index.

    Pages of the same name are overwritten, nothing else in the folder is touched. Raises ValueError where two verdicts
    are on the same table.
    """
    tables = [verdict.table for verdict in verdicts]
    if len(tables) != len(set(tables)):
        raise ValueError("two verdicts on the same table: give one per table")
    folder.mkdir(parents=True, exist_ok=True)
    for verdict in verdicts:
        (folder / f"{verdict.table}.html").write_text(_table_page(verdict), encoding="utf-8")
    index = folder / "index.html"
    index.write_text(_index_page(verdicts), encoding="utf-8")
    return index


def update_data_docs(verdict: ValidationResult, folder: Path) -> Path:
    """Write the verdict's page and the index of all verdicts kept in `folder` so far; returns the path of the index."""
    kept = folder / "verdicts"
    kept.mkdir(parents=True, exist_ok=True)
    (folder / f"{verdict.table}.html").write_text(_table_page(verdict), encoding="utf-8")
    (kept / f"{verdict.table}.json").write_text(verdict.to_json(), encoding="utf-8")
    everything = []
    for path in sorted(kept.glob("*.json")):
        # one that another version wrote is left out until its table is judged again: docs must not stop a night
        with suppress(KeyError, ValueError):
            everything.append(parse_validation_result(path.read_text(encoding="utf-8")))
    index = folder / "index.html"
    index.write_text(_index_page(everything), encoding="utf-8")
    return index


def _index_page(verdicts: Sequence[ValidationResult]) -> str:
    stopping = sum(not verdict.passed for verdict in verdicts)
    rows = (
        f'<tr><td><a href="{escape(verdict.table)}.html">{escape(verdict.table)}</a></td><td>{_verdict(verdict)}</td>'
        f'<td class="number">{verdict.row_count:,}</td><td class="number">{len(verdict.results)}</td>'
        f'<td class="number">{len(verdict.failed)}</td><td class="number">{len(verdict.errors)}</td></tr>\n'
        for verdict in sorted(verdicts, key=lambda verdict: (verdict.passed, verdict.table))
    )
    body = f"<h1>Data Docs</h1>\n<p>{len(verdicts)} tables, {stopping} of them stopped.</p>\n" + _table(
        ("Table", "Verdict", "#Rows", "#Rules", "#Failed", "#Not evaluated"), rows
    )
    return _page("Data Docs", body)


def _table_page(verdict: ValidationResult) -> str:
    rows = (
        f'<tr><td><span class="badge">{escape(result.name)}</span></td><td>{escape(str(result.severity))}</td>'
        f'<td>{_outcome(result)}</td><td class="number">{result.evaluated_count:,}</td>'
        f'<td class="number">{result.unexpected_count:,}</td><td class="number">{result.unexpected_share:.3%}</td>'
        f"<td>{_found(result)}</td></tr>\n"
        for result in verdict.results
    )
    body = (
        f'<p><a href="index.html">All tables</a></p>\n<h1>{escape(verdict.table)}</h1>\n'
        f"<p>{_verdict(verdict)}: {verdict.row_count:,} rows, {len(verdict.results)} rules.</p>\n"
        + _table(("Rule", "Severity", "Outcome", "#Evaluated", "#Unexpected", "#Share", "Rows, from 0, or error"), rows)
        + "<h2>In words, by column</h2>\n"
        + "\n".join(_sections(verdict))
    )
    return _page(verdict.table, body)


def _sections(verdict: ValidationResult) -> Iterable[str]:
    """What Great Expectations renders: a section per column, and one for rules over several columns."""
    with quiet():
        result = expectationSuiteValidationResultSchema.load(json.loads(verdict.document))
        view = _view()
        # The first section is its overview, with links into a store of suites that is not there.
        for index, section in enumerate(ValidationResultsPageRenderer().render(result).sections[1:], 1):
            html = view.render({"section": section.to_json_dict(), "section_loop": {"index": index}})
            # Each section counts its elements from one, and nothing here refers to them.
            yield "\n".join(line.strip() for line in _IDS.sub("", html).splitlines() if line.strip())


@cache
def _view() -> DefaultJinjaSectionView:
    """One view for all pages: its templates are compiled once."""
    view = DefaultJinjaSectionView()
    # Its own filter draws random ids.
    view.env.filters["generate_html_element_uuid"] = lambda prefix=None: f"{prefix or 'element'}"
    return view


def _verdict(verdict: ValidationResult) -> str:
    if not verdict.passed:
        return '<span class="failed">stopped</span>'
    return (
        '<span class="warned">passed with warnings</span>' if verdict.failed else '<span class="passed">passed</span>'
    )


def _outcome(result: RuleResult) -> str:
    if result.error is not None:
        return '<span class="error">not evaluated</span>'
    if result.passed:
        return '<span class="passed">passed</span>'
    return f'<span class="{"warned" if result.severity is Severity.WARN else "failed"}">failed</span>'


def _found(result: RuleResult) -> str:
    return escape(result.error) if result.error is not None else ", ".join(map(str, result.row_numbers))


def _table(heads: Sequence[str], rows: Iterable[str]) -> str:
    """A table; a head that begins with # is of a column of numbers."""
    cells = (f'<th class="number">{head[1:]}</th>' if head.startswith("#") else f"<th>{head}</th>" for head in heads)
    return f"<table><thead><tr>{''.join(cells)}</tr></thead><tbody>\n{''.join(rows)}</tbody></table>\n"


def _page(title: str, body: str) -> str:
    return _HEAD.format(title=escape(title), style=_STYLE) + body + "</body></html>\n"
