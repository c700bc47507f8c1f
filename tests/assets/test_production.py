"""The production profile on a real PostgreSQL, which the test starts itself."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, asset, materialize
from dagster_postgres import PostgresEventLogStorage

from assets.cli.terminal.console import resolve_settings
from assets.cli.terminal.dagster_home import prepare_dagster_home

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    if not BINARIES:
        pytest.skip("no PostgreSQL server under /usr/lib/postgresql")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, as_user = tmp_path / "data", []
    if Path("/proc/self").stat().st_uid == 0:
        # the server refuses to run as root
        as_user = ["runuser", "-u", "postgres", "--"]
        data = Path("/tmp") / f"footsteps-{port}"  # the other user cannot enter pytest's folder
    binary = BINARIES[-1]
    subprocess.run(
        [*as_user, binary / "initdb", "-D", data, "-U", "footsteps", "-A", "trust"],
        check=True,
        capture_output=True,
        cwd="/",
    )
    server = subprocess.Popen(
        [*as_user, binary / "postgres", "-D", data, "-p", str(port), "-k", data, "-h", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )
    try:
        ready = [binary / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "30"]
        for _ in range(60):
            if subprocess.run(ready, capture_output=True, check=False).returncode == 0:
                break
        yield f"postgresql+psycopg2://footsteps@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(
            [*as_user, binary / "pg_ctl", "-D", data, "stop", "-m", "immediate"],
            capture_output=True,
            check=False,
            cwd="/",
        )
        server.wait(timeout=30)
        shutil.rmtree(data, ignore_errors=True)


def test_a_run_is_kept_in_postgresql(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")  # so that it is restored
    monkeypatch.setenv("FOOTSTEPS_DAGSTER_PROFILE", "production")
    monkeypatch.setenv("FOOTSTEPS_DAGSTER_POSTGRES", database)
    home = prepare_dagster_home(resolve_settings(tmp_path))

    @asset
    def table() -> None: ...

    with DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, PostgresEventLogStorage)
        assert materialize([table], instance=instance).success
    with DagsterInstance.get() as again:
        assert again.get_latest_materialization_event(table.key) is not None
    assert not list(home.rglob("*.db"))
