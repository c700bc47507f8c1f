"""The figures of an audit as text, for the page and the terminal.

Belongs here: headings, cells and sentences.
Does not belong here: the figures (`ml.fairness`), the page (`audit_report`).
"""

from collections.abc import Mapping
from typing import Any

import polars as pl

from ml.fairness.findings import AT_LEAST, AT_MOST
from ml.fairness.measures import CALIBRATION, FEATURE, RATE, TITLE_BY_MEASURE

TITLE_BY_SECTION = {
    RATE: "Who gets what: shares and impact ratios",
    CALIBRATION: "Promises: reached steps per promised step",
    FEATURE: "Features that tell groups apart",
}
INTRODUCTION_BY_SECTION = {
    RATE: (
        "Each share is counted among the people to whom it can apply. The impact ratio divides the share of a group by "
        "that of the group with the highest share: 1 is equal, 0.5 is half as often."
    ),
    CALIBRATION: (
        "Every recommendation carries a probability. If the probabilities are right, as many steps come true as they "
        "promise, and the ratio is 1. It is compared with the ratio of everybody else."
    ),
    FEATURE: (
        "The model sees features of people, none of which is an attribute of this file. A feature can stand for an "
        "attribute all the same. The AUC is the share of pairs, of a member of the group and somebody else, in which "
        "the member has the larger value: 0.50 says that the feature tells nothing, 1.00 or 0.00 that it tells all."
    ),
}
_GROUP_HEADINGS = ("what", "attribute", "group", "people")
_TEXT_HEADING_COUNT = 3
HEADINGS = {
    RATE: (*_GROUP_HEADINGS, "share", "95 % interval", "impact ratio", "95 % interval of it", "finding"),
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
HISTORY_HEADINGS = (
    "audited on",
    "recommendations as of",
    "comparisons",
    "findings: shares",
    "promises",
    "features",
    "lowest impact ratio",
)
_BOUND_WORDS = {AT_MOST: "at most ", AT_LEAST: "at least "}


def justify_headings(section: str) -> dict[str, str]:
    """The justification of each column of a section in the terminal, by heading.

    Args:
        section: One of `SECTIONS`.
    """
    return {
        heading: "left" if index < _TEXT_HEADING_COUNT else "right" for index, heading in enumerate(HEADINGS[section])
    }


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
        name_measure(measure_row["measure"]),
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


def name_measure(measure: str) -> str:
    """A measure as a table names it: what happens, or the feature.

    Args:
        measure: Name of a selection, of the calibration, or of a feature.
    """
    return TITLE_BY_MEASURE.get(measure, measure)


def describe_finding(measure_row: Mapping[str, Any], feature_meanings: Mapping[str, str]) -> str:
    """A finding as one sentence.

    Args:
        measure_row: A row as `protect_counts` returns it.
        feature_meanings: What each feature of the model is, by its name.
    """
    place, estimate, ratio = (
        f"{measure_row['attribute']}, {measure_row['group']}",
        measure_row["estimate"],
        measure_row["ratio"],
    )
    if measure_row["section"] == RATE:
        bound_word = _BOUND_WORDS.get(measure_row["bound"], "")
        sentence_end = "" if ratio is None else f"; {ratio:.2f} of the share of the group that has the highest"
        return f"{place}: {bound_word}{estimate:.0%} of the people {_IN_PLURAL[measure_row['measure']]}{sentence_end}."
    if measure_row["section"] == CALIBRATION:
        return f"{place}: {estimate:.2f} steps came true per promised step; {ratio:.2f} times that of all others."
    meaning = feature_meanings.get(measure_row["measure"])
    meaning_text = f" ({meaning})" if meaning else ""
    return (
        f"{place}: in {estimate:.0%} of pairs with somebody else, the member has the larger "
        f"{measure_row['measure']}{meaning_text}."
    )


_IN_PLURAL = {
    "recommended": "get a recommendation",
    "new_skill": "get something new",
    "next_stage": "get a higher stage",
    "likely_step": "get a likely step",
    "shown_as_example": "are shown as an example",
    "followed": "are followed",
}


def format_history(audit_summaries: pl.DataFrame) -> list[list[str]]:
    """Format earlier audits: one row each, with the columns of `HISTORY_HEADINGS`.

    Args:
        audit_summaries: Rows as `summarise_audits` returns them.
    """
    return [
        [
            str(summary["audited_date"]),
            str(summary["as_of"]),
            *(
                f"{summary[name]:,}"
                for name in ("compared", "rate_findings", "calibration_findings", "feature_findings")
            ),
            "–"
            if summary["lowest_ratio"] is None
            else f"{summary['lowest_ratio']:.2f} ({name_measure(summary['lowest_measure'])})",
        ]
        for summary in audit_summaries.to_dicts()
    ]


# What a company can do about a finding, by section.
REMEDIES = {
    RATE: (
        "Look first whether the work of the group is recorded as fully as that of others: a system that is not "
        "connected, or courses that are not entered, make people look less experienced. Connect the source.",
        "Look at what the lists are made of: `footsteps show PERSON` gives the reasons of each step.",
        "If examples come from one group, ask others whether they want to be named: only people who consent are shown.",
        "If the company wants other weights, change `policy.weights`, run, and audit again.",
        "Until it is understood, `footsteps pause` stops all recommendations within one run.",
    ),
    CALIBRATION: (
        "Probabilities are learnt from all people together, and those of the group are too high or too low. More "
        "history of the group, or a source that is missing, helps more than any setting.",
        "Compare with the page about the run, which has promised and reached steps by length of history.",
    ),
    FEATURE: (
        "Look whether what the feature counts is recorded alike for all groups.",
        "If shares or promises of the same group are findings too, treat the feature as a possible cause. Without one, "
        "the data differ and the lists do not.",
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
