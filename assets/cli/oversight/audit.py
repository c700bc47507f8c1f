"""`footsteps audit`: compares recommendations, promises and examples between groups of people.

Belongs here: what may be stored, the record of the figures, and printing them.
Does not belong here: the measures (`ml.fairness`), the page (`assets.reporting.audit_report`).
"""

import importlib.util
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from assets.cli.oversight.attributes import read_attributes
from assets.cli.terminal.console import CommandFailed, print_json, print_table, resolve_settings, stdout_console
from assets.cli.terminal.inputs import load_config
from pipelines.config.company import Config
from pipelines.storage.lake import Lake

if TYPE_CHECKING:
    from assets.reporting.audit_report import AuditDocument
    from ml.fairness.findings import AuditLimits

# Features that are printed: those that reveal most.
_SHOWN_FEATURES = 10
_NEEDS_FAIRLEARN = "the audit needs fairlearn: install it with `pip install 'footsteps[audit]'`"


@dataclass(frozen=True)
class AuditRequest:
    """The options of the command.

    Attributes:
        attributes_path: The file of attributes.
        person_column: Its column with the person_id.
        attribute_columns: The columns to audit; all if there are none.
        report_folder: Folder of the page, or None.
        as_json: Whether to print JSON.
    """

    attributes_path: Path
    person_column: str
    attribute_columns: tuple[str, ...]
    report_folder: Path | None
    as_json: bool


def run_audit(audit_request: AuditRequest, data_root: Path | None, config_file: Path | None, now: datetime) -> None:
    """Audit the current snapshot, record the figures of groups, and print them.

    Args:
        audit_request: The options of the command.
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        now: The current time (UTC).

    Raises:
        CommandFailed: fairlearn is missing, the attributes or the report lie under the data root or cannot be used, or
            there is nothing to audit.
    """
    if importlib.util.find_spec("fairlearn") is None:
        raise CommandFailed(_NEEDS_FAIRLEARN)
    settings = resolve_settings(data_root, config_file)
    config = load_config(settings)
    _refuse_paths_below_root(audit_request, settings.root)
    attributes = read_attributes(
        audit_request.attributes_path, audit_request.person_column, audit_request.attribute_columns
    )
    # imported here because they take seconds, and need fairlearn
    from assets.cli.oversight.audited_people import read_audited_people
    from assets.cli.oversight.left_out import describe_left_out
    from assets.cli.oversight.record import record_measures
    from assets.reporting.audit_history import read_audits
    from assets.reporting.audit_report import AuditDocument, write_audit_report
    from ml.fairness.audit import audit_groups
    from ml.fairness.groups import list_shown_names, name_groups, number_attributes

    audited_snapshot = read_audited_people(settings, config)
    limits = _read_limits(config)
    numbered_attributes, name_by_number = number_attributes(attributes.rows)
    audit = audit_groups(numbered_attributes, audited_snapshot.people, limits)
    named_measures = name_groups(audit.measures, name_by_number)
    is_named = config.audit.names_groups
    record_measures(settings, config, audited_snapshot, named_measures if is_named else audit.measures, now)
    audit_document = AuditDocument(
        company=config.company,
        as_of=audited_snapshot.as_of,
        promised_at=audited_snapshot.promised_at,
        examples_since=audited_snapshot.examples_since,
        horizon_days=config.policy.horizon_days,
        limits=limits,
        measures=named_measures,
        left_out=describe_left_out(
            attributes, audited_snapshot.people.outcomes, audit.groupings, name_by_number, limits
        ),
        name_by_stored_number={} if is_named else list_shown_names(audit.measures, name_by_number),
        feature_meanings=audited_snapshot.feature_meanings,
        audits=read_audits(Lake(settings.lake_path)),
    )
    report_folder = audit_request.report_folder
    page_path = write_audit_report(audit_document, report_folder) if report_folder is not None else None
    if audit_request.as_json:
        print_json(_to_json(audit_document))
        return
    _print_measures(audit_document)
    if page_path is not None:
        stdout_console.print(f"Report: {page_path}", soft_wrap=True)


def _read_limits(config: Config) -> "AuditLimits":
    from ml.fairness.findings import AuditLimits

    declared = config.audit
    return AuditLimits(
        declared.minimum_people,
        config.policy.team_people,
        declared.impact_ratio,
        declared.feature_auc,
        declared.false_alarm_share,
    )


def _refuse_paths_below_root(audit_request: AuditRequest, root: Path) -> None:
    for path, what in ((audit_request.attributes_path, "the attributes"), (audit_request.report_folder, "the report")):
        if path is not None and path.expanduser().resolve().is_relative_to(root):
            raise CommandFailed(f"{what} would be stored under the data root: put {path.name} elsewhere")


def _to_json(audit_document: "AuditDocument") -> dict[str, Any]:
    """The stable JSON of an audit."""
    return {
        "as_of": audit_document.as_of.isoformat(),
        "promised_at": audit_document.promised_at,
        "examples_since": audit_document.examples_since,
        "limits": asdict(audit_document.limits),
        "left_out": audit_document.left_out,
        "stored_names": audit_document.name_by_stored_number,
        "findings": audit_document.measures.filter("is_finding").to_dicts(),
        "measures": audit_document.measures.to_dicts(),
    }


def _print_measures(audit_document: "AuditDocument") -> None:
    # imported here because it needs fairlearn's package to be there
    from assets.reporting.audit_texts import TITLE_BY_SECTION, describe_finding, format_measures, justify_headings
    from ml.fairness.measures import FEATURE, SECTIONS

    stdout_console.print(f"Audit as of {audit_document.as_of}", soft_wrap=True)
    findings = audit_document.measures.filter("is_finding").to_dicts()
    for finding in findings:
        finding_text = describe_finding(finding, audit_document.feature_meanings)
        stdout_console.print(f"• {finding_text}", soft_wrap=True, markup=False)
    if not findings:
        stdout_console.print("No group is beyond the declared limits by more than chance explains.", soft_wrap=True)
    for section in SECTIONS:
        section_rows = audit_document.measures.filter(section=section)
        if section == FEATURE:  # hundreds of rows: the page and --json have all
            section_rows = section_rows.sort((pl.col("estimate") - 0.5).abs(), descending=True).head(_SHOWN_FEATURES)
        if section_rows.height:
            print_table(
                TITLE_BY_SECTION[section],
                justify_headings(section),
                format_measures(section_rows),
            )
    for sentence in audit_document.left_out:
        stdout_console.print(sentence, soft_wrap=True, markup=False)
    if audit_document.name_by_stored_number:
        stored_names = "; ".join(f"{number}: {name}" for number, name in audit_document.name_by_stored_number.items())
        stdout_console.print(
            f"The history has numbers instead of names. Write down what they stand for: {stored_names}",
            soft_wrap=True,
            markup=False,
        )
