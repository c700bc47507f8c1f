"""What the tests of publication share: a PostgreSQL server and an S3 server of their own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server, started for these tests and ended after them."""
    if not SERVERS:
        pytest.skip("no PostgreSQL under /usr/lib/postgresql: apt-get install postgresql")
    binaries = SERVERS[-1].parent
    # outside of the tests' folder, which only their own user may enter: as root the server needs another user
    home = Path(subprocess.check_output(["mktemp", "-d", "/tmp/footsteps-pg.XXXXXX"], text=True).strip())
    as_user = []
    if os.geteuid() == 0:
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(home, "postgres", "postgres")
    port = free_port()
    initdb = [*as_user, binaries / "initdb", "-D", home / "data", "-A", "trust", "-U", "footsteps", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, cwd="/")
    control = [*as_user, binaries / "pg_ctl", "-D", home / "data", "-w"]
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off"
    subprocess.run(
        [*control, "-o", options, "-l", home / "log", "start"], check=True, stdout=subprocess.DEVNULL, cwd="/"
    )
    try:
        yield f"postgresql://footsteps@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/")
        shutil.rmtree(home)


@pytest.fixture
def s3_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server on this machine with one bucket, people-data."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="people-data")
    try:
        yield endpoint
    finally:
        running.stop()
