"""The commands `footsteps practice …`.

Belongs here: the commands and their options.
Does not belong here: what a command prints (`examine`).
"""

from typing import Annotated

import typer

from assets.cli.terminal.options import AsJson, ConfigFile, DataRoot, example, report_failures

practice_app = typer.Typer(help="Practice of units: examine events such as a new tool.", no_args_is_help=True)


@practice_app.callback()
def _practice() -> None:
    """Practice of units: examine events such as a new tool."""


@practice_app.command(
    "examine",
    epilog=example("footsteps practice examine new_assistant", "footsteps practice examine new_assistant --json"),
)
@report_failures
def examine(
    event: Annotated[str, typer.Argument(help="Name of the event below `practice.events` in footsteps.yaml.")],
    config_file: ConfigFile = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Compare units with an event and without it: effect on practice, interval, placebo days, what it cannot prove."""
    from assets.cli.practice.examine import print_event

    print_event(event, data_root, config_file, as_json)
