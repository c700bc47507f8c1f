"""The report of an audit: one HTML page, to read offline.

Belongs here: what the page shows, and writing it.
Does not belong here: the figures (`ml.fairness`), their texts (`audit_texts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from assets.reporting.audit_history import summarise_audits
from assets.reporting.audit_texts import (
    HEADINGS,
    HISTORY_HEADINGS,
    INTRODUCTION_BY_SECTION,
    REMEDIES,
    TITLE_BY_SECTION,
    describe_finding,
    describe_ratios,
    format_history,
    format_measures,
    name_measure,
)
from assets.reporting.evaluation_plots import HIGHLIGHT_COLOUR, PALE_COLOUR, TEXT_COLOUR, png_data_uri, render_png
from ml.fairness.findings import AuditLimits
from ml.fairness.groups import INTERSECTION
from ml.fairness.measures import (
    CALIBRATED,
    CALIBRATED_MEANING,
    FEATURE,
    RATE,
    SECTIONS,
    SELECTIONS,
    TITLE_BY_MEASURE,
)
from pipelines.validation.page_templates import open_page_templates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Features that the page shows unfolded; there are hundreds of rows.
_SHOWN_FEATURES = 15
# The smallest ratio that is drawn; smaller ones stand at the edge.
_SMALLEST_DRAWN_RATIO = 0.05


@dataclass(frozen=True, eq=False)
class AuditDocument:
    """What a report and the terminal show of an audit.

    Attributes:
        company: Name of the company.
        as_of: The last day that the audited snapshot has seen.
        promised_at: The day of the promises whose outcome is known; None if no stored snapshot is old enough.
        examples_since: The day of the first earlier snapshot with examples; None if there is none.
        horizon_days: Days within which a promise counts.
        limits: The declared limits.
        measures: The figures, as `protect_counts` returns them, with the names of the groups.
        left_out: What was left out, a sentence each.
        name_by_stored_number: The name behind each number of the history; empty if it has names.
        feature_meanings: What each feature of the model is, by its name.
        audits: The history with this audit, as `read_audits` returns it.
    """

    company: str
    as_of: date
    promised_at: date | None
    examples_since: date | None
    horizon_days: int
    limits: AuditLimits
    measures: pl.DataFrame
    left_out: list[str]
    name_by_stored_number: Mapping[str, str]
    feature_meanings: Mapping[str, str]
    audits: pl.DataFrame


def write_audit_report(audit_document: AuditDocument, report_folder: Path) -> Path:
    """Write the page.

    Args:
        audit_document: What it shows.
        report_folder: Folder of the report; it is created if it is missing.

    Returns:
        The page.
    """
    report_folder.mkdir(parents=True, exist_ok=True)
    measures = audit_document.measures
    drawn_rates = _select_drawn_rates(measures)
    page_html = (
        open_page_templates(Path(__file__).parent / "templates")
        .get_template("audit_report.html.j2")
        .render(
            audit=audit_document,
            findings=[
                describe_finding(measure_row, audit_document.feature_meanings)
                for measure_row in measures.filter("is_finding").to_dicts()
            ],
            remedies=REMEDIES,
            picture=png_data_uri(_draw_ratios(drawn_rates, audit_document.limits)) if drawn_rates.height else None,
            picture_text=describe_ratios(drawn_rates, audit_document.limits.impact_ratio),
            sections=[_describe_section(measures, section) for section in SECTIONS],
            meanings=[
                *((selection.title, f"{selection.meaning}; of {selection.applies_to}") for selection in SELECTIONS),
                (TITLE_BY_MEASURE[CALIBRATED], CALIBRATED_MEANING),
            ],
            features=sorted(audit_document.feature_meanings.items()),
            history_headings=HISTORY_HEADINGS,
            history_rows=format_history(summarise_audits(audit_document.audits)),
        )
    )
    page_path = report_folder / "index.html"
    page_path.write_text(page_html, encoding="utf-8")
    return page_path


def _describe_section(measures: pl.DataFrame, section: str) -> dict[str, object]:
    """What the page shows of a section; of features those that tell most, and the others folded away."""
    section_rows = measures.filter(section=section)
    if section == FEATURE:
        section_rows = section_rows.sort((pl.col("estimate") - 0.5).abs(), descending=True)
    cells = format_measures(section_rows)
    shown_count = max(_SHOWN_FEATURES, section_rows.filter("is_finding").height) if section == FEATURE else len(cells)
    return {
        "name": section,
        "title": TITLE_BY_SECTION[section],
        "introduction": INTRODUCTION_BY_SECTION[section],
        "headings": HEADINGS[section],
        "rows": cells[:shown_count],
        "folded_rows": cells[shown_count:],
    }


def _select_drawn_rates(measures: pl.DataFrame) -> pl.DataFrame:
    """Rates that are compared with a higher one: of every attribute, and of pairs of attributes the findings alone."""
    is_single = ~pl.col("attribute").str.contains(INTERSECTION, literal=True)
    return measures.filter(
        pl.col("section") == RATE, pl.col("ratio_low").is_not_null(), is_single | pl.col("is_finding")
    )


def _draw_ratios(compared_rates: pl.DataFrame, limits: AuditLimits) -> bytes:
    """Draw the impact ratio of each group with its interval, on a logarithmic scale, the limit as a line."""
    ratio_columns = pl.col("ratio", "ratio_low", "ratio_high").clip(_SMALLEST_DRAWN_RATIO)
    rates = compared_rates.reverse().with_columns(ratio_columns)
    smallest_ratio = rates.select(pl.min_horizontal(pl.col("ratio_low").min(), 0.45)).item()

    def draw(axes: "Axes") -> None:
        for position, rate in enumerate(rates.to_dicts()):
            colour = HIGHLIGHT_COLOUR if rate["is_finding"] else PALE_COLOUR
            axes.plot([rate["ratio_low"], rate["ratio_high"]], [position, position], color=colour, linewidth=2)
            axes.plot(rate["ratio"], position, "D" if rate["is_finding"] else "o", color=colour)
        axes.axvline(limits.impact_ratio, color=TEXT_COLOUR, linewidth=1, linestyle="--")
        axes.axvline(1.0, color=TEXT_COLOUR, linewidth=1)
        axes.set_yticks(
            range(rates.height),
            [f"{name_measure(rate['measure'])}: {rate['attribute']}, {rate['group']}" for rate in rates.to_dicts()],
        )
        axes.set_xscale("log")
        axes.set_xticks([0.05, 0.1, 0.25, 0.5, 1.0, 2.0], ["0.05", "0.1", "0.25", "0.5", "1", "2"])
        axes.minorticks_off()
        axes.set_xlim(0.9 * smallest_ratio, 2.5)
        axes.set_xlabel(f"impact ratio with its 95 % interval; dashed: the limit of {limits.impact_ratio:g}")

    return render_png(draw, height=0.28 * rates.height + 1.1)
