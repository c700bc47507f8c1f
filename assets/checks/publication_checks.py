"""The gate before the swap, as blocking checks: a publication that would break a promise does not happen.

Belongs here: which frames are judged, and how the verdict stops the night.
Does not belong here: the promises (`pipelines.snapshots.release_checks`), the judging (`pipelines.validation`).
"""

from collections.abc import Iterator

import polars as pl
from dagster import AssetCheckResult, AssetChecksDefinition, AssetCheckSeverity, AssetCheckSpec, multi_asset_check

from assets.checks.contract_checks import describe_rule
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import Config
from pipelines.contracts.catalog import PERSON
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import NEXT_SKILL, PUBLISHED_TABLES
from pipelines.contracts.table import Severity, Table
from pipelines.snapshots.reader import NothingPublished, current_snapshot
from pipelines.snapshots.release_checks import (
    list_check_rows,
    list_check_table,
    measure_changed_share,
    person_check_rows,
    person_check_table,
    publication_check_row,
    publication_check_table,
)


def publication_checks(config: Config) -> list[AssetChecksDefinition]:
    """The checks on the recommendations that must pass before the pointer moves."""
    tables = (
        list_check_table(config.policy.list_length),
        person_check_table(),
        publication_check_table(config.publish),
    )
    specs = [
        AssetCheckSpec(
            check_name(rule.check_name),
            asset=NEXT_SKILL.name,
            blocking=rule.severity is Severity.ERROR,
            description=describe_rule(rule),
        )
        for table in tables
        for rule in table.rules
    ]

    @multi_asset_check(name="judge_publication", specs=specs)
    def judge(pipeline: PipelineResource) -> Iterator[AssetCheckResult]:
        frames = _frames(pipeline)
        for table in tables:
            yield from _results(table, frames[table.name])

    return [judge]


def check_name(rule: str) -> str:
    """A name of its own: the table's rules of the same columns are checks of the same asset."""
    return f"gate__{rule}"


def _frames(pipeline: PipelineResource) -> dict[str, pl.DataFrame]:
    rows = pipeline.read(NEXT_SKILL)
    people = pipeline.read(PERSON).filter(pl.col("employment_status") != "left")
    cards = pipeline.read(MODEL_CARD)
    try:
        before = current_snapshot(pipeline.settings.published_path).scan(NEXT_SKILL.name)
    except NothingPublished:
        before = None
    share = measure_changed_share(before, rows.lazy())
    # the other tables are made from these rows and not written yet: of them, the declarations are judged here
    published = {
        table: rows if table == NEXT_SKILL else pl.DataFrame(schema=table.schema) for table in PUBLISHED_TABLES
    }
    publication = publication_check_row(published, cards["card"][0] if cards.height else None, share)
    return {
        "out__release_list": list_check_rows(rows),
        "out__release_person": person_check_rows(rows, people),
        "out__release_publication": publication,
    }


def _results(table: Table, frame: pl.DataFrame) -> Iterator[AssetCheckResult]:
    # its import takes seconds: only where a validation runs
    from pipelines.validation.expectations import validate

    verdict = validate(table, frame)
    for rule, result in zip(table.rules, verdict.results, strict=True):
        said = result.error or (
            "kept" if result.passed else f"{result.unexpected_count:,} of {frame.height:,} break it"
        )
        if not result.passed and frame.height == 1 and rule.kind == "between":
            most = f"; at most {rule.maximum:g}" if rule.maximum is not None else ""
            said = f"it is {frame[rule.columns[0]][0]:g}{most}: look at what came in, or declare more under `publish:`"
        yield AssetCheckResult(
            asset_key=NEXT_SKILL.name,
            check_name=check_name(rule.check_name),
            passed=result.passed,
            severity=AssetCheckSeverity.ERROR if result.is_blocking else AssetCheckSeverity.WARN,
            description=said,
            metadata={"rule": rule.name, "rows": frame.height, "unexpected": result.unexpected_count},
        )
