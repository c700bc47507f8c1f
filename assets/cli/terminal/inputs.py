"""Input of commands: the configuration, the landing folder and the current snapshot.

Belongs here: reading them, with a failure of the command if they are missing or wrong.
Does not belong here: options (`options`), settings (`console`).
"""

from pathlib import Path

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed
from pipelines.config.company import Config, ConfigError, read_config
from pipelines.config.settings import Settings
from pipelines.snapshots.reader import NothingPublished, Snapshot, current_snapshot


def load_config(settings: Settings) -> Config:
    """Read footsteps.yaml.

    Args:
        settings: The settings of the command.

    Returns:
        The configuration.

    Raises:
        CommandFailed: If the file is missing or wrong.
    """
    try:
        return read_config(settings.config_path)
    except ConfigError as error:
        raise CommandFailed(str(error), ExitCode.CONFIGURATION) from error


def resolve_landing_folder(settings: Settings, config: Config) -> Path:
    """The landing folder: the one of the settings, otherwise the configured one, next to footsteps.yaml."""
    return (settings.landing or settings.config_path.parent / config.landing).expanduser().resolve()


def load_current_snapshot(settings: Settings) -> Snapshot:
    """Read the current snapshot.

    Args:
        settings: The settings of the command.

    Returns:
        The snapshot.

    Raises:
        CommandFailed: If nothing is published.
    """
    try:
        return current_snapshot(settings.published_path)
    except NothingPublished as error:
        raise CommandFailed(f"{error} (data root: {settings.root})") from error
