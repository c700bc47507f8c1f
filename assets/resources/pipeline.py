"""The pipeline as a Dagster resource: the paths of one data root, its configuration, and the lock that a run holds.

Belongs here: what a run opens at its start and closes at its end.
Does not belong here: the days of a run (`run_context`), reading tables (`table_reader`).
"""

from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from dagster import ConfigurableResource, InitResourceContext
from pydantic import PrivateAttr

from assets.resources.complete_run import CompleteRuns
from assets.resources.lineage import report_lineage
from assets.resources.locking import exclusive_lock, keep_connections_open, remove_unfinished
from assets.resources.old_runs import delete_old_runs, read_location_name
from assets.resources.run_context import AS_OF_TAG
from assets.resources.table_reader import RunCache
from pipelines.config.company import Config, read_config
from pipelines.config.settings import Settings
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erasure import complete_erasures, erase_requested
from pipelines.privacy.retention import delete_due
from pipelines.storage.file_access import restrict_data_root
from pipelines.storage.lake import Lake


class PipelineResource(ConfigurableResource):  # type: ignore[type-arg]
    """Paths of one data root, as strings so that the UI can show and change them."""

    data_root: str
    config_path: str
    landing_path: str
    _cache: RunCache = PrivateAttr(default_factory=RunCache)

    @contextmanager
    def yield_for_execution(self, context: InitResourceContext) -> Generator["PipelineResource"]:
        """Wait until no other run writes to this data root, and keep others out until the run ends."""
        root = self.settings.root
        connection_keeper = keep_connections_open(context.instance) if context.instance else nullcontext()
        with exclusive_lock(self.settings.lock_path), connection_keeper:
            remove_unfinished(root)
            restrict_data_root(root, self.settings.published_path, self.config.publish.group)
            self._delete_before_run(context)
            try:
                with report_lineage(root, self.config, context.instance, context.run):
                    yield self
            finally:
                self._cache.clear()

    def _delete_before_run(self, context: InitResourceContext) -> None:
        """Complete erasures, erase whom landing files name, and delete what is due; its counts are logged."""
        now, privacy = datetime.now(UTC), self.config.privacy
        complete_erasures(self.data_stores, now)
        erase_requested(self.data_stores, now)
        as_of_text = context.run.tags.get(AS_OF_TAG) if context.run else None
        as_of = date.fromisoformat(as_of_text) if as_of_text else now.date()
        # in a run for an earlier day, rows are as old as on that day
        retention_report = delete_due(self.data_stores, min(as_of, now.date()))
        run_count = 0
        if context.instance and not privacy.legal_holds:
            location_name = read_location_name(context.run)
            run_count = delete_old_runs(context.instance, now, privacy.run_log_days, location_name)
        if context.log:
            for sentence in (retention_report.sentence, f"retention: deleted {run_count} old runs" * bool(run_count)):
                if sentence:
                    context.log.info(sentence)

    @cached_property
    def settings(self) -> Settings:
        """Paths under the data root."""
        return Settings(data_root=Path(self.data_root), config=Path(self.config_path))

    @cached_property
    def config(self) -> Config:
        """The company's footsteps.yaml. Raises ConfigError if it cannot be used."""
        return read_config(Path(self.config_path))

    @property
    def lake(self) -> Lake:
        """The lake of the data root."""
        return Lake(self.settings.lake_path)

    @property
    def data_stores(self) -> DataRoot:
        """The stores that hold personal data."""
        return DataRoot(self.settings, self.config, self.landing_folder)

    @property
    def landing_folder(self) -> Path:
        """The folder into which exports are placed; taxonomy paths are relative to it as well."""
        return Path(self.landing_path)

    @property
    def cache(self) -> RunCache:
        """What the run has loaded already."""
        return self._cache

    @cached_property
    def complete_runs(self) -> CompleteRuns:
        """The complete runs of the data root."""
        return CompleteRuns(self.lake, self.config, self.landing_folder, self._cache)
