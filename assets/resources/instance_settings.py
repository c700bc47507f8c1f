"""Dagster's dagster.yaml in its home: which profile it is, and the environment variables that it needs.

Belongs here: reading the file without Dagster, which reports a missing variable with a page of text.
Does not belong here: writing it (`assets.cli.terminal.dagster_home`), what the profiles contain (dagster.yaml,
dagster.production.yaml).
"""

import os
import re
from pathlib import Path

from pipelines.config.dagster_options import DagsterProfile

INSTANCE_FILE = "dagster.yaml"


def read_profile(dagster_home: Path) -> DagsterProfile | None:
    """Return the profile of the settings in Dagster's home; None if there are none."""
    settings_text = _read_settings(dagster_home)
    if not settings_text:
        return None
    return "production" if re.search(r"^ +postgres:", settings_text, re.MULTILINE) else "local"


def find_missing_variable(dagster_home: Path) -> str | None:
    """Name, in one sentence, an environment variable that the settings in Dagster's home need and that is not set."""
    for variable_name in re.findall(r"^ +env: *(\w+)", _read_settings(dagster_home), re.MULTILINE):
        if not os.environ.get(variable_name):
            return (
                f"the environment variable {variable_name} is not set: it holds the address of Dagster's database, "
                "such as postgresql+psycopg2://USER:PASSWORD@HOST/NAME"
            )
    return None


def _read_settings(dagster_home: Path) -> str:
    instance_file = dagster_home / INSTANCE_FILE
    return instance_file.read_text(encoding="utf-8") if instance_file.exists() else ""
