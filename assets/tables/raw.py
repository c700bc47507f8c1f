"""Raw tables and their quarantines: one landing op per system, and the ledger of deliveries.

Belongs here: the landing ops, their checks, and what the UI shows of them.
Does not belong here: how files are read (`pipelines.sources`), what rows mean (`assets.tables.core`).
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    AssetMaterialization,
    AssetsDefinition,
    AssetSpec,
    DataVersion,
    FreshnessPolicy,
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from assets.automation.partitions import BY_RANGE, DELIVERY_DAYS, day_of_file, delivery_days
from assets.checks.contract_checks import contract_check_specs, evaluate_contract_checks
from assets.incremental.incremental_asset import POOL
from assets.resources.fingerprints import fingerprint_table
from assets.resources.metadata import PREVIEW_ROWS, TIME_COLUMNS, build_asset_spec, numeric_metadata, preview_rows
from assets.resources.pipeline import PipelineResource
from assets.resources.raw_inputs import raw_tables
from assets.resources.run_context import RunContext
from pipelines.config.company import Config, SourceConfig
from pipelines.contracts.canonical_schemas import CanonicalSchemaName, quarantine_table
from pipelines.contracts.catalog import DELIVERY
from pipelines.contracts.table import Table
from pipelines.ingest.landed_counts import count_landed_rules
from pipelines.ingest.landing import (
    LandedFile,
    LandingContext,
    count_landed_rows,
    find_new_columns,
    land_source,
    read_ledger,
    scan_current_rows,
    scan_quarantine,
)
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

ACCEPTED = "deliveries_accepted"
COMPLETE = "good_and_bad_are_the_input"
KNOWN_COLUMNS = "columns_are_known"
_CHECKS = {
    ACCEPTED: "No file of its sources was refused.",
    KNOWN_COLUMNS: "No export has a column that the export before it did not have.",
    COMPLETE: "Rows kept and rows set aside add up to the rows read.",
}
# The metadata lists this many files.
_MAX_LISTED_FILES = 50


def landing_assets(config: Config) -> list[AssetsDefinition | AssetSpec]:
    """One landing op for each system that footsteps.yaml names, and the ledger that they write."""
    systems = sorted({source.system for source in config.sources})
    ops = [_build_landing_op(name, [s for s in config.sources if s.system == name]) for name in systems]
    return [*ops, build_asset_spec(DELIVERY)]


def _build_landing_op(system: str, sources: list[SourceConfig]) -> AssetsDefinition:
    tables, op_name, policy = raw_tables(sources), f"land_{system}", _freshness_policy(sources)
    specs = []
    for name, (_, table, _) in tables.items():
        spec = build_asset_spec(table, kinds={system, "parquet"})
        specs.append(spec.replace_attributes(freshness_policy=policy) if policy else spec)
        specs.append(build_asset_spec(quarantine_table(name)))

    @multi_asset(
        name=op_name,
        specs=specs,
        check_specs=[
            *(
                AssetCheckSpec(check, asset=name, description=text)
                for name in tables
                for check, text in _CHECKS.items()
            ),
            *(spec for _, table, _ in tables.values() for spec in contract_check_specs(table)),
        ],
        partitions_def=DELIVERY_DAYS,
        backfill_policy=BY_RANGE,
        pool=POOL,
    )
    def land(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
        deliveries = _land_files(context, pipeline, sources)
        inputs = {name: fingerprint_table(pipeline.lake, pipeline.config, name) for name in tables} | {
            "code": fingerprint_code()
        }
        previous = read_asset_state(pipeline.lake.root, op_name)
        if previous is not None and dict(previous.inputs) != inputs:
            previous = None
        numbers: dict[str, dict[str, float]] = {}
        for name, (shape, table, table_sources) in tables.items():
            source_names = {source.name for source in table_sources}
            table_deliveries = [delivery for delivery in deliveries if delivery.source_name in source_names]
            metadata = (
                _read_metadata(pipeline, shape, table, table_sources, table_deliveries)
                if previous is None
                else {key: {**previous.numeric_metadata.get(key, {}), "unchanged": True} for key in _names(table)}
            )
            metadata[name] |= _delivery_metadata(table_deliveries)
            version = DataVersion(hashlib.sha256((inputs[name] or "").encode()).hexdigest())
            for key, values in metadata.items():
                numbers[key] = numeric_metadata(values)
                yield MaterializeResult(asset_key=key, metadata=values, data_version=version)
            counts, docs = count_landed_rules(pipeline.lake, table, table_sources), pipeline.settings.docs_path
            yield from evaluate_contract_checks(table, counts, docs, is_unchanged=previous is not None)
            yield _check_accepted(name, table_deliveries)
            yield _check_columns(name, pipeline, table_sources)
            yield _check_complete(name, pipeline, table_sources)
        write_asset_state(pipeline.lake.root, AssetState(op_name, inputs, {}, numbers))

    return land


def _delivery_checks(table: Table) -> list[AssetCheckSpec]:
    return [AssetCheckSpec(check, asset=table.name, description=text) for check, text in _CHECKS.items()]


def _freshness_policy(sources: list[SourceConfig]) -> FreshnessPolicy | None:
    """A table is late as soon as its most frequent source is."""
    declared = [source.freshness_days for source in sources if source.freshness_days is not None]
    if not declared:
        return None
    window = timedelta(days=min(declared))
    return FreshnessPolicy.time_window(fail_window=2 * window, warn_window=window)


def _land_files(
    context: AssetExecutionContext, pipeline: PipelineResource, sources: list[SourceConfig]
) -> list[LandedFile]:
    """Land the files of a run's days, warn of refused ones, and record the ledger if it changed."""
    if pipeline.fetch_failure is not None:
        context.log.warning(pipeline.fetch_failure)
    deliveries = [
        delivery
        for landing, is_of_day in _split_days(context, pipeline)
        for source in sources
        for delivery in land_source(landing, source, is_of_day)
    ]
    for delivery in deliveries:
        if delivery.status == "refused":
            context.log.warning(delivery.reason)
    if any(delivery.status != "already_landed" for delivery in deliveries):
        # logged as an event: an asset downstream of the raw tables would be blocked together with them
        ledger = read_ledger(pipeline.lake)
        metadata = {
            "dagster/row_count": MetadataValue.int(ledger.height),
            "refused": MetadataValue.int(ledger.filter(pl.col("delivery_status") == "refused").height),
            "preview": preview_rows(ledger.reverse(), DELIVERY),
        }
        context.log_event(AssetMaterialization(DELIVERY.name, metadata=metadata))
    return deliveries


def _split_days(
    context: AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[tuple[LandingContext, Callable[[Path], bool]]]:
    """A landing for each delivery day, with its choice of files: all files for today, its own for an earlier day."""
    now, run = datetime.now(UTC), RunContext(context.run.tags, pipeline.complete_runs)
    landing = LandingContext(
        lake=pipeline.lake,
        folder=pipeline.landing_folder,
        day=now.date(),
        landed_at=now,
        allow_row_count_drop=run.allows_row_count_drop,
        progress=context.log.info,
    )
    for day in delivery_days(context) or [landing.day]:
        yield replace(landing, day=day), partial(_is_landed_on, day, landing.day)


def _is_landed_on(day: date, today: date, path: Path) -> bool:
    return day >= today or day_of_file(path) == day


def _names(table: Table) -> tuple[str, str]:
    return table.name, quarantine_table(table.name).name


def _read_metadata(
    pipeline: PipelineResource,
    shape: CanonicalSchemaName,
    table: Table,
    sources: list[SourceConfig],
    deliveries: list[LandedFile],
) -> dict[str, dict[str, Any]]:
    """Metadata of a raw table and of its quarantine, by name."""
    rows = scan_current_rows(pipeline.lake, table, shape, sources)
    rejected = scan_quarantine(pipeline.lake, table, sources).collect()
    times = [pl.col(name).max().alias("newest") for name in TIME_COLUMNS if name in table.column_names][:1]
    # both queries at once, so that the current deliveries are found once
    counts, first_rows = pl.collect_all([rows.select(pl.len().alias("rows"), *times), rows.head(PREVIEW_ROWS)])
    row_count, newest = counts["rows"][0], counts["newest"][0] if times else None
    total = row_count + rejected.height
    left_out = sorted({name for delivery in deliveries for name in delivery.columns_left_out})
    reasons = rejected.explode("failed_rules").group_by("failed_rules").len("rows").sort("rows", descending=True)
    lines = [f"| `{rule.replace('|', '¦')}` | {count:,} |" for rule, count in reasons.iter_rows()]
    name, quarantine_name = _names(table)
    return {
        name: {
            "dagster/row_count": row_count,
            "quarantined_count": rejected.height,
            "quarantined_share": rejected.height / total if total else 0.0,
            **({"newest_event": MetadataValue.timestamp(newest.timestamp())} if isinstance(newest, datetime) else {}),
            "columns_left_out": MetadataValue.md(", ".join(f"`{column}`" for column in left_out) or "none"),
            "preview": preview_rows(first_rows, table),
        },
        quarantine_name: {
            "dagster/row_count": rejected.height,
            "broken_rules": MetadataValue.md("\n".join(["| rule | rows |", "|---|---:|", *lines])),
        },
    }


def _delivery_metadata(deliveries: list[LandedFile]) -> dict[str, Any]:
    """The files of this run. Files that were landed before are only counted."""
    lines = ["| source | file | status | good | bad | reason |", "|---|---|---|---:|---:|---|"]
    lines += [
        f"| {d.source_name} | {d.file_name} | {d.status} | {d.good_count:,} | {d.bad_count:,} | {d.reason or ''} |"
        for d in [delivery for delivery in deliveries if delivery.status != "already_landed"][:_MAX_LISTED_FILES]
    ]
    return {
        "files": len(deliveries),
        "new_files": sum(delivery.status == "landed" for delivery in deliveries),
        "refused_files": sum(delivery.status == "refused" for delivery in deliveries),
        "deliveries": MetadataValue.md("\n".join(lines)),
    }


def _check_accepted(name: str, deliveries: list[LandedFile]) -> AssetCheckResult:
    reasons = [delivery.reason for delivery in deliveries if delivery.status == "refused"]
    listed = "\n".join(f"- {reason}" for reason in reasons)
    return AssetCheckResult(
        asset_key=name,
        check_name=ACCEPTED,
        passed=not reasons,
        severity=AssetCheckSeverity.WARN,
        description=reasons[0] if reasons else f"{len(deliveries)} files",
        metadata={"files": len(deliveries), "refused": len(reasons), "reasons": MetadataValue.md(listed or "none")},
    )


def _check_columns(name: str, pipeline: PipelineResource, sources: list[SourceConfig]) -> AssetCheckResult:
    """Columns that no mapping names, in the last delivery of a source and not in the one before."""
    new = {column for source in sources for column in find_new_columns(pipeline.lake, source)}
    listed = ", ".join(sorted(new))
    return AssetCheckResult(
        asset_key=name,
        check_name=KNOWN_COLUMNS,
        passed=not new,
        severity=AssetCheckSeverity.WARN,
        description=f"new and not read: {listed}; map what is needed in footsteps.yaml" if new else "nothing new",
        metadata={"new_columns": len(new), "columns": MetadataValue.md(listed or "none")},
    )


def _check_complete(name: str, pipeline: PipelineResource, sources: list[SourceConfig]) -> AssetCheckResult:
    """Rows read by the ledger against rows in the raw tables and their quarantines, per delivery."""
    counts = count_landed_rows(pipeline.lake, sources).values()
    return AssetCheckResult(
        asset_key=name,
        check_name=COMPLETE,
        passed=all(count.rows_read == count.rows_stored for count in counts),
        severity=AssetCheckSeverity.ERROR,
        metadata={
            "rows_read": sum(count.rows_read for count in counts),
            "rows_kept_and_set_aside": sum(count.rows_stored for count in counts),
        },
    )
