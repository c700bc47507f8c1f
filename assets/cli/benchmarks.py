"""`footsteps bench`: the benchmarks of a checkout.

Belongs here: finding the folder `benchmarks/` next to the installed packages.
Does not belong here: any benchmark; they are no part of the wheel.
"""

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path

import typer

from assets.cli.console import CommandFailed
from assets.cli.options import report_failures

CHECKOUT = Path(__file__).parents[2]


def load_benchmarks() -> typer.Typer:
    """The commands of `footsteps bench`: those of the checkout, or one that says that a checkout is needed."""
    if (CHECKOUT / "benchmarks" / "app.py").is_file():
        if find_spec("benchmarks") is None:  # an editable install knows the packages of the wheel only
            sys.path.append(str(CHECKOUT))
        commands: typer.Typer = importlib.import_module("benchmarks.app").bench
        return commands
    commands = typer.Typer(help="Benchmarks; they need a checkout.", invoke_without_command=True)

    @commands.callback(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    @report_failures
    def explain_missing() -> None:
        """Benchmarks; they need a checkout."""
        raise CommandFailed(
            "the benchmarks are not part of the installed package: run `footsteps bench` from a checkout"
        )

    return commands
