"""Folders and day of a run: typed settings from environment variables FOOTSTEPS_….

Belongs here: paths under the data root, and the names of the variables.
Does not belong here: what the company declares in footsteps.yaml (`pipelines.config.company`).
"""

from datetime import date
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of one run. The environment variable of a field is FOOTSTEPS_ and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix="FOOTSTEPS_", frozen=True)

    data_root: Path = Path(".footsteps/demo")
    config: Path | None = None
    landing: Path | None = None
    as_of: date | None = None

    @property
    def root(self) -> Path:
        """The data root, absolute."""
        return self.data_root.expanduser().resolve()

    @property
    def config_path(self) -> Path:
        """The company's footsteps.yaml."""
        return (self.config or self.root / "footsteps.yaml").expanduser().resolve()

    @property
    def lock_path(self) -> Path:
        """The file that a process locks while it writes to the data root."""
        return self.root / ".writing"

    @property
    def lake_path(self) -> Path:
        """Folder of the lake's tables."""
        return self.root / "lake"

    @property
    def published_path(self) -> Path:
        """Folder of the published snapshots and their pointer."""
        return self.root / "published"

    @property
    def models_path(self) -> Path:
        """Folder of the model bundles."""
        return self.root / "models"

    @property
    def docs_path(self) -> Path:
        """Folder of the Data Docs."""
        return self.root / "data_docs"

    @property
    def dagster_home(self) -> Path:
        """Dagster's home: runs, events and schedules."""
        return self.root / "dagster_home"
