"""The section `monitoring` of footsteps.yaml: what other systems are sent about runs.

Belongs here: the form of the section. It names secrets by their environment variables and never contains them.
Does not belong here: what is written (`assets.automation.metrics`) and sent (`assets.lineage`).
"""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from pipelines.config.publish import ConfigSection


def _check_metrics_file(path: Path) -> Path:
    if not path.is_absolute() or path.suffix != ".prom":
        raise ValueError(
            "must be an absolute path that ends with .prom, such as /var/lib/node_exporter/textfile/footsteps.prom"
        )
    return path


class MonitoringOptions(ConfigSection):
    """The section `monitoring` of footsteps.yaml."""

    # a file for the textfile collector of Prometheus' node exporter
    metrics_file: Annotated[Path, AfterValidator(_check_metrics_file)] | None = None
