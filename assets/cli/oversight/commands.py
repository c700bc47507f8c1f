"""The commands `footsteps audit`, `footsteps pause` and `footsteps resume`.

Belongs here: the commands and their options.
Does not belong here: what a command does (`audit`, `pause`).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from assets.cli.terminal.options import AsJson, AsOf, ConfigFile, DataRoot, LandingFolder, example, report_failures

RunAtOnce = Annotated[bool, typer.Option("--run/--no-run", help="Publish it at once, or with the next run.")]


def add_oversight(app: typer.Typer, execute_run: Callable[..., Any]) -> None:
    """Add the commands to the app.

    Args:
        app: The app of the command line.
        execute_run: Runs the pipeline, to publish a pause or its end.
    """
    _add_audit(app)
    _add_pauses(app, execute_run)


def _add_audit(app: typer.Typer) -> None:
    @app.command(
        epilog=example(
            "footsteps audit ~/attributes.csv --data-root /srv/footsteps",
            "footsteps audit ~/attributes.parquet --person-column employee --attribute gender --report ~/audit",
        )
    )
    @report_failures
    def audit(
        attributes: Annotated[
            Path,
            typer.Argument(help="CSV or Parquet, outside the data root: a row per person, a column per attribute."),
        ],
        person_column: Annotated[str, typer.Option(help="Column that holds the person_id.")] = "person_id",
        attribute: Annotated[
            list[str] | None, typer.Option(help="Column to audit; may be repeated. All but the person by default.")
        ] = None,
        report: Annotated[
            Path | None, typer.Option(help="Folder for an HTML page, outside the data root: it names the groups.")
        ] = None,
        config_file: ConfigFile = None,
        data_root: DataRoot = None,
        as_json: AsJson = False,
    ) -> None:
        """Compare recommendations, promises and examples between groups of people; the attributes are not stored."""
        from assets.cli.oversight.audit import AuditRequest, run_audit

        audit_request = AuditRequest(attributes, person_column, tuple(attribute or ()), report, as_json)
        run_audit(audit_request, data_root, config_file, datetime.now(UTC))


def _add_pauses(app: typer.Typer, execute_run: Callable[..., Any]) -> None:
    @app.command(epilog=example('footsteps pause --reason "The works council asked for a review."'))
    @report_failures
    def pause(
        reason: Annotated[str, typer.Option(help="Why, in one sentence that names nobody: everybody may read it.")],
        run_after: RunAtOnce = True,
        as_of: AsOf = None,
        config_file: ConfigFile = None,
        landing_folder: LandingFolder = None,
        data_root: DataRoot = None,
        as_json: AsJson = False,
    ) -> None:
        """Stop recommending: every person gets one row that says so, until `footsteps resume`."""
        from assets.cli.oversight.pause import RunAfterwards, pause_recommendations

        run_afterwards = RunAfterwards(execute_run, run_after, as_of.date() if as_of else None)
        pause_recommendations(
            reason, data_root, config_file, landing_folder, run_afterwards, datetime.now(UTC), as_json
        )

    @app.command(epilog=example("footsteps resume", 'footsteps resume --reason "The review is over." --no-run'))
    @report_failures
    def resume(
        reason: Annotated[str | None, typer.Option(help="Why, in one sentence that names nobody.")] = None,
        run_after: RunAtOnce = True,
        as_of: AsOf = None,
        config_file: ConfigFile = None,
        landing_folder: LandingFolder = None,
        data_root: DataRoot = None,
        as_json: AsJson = False,
    ) -> None:
        """Recommend again after `footsteps pause`."""
        from assets.cli.oversight.pause import RunAfterwards, resume_recommendations

        run_afterwards = RunAfterwards(execute_run, run_after, as_of.date() if as_of else None)
        resume_recommendations(
            reason, data_root, config_file, landing_folder, run_afterwards, datetime.now(UTC), as_json
        )
