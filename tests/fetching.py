"""What tests of fetching share: one source that is fetched, its run, and an SFTP server on this machine."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncssh
import flask
import polars as pl
from werkzeug.serving import make_server

from pipelines.config.company import Config, SourceConfig
from pipelines.contracts.catalog import DELIVERY
from pipelines.ingest.fetch_targets import FetchTarget, list_fetch_targets
from pipelines.ingest.fetching import FetchContext, FetchOutcome, fetch_files
from pipelines.storage.lake import Lake

PASSWORD = "very-secret-password"
USER = "exports"
MAPPING = {"account_code": "id", "employee_number": "id"}


def declare_source(url: str, path: str = "hr/people_*.csv", name: str = "people", **fetch: Any) -> SourceConfig:
    section = {"url": url, **fetch}
    return SourceConfig(name=name, system="tabular", shape="person", path=path, mapping=MAPPING, fetch=section)


def declare_target(url: str, path: str = "hr/people_*.csv", quiet_seconds: float = 0, **fetch: Any) -> FetchTarget:
    config = Config(sources=[declare_source(url, path, **fetch)], quiet_seconds=quiet_seconds)
    (target,) = list_fetch_targets(config)
    return target


@dataclass
class FetchRun:
    """A data root whose exports are fetched.

    Attributes:
        root: Folder with lake and landing folder.
        now: The time of the next fetch.
        waits: The seconds that fetches waited.
        while_waiting: Called when a fetch waits.
    """

    root: Path
    now: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(hours=1))
    waits: list[float] = field(default_factory=list)
    while_waiting: Any = None
    lines: list[str] = field(default_factory=list)

    @property
    def lake(self) -> Lake:
        return Lake(self.root / "lake")

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    def fetch(self, target: FetchTarget) -> FetchOutcome:
        return fetch_files(target, FetchContext(self.lake, self.landing, self.now, self.wait, self.lines.append))

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if self.while_waiting:
            self.while_waiting()

    def landed(self) -> dict[str, bytes]:
        """The content of every file in the landing folder, hidden ones included, by its name."""
        return {str(p.relative_to(self.landing)): p.read_bytes() for p in self.landing.rglob("*") if p.is_file()}

    def record_delivery(self, sha256: str, source: str = "people") -> None:
        """A row of the ledger, as landing writes it."""
        row = {"delivery_number": 1, "source_name": source, "file_sha256": sha256, "delivery_status": "landed"}
        self.lake.write(
            DELIVERY,
            pl.DataFrame([row], schema_overrides=DELIVERY.schema).select(
                pl.col(c.name) if c.name in row else pl.lit(None, c.dtype).alias(c.name) for c in DELIVERY.columns
            ),
        )


class _PasswordServer(asyncssh.SSHServer):
    """Accepts one user with one password, or with the keys of `authorized_keys`."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


class _ServedFolder(asyncssh.SFTPServer):
    """Serves a folder as the root. Nobody may open files in `denied`; `breaks_at` ends the connection."""

    denied: frozenset[str] = frozenset()
    breaks_at: str | None = None

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        name = path.decode().rsplit("/", 1)[-1]
        if name in self.denied:
            raise asyncssh.SFTPPermissionDenied("no")
        if name == self.breaks_at:
            self.channel.get_connection().abort()
        return super().open(path, pflags, attrs)


@dataclass
class SftpServer:
    """An SFTP server that runs in a thread.

    Attributes:
        folder: The folder that it serves as `/`.
        port: Its port.
        known_hosts: A file with its host key.
        sftp: Its sessions; a test sets `denied` and `breaks_at` of it.
    """

    folder: Path
    port: int
    known_hosts: Path
    sftp: type[_ServedFolder]

    @property
    def url(self) -> str:
        return f"sftp://{USER}@127.0.0.1:{self.port}"


@contextmanager
def run_sftp_server(folder: Path, authorized_keys: str | None = None) -> Iterator[SftpServer]:
    """An SFTP server on this machine whose root is `folder / "served"`."""
    served = folder / "served"
    served.mkdir(parents=True)
    host_key = asyncssh.generate_private_key("ssh-ed25519")
    sftp = type("Sftp", (_ServedFolder,), {})
    if authorized_keys is not None:
        (folder / "authorized_keys").write_text(authorized_keys)
    loop = asyncio.new_event_loop()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=_PasswordServer,
            server_host_keys=[host_key],
            authorized_client_keys=str(folder / "authorized_keys") if authorized_keys else None,
            sftp_factory=lambda channel: sftp(channel, chroot=str(served).encode()),
        )

    acceptor = loop.run_until_complete(listen())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = acceptor.get_port()
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{port} {host_key.export_public_key().decode()}")

    async def close() -> None:
        acceptor.close()
        await acceptor.wait_closed()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    try:
        yield SftpServer(served, port, known_hosts, sftp)
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextmanager
def run_gcs_server(bucket: str, objects: Mapping[str, bytes]) -> Iterator[str]:
    """The part of Google Cloud Storage's JSON interface that a fetch uses, on this machine; yields its address."""
    app = flask.Flask("gcs")

    def describe(name: str) -> dict[str, Any]:
        changed = "2026-01-02T03:04:05.678Z"
        size = str(len(objects[name]))
        return {"kind": "storage#object", "bucket": bucket, "name": name, "size": size, "timeCreated": changed}

    @app.get("/storage/v1/b/<name>")
    def get_bucket(name: str) -> Any:
        return {"kind": "storage#bucket", "name": name} if name == bucket else ({"error": {"code": 404}}, 404)

    @app.get("/storage/v1/b/<name>/o")
    def list_objects(name: str) -> Any:
        prefix, delimiter = flask.request.args.get("prefix", ""), flask.request.args.get("delimiter")
        rests = {key: key.removeprefix(prefix) for key in sorted(objects) if key.startswith(prefix)}
        items = [describe(key) for key, rest in rests.items() if not delimiter or delimiter not in rest]
        return {"kind": "storage#objects", "items": items} if name == bucket else ({"error": {"code": 404}}, 404)

    @app.get("/storage/v1/b/<name>/o/<path:key>")
    def get_object(name: str, key: str) -> Any:
        return flask.Response(objects[key]) if flask.request.args.get("alt") == "media" else describe(key)

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
