"""Processes that benchmarks start: a Python process per measurement, and temporary servers of PostgreSQL and S3.

A measurement in a process of its own does not see what an earlier one left in memory.

Belongs here: starting and ending these processes, and the peak memory of a process.
Does not belong here: what is measured.
"""

import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def run_in_child(work: Callable[..., T], *arguments: object) -> T:
    """Call a function in a new process and return what it returns."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def peak_megabytes() -> float:
    """Peak resident memory of this process so far.

    On Linux from VmHWM: getrusage would count the parent's memory too, which a child has until it loads its own.
    """
    status = Path("/proc/self/status")
    peak = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.exists() else None
    if peak is not None:
        return int(peak[1]) / 1024
    import resource  # does not exist on Windows

    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


_DEBIAN = Path("/usr/lib/postgresql")


class ServerNotInstalled(Exception):
    """A server program is not installed; the message says how to get it."""


@contextmanager
def temporary_postgresql_server(*, durable: bool = False) -> Iterator[str]:
    """Start a server that ends with the block.

    Args:
        durable: Whether a commit waits for the disk, as on a real server.

    Yields:
        The URI of the server.

    Raises:
        ServerNotInstalled: If no server program is installed.
    """
    binaries = _binaries()
    home = Path(tempfile.mkdtemp(prefix="footsteps-pg-", dir="/tmp"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # the server refuses to run as root
        as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        shutil.chown(home, "postgres", "postgres")
    port = choose_port()
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
    raise ServerNotInstalled("no PostgreSQL server is installed: apt-get install postgresql")


@contextmanager
def temporary_s3_server() -> Iterator[str]:
    """Start an S3 server with the empty bucket people-data, which ends with the block; this process gets its keys.

    Yields:
        The endpoint of the server.

    Raises:
        ServerNotInstalled: If moto is not installed.
    """
    if importlib.util.find_spec("moto") is None:
        raise ServerNotInstalled("no S3 server is installed: install the extra `dev`")
    import pyarrow.fs as pafs

    port = choose_port()
    os.environ |= {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for_port(port)
            store = pafs.S3FileSystem(
                endpoint_override=f"127.0.0.1:{port}", scheme="http", region="us-east-1", allow_bucket_creation=True
            )
            store.create_dir("people-data")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def choose_port() -> int:
    """A free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("the server did not start")
