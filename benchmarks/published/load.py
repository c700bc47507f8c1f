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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl

from assets.cli.terminal.console import CommandFailed
from benchmarks.published.processes import choose_port
from benchmarks.published.publishing import fill_contract_columns
from benchmarks.published.readers import VALID_DAYS, make_snapshot
from benchmarks.published.running_company import build_running_company, run_until
from pipelines.contracts.catalog import PERSON, SKILL
from pipelines.contracts.output_tables import NEXT_SKILL
from pipelines.storage.lake import Lake

_PROXY_SECRET = "a secret of the benchmark"
_SERVE = """
serve: {header: {header: X-User, key: employee_number}, requests_per_minute: 1000000}
"""
_CONFIG = f"""
company: Benchmark
sources: [{{name: people, system: bamboohr, path: "hr/*.csv", delivery: full}}]
{_SERVE}"""
_PATHS = ("/people/me/", "/api/v1/me/next-steps", "/api/v1/me/mastery")
_PAGE_DAYS = re.compile(r'<time datetime="([0-9-]{10})">As of [^<]+</time> <time datetime="([0-9-]{10})">Valid until ')
_START_SECONDS = 60


@dataclass(frozen=True)
class ServeLoad:
    """The requests of one benchmark; `errors` and `mixed` must be 0.

    Attributes:
        requests: Number of requests.
        clients: Number of clients at the same time.
        publications: Number of snapshots that were published meanwhile; of whole runs, if there were any.
        run_seconds: Seconds of a whole run beside the requests, on average; 0 without runs.
        errors: Requests without the status 200.
        mixed: Responses with rows of several snapshots.
        snapshots: Number of different days of snapshots among the responses.
        p50_ms: Milliseconds within which half of the requests were answered.
        p99_ms: Milliseconds within which 99 in 100 requests were answered.
        server_cpu_ms: CPU milliseconds of the server per request.
    """

    requests: int
    clients: int
    publications: int
    run_seconds: float
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
    snapshots: frozenset[str]


def benchmark_serve(
    people: int,
    requests: int,
    clients: int,
    publication_seconds: float = 1.0,
    with_run: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> ServeLoad:
    """Send requests of many people while snapshots are published, or while the whole pipeline runs.

    Args:
        people: Number of people.
        requests: Number of requests.
        clients: Number of clients at the same time, each with one connection.
        publication_seconds: Seconds between two publications. A run publishes once; with a publication every second,
            many requests meet one.
        with_run: Whether whole runs of a demo company go on meanwhile, one after the other, instead of publications.
        progress: Receives a line per step.

    Returns:
        The counts and times.

    Raises:
        CommandFailed: The server does not start, or a run fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        root, run_seconds = Path(folder), list[float]()
        if with_run:
            progress(f"first run of a demo company of {people:,} people")
            person_keys = build_running_company(root, people, _SERVE)
        else:
            make_snapshot(root / "published", 0, people)
            person_keys = _write_company(root, people)
        publish = (
            partial(run_until, root, run_seconds=run_seconds)
            if with_run
            else partial(_publish_until, root, people, publication_seconds, run_seconds)
        )
        with _start_server(root) as (port, server):
            progress(f"{requests:,} requests of {clients} clients")
            is_done, replies = threading.Event(), list[_Reply]()
            with ThreadPoolExecutor(1) as publisher:
                publication = publisher.submit(publish, is_done=is_done)
                client_threads = [
                    threading.Thread(
                        target=_send, args=(port, person_keys, range(client, requests, clients), replies), daemon=True
                    )
                    for client in range(clients)
                ]
                cpu_before = _read_cpu_seconds(server.pid)
                for client_thread in client_threads:
                    client_thread.start()
                for client_thread in client_threads:
                    client_thread.join()
                is_done.set()
                cpu_seconds = _read_cpu_seconds(server.pid) - cpu_before
            publication.result()
    return _summarize(replies, clients, run_seconds, with_run, cpu_seconds)


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
    root: Path, people: int, pause_seconds: float, publication_seconds: list[float], is_done: threading.Event
) -> None:
    """Publish a snapshot after each pause, and note how long it took."""
    while not is_done.wait(pause_seconds):
        start = time.perf_counter()
        make_snapshot(root / "published", len(publication_seconds) + 1, people)
        publication_seconds.append(time.perf_counter() - start)


def _send(port: int, person_keys: list[str], request_numbers: range, replies: list[_Reply]) -> None:
    """Send one request after the other over one connection, of another person each."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for request_number in request_numbers:
        path = _PATHS[request_number % len(_PATHS)]
        headers = {"X-User": person_keys[request_number % len(person_keys)], "X-Footsteps-Proxy-Secret": _PROXY_SECRET}
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
    """The snapshots that a response has rows of, by their day; by their ids if there are several."""
    if path.startswith("/api/"):
        document = json.loads(body)
        rows = [row for part in document.values() if isinstance(part, list) for row in part]
        snapshot_ids = frozenset([document["snapshot_id"], *(row["snapshot_id"] for row in rows)])
        return snapshot_ids if len(snapshot_ids) > 1 else frozenset([document["as_of"]])
    days = _PAGE_DAYS.search(body.decode())
    if days is None:
        return frozenset()
    row_day, last_valid_day = map(date.fromisoformat, days.groups())
    return frozenset(day.isoformat() for day in (row_day, last_valid_day - VALID_DAYS))


def _read_cpu_seconds(process_id: int) -> float:
    """CPU seconds of a process, as Linux counts them."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _summarize(
    replies: list[_Reply], clients: int, publication_seconds: list[float], with_run: bool, cpu_seconds: float
) -> ServeLoad:
    seconds = pl.Series([reply.seconds for reply in replies])
    return ServeLoad(
        requests=len(replies),
        clients=clients,
        publications=len(publication_seconds),
        run_seconds=round(sum(publication_seconds) / max(1, len(publication_seconds)), 1) if with_run else 0.0,
        errors=sum(reply.status != 200 for reply in replies),
        mixed=sum(reply.status == 200 and len(reply.snapshots) != 1 for reply in replies),
        snapshots=len({snapshot for reply in replies for snapshot in reply.snapshots}),
        p50_ms=round(1000 * float(seconds.quantile(0.5) or 0), 1),
        p99_ms=round(1000 * float(seconds.quantile(0.99) or 0), 1),
        server_cpu_ms=round(1000 * cpu_seconds / max(1, len(replies)), 2),
    )
