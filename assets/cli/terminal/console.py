"""Output of commands: results on standard output, everything else on standard error; and their settings.

Belongs here: the two consoles, failures with a sentence, and the default data root.
Does not belong here: what a command prints, and anything that is slow to import: every command starts with it.
"""

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.checks.exit_codes import ExitCode
from pipelines.config.settings import Settings

stderr_console = Console(stderr=True, highlight=False)
# In a file or a pipe a table is as wide as it needs to be; eighty columns would fold every path.
stdout_console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
_DEFAULT_ROOT = Path(".footsteps")


class CommandFailed(Exception):
    """A command cannot do what it was called for; the message is one sentence that says what to do.

    Attributes:
        exit_code: The exit code of the command.
    """

    def __init__(self, sentence: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def print_error(sentence: str) -> None:
    """Print why a command failed on standard error."""
    stderr_console.print(f"[bold red]footsteps:[/bold red] {escape(sentence)}", markup=True, soft_wrap=True)


def print_note(sentence: str) -> None:
    """Print a sentence that is not part of the result on standard error."""
    stderr_console.print(sentence, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def print_result(document: Any, sentence: str, as_json: bool) -> None:
    """Print a result on standard output: as one JSON document, or as a sentence."""
    if as_json:
        print_json(document)
    else:
        stdout_console.print(sentence, soft_wrap=True)


def print_table(title: str, justification_by_heading: dict[str, str], rows: list[list[str]]) -> None:
    """Print a table on standard output.

    Args:
        title: Line above the table.
        justification_by_heading: The justification of each column, by heading.
        rows: The cells of each row.
    """
    rich_table = Table(title=title, title_justify="left", header_style="bold")
    for heading, justification in justification_by_heading.items():
        rich_table.add_column(heading, justify=justification, overflow="fold")  # type: ignore[arg-type]
    for row_cells in rows:
        rich_table.add_row(*row_cells)
    stdout_console.print(rich_table)


def resolve_settings(
    data_root: Path | None, config_file: Path | None = None, landing_folder: Path | None = None
) -> Settings:
    """Make the settings of a command from its options.

    Args:
        data_root: The data root. If it is None, each configuration outside a data root gets a data root of its own.
        config_file: The footsteps.yaml, if it is not in the data root.
        landing_folder: The landing folder, if it is not the configured one.

    Returns:
        The settings; environment variables fill what the options leave open.
    """
    if data_root is None:
        data_root = _DEFAULT_ROOT / (config_file.expanduser().resolve().parent.name if config_file else "demo")
    path_by_setting = {"data_root": data_root, "config": config_file, "landing": landing_folder}
    return Settings(**{setting_name: path for setting_name, path in path_by_setting.items() if path is not None})  # type: ignore[arg-type]
