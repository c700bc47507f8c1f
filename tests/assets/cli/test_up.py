"""Starting the UI and the daemon: what must be there before two processes look for it."""

import sqlite3
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import dagster  # noqa: F401  (its import starts a process of its own)
import pytest

from assets.cli.up import serve


class Started(Exception):
    """A process would start now."""


def count_schema_versions(home: Path) -> dict[str, int]:
    """How many schema versions each database of Dagster is stamped with."""
    counts = {}
    for path in home.rglob("*.db"):
        connection = sqlite3.connect(path)
        counts[path.stem] = connection.execute("select count(*) from alembic_version").fetchone()[0]
        connection.close()
    return counts


def test_the_databases_of_dagster_are_created_before_its_two_processes_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: Any, **__: Any) -> NoReturn:
        raise Started

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    (tmp_path / "footsteps.yaml").write_text("sources:\n  - {name: moodle, system: moodle, path: '*.csv'}\n")
    with pytest.raises(Started):
        serve(tmp_path, None, None, 3000)
    assert count_schema_versions(tmp_path / "dagster_home") == {"runs": 1, "schedules": 1, "index": 1}
