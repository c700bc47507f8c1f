"""The check of the last audit: it warns of findings, and if the next audit is due.

Belongs here: the asset of the history of audits, and when its check warns.
Does not belong here: what a finding is (`ml.fairness.findings`), the audit (`assets.cli.oversight`).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import polars as pl
from dagster import (
    AssetCheckEvaluation,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetKey,
    AssetSpec,
    multi_asset_check,
)

from assets.checks.contract_checks import contract_check_specs, evaluate_contract_checks
from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import Config
from pipelines.contracts.oversight_tables import AUDIT
from pipelines.storage.lake import Lake

WITHIN_LIMITS = "groups_are_within_limits"


def audit_asset() -> AssetSpec:
    """The history of audits, which `footsteps audit` writes and no run changes."""
    return build_asset_spec(AUDIT)


def audit_checks(config: Config) -> AssetChecksDefinition:
    """The check of the last audit, and the checks of its table's contract.

    Args:
        config: The declared limits.
    """
    check_spec = AssetCheckSpec(
        WITHIN_LIMITS,
        asset=AUDIT.name,
        description=(
            f"No group is below {config.audit.impact_ratio:.0%} of the highest rate, and no feature predicts a group "
            f"with {config.audit.feature_auc:g}, unless chance explains it; and no audit is due."
        ),
    )

    @multi_asset_check(name="check_audit", specs=[check_spec, *contract_check_specs(AUDIT)])
    def check_audit(pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
        yield evaluate_audit(pipeline.lake, config, datetime.now(UTC).date())
        yield from evaluate_contract_checks(AUDIT, pipeline.lake.rule_counts(AUDIT), pipeline.settings.docs_path)

    return check_audit


def evaluate_audit(lake: Lake, config: Config, today: date) -> AssetCheckResult:
    """Whether the last audit found something, or the next one is due.

    Args:
        lake: Holds the history of audits.
        config: The declared limits.
        today: The day of the check.
    """
    last_date = lake.scan(AUDIT).select(pl.col("audited_date").max()).collect().item()
    findings = lake.scan(AUDIT).filter(pl.col("audited_date") == last_date, "is_finding").collect()
    every_days = config.audit.every_days
    problems = []
    if findings.height:
        measure_names = ", ".join(findings["audit_measure"].unique().sort())
        problems.append(f"the audit of {last_date} has {findings.height:,} findings: {measure_names}")
    if every_days is not None and (last_date is None or (today - last_date).days > every_days):
        problems.append("an audit is due: run `footsteps audit`")
    description = "; ".join(problems) or ("no audit yet" if last_date is None else f"nothing found on {last_date}")
    return AssetCheckResult(
        asset_key=AUDIT.name,
        check_name=WITHIN_LIMITS,
        passed=not problems,
        severity=AssetCheckSeverity.WARN,
        description=description,
        metadata={"findings": findings.height},
    )


def to_check_evaluation(check_result: AssetCheckResult) -> AssetCheckEvaluation:
    """The result of a check as an event that is recorded outside of a run."""
    assert check_result.check_name is not None
    return AssetCheckEvaluation(
        asset_key=AssetKey(AUDIT.name),
        check_name=check_result.check_name,
        passed=check_result.passed,
        severity=check_result.severity,
        description=check_result.description,
        metadata=check_result.metadata or {},
    )
