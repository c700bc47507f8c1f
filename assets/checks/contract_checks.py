"""One asset check per rule of a table: the verdict of Great Expectations, with what was observed.

Belongs here: which tables are judged, and how a verdict is shown.
Does not belong here: the rules (`pipelines.contracts`) and the judging (`pipelines.validation`).
"""

from collections.abc import Callable, Iterator, Mapping

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

from assets.incremental.incremental_asset import numeric_metadata
from assets.resources.metadata import table_contract
from assets.resources.pipeline import PipelineResource
from assets.tables.raw import raw_tables
from pipelines.config.company import Config, SourceConfig
from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.table import Rule, Severity, Table
from pipelines.core.conform import CORE_TABLE_BY_SHAPE
from pipelines.ingest.landing import scan_current_rows, scan_quarantine
from pipelines.storage.change_log import find_changed_people
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

# More than half of a table's rows in quarantine is no dirt but a changed export: what follows must wait.
MOST_QUARANTINED = 0.5
READABLE = "rows_are_readable"


def contract_checks(config: Config) -> list[AssetChecksDefinition]:
    """The checks of every raw table that footsteps.yaml feeds, and of the core, feature and published tables."""
    raw = [_raw_checks(name, sources) for name, (_, _, sources) in raw_tables(config).items()]
    # Mastery is judged as it is published, and candidates as the rows made of them.
    judged = (PERSON, *CORE_TABLE_BY_SHAPE.values(), SKILL, EVIDENCE, *PUBLISHED_TABLES)
    return [*raw, *(_table_checks(table) for table in judged)]


def _table_checks(table: Table) -> AssetChecksDefinition:
    @multi_asset_check(name=f"judge_{table.name}", specs=_specs(table))
    def judge(context: AssetCheckExecutionContext, pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
        yield from _kept_or_judged(context, pipeline, table, lambda: (pipeline.lake.scan(table), {}))

    return judge


def _raw_checks(name: str, sources: list[SourceConfig]) -> AssetChecksDefinition:
    table = table_contract(name)
    shape = next(shape for shape, one, _ in raw_tables(Config(sources=sources)).values() if one.name == name)

    @multi_asset_check(name=f"judge_{name}", specs=[*_specs(table), _readable_spec(name)])
    def judge(context: AssetCheckExecutionContext, pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
        def landed() -> tuple[pl.LazyFrame, dict[str, int]]:
            bad = scan_quarantine(pipeline.lake, table, sources).select("failed_rules").collect()
            broken = bad.explode("failed_rules").group_by("failed_rules").len().sort("failed_rules")
            return scan_current_rows(pipeline.lake, table, shape, sources), dict(broken.iter_rows())

        yield from _kept_or_judged(context, pipeline, table, landed)

    return judge


def _readable_spec(name: str) -> AssetCheckSpec:
    said = "Every row has its columns, and every text became a value of its column's type."
    return AssetCheckSpec(READABLE, asset=name, description=said)


def _specs(table: Table) -> list[AssetCheckSpec]:
    return [
        AssetCheckSpec(
            rule.check_name, asset=table.name, blocking=rule.severity is Severity.ERROR, description=describe_rule(rule)
        )
        for rule in table.rules
    ]


def _kept_or_judged(
    context: AssetCheckExecutionContext,
    pipeline: PipelineResource,
    table: Table,
    rows: Callable[[], tuple[pl.LazyFrame, dict[str, int]]],
) -> Iterator[AssetCheckResult]:
    """The verdict of last time where the table, what it refers to and its rules are the same; else a new one.

    By day only the rows of the people whom new files touched are judged: the others' were, and uniqueness is enforced
    over the whole table when it is written.
    """
    name = f"judge_{table.name}"
    inputs = {one: pipeline.fingerprint(one) for one in (table.name, *sorted({r.table for r in table.references}))}
    inputs["code"] = fingerprint_code()
    before = read_asset_state(pipeline.lake.root, name)
    by_day = pipeline.is_incremental(context)
    if before is not None and dict(before.inputs) == inputs and (by_day or not before.is_partial):
        yield from (_said_again(table, rule, said) for rule, said in before.numeric_metadata.items())
        return
    frame, quarantined = rows()
    people = None
    if by_day and before is not None:
        people = find_changed_people(pipeline.lake.root, table, before.inputs.get(table.name), inputs[table.name])
    if people is not None:
        frame = frame.filter(pl.col("person_id").is_in(sorted(people)))
    results = list(_results(pipeline, table, frame, quarantined))
    if READABLE in {check.name for check in _raw_specs(table)}:
        strange = {rule: n for rule, n in quarantined.items() if rule not in {one.name for one in table.rules}}
        results.append(_readable(table.name, strange))
    yield from results
    said = {str(one.check_name): _record(one) for one in results}
    write_asset_state(pipeline.lake.root, AssetState(name, inputs, {}, said, people is not None))


def _raw_specs(table: Table) -> list[AssetCheckSpec]:
    return [_readable_spec(table.name)] if table.layer == "raw" else []


def _record(result: AssetCheckResult) -> dict[str, float]:
    """What a verdict said, in numbers that a stamp can keep."""
    numbers = numeric_metadata(result.metadata or {})
    return {**numbers, "passed": float(result.passed), "stops": float(result.severity is AssetCheckSeverity.ERROR)}


def _said_again(table: Table, check: str, said: Mapping[str, float]) -> AssetCheckResult:
    aside, broken = int(said.get("quarantined", 0)), int(said.get("unexpected", 0))
    words = f"{aside:,} rows set aside" if aside else "kept by every row"
    if not said["passed"] and broken:
        words = f"{broken:,} of {int(said.get('evaluated', 0)):,} rows break it"
    rules = {rule.check_name: rule.name for rule in table.rules}
    numbers = {name: int(value) if float(value).is_integer() else value for name, value in said.items()}
    return AssetCheckResult(
        asset_key=table.name,
        check_name=check,
        passed=bool(said["passed"]),
        severity=AssetCheckSeverity.ERROR if said["stops"] else AssetCheckSeverity.WARN,
        description=f"{words}; judged when these rows were last made",
        metadata={
            **{n: v for n, v in numbers.items() if n not in ("passed", "stops")},
            "rule": rules.get(check, check),
            "unchanged": True,
        },
    )


def _results(
    pipeline: PipelineResource, table: Table, rows: pl.LazyFrame, quarantined: Mapping[str, int]
) -> Iterator[AssetCheckResult]:
    """A result per rule. Rows set aside for a rule warn; a rule that kept rows break, or that set most aside, stops."""
    # their import takes seconds: only where a validation runs
    from pipelines.validation.data_docs import update_data_docs
    from pipelines.validation.expectations import validate

    frame = rows.select(_judged_columns(table)).collect()
    verdict = validate(table, frame, reference_values=_known(pipeline, table))
    docs = update_data_docs(verdict, pipeline.settings.docs_path)
    for rule, result in zip(table.rules, verdict.results, strict=True):
        aside = quarantined.get(rule.name, 0)
        share = aside / (aside + frame.height) if aside else 0.0
        is_blocking = result.is_blocking or (share > MOST_QUARANTINED and rule.severity is Severity.ERROR)
        said = result.error or (f"{aside:,} rows set aside" if aside else "kept by every row")
        if not result.passed and not result.error:
            said = f"{result.unexpected_count:,} of {result.evaluated_count:,} rows break it"
        yield AssetCheckResult(
            asset_key=table.name,
            check_name=rule.check_name,
            passed=result.passed and not aside,
            severity=AssetCheckSeverity.ERROR if is_blocking else AssetCheckSeverity.WARN,
            description=said,
            metadata={
                "rule": rule.name,
                "rows": frame.height,
                "evaluated": result.evaluated_count,
                "unexpected": result.unexpected_count,
                "unexpected_share": result.unexpected_share,
                "quarantined": aside,
                "quarantined_share": share,
                "data_docs": MetadataValue.path(str(docs.with_name(f"{table.name}.html"))),
            },
        )


def _judged_columns(table: Table) -> list[str]:
    """The columns that rules speak of; the first one in any case, so that rows are counted."""
    spoken = {name for rule in table.rules for name in rule.columns}
    spoken |= {name for rule in table.row_rules for name in rule.expression.meta.root_names()}
    return [name for name in table.column_names if name in spoken] or [table.column_names[0]]


def _readable(name: str, broken: Mapping[str, int]) -> AssetCheckResult:
    said = ", ".join(f"{rule.split('|')[0]} in {rows:,} rows" for rule, rows in broken.items())
    lines = [
        "| rule | rows set aside |",
        "|---|---:|",
        *(f"| `{r.replace('|', '¦')}` | {n:,} |" for r, n in broken.items()),
    ]
    return AssetCheckResult(
        asset_key=name,
        check_name=READABLE,
        passed=not broken,
        severity=AssetCheckSeverity.WARN,
        description=f"unreadable: {said}" if broken else "every text became a value",
        metadata={"quarantined": sum(broken.values()), "rules": MetadataValue.md("\n".join(lines))},
    )


def _known(pipeline: PipelineResource, table: Table) -> dict[str, pl.Series]:
    return {
        f"{ref.table}.{ref.key}": pipeline.lake.scan(table_contract(ref.table)).select(ref.key).collect().to_series()
        for ref in table.references
    }


def describe_rule(rule: Rule) -> str:
    """One sentence of what a rule asks."""
    columns = " + ".join(rule.columns)
    match rule.kind:
        case "not_null":
            return f"{columns} is given in every row."
        case "unique":
            return f"{columns} occurs once."
        case "in_set":
            return f"{columns} is one of: {', '.join(rule.allowed)}."
        case "between":
            low = "" if rule.minimum is None else f" from {rule.minimum:g}"
            high = "" if rule.maximum is None else f" to {rule.maximum:g}"
            return f"{columns} lies{low}{high}."
        case "matches":
            return f"{columns} has the form {rule.pattern}."
        case "references":
            assert rule.reference is not None
            return f"{columns} occurs in {rule.reference.table}."
        case "row":
            assert rule.row is not None
            return f"{rule.row.description or rule.row.name}."
