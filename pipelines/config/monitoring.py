"""The sections `monitoring` and `alerts` of footsteps.yaml: what people and other systems are sent about runs.

Belongs here: the form of the sections. They name secrets by their environment variables and never contain them.
Does not belong here: what is written (`assets.automation.metrics`) and sent (`assets.resources.lineage`).
"""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from pipelines.config.publish import ConfigSection, Endpoint


def _check_metrics_file(metrics_path: Path) -> Path:
    if not metrics_path.is_absolute() or metrics_path.suffix != ".prom":
        raise ValueError(
            "must be an absolute path that ends with .prom, such as /var/lib/node_exporter/textfile/footsteps.prom"
        )
    return metrics_path


class AlertConfig(ConfigSection):
    """Recipients of alerts: addresses in apprise's notation, with `${NAME}` for environment variables."""

    to: list[str] = Field(default_factory=list)
    gather_minutes: Annotated[float, Field(ge=0)] = 30  # an issue that recurs within this time is sent once


class OpenLineageOptions(ConfigSection):
    """The receiver of OpenLineage events, such as Marquez; the environment variable contains its key, if it has one."""

    url: Endpoint
    endpoint: str = "api/v1/lineage"  # the path at the receiver
    namespace: str | None = None  # of jobs and tables; the name of the company if None
    key_variable: str = "FOOTSTEPS_OPENLINEAGE_KEY"
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0


class MonitoringOptions(ConfigSection):
    """The section `monitoring` of footsteps.yaml."""

    # a file for the textfile collector of Prometheus' node exporter
    metrics_file: Annotated[Path, AfterValidator(_check_metrics_file)] | None = None
    openlineage: OpenLineageOptions | None = None
