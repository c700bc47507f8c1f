"""The figures of an audit as text, for the page and the terminal.

Belongs here: headings, cells and sentences.
Does not belong here: the figures (`ml.fairness`), the page (`audit_report`).
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from ml.fairness.findings import AT_LEAST, AT_MOST
from ml.fairness.measures import CALIBRATION, FEATURE, RATE

TITLE_BY_SECTION = {
    RATE: "Selection rates and impact ratios",
    CALIBRATION: "Calibration: reached per promised steps",
    FEATURE: "Features that tell groups apart",
}
_GROUP_HEADINGS = ("measure", "attribute", "group", "people")
HEADINGS = {
    RATE: (*_GROUP_HEADINGS, "rate", "95 % interval", "impact ratio", "95 % interval of it", "finding"),
    CALIBRATION: (
        *_GROUP_HEADINGS,
        "reached / promised",
        "95 % interval",
        "against all others",
        "95 % interval of it",
        "finding",
    ),
    FEATURE: (*_GROUP_HEADINGS, "AUC", "95 % interval", "finding"),
}
_BOUND_WORDS = {AT_MOST: "at most ", AT_LEAST: "at least "}


def format_measures(measures: pl.DataFrame) -> list[list[str]]:
    """Format measures of one section: one row each, with the columns of its `HEADINGS`.

    Args:
        measures: Rows as `protect_counts` returns them, of one section.
    """
    return [_format_measure(measure_row) for measure_row in measures.to_dicts()]


def _format_measure(measure_row: Mapping[str, Any]) -> list[str]:
    section = measure_row["section"]
    number_format = ".0%" if section == RATE else ".2f"
    bound_word = _BOUND_WORDS.get(measure_row["bound"], "")
    cells = [
        measure_row["measure"],
        measure_row["attribute"],
        measure_row["group"],
        f"about {measure_row['people_count']:,}",
        f"{bound_word}{measure_row['estimate']:{number_format}}",
        _format_interval(measure_row["low"], measure_row["high"], number_format),
    ]
    if section != FEATURE:
        ratio = measure_row["ratio"]
        cells.append("–" if ratio is None else f"{ratio:.2f}")
        cells.append(_format_interval(measure_row["ratio_low"], measure_row["ratio_high"], ".2f"))
    return [*cells, "yes" if measure_row["is_finding"] else "no"]


def _format_interval(low: float | None, high: float | None, number_format: str) -> str:
    return "–" if low is None or high is None else f"{low:{number_format}} to {high:{number_format}}"


def describe_finding(measure_row: Mapping[str, Any]) -> str:
    """A finding as one sentence.

    Args:
        measure_row: A row as `protect_counts` returns it.
    """
    place = f"{measure_row['attribute']}, {measure_row['group']}"
    if measure_row["section"] == RATE:
        ratio_text = "" if measure_row["ratio"] is None else f", {measure_row['ratio']:.2f} of the highest rate"
        bound_word = _BOUND_WORDS.get(measure_row["bound"], "")
        return f"{place}: {measure_row['measure']} applies to {bound_word}{measure_row['estimate']:.0%}{ratio_text}."
    if measure_row["section"] == CALIBRATION:
        ratio_text = f"{measure_row['ratio']:.2f} times that of all others"
        return f"{place}: {measure_row['estimate']:.2f} steps reached per promised one, {ratio_text}."
    return f"{place}: the feature {measure_row['measure']} tells the group apart (AUC {measure_row['estimate']:.2f})."


# What a company can do about a finding, by section.
REMEDIES = {
    RATE: (
        "Look at what the group's lists are made of: `footsteps show PERSON` gives the reasons of each step.",
        "If evidence of the group is missing (a system that is not connected), connect its source.",
        "If examples come from one group, ask others whether they want to be named: only people who consent are shown.",
        "If the company wants other weights, change `policy.weights`, and audit again.",
        "Until it is understood, `footsteps pause` stops recommendations within one run.",
    ),
    CALIBRATION: (
        "The promised probabilities of the group are too high or too low: they are learnt from all people together.",
        "Compare with the page about the run, which has promised and reached steps by length of history.",
    ),
    FEATURE: (
        "The feature carries something that goes with the attribute: it could stand for it. Look at whether the data "
        "behind it is recorded alike for all groups.",
        "A finding here without one among the rates says that the lists do not differ, although the data do.",
    ),
}


def describe_ratios(compared_rates: pl.DataFrame, impact_ratio: float) -> str:
    """Describe the picture of impact ratios in words.

    Args:
        compared_rates: Rates that have an interval of their impact ratio.
        impact_ratio: The declared limit.
    """
    low_count = compared_rates.filter(pl.col("ratio") < impact_ratio).height
    finding_count = compared_rates.filter("is_finding").height
    return (
        f"Impact ratios of {compared_rates.height} comparisons with their intervals: {low_count} are below "
        f"{impact_ratio:g}, {finding_count} of them by more than chance explains. The table has all figures."
    )
