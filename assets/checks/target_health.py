"""Whether every publish target holds the current snapshot.

Belongs here: the state of the configured targets, by the table of their last publication.
Does not belong here: publishing (`pipelines.publish`), printing (`assets.cli`).
"""

from dataclasses import dataclass

from assets.checks.issue import Issue
from pipelines.config.company import Config
from pipelines.contracts.output_tables import PUBLISH_TARGET
from pipelines.publish.targets import configured_targets
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
    outcome_by_target = {
        outcome_row["way_name"]: outcome_row for outcome_row in lake.scan(PUBLISH_TARGET).collect().to_dicts()
    }
    target_states = []
    for target_name in configured_targets(config.publish):
        last_outcome = outcome_by_target.get(target_name)
        if last_outcome is None:
            target_states.append(TargetState(target_name, None, "nothing was published there yet"))
        elif last_outcome["way_problem"]:
            target_states.append(TargetState(target_name, last_outcome["snapshot_id"], last_outcome["way_problem"]))
        elif last_outcome["snapshot_id"] != current_snapshot_id:
            problem = f"it holds snapshot {last_outcome['snapshot_id']}, and {current_snapshot_id} is current"
            target_states.append(TargetState(target_name, last_outcome["snapshot_id"], problem))
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
