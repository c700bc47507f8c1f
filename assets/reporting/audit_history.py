"""The history of audits: figures as rows of its table, and back; one line per audit.

Belongs here: which column of the table holds which figure, and what is told of earlier audits.
Does not belong here: the figures (`ml.fairness`), writing them (`assets.cli.oversight.record`).
"""

from datetime import date

import polars as pl

from ml.fairness.measures import CALIBRATION, FEATURE, RATE
from pipelines.contracts.oversight_tables import AUDIT
from pipelines.storage.lake import Lake

_COLUMN_BY_MEASURE = {
    "section": "audit_section",
    "measure": "audit_measure",
    "attribute": "audit_attribute",
    "group": "audit_group",
    "people_count": "audited_count",
    "estimate": "audit_estimate",
    "low": "audit_low",
    "high": "audit_high",
    "ratio": "impact_ratio",
    "ratio_low": "impact_low",
    "ratio_high": "impact_high",
    "bound": "audit_bound",
    "is_finding": "is_finding",
}


def to_audit_rows(measures: pl.DataFrame, audited_date: date, as_of: date, model_version: str | None) -> pl.DataFrame:
    """The figures of an audit as rows of the history.

    Args:
        measures: The figures, as `protect_counts` returns them, with the names that may be stored.
        audited_date: The day of the audit.
        as_of: The last day that the audited snapshot has seen.
        model_version: The model in use; None without one.

    Returns:
        One row per figure, in the contract `AUDIT`.
    """
    return (
        measures.rename(_COLUMN_BY_MEASURE)
        .with_columns(
            audited_date=pl.lit(audited_date), as_of=pl.lit(as_of), model_version=pl.lit(model_version, pl.String)
        )
        .select(AUDIT.column_names)
    )


def read_audits(lake: Lake) -> pl.DataFrame:
    """Read the history of audits.

    Args:
        lake: Holds the history.

    Returns:
        One row per figure: the columns of `protect_counts`, audited_date, as_of and model_version.
    """
    return lake.scan(AUDIT).rename({column: name for name, column in _COLUMN_BY_MEASURE.items()}).collect()


def summarise_audits(audits: pl.DataFrame) -> pl.DataFrame:
    """Say of each audit how much was compared and found.

    Names of groups, or the numbers in their place, may mean something else in another audit; they are not compared.

    Args:
        audits: As `read_audits` returns them.

    Returns:
        One row per audit, the newest first: audited_date, as_of, compared (rows of groups), rate_findings,
        calibration_findings, feature_findings, lowest_ratio (the lowest impact ratio of a rate) and its lowest_measure.
    """
    is_rate = pl.col("section") == RATE
    lowest_ratio = pl.col("ratio").filter(is_rate)
    return (
        audits.group_by("audited_date", "as_of")
        .agg(
            compared=pl.len(),
            rate_findings=pl.col("is_finding").filter(is_rate).sum(),
            calibration_findings=pl.col("is_finding").filter(pl.col("section") == CALIBRATION).sum(),
            feature_findings=pl.col("is_finding").filter(pl.col("section") == FEATURE).sum(),
            lowest_ratio=lowest_ratio.min(),
            lowest_measure=pl.col("measure").filter(is_rate).sort_by(lowest_ratio, nulls_last=True).first(),
        )
        .sort("audited_date", descending=True)
    )
