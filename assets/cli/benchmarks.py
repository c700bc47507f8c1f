"""`footsteps bench`: the benchmarks of a checkout.

Belongs here: whether this is a checkout, and finding its folder `benchmarks/`.
Does not belong here: any benchmark; they are no part of the wheel.
"""

import importlib
import sys
from importlib.util import find_spec
from pathlib import Path

import typer

from assets.cli.terminal.console import CommandFailed
from assets.cli.terminal.options import example, report_failures

CHECKOUT_FOLDER = Path(__file__).parents[2]


def is_checkout() -> bool:
    """Whether the packages are those of a checkout, and not installed from a wheel."""
    return (CHECKOUT_FOLDER / "pyproject.toml").is_file()


def add_benchmarks(app: typer.Typer) -> None:
    """Add the commands of `footsteps bench` to the app: those of the checkout, or one that says that it needs one."""
    if is_checkout():
        if find_spec("benchmarks") is None:  # an editable install knows the packages of the wheel only
            sys.path.append(str(CHECKOUT_FOLDER))
        # the module whose commands are added last
        app.add_typer(importlib.import_module("benchmarks.commands.simulations").bench, name="bench")
        return

    @app.command(
        "bench",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        epilog=example("footsteps bench"),
    )
    @report_failures
    def explain_missing() -> None:
        """Benchmarks; they need a checkout."""
        raise CommandFailed(
            "the benchmarks are not part of the installed package: run `footsteps bench` from a checkout"
        )
