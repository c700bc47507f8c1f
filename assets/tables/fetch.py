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
from assets.resources.metadata import build_asset_spec, find_newest_time, preview_rows, written_metadata
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import Config
from pipelines.contracts.catalog import FETCH, ORIGIN
from pipelines.ingest.fetch_targets import list_fetch_targets
from pipelines.ingest.fetching import FetchContext, FetchOutcome, describe_outcomes, fetch_files

_MAX_LISTED_ISSUES = 5


def fetch_assets(config: Config) -> list[AssetsDefinition]:
    """The op that fetches from every origin of footsteps.yaml; none if it names no origin."""
    fetch_targets = list_fetch_targets(config)
    if not fetch_targets:
        return []

    @multi_asset(
        name="fetch_exports",
        specs=[build_asset_spec(FETCH), build_asset_spec(ORIGIN)],
        check_specs=[
            AssetCheckSpec(
                f"{fetch_target.name}_is_fetched",
                asset=ORIGIN.name,
                description=f"{fetch_target.options.url} was read to its end, and none of its files was refused.",
            )
            for fetch_target in fetch_targets
        ]
        + [check_spec for table in (ORIGIN, FETCH) for check_spec in contract_check_specs(table)],
        pool=POOL,
    )
    def fetch_exports(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
        """Copy new exports from their origins into the landing folder. A failure stops no other origin."""
        now = datetime.now(UTC)
        fetch_context = FetchContext(pipeline.lake, pipeline.landing_folder, now, time.sleep, context.log.info)
        fetch_outcomes = []
        for fetch_target in fetch_targets:
            fetch_outcomes.append(fetch_files(fetch_target, fetch_context))
            for sentence in fetch_outcomes[-1].issues:
                context.log.warning(sentence)
        origin_rows = describe_outcomes(fetch_outcomes, now)
        write_result = pipeline.lake.write(ORIGIN, origin_rows)
        yield MaterializeResult(
            asset_key=ORIGIN.name,
            metadata={
                **written_metadata(write_result, origin_rows, ORIGIN, find_newest_time(origin_rows)),
                **_fetch_metadata(fetch_outcomes),
            },
            data_version=DataVersion(write_result.content_sha256),
        )
        fetch_log = pipeline.lake.scan(FETCH).collect()
        yield MaterializeResult(
            asset_key=FETCH.name,
            metadata={"dagster/row_count": fetch_log.height, "preview": preview_rows(fetch_log.reverse(), FETCH)},
            data_version=DataVersion(pipeline.lake.content_hash(FETCH) or "empty"),
        )
        yield from map(_check_fetched, fetch_outcomes)
        for table in (ORIGIN, FETCH):
            rule_counts = pipeline.lake.rule_counts(table)
            yield from evaluate_contract_checks(table, rule_counts, pipeline.settings.docs_path)

    return [fetch_exports]


def _fetch_metadata(fetch_outcomes: list[FetchOutcome]) -> dict[str, Any]:
    """The numbers of files of all origins, and a table with one line per origin."""
    file_states = list(fetch_outcomes[0].counts)
    table_lines = [
        f"| origin | seen | {' | '.join(file_states)} | problem |",
        "|---|---:|" + "---:|" * len(file_states) + "---|",
    ]
    for fetch_outcome in fetch_outcomes:
        count_cells = " | ".join(f"{file_count:,}" for file_count in fetch_outcome.counts.values())
        seen_count = sum(fetch_outcome.counts.values())
        table_lines.append(
            f"| {fetch_outcome.target.name} | {seen_count:,} | {count_cells} | {fetch_outcome.problem or ''} |"
        )
    count_by_name = {
        f"{file_state}_files": sum(fetch_outcome.counts[file_state] for fetch_outcome in fetch_outcomes)
        for file_state in file_states
    }
    return {
        "seen_files": sum(count_by_name.values()),
        **count_by_name,
        "failed_origins": sum(fetch_outcome.problem is not None for fetch_outcome in fetch_outcomes),
        "origins": MetadataValue.md("\n".join(table_lines)),
    }


def _check_fetched(fetch_outcome: FetchOutcome) -> AssetCheckResult:
    issues = fetch_outcome.issues
    issue_lines = "\n".join(f"- {issue}" for issue in issues[:_MAX_LISTED_ISSUES])
    return AssetCheckResult(
        asset_key=ORIGIN.name,
        check_name=f"{fetch_outcome.target.name}_is_fetched",
        passed=not issues,
        severity=AssetCheckSeverity.WARN,
        description=issues[0] if issues else f"{sum(fetch_outcome.counts.values()):,} files",
        metadata={**fetch_outcome.counts, "issues": MetadataValue.md(issue_lines or "none")},
    )
