"""Requests to `footsteps serve` while snapshots are published: errors, mixed snapshots, and how long a request takes.

Belongs here: the company, the server, the clients, and the counts, for `footsteps bench serve`.
Does not belong here: readers of files (`benchmarks.published.readers`).
"""

import http.client
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from assets.cli.terminal.console import CommandFailed
from benchmarks.published.processes import choose_port
from benchmarks.published.publishing import fill_contract_columns
from benchmarks.published.readers import FIRST_DAY, VALID_DAYS, make_snapshot, name_snapshot
from pipelines.contracts.catalog import PERSON, SKILL
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

_PROXY_SECRET = "a secret of the benchmark"
_CONFIG = """
company: Benchmark
sources: [{name: people, system: bamboohr, path: "hr/*.csv", delivery: full}]
serve: {header: {header: X-User, key: employee_number}, requests_per_minute: 1000000}
"""
_PATHS = ("/people/me/", "/api/v1/me/next-steps", "/api/v1/me/mastery")
_PAGE_DAYS = re.compile(r'<time datetime="([0-9-]{10})">As of [^<]+</time> <time datetime="([0-9-]{10})">Valid until ')
_START_SECONDS = 60


@dataclass(frozen=True)
class ServeLoad:
    """The requests of one benchmark; `errors` and `mixed` must be 0.

    Attributes:
        requests: Number of requests.
        clients: Number of clients at the same time.
        publications: Number of snapshots that were published meanwhile.
        errors: Requests without the status 200.
        mixed: Responses with rows of several snapshots.
        snapshots: Number of different snapshots among the responses.
        p50_ms: Milliseconds within which half of the requests were answered.
        p99_ms: Milliseconds within which 99 in 100 requests were answered.
        server_cpu_ms: CPU milliseconds of the server per request.
    """

    requests: int
    clients: int
    publications: int
    errors: int
    mixed: int
    snapshots: int
    p50_ms: float
    p99_ms: float
    server_cpu_ms: float


@dataclass(frozen=True)
class _Reply:
    status: int
    seconds: float
    snapshot_ids: frozenset[str]


def benchmark_serve(
    people: int,
    requests: int,
    clients: int,
    publication_seconds: float = 1.0,
    progress: Callable[[str], None] = lambda _: None,
) -> ServeLoad:
    """Send requests of many people while snapshots are published.

    Args:
        people: Number of people.
        requests: Number of requests.
        clients: Number of clients at the same time, each with one connection.
        publication_seconds: Seconds between two publications. A run publishes once; with a publication every second,
            many requests meet one.
        progress: Receives a line per step.

    Returns:
        The counts and times.

    Raises:
        CommandFailed: The server does not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        make_snapshot(root / "published", 0, people)
        person_ids = _write_company(root, people)
        with _start_server(root) as (port, server):
            progress(f"{requests:,} requests of {clients} clients")
            is_done, replies, publications = threading.Event(), list[_Reply](), list[Snapshot]()
            publisher = threading.Thread(
                target=_publish_until, args=(root, people, publication_seconds, is_done, publications)
            )
            publisher.start()
            client_threads = [
                threading.Thread(
                    target=_send, args=(port, person_ids, range(client, requests, clients), replies), daemon=True
                )
                for client in range(clients)
            ]
            for client_thread in client_threads:
                client_thread.start()
            for client_thread in client_threads:
                client_thread.join()
            is_done.set()
            publisher.join()
            cpu_seconds = _read_cpu_seconds(server.pid)
    return _summarize(replies, clients, len(publications), cpu_seconds)


def _write_company(root: Path, people: int) -> list[str]:
    """Write the identity tables, names and configuration of the people that snapshots are about; returns their ids."""
    rows = pl.scan_parquet(root / "published" / "tables" / NEXT_SKILL.name / "*.parquet")
    person_ids = rows.select("person_id").unique().sort("person_id").collect()
    names = person_ids.with_columns(
        employee_number=pl.col("person_id"),
        display_name=pl.format("Person {}", "person_id"),
        unit_name=pl.format("Unit {}", pl.int_range(pl.len()) % max(1, people // 50)),
        employment_status=pl.lit("active"),
    )
    skills = rows.select("skill_id").unique().with_columns(skill_name=pl.format("Skill {}", "skill_id")).collect()
    lake = Lake(root / "lake")
    lake.write(PERSON, fill_contract_columns(PERSON, names))
    lake.write(SKILL, fill_contract_columns(SKILL, skills))
    (root / "footsteps.yaml").write_text(_CONFIG)
    return person_ids["person_id"].to_list()


@contextmanager
def _start_server(root: Path) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """The port and the process of `footsteps serve`, while the block runs."""
    port = choose_port()
    arguments = ["serve", "--data-root", str(root), "--port", str(port)]
    server = subprocess.Popen(
        [sys.executable, "-m", "assets.cli.app", *arguments],
        env={**os.environ, "FOOTSTEPS_PROXY_SECRET": _PROXY_SECRET},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _is_healthy(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise CommandFailed("the server did not start")
            time.sleep(0.2)
        yield port, server
    finally:
        server.terminate()
        server.wait(timeout=30)


def _is_healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _publish_until(
    root: Path, people: int, publication_seconds: float, is_done: threading.Event, publications: list[Snapshot]
) -> None:
    while not is_done.wait(publication_seconds):
        publications.append(make_snapshot(root / "published", len(publications) + 1, people))


def _send(port: int, person_ids: list[str], request_numbers: range, replies: list[_Reply]) -> None:
    """Send one request after the other over one connection, of another person each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for request_number in request_numbers:
        path = _PATHS[request_number % len(_PATHS)]
        headers = {"X-User": person_ids[request_number % len(person_ids)], "X-Footsteps-Proxy-Secret": _PROXY_SECRET}
        started = time.perf_counter()
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            status, body = response.status, response.read()
        except (OSError, http.client.HTTPException):
            connection.close()
            status, body = 0, b""
        seconds = time.perf_counter() - started
        replies.append(_Reply(status, seconds, _find_snapshots(path, body) if status == 200 else frozenset()))
    connection.close()


def _find_snapshots(path: str, body: bytes) -> frozenset[str]:
    """The snapshots that a response has rows of, by their id or, for pages, by their days."""
    if path.startswith("/api/"):
        document = json.loads(body)
        rows = [row for part in document.values() if isinstance(part, list) for row in part]
        return frozenset([document["snapshot_id"], *(row["snapshot_id"] for row in rows)])
    days = _PAGE_DAYS.search(body.decode())
    if days is None:
        return frozenset()
    row_day, last_valid_day = map(date.fromisoformat, days.groups())
    return frozenset(name_snapshot((day - FIRST_DAY).days) for day in (row_day, last_valid_day - VALID_DAYS))


def _read_cpu_seconds(process_id: int) -> float:
    """CPU seconds of a process, as Linux counts them."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _summarize(replies: list[_Reply], clients: int, publications: int, cpu_seconds: float) -> ServeLoad:
    seconds = pl.Series([reply.seconds for reply in replies])
    return ServeLoad(
        requests=len(replies),
        clients=clients,
        publications=publications,
        errors=sum(reply.status != 200 for reply in replies),
        mixed=sum(reply.status == 200 and len(reply.snapshot_ids) != 1 for reply in replies),
        snapshots=len({snapshot_id for reply in replies for snapshot_id in reply.snapshot_ids}),
        p50_ms=round(1000 * float(seconds.quantile(0.5) or 0), 1),
        p99_ms=round(1000 * float(seconds.quantile(0.99) or 0), 1),
        server_cpu_ms=round(1000 * cpu_seconds / max(1, len(replies)), 2),
    )
