"""Fetching as a step of a run: exports are copied into the landing folder before they are landed.

Belongs here: the op, its checks, and what the UI shows of each origin.
Does not belong here: which files are copied and how (`pipelines.ingest.fetching`), landing (`assets.tables.raw`).
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetsDefinition,
    DataVersion,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from assets.checks.contract_checks import contract_check_specs, evaluate_contract_checks
from assets.incremental.incremental_asset import POOL
from assets.resources.metadata import build_asset_spec, preview_rows, written_metadata
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import Config
from pipelines.contracts.catalog import FETCH, ORIGIN
from pipelines.ingest.fetch_targets import list_fetch_targets
from pipelines.ingest.fetching import FetchContext, FetchOutcome, describe_outcomes, fetch_files

_NAMED_REFUSALS = 5


def fetch_assets(config: Config) -> list[AssetsDefinition]:
    """The op that fetches from every origin of footsteps.yaml; none if it names no origin."""
    targets = list_fetch_targets(config)
    if not targets:
        return []

    @multi_asset(
        name="fetch_exports",
        specs=[build_asset_spec(FETCH), build_asset_spec(ORIGIN)],
        check_specs=[
            AssetCheckSpec(
                f"{target.name}_is_fetched",
                asset=ORIGIN.name,
                description=f"{target.options.url} was read to its end, and none of its files was refused.",
            )
            for target in targets
        ]
        + [spec for table in (ORIGIN, FETCH) for spec in contract_check_specs(table)],
        pool=POOL,
    )
    def fetch_exports(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
        """Copy new exports from where they are dropped into the landing folder. A failure stops no other origin."""
        now = datetime.now(UTC)
        fetch = FetchContext(pipeline.lake, pipeline.landing_folder, now, time.sleep, context.log.info)
        outcomes = []
        for target in targets:
            outcomes.append(fetch_files(target, fetch))
            for sentence in outcomes[-1].issues:
                context.log.warning(sentence)
        rows = describe_outcomes(outcomes, now)
        write_result = pipeline.lake.write(ORIGIN, rows)
        yield MaterializeResult(
            asset_key=ORIGIN.name,
            metadata={**written_metadata(write_result, rows, ORIGIN), **_fetch_metadata(outcomes)},
            data_version=DataVersion(write_result.content_sha256),
        )
        fetch_log = pipeline.lake.scan(FETCH).collect()
        yield MaterializeResult(
            asset_key=FETCH.name,
            metadata={"dagster/row_count": fetch_log.height, "preview": preview_rows(fetch_log.reverse(), FETCH)},
            data_version=DataVersion(pipeline.lake.content_hash(FETCH) or "empty"),
        )
        yield from map(_check_fetched, outcomes)
        for table in (ORIGIN, FETCH):
            counts = pipeline.lake.rule_counts(table)
            yield from evaluate_contract_checks(table, counts, pipeline.settings.docs_path)

    return [fetch_exports]


def _fetch_metadata(outcomes: list[FetchOutcome]) -> dict[str, Any]:
    """The numbers of files of all origins, and a table with one line per origin."""
    states = list(outcomes[0].counts)
    lines = [f"| origin | seen | {' | '.join(states)} | problem |", "|---|---:|" + "---:|" * len(states) + "---|"]
    for outcome in outcomes:
        counts = " | ".join(f"{count:,}" for count in outcome.counts.values())
        seen = sum(outcome.counts.values())
        lines.append(f"| {outcome.target.name} | {seen:,} | {counts} | {outcome.problem or ''} |")
    totals = {f"{state}_files": sum(outcome.counts[state] for outcome in outcomes) for state in states}
    return {
        "seen_files": sum(totals.values()),
        **totals,
        "failed_origins": sum(outcome.problem is not None for outcome in outcomes),
        "origins": MetadataValue.md("\n".join(lines)),
    }


def _check_fetched(outcome: FetchOutcome) -> AssetCheckResult:
    issues = outcome.issues
    issue_lines = "\n".join(f"- {issue}" for issue in issues[:_NAMED_REFUSALS])
    return AssetCheckResult(
        asset_key=ORIGIN.name,
        check_name=f"{outcome.target.name}_is_fetched",
        passed=not issues,
        severity=AssetCheckSeverity.WARN,
        description=issues[0] if issues else f"{sum(outcome.counts.values()):,} files",
        metadata={**outcome.counts, "issues": MetadataValue.md(issue_lines or "none")},
    )
