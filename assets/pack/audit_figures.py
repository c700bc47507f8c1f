"""The figures of the newest audit, as the pack shows them.

Belongs here: a table of the newest rows of the history.
Does not belong here: the audit itself (`ml.fairness`), its page (`assets.reporting.audit_report`).
"""

import polars as pl

from assets.reporting.audit_history import read_audits
from assets.reporting.audit_texts import HEADINGS, TITLE_BY_SECTION, format_measures
from ml.fairness.measures import FEATURE, SECTIONS
from pipelines.storage.lake import Lake

NO_AUDIT = "No audit has been run: `footsteps audit` runs one."
_NUMBERED = (
    "Numbers stand for attributes and groups, unless `audit.names_groups` is set; who ran the audit has the names."
)


def render_newest_audit(lake: Lake) -> str:
    """Render the newest audit as Markdown: all shares and promises, and the features that are findings.

    Args:
        lake: Holds the history of audits, which has groups of sufficient size alone.

    Returns:
        A sentence with the day, and a table per section; a sentence if no audit has been run.
    """
    audits = read_audits(lake)
    if audits.is_empty():
        return NO_AUDIT
    audit_rows = audits.filter(pl.col("audited_date") == pl.col("audited_date").max())
    newest = audit_rows.row(0, named=True)
    finding_count = audit_rows["is_finding"].sum()
    lines = [
        f"Newest audit: {newest['audited_date']}, of the recommendations as of {newest['as_of']}; of "
        f"{audit_rows.height:,} comparisons, findings: {finding_count:,}. {_NUMBERED}",
    ]
    for section in SECTIONS:
        section_rows = audit_rows.filter(section=section)
        shown_rows = section_rows.filter("is_finding") if section == FEATURE else section_rows
        lines += ["", f"{TITLE_BY_SECTION[section]}: {section_rows.height:,} comparisons."]
        if shown_rows.height:
            lines += ["", _render_row(HEADINGS[section]), _render_row(["---"] * len(HEADINGS[section]))]
            lines += [_render_row(cells) for cells in format_measures(shown_rows)]
    return "\n".join(lines)


def _render_row(cells: list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
