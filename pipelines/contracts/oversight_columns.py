"""Columns of the tables of oversight: audits by group, and pauses of recommendations.

Belongs here: name, type and meaning of each.
Does not belong here: the tables (`oversight_tables`), all other columns (`columns`).
"""

import polars as pl

from pipelines.contracts.table import Column

OVERSIGHT_COLUMNS = (
    Column("audited_date", pl.Date, "Day of the audit."),
    Column(
        "audit_section",
        pl.String,
        "What the row measures: a selection rate, a calibration, or how well a feature predicts the group.",
        allowed=("rate", "calibration", "feature"),
    ),
    Column("audit_measure", pl.String, "Name of the selection, of the calibration, or of the feature."),
    Column("audit_attribute", pl.String, "Attribute, or two of them; a number unless `audit.names_groups` is set."),
    Column("audit_group", pl.String, "Group of the attribute; a number unless `audit.names_groups` is set."),
    Column("audited_count", pl.Int64, "People of the group, rounded down to a multiple of five.", minimum=0),
    Column("audit_estimate", pl.Float64, "The rate, the reached per promised steps, or the AUC.", minimum=0),
    Column("audit_low", pl.Float64, "Lower end of its 95 % interval.", minimum=0),
    Column("audit_high", pl.Float64, "Upper end of its 95 % interval.", minimum=0),
    Column(
        "impact_ratio",
        pl.Float64,
        "The rate divided by the highest rate of all groups, or the calibration divided by that of all others.",
        minimum=0,
    ),
    Column("impact_low", pl.Float64, "Lower end of its 95 % interval.", minimum=0),
    Column("impact_high", pl.Float64, "Upper end of its 95 % interval.", minimum=0),
    Column(
        "audit_bound",
        pl.String,
        "Whether the rate is exact, or a bound that hides a small count.",
        allowed=("exact", "at_most", "at_least"),
    ),
    Column("pause_origin", pl.String, "How recommendations were paused.", allowed=("command", "configuration")),
    Column("paused_at", pl.Datetime("us", "UTC"), "When the pause began."),
    Column("resumed_at", pl.Datetime("us", "UTC"), "When it ended; null while recommendations are paused."),
    Column("pause_reason", pl.String, "Why, as the company says it; it names nobody."),
    Column("is_finding", pl.Boolean, "Whether the row is beyond the declared limit and chance does not explain it."),
)
