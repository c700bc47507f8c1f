"""The section `dagster` of footsteps.yaml: where Dagster keeps its runs.

Belongs here: the form of the section.
Does not belong here: the settings of each profile (`assets/dagster.yaml`, `assets/dagster.production.yaml`).
"""

from typing import Literal

from pipelines.config.publish import ConfigSection

# local: SQLite under the data root; production: PostgreSQL.
DagsterProfile = Literal["local", "production"]


class DagsterOptions(ConfigSection):
    """Dagster's own settings; without a profile those that are in its home stay."""

    profile: DagsterProfile | None = None
