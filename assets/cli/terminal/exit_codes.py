"""What the exit code of a command says.

Belongs here: the codes, which docs/operate.md lists.
Does not belong here: when a command ends with one (each command).
"""

from enum import IntEnum


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
