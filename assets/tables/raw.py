"""Landing as assets: one step a system, from export files to raw tables and their quarantines.

Belongs here: the landing steps and the ledger.
Does not belong here: how files are read (`pipelines.sources`), what rows mean (`assets.tables.core`).
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
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

from assets.automation.partitions import BY_RANGE, DELIVERY_DAYS, day_of_file, days_of
from assets.incremental.incremental_asset import POOL, numeric_metadata
from assets.resources.metadata import MOMENTS, PREVIEW_ROWS, build_asset_spec, preview
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import Config, SourceConfig
from pipelines.contracts.canonical_schemas import CanonicalSchemaName, quarantine_table
from pipelines.contracts.catalog import DELIVERY
from pipelines.contracts.table import Table
from pipelines.ingest.landing import (
    LandedFile,
    LandingContext,
    count_landed_rows,
    find_new_columns,
    land_source,
    read_ledger,
    scan_current_rows,
    scan_quarantine,
    source_tables,
)
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

ACCEPTED = "deliveries_accepted"
ACCOUNTED = "good_and_bad_are_the_input"
KNOWN = "columns_are_known"
# A burst of files fills no page.
_MOST_LISTED = 50


def landing_assets(config: Config) -> list[AssetsDefinition | AssetSpec]:
    """One landing step for each system that footsteps.yaml names, and the ledger they write."""
    by_system: dict[str, list[SourceConfig]] = {}
    for source in config.sources:
        by_system.setdefault(source.system, []).append(source)
    steps = [_landing_step(system, sources) for system, sources in sorted(by_system.items())]
    return [*steps, build_asset_spec(DELIVERY)]


def raw_tables(config: Config) -> dict[str, tuple[CanonicalSchemaName, Table, list[SourceConfig]]]:
    """Every raw table of the configuration: its shape, contract and sources."""
    found: dict[str, tuple[CanonicalSchemaName, Table, list[SourceConfig]]] = {}
    for source in config.sources:
        for shape, table in source_tables(source).items():
            found.setdefault(table.name, (shape, table, []))[2].append(source)
    return dict(sorted(found.items()))


def _landing_step(system: str, sources: list[SourceConfig]) -> AssetsDefinition:
    tables: dict[str, tuple[CanonicalSchemaName, Table, list[SourceConfig]]] = {}
    for source in sources:
        for shape, table in source_tables(source).items():
            tables.setdefault(table.name, (shape, table, []))[2].append(source)
    specs = []
    checks = []
    for name, (_, table, _) in sorted(tables.items()):
        made = build_asset_spec(table, kinds={system, "parquet"})
        if (policy := _freshness(sources)) is not None:
            made = made.replace_attributes(freshness_policy=policy)
        specs += [made, build_asset_spec(quarantine_table(name))]
        checks += [
            AssetCheckSpec(ACCEPTED, asset=name, description="No file of its sources was refused."),
            AssetCheckSpec(KNOWN, asset=name, description="No export has columns that the one before had not."),
            AssetCheckSpec(ACCOUNTED, asset=name, description="Rows kept and rows set aside add up to the rows read."),
        ]

    name = f"land_{system}"

    @multi_asset(
        name=name,
        specs=specs,
        check_specs=checks,
        partitions_def=DELIVERY_DAYS,
        backfill_policy=BY_RANGE,
        pool=POOL,
    )
    def land(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
        if (unfetched := pipeline.fetch()) is not None:
            context.log.warning(unfetched)
        deliveries = [
            one
            for landing, only in _days(context, pipeline)
            for source in sources
            for one in land_source(landing, source, only)
        ]
        for delivery in deliveries:
            if delivery.status == "refused":
                context.log.warning(delivery.reason)
        if any(delivery.status != "already_landed" for delivery in deliveries):
            _tell_ledger(context, pipeline)
        inputs = {raw: pipeline.fingerprint(raw) for raw in tables} | {"code": fingerprint_code()}
        before = read_asset_state(pipeline.lake.root, name)
        kept = before if before is not None and dict(before.inputs) == inputs else None
        said: dict[str, dict[str, float]] = {}
        for raw, (shape, table, feeding) in sorted(tables.items()):
            of_table = [d for d in deliveries if d.source_name in {source.name for source in feeding}]
            results = _landed(pipeline, shape, table, feeding, of_table, kept)
            said |= {str(one.asset_key.to_user_string()): numeric_metadata(one.metadata or {}) for one in results}  # type: ignore[union-attr]
            yield from results
            yield _accepted(raw, of_table)
            yield _columns_known(raw, pipeline, feeding)
            yield _accounted(raw, pipeline, feeding)
        write_asset_state(pipeline.lake.root, AssetState(name, inputs, {}, said))

    return land


def _freshness(sources: list[SourceConfig]) -> FreshnessPolicy | None:
    """Late as soon as the most frequent source of a table is."""
    declared = [source.freshness_days for source in sources if source.freshness_days is not None]
    if not declared:
        return None
    window = timedelta(days=min(declared))
    return FreshnessPolicy.time_window(fail_window=2 * window, warn_window=window)


def _days(
    context: AssetExecutionContext, pipeline: PipelineResource
) -> Iterator[tuple[LandingContext, Callable[[Path], bool]]]:
    """The landings of a run: of today all that lies there, of each earlier day its own files."""
    landing = pipeline.landing(context)
    for day in days_of(context) or [landing.day]:
        is_past = day < landing.day
        yield replace(landing, day=day), partial(_is_of, day) if is_past else _is_any


def _is_of(day: date, path: Path) -> bool:
    return day_of_file(path) == day


def _is_any(_: Path) -> bool:
    return True


def _landed(
    pipeline: PipelineResource,
    shape: CanonicalSchemaName,
    table: Table,
    sources: list[SourceConfig],
    deliveries: list[LandedFile],
    kept: AssetState | None,
) -> list[MaterializeResult[None]]:
    """What the UI is told of a raw table and its quarantine; the numbers of last time where nothing landed since."""
    aside = quarantine_table(table.name)
    news = _delivery_metadata(deliveries)
    version = DataVersion(hashlib.sha256((pipeline.fingerprint(table.name) or "").encode()).hexdigest())
    if kept is not None:
        return [
            MaterializeResult(
                asset_key=one.name,
                data_version=version,
                metadata={
                    **kept.numeric_metadata.get(one.name, {}),
                    **(news if one is table else {}),
                    "unchanged": True,
                },
            )
            for one in (table, aside)
        ]
    good, bad = (
        scan_current_rows(pipeline.lake, table, shape, sources),
        scan_quarantine(pipeline.lake, table, sources).collect(),
    )
    metadata = _raw_metadata(good, bad, table, deliveries)
    return [
        MaterializeResult(asset_key=table.name, metadata={**metadata, **news}, data_version=version),
        MaterializeResult(asset_key=aside.name, metadata=_quarantine_metadata(bad), data_version=version),
    ]


def _tell_ledger(context: AssetExecutionContext, pipeline: PipelineResource) -> None:
    """Say that the ledger has news. No step of its own: one behind the raw tables would be blocked with them."""
    rows = read_ledger(pipeline.lake)
    refused = rows.filter(pl.col("delivery_status") == "refused").height
    seen = preview(rows.reverse(), DELIVERY)
    metadata = {
        "dagster/row_count": MetadataValue.int(rows.height),
        "refused": MetadataValue.int(refused),
        "preview": seen,
    }
    context.log_event(AssetMaterialization(DELIVERY.name, metadata=metadata))


def _raw_metadata(good: pl.LazyFrame, bad: pl.DataFrame, table: Table, deliveries: list[LandedFile]) -> dict[str, Any]:
    left_out = sorted({name for delivery in deliveries for name in delivery.columns_left_out})
    moments = [name for name in MOMENTS if name in table.column_names]
    asked = [pl.len().alias("rows"), *(pl.col(name).max().alias("newest") for name in moments[:1])]
    # both at once: which rows count is found out once
    numbers, first = pl.collect_all([good.select(asked), good.head(PREVIEW_ROWS)])
    counted = numbers.row(0, named=True)
    total = counted["rows"] + bad.height
    newest = counted.get("newest")
    return {
        "dagster/row_count": counted["rows"],
        "quarantined_count": bad.height,
        "quarantined_share": bad.height / total if total else 0.0,
        **({"newest_event": MetadataValue.timestamp(newest.timestamp())} if isinstance(newest, datetime) else {}),
        "columns_left_out": MetadataValue.md(", ".join(f"`{name}`" for name in left_out) or "none"),
        "preview": preview(first, table),
    }


def _delivery_metadata(deliveries: list[LandedFile]) -> dict[str, Any]:
    """What this run's files came to; of those landed before only how many."""
    news = [d for d in deliveries if d.status != "already_landed"]
    lines = ["| source | file | status | good | bad | reason |", "|---|---|---|---:|---:|---|"]
    lines += [
        f"| {d.source_name} | {d.file_name} | {d.status} | {d.good_count:,} | {d.bad_count:,} | {d.reason or ''} |"
        for d in news[:_MOST_LISTED]
    ]
    return {
        "files": len(deliveries),
        "new_files": sum(delivery.status == "landed" for delivery in deliveries),
        "refused_files": sum(delivery.status == "refused" for delivery in deliveries),
        "deliveries": MetadataValue.md("\n".join(lines)),
    }


def _quarantine_metadata(bad: pl.DataFrame) -> dict[str, Any]:
    broken = bad.explode("failed_rules").group_by("failed_rules").len("rows").sort("rows", descending=True)
    lines = ["| rule | rows |", "|---|---:|"]
    lines += [f"| `{rule.replace('|', '¦')}` | {rows:,} |" for rule, rows in broken.iter_rows()]
    return {"dagster/row_count": bad.height, "broken_rules": MetadataValue.md("\n".join(lines))}


def _accepted(name: str, deliveries: list[LandedFile]) -> AssetCheckResult:
    refused = [delivery for delivery in deliveries if delivery.status == "refused"]
    said = "\n".join(f"- {delivery.reason}" for delivery in refused)
    return AssetCheckResult(
        asset_key=name,
        check_name=ACCEPTED,
        passed=not refused,
        severity=AssetCheckSeverity.WARN,
        description=refused[0].reason if refused else f"{len(deliveries)} files",
        metadata={"files": len(deliveries), "refused": len(refused), "reasons": MetadataValue.md(said or "none")},
    )


def _columns_known(name: str, pipeline: PipelineResource, sources: list[SourceConfig]) -> AssetCheckResult:
    """Columns that no mapping asks for, in the last delivery of a source and not in the one before."""
    new = {column for source in sources for column in find_new_columns(pipeline.lake, source)}
    said = ", ".join(sorted(new))
    return AssetCheckResult(
        asset_key=name,
        check_name=KNOWN,
        passed=not new,
        severity=AssetCheckSeverity.WARN,
        description=f"new and not read: {said}; map what is needed in footsteps.yaml" if new else "nothing new",
        metadata={"new_columns": len(new), "columns": MetadataValue.md(said or "none")},
    )


def _accounted(name: str, pipeline: PipelineResource, sources: list[SourceConfig]) -> AssetCheckResult:
    """What the ledger says was read against what lies in the raw tables and their quarantines, delivery by delivery."""
    counted = count_landed_rows(pipeline.lake, sources).values()
    said, kept = sum(one.rows_read for one in counted), sum(one.rows_stored for one in counted)
    return AssetCheckResult(
        asset_key=name,
        check_name=ACCOUNTED,
        passed=all(one.rows_read == one.rows_stored for one in counted),
        severity=AssetCheckSeverity.ERROR,
        metadata={"rows_read": said, "rows_kept_and_set_aside": kept},
    )
