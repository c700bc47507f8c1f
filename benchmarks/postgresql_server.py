"""A temporary PostgreSQL server on a free port, with a folder of its own, for tests and benchmarks.

Belongs here: starting and ending it.
Does not belong here: publishing (`pipelines.publish.postgresql`).
"""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DEBIAN = Path("/usr/lib/postgresql")


class PostgresqlNotInstalled(Exception):
    """No PostgreSQL server program is installed; the message says how to get one."""


@contextmanager
def temporary_postgresql_server(*, durable: bool = False) -> Iterator[str]:
    """Start a server that ends with the block.

    Args:
        durable: Whether a commit waits for the disk, as on a real server.

    Yields:
        The URI of the server.

    Raises:
        PostgresqlNotInstalled: If no server program is installed.
    """
    binaries = _binaries()
    home = Path(tempfile.mkdtemp(prefix="footsteps-pg-", dir="/tmp"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(home, "postgres", "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(home / "data"), "-w"]
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync={'on' if durable else 'off'}"
    initdb = [str(binaries / "initdb"), "-D", str(home / "data"), "-A", "trust", "-U", "footsteps", "--no-sync"]
    try:
        subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd="/")
        # not captured: the server would keep the pipe open for as long as it runs
        start = [*control, "-o", options, "-l", str(home / "log"), "start"]
        subprocess.run(start, check=True, stdout=subprocess.DEVNULL, cwd="/")
        try:
            yield f"postgresql://footsteps@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=True, capture_output=True, cwd="/")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _binaries() -> Path:
    installed = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("postgres")
    if installed:
        return installed[-1].parent
    if on_path:
        return Path(on_path).parent
    raise PostgresqlNotInstalled("no PostgreSQL server is installed: apt-get install postgresql")
