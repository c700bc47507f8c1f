"""The snapshot: every published table under one id, behind one pointer that readers follow.

Belongs here: the metadata of published rows, and the publication of a snapshot.
Does not belong here: the rows of published tables (`assets.tables.recommendations` and its neighbours), how a snapshot
is stored (`pipelines.snapshots`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl
from dagster import AssetsDefinition, MaterializeResult

from assets.incremental.asset_run import AssetRun
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.table_reader import TableReader
from assets.tables.objections import read_objections
from assets.tables.publish_targets import target_publication
from pipelines.config.company import Config
from pipelines.contracts.feature_tables import MODEL_CARD
from pipelines.contracts.output_tables import PUBLISHED_TABLES, SNAPSHOT
from pipelines.contracts.table import Table
from pipelines.core.objections import Objections
from pipelines.privacy.published_rows import rewrite_delta_logs
from pipelines.snapshots.reader import Snapshot
from pipelines.snapshots.release_checks import reject_email_addresses
from pipelines.snapshots.row_metadata import RowMetadata, add_row_metadata, assign_snapshot_id, hash_extended_content
from pipelines.snapshots.writer import publish_snapshot, remove_expired_snapshots
from pipelines.storage.file_access import readable_by


@dataclass(frozen=True)
class PublicationTerms:
    """What withholds and completes the published rows of a run.

    Attributes:
        objections: What people object to.
        row_metadata: What every published row has.
    """

    objections: Objections
    row_metadata: RowMetadata

    def complete(self, table: Table, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows that may be published, with their snapshot, dates and versions.

        Args:
            table: Contract of the published table.
            rows: Its rows, without the columns that every published row has.
        """
        return add_row_metadata(table, self.objections.withhold(table, rows), self.row_metadata)


def snapshot_assets(config: Config) -> list[AssetsDefinition]:
    """The snapshot of a run, and its publication to further targets."""

    @incremental_asset(
        name="publish",
        tables=[SNAPSHOT],
        reads=PUBLISHED_TABLES,
        incremental_mode="as_complete_run",
        extra_fingerprint=lambda run: str(run.context.renewed_until),
        follow_up=target_publication(config),
    )
    def snapshot(run: AssetRun) -> Results:
        """Publish the tables of this run together: the pointer moves to all of them at once; then each target."""
        yield _materialize_snapshot(run)

    return [snapshot]


def materialize_output(run: AssetRun, table: Table, rows: pl.DataFrame) -> "MaterializeResult[None]":
    """Write rows of a published table with their snapshot, dates and versions.

    Args:
        run: The execution of the asset, which must declare that it reads the model card and `OBJECTION_TABLES`.
        table: Contract of the published table.
        rows: Its rows, without the columns that every published row has. What people object to is withheld here.
    """
    return run.materialize(table, read_publication_terms(run).complete(table, rows))


def materialize_outputs_by_people(
    run: AssetRun, tables: Sequence[Table], compute_rows: Callable[[TableReader], Sequence[pl.DataFrame]]
) -> "Iterator[MaterializeResult[None]]":
    """Write rows of published tables as `materialize_output` does, one range of people after the other.

    Args:
        run: As in `materialize_output`.
        tables: Contracts of the published tables, each partitioned by person.
        compute_rows: As in `AssetRun.materialize_by_people`, without the columns that every published row has.
    """
    publication_terms = read_publication_terms(run)

    def compute_complete_rows(reader: TableReader) -> list[pl.DataFrame]:
        return [
            publication_terms.complete(table, rows) for table, rows in zip(tables, compute_rows(reader), strict=True)
        ]

    return run.materialize_by_people(tables, compute_complete_rows)


def read_publication_terms(run: AssetRun) -> PublicationTerms:
    """Read what withholds and completes the published rows of a run.

    Args:
        run: As in `materialize_output`.
    """
    model_versions, policy = run.tables.read(MODEL_CARD)["model_version"], run.config.policy
    model_version = model_versions[0] if model_versions.len() else None
    row_metadata = RowMetadata(run.as_of, policy.valid_days, policy.version, model_version)
    return PublicationTerms(read_objections(run.tables, run.as_of), row_metadata)


def _materialize_snapshot(run: AssetRun) -> "MaterializeResult[None]":
    """Publish the tables; a run that is not incremental is recorded as complete."""
    new_snapshot = _publish_tables(run)
    snapshot_rows = [
        (
            table.name,
            new_snapshot.snapshot_id,
            new_snapshot.as_of,
            new_snapshot.valid_until,
            table.rows,
            table.content_sha256,
        )
        for table in new_snapshot.tables
    ]
    materialization = run.materialize(SNAPSHOT, pl.DataFrame(snapshot_rows, schema=SNAPSHOT.schema, orient="row"))
    if not run.context.is_incremental:
        run.context.complete_runs.record(run.as_of)
    return materialization


def _publish_tables(run: AssetRun) -> Snapshot:
    """Publish the lake's published tables as one snapshot, with the validity of their rows extended."""
    rows_by_table: dict[Table, pl.LazyFrame] = {table: run.tables.scan(table) for table in PUBLISHED_TABLES}
    content_hashes = {table: run.tables.lake.content_hash(table) for table in PUBLISHED_TABLES}
    if (renewed_until := run.context.renewed_until) is not None:
        for table, rows in rows_by_table.items():
            ends_earlier = rows.filter(pl.col("valid_until") < renewed_until)
            if ends_earlier.select(pl.len()).collect().item():
                rows_by_table[table] = rows.with_columns(
                    pl.max_horizontal("valid_until", pl.lit(renewed_until)).alias("valid_until")
                )
                content_hash = content_hashes[table]
                content_hashes[table] = content_hash and hash_extended_content(content_hash, renewed_until)
    snapshot_content = assign_snapshot_id(rows_by_table, run.as_of, run.config.policy.valid_days, content_hashes)
    reject_email_addresses(rows_by_table)
    published_path, now = run.settings.published_path, datetime.now(UTC)
    hashed_tables = [table for table, content_hash in content_hashes.items() if content_hash]
    with readable_by(run.config.publish.group, published_path):
        new_snapshot = publish_snapshot(
            published_path,
            snapshot_content.rows_by_table,
            snapshot_content.snapshot_id,
            snapshot_content.as_of,
            snapshot_content.valid_until,
            now,
            hashed_tables,
        )
    is_held = bool(run.config.privacy.legal_holds)
    if remove_expired_snapshots(published_path, run.config.publish.retention_days, now, is_held=is_held):
        rewrite_delta_logs(published_path)  # the bounds of their rows in the logs go with them
    return new_snapshot
