"""Publication as an asset: each further way in, the change feed and the pages, once the pointer has moved.

Belongs here: what the UI is told of each way, above all where it failed.
Does not belong here: how rows are made (`assets.tables.recommendations`), how a way works (`pipelines.publish`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetsDefinition, multi_asset

from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import Config
from pipelines.contracts.output_tables import PUBLISH_TARGET, SNAPSHOT
from pipelines.publish.targets import PublishContext, PublishOutcome, configured_targets, publish_target
from pipelines.snapshots.reader import current_snapshot


def publish_target_assets(config: Config) -> list[AssetsDefinition]:
    """The ways in that footsteps.yaml asks for, as one table with a check for each."""
    ways = configured_targets(config.publish)
    checks = [
        AssetCheckSpec(
            f"{target}_is_published", asset=PUBLISH_TARGET.name, description=f"{target} holds the current snapshot."
        )
        for target in ways
    ]

    @multi_asset(
        name="publish_ways", specs=[build_asset_spec(PUBLISH_TARGET, deps=[SNAPSHOT.name])], check_specs=checks
    )
    def ways_in(pipeline: PipelineResource) -> Iterator[Any]:
        publication = build_publication(pipeline)
        found = [publish_target(target, publication) for target in ways]
        yield pipeline.materialize(PUBLISH_TARGET, _rows(publication, found, pipeline.settings.root))
        yield from (_result(publication, one) for one in found)

    return [ways_in]


def build_publication(pipeline: PipelineResource) -> PublishContext:
    """What the ways in are made from: the snapshot that the pointer names, and the lake beside it."""
    settings, config = pipeline.settings, pipeline.config
    snapshot = current_snapshot(settings.published_path)
    return PublishContext(
        snapshot, pipeline.lake, config.publish, config.company, datetime.now(UTC), settings.published_path / "site"
    )


def _rows(publication: PublishContext, found: list[PublishOutcome], root: Path) -> pl.DataFrame:
    """One row a way; what lies under the data root is named from there on, so that a moved root says the same."""
    inside = f"{root}/"
    rows = [
        (one.target, publication.snapshot.snapshot_id, one.location.removeprefix(inside), one.problem) for one in found
    ]
    return pl.DataFrame(rows, schema=PUBLISH_TARGET.schema, orient="row")


def _result(publication: PublishContext, one: PublishOutcome) -> AssetCheckResult:
    return AssetCheckResult(
        asset_key=PUBLISH_TARGET.name,
        check_name=f"{one.target}_is_published",
        passed=one.problem is None,
        severity=AssetCheckSeverity.WARN,
        description=one.problem or one.location,
        metadata={"snapshot_id": publication.snapshot.snapshot_id, "location": one.location},
    )
