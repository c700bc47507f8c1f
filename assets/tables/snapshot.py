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

from assets.incremental.incremental_asset import step
from assets.resources.metadata import spec_of
from assets.resources.pipeline import Night
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import PUBLISHED, SNAPSHOT
from pipelines.snapshots.release_checks import refuse_addresses
from pipelines.snapshots.row_metadata import Stamps, name_snapshot, renewed
from pipelines.snapshots.writer import Snapshot, drop_expired, publish_snapshot


def snapshot_assets() -> list[AssetsDefinition]:
    """The publication of the night."""
    return [snapshot]


@step(
    name="publish", specs=[spec_of(SNAPSHOT, deps=[table.name for table in PUBLISHED])], by_day="as_at_night",
    also=lambda night, context: str(night.renewed_until(context)),
)  # fmt: skip
def snapshot(context: AssetExecutionContext, night: Night) -> Iterator[MaterializeResult[None]]:
    """Move the pointer that readers follow to this night's tables, all at once."""
    published = publish_tables(context, night)
    yield night.materialize(SNAPSHOT, snapshot_rows(published))
    night.end_night(context)


def stamps_of(context: AssetExecutionContext, night: Night) -> Stamps:
    """What rows made now are stamped with; a table with a model_version must depend on the model's card."""
    versions = night.read(MODEL_CARD)["model_version"]
    policy = night.config.policy
    return Stamps(night.as_of(context), policy.valid_days, policy.version, versions[0] if versions.len() else None)


def publish_tables(context: AssetExecutionContext, night: Night) -> Snapshot:
    """Publish the lake's out tables as one snapshot."""
    frames = {table: night.read(table) for table in PUBLISHED}
    contents = {table: night.lake.content(table) for table in PUBLISHED}
    if (until := night.renewed_until(context)) is not None:
        for table, frame in frames.items():
            if frame.filter(pl.col("valid_until") < until).height:
                held = pl.max_horizontal("valid_until", pl.lit(until)).alias("valid_until")
                frames[table], content = frame.with_columns(held), contents[table]
                contents[table] = renewed(content, until) if content else None
    named = name_snapshot(frames, night.as_of(context), night.config.policy.valid_days, contents)
    refuse_addresses(frames)
    folder, now = night.settings.published_path, datetime.now(UTC)
    kept = [table for table, content in contents.items() if content]
    published = publish_snapshot(folder, named.frames, named.snapshot_id, named.as_of, named.valid_until, now, kept)
    drop_expired(folder, night.config.publish.retention_days, now)
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
