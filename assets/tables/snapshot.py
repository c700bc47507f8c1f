"""The publication as an asset: every published table under one id, behind one pointer.

Belongs here: the night's stamps, the moving of the pointer and the record of it.
Does not belong here: how a published table is made (`assets.tables.recommendations` and its neighbours), how a
snapshot is kept
(`pipelines.publish`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult

from assets.incremental.incremental_asset import incremental_asset
from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import PUBLISHED_TABLES, SNAPSHOT
from pipelines.snapshots.reader import Snapshot
from pipelines.snapshots.release_checks import reject_email_addresses
from pipelines.snapshots.row_metadata import RowMetadata, assign_snapshot_id, hash_extended_content
from pipelines.snapshots.writer import publish_snapshot, remove_expired_snapshots


def snapshot_assets() -> list[AssetsDefinition]:
    """The publication of the night."""
    return [snapshot]


@incremental_asset(
    name="publish",
    specs=[build_asset_spec(SNAPSHOT, deps=[table.name for table in PUBLISHED_TABLES])],
    by_day="as_at_night",
    also=lambda pipeline, context: str(pipeline.renewed_until(context)),
)
def snapshot(context: AssetExecutionContext, pipeline: PipelineResource) -> Iterator[MaterializeResult[None]]:
    """Move the pointer that readers follow to this night's tables, all at once."""
    published = publish_tables(context, pipeline)
    yield pipeline.materialize(SNAPSHOT, snapshot_rows(published))
    pipeline.record_complete_run(context)


def build_row_metadata(context: AssetExecutionContext, pipeline: PipelineResource) -> RowMetadata:
    """What rows made now are stamped with; a table with a model_version must depend on the model's card."""
    versions = pipeline.read(MODEL_CARD)["model_version"]
    policy = pipeline.config.policy
    return RowMetadata(
        pipeline.as_of(context), policy.valid_days, policy.version, versions[0] if versions.len() else None
    )


def publish_tables(context: AssetExecutionContext, pipeline: PipelineResource) -> Snapshot:
    """Publish the lake's out tables as one snapshot."""
    frames = {table: pipeline.read(table) for table in PUBLISHED_TABLES}
    contents = {table: pipeline.lake.content_hash(table) for table in PUBLISHED_TABLES}
    if (until := pipeline.renewed_until(context)) is not None:
        for table, frame in frames.items():
            if frame.filter(pl.col("valid_until") < until).height:
                held = pl.max_horizontal("valid_until", pl.lit(until)).alias("valid_until")
                frames[table], content = frame.with_columns(held), contents[table]
                contents[table] = hash_extended_content(content, until) if content else None
    named = assign_snapshot_id(frames, pipeline.as_of(context), pipeline.config.policy.valid_days, contents)
    reject_email_addresses(frames)
    folder, now = pipeline.settings.published_path, datetime.now(UTC)
    kept = [table for table, content in contents.items() if content]
    published = publish_snapshot(folder, named.frames, named.snapshot_id, named.as_of, named.valid_until, now, kept)
    remove_expired_snapshots(folder, pipeline.config.publish.retention_days, now)
    return published


def snapshot_rows(published: Snapshot) -> pl.DataFrame:
    """One row per published table."""
    return pl.DataFrame(
        [
            (one.name, published.snapshot_id, published.as_of, published.valid_until, one.rows, one.content_sha256)
            for one in published.tables
        ],
        schema=SNAPSHOT.schema,
        orient="row",
    )
