"""Which files are new in the landing folder, and which assets and checks a run for them needs.

Belongs here: the comparison of the folder with the ledger, and the selection for incremental runs and renewals.
Does not belong here: landing (`pipelines.ingest.landing`), when a run starts (`assets.automation.sensors`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster import AssetCheckKey, AssetKey, AssetsDefinition, AssetSpec

from assets.incremental.incremental_asset import INCREMENTAL_MODE_TAG
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import SourceConfig
from pipelines.contracts.catalog import ORIGIN
from pipelines.contracts.craft_tables import TEACHING_LINE
from pipelines.contracts.output_tables import COMPANION, PUBLISH_TARGET, SHOWN_COMPANION, SNAPSHOT
from pipelines.core.conform import CORE_TABLE_BY_SHAPE
from pipelines.ingest.deliveries import list_raw_tables, read_ledger
from pipelines.ingest.fetch_targets import list_fetch_targets
from pipelines.ingest.fetching import list_new_files
from pipelines.ingest.landing import list_landing_files
from pipelines.ingest.origins.origin import OriginUnreadable
from pipelines.ingest.read_contents import find_read_contents
from pipelines.storage.atomic_write import file_sha256

# Shapes that can change every core table. Other shapes change only their own.
_IDENTITY_SHAPES = {"person", "account"}


@dataclass(frozen=True)
class NewFile:
    """A file that landing would read under the present mapping of its source, or a full export that returns."""

    source: SourceConfig
    path: Path


@dataclass(frozen=True)
class NewRemoteFile:
    """A file at an origin that no run has fetched; `source_names` read it, and `version` changes if the file does."""

    source_names: tuple[str, ...]
    version: str


@dataclass(frozen=True)
class Selection:
    """The assets and checks of a run. `has_landing` tells whether the run reads files."""

    assets: tuple[AssetKey, ...]
    checks: tuple[AssetCheckKey, ...]
    has_landing: bool = True

    def join(self, other_selection: "Selection") -> "Selection":
        """What both select together."""
        has_landing = self.has_landing or other_selection.has_landing
        return Selection((*self.assets, *other_selection.assets), (*self.checks, *other_selection.checks), has_landing)


def find_new_files(pipeline: PipelineResource) -> list[NewFile]:
    """The files of declared sources that no run has landed or refused yet, and full exports that return."""
    delivery_ledger = read_ledger(pipeline.lake)
    known_contents_by_source = {
        source.name: find_read_contents(delivery_ledger, source) for source in pipeline.config.sources
    }
    return [
        NewFile(source, landing_path)
        for source in pipeline.config.sources
        for landing_path in list_landing_files(pipeline.landing_folder, source.path)
        if not known_contents_by_source[source.name].includes(landing_path.name, file_sha256(landing_path))
    ]


def find_new_remote_files(pipeline: PipelineResource) -> tuple[list[NewRemoteFile], list[str]]:
    """Look for files that no run has fetched, at every origin of footsteps.yaml.

    Returns:
        The new files, and one sentence per origin that could not be listed.
    """
    new_remote_files, origin_problems = [], []
    for fetch_target in list_fetch_targets(pipeline.config):
        try:
            for remote_file in list_new_files(fetch_target, pipeline.lake, pipeline.landing_folder):
                size_and_time = f"{remote_file.size_bytes}:{remote_file.modified_at.isoformat()}"
                file_version = f"{fetch_target.name}:{remote_file.name}:{size_and_time}"
                new_remote_files.append(NewRemoteFile(tuple(fetch_target.find_sources(remote_file)), file_version))
        except OriginUnreadable as failure:
            origin_problems.append(f"{fetch_target.name}: {failure}")
    return new_remote_files, origin_problems


def select_fetch(all_assets: Sequence[AssetsDefinition | AssetSpec]) -> Selection:
    """The step that fetches exports; empty if footsteps.yaml names no origin."""
    fetch_assets = [
        asset_definition
        for asset_definition in all_assets
        if isinstance(asset_definition, AssetsDefinition) and AssetKey(ORIGIN.name) in asset_definition.keys
    ]
    asset_keys = tuple(asset_key for asset_definition in fetch_assets for asset_key in asset_definition.keys)
    check_keys = tuple(check_key for asset_definition in fetch_assets for check_key in asset_definition.check_keys)
    return Selection(asset_keys, check_keys, has_landing=False)


def select_incremental(
    all_assets: Sequence[AssetsDefinition | AssetSpec], changed_sources: Sequence[SourceConfig]
) -> Selection:
    """Select the assets of a run that updates only the people whom the new files of some sources are about.

    Args:
        all_assets: All assets.
        changed_sources: The sources that have new files.

    Returns:
        The landing of these sources and every asset that can be updated in part, with the checks of their tables.
    """
    affected_shape_names = {shape_name for source in changed_sources for shape_name in list_raw_tables(source)}
    landing_op_names = {f"land_{source.system}" for source in changed_sources}
    unaffected_asset_keys = {
        AssetKey(table.name)
        for shape_name, table in CORE_TABLE_BY_SHAPE.items()
        if shape_name not in affected_shape_names
    }
    if affected_shape_names & _IDENTITY_SHAPES:
        unaffected_asset_keys = set()

    def is_selected(asset: AssetsDefinition) -> bool:
        is_updatable = all(asset_spec.tags.get(INCREMENTAL_MODE_TAG, "skip") != "skip" for asset_spec in asset.specs)
        is_affected = is_updatable and not asset.keys & unaffected_asset_keys
        return asset.op.name in landing_op_names or is_affected or _is_publish_target(asset)

    selected_assets = [asset for asset in all_assets if isinstance(asset, AssetsDefinition) and is_selected(asset)]
    asset_keys = tuple(asset_key for asset in selected_assets for asset_key in asset.keys)
    return Selection(asset_keys, tuple(check_key for asset in selected_assets for check_key in asset.check_keys))


def select_renewal(all_assets: Sequence[AssetsDefinition | AssetSpec]) -> Selection:
    """Select what a run needs to extend the validity of published rows when no input is new.

    It includes the companions and the record of whom they were shown to: a companion whose consent ends before the
    extended validity is removed.
    """
    renewed_tables = (SNAPSHOT, COMPANION, SHOWN_COMPANION, TEACHING_LINE)
    renewed_keys = {AssetKey(table.name) for table in renewed_tables}
    asset_definitions = [asset for asset in all_assets if isinstance(asset, AssetsDefinition)]
    selected_assets = [asset for asset in asset_definitions if renewed_keys & asset.keys or _is_publish_target(asset)]
    asset_keys = tuple(asset_key for asset in selected_assets for asset_key in asset.keys)
    check_keys = tuple(check_key for asset in selected_assets for check_key in asset.check_keys)
    return Selection(asset_keys, check_keys, has_landing=False)


def _is_publish_target(asset: AssetsDefinition) -> bool:
    """Whether the asset publishes the current snapshot to further targets."""
    return AssetKey(PUBLISH_TARGET.name) in asset.keys
