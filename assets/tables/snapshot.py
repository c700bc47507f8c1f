"""The snapshot: every published table under one id, behind one pointer that readers follow.

Belongs here: the metadata of published rows, and the publication of a snapshot.
Does not belong here: the rows of published tables (`assets.tables.recommendations` and its neighbours), how a snapshot
is stored (`pipelines.snapshots`).
"""

from datetime import UTC, datetime

import polars as pl
from dagster import AssetExecutionContext, AssetsDefinition, MaterializeResult

from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.pipeline import PipelineResource
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import PUBLISHED_TABLES, SNAPSHOT
from pipelines.contracts.table import Table
from pipelines.snapshots.reader import Snapshot
from pipelines.snapshots.release_checks import reject_email_addresses
from pipelines.snapshots.row_metadata import RowMetadata, add_row_metadata, assign_snapshot_id, hash_extended_content
from pipelines.snapshots.writer import publish_snapshot, remove_expired_snapshots


def snapshot_assets() -> list[AssetsDefinition]:
    """The snapshot of a run."""
    return [snapshot]


def materialize_output(
    context: AssetExecutionContext, pipeline: PipelineResource, table: Table, rows: pl.DataFrame
) -> "MaterializeResult[None]":
    """Write rows of a published table with their snapshot, dates and versions.

    Args:
        context: The execution context.
        pipeline: The data root. A table with a model_version must depend on the model card.
        table: Contract of the published table.
        rows: Its rows, without the columns that every published row has.
    """
    versions, policy = pipeline.read(MODEL_CARD)["model_version"], pipeline.config.policy
    model_version = versions[0] if versions.len() else None
    metadata = RowMetadata(pipeline.as_of(context), policy.valid_days, policy.version, model_version)
    return pipeline.materialize(table, add_row_metadata(table, rows, metadata))


@incremental_asset(
    name="publish",
    tables=[SNAPSHOT],
    deps=PUBLISHED_TABLES,
    incremental_mode="as_complete_run",
    extra_fingerprint=lambda pipeline, context: str(pipeline.renewed_until(context)),
)
def snapshot(context: AssetExecutionContext, pipeline: PipelineResource) -> Results:
    """Publish the tables of this run together: the pointer moves to all of them at once."""
    published = _publish_tables(context, pipeline)
    rows = [
        (table.name, published.snapshot_id, published.as_of, published.valid_until, table.rows, table.content_sha256)
        for table in published.tables
    ]
    yield pipeline.materialize(SNAPSHOT, pl.DataFrame(rows, schema=SNAPSHOT.schema, orient="row"))
    pipeline.record_complete_run(context)


def _publish_tables(context: AssetExecutionContext, pipeline: PipelineResource) -> Snapshot:
    """Publish the lake's published tables as one snapshot, with the validity of their rows extended."""
    frames = {table: pipeline.read(table) for table in PUBLISHED_TABLES}
    contents = {table: pipeline.lake.content_hash(table) for table in PUBLISHED_TABLES}
    if (until := pipeline.renewed_until(context)) is not None:
        for table, frame in frames.items():
            if frame.filter(pl.col("valid_until") < until).height:
                frames[table] = frame.with_columns(pl.max_horizontal("valid_until", pl.lit(until)).alias("valid_until"))
                content = contents[table]
                contents[table] = content and hash_extended_content(content, until)
    named = assign_snapshot_id(frames, pipeline.as_of(context), pipeline.config.policy.valid_days, contents)
    reject_email_addresses(frames)
    folder, now = pipeline.settings.published_path, datetime.now(UTC)
    hashed = [table for table, content in contents.items() if content]
    published = publish_snapshot(folder, named.frames, named.snapshot_id, named.as_of, named.valid_until, now, hashed)
    remove_expired_snapshots(folder, pipeline.config.publish.retention_days, now)
    return published
