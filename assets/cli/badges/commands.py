"""The commands of `footsteps badge`.

Belongs here: the commands and their options.
Does not belong here: what a command does (`badges`).
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from assets.cli.terminal.options import AsJson, ConfigFile, DataRoot, LandingFolder, example, report_failures


class BadgeGroup(TyperGroup):
    """`footsteps badge PERSON SKILL` issues: what is no name of a command is the person of `issue`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `issue` before arguments that name no command."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["issue", *args]
        return super().parse_args(ctx, args)


badge_app = typer.Typer(
    cls=BadgeGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Issue, revoke and check signed Open Badges 3.0, for people who ask for them.",
    epilog=example("footsteps badge 100012 sql_joins", "footsteps badge revoke urn:uuid:…"),
)


@badge_app.command(epilog=example("footsteps badge 100012 sql_joins --output badges"))
@report_failures
def issue(
    person: Annotated[str, typer.Argument(help="person_id of the person who asked for the badge.")],
    skill: Annotated[str, typer.Argument(help="skill_id or name of the micro-skill.")],
    output: Annotated[Path, typer.Option(help="Folder for the badge, outside the data root.")] = Path(),
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Sign the badge that a person asked for; without a standing request none is issued."""
    from assets.cli.badges.badges import issue_badge

    issue_badge(data_root, config_file, landing_folder, person, skill, output, datetime.now(UTC), as_json)


@badge_app.command(epilog=example("footsteps badge revoke urn:uuid:…", "footsteps badge revoke badge.jwt"))
@report_failures
def revoke(
    badge: Annotated[str, typer.Argument(help="Id of the badge, or its file.")],
    config_file: ConfigFile = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a badge in the status list; publish the list again afterwards."""
    from assets.cli.badges.badges import revoke_badge

    revoke_badge(data_root, config_file, badge, datetime.now(UTC), as_json)


@badge_app.command(epilog=example("footsteps badge verify badge.jwt"))
@report_failures
def verify(
    file: Annotated[Path, typer.Argument(help="The badge.")],
    config_file: ConfigFile = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Check signature, period and status of a badge of this company; exit with 1 unless it is valid."""
    from assets.cli.badges.badges import verify_badge

    verify_badge(data_root, config_file, file, datetime.now(UTC), as_json)
