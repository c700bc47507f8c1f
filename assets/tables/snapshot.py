"""The snapshot: every published table under one id, behind one pointer that readers follow.

Belongs here: the metadata of published rows, and the publication of a snapshot.
Does not belong here: the rows of published tables (`assets.tables.recommendations` and its neighbours), how a snapshot
is stored (`pipelines.snapshots`).
"""

from datetime import UTC, datetime

import polars as pl
from dagster import AssetsDefinition, MaterializeResult

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
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


def materialize_output(run: AssetRun, table: Table, rows: pl.DataFrame) -> "MaterializeResult[None]":
    """Write rows of a published table with their snapshot, dates and versions.

    Args:
        run: The execution of the asset, which must declare that it reads the model card.
        table: Contract of the published table.
        rows: Its rows, without the columns that every published row has.
    """
    versions, policy = run.tables.read(MODEL_CARD)["model_version"], run.config.policy
    model_version = versions[0] if versions.len() else None
    metadata = RowMetadata(run.as_of, policy.valid_days, policy.version, model_version)
    return run.materialize(table, add_row_metadata(table, rows, metadata))


@incremental_asset(
    name="publish",
    tables=[SNAPSHOT],
    reads=PUBLISHED_TABLES,
    incremental_mode="as_complete_run",
    extra_fingerprint=lambda run: str(run.context.renewed_until),
)
def snapshot(run: AssetRun) -> Results:
    """Publish the tables of this run together: the pointer moves to all of them at once."""
    published = _publish_tables(run)
    rows = [
        (table.name, published.snapshot_id, published.as_of, published.valid_until, table.rows, table.content_sha256)
        for table in published.tables
    ]
    yield run.materialize(SNAPSHOT, pl.DataFrame(rows, schema=SNAPSHOT.schema, orient="row"))
    if not run.context.is_incremental:
        run.context.complete_runs.record(run.as_of)


def _publish_tables(run: AssetRun) -> Snapshot:
    """Publish the lake's published tables as one snapshot, with the validity of their rows extended."""
    frames = {table: run.tables.read(table) for table in PUBLISHED_TABLES}
    contents = {table: run.tables.lake.content_hash(table) for table in PUBLISHED_TABLES}
    if (until := run.context.renewed_until) is not None:
        for table, frame in frames.items():
            if frame.filter(pl.col("valid_until") < until).height:
                frames[table] = frame.with_columns(pl.max_horizontal("valid_until", pl.lit(until)).alias("valid_until"))
                content = contents[table]
                contents[table] = content and hash_extended_content(content, until)
    named = assign_snapshot_id(frames, run.as_of, run.config.policy.valid_days, contents)
    reject_email_addresses(frames)
    folder, now = run.settings.published_path, datetime.now(UTC)
    hashed = [table for table, content in contents.items() if content]
    published = publish_snapshot(folder, named.frames, named.snapshot_id, named.as_of, named.valid_until, now, hashed)
    remove_expired_snapshots(folder, run.config.publish.retention_days, now)
    return published
