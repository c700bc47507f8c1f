"""What is fetched: the origins that footsteps.yaml names, and the part of the landing folder that each fills.

Belongs here: from the configuration to one target per origin, and which files of an origin it names.
Does not belong here: copying them (`pipelines.ingest.fetching`), connecting (`pipelines.ingest.origins`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from pipelines.config.company import Config
from pipelines.config.fetch import FetchOptions, bucket_fetch_options, split_landing_pattern
from pipelines.ingest.landing import DONE_SUFFIX
from pipelines.ingest.origins.origin import RemoteFile, is_hidden, matches_pattern
from pipelines.sources.adapter import get_adapter

# The target of `publish.object_store` with `landing: true`; it feeds every source.
BUCKET_TARGET = "publish_object_store"


@dataclass(frozen=True)
class FetchTarget:
    """An origin and the part of the landing folder that it fills.

    Attributes:
        name: Name of the source, or `BUCKET_TARGET`.
        options: The `fetch` section.
        folder: Folder in the landing folder; empty for the landing folder itself.
        pattern: The files below the url that are fetched.
        source_paths: `path` of each source that reads the files, by its name.
        quiet_seconds: A file that changed within this time may still be written.
        manifest: Name of a file that is fetched in addition, because the system reads it with its exports.
    """

    name: str
    options: FetchOptions
    folder: str
    pattern: str
    source_paths: Mapping[str, str]
    quiet_seconds: float
    manifest: str | None = None

    def landing_name(self, remote_file: RemoteFile) -> str:
        """The name of a file of the origin in the landing folder."""
        return f"{self.folder}/{remote_file.name}" if self.folder else remote_file.name

    def is_wanted(self, remote_name: str) -> bool:
        """Whether a file of the origin is one that the section names."""
        if is_hidden(remote_name) or remote_name.endswith(DONE_SUFFIX):
            return False
        return matches_pattern(remote_name, self.pattern) or PurePosixPath(remote_name).name == self.manifest

    def find_sources(self, remote_file: RemoteFile) -> list[str]:
        """Names of the sources that read a file of the origin once it is in the landing folder."""
        landed_name = self.landing_name(remote_file)
        return [
            source_name
            for source_name, source_path in self.source_paths.items()
            if matches_pattern(landed_name, source_path)
        ]

    def is_read(self, remote_file: RemoteFile) -> bool:
        """Whether a source reads the file; of a bucket with all exports also what no source reads is fetched."""
        is_manifest = PurePosixPath(remote_file.name).name == self.manifest
        return is_manifest or self.name == BUCKET_TARGET or bool(self.find_sources(remote_file))


def list_fetch_targets(config: Config) -> list[FetchTarget]:
    """The origins that footsteps.yaml names: one per source that has `fetch`, and the bucket of `publish`."""
    targets = []
    for source in config.sources:
        if source.fetch is not None:
            folder, pattern = split_landing_pattern(source.path)
            targets.append(
                FetchTarget(
                    name=source.name,
                    options=source.fetch,
                    folder=folder,
                    pattern=source.fetch.pattern or pattern,
                    source_paths={source.name: source.path},
                    quiet_seconds=config.quiet_seconds,
                    manifest=get_adapter(source.system).manifest,
                )
            )
    bucket = config.publish.object_store
    if bucket is not None and bucket.landing:
        path_by_source = {source.name: source.path for source in config.sources}
        bucket_options = bucket_fetch_options(bucket)
        targets.append(FetchTarget(BUCKET_TARGET, bucket_options, "", "**/*", path_by_source, config.quiet_seconds))
    return targets


def list_fed_sources(targets: Iterable[FetchTarget]) -> set[str]:
    """Names of the sources that read what is fetched."""
    return {source_name for target in targets for source_name in target.source_paths}
