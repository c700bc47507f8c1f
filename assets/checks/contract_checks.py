"""One asset check per rule of a table: the result of Great Expectations, with the number of rows observed.

Belongs here: which tables are checked, and how a result is shown.
Does not belong here: the rules (`pipelines.contracts`), their validation (`pipelines.validation`).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    multi_asset_check,
)

from assets.resources.fingerprints import fingerprint_table
from assets.resources.metadata import numeric_metadata, table_contract
from assets.resources.pipeline import PipelineResource
from assets.resources.raw_inputs import raw_tables
from assets.resources.run_context import RunContext
from pipelines.config.company import Config, SourceConfig
from pipelines.contracts.canonical_schemas import CanonicalSchemaName
from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.table import Rule, Severity, Table
from pipelines.core.conform import CORE_TABLE_BY_SHAPE
from pipelines.ingest.landing import scan_current_rows, scan_quarantine
from pipelines.storage.change_log import find_changed_people
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

# If more than half of a table's rows are set aside, the export itself changed: assets downstream must wait.
MAX_QUARANTINED_SHARE = 0.5
READABLE = "rows_are_readable"


def contract_checks(config: Config) -> list[AssetChecksDefinition]:
    """The checks of every raw table that footsteps.yaml feeds, and of the core and published tables.

    Mastery and candidates are checked as the published rows that are made of them.
    """
    raw = [_build_checks(table, sources, shape) for shape, table, sources in raw_tables(config.sources).values()]
    tables = (PERSON, *CORE_TABLE_BY_SHAPE.values(), SKILL, EVIDENCE, *PUBLISHED_TABLES)
    return [*raw, *(_build_checks(table) for table in tables)]


def build_check_specs(table: Table, asset: str, prefix: str = "") -> list[AssetCheckSpec]:
    """One check per rule of a table; a rule that is an error blocks what is downstream.

    Args:
        table: Contract with the rules.
        asset: Key of the asset on which the checks are shown.
        prefix: Begins the name of each check.
    """
    return [
        AssetCheckSpec(
            f"{prefix}{rule.check_name}",
            asset=asset,
            blocking=rule.severity is Severity.ERROR,
            description=describe_rule(rule),
        )
        for rule in table.rules
    ]


def severity_of(is_blocking: bool) -> AssetCheckSeverity:
    """ERROR for a result that blocks what is downstream, else WARN."""
    return AssetCheckSeverity.ERROR if is_blocking else AssetCheckSeverity.WARN


def describe_rule(rule: Rule) -> str:
    """What a rule requires, in one sentence."""
    columns = " + ".join(rule.columns)
    low = "" if rule.minimum is None else f" from {rule.minimum:g}"
    high = "" if rule.maximum is None else f" to {rule.maximum:g}"
    sentences = {
        "not_null": f"{columns} is given in every row.",
        "unique": f"{columns} occurs once.",
        "in_set": f"{columns} is one of: {', '.join(rule.allowed)}.",
        "between": f"{columns} lies{low}{high}.",
        "matches": f"{columns} has the form {rule.pattern}.",
        "references": f"{columns} occurs in {rule.reference and rule.reference.table}.",
        "row": f"{rule.row and (rule.row.description or rule.row.name)}.",
    }
    return sentences[rule.kind]


def _build_checks(
    table: Table, sources: Sequence[SourceConfig] = (), shape: CanonicalSchemaName | None = None
) -> AssetChecksDefinition:
    """The checks of one table; of a raw table also its sources and shape."""
    specs = build_check_specs(table, table.name)
    if shape is not None:
        description = "Every row has its columns, and every text became a value of its column's type."
        specs.append(AssetCheckSpec(READABLE, asset=table.name, description=description))

    @multi_asset_check(name=f"check_{table.name}", specs=specs)
    def check_rules(context: AssetCheckExecutionContext, pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
        yield from _check_table(context, pipeline, table, sources, shape)

    return check_rules


def _check_table(
    context: AssetCheckExecutionContext,
    pipeline: PipelineResource,
    table: Table,
    sources: Sequence[SourceConfig],
    shape: CanonicalSchemaName | None,
) -> Iterator[AssetCheckResult]:
    """Check the rules of a table, or repeat the last results if the table, its references and the rules are unchanged.

    An incremental run checks only the rows of the people that new files touch: the other rows were checked before, and
    uniqueness is enforced over the whole table when it is written.
    """
    root, name = pipeline.lake.root, f"check_{table.name}"
    read_names = (table.name, *sorted({reference.table for reference in table.references}))
    inputs = {key: fingerprint_table(pipeline.lake, pipeline.config, key) for key in read_names}
    inputs["code"] = fingerprint_code()
    previous = read_asset_state(root, name)
    is_incremental = RunContext(context.run.tags, pipeline.complete_runs).is_incremental
    if previous is not None and dict(previous.inputs) == inputs and (is_incremental or not previous.is_partial):
        yield from (_repeat_result(table, check, stored) for check, stored in previous.numeric_metadata.items())
        return
    people, frame = None, pipeline.lake.scan(table)
    quarantined: dict[str, int] = {}
    if shape is not None:
        frame = scan_current_rows(pipeline.lake, table, shape, sources)
        rejected = scan_quarantine(pipeline.lake, table, sources).select("failed_rules").collect()
        counts = rejected.explode("failed_rules").group_by("failed_rules").len().sort("failed_rules")
        quarantined = dict(counts.iter_rows())
    if is_incremental and previous is not None:
        people = find_changed_people(root, table, previous.inputs.get(table.name), inputs[table.name])
    if people is not None:
        frame = frame.filter(pl.col("person_id").is_in(sorted(people)))
    results = list(_check_rules(pipeline, table, frame, quarantined))
    if shape is not None:
        results.append(_check_readable(table, quarantined))
    yield from results
    numbers = {str(result.check_name): _store_result(result) for result in results}
    write_asset_state(root, AssetState(name, inputs, {}, numbers, people is not None))


def _store_result(result: AssetCheckResult) -> dict[str, float]:
    """A result as numbers, which the state of an asset can hold."""
    is_blocking = result.severity is AssetCheckSeverity.ERROR
    return {
        **numeric_metadata(result.metadata or {}),
        "passed": float(result.passed),
        "stops": float(is_blocking),
    }


def _repeat_result(table: Table, check: str, stored: Mapping[str, float]) -> AssetCheckResult:
    numbers: dict[str, Any] = {key: int(n) if float(n).is_integer() else n for key, n in stored.items()}
    passed, is_blocking = bool(numbers.pop("passed")), bool(numbers.pop("stops"))
    unexpected = 0 if passed else numbers.get("unexpected", 0)
    outcome = _describe_outcome(unexpected, numbers.get("evaluated", 0), numbers.get("quarantined", 0))
    rules = {rule.check_name: rule.name for rule in table.rules}
    return AssetCheckResult(
        asset_key=table.name,
        check_name=check,
        passed=passed,
        severity=severity_of(is_blocking),
        description=f"{outcome}; checked when these rows were last computed",
        metadata={**numbers, "rule": rules.get(check, check), "unchanged": True},
    )


def _describe_outcome(unexpected: int, evaluated: int, quarantined: int) -> str:
    if unexpected:
        return f"{unexpected:,} of {evaluated:,} rows break it"
    return f"{quarantined:,} rows set aside" if quarantined else "every row passes"


def _check_rules(
    pipeline: PipelineResource, table: Table, rows: pl.LazyFrame, quarantined: Mapping[str, int]
) -> Iterator[AssetCheckResult]:
    """One result per rule. It warns if rows were set aside for the rule, and blocks if stored rows break it or if most
    rows were set aside."""
    # these imports take seconds: only if a table is validated
    from pipelines.validation.data_docs import update_data_docs
    from pipelines.validation.expectations import validate

    frame = rows.select(_find_checked_columns(table)).collect()
    references = {
        f"{ref.table}.{ref.key}": pipeline.lake.scan(table_contract(ref.table)).select(ref.key).collect().to_series()
        for ref in table.references
    }
    validation = validate(table, frame, reference_values=references)
    docs_page = update_data_docs(validation, pipeline.settings.docs_path).with_name(f"{table.name}.html")
    for rule, result in zip(table.rules, validation.results, strict=True):
        rejected = quarantined.get(rule.name, 0)
        share = rejected / (rejected + frame.height) if rejected else 0.0
        is_export_changed = share > MAX_QUARANTINED_SHARE and rule.severity is Severity.ERROR
        unexpected = 0 if result.passed else result.unexpected_count
        yield AssetCheckResult(
            asset_key=table.name,
            check_name=rule.check_name,
            passed=result.passed and not rejected,
            severity=severity_of(result.is_blocking or is_export_changed),
            description=result.error or _describe_outcome(unexpected, result.evaluated_count, rejected),
            metadata={
                "rule": rule.name,
                "rows": frame.height,
                "evaluated": result.evaluated_count,
                "unexpected": result.unexpected_count,
                "unexpected_share": result.unexpected_share,
                "quarantined": rejected,
                "quarantined_share": share,
                "data_docs": MetadataValue.path(str(docs_page)),
            },
        )


def _find_checked_columns(table: Table) -> list[str]:
    """The columns that rules read; the first column if there are no rules, so that rows can be counted."""
    names = {name for rule in table.rules for name in rule.columns}
    names |= {name for rule in table.row_rules for name in rule.expression.meta.root_names()}
    return [name for name in table.column_names if name in names] or [table.column_names[0]]


def _check_readable(table: Table, quarantined: Mapping[str, int]) -> AssetCheckResult:
    """Whether rows were set aside for reasons that are no rule of the contract: they could not be read."""
    rules = {rule.name for rule in table.rules}
    unreadable = {reason: count for reason, count in quarantined.items() if reason not in rules}
    listed = ", ".join(f"{reason.split('|')[0]} in {count:,} rows" for reason, count in unreadable.items())
    lines = [f"| `{reason.replace('|', '¦')}` | {count:,} |" for reason, count in unreadable.items()]
    return AssetCheckResult(
        asset_key=table.name,
        check_name=READABLE,
        passed=not unreadable,
        severity=AssetCheckSeverity.WARN,
        description=f"unreadable: {listed}" if unreadable else "every text became a value",
        metadata={
            "quarantined": sum(unreadable.values()),
            "rules": MetadataValue.md("\n".join(["| rule | rows set aside |", "|---|---:|", *lines])),
        },
    )
