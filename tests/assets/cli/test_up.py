"""Starting the UI and the daemon: what must be there before two processes look for it."""

import os
import socket
import sqlite3
import subprocess
from pathlib import Path
from typing import Any, NoReturn

import dagster  # noqa: F401  (its import starts a process of its own)
import pytest

from assets.cli.servers import up
from assets.cli.servers.up import serve
from assets.cli.terminal.console import CommandFailed


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


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A data root in which the start of a process raises `Started`."""

    def start(*_: Any, **__: Any) -> NoReturn:
        raise Started

    monkeypatch.setattr(subprocess, "Popen", start)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    (tmp_path / "footsteps.yaml").write_text("sources:\n  - {name: moodle, system: moodle, path: '*.csv'}\n")


@pytest.mark.usefixtures("started")
def test_the_databases_of_dagster_are_created_before_its_two_processes_start(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Started):
        serve(tmp_path, None, None, port)
    assert count_schema_versions(tmp_path / "dagster_home") == {"runs": 1, "schedules": 1, "index": 1}


@pytest.mark.usefixtures("started")
def test_a_taken_port_is_found_before_anything_starts_and_no_address_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        with pytest.raises(CommandFailed, match=f"port {port} .*: end what listens there, or give another with --port"):
            serve(tmp_path, None, None, port)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "dagster_home").exists()


def test_the_log_of_dagster_does_not_grow_without_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_MAX_LOG_BYTES", 1_000)
    log_path = tmp_path / "up.log"
    with up._open_rotating_log(log_path) as log_pipe:
        for number in range(1_000):
            os.write(log_pipe, f"line {number}\n".encode())
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["up.log", "up.log.1", "up.log.2", "up.log.3"]
    assert all(file.stat().st_size <= 1_000 for file in files)
    assert log_path.read_text().splitlines()[-1] == "line 999"


def test_the_log_keeps_what_was_written_before_a_restart(tmp_path: Path) -> None:
    for line in (b"why it ended\n", b"started again, \xff\n"):
        with up._open_rotating_log(tmp_path / "up.log") as log_pipe:
            os.write(log_pipe, line)
    assert (tmp_path / "up.log").read_text().splitlines() == ["why it ended", "started again, \\xff"]
