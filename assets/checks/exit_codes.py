"""What the exit code of a command says.

Belongs here: the codes, which docs/operate.md lists, and the one of a run that published.
Does not belong here: when another command ends with one (each command).
"""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any

from assets.checks.target_health import TargetState


class ExitCode(IntEnum):
    """The exit code of a command."""

    SUCCESS = 0
    # the run was stopped and the last publication remains; of `footsteps doctor`: it found an issue; of other commands:
    # they could not do what they were called for
    FAILED = 1
    # the command line or footsteps.yaml is wrong; nothing was done
    CONFIGURATION = 2
    # published, but a file was refused or could not be fetched
    SOURCE_REFUSED = 3
    # published, but the readers of a further target do not see it
    TARGET_FAILED = 4


def choose_exit_code(source_states: Sequence[Mapping[str, Any]], target_states: Sequence[TargetState]) -> ExitCode:
    """The exit code of a run that published.

    Args:
        source_states: One entry per source, as `describe_sources` returns them.
        target_states: The state of each further target.
    """
    if any(target_state.problem for target_state in target_states):
        return ExitCode.TARGET_FAILED
    is_refused = any(source_state["status"] in ("refused", "not_fetched") for source_state in source_states)
    return ExitCode.SOURCE_REFUSED if is_refused else ExitCode.SUCCESS
