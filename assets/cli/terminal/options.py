"""Options that commands share, and how a failure ends a command.

Belongs here: what every command has in common.
Does not belong here: a command.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_error
from pipelines.storage.file_access import UnknownGroup

P = ParamSpec("P")

DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", envvar="FOOTSTEPS_DATA_ROOT", help="Folder of all data of the company."),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", envvar="FOOTSTEPS_CONFIG", help="footsteps.yaml, if not in the data root.")
]
LandingFolder = Annotated[
    Path | None, typer.Option("--landing", envvar="FOOTSTEPS_LANDING", help="Folder with the exports.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
AsOf = Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="Use no data after this day.")]
ExportsFolder = Annotated[
    Path, typer.Argument(help="Folder with the exports of your systems and tables of your own, at any depth.")
]
OutputFile = Annotated[
    Path | None,
    typer.Option("--output", help="File to write; footsteps.yaml in the data root, or else in the working directory."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")]

# A reply to a step.
StepGoal = Annotated[
    str | None,
    typer.Option(
        help="One step only: apprentice, journeyman, master or refresh; without it, every step of the micro-skill."
    ),
]
SnoozeEnd = Annotated[
    datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Of a snooze: the day the step returns.")
]

# A recommended step of a snapshot, as readers name it.
PersonId = Annotated[str, typer.Argument(help="person_id of the person who saw it.")]
SkillId = Annotated[str, typer.Argument(help="skill_id of the step.")]
ToStage = Annotated[str, typer.Argument(help="Stage that the step leads to.")]
SnapshotId = Annotated[str | None, typer.Option("--snapshot", help="snapshot_id; the current one by default.")]
HappenedAt = Annotated[
    datetime | None,
    typer.Option("--at", formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], help="Time (UTC); now by default."),
]


def example(*commands: str) -> str:
    """Format examples for the end of a command's help."""
    return "Example:\n\n" + "\n\n".join(f"  [cyan]{command}[/cyan]" for command in commands)


def report_failures(command: Callable[P, None]) -> Callable[P, None]:
    """Decorate a command: a failure that has a sentence is printed and ends it with its exit code, without a stack
    trace."""

    @wraps(command)
    def run_command(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except CommandFailed as failure:
            print_error(str(failure))
            raise typer.Exit(failure.exit_code) from None
        except UnknownGroup as failure:
            print_error(str(failure))
            raise typer.Exit(ExitCode.CONFIGURATION) from None

    return run_command
