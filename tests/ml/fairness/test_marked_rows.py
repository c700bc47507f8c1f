"""Which rows are findings, worked out by hand: limits, and the correction for many comparisons."""

import polars as pl

from ml.fairness.findings import AuditLimits, mark_findings, protect_counts
from ml.fairness.measures import MEASURE_SCHEMA

# A third of it, 0.02, is the share of each section.
LIMITS = AuditLimits(false_alarm_share=0.06)


def make_rows(section: str, figures: list[tuple[float, float | None, float]]) -> pl.DataFrame:
    """One row per estimate, ratio and p-value."""
    rows = [
        {
            "section": section,
            "measure": "m",
            "attribute": "a",
            "group": str(number),
            "people_count": 47,
            "case_count": 20,
        }
        | {"estimate": estimate, "ratio": ratio, "p_value": p_value}
        for number, (estimate, ratio, p_value) in enumerate(figures)
    ]
    return pl.DataFrame(rows, schema=MEASURE_SCHEMA)


def find(section: str, figures: list[tuple[float, float | None, float]]) -> list[bool]:
    return mark_findings(make_rows(section, figures), LIMITS)["is_finding"].to_list()


def test_of_many_comparisons_each_needs_a_smaller_p_value() -> None:
    # Benjamini and Hochberg: of four, the smallest needs 0.02 / 4, the second 0.02 / 2
    assert find("rate", [(0.3, 0.5, 0.004), (0.3, 0.5, 0.9), (0.3, 0.5, 0.9), (0.6, 1.0, 0.9)]) == [True] + [False] * 3
    assert find("rate", [(0.3, 0.5, 0.006), (0.3, 0.5, 0.9), (0.3, 0.5, 0.9), (0.6, 1.0, 0.9)]) == [False] * 4
    assert find("rate", [(0.3, 0.5, 0.006), (0.3, 0.5, 0.009), (0.3, 0.5, 0.9), (0.6, 1.0, 0.9)])[:2] == [True, True]
    assert find("rate", [(0.3, 0.5, 0.019)]) == [True]
    assert find("rate", [(0.3, 0.5, 0.021)]) == [False]


def test_sections_are_corrected_apart() -> None:
    rows = [make_rows("rate", [(0.3, 0.5, 0.015)]), make_rows("feature", [(0.5, None, 0.9)] * 99)]
    assert mark_findings(pl.concat(rows), LIMITS)["is_finding"].to_list() == [True] + [False] * 99


def test_promises_and_features_are_findings_on_both_sides() -> None:
    assert find("calibration", [(0.9, ratio, 0.001) for ratio in (0.79, 0.81, 1.24, 1.26)]) == [
        True,
        False,
        False,
        True,
    ]
    assert find("feature", [(auc, None, 0.001) for auc in (0.39, 0.41, 0.59, 0.61)]) == [True, False, False, True]


def test_figures_have_two_decimals_and_numbers_of_people_are_multiples_of_five() -> None:
    shown = protect_counts(mark_findings(make_rows("rate", [(20 / 47, 0.98765, 0.5)]), LIMITS), LIMITS)
    assert shown.select("people_count", "estimate", "ratio", "bound").rows() == [(45, 0.43, 0.99, "exact")]
    assert "case_count" not in shown.columns
