"""Whether other systems can see the runs.

Belongs here: the issues of what footsteps.yaml asks for under `monitoring`.
Does not belong here: writing metrics (`assets.automation.metrics`), sending lineage (`assets.resources.lineage`).
"""

import os

from assets.checks.issue import Issue
from assets.resources.undelivered_lineage import read_undelivered_lineage
from pipelines.config.company import Config
from pipelines.config.settings import Settings


def find_monitoring_issues(settings: Settings, config: Config) -> list[Issue]:
    """Find the parts of `monitoring` that do not work.

    Args:
        settings: Where the data root is.
        config: The configuration.

    Returns:
        One issue per system that does not see the runs.
    """
    issues = []
    metrics_file = config.monitoring.metrics_file
    if metrics_file is not None and not (metrics_file.is_file() and os.access(metrics_file.parent, os.W_OK)):
        sentence = f"metrics: {metrics_file} could not be written: let the user of the service write to its folder."
        issues.append(Issue("monitoring:metrics", sentence))
    undelivered_lineage = read_undelivered_lineage(settings.root)
    if config.monitoring.openlineage is not None and undelivered_lineage.problem is not None:
        run_count = len(undelivered_lineage.run_ids)
        sentence = (
            f"lineage: {undelivered_lineage.problem.rstrip('.')}. The receiver lacks events of {run_count} "
            f"{'run' if run_count == 1 else 'runs'}; the next run sends them again."
        )
        issues.append(Issue("monitoring:lineage", sentence))
    return issues
