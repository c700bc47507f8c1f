"""The register of issued badges: the one table that a command writes and no run computes.

Belongs here: the contract of the register, and the levels of evidence on a badge.
Does not belong here: tables that a run computes (`catalog`), issuing a badge (`assets.badges`).

Columns that are declared here alone have no entry in `classification`: they are personal, as every column that nobody
declared. Access, erasure and retention follow from that.
"""

import polars as pl

from pipelines.contracts.columns import TIMESTAMP, select_columns
from pipelines.contracts.table import Column, Table

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
