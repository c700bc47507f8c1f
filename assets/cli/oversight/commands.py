"""The command `footsteps audit`.

Belongs here: the command and its options.
Does not belong here: what the command does (`audit`).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from assets.cli.terminal.options import AsJson, ConfigFile, DataRoot, example, report_failures


def add_oversight(app: typer.Typer) -> None:
    """Add the commands to the app.

    Args:
        app: The app of the command line.
    """

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
