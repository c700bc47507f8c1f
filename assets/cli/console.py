"""How commands speak: answers on standard output, everything else on standard error.

Belongs here: the two consoles, failures that have a sentence, and the data root's default.
Does not belong here: what is said.
"""

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.config.settings import Settings

stderr_console = Console(stderr=True, highlight=False)
# Into a file or a pipe a table is as wide as it needs; eighty columns would fold every path.
stdout_console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
_DEFAULT_ROOT = Path(".footsteps")


class CommandFailed(Exception):
    """A command cannot do what was asked; the message is one sentence that says what to do."""


def print_error(sentence: str) -> None:
    """Say a failure."""
    stderr_console.print(f"[bold red]footsteps:[/bold red] {sentence}", markup=True, soft_wrap=True)


def print_note(sentence: str) -> None:
    """Say something beside the answer."""
    stderr_console.print(sentence, soft_wrap=True)


def print_json(document: Any) -> None:
    """Print one JSON document, alone on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def print_table(title: str, columns: dict[str, str], rows: list[list[str]]) -> None:
    """Print a table; `columns` gives each heading its justification."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading, justify in columns.items():
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*row)
    stdout_console.print(table)


def resolve_settings(data_root: Path | None, config: Path | None = None, landing: Path | None = None) -> Settings:
    """The settings of a command. Without a data root, a configuration elsewhere gets one of its own."""
    chosen: dict[str, Path] = {}
    if data_root is None:
        data_root = _DEFAULT_ROOT / (config.expanduser().resolve().parent.name if config else "demo")
    chosen["data_root"] = data_root
    if config is not None:
        chosen["config"] = config
    if landing is not None:
        chosen["landing"] = landing
    return Settings(**chosen)  # type: ignore[arg-type]
