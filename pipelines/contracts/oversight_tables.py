"""The tables of oversight: audits by group, pauses of recommendations, and the register of issued badges.

Belongs here: their contracts, and the levels of evidence on a badge.
Does not belong here: their columns (`oversight_columns`), issuing a badge (`assets.badges`).

A command writes the register, and no run computes it. Columns that are declared here alone have no entry in
`classification`: they are personal, as every column that nobody declared. Access, erasure and retention follow.
"""

import polars as pl

from pipelines.contracts.columns import TIMESTAMP, select_columns
from pipelines.contracts.table import Column, Table
from pipelines.contracts.table_declaration import declare_table

# Aggregates of groups alone: no row is about a person.
AUDIT = declare_table(
    "model_audit__event_measure",
    "One row per audit, measure, attribute and group of sufficient size: estimate, interval, comparison and finding.",
    """
    audited_date audit_section audit_measure audit_attribute audit_group audited_count audit_estimate audit_low
    audit_high impact_ratio impact_low impact_high audit_bound is_finding as_of model_version
    """,
    key="audited_date audit_section audit_measure audit_attribute audit_group",
    required="audited_count audit_estimate audit_bound is_finding as_of",
    retention_days=1095,
    retention_column="audited_date",
    readers=("works council", "data-protection officer"),
)

# Who paused is not stored.
PAUSE = declare_table(
    "core_policy__event_pause",
    "One row per pause, during which nobody gets a recommendation: since when, until when, and why.",
    "pause_origin paused_at resumed_at pause_reason",
    key="pause_origin paused_at",
    required="pause_reason",
    readers=("out", "works council", "data-protection officer"),
)

OVERSIGHT_TABLES: tuple[Table, ...] = (AUDIT, PAUSE)


# What a badge says of its evidence, the least first: nothing, the kinds of evidence, or the kinds with their counts.
EVIDENCE_LEVELS = ("none", "kinds", "counts")

ISSUED_BADGE = Table(
    "core_badge__event_issued",
    "One row each time a badge was issued to a person who asked for it.",
    (
        Column("badge_id", pl.String, "The id of the credential, a URN."),
        *select_columns("person_id", "skill_id", "stage"),
        Column("evidence_level", pl.String, "What the badge says of its evidence.", allowed=EVIDENCE_LEVELS),
        Column("status_index", pl.Int64, "Place of the badge in the status list.", minimum=0),
        Column("issued_at", TIMESTAMP, "When the badge was issued."),
        Column("ends_at", TIMESTAMP, "When the badge ends."),
        Column("revoked_at", TIMESTAMP, "When the badge was revoked; null if it was not."),
    ),
    key=("badge_id",),
    required=("person_id", "skill_id", "stage", "evidence_level", "status_index", "issued_at", "ends_at"),
    max_quarantined_share=0.0,
    retention_days=1095,
    retention_column="issued_at",
    readers=("issuer of badges",),
)
