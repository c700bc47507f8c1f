"""The commands `footsteps up` and `footsteps serve`.

Belongs here: the commands and their options.
Does not belong here: what a command does (`up`, `serve`).
"""

from typing import Annotated

import typer

from assets.cli.terminal.options import ConfigFile, DataRoot, LandingFolder, example, report_failures


def add_servers(app: typer.Typer) -> None:
    """Add the commands to the app.

    Args:
        app: The app of the command line.
    """

    @app.command(epilog=example("footsteps up", "footsteps up --port 3001"))
    @report_failures
    def up(
        port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI on 127.0.0.1.")] = 3000,
        config_file: ConfigFile = None,
        landing_folder: LandingFolder = None,
        data_root: DataRoot = None,
    ) -> None:
        """Start the Dagster UI and its daemon on this machine; Ctrl-C ends both."""
        from assets.cli.servers.up import serve

        serve(data_root, config_file, landing_folder, port)

    @app.command(
        epilog=example("footsteps serve --data-root /srv/footsteps", "footsteps serve --host 10.0.0.5 --port 8080")
    )
    @report_failures
    def serve(
        host: Annotated[str, typer.Option(help="Address to listen at; the proxy must be the only one to reach it.")] = (
            "127.0.0.1"
        ),
        port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8000,
        config_file: ConfigFile = None,
        landing_folder: LandingFolder = None,
        data_root: DataRoot = None,
    ) -> None:
        """Serve each person's page with forms for answers, and the JSON interface, behind an authenticating proxy."""
        from assets.cli.servers.serve import serve_pages

        serve_pages(data_root, config_file, landing_folder, host, port)
