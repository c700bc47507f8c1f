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

from assets.resources.metadata import spec_of
from assets.resources.pipeline import Night
from pipelines.config.company import Config
from pipelines.contracts.output_tables import SNAPSHOT, WAY_IN
from pipelines.publish.targets import Publication, Published, configured_ways, publish_way
from pipelines.snapshots.writer import current_snapshot


def publication_assets(config: Config) -> list[AssetsDefinition]:
    """The ways in that footsteps.yaml asks for, as one table with a check for each."""
    ways = configured_ways(config.publish)
    checks = [
        AssetCheckSpec(f"{way}_is_published", asset=WAY_IN.name, description=f"{way} holds the current snapshot.")
        for way in ways
    ]

    @multi_asset(name="publish_ways", specs=[spec_of(WAY_IN, deps=[SNAPSHOT.name])], check_specs=checks)
    def ways_in(night: Night) -> Iterator[Any]:
        publication = publication_of(night)
        found = [publish_way(way, publication) for way in ways]
        yield night.materialize(WAY_IN, _rows(publication, found, night.settings.root))
        yield from (_result(publication, one) for one in found)

    return [ways_in]


def publication_of(night: Night) -> Publication:
    """What the ways in are made from: the snapshot that the pointer names, and the lake beside it."""
    settings, config = night.settings, night.config
    snapshot = current_snapshot(settings.published_path)
    return Publication(
        snapshot, night.lake, config.publish, config.company, datetime.now(UTC), settings.published_path / "site"
    )


def _rows(publication: Publication, found: list[Published], root: Path) -> pl.DataFrame:
    """One row a way; what lies under the data root is named from there on, so that a moved root says the same."""
    inside = f"{root}/"
    rows = [
        (one.way, publication.snapshot.snapshot_id, one.location.removeprefix(inside), one.problem) for one in found
    ]
    return pl.DataFrame(rows, schema=WAY_IN.schema, orient="row")


def _result(publication: Publication, one: Published) -> AssetCheckResult:
    return AssetCheckResult(
        asset_key=WAY_IN.name,
        check_name=f"{one.way}_is_published",
        passed=one.problem is None,
        severity=AssetCheckSeverity.WARN,
        description=one.problem or one.location,
        metadata={"snapshot_id": publication.snapshot.snapshot_id, "location": one.location},
    )
