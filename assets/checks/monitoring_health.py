"""Whether other systems can see the runs.

Belongs here: the issues of what footsteps.yaml asks for under `monitoring`.
Does not belong here: writing metrics (`assets.automation.metrics`), sending lineage (`assets.lineage`).
"""

import os

from assets.checks.issue import Issue
from pipelines.config.company import Config


def find_monitoring_issues(config: Config) -> list[Issue]:
    """Find what `monitoring` asks for and does not come about.

    Args:
        config: The configuration.

    Returns:
        One issue per system that does not see the runs.
    """
    metrics_file = config.monitoring.metrics_file
    if metrics_file is None or (metrics_file.is_file() and os.access(metrics_file.parent, os.W_OK)):
        return []
    sentence = f"metrics: {metrics_file} could not be written: let the user of the service write to its folder."
    return [Issue("monitoring:metrics", sentence)]
