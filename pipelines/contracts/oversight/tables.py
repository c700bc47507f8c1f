"""The tables of oversight: audits by group, and pauses of recommendations.

Belongs here: their contracts.
Does not belong here: their columns (`oversight_columns`).
"""

from pipelines.contracts.table import Table
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
