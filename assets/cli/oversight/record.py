"""The record of an audit: its figures in the lake, and what Dagster shows of them.

Belongs here: writing rows of groups; nothing about a person is passed to it.
Does not belong here: what may be shown (`ml.fairness.findings`), when an audit warns
(`assets.checks.audit_checks`).
"""

from datetime import datetime

import polars as pl
from dagster import AssetMaterialization, DagsterInstance

from assets.checks.audit_checks import evaluate_audit, to_check_evaluation
from assets.cli.oversight.audited_people import AuditedSnapshot
from assets.cli.terminal.dagster_home import prepare_dagster_home
from assets.reporting.audit_history import to_audit_rows
from assets.resources.locking import exclusive_lock
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.oversight_tables import AUDIT
from pipelines.storage.lake import Lake


def record_measures(
    settings: Settings, config: Config, audited_snapshot: AuditedSnapshot, measures: pl.DataFrame, now: datetime
) -> None:
    """Add the figures to the history of audits; an audit of the same day is replaced.

    Args:
        settings: The settings of the command.
        config: The configuration.
        audited_snapshot: What was audited.
        measures: The figures, as `protect_counts` returns them, with the names that may be stored.
        now: The current time (UTC).
    """
    audit_rows = to_audit_rows(measures, now.date(), audited_snapshot.as_of, audited_snapshot.model_version)
    prepare_dagster_home(settings, config.dagster.profile)
    lake = Lake(settings.lake_path)
    with exclusive_lock(settings.lock_path):
        earlier_rows = lake.scan(AUDIT).filter(pl.col("audited_date") != now.date()).collect()
        lake.write(AUDIT, pl.concat([earlier_rows, audit_rows]))
    check_result = evaluate_audit(lake, config, now.date())
    with DagsterInstance.get() as instance:
        instance.report_runless_asset_event(
            AssetMaterialization(AUDIT.name, metadata={"dagster/row_count": audit_rows.height})
        )
        instance.report_runless_asset_event(to_check_evaluation(check_result))
