"""The command `footsteps squads propose`.

Belongs here: the command and its options.
Does not belong here: what it does (`propose`).
"""

from pathlib import Path
from typing import Annotated

import typer

from assets.cli.terminal.options import AsJson, ConfigFile, DataRoot, example, report_failures

squads_app = typer.Typer(help="Squads that people choose: proposals for planners.", no_args_is_help=True)


@squads_app.callback()
def describe_squads() -> None:
    """Squads that people choose: proposals for planners."""


@squads_app.command(
    "propose",
    epilog=example(
        "footsteps squads propose",
        "footsteps squads propose --project DATA --project OPS --time-limit 120",
        "footsteps squads propose --output squads.csv",
    ),
)
@report_failures
def propose(
    projects: Annotated[
        list[str] | None, typer.Option("--project", help="Code of a project of the portfolio; all open work if none.")
    ] = None,
    time_limit: Annotated[float, typer.Option(min=1, help="Seconds that the solver may search in all.")] = 60.0,
    output: Annotated[
        Path | None, typer.Option("--output", help="CSV file for one row per proposed person; must not exist yet.")
    ] = None,
    config_file: ConfigFile = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Propose squads for open work from the tables of the last run; it assigns nobody.

    People are named only if they asked to join, or consent to be shown to others. Squads cover what the work lacks, let
    people take the most steps, and respect answers, wishes and workload.
    """
    from assets.cli.squads.propose import propose_for_planners

    propose_for_planners(data_root, config_file, projects or [], time_limit, output, as_json)
