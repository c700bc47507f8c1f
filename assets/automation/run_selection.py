"""What lies in the landing folder that no run has carried through yet, and which steps a run for it needs.

Belongs here: the comparison of the folder with the ledger, and the selection of steps for a night and for a run by day.
Does not belong here: landing itself (`pipelines.ingest.landing`), when a run is started (`assets.automation.sensors`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from dagster import AssetCheckKey, AssetChecksDefinition, AssetKey, AssetsDefinition, AssetSpec

from assets.incremental.incremental_asset import INCREMENTAL_MODE_TAG
from assets.resources.pipeline import PipelineResource
from pipelines.config.company import SourceConfig
from pipelines.contracts.catalog import EVIDENCE
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, SHOWN_COMPANION, SNAPSHOT
from pipelines.core.conform import CORE_TABLE_BY_SHAPE
from pipelines.ingest.landing import list_landing_files, read_ledger, source_tables
from pipelines.storage.atomic_write import file_sha256

# Who somebody is bears on every table; other exports only on what was done.
_ABOUT_PEOPLE = ("person", "account")
_LIVE = ("as_at_night", "own")


@dataclass(frozen=True)
class NewFile:
    """A file of a source whose content the ledger does not know, under the mapping of today."""

    source: SourceConfig
    path: Path


@dataclass(frozen=True)
class Selection:
    """The assets and checks of a run; `lands` where files are read."""

    assets: tuple[AssetKey, ...]
    checks: tuple[AssetCheckKey, ...]
    has_landing: bool = True


def find_new_files(pipeline: PipelineResource, sources: Iterable[SourceConfig] | None = None) -> list[NewFile]:
    """The files that no run has landed or refused yet."""
    ledger = read_ledger(pipeline.lake)
    found = []
    for source in sources or pipeline.config.sources:
        mine = ledger.filter(pl.col("source_name") == source.name, pl.col("mapping_code") == source.mapping_code)
        known = set(mine["file_sha256"])
        files = list_landing_files(pipeline.landing_folder, source.path)
        found += [NewFile(source, path) for path in files if file_sha256(path) not in known]
    return found


def select_incremental(
    assets: Sequence[AssetsDefinition | AssetSpec],
    checks: Sequence[AssetChecksDefinition],
    sources: Sequence[SourceConfig],
) -> Selection:
    """The landing steps of these sources and what follows them by day, with the checks of what they can change.

    Raw and core tables are not judged again, their rows were split by the very rules; nor is every published one:
    what stands by itself is enforced as it is written, and a night judges the rest.
    """
    systems = {source.system for source in sources}
    shapes = {shape for source in sources for shape in source_tables(source)}
    waiting = {table.name for shape, table in CORE_TABLE_BY_SHAPE.items() if shape not in shapes}
    if shapes & set(_ABOUT_PEOPLE):
        waiting = set()
    chosen: list[AssetKey] = []
    beside: list[AssetCheckKey] = []
    for one in assets:
        if not isinstance(one, AssetsDefinition):
            continue  # the ledger, which landing writes
        names = {key.to_user_string() for key in one.keys}
        has_landing = one.op.name.removeprefix("land_") in systems and one.op.name.startswith("land_")
        live = all(spec.tags.get(INCREMENTAL_MODE_TAG) in _LIVE for spec in one.specs)
        if has_landing or (live and not names & waiting) or _follows_publication(one):
            chosen += one.keys
            beside += one.check_keys
    judged = {EVIDENCE.name, NEXT_SKILL.name}
    seen = {key.to_user_string() for key in chosen}
    judging = (
        key
        for check in checks
        for key in check.check_keys
        if (name := key.asset_key.to_user_string()) in seen and name in judged
    )
    return Selection(tuple(chosen), (*beside, *judging))


def select_renewal(assets: Sequence[AssetsDefinition | AssetSpec]) -> Selection:
    """The publication and what follows it: nothing came, so what is published holds for longer.

    The companions before it, and what is remembered of them: whose consent does not last as long is taken out.
    """
    renewed = {AssetKey(SNAPSHOT.name), AssetKey(COMPANION.name), AssetKey(SHOWN_COMPANION.name)}
    chosen = [
        one
        for one in assets
        if isinstance(one, AssetsDefinition) and (renewed & set(one.keys) or _follows_publication(one))
    ]
    ways = [one for one in chosen if _follows_publication(one)]
    keys = tuple(key for one in chosen for key in one.keys)
    return Selection(keys, tuple(key for one in ways for key in one.check_keys), has_landing=False)


def _follows_publication(one: AssetsDefinition) -> bool:
    """Whether it needs the published snapshot and nothing else: a further way to it."""
    return set(one.dependency_keys) == {AssetKey(SNAPSHOT.name)}
