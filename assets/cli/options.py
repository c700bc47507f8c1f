"""Options that commands share, and how a failure is said.

Belongs here: what every command of the front door looks like.
Does not belong here: a command.
"""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Annotated, ParamSpec

import typer

from assets.cli.console import CommandFailed, print_error

P = ParamSpec("P")

DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", envvar="FOOTSTEPS_DATA_ROOT", help="Folder of everything this company has."),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", envvar="FOOTSTEPS_CONFIG", help="footsteps.yaml, if not in the data root.")
]
LandingFolder = Annotated[
    Path | None, typer.Option("--landing", envvar="FOOTSTEPS_LANDING", help="Folder the exports are dropped into.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, and nothing else.")]
Day = Annotated[datetime | None, typer.Option("--as-of", formats=["%Y-%m-%d"], help="See nothing after this day.")]

# A recommended step of a snapshot, as readers name it.
Person = Annotated[str, typer.Argument(help="person_id of who was shown it.")]
SkillId = Annotated[str, typer.Argument(help="skill_id of the step.")]
ToStage = Annotated[str, typer.Argument(help="Stage that the step leads to.")]
SnapshotId = Annotated[str | None, typer.Option("--snapshot", help="snapshot_id; the current one, if not given.")]
At = Annotated[
    datetime | None,
    typer.Option("--at", formats=["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], help="When (UTC); now if not given."),
]


def example(*lines: str) -> str:
    """The epilog of a command's help: an example to copy."""
    return "Example:\n\n" + "\n\n".join(f"  [cyan]{line}[/cyan]" for line in lines)


def report_failures(command: Callable[P, None]) -> Callable[P, None]:
    """A failure that has a sentence is said with it, on standard error, and exits with 1: no stack trace."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except CommandFailed as failure:
            print_error(str(failure))
            raise typer.Exit(1) from None

    return run
