"""Whether every publish target holds the current snapshot.

Belongs here: the state of the configured targets, by the table of their last publication.
Does not belong here: publishing (`pipelines.publish`), printing (`assets.cli`).
"""

from dataclasses import dataclass

from assets.checks.issue import Issue
from pipelines.config.company import Config
from pipelines.contracts.output_tables import PUBLISH_TARGET
from pipelines.publish.targets import list_configured_targets
from pipelines.storage.lake import Lake


@dataclass(frozen=True)
class TargetState:
    """The last publication to one target.

    Attributes:
        target: Name of the target.
        snapshot_id: The snapshot that was to be published; None if none ever was.
        problem: Why its readers do not see the current snapshot; None if they see it.
    """

    target: str
    snapshot_id: str | None
    problem: str | None


def read_target_states(lake: Lake, config: Config, current_snapshot_id: str) -> list[TargetState]:
    """Read the state of every configured target.

    Args:
        lake: Where the outcomes are stored (`PUBLISH_TARGET`).
        config: The configuration, with its targets.
        current_snapshot_id: The published snapshot.

    Returns:
        One state per target, in the order of publication.
    """
    publication_by_target = {
        publication_row["way_name"]: publication_row
        for publication_row in lake.scan(PUBLISH_TARGET).collect().to_dicts()
    }
    target_states = []
    for target_name in list_configured_targets(config.publish):
        last_publication = publication_by_target.get(target_name)
        if last_publication is None:
            target_states.append(TargetState(target_name, None, "nothing was published there yet"))
        elif last_publication["way_problem"]:
            target_states.append(
                TargetState(target_name, last_publication["snapshot_id"], last_publication["way_problem"])
            )
        elif last_publication["snapshot_id"] != current_snapshot_id:
            target_problem = (
                f"it holds snapshot {last_publication['snapshot_id']}, and {current_snapshot_id} is current"
            )
            target_states.append(TargetState(target_name, last_publication["snapshot_id"], target_problem))
        else:
            target_states.append(TargetState(target_name, current_snapshot_id, None))
    return target_states


def find_target_issues(lake: Lake, config: Config, current_snapshot_id: str) -> list[Issue]:
    """Find the targets whose readers do not see the current snapshot.

    Args:
        lake: Where the outcomes are stored.
        config: The configuration, with its targets.
        current_snapshot_id: The published snapshot.

    Returns:
        One issue per target.
    """
    return [
        Issue(
            f"target:{target_state.target}",
            f"target {target_state.target}: {target_state.problem}. Its readers do not see the current snapshot; "
            "the next run publishes it again.",
        )
        for target_state in read_target_states(lake, config, current_snapshot_id)
        if target_state.problem
    ]
