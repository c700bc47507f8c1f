"""The stores of one data root that hold personal data.

Belongs here: where the stores are.
Does not belong here: what is deleted from them (`erasure`, `retention`).
"""

from dataclasses import dataclass
from pathlib import Path

from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.storage.lake import Lake


@dataclass(frozen=True)
class DataRoot:
    """One data root with its configuration.

    Attributes:
        settings: Its paths.
        config: The company's footsteps.yaml.
        landing_folder: The folder into which exports are placed, within the data root or not.
    """

    settings: Settings
    config: Config
    landing_folder: Path

    @property
    def lake(self) -> Lake:
        """The lake."""
        return Lake(self.settings.lake_path)

    @property
    def path(self) -> Path:
        """The folder of the data root."""
        return self.settings.root

    @property
    def erased_people_path(self) -> Path | None:
        """The list of erased people that footsteps.yaml declares; None if it declares none."""
        declared_path = self.config.privacy.erased_people
        if declared_path is None:
            return None
        return (self.settings.config_path.parent / Path(declared_path).expanduser()).resolve()

    @property
    def journal_path(self) -> Path:
        """The journal of an erasure, which is there while the erasure is under way."""
        return self.path / ".erasing.json"

    @property
    def receipts_folder(self) -> Path | None:
        """The folder of receipts, next to the list of erased people."""
        return self.erased_people_path and self.erased_people_path.with_suffix(".receipts")

    @property
    def owns_landing(self) -> bool:
        """Whether the landing folder is part of the data root: only then are its files copies of ours."""
        return self.landing_folder.resolve().is_relative_to(self.path)
