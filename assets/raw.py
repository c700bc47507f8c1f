"""Landing as assets: one step a system, from export files to raw tables and their quarantines.

Belongs here: the landing steps and the ledger.
Does not belong here: how files are read (`pipelines.sources`), what rows mean (`assets.core`).
"""

from collections.abc import Iterator
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
    MaterializeResult,
    MetadataValue,
    multi_asset,
)

from assets.io import preview, spec_of
from assets.resources import Night
from pipelines.config import Config, Source
from pipelines.contracts.catalog import DELIVERY
from pipelines.contracts.shapes import ShapeName, quarantine_table
from pipelines.contracts.table import Table
from pipelines.landing import (
    Delivery,
    land_source,
    new_columns,
    read_ledger,
    scan_current,
    scan_quarantine,
    source_tables,
)

ACCEPTED = "deliveries_accepted"
ACCOUNTED = "good_and_bad_are_the_input"
KNOWN = "columns_are_known"


def landing_assets(config: Config) -> list[AssetsDefinition | AssetSpec]:
    """One landing step for each system that footsteps.yaml names, and the ledger they write."""
    by_system: dict[str, list[Source]] = {}
    for source in config.sources:
        by_system.setdefault(source.system, []).append(source)
    steps = [_landing_step(system, sources) for system, sources in sorted(by_system.items())]
    return [*steps, spec_of(DELIVERY)]


def raw_tables(config: Config) -> dict[str, tuple[ShapeName, Table, list[Source]]]:
    """Every raw table of the configuration: its shape, contract and sources."""
    found: dict[str, tuple[ShapeName, Table, list[Source]]] = {}
    for source in config.sources:
        for shape, table in source_tables(source).items():
            found.setdefault(table.name, (shape, table, []))[2].append(source)
    return dict(sorted(found.items()))


def _landing_step(system: str, sources: list[Source]) -> AssetsDefinition:
    tables: dict[str, tuple[ShapeName, Table, list[Source]]] = {}
    for source in sources:
        for shape, table in source_tables(source).items():
            tables.setdefault(table.name, (shape, table, []))[2].append(source)
    specs = []
    checks = []
    for name, (_, table, _) in sorted(tables.items()):
        specs += [spec_of(table, kinds={system, "parquet"}), spec_of(quarantine_table(name))]
        checks += [
            AssetCheckSpec(ACCEPTED, asset=name, description="No file of its sources was refused."),
            AssetCheckSpec(KNOWN, asset=name, description="No export has columns that the one before had not."),
            AssetCheckSpec(ACCOUNTED, asset=name, description="Rows kept and rows set aside add up to the rows read."),
        ]

    @multi_asset(name=f"land_{system}", specs=specs, check_specs=checks)
    def land(context: AssetExecutionContext, night: Night) -> Iterator[Any]:
        landing = night.landing(context)
        deliveries = [delivery for source in sources for delivery in land_source(landing, source)]
        for delivery in deliveries:
            if delivery.status == "refused":
                context.log.warning(delivery.reason)
        _tell_ledger(context, night)
        for name, (shape, table, feeding) in sorted(tables.items()):
            good = scan_current(night.lake, table, shape, feeding).collect()
            bad = scan_quarantine(night.lake, table, feeding).collect()
            of_table = [d for d in deliveries if d.source_name in {source.name for source in feeding}]
            yield MaterializeResult(asset_key=name, metadata=_raw_metadata(good, bad, table, of_table))
            yield MaterializeResult(asset_key=f"quarantine__{name}", metadata=_quarantine_metadata(bad))
            yield _accepted(name, of_table)
            yield _columns_known(name, night, feeding)
            yield _accounted(name, night, feeding)

    return land


def _tell_ledger(context: AssetExecutionContext, night: Night) -> None:
    """Say that the ledger has news. No step of its own: one behind the raw tables would be blocked with them."""
    rows = read_ledger(night.lake)
    refused = rows.filter(pl.col("delivery_status") == "refused").height
    seen = preview(rows.reverse(), DELIVERY)
    metadata = {
        "dagster/row_count": MetadataValue.int(rows.height),
        "refused": MetadataValue.int(refused),
        "preview": seen,
    }
    context.log_event(AssetMaterialization(DELIVERY.name, metadata=metadata))


def _raw_metadata(good: pl.DataFrame, bad: pl.DataFrame, table: Table, deliveries: list[Delivery]) -> dict[str, Any]:
    left_out = sorted({name for delivery in deliveries for name in delivery.left_out})
    lines = ["| source | file | status | good | bad | reason |", "|---|---|---|---:|---:|---|"]
    lines += [
        f"| {d.source_name} | {d.file_name} | {d.status} | {d.good:,} | {d.bad:,} | {d.reason or ''} |"
        for d in deliveries
    ]
    total = good.height + bad.height
    return {
        "dagster/row_count": good.height,
        "quarantined_count": bad.height,
        "quarantined_share": bad.height / total if total else 0.0,
        "new_files": sum(delivery.status == "landed" for delivery in deliveries),
        "refused_files": sum(delivery.status == "refused" for delivery in deliveries),
        "deliveries": MetadataValue.md("\n".join(lines)),
        "columns_left_out": MetadataValue.md(", ".join(f"`{name}`" for name in left_out) or "none"),
        "preview": preview(good, table),
    }


def _quarantine_metadata(bad: pl.DataFrame) -> dict[str, Any]:
    broken = bad.explode("failed_rules").group_by("failed_rules").len("rows").sort("rows", descending=True)
    lines = ["| rule | rows |", "|---|---:|"]
    lines += [f"| `{rule.replace('|', '¦')}` | {rows:,} |" for rule, rows in broken.iter_rows()]
    return {"dagster/row_count": bad.height, "broken_rules": MetadataValue.md("\n".join(lines))}


def _accepted(name: str, deliveries: list[Delivery]) -> AssetCheckResult:
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


def _columns_known(name: str, night: Night, sources: list[Source]) -> AssetCheckResult:
    """Columns that no mapping asks for, in the last delivery of a source and not in the one before."""
    new = {column for source in sources for column in new_columns(night.lake, source)}
    said = ", ".join(sorted(new))
    return AssetCheckResult(
        asset_key=name,
        check_name=KNOWN,
        passed=not new,
        severity=AssetCheckSeverity.WARN,
        description=f"new and not read: {said}; map what is needed in footsteps.yaml" if new else "nothing new",
        metadata={"new_columns": len(new), "columns": MetadataValue.md(said or "none")},
    )


def _accounted(name: str, night: Night, sources: list[Source]) -> AssetCheckResult:
    """What the ledger says was read against what lies in the raw tables and their quarantines, delivery by delivery."""
    names = [source.name for source in sources]
    landed = read_ledger(night.lake).filter(pl.col("source_name").is_in(names), pl.col("delivery_status") == "landed")
    said = int(landed.select((pl.col("good_count") + pl.col("bad_count")).sum()).item())
    kept = 0
    for source in sources:
        for table in source_tables(source).values():
            for one in (table, quarantine_table(table.name)):
                files = sorted((night.lake.folder(one) / source.name).rglob("*.parquet"))
                if files:
                    rows = pl.scan_parquet(files, schema=one.schema, missing_columns="insert", extra_columns="ignore")
                    # a kept row whose value was left out stands in both
                    aside = ~pl.col("is_row_kept").fill_null(False) if one is not table else pl.lit(True)
                    kept += int(rows.filter(aside).select(pl.len()).collect().item())
    return AssetCheckResult(
        asset_key=name,
        check_name=ACCOUNTED,
        passed=said == kept,
        severity=AssetCheckSeverity.ERROR,
        metadata={"rows_read": said, "rows_kept_and_set_aside": kept},
    )
