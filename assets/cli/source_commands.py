"""The commands `footsteps sources …`.

Belongs here: the commands and their options.
Does not belong here: what a command does (`assets.cli.sources`).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from assets.cli.terminal.options import AsJson, example, report_failures

sources_app = typer.Typer(help="The systems that can be read, and the system of a file.", invoke_without_command=True)


@sources_app.callback(invoke_without_command=True, epilog=example("footsteps sources", "footsteps sources --json"))
@report_failures
def list_sources(context: typer.Context, as_json: AsJson = False) -> None:
    """List the systems whose exports can be read, with the columns that each requires and can use."""
    if context.invoked_subcommand is None:
        from assets.cli.sources import print_systems

        print_systems(as_json)


@sources_app.command("sniff", hidden=True, deprecated=True, epilog=example("footsteps sources sniff export.csv"))
@sources_app.command("detect", epilog=example("footsteps sources detect export.csv"))
@report_failures
def detect_system(
    file: Annotated[Path, typer.Argument(help="An export, plain or compressed.")], as_json: AsJson = False
) -> None:
    """Detect which system wrote a file and why, and print the block of footsteps.yaml for it."""
    from assets.cli.sources import print_matches

    print_matches(file, as_json)


@sources_app.command(
    "preview",
    epilog=example(
        "footsteps sources preview export.csv",
        "footsteps sources preview export.csv --system toggl --json",
        "footsteps sources preview landing/hr/people.csv --config footsteps.yaml",
    ),
)
@report_failures
def preview_export(
    file: Annotated[Path, typer.Argument(help="An export, plain or compressed.")],
    system_name: Annotated[
        str | None, typer.Option("--system", help="System that wrote it; detected if not given.")
    ] = None,
    config_file: Annotated[
        Path | None,
        typer.Option(
            "--config", help="A footsteps.yaml; the file is read with the options of the source that matches it."
        ),
    ] = None,
    row_limit: Annotated[int, typer.Option("--rows", min=0, help="Rows to print per shape; JSON holds all rows.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what a run would read of a file, what it would set aside and why. Nothing is written."""
    from assets.cli.sources import print_preview

    print_preview(file, system_name, config_file, datetime.now(UTC).date(), row_limit, as_json)


@sources_app.command("taxonomy", epilog=example("footsteps sources taxonomy esco"))
@report_failures
def count_taxonomy_rows(
    folder: Annotated[Path, typer.Argument(help="Folder or file of a published taxonomy.")],
    system_name: Annotated[
        str | None, typer.Option("--system", help="The taxonomy, if its files do not show it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count the rows of each kind in a taxonomy's files, and how many are used."""
    from assets.cli.sources import print_taxonomy

    print_taxonomy(folder, system_name, as_json)
