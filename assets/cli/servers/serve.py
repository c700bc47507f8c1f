"""`footsteps serve`: the web application on this machine.

Belongs here: the input of the command, and its failures.
Does not belong here: the application (`assets.web`).
"""

import os
from pathlib import Path

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_note, resolve_settings
from assets.cli.terminal.inputs import load_config, resolve_landing_folder
from assets.web.app import create_app
from assets.web.identity import ServeRefused
from assets.web.server import run_server


def serve_pages(
    data_root: Path | None, config_file: Path | None, landing_folder: Path | None, host: str, port: int
) -> None:
    """Serve pages and the JSON interface until the process is ended.

    Args:
        data_root: The data root of the command.
        config_file: The footsteps.yaml of the command.
        landing_folder: The landing folder of the command.
        host: Address to listen at.
        port: Port to listen at.

    Raises:
        CommandFailed: No way of identity is configured, or a secret is missing.
    """
    settings = resolve_settings(data_root, config_file, landing_folder)
    config = load_config(settings)
    try:
        app = create_app(settings, config, resolve_landing_folder(settings, config), os.environ)
    except ServeRefused as refusal:
        raise CommandFailed(str(refusal), ExitCode.CONFIGURATION) from refusal
    print_note(f"serving on http://{host}:{port}; Ctrl-C ends it")
    run_server(app, host, port)
