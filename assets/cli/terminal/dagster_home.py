"""Dagster's home under the data root, with the settings of the declared profile.

Belongs here: writing the settings once, and the variable that an earlier version read.
Does not belong here: what the settings say (`assets/dagster.yaml`), reading them
(`assets.resources.instance_settings`).
"""

import os
import shutil
from importlib import resources
from pathlib import Path

from assets.checks.exit_codes import ExitCode
from assets.cli.terminal.console import CommandFailed, print_note
from assets.resources.instance_settings import INSTANCE_FILE, find_missing_variable, read_profile
from pipelines.config.dagster_options import DagsterProfile
from pipelines.config.settings import Settings
from pipelines.storage.atomic_write import write_text_atomically

# The settings of Dagster by profile.
SETTINGS_FILE_BY_PROFILE: dict[DagsterProfile, str] = {"local": "dagster.yaml", "production": "dagster.production.yaml"}
# Read until version 0.2.0 if footsteps.yaml declares no profile.
_PROFILE_VARIABLE = "FOOTSTEPS_DAGSTER_PROFILE"


def prepare_dagster_home(settings: Settings, profile: DagsterProfile | None = None) -> Path:
    """Create Dagster's home in the data root with the package's dagster.yaml, and set it for this process.

    Existing settings stay, unless they belong to another profile than the declared one.

    Args:
        settings: The settings of the command.
        profile: The profile that footsteps.yaml declares, if any.

    Returns:
        Dagster's home.

    Raises:
        CommandFailed: If the settings name an environment variable that is not set.
    """
    dagster_home = settings.dagster_home
    declared_profile, former_profile = profile or _read_profile_variable(), read_profile(dagster_home)
    if former_profile is None or declared_profile not in (None, former_profile):
        instance_file = dagster_home / INSTANCE_FILE
        if former_profile is not None:
            shutil.copyfile(instance_file, dagster_home / f"{INSTANCE_FILE}.{former_profile}")
            print_note(f"Dagster's settings are now those of the profile {declared_profile}")
        profile_file = resources.files("assets").joinpath(SETTINGS_FILE_BY_PROFILE[declared_profile or "local"])
        write_text_atomically(instance_file, profile_file.read_text(encoding="utf-8"))
    if variable_problem := find_missing_variable(dagster_home):
        raise CommandFailed(variable_problem, ExitCode.CONFIGURATION)
    os.environ["DAGSTER_HOME"] = str(dagster_home)
    return dagster_home


def _read_profile_variable() -> DagsterProfile | None:
    """The profile that the environment names, with a note that footsteps.yaml should name it."""
    profile_name = os.environ.get(_PROFILE_VARIABLE)
    if not profile_name:
        return None
    if profile_name not in SETTINGS_FILE_BY_PROFILE:
        raise CommandFailed(
            f"{_PROFILE_VARIABLE} is {profile_name!r}; allowed: {', '.join(SETTINGS_FILE_BY_PROFILE)}",
            ExitCode.CONFIGURATION,
        )
    print_note(
        f"{_PROFILE_VARIABLE} will not be read from version 0.2.0 on: write `dagster: {{profile: {profile_name}}}` "
        "into footsteps.yaml"
    )
    return profile_name
