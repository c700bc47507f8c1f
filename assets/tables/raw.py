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
from assets.resources.erasure import delete_landing_copies, suppress_erased
from assets.resources.fingerprints import fingerprint_table
from assets.resources.metadata import PREVIEW_ROWS, TIME_COLUMNS, build_asset_spec, numeric_metadata, preview_rows
from assets.resources.pipeline import PipelineResource
from assets.resources.raw_inputs import RawTables, raw_tables
from assets.resources.run_context import RunContext
from pipelines.config.company import Config, SourceConfig
from pipelines.contracts.canonical_schemas import CanonicalSchemaName, quarantine_table
from pipelines.contracts.catalog import DELIVERY, ORIGIN
from pipelines.contracts.table import Table
from pipelines.ingest.deliveries import (
    count_landed_rows,
    read_ledger,
    scan_current_rows,
    scan_quarantine,
)
from pipelines.ingest.delivery_notices import find_new_columns, find_notices
from pipelines.ingest.fetch_targets import list_fed_sources, list_fetch_targets
from pipelines.ingest.landed_counts import count_landed_rules
from pipelines.ingest.landing import LandedFile, LandingContext, land_source
from pipelines.ingest.refusals import find_open_refusals
from pipelines.storage.run_state import AssetState, fingerprint_code, read_asset_state, write_asset_state

ACCEPTED = "deliveries_accepted"
COMPLETE = "good_and_bad_are_the_input"
KNOWN_COLUMNS = "columns_are_known"
_DESCRIPTION_BY_CHECK = {
    ACCEPTED: "No file of its sources is refused; a refusal ends when a good file follows, the file is gone, or by "
    "`footsteps acknowledge`.",
    KNOWN_COLUMNS: "No export has a column that the export before it did not have.",
    COMPLETE: "Of each landed file, the rows kept, set aside and passed over add up to the rows read.",
}
# A list in the metadata holds at most this many entries.
_MAX_LISTED_ENTRIES = 50


def landing_assets(config: Config) -> list[AssetsDefinition | AssetSpec]:
    """One landing op for each system that footsteps.yaml names, and the ledger that they write."""
    systems = sorted({source.system for source in config.sources})
    fetched_source_names = list_fed_sources(list_fetch_targets(config))
    landing_ops = [
        _build_landing_op(
            system, [source for source in config.sources if source.system == system], fetched_source_names
        )
        for system in systems
    ]
    return [*landing_ops, build_asset_spec(DELIVERY)]


def _build_landing_op(system: str, sources: list[SourceConfig], fetched_source_names: set[str]) -> AssetsDefinition:
    """The landing op of a system; it waits for the fetch if `fetched_source_names` holds one of its sources."""
    table_entries_by_name, op_name, freshness_policy = raw_tables(sources), f"land_{system}", _freshness_policy(sources)
    upstream_names = [ORIGIN.name] if fetched_source_names & {source.name for source in sources} else []
    asset_specs = []
    for table_name, (_, table, _) in table_entries_by_name.items():
        spec = build_asset_spec(table, kinds={system, "parquet"})
        asset_specs.append(spec.replace_attributes(freshness_policy=freshness_policy) if freshness_policy else spec)
        asset_specs.append(build_asset_spec(quarantine_table(table_name)))
    asset_specs = [asset_spec.replace_attributes(deps=upstream_names) for asset_spec in asset_specs]

    @multi_asset(
        name=op_name,
        specs=asset_specs,
        check_specs=_list_check_specs(table_entries_by_name),
        partitions_def=DELIVERY_DAYS,
        backfill_policy=BY_RANGE,
        pool=POOL,
    )
    def land(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[Any]:
        deliveries = _land_files(context, pipeline, sources)
        input_fingerprints = {
            raw_name: fingerprint_table(pipeline.lake, pipeline.config, raw_name) for raw_name in table_entries_by_name
        } | {"code": fingerprint_code()}
        unchanged_state = read_asset_state(pipeline.lake.root, op_name)
        if unchanged_state is not None and dict(unchanged_state.inputs) != input_fingerprints:
            unchanged_state = None
        numeric_metadata_by_asset: dict[str, dict[str, float]] = {}
        for table_name, (shape, table, table_sources) in table_entries_by_name.items():
            source_names = {source.name for source in table_sources}
            table_deliveries = [delivery for delivery in deliveries if delivery.source_name in source_names]
            metadata_by_asset = (
                _read_metadata(pipeline, shape, table, table_sources, table_deliveries)
                if unchanged_state is None
                else {
                    asset_name: {**unchanged_state.numeric_metadata.get(asset_name, {}), "unchanged": True}
                    for asset_name in _name_assets(table)
                }
            )
            metadata_by_asset[table_name] |= _delivery_metadata(pipeline, table_sources, table_deliveries)
            data_version = DataVersion(hashlib.sha256((input_fingerprints[table_name] or "").encode()).hexdigest())
            for asset_name, asset_metadata in metadata_by_asset.items():
                numeric_metadata_by_asset[asset_name] = numeric_metadata(asset_metadata)
                yield MaterializeResult(asset_key=asset_name, metadata=asset_metadata, data_version=data_version)
            rule_counts = count_landed_rules(pipeline.lake, table, table_sources)
            docs_path = pipeline.settings.docs_path
            yield from evaluate_contract_checks(table, rule_counts, docs_path, is_unchanged=unchanged_state is not None)
            yield _check_accepted(table_name, pipeline, table_sources)
            yield _check_columns(table_name, pipeline, table_sources)
            yield _check_complete(table_name, pipeline, table_sources)
        write_asset_state(pipeline.lake.root, AssetState(op_name, input_fingerprints, {}, numeric_metadata_by_asset))

    return land


def _list_check_specs(table_entries_by_name: RawTables) -> list[AssetCheckSpec]:
    """The checks of raw tables: those of their deliveries, then those of their contracts."""
    delivery_check_specs = [
        AssetCheckSpec(check_name, asset=table_name, description=description)
        for table_name in table_entries_by_name
        for check_name, description in _DESCRIPTION_BY_CHECK.items()
    ]
    tables = [table for _, table, _ in table_entries_by_name.values()]
    return [*delivery_check_specs, *(check_spec for table in tables for check_spec in contract_check_specs(table))]


def _freshness_policy(sources: list[SourceConfig]) -> FreshnessPolicy | None:
    """A table is late as soon as its most frequent source is."""
    freshness_days = [source.freshness_days for source in sources if source.freshness_days is not None]
    if not freshness_days:
        return None
    freshness_window = timedelta(days=min(freshness_days))
    return FreshnessPolicy.time_window(fail_window=2 * freshness_window, warn_window=freshness_window)


def _land_files(
    context: AssetExecutionContext, pipeline: PipelineResource, sources: list[SourceConfig]
) -> list[LandedFile]:
    """Land the files of a run's days, warn of refused ones, and record the ledger if it changed."""
    deliveries = [
        delivery
        for landing_context, is_chosen_file in _split_days(context, pipeline)
        for source in sources
        for delivery in land_source(landing_context, source, is_chosen_file)
    ]
    delete_landing_copies(pipeline, sources)
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
    """A landing context per delivery day, and a test of which files it lands: today all, an earlier day its own."""
    now, run_context = datetime.now(UTC), RunContext(context.run.tags, pipeline.complete_runs)
    landing_context = LandingContext(
        lake=pipeline.lake,
        landing_folder=pipeline.landing_folder,
        delivery_day=now.date(),
        landed_at=now,
        allow_row_count_drop=run_context.allows_row_count_drop,
        progress=context.log.info,
        suppress=suppress_erased(pipeline),
    )
    for delivery_day in delivery_days(context) or [landing_context.delivery_day]:
        yield (
            replace(landing_context, delivery_day=delivery_day),
            partial(_is_landed_on, delivery_day, landing_context.delivery_day),
        )


def _is_landed_on(delivery_day: date, today: date, landing_path: Path) -> bool:
    return delivery_day >= today or day_of_file(landing_path) == delivery_day


def _name_assets(table: Table) -> tuple[str, str]:
    return table.name, quarantine_table(table.name).name


def _read_metadata(
    pipeline: PipelineResource,
    shape: CanonicalSchemaName,
    table: Table,
    sources: list[SourceConfig],
    deliveries: list[LandedFile],
) -> dict[str, dict[str, Any]]:
    """Metadata of a raw table and of its quarantine, by name."""
    current_rows = scan_current_rows(pipeline.lake, table, shape, sources)
    rejected_rows = scan_quarantine(pipeline.lake, table, sources).collect()
    newest_time_expressions = [
        pl.col(column).max().alias("newest") for column in TIME_COLUMNS if column in table.column_names
    ][:1]
    # both queries at once, so that the current deliveries are found once
    count_row, first_rows = pl.collect_all(
        [current_rows.select(pl.len().alias("rows"), *newest_time_expressions), current_rows.head(PREVIEW_ROWS)]
    )
    row_count, newest_moment = count_row["rows"][0], count_row["newest"][0] if newest_time_expressions else None
    total_count = row_count + rejected_rows.height
    columns_left_out = sorted({column for delivery in deliveries for column in delivery.columns_left_out})
    broken_rules = (
        rejected_rows.explode("failed_rules").group_by("failed_rules").len("rows").sort("rows", descending=True)
    )
    rule_lines = [
        f"| `{rule.replace('|', '¦')}` | {broken_count:,} |" for rule, broken_count in broken_rules.iter_rows()
    ]
    raw_name, quarantine_name = _name_assets(table)
    return {
        raw_name: {
            "dagster/row_count": row_count,
            "quarantined_count": rejected_rows.height,
            "quarantined_share": rejected_rows.height / total_count if total_count else 0.0,
            **(
                {"newest_event": MetadataValue.timestamp(newest_moment.timestamp())}
                if isinstance(newest_moment, datetime)
                else {}
            ),
            "columns_left_out": MetadataValue.md(", ".join(f"`{column}`" for column in columns_left_out) or "none"),
            "preview": preview_rows(first_rows, table),
        },
        quarantine_name: {
            "dagster/row_count": rejected_rows.height,
            "broken_rules": MetadataValue.md("\n".join(["| rule | rows |", "|---|---:|", *rule_lines])),
        },
    }


def _delivery_metadata(
    pipeline: PipelineResource, sources: list[SourceConfig], deliveries: list[LandedFile]
) -> dict[str, Any]:
    """The files of this run, and the notices of the sources. Files that were landed before are only counted."""
    ledger = read_ledger(pipeline.lake)
    notices = [notice for source in sources for notice in find_notices(ledger, source.name)]
    delivery_lines = ["| source | file | status | good | bad | reason |", "|---|---|---|---:|---:|---|"]
    delivery_lines += [
        f"| {new_delivery.source_name} | {new_delivery.file_name} | {new_delivery.status} "
        f"| {new_delivery.good_count:,} | {new_delivery.bad_count:,} | {new_delivery.reason or ''} |"
        for new_delivery in [delivery for delivery in deliveries if delivery.status != "already_landed"][
            :_MAX_LISTED_ENTRIES
        ]
    ]
    return {
        "files": len(deliveries),
        "new_files": sum(delivery.status == "landed" for delivery in deliveries),
        "refused_files": sum(delivery.status == "refused" for delivery in deliveries),
        "deliveries": MetadataValue.md("\n".join(delivery_lines)),
        "notices": MetadataValue.md("\n".join(f"- {notice}" for notice in notices) or "none"),
        "unknown_words": MetadataValue.md(_describe_unknown_words(deliveries)),
    }


def _describe_unknown_words(deliveries: list[LandedFile]) -> str:
    """The words of this run's files that no table declares, with the line of footsteps.yaml that settles each.

    Only the first `_MAX_LISTED_ENTRIES` of them are listed.
    """
    words_with_source = [
        (delivery.source_name, unknown_word) for delivery in deliveries for unknown_word in delivery.unknown_words
    ]
    table_lines = ["| source | records | line of footsteps.yaml |", "|---|---:|---|"]
    table_lines += [
        f"| {source_name} | {unknown_word.count:,} | `{unknown_word.sentence}` |"
        for source_name, unknown_word in words_with_source[:_MAX_LISTED_ENTRIES]
    ]
    return "\n".join(table_lines) if words_with_source else "none"


def _check_accepted(table_name: str, pipeline: PipelineResource, sources: list[SourceConfig]) -> AssetCheckResult:
    """Whether no refusal of a file is open, of this run or of an earlier one."""
    ledger, landing_folder = read_ledger(pipeline.lake), pipeline.landing_folder
    reasons = [
        reason for source in sources for reason in find_open_refusals(ledger, source, landing_folder)["delivery_reason"]
    ]
    reason_list = "\n".join(f"- {reason}" for reason in reasons)
    return AssetCheckResult(
        asset_key=table_name,
        check_name=ACCEPTED,
        passed=not reasons,
        severity=AssetCheckSeverity.WARN,
        description=reasons[0] if reasons else "no refused file",
        metadata={"refused": len(reasons), "reasons": MetadataValue.md(reason_list or "none")},
    )


def _check_columns(table_name: str, pipeline: PipelineResource, sources: list[SourceConfig]) -> AssetCheckResult:
    """Check that the last file of each source has no column that nothing reads and that the file before lacks."""
    ledger = read_ledger(pipeline.lake)
    new_columns = {column for source in sources for column in find_new_columns(ledger, source.name)}
    column_list = ", ".join(sorted(new_columns))
    return AssetCheckResult(
        asset_key=table_name,
        check_name=KNOWN_COLUMNS,
        passed=not new_columns,
        severity=AssetCheckSeverity.WARN,
        description=f"new and not read: {column_list}; map what is needed in footsteps.yaml"
        if new_columns
        else "nothing new",
        metadata={"new_columns": len(new_columns), "columns": MetadataValue.md(column_list or "none")},
    )


def _check_complete(table_name: str, pipeline: PipelineResource, sources: list[SourceConfig]) -> AssetCheckResult:
    """Whether the rows read of each landed file are those kept, set aside and passed over."""
    landed_counts = count_landed_rows(pipeline.lake, sources)
    incomplete_sentences = [
        f"{file_counts.source_name}: {file_counts.file_name}: {file_counts.read_count:,} rows read are not "
        f"{file_counts.kept_count:,} kept, "
        f"{file_counts.set_aside_count:,} set aside and {file_counts.passed_over_count:,} passed over"
        for file_counts in landed_counts
        if not file_counts.is_complete
    ]
    return AssetCheckResult(
        asset_key=table_name,
        check_name=COMPLETE,
        passed=not incomplete_sentences,
        severity=AssetCheckSeverity.ERROR,
        description=incomplete_sentences[0] if incomplete_sentences else f"{len(landed_counts):,} files",
        metadata={
            "rows_read": sum(file_counts.read_count for file_counts in landed_counts),
            "rows_kept": sum(file_counts.kept_count for file_counts in landed_counts),
            "rows_set_aside": sum(file_counts.set_aside_count for file_counts in landed_counts),
            "rows_passed_over": sum(file_counts.passed_over_count for file_counts in landed_counts),
            "incomplete_files": MetadataValue.md(
                "\n".join(f"- {sentence}" for sentence in incomplete_sentences[:_MAX_LISTED_ENTRIES]) or "none"
            ),
        },
    )
