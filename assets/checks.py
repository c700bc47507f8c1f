"""One asset check per rule of a table: the verdict of Great Expectations, with what was observed.

Belongs here: which tables are judged, and how a verdict is shown.
Does not belong here: the rules (`pipelines.contracts`) and the judging (`pipelines.validation`).
"""

from collections.abc import Iterator, Mapping

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    AssetCheckSpec,
    MetadataValue,
    multi_asset_check,
)

from assets.io import table_of
from assets.raw import raw_tables
from assets.resources import Night
from pipelines.config import Config, Source
from pipelines.conform import CORE_OF
from pipelines.contracts.catalog import EVIDENCE, PERSON, SKILL
from pipelines.contracts.published import PUBLISHED
from pipelines.contracts.table import Rule, Severity, Table
from pipelines.landing import scan_current, scan_quarantine

# More than half of a table's rows in quarantine is no dirt but a changed export: what follows must wait.
MOST_QUARANTINED = 0.5
READABLE = "rows_are_readable"


def contract_checks(config: Config) -> list[AssetChecksDefinition]:
    """The checks of every raw table that footsteps.yaml feeds, and of the core, feature and published tables."""
    raw = [_raw_checks(name, sources) for name, (_, _, sources) in raw_tables(config).items()]
    # Mastery is judged as it is published, and candidates as the rows made of them.
    judged = (PERSON, *CORE_OF.values(), SKILL, EVIDENCE, *PUBLISHED)
    return [*raw, *(_table_checks(table) for table in judged)]


def _table_checks(table: Table) -> AssetChecksDefinition:
    @multi_asset_check(name=f"judge_{table.name}", specs=_specs(table))
    def judge(night: Night) -> Iterator[AssetCheckResult]:
        yield from _results(night, table, night.lake.scan(table), {})

    return judge


def _raw_checks(name: str, sources: list[Source]) -> AssetChecksDefinition:
    table = table_of(name)
    shape = next(shape for shape, one, _ in raw_tables(Config(sources=sources)).values() if one.name == name)

    readable = AssetCheckSpec(
        READABLE,
        asset=name,
        description="Every row has its columns, and every text became a value of its column's type.",
    )

    @multi_asset_check(name=f"judge_{name}", specs=[*_specs(table), readable])
    def judge(night: Night) -> Iterator[AssetCheckResult]:
        bad = scan_quarantine(night.lake, table, sources).select("failed_rules").collect()
        broken = dict(bad.explode("failed_rules").group_by("failed_rules").len().sort("failed_rules").iter_rows())
        yield from _results(night, table, scan_current(night.lake, table, shape, sources), broken)
        yield _readable(name, {rule: n for rule, n in broken.items() if rule not in {one.name for one in table.rules}})

    return judge


def _specs(table: Table) -> list[AssetCheckSpec]:
    return [
        AssetCheckSpec(
            rule.check_name, asset=table.name, blocking=rule.severity is Severity.ERROR, description=describe_rule(rule)
        )
        for rule in table.rules
    ]


def _results(
    night: Night, table: Table, rows: pl.LazyFrame, quarantined: Mapping[str, int]
) -> Iterator[AssetCheckResult]:
    """A result per rule. Rows set aside for a rule warn; a rule that kept rows break, or that set most aside, stops."""
    # their import takes seconds: only where a validation runs
    from pipelines.validation.docs import add_to_docs
    from pipelines.validation.expectations import validate

    frame = rows.collect()
    verdict = validate(table, frame, known=_known(night, table))
    docs = add_to_docs(verdict, night.settings.docs_path)
    for rule, result in zip(table.rules, verdict.results, strict=True):
        aside = quarantined.get(rule.name, 0)
        share = aside / (aside + frame.height) if aside else 0.0
        stops = result.stops or (share > MOST_QUARANTINED and rule.severity is Severity.ERROR)
        said = result.error or (f"{aside:,} rows set aside" if aside else "kept by every row")
        if not result.passed and not result.error:
            said = f"{result.unexpected_count:,} of {result.evaluated_count:,} rows break it"
        yield AssetCheckResult(
            asset_key=table.name,
            check_name=rule.check_name,
            passed=result.passed and not aside,
            severity=AssetCheckSeverity.ERROR if stops else AssetCheckSeverity.WARN,
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


def _known(night: Night, table: Table) -> dict[str, pl.Series]:
    return {
        f"{ref.table}.{ref.key}": night.lake.scan(table_of(ref.table)).select(ref.key).collect().to_series()
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
