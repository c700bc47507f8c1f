"""`footsteps pack`: writes the documentation pack of a company.

Belongs here: reading configuration, commands, model and audit, and printing what was written.
Does not belong here: the documents (`assets.pack`).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from assets.checks.exit_codes import ExitCode
from assets.cli.pack.model_state import read_published_state, render_card_with_risks
from assets.cli.pack.writing import write_pack
from assets.cli.terminal.console import CommandFailed, print_result, resolve_settings
from assets.cli.terminal.inputs import load_config
from assets.pack.audit_figures import render_newest_audit
from assets.pack.places import PlaceGone, Product
from assets.pack.statements import PlaceChanged
from assets.pack.tables import build_tables
from pipelines.storage.lake import Lake


def write_documents(
    data_root: Path | None, config_file: Path | None, folder: Path, command_line: Any, now: datetime, as_json: bool
) -> None:
    """Write the pack.

    Args:
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        folder: Folder for the documents.
        command_line: The group of all commands, which statements name.
        now: The time, in UTC.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: The configuration is missing, or a statement is no longer true of this product.
    """
    settings = resolve_settings(data_root, config_file)
    config = load_config(settings)
    product = Product(config, describe_commands(command_line))
    try:
        audit_table = render_newest_audit(Lake(settings.lake_path))
        tables = build_tables(config, read_published_state(settings), audit_table)
        model_card = render_card_with_risks(settings, config)
        written_paths = write_pack(folder, product, config.company, tables, model_card, now)
    except (PlaceGone, PlaceChanged) as error:
        raise CommandFailed(f"the pack is not written, because a statement lost its ground: {error}") from error
    except ValueError as error:
        raise CommandFailed(str(error), ExitCode.FAILED) from error
    print_result(
        {"folder": str(folder), "documents": [path.name for path in written_paths]},
        f"{len(written_paths)} documents in {folder}: open {folder / 'index.html'}. They are drafts for your counsel.",
        as_json,
    )


def describe_commands(command_line: Any) -> Mapping[str, str]:
    """What each command says of itself: its help and the names of its parameters, those of its own commands too.

    Args:
        command_line: The group of all commands.

    Returns:
        The text by command.
    """
    return {command_name: _describe(command) for command_name, command in sorted(command_line.commands.items())}


def _describe(command: Any) -> str:
    own_text = f"{command.help} ({', '.join(sorted(parameter.name or '' for parameter in command.params))})"
    subcommands = getattr(command, "commands", {})
    return " ".join([own_text, *(_describe(subcommands[command_name]) for command_name in sorted(subcommands))])
