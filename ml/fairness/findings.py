"""What of an audit is a finding, and what of it may be shown.

Belongs here: the limits, the correction for many comparisons, and the protection of small counts.
Does not belong here: the measures (`rates`, `calibration`, `predictability`).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.stats import false_discovery_control

from ml.fairness.intervals import compute_rate, compute_rate_ratio
from ml.fairness.measures import CALIBRATION, RATE, SECTIONS

EXACT, AT_MOST, AT_LEAST = "exact", "at_most", "at_least"
BOUNDS = (EXACT, AT_MOST, AT_LEAST)
# Numbers of people are rounded down to a multiple of this, so that no two of them differ by a few people.
PEOPLE_ROUNDING = 5
# Figures are given to this many decimals: an exact share gives away its counts, and the counts of two overlapping
# groups give away those of the few people by whom they differ.
_DECIMALS = 2


@dataclass(frozen=True)
class AuditLimits:
    """The declared limits of an audit.

    Attributes:
        minimum_people: The smallest group that is measured.
        smallest_count: Counts of people below this are not shown, nor that all but fewer than this are counted.
        impact_ratio: A rate below this share of the highest rate is a finding if chance does not explain it (0.8: the
            four-fifths rule); so is a calibration that differs by more than this factor.
        feature_auc: A feature that tells a group from everybody else with this probability is a finding.
        false_alarm_share: Accepted share of audits with a finding if no group differs from another.
    """

    minimum_people: int = 20
    smallest_count: int = 5
    impact_ratio: float = 0.8
    feature_auc: float = 0.6
    false_alarm_share: float = 0.02


def mark_findings(measures: pl.DataFrame, limits: AuditLimits) -> pl.DataFrame:
    """Add `is_finding`: beyond the limit, and not explained by chance.

    The smallest of many ratios is low by chance alone. The share of false findings is controlled over all comparisons
    of one section (Benjamini and Hochberg 1995), at an equal part of `false_alarm_share` for each section.

    Args:
        measures: Rows in `MEASURE_SCHEMA`.
        limits: The declared limits.
    """
    is_beyond_limit = (
        pl.when(section=RATE)
        .then(pl.col("ratio") < limits.impact_ratio)
        .when(section=CALIBRATION)
        .then(~pl.col("ratio").is_between(limits.impact_ratio, 1 / limits.impact_ratio))
        .otherwise((pl.col("estimate") - 0.5).abs() >= limits.feature_auc - 0.5)
        .fill_null(False)
    )
    marked_sections = []
    for section in SECTIONS:
        section_rows = measures.filter(section=section)
        p_values = section_rows["p_value"].to_numpy()
        adjusted = false_discovery_control(p_values) if len(p_values) else np.empty(0)
        is_no_chance = pl.Series("is_no_chance", adjusted <= limits.false_alarm_share / len(SECTIONS), dtype=pl.Boolean)
        marked_sections.append(
            section_rows.with_columns(is_no_chance)
            .with_columns((pl.col("is_no_chance") & is_beyond_limit).alias("is_finding"))
            .drop("is_no_chance")
        )
    return pl.concat(marked_sections)


def protect_counts(marked_measures: pl.DataFrame, limits: AuditLimits) -> pl.DataFrame:
    """Make measures fit to be shown: without counts, and without rates that reveal a small count.

    A rate of fewer than `smallest_count` people is shown as that of `smallest_count - 1` people, with the bound
    `at_most`; so is, as `at_least`, a rate that all but so few have. Its ratio follows. A calibration of so few reached
    steps is left out. Numbers of people are rounded down to a multiple of `PEOPLE_ROUNDING`, figures to two decimals.

    Args:
        marked_measures: Rows as `mark_findings` returns them.
        limits: The declared limits.

    Returns:
        The rows without case_count and p_value, with `bound`.
    """
    shown_rows = []
    largest_hidden = limits.smallest_count - 1
    for measure_row in marked_measures.to_dicts():
        if measure_row["section"] == CALIBRATION and measure_row["case_count"] < limits.smallest_count:
            continue
        measure_row["bound"] = EXACT
        if measure_row["section"] == RATE:
            case_count, people_count = measure_row["case_count"], measure_row["people_count"]
            if case_count <= largest_hidden:
                measure_row |= {"bound": AT_MOST, "shown_count": largest_hidden}
            elif people_count - case_count <= largest_hidden:
                measure_row |= {"bound": AT_LEAST, "shown_count": people_count - largest_hidden}
            else:
                measure_row["shown_count"] = case_count
        shown_rows.append(measure_row)
    for comparison in _list_comparisons(shown_rows):
        _show_ratios(comparison)
    for measure_row in shown_rows:
        measure_row["people_count"] -= measure_row["people_count"] % PEOPLE_ROUNDING
    schema = {name: dtype for name, dtype in marked_measures.schema.items() if name not in ("case_count", "p_value")}
    shown_measures = pl.DataFrame(
        [{name: row[name] for name in (*schema, "bound")} for row in shown_rows], schema={**schema, "bound": pl.String}
    )
    return shown_measures.with_columns(pl.col(pl.Float64).round(_DECIMALS))


def _list_comparisons(shown_rows: list[dict[str, object]]) -> list[list[dict[str, object]]]:
    """The rates that are compared with each other: those of one measure and attribute."""
    rows_by_comparison: dict[tuple[object, object], list[dict[str, object]]] = {}
    for measure_row in shown_rows:
        if measure_row["section"] == RATE:
            rows_by_comparison.setdefault((measure_row["measure"], measure_row["attribute"]), []).append(measure_row)
    return list(rows_by_comparison.values())


def _show_ratios(comparison: list[dict[str, object]]) -> None:
    """Replace the rates and ratios of a comparison by those of the counts that are shown."""
    if all(measure_row["bound"] == EXACT for measure_row in comparison):
        return
    counts = [(int(str(row["shown_count"])), int(str(row["people_count"]))) for row in comparison]
    reference_counts = max(counts, key=lambda count_pair: (count_pair[0] / count_pair[1], count_pair[1]))
    for measure_row, (shown_count, people_count) in zip(comparison, counts, strict=True):
        rate = compute_rate(shown_count, people_count)
        ratio = compute_rate_ratio(shown_count, people_count, *reference_counts)
        is_reference = (shown_count, people_count) == reference_counts
        measure_row |= {
            "estimate": rate.estimate,
            "low": 0.0 if measure_row["bound"] == AT_MOST else rate.low,
            "high": 1.0 if measure_row["bound"] == AT_LEAST else rate.high,
            "ratio": None if ratio is None else ratio.estimate,
            "ratio_low": None if ratio is None or is_reference else ratio.low,
            "ratio_high": None if ratio is None or is_reference else ratio.high,
        }
