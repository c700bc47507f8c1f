"""Publish targets: further ways to the published snapshot, such as PostgreSQL, the change feed and the pages.

Belongs here: what the UI shows of each target, above all a failure.
Does not belong here: published rows (`assets.tables.recommendations`), how a target is published (`pipelines.publish`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl
from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec, AssetsDefinition, multi_asset

from assets.resources.metadata import build_asset_spec
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import Config
from pipelines.contracts.output_tables import PUBLISH_TARGET, SNAPSHOT
from pipelines.publish.targets import PublishContext, configured_targets, publish_target
from pipelines.snapshots.reader import current_snapshot


def publish_target_assets(config: Config) -> list[AssetsDefinition]:
    """The targets that footsteps.yaml declares, as one table with a check for each."""
    targets = configured_targets(config.publish)

    @multi_asset(
        name="publish_targets",
        specs=[build_asset_spec(PUBLISH_TARGET, deps=[SNAPSHOT])],
        check_specs=[
            AssetCheckSpec(
                f"{target}_is_published", asset=PUBLISH_TARGET.name, description=f"{target} holds the current snapshot."
            )
            for target in targets
        ],
    )
    def publish_targets(pipeline: PipelineResource) -> Iterator[Any]:
        settings, config = pipeline.settings, pipeline.config
        snapshot = current_snapshot(settings.published_path)
        publication = PublishContext(
            snapshot, pipeline.lake, config.publish, config.company, datetime.now(UTC), settings.published_path / "site"
        )
        outcomes = [publish_target(target, publication) for target in targets]
        # locations are relative to the data root, so that the table stays the same if the root is moved
        rows = [
            (outcome.target, snapshot.snapshot_id, outcome.location.removeprefix(f"{settings.root}/"), outcome.problem)
            for outcome in outcomes
        ]
        yield pipeline.materialize(PUBLISH_TARGET, pl.DataFrame(rows, schema=PUBLISH_TARGET.schema, orient="row"))
        for outcome in outcomes:
            yield AssetCheckResult(
                asset_key=PUBLISH_TARGET.name,
                check_name=f"{outcome.target}_is_published",
                passed=outcome.problem is None,
                severity=AssetCheckSeverity.WARN,
                description=outcome.problem or outcome.location,
                metadata={"snapshot_id": snapshot.snapshot_id, "location": outcome.location},
            )

    return [publish_targets]
