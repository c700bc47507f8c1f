"""One asset check per rule of a table, and one for its required columns: the verdict of Great Expectations on its rows.

Belongs here: the checks of a table, and how a result is shown.
Does not belong here: the rules (`pipelines.contracts`), counting and validation (`pipelines.validation`).
"""

from collections.abc import Iterator
from pathlib import Path

from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetDep,
    MetadataValue,
    multi_asset_check,
)

from assets.reporting.data_docs import build_page_path, read_validation_result, update_data_docs
from assets.resources.memory import pause_garbage_collection
from assets.resources.pipeline import PipelineResource
from assets.resources.raw_inputs import raw_tables
from pipelines.config.company import Config
from pipelines.contracts.canonical_schemas import quarantine_table
from pipelines.contracts.catalog import DELIVERY, FILE_TABLES
from pipelines.contracts.rule_counts import RuleCounts, fingerprint_contract
from pipelines.contracts.table import Layer, Rule, Severity, Table
from pipelines.validation.validation_result import RuleResult, ValidationResult

READABLE_CHECK = "rows_are_readable"
_COMPUTED_ROWS_REMEDY = (
    "the run itself computed these rows, so keep the quarantine and report the rule as a fault of the program"
)
# What to do about rows that break a rule.
_REMEDY_BY_LAYER: dict[Layer, str] = {
    "raw": "correct the export, or its mapping in footsteps.yaml, and run again",
    "core": "correct the export, or its source in footsteps.yaml (`mapping`, `serves`), and run again",
}


def ledger_checks(config: Config) -> AssetChecksDefinition:
    """The checks of the ledger of deliveries, to which every landing op adds rows: an op of their own, after these."""
    raw_table_names = list(raw_tables(config.sources))
    check_specs = [
        check_spec._replace(additional_deps=[AssetDep(raw_table_name) for raw_table_name in raw_table_names])
        for check_spec in contract_check_specs(DELIVERY)
    ]

    @multi_asset_check(name=f"check_{DELIVERY.name}", specs=check_specs)
    def check_ledger(pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
        yield from evaluate_contract_checks(DELIVERY, pipeline.lake.rule_counts(DELIVERY), pipeline.settings.docs_path)

    return check_ledger


def contract_check_specs(table: Table) -> list[AssetCheckSpec]:
    """The checks of a table: one per rule, one for all required columns, and for the rows of exports that they could be
    read; none of a quarantine.

    The op that writes the table evaluates them; a rule that is an error stops what is downstream of the op.
    """
    if table.layer == "quarantine":
        return []
    check_specs = build_check_specs(table, table.name)
    if _holds_exports(table):
        readable_description = "Every row has its columns, and every text became a value of its column's type."
        check_specs.append(AssetCheckSpec(READABLE_CHECK, asset=table.name, description=readable_description))
    return check_specs


def evaluate_contract_checks(
    table: Table, rule_counts: RuleCounts, docs_path: Path, *, is_unchanged: bool = False
) -> Iterator[AssetCheckResult]:
    """The results of the checks of `contract_check_specs`.

    A check fails if a row broke its rule, even if the row was set aside. A failed check is an ERROR if its rule has
    that severity and one of two things holds: rows in the table break the rule, or more rows of the table or of one
    source were set aside than the table's limit allows. Every other failed check is a WARN. The Data Docs are written
    again only if the counts changed.

    Args:
        table: The contract.
        rule_counts: Counts of the rows that arrived in the table, per rule.
        docs_path: The folder of the Data Docs.
        is_unchanged: Whether the table stayed as it is in this run.
    """
    validation_result = read_validation_result(docs_path, table.name)
    if validation_result is None or (validation_result.contract, validation_result.counts) != (
        fingerprint_contract(table),
        rule_counts,
    ):
        with pause_garbage_collection():  # the import takes seconds: only if counts changed
            from pipelines.validation.expectations import validate_counts

        validation_result = validate_counts(table, rule_counts)
        update_data_docs(validation_result, docs_path)
    page_path = MetadataValue.path(str(build_page_path(docs_path, table.name)))
    for check_name, rule_results in group_by_check(table, validation_result).items():
        yield AssetCheckResult(
            asset_key=table.name,
            check_name=check_name,
            passed=all(rule_result.passed for rule_result in rule_results),
            severity=choose_severity(any(rule_result.is_blocking for rule_result in rule_results)),
            description=describe_results(table, validation_result, rule_results)
            + ("; counted when these rows were last computed" if is_unchanged else ""),
            metadata={
                "rule": ", ".join(rule_result.name for rule_result in rule_results),
                "rows": rule_counts.row_count,
                "evaluated": max(rule_result.evaluated_count for rule_result in rule_results),
                "unexpected": sum(rule_result.unexpected_count for rule_result in rule_results),
                "unexpected_share": max(rule_result.unexpected_share for rule_result in rule_results),
                "quarantined": rule_counts.set_aside_count,
                "quarantined_share": rule_counts.quarantined_share,
                "max_quarantined_share": table.quarantine_limit,
                "data_docs": page_path,
                **({"unchanged": True} if is_unchanged else {}),
            },
        )
    if _holds_exports(table):
        yield _check_readable(table, rule_counts)


def group_by_check(table: Table, validation_result: ValidationResult) -> dict[str, list[RuleResult]]:
    """The results of the rules by the name of the check that shows them."""
    results_by_check: dict[str, list[RuleResult]] = {}
    for rule, rule_result in zip(table.rules, validation_result.results, strict=True):
        results_by_check.setdefault(rule.check_name, []).append(rule_result)
    return results_by_check


def describe_results(table: Table, validation_result: ValidationResult, rule_results: list[RuleResult]) -> str:
    """The results of the rules of a check: those that failed, each in one sentence."""
    failed_results = [rule_result for rule_result in rule_results if not rule_result.passed]
    return "; ".join(
        describe_result(table, validation_result, rule_result) for rule_result in failed_results or rule_results[:1]
    )


def describe_result(table: Table, validation_result: ValidationResult, rule_result: RuleResult) -> str:
    """The result of a rule in one sentence: its name, the rows, the limit if rows were set aside, and what to do."""
    if rule_result.error is not None:
        return f"{rule_result.name} could not be evaluated: {rule_result.error}"
    if rule_result.passed:
        return "every row passes"
    violation_sentence = (
        f"{rule_result.name}: {rule_result.unexpected_count:,} of {rule_result.evaluated_count:,} rows break it"
    )
    rule_counts, remedy_text = validation_result.counts, _REMEDY_BY_LAYER.get(table.layer, _COMPUTED_ROWS_REMEDY)
    if validation_result.excess is not None:
        quarantine_name = quarantine_table(table.name).name
        return f"{violation_sentence}, and {validation_result.excess}: look at {quarantine_name}, {remedy_text}"
    if rule_counts.rules[rule_result.name].stored:
        return f"{violation_sentence} and are in the table: {remedy_text}"
    quarantined_share, quarantine_limit = rule_counts.quarantined_share, table.quarantine_limit
    return (
        f"{violation_sentence}; {rule_counts.set_aside_count:,} rows ({quarantined_share:.1%}, at most "
        f"{quarantine_limit:.0%}) are set aside in {quarantine_table(table.name).name}: {remedy_text}"
    )


def build_check_specs(table: Table, asset_name: str, name_prefix: str = "") -> list[AssetCheckSpec]:
    """One check per rule of a table, and one for its required columns; an error blocks what is downstream.

    Args:
        table: Contract with the rules.
        asset_name: Key of the asset on which the checks are shown.
        name_prefix: Begins the name of each check.
    """
    rules_by_check: dict[str, list[Rule]] = {}
    for rule in table.rules:
        rules_by_check.setdefault(rule.check_name, []).append(rule)
    return [
        AssetCheckSpec(
            f"{name_prefix}{check_name}",
            asset=asset_name,
            blocking=any(rule.severity is Severity.ERROR for rule in rules),
            description=" ".join(describe_rule(rule) for rule in rules),
        )
        for check_name, rules in rules_by_check.items()
    ]


def choose_severity(is_blocking: bool) -> AssetCheckSeverity:
    """ERROR for a result that blocks what is downstream, else WARN."""
    return AssetCheckSeverity.ERROR if is_blocking else AssetCheckSeverity.WARN


def describe_rule(rule: Rule) -> str:
    """What a rule requires, in one sentence."""
    column_names_text = " + ".join(rule.columns)
    unique_subject = "Each value" if len(rule.columns) == 1 else "Each combination"
    lower_limit_text = "" if rule.minimum is None else f" from {rule.minimum:g}"
    upper_limit_text = "" if rule.maximum is None else f" to {rule.maximum:g}"
    sentence_by_kind = {
        "not_null": f"{column_names_text} is given in every row.",
        "unique": f"{unique_subject} of {column_names_text} occurs at most once.",
        "in_set": f"{column_names_text} is one of: {', '.join(rule.allowed)}.",
        "between": f"{column_names_text} lies{lower_limit_text}{upper_limit_text}.",
        "matches": f"{column_names_text} has the form {rule.pattern}.",
        "references": f"{column_names_text} occurs in {rule.reference and rule.reference.table}.",
        "row": f"{rule.row_rule and (rule.row_rule.description or rule.row_rule.name)}.",
    }
    return sentence_by_kind[rule.kind]


def _holds_exports(table: Table) -> bool:
    """Whether the rows come from exports, whose texts may be no values."""
    return table.layer == "raw" and table not in FILE_TABLES


def _check_readable(table: Table, rule_counts: RuleCounts) -> AssetCheckResult:
    """Whether rows were set aside, or lost a value, for reasons that are no rule of the contract."""
    row_count_by_reason = rule_counts.other_reasons
    reasons_text = ", ".join(
        f"{rejection_reason.split('|')[0]} in {row_count:,} rows"
        for rejection_reason, row_count in row_count_by_reason.items()
    )
    reason_lines = [
        f"| `{rejection_reason.replace('|', '¦')}` | {row_count:,} |"
        for rejection_reason, row_count in row_count_by_reason.items()
    ]
    return AssetCheckResult(
        asset_key=table.name,
        check_name=READABLE_CHECK,
        passed=not row_count_by_reason,
        severity=AssetCheckSeverity.WARN,
        description=f"unreadable: {reasons_text}: {_REMEDY_BY_LAYER['raw']}"
        if row_count_by_reason
        else "every text became a value",
        metadata={
            "quarantined": sum(row_count_by_reason.values()),
            "rules": MetadataValue.md("\n".join(["| rule | rows set aside |", "|---|---:|", *reason_lines])),
        },
    )
